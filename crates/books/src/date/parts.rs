//! The numbers and words of a date, and which of them is what.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::{DateError, DateOrder, PartialDate, month_by_name, whole_year};
use crate::digits::{ascii_digits, without_chinese_numbers};
use crate::text::joined;

/// The numbers and words of a date, without the time of day.
#[derive(Default)]
pub(super) struct Parts {
    /// Number of digits, and value.
    pub(super) numbers: Vec<(usize, u32)>,
    pub(super) month: Option<u32>,
    /// Whether the month's name may be that of a day of the week.
    is_weekday: bool,
    /// Whether there are words that mean nothing here.
    has_other_words: bool,
    /// Whether there are words that name neither a part of the date nor a day of the week.
    pub(super) says_more: bool,
    /// Whether a number counts weeks or quarters.
    pub(super) is_part: bool,
    /// Whether a number counts weeks.
    is_week: bool,
    pub(super) is_dotted: bool,
    is_hyphened: bool,
    /// Whether an apostrophe stands for the century: "Mar '20".
    is_shortened: bool,
    /// Years to add to those of an era.
    era: Option<u32>,
    /// Whether the years are those of a calendar that is not read.
    is_other_calendar: bool,
    /// Whether a number stands before the month's name.
    is_month_second: bool,
    pub(super) has_two_months: bool,
}

impl Parts {
    /// The parts of a text; `None` when it is no date.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(parts) = Self::of_numbers(text) {
            return Some(parts);
        }
        let text = ascii_digits(text);
        let text = without_chinese_numbers(&text);
        let mut parts = Self {
            is_dotted: text.contains('.'),
            is_hyphened: text.contains('-'),
            is_shortened: text.contains('\'') || text.contains('’'),
            ..Self::default()
        };
        let era = era_by_letter(&text);
        let text = match era {
            Some((years, rest)) => {
                parts.era = Some(years);
                rest
            }
            None => &*text,
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first.is_ascii_digit() {
                let (digits, after) = rest.split_at(run(rest, |c| c.is_ascii_digit()));
                rest = after;
                if digits.len() <= 2 && is_time(after) {
                    rest = after_time(after);
                    continue;
                }
                parts.number(digits, after)?;
                if matches!(digits.len(), 10 | 13 | 16) {
                    return Some(parts);
                }
                if matches!(parts.numbers[..], [(8, _)]) {
                    // Another date.
                    let mut others = rest.split(|c: char| !c.is_ascii_digit());
                    if others.any(|digits| digits.len() == 8) {
                        return None;
                    }
                    let is_word =
                        |c: char| c.is_alphabetic() && !matches!(c, 'T' | 't' | 'Z' | 'z');
                    parts.says_more |= rest.contains(is_word);
                    return Some(parts);
                }
                if parts.numbers.len() > 3 {
                    return None;
                }
            } else if first.is_alphabetic() {
                let (word, after) = rest.split_at(run(rest, char::is_alphabetic));
                rest = after;
                if matches!(word, "GMT" | "UTC") && after.starts_with(['+', '-']) {
                    // "GMT+0200 (Central European Summer Time)"
                    rest = &after[1..];
                    rest = &rest[run(rest, |c| c.is_ascii_digit() || c == ':')..];
                    if rest.trim_start().starts_with('(') {
                        rest = "";
                    }
                } else if matches!(word, "x" | "X")
                    && after.starts_with(|c: char| c.is_ascii_digit())
                {
                    // "2020 x2" is no October.
                    parts.is_part = true;
                    parts.says_more = true;
                } else {
                    parts.word(word);
                    // "2021-W22", not "3 maja 2020 w Krakowie"
                    parts.is_week |= matches!(word, "W" | "w")
                        && after.starts_with(|c: char| c.is_ascii_digit());
                }
            } else {
                rest = &rest[first.len_utf8()..];
            }
        }
        Some(parts)
    }

    /// The parts of a date that is nothing but numbers of four digits at most: most dates are.
    fn of_numbers(text: &str) -> Option<Self> {
        let mut parts = Self::default();
        let (mut length, mut value) = (0, 0);
        for byte in text.bytes().chain([b'/']) {
            match byte {
                b'0'..=b'9' if length < 4 => {
                    length += 1;
                    value = value * 10 + u32::from(byte - b'0');
                }
                b'-' | b'/' if length > 0 && parts.numbers.len() < 3 => {
                    parts.numbers.push((length, value));
                    parts.is_hyphened |= byte == b'-';
                    (length, value) = (0, 0);
                }
                _ => return None,
            }
        }
        Some(parts)
    }

    fn number(&mut self, digits: &str, after: &str) -> Option<()> {
        let number = match digits.len() {
            length @ 1..=8 => (length, digits.parse().ok()?),
            // A date and a time without anything between.
            14 if self.numbers.is_empty() => (8, digits[..8].parse().ok()?),
            // Seconds, milliseconds or microseconds since 1970.
            10 | 13 | 16
                if self.numbers.is_empty()
                    && after
                        .trim()
                        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit())
                        .is_empty() =>
            {
                let seconds: i64 = digits[..10].parse().ok()?;
                // Later ones are other numbers: an ISBN is of the year 2279.
                if seconds > 3_000_000_000 {
                    return None;
                }
                let date = PartialDate::from_unix_days(seconds / 86_400)?;
                let day = u32::from(date.month?) * 100 + u32::from(date.day?);
                (8, u32::try_from(date.year).ok()? * 10_000 + day)
            }
            _ => return None,
        };
        self.numbers.push(number);
        Some(())
    }

    fn word(&mut self, word: &str) {
        let word = joined(word);
        if let Some((years, after)) = era(&word) {
            self.era = Some(years);
            // The first year has a name: "令和元年".
            if after.starts_with('元') {
                self.numbers.push((1, 1));
            }
            return;
        }
        match &*word {
            word if OTHER_CALENDARS.contains(&word) => self.is_other_calendar = true,
            "q" | "quarter" | "w" => self.is_part = true,
            "kw" | "week" => {
                self.is_part = true;
                self.is_week = true;
            }
            word if FILLERS.contains(&word) => {}
            // "mar. 4 mai 2021": a Tuesday in French, Spanish and Italian.
            "mar" if self.month.is_none() => {
                self.month = month_by_name("mar");
                self.is_weekday = true;
            }
            word => match month_by_name(word) {
                Some(month) if self.month.is_none() || self.is_weekday => {
                    self.is_month_second = !self.numbers.is_empty();
                    self.month = Some(month);
                    self.is_weekday = false;
                }
                Some(month) => {
                    let is_other = self.month != Some(month);
                    self.says_more |= is_other;
                    self.has_two_months |= is_other && word.chars().count() > 2;
                }
                None => {
                    self.has_other_words = true;
                    self.says_more |= !is_beside(word);
                }
            },
        }
    }

    /// The day or the month of a week: "2021-W22-3", "KW 20/2021".
    fn week(&self) -> Option<Result<PartialDate, DateError>> {
        let (year, week, day) = match *self.numbers.as_slice() {
            _ if !self.is_week || self.month.is_some() => return None,
            [(4, year), (1..=2, week)] | [(1..=2, week), (4, year)] => (year, week, None),
            [(4, year), (2, week), (1, day)] => (year, week, Some(day)),
            [(4, year), (3, both)] => (year, both / 10, Some(both % 10)),
            _ => return None,
        };
        Some(PartialDate::of_week(year, week, day).ok_or(DateError::Unreadable))
    }

    /// The date that they make.
    pub(super) fn date(&self, order: DateOrder) -> Result<PartialDate, DateError> {
        let new =
            |year, month, day| PartialDate::new(year, month, day).ok_or(DateError::Unreadable);
        if self.is_other_calendar {
            return Err(DateError::Unreadable);
        }
        if let Some(date) = self.week() {
            return date;
        }
        let year_at = self.numbers.iter().position(|(length, _)| *length == 4);
        if let (Some(era), [(1..=3, year), rest @ ..], None) =
            (self.era, self.numbers.as_slice(), year_at)
        {
            let mut rest = rest.iter().map(|(_, number)| *number);
            return new(year + era, rest.next(), rest.next());
        }
        match (self.numbers.as_slice(), year_at, self.month) {
            (&[(8, ymd)], ..) => new(ymd / 10_000, Some(ymd / 100 % 100), Some(ymd % 100))
                // "25122020"
                .or_else(|wrong| match ymd % 10_000 {
                    year @ 1_900..2_100 => {
                        let (a, b) = (ymd / 1_000_000, ymd / 10_000 % 100);
                        self.in_order(a, b, year, order, Some(year as i32))
                    }
                    _ => Err(wrong),
                }),
            (&[(_, year)], Some(_), month) => new(year, month, None),
            (&[(_, a), (_, b)], Some(at), Some(month)) => {
                let (year, day) = if at == 0 { (a, b) } else { (b, a) };
                new(year, Some(month), Some(day))
            }
            // "20-Dec" is how a spreadsheet shows a day without its year.
            (&[(2, ..32)], None, Some(_)) if self.is_hyphened && self.is_month_second => {
                Err(DateError::Unreadable)
            }
            // "Dec-20" is how it shows December 2020.
            (&[(2, year)], None, Some(month)) if self.is_hyphened || self.is_shortened => {
                new(whole_year(year), Some(month), None)
            }
            (&[(_, day), (2, year)], None, Some(month)) => {
                new(whole_year(year), Some(month), Some(day))
            }
            (&[(_, a), (_, b)], Some(at), None) => {
                let (year, month) = if at == 0 { (a, b) } else { (b, a) };
                // Not the first month: "Quarter 1, 2020", "2020-W01".
                let is_month = !self.is_part && (!self.has_other_words || at == 0);
                let month = Some(month).filter(|_| is_month);
                new(year, month.filter(|month| *month > 0), None)
            }
            (&[(_, year), (_, month), (_, day)], Some(0), None) => {
                // Half-known dates are written with zeros.
                let month = Some(month).filter(|month| *month > 0);
                let day = Some(day).filter(|day| *day > 0 && month.is_some());
                new(year, month, day)
            }
            (&[(_, a), (_, b), (_, year)], Some(2), None) => {
                self.in_order(a, b, year, order, Some(year as i32))
            }
            // Years of the Republic of China: "109/5/3".
            (&[(3, year @ 90..130), (1..=2, month), (1..=2, day)], None, None) => {
                new(year + 1_911, Some(month), Some(day))
            }
            (&[(2, year), (1..=2, month), (1..=2, day)], None, None)
                if order == DateOrder::YearFirst =>
            {
                new(whole_year(year), Some(month), Some(day))
            }
            (&[(2, year @ 32..), (1..=2, month), (1..=2, day)], None, None) => {
                new(whole_year(year), Some(month), Some(day))
            }
            (&[(1..=2, a), (1..=2, b), (2, year)], None, None) => {
                let year = whole_year(year);
                self.in_order(a, b, year, order, Some(year as i32))
            }
            _ => Err(DateError::Unreadable),
        }
    }

    /// Orders two numbers before a year as day and month: as `order` says, unless only the other
    /// order is possible.
    pub(super) fn in_order(
        &self,
        a: u32,
        b: u32,
        year: u32,
        order: DateOrder,
        known: Option<i32>,
    ) -> Result<PartialDate, DateError> {
        let day_first = match (a, b, order) {
            (13.., ..) => true,
            (_, 13.., _) => false,
            (a, b, _) if a == b => true,
            (.., DateOrder::DayFirst) => true,
            (.., DateOrder::MonthFirst) => false,
            _ if self.is_dotted => true,
            (.., DateOrder::Unknown | DateOrder::YearFirst) => {
                return Err(DateError::Ambiguous { year: known });
            }
        };
        let (day, month) = if day_first { (a, b) } else { (b, a) };
        PartialDate::new(year, Some(month), Some(day)).ok_or(DateError::Unreadable)
    }
}

/// The years to add to those of an era, and what is written behind its name in one word.
fn era(word: &str) -> Option<(u32, &str)> {
    const ERAS: [(&str, u32); 6] = [
        ("令和", 2018),
        ("平成", 1988),
        ("昭和", 1925),
        ("大正", 1911),
        ("民國", 1911),
        ("民国", 1911),
    ];
    ERAS.iter()
        .find_map(|(name, years)| Some((*years, word.strip_prefix(name)?)))
}

/// The years to add to those of a Japanese era that a letter names, and its date: "R3.5.3".
fn era_by_letter(text: &str) -> Option<(u32, &str)> {
    let rest = text.strip_prefix(['M', 'T', 'S', 'H', 'R'])?;
    let mut numbers = rest.split(['.', '/', '-']);
    let mut is_number = || {
        let number = numbers.next()?;
        let is_short = (1..=2).contains(&number.len());
        (is_short && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
    };
    is_number()?;
    is_number()?;
    is_number()?;
    let years = match text.as_bytes().first()? {
        b'M' => 1867,
        b'T' => 1911,
        b'S' => 1925,
        b'H' => 1988,
        _ => 2018,
    };
    numbers.next().is_none().then_some((years, rest))
}

/// Words of calendars whose years are none of ours: the Islamic, the Persian and the Hebrew.
const OTHER_CALENDARS: [&str; 9] = [
    "ah", "hijri", "hicri", "هـ", "ه", "هجری", "هجري", "shamsi", "תש",
];

/// Words beside a date without a meaning for it: ordinals, prepositions, marks of year, month and
/// day.
const FILLERS: [&str; 25] = [
    "th", "st", "nd", "rd", "er", "of", "de", "del", "den", "le", "the", "on", "il", "el", "am",
    "pm", "t", "z", "a", "p", "年", "月", "日", "г", "года",
];

/// Further such words: the days of the week, time zones, prepositions.
const BESIDE: &str = "mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday \
    sunday mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag \
    lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche mie jue vie sab dom \
    lunes martes miercoles jueves viernes sabado domingo seg ter qua qui sex segunda terca quarta quinta \
    sexta feira lunedi martedi mercoledi giovedi venerdi sabato domenica gio maandag dinsdag woensdag donderdag vrijdag \
    zaterdag zondag poniedzialek wtorek sroda czwartek piatek sobota niedziela пн вт ср чт пт сб вс понедельник \
    вторник среда четверг пятница суббота воскресенье 月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日 火 水 木 金 土 \
    星期一 星期二 星期三 星期四 星期五 星期六 星期日 周一 周二 周三 周四 周五 周六 周日 上午 下午 年 月 日 時 分 秒 时 \
    년 월 일 월요일 화요일 수요일 목요일 금요일 토요일 일요일 오전 오후 utc gmt est edt cst cdt mst mdt pst pdt cet cest \
    bst in at since until from to im am um uhr ca circa about do da du e dne roku r o od dnia den om la \
    vom von desde dal van с between р року started begun finished c rok го พ ศ";

fn is_beside(word: &str) -> bool {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let known = WORDS.get_or_init(|| {
        let known = BESIDE.split_whitespace();
        known.map(joined).collect()
    });
    known.contains(word)
}

/// The length in bytes of the characters at the beginning that hold.
fn run(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

/// Whether the text after one or two digits makes them an hour.
fn is_time(after: &str) -> bool {
    let mut after = after.chars();
    after.next() == Some(':') && after.next().is_some_and(|c| c.is_ascii_digit())
}

/// The text after a time of day: after its minutes, its seconds and its time zone.
fn after_time(text: &str) -> &str {
    let text = &text[run(text, |c| c.is_ascii_digit() || matches!(c, ':' | '.'))..];
    match text.trim_start().strip_prefix(['+', '-']) {
        Some(zone) if zone.starts_with(|c: char| c.is_ascii_digit()) => {
            &zone[run(zone, |c| c.is_ascii_digit() || c == ':')..]
        }
        _ => text,
    }
}
