//! Reading of dates as people, exports and publishers write them, to ISO 8601.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

mod interval;

use crate::digits::{ascii_digits, without_chinese_numbers};
use crate::text::words;
pub(crate) use interval::Interval;

/// A date that is known to the day, the month or the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialDate {
    pub year: i32,
    month: Option<u8>,
    day: Option<u8>,
}

/// The order of day and month in dates written with numbers only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// Unknown: a date that reads both ways is not believed.
    #[default]
    Unknown,
    /// Day first: `31/12/2020`.
    DayFirst,
    /// Month first: `12/31/2020`.
    MonthFirst,
    /// Year first, of two digits: `20/12/31`.
    YearFirst,
}

/// The reason why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateError {
    /// The text is no date, or one that the calendar does not have.
    Unreadable,
    /// Day and month could be either way round; the year is known when it has four digits.
    Ambiguous { year: Option<i32> },
}

impl PartialDate {
    fn new(year: u32, month: Option<u32>, day: Option<u32>) -> Option<Self> {
        if !(1000..=2999).contains(&year) {
            return None;
        }
        let month = match month {
            Some(month @ 1..=12) => Some(month as u8),
            Some(_) => return None,
            None => None,
        };
        let day = match (month, day) {
            (Some(month), Some(day)) if (1..=days_in(year, month)).contains(&day) => {
                Some(day as u8)
            }
            (_, Some(_)) => return None,
            (_, None) => None,
        };
        Some(Self {
            year: year as i32,
            month,
            day,
        })
    }

    /// Reads `2025/08/09`, `2025-08`, `2025`, `August 9, 2025`, `9. August 2025`, `25.12.2025`,
    /// `2025年8月9日`, a date with a time beside it, and the like.
    ///
    /// Of two numbers that could both be the month (`03/04/2025`) neither is believed: only the
    /// year is known then.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Self::read(text, DateOrder::Unknown) {
            Ok(date) => Some(date),
            Err(DateError::Ambiguous { year: Some(year) }) => {
                Self::new(u32::try_from(year).ok()?, None, None)
            }
            Err(_) => None,
        }
    }

    /// Reads a date of a column whose dates are known to have this order of day and month.
    ///
    /// # Errors
    /// [`DateError`]: there is no date, or it can be read in two ways.
    pub(crate) fn read(text: &str, order: DateOrder) -> Result<Self, DateError> {
        Parts::of(text).ok_or(DateError::Unreadable)?.date(order)
    }

    /// The day of a spreadsheet's serial number: days since the end of 1899.
    pub(crate) fn from_serial(serial: u32) -> Option<Self> {
        // Only what can be meant as a day on which somebody read: 1954 to 2064.
        (20_000..60_000)
            .contains(&serial)
            .then(|| Self::from_unix_days(i64::from(serial) - 25_569))?
    }

    /// The day so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
    fn from_unix_days(days: i64) -> Option<Self> {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(
            u32::try_from(year).ok()?,
            u32::try_from(month).ok(),
            u32::try_from(day).ok(),
        )
    }

    /// Spells the day as `yyyy-mm-dd`, if it is known.
    pub(crate) fn day(self) -> Option<String> {
        self.day.map(|_| self.to_string())
    }
}

/// Whether a text names two months: "Jan-Mar 2020".
pub(crate) fn names_two_months(text: &str) -> bool {
    Parts::of(text).is_some_and(|parts| parts.has_two_months)
}

/// Whether a date has words beside it that say more: "2010 with my mother", "Summer 2019".
pub(crate) fn says_more(text: &str) -> bool {
    Parts::of(text).is_some_and(|parts| parts.is_part || parts.says_more)
}

/// The order of day and month in a date that reads only one way.
pub(crate) fn order_of(text: &str) -> Option<DateOrder> {
    let parts = Parts::of(text)?;
    match parts.numbers.as_slice() {
        // Not "1.-20.5."
        [(1..=2, a), (1..=2, b), (2.., _)]
            if parts.month.is_none() && !(parts.is_dotted && text.contains(['-', '–'])) =>
        {
            match (a, b) {
                (13..=31, 1..=12) => Some(DateOrder::DayFirst),
                (1..=12, 13..=31) => Some(DateOrder::MonthFirst),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a date's year of two digits is its first number: `Some(true)` when no year of these days
/// ends as its last does, `Some(false)` when none ends as its first, and `None` when its year is
/// told otherwise.
pub(crate) fn year_first(text: &str) -> Option<Option<bool>> {
    /// The last two digits of years in which a reader may have noted days.
    const YEARS: std::ops::RangeInclusive<u32> = 10..=27;
    let parts = Parts::of(text)?;
    match parts.numbers.as_slice() {
        [(2, a), (1..=2, 1..=12), (2, c)] if parts.month.is_none() => {
            Some(match (YEARS.contains(a), YEARS.contains(c)) {
                (true, false) => Some(true),
                (false, true) => Some(false),
                _ => None,
            })
        }
        // "3/14/21"
        [(1..=2, _), (1..=2, _), (2, _)] if parts.month.is_none() => Some(Some(false)),
        _ => None,
    }
}

/// The numbers and words of a date, without the time of day.
struct Parts {
    /// Number of digits, and value.
    numbers: Vec<(usize, u32)>,
    month: Option<u32>,
    /// Whether the month's name may be that of a day of the week.
    is_weekday: bool,
    /// Whether there are words that mean nothing here.
    has_other_words: bool,
    /// Whether there are words that name neither a part of the date nor a day of the week.
    says_more: bool,
    /// Whether a number counts weeks or quarters.
    is_part: bool,
    is_dotted: bool,
    is_hyphened: bool,
    /// Whether an apostrophe stands for the century: "Mar '20".
    is_shortened: bool,
    /// Years to add to those of an era.
    era: Option<u32>,
    /// Whether the years are those of a calendar that is not read.
    is_other_calendar: bool,
    /// Whether a number stands before the month's name.
    is_month_second: bool,
    has_two_months: bool,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let text = ascii_digits(text.trim());
        let text = without_chinese_numbers(&text);
        let mut parts = Self {
            numbers: Vec::new(),
            month: None,
            is_weekday: false,
            has_other_words: false,
            says_more: false,
            is_part: false,
            is_dotted: text.contains('.'),
            is_hyphened: text.contains('-'),
            is_shortened: text.contains(['\'', '’']),
            era: None,
            is_other_calendar: false,
            is_month_second: false,
            has_two_months: false,
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
                if digits.len() >= 10 {
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
                }
            } else {
                rest = &rest[first.len_utf8()..];
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
        let word = words(word).concat();
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
            "w" | "kw" | "q" | "week" | "quarter" => self.is_part = true,
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

    fn date(&self, order: DateOrder) -> Result<PartialDate, DateError> {
        let new =
            |year, month, day| PartialDate::new(year, month, day).ok_or(DateError::Unreadable);
        if self.is_other_calendar {
            return Err(DateError::Unreadable);
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
    fn in_order(
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
        known.map(|known| words(known).concat()).collect()
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

/// The year that two digits stand for: 1941 to 2040.
fn whole_year(two_digits: u32) -> u32 {
    if two_digits <= 40 {
        2000 + two_digits
    } else {
        1900 + two_digits
    }
}

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

fn days_in(year: u32, month: u8) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The names of the months in the languages of readers. A name that declines is cut to what all its
/// forms begin with. (A Croat's "listopad" is October, a Pole's and a Czech's November.)
const MONTHS: [&str; 12] = [
    "january januar januari janvier enero janeiro gennaio stycz leden ledna январ ocak \
     jänner gener ianuar január tammiku siječ січ януари jaanuar ιανουαρ \
     يناير ינואר בינואר जनवरी",
    "february februar februari février febrero fevereiro febbraio lut únor feber феврал şubat \
     febrer február helmiku veljač лют февруари veebruar φεβρουαρ \
     فبراير פברואר בפברואר फ़रवरी फरवरी",
    "march marz märz maerz mars marzo março maart mrt marzec marca březen března март \
     marts març martie március maalisku ožuj берез μαρτ \
     مارس מרץ במרץ मार्च maret",
    "april avril abril aprile kwie duben dubna апрел nisan \
     aprilie április huhtiku travanj travnj квіт април aprill απριλ \
     أبريل إبريل ابريل אפריל באפריל अप्रैल",
    "may mai mayo maio maggio mei maj květen května май мая mayıs \
     maig május toukoku svib трав μαι \
     مايو מאי במאי मई",
    "june juni juin junio junho giugno czerwiec czerwca červen června июн haziran \
     juny iuni június kesäku lipanj lipnj черв юни juuni ιουν \
     يونيو יוני ביוני जून",
    "july lip juli juillet julio julho luglio lipiec lipca červenec července июл temmuz \
     juliol iuli július heinäku srpanj srpnj лип юли juuli ιουλ \
     يوليو יולי ביולי जुलाई",
    "august août agosto augustus sierp srpen srpna август ağustos \
     agost augusti augusztus eloku kolovoz серп αυγ \
     أغسطس اغسطس אוגוסט באוגוסט अगस्त agustus",
    "september septembre septiembre setiembre setembro settembre wrze září сентябр eylül \
     septembrie szeptember syysku rujan rujn верес септември σεπτ \
     سبتمبر ספטמבר בספטמבר सितंबर सितम्बर",
    "october oktober octobre octubre outubro ottobre pazdz paźdz říjen října октябр ekim \
     octombrie október lokaku жовт октомври oktoober οκτ \
     أكتوبر اكتوبر אוקטובר באוקטובר अक्टूबर अक्तूबर",
    "november novembre noviembre novembro listopad ноябр kasım \
     noiembrie marrasku studeni studenog ноември νοε \
     نوفمبر נובמבר בנובמבר नवंबर नवम्बर",
    "december dezember décembre diciembre dezembro dicembre grud prosin декабр aralık \
     desember desembre decembrie jouluku груд декември detsember δεκ \
     ديسمبر דצמבר בדצמבר दिसंबर दिसम्बर",
];

/// The names of months, comparable, each with its month's index, by their first letters.
fn months() -> &'static HashMap<char, Vec<(String, usize)>> {
    static NAMES: OnceLock<HashMap<char, Vec<(String, usize)>>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut by_letter: HashMap<_, Vec<_>> = HashMap::new();
        for (index, names) in MONTHS.iter().enumerate() {
            for name in words(names) {
                let letter = name.chars().next().unwrap_or_default();
                by_letter.entry(letter).or_default().push((name, index));
            }
        }
        by_letter
    })
}

const ROMAN: [&str; 12] = [
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
];

/// The month that a word without accents names, in full or cut to three letters or more.
pub(crate) fn month_by_name(word: &str) -> Option<u32> {
    let number = |index: usize| index as u32 + 1;
    if let Some(index) = ROMAN.iter().position(|roman| *roman == word) {
        return Some(number(index));
    }
    let names = months().get(&word.chars().next()?)?;
    let is_whole = word.chars().count() > 2;
    let by = |same: fn(&str, &str) -> bool| {
        let mut names = names.iter();
        names
            .find(|(name, _)| same(name, word))
            .map(|(_, index)| number(*index))
    };
    by(|name, word| name == word)
        .or_else(|| by(|name, word| name.starts_with(word)).filter(|_| is_whole))
        // Declined: "stycznia", "января".
        .or_else(|| by(|name, word| word.starts_with(name)).filter(|_| is_whole))
}

/// The year of an edition, of which people write two digits: "98", "'03".
pub(crate) fn short_year(text: &str) -> Option<i32> {
    let digits = text.trim().trim_start_matches(['\'', '’', '‘']);
    let is_short = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let year = digits.parse().ok().filter(|_| is_short)?;
    i32::try_from(whole_year(year)).ok()
}

/// Reads a year on its own: `2004`, `-750`, `2004.0`; `None` when it is not plausible as one.
pub(crate) fn year(text: &str) -> Option<i32> {
    let text = ascii_digits(text.trim());
    let year: i32 = text.strip_suffix(".0").unwrap_or(&text).parse().ok()?;
    (year != 0 && (-3000..3000).contains(&year)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_usual_form() {
        for (text, iso) in [
            ("2025/08/09", "2025-08-09"),
            ("2025-08-09", "2025-08-09"),
            ("2025-8-9", "2025-08-09"),
            ("20250809", "2025-08-09"),
            ("2025-08-09T10:11:12Z", "2025-08-09"),
            ("2025-08-09 10:11", "2025-08-09"),
            ("2025-08", "2025-08"),
            ("08/2025", "2025-08"),
            ("2025", "2025"),
            ("2025-00-00", "2025"),
            ("2025-08-00", "2025-08"),
            ("September 30, 2004", "2004-09-30"),
            ("Sept. 30, 2004", "2004-09-30"),
            ("30 Sep 2004", "2004-09-30"),
            ("30th September 2004", "2004-09-30"),
            ("2004 September 30", "2004-09-30"),
            ("Aug 2025", "2025-08"),
            ("25.12.2025", "2025-12-25"),
            ("05.04.2025", "2025-04-05"),
            ("12/25/2025", "2025-12-25"),
            ("25/12/2025", "2025-12-25"),
            ("04/05/2025", "2025"),
            ("08/01/90", "1990"),
            ("04/04/2025", "2025-04-04"),
            ("2024-02-29", "2024-02-29"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "31",
            "2025-13-01",
            "2025-02-30",
            "2023-02-29",
            "0000-00-00",
            "99999999999999",
            "1 2 3 4 2025",
            "\u{661}\u{662}",
            "12/25/2O",
            "AH 1440",
            "1440 AH",
            "12 Muharram 1440 AH",
            "1440 هـ",
        ] {
            assert_eq!(PartialDate::parse(text), None, "{text}");
        }
        assert_eq!(PartialDate::parse("2025-08").unwrap().day(), None);
    }

    #[test]
    fn months_by_their_names_in_many_languages() {
        for (text, iso) in [
            ("15 mars 2023", "2023-03-15"),
            ("1er août 2023", "2023-08-01"),
            ("3. Mai 2021", "2021-05-03"),
            ("24. März 2021", "2021-03-24"),
            ("5 de enero de 2022", "2022-01-05"),
            ("12 de março de 2020", "2020-03-12"),
            ("7 luglio 2019", "2019-07-07"),
            ("7 mrt. 2019", "2019-03-07"),
            ("7 maart 2019", "2019-03-07"),
            ("2 lutego 2018", "2018-02-02"),
            ("11 stycznia 2018", "2018-01-11"),
            ("9 października 2018", "2018-10-09"),
            ("6 czerwca 2018", "2018-06-06"),
            ("14 февраля 2019 г.", "2019-02-14"),
            ("1 мая 2019", "2019-05-01"),
            ("3. července 2020", "2020-07-03"),
            ("3. června 2020", "2020-06-03"),
            ("3 maj 2020", "2020-05-03"),
            ("2021年5月3日", "2021-05-03"),
            ("2021년 5월 3일", "2021-05-03"),
            ("令和3年5月3日", "2021-05-03"),
            ("令和元年5月3日", "2019-05-03"),
            ("令和元年", "2019"),
            ("平成31年4月", "2019-04"),
            ("昭和64年", "1989"),
            ("民國108年5月3日", "2019-05-03"),
            ("2019年5月", "2019-05"),
            ("٢٠٢١-٠٥-٠٣", "2021-05-03"),
            ("15.IX.2009", "2009-09-15"),
            ("mar. 4 mai 2021", "2021-05-04"),
            ("Mar 4, 2021", "2021-03-04"),
            ("3. Jänner 2021", "2021-01-03"),
            ("3. toukokuuta 2021", "2021-05-03"),
            ("15. heinäkuuta 2020", "2020-07-15"),
            ("2020. augusztus 15.", "2020-08-15"),
            ("3 iunie 2021", "2021-06-03"),
            ("3 травня 2021 р.", "2021-05-03"),
            ("3 Μαΐου 2021", "2021-05-03"),
            ("15 Αυγούστου 2020", "2020-08-15"),
            ("٣ مايو ٢٠٢١", "2021-05-03"),
            ("3 במאי 2021", "2021-05-03"),
            ("3 मई 2021", "2021-05-03"),
            ("3. svibnja 2021.", "2021-05-03"),
            ("7 d'agost de 2020", "2020-08-07"),
            ("3 mei 2021", "2021-05-03"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn dates_of_spreadsheets_and_machines() {
        for (text, iso) in [
            ("c1999", "1999"),
            ("25/12/20", "2020-12-25"),
            ("12/25/20", "2020-12-25"),
            ("25-Dec-20", "2020-12-25"),
            ("Dec-20", "2020-12"),
            ("99/12/31", "1999-12-31"),
            ("20250809101112", "2025-08-09"),
            ("20250809T101112Z", "2025-08-09"),
            ("1620000000", "2021-05-03"),
            ("1620000000000", "2021-05-03"),
            ("2025/07/05 11:18:02.255349040", "2025-07-05"),
            ("March 3, 2026 9:15 AM", "2026-03-03"),
            ("Fri Jan 03 22:34:43 -0800 2020", "2020-01-03"),
            ("2025-07-05T23:59:59+02:00", "2025-07-05"),
            ("9:15 3/25/2026", "2026-03-25"),
            ("Q1 2020", "2020"),
        ] {
            let read = PartialDate::parse(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn the_order_of_the_column_decides() {
        let read = |text, order| PartialDate::read(text, order).map(|date| date.to_string());
        for (text, day_first, month_first) in [
            ("3/4/2021", "2021-04-03", "2021-03-04"),
            ("3/4/21", "2021-04-03", "2021-03-04"),
            ("3.4.2021", "2021-04-03", "2021-03-04"),
            ("25/12/2021", "2021-12-25", "2021-12-25"),
            ("2021-03-04", "2021-03-04", "2021-03-04"),
        ] {
            assert_eq!(read(text, DateOrder::DayFirst).as_deref(), Ok(day_first));
            assert_eq!(
                read(text, DateOrder::MonthFirst).as_deref(),
                Ok(month_first)
            );
        }
        assert_eq!(
            read("3/4/2021", DateOrder::Unknown),
            Err(DateError::Ambiguous { year: Some(2021) })
        );
        assert_eq!(
            read("3/4/21", DateOrder::Unknown),
            Err(DateError::Ambiguous { year: Some(2021) })
        );
        assert_eq!(order_of("25/12/2021"), Some(DateOrder::DayFirst));
        assert_eq!(order_of("12/25/21 10:15"), Some(DateOrder::MonthFirst));
        for text in ["3/4/2021", "2021/12/25", "Dec 25, 2021", "", "99/12/31"] {
            assert_eq!(order_of(text), None, "{text}");
        }
    }

    #[test]
    fn serial_numbers_of_spreadsheets() {
        let day = |serial| PartialDate::from_serial(serial).and_then(PartialDate::day);
        assert_eq!(day(44_319).as_deref(), Some("2021-05-03"));
        assert_eq!(day(43_890).as_deref(), Some("2020-02-29"));
        assert_eq!(day(2_021), None);
    }

    #[test]
    fn years() {
        assert_eq!(year("2004"), Some(2004));
        assert_eq!(year("2004.0"), Some(2004));
        assert_eq!(year("-750"), Some(-750));
        assert_eq!(year("20040"), None);
        assert_eq!(year("0"), None);
        assert_eq!(year(""), None);
    }
}
