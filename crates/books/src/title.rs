//! Normalisation and comparison of titles.

use std::borrow::Cow;

use crate::entities::unescape;
use crate::numeral::{english_ordinal, in_digits, number, ordinal_in_digits, place_number};
use crate::other_book::{
    is_adaptation, is_collection, is_kind, is_of_set, makes_other_book, may_be_sibling, names_set,
    names_set_of_volumes,
};
use crate::series::{
    Place, ends_with_part, is_label, note, only_mark, series, take_mark_of, trailing_brackets,
    without_series_word,
};
use crate::text::{clean, joined, words};
use crate::{Series, Wanted};

/// A title and its subtitle, by the first sign that separates them.
pub(crate) fn split_subtitle(title: &str) -> (&str, &str) {
    const SIGNS: [&str; 10] = [
        ": ",
        " : ",
        " - ",
        " \u{2013} ",
        "\u{2014}",
        " / ",
        "; ",
        ", or, ",
        ", or ",
        ", oder ",
    ];
    // Most titles have none of their bytes; a dash begins with the last of these.
    let is_of_sign = |byte: &u8| matches!(byte, b':' | b'-' | b'/' | b';' | b',' | b'.' | 0xe2);
    if !title.as_bytes().iter().any(is_of_sign) {
        return (title, "");
    }
    // "Nordwind. Roman", "North Wind, a novel", "Vento. Nuova edizione"
    for (sign, least) in [(". ", 1), (", ", 2)] {
        if let Some((main, kind)) = title.rsplit_once(sign) {
            let words = words(kind);
            let is_apart = is_kind(&words) || names_edition(&words);
            if words.len() >= least && is_apart && main.contains(char::is_alphanumeric) {
                return (main, kind);
            }
        }
    }
    SIGNS
        .iter()
        .filter_map(|sign| title.find(sign).map(|at| (at, sign.len())))
        .filter(|(at, _)| title[..*at].contains(char::is_alphanumeric))
        .min()
        .map_or((title, ""), |(at, length)| {
            (&title[..at], &title[at + length..])
        })
}

const ARTICLES: [&str; 20] = [
    "the", "a", "an", "le", "la", "les", "un", "une", "el", "los", "las", "der", "die", "das",
    "ein", "eine", "il", "gli", "het", "een",
];

/// Words that are articles where they stand behind a title: "Avonden, De".
const ARTICLES_BEHIND: [&str; 10] = [
    "de",
    "o",
    "os",
    "as",
    "um",
    "uma",
    "i",
    "lo",
    "l'",
    "l\u{2019}",
];

/// Whether a word behind a title belongs in front of it.
pub(crate) fn is_article_behind(word: &str) -> bool {
    ARTICLES_BEHIND.contains(&word.to_lowercase().as_str()) || is_article(word)
}

/// Whether a word, as it is spelled, is an article: "A.I." is none.
pub(crate) fn is_article(word: &str) -> bool {
    ARTICLES
        .iter()
        .any(|article| article.eq_ignore_ascii_case(word))
}

/// Comparable words without a leading article.
fn without_article(text: &str) -> Vec<String> {
    let mut words = comparable(text);
    if words.len() > 1 && is_article(&words[0]) {
        words.remove(0);
    }
    words
}

/// Comparable words: every number as digits, conjunctions of one meaning as one word.
fn comparable(text: &str) -> Vec<String> {
    let mut words = in_digits(words(&joined_letters_and_digits(text)));
    join_ordinals(&mut words);
    let last = words.len().saturating_sub(1);
    for (at, word) in words.iter_mut().enumerate() {
        match word.as_str() {
            "und" | "et" => *word = "and".to_owned(),
            other if at > 0 && at < last && is_conjunction(other) => *word = "and".to_owned(),
            // A letter alone is a number only at the end: "I, Robot", "Henry V".
            letter if letter.len() == 1 && (at == 0 || at < last) => {}
            other => {
                if let Some(number) = number(other) {
                    *word = number.to_string();
                }
            }
        }
    }
    words
}

/// Writes places with digits: "fifth" becomes "5th", "twenty first" becomes "21st".
fn join_ordinals(words: &mut Vec<String>) {
    let mut at = 0;
    while at < words.len() {
        if let Some(mut place) = english_ordinal(&words[at]) {
            let ten = at
                .checked_sub(1)
                .and_then(|at| words[at].parse::<u32>().ok());
            if let Some(ten @ (20 | 30 | 40 | 50 | 60 | 70 | 80 | 90)) = ten
                && place < 10
            {
                place += ten;
                at -= 1;
                words.remove(at);
            }
            words[at] = ordinal_in_digits(place);
        }
        at += 1;
    }
}

/// Whether a word between others stands for "&" in a language of readers.
pub(crate) fn is_conjunction(word: &str) -> bool {
    matches!(
        word,
        "and" | "und" | "et" | "y" | "e" | "en" | "och" | "og" | "и"
    )
}

/// Drops the points between single letters and the signs between thousands, which say nothing:
/// "A.I." becomes "AI", "20,000" becomes "20000".
pub(crate) fn joined_letters_and_digits(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'.' | b',')) && !text.contains("000") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut letters = 0;
    for (at, c) in text.char_indices() {
        if c == '.' && letters == 1 {
            letters = 0;
            continue;
        }
        let rest = &text[at + c.len_utf8()..];
        // "20 000", as the French have it.
        let is_sign = matches!(c, ',' | '.') || c.is_whitespace() && rest.starts_with("000");
        if is_sign && is_before_thousands(rest, &joined) {
            continue;
        }
        letters = if c.is_alphanumeric() { letters + 1 } else { 0 };
        joined.push(c);
    }
    Cow::Owned(joined)
}

/// Whether three digits, and no more, follow one at the end of what was before.
fn is_before_thousands(rest: &str, before: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3 && before.ends_with(|c: char| c.is_ascii_digit())
}

/// Endings of words for an edition.
const EDITION: [&str; 10] = [
    "edition", "editions", "ausgabe", "auflage", "edicion", "edizione", "edicao", "editie",
    "utgave", "wydanie",
];

/// Words for an edition of a year, behind its number: "25th Anniversary".
const ANNIVERSARY: [&str; 5] = [
    "anniversary",
    "jubilaum",
    "anniversaire",
    "aniversario",
    "anniversario",
];

/// Words for the form in which a book comes.
const FORM: [&str; 19] = [
    "unabridged",
    "audiobook",
    "audio",
    "cd",
    "mp3",
    "ebook",
    "hardcover",
    "paperback",
    "large",
    "print",
    "reissue",
    "revised",
    "updated",
    "expanded",
    "corrected",
    "uberarbeitet",
    "and",
    "horbuch",
    "ungekurzt",
];

/// Whether words of a title name only which edition of the book it is: "25th Anniversary Edition".
pub(crate) fn names_edition(words: &[String]) -> bool {
    const MOST: usize = 6;
    let is_anniversary = |words: &[String]| match words {
        [place, .., last] => ANNIVERSARY.contains(&last.as_str()) && place_number(place).is_some(),
        _ => false,
    };
    let is_edition = |word: &String| EDITION.iter().any(|ending| word.ends_with(ending));
    let ends = [words.first(), words.last()];
    (1..=MOST).contains(&words.len())
        && !makes_other_book(words, &[])
        && (ends.into_iter().flatten().any(is_edition)
            || is_anniversary(words)
            || words.iter().all(|word| FORM.contains(&word.as_str())))
}

/// Words in brackets that say nothing of the book but how it comes.
const PLAIN: [&str; 15] = [
    "illustrated",
    "international",
    "penguin",
    "vintage",
    "movie",
    "film",
    "tie",
    "kindle",
    "reprint",
    "deckle",
    "edge",
    "hardback",
    "softcover",
    "taschenbuch",
    "gebunden",
];

/// The parts of a subtitle that name more than an edition; what the others say is added to
/// `edition`.
fn without_editions(subtitle: &str, edition: &mut Vec<String>) -> String {
    let parts = subtitle.split_inclusive([':', ',', ';', '\u{2013}', '\u{2014}']);
    let is_kept = |part: &&str| {
        let words = words(part);
        // Rows that differ in a version in brackets stay two.
        let is_version = matches!(words.as_slice(), [_, .., last] if last == "version")
            && words.len() < 7
            && !makes_other_book(&words, &[]);
        let is_edition = names_edition(&words) || is_version;
        if is_edition {
            edition.extend(words);
        }
        !is_edition
    };
    parts.filter(is_kept).collect()
}

/// The place that a number alone in brackets is: "(2)". A year is none.
fn bare_place(inside: &str) -> Option<Place> {
    let digits = joined(inside);
    let is_small = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    Place::parse(&digits).filter(|_| is_small)
}

/// The differences between two titles that agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// The words of a subtitle that only one of the titles has.
    pub(crate) left_out: Vec<String>,
    /// Whether only one of the two titles says which volume it is.
    pub(crate) is_volume_open: bool,
    /// Whether the record may well be another book: it says in brackets what the wanted title does
    /// not, holds several titles, or is a volume of a series that has the wanted title.
    pub(crate) is_doubtful: bool,
}

impl Agreement {
    pub(crate) fn is_exact(&self) -> bool {
        self.left_out.is_empty() && !self.is_volume_open && !self.is_doubtful
    }
}

/// A title made comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    main: Vec<String>,
    subtitle: Vec<String>,
    /// Words in brackets that are no series.
    aside: Vec<String>,
    /// Words that name only an edition: it counts for who has the book, not for which book it is.
    edition: Vec<String>,
    /// Number of the volume in a work whose volumes have one title.
    volume: Option<Place>,
    /// Whether it stands in brackets only: rows of one book differ in that.
    is_volume_aside: bool,
    /// Whether the title proper says that it holds several volumes: "tomes 1 à 3".
    holds_volumes: bool,
    /// Whether that is the number of a part of a book, rather than of a book in a series.
    is_part: bool,
    /// Whether several titles are listed.
    lists_titles: bool,
    /// Whether the subtitle is no other book's name: another name of this one, as in "or, The
    /// Modern Prometheus", or a list, as in "Spirit, Art, Sensuality".
    has_telling_subtitle: bool,
    /// The series of a book with a title of its own, and its place there.
    series: Vec<(Vec<String>, Option<Place>)>,
}

impl Title {
    pub(crate) fn new(title: &str, subtitle: Option<&str>) -> Self {
        Self::with_series(title, subtitle, None)
    }

    /// The title that somebody asks for, with what is known of its series.
    pub(crate) fn wanted(wanted: &Wanted) -> Self {
        Self::with_series(&wanted.title, None, wanted.series.as_ref())
    }

    fn with_series(title: &str, subtitle: Option<&str>, known: Option<&Series>) -> Self {
        #[cfg(test)]
        crate::tally::count("titles");
        let title = clean(&unescape(title), 1_000);
        let mut rest = title.as_str();
        let mut aside = Vec::new();
        let mut is_part_in_brackets = false;
        let mut marked = None;
        let mut notes: Vec<(Vec<String>, Option<Place>)> = Vec::new();
        let place = |series: &Series| series.position.as_deref().and_then(Place::parse);
        while let Some((before, inside)) = trailing_brackets(rest) {
            match series(inside, before) {
                Some(series) => notes.push((without_article(&series.name), place(&series))),
                None => match only_mark(&words(inside)).or_else(|| bare_place(inside)) {
                    Some(place) if place.is_range() => notes.push((Vec::new(), Some(place))),
                    Some(place) => {
                        is_part_in_brackets |= ends_with_part(&words(inside));
                        marked = Some(place);
                    }
                    _ => aside.extend(words(inside)),
                },
            }
            rest = before;
        }
        if let Some(series) = known {
            notes.push((without_article(&series.name), place(series)));
        }
        // "Emma / Persuasion / Sanditon" is several books.
        if rest.matches(" / ").count() > 1 {
            aside.push("omnibus".to_owned());
        }
        let (main, own_subtitle) = split_subtitle(rest);
        let is_list = |text: &str| {
            let other_name = ["; or, ", "; or ", "; oder "];
            text.contains(" / ")
                || text.contains("; ") && !other_name.iter().any(|or| text.contains(or))
        };
        let lists_titles = is_list(rest) || subtitle.is_some_and(is_list);
        let (main_and_rest, rest) = (rest, own_subtitle);
        let mut edition = Vec::new();
        let main = match main.rsplit_once(", ") {
            Some((main, last)) if names_edition(&words(last)) => {
                edition = words(last);
                main
            }
            _ => main,
        };
        let main = match main.rsplit_once(", ") {
            Some((main, article)) if is_article(article) => main.to_owned(),
            // In front again, for elsewhere they are words like others.
            Some((main, article)) if is_article_behind(article) => {
                let space = if article.ends_with(['\'', '\u{2019}']) {
                    ""
                } else {
                    " "
                };
                format!("{article}{space}{main}")
            }
            _ => main.to_owned(),
        };
        // "The Silver Crown, Book Two of the Crowns"
        let main = match main
            .rsplit_once(", ")
            .map(|(main, last)| (main, words(last)))
        {
            Some((before, last)) if last.first().is_some_and(|word| is_label(word)) => {
                match note(&last) {
                    Some((name, place)) if !name.is_empty() => {
                        notes.push((name, Some(place)));
                        before.to_owned()
                    }
                    _ => main,
                }
            }
            _ => main,
        };
        let mut main = without_article(&main.replace('#', " no "));
        // "Frankenstein; or, The Modern Prometheus"
        let before = main_and_rest.strip_suffix(rest).unwrap_or_default();
        let follows_or = [", or, ", ", or ", ", oder "]
            .iter()
            .any(|or| before.ends_with(or));
        let other_name = ["or, ", "or ", "oder "]
            .iter()
            .find_map(|or| rest.strip_prefix(or));
        let is_list_of_topics = |text: &str| text.matches(", ").count() > 1;
        let has_telling_subtitle = follows_or
            || other_name.is_some()
            || is_list_of_topics(rest)
            || subtitle.is_some_and(is_list_of_topics);
        let own_subtitle = other_name.unwrap_or(rest);
        let mut all_subtitles = comparable(&without_editions(own_subtitle, &mut edition));
        if let Some(subtitle) = subtitle {
            let subtitle = clean(&unescape(subtitle), 1_000);
            let subtitle = comparable(&without_editions(&subtitle, &mut edition));
            // Some records say the subtitle twice.
            if !all_subtitles.ends_with(&subtitle) {
                all_subtitles.extend(subtitle);
            }
        }
        let mut is_part = is_part_in_brackets || ends_with_part(&all_subtitles);
        let mut volume = take_mark_of(&mut main, &mut is_part);
        if let Some((name, place)) = note(&all_subtitles) {
            // "The Graphic Novel, Volume One" and "L'intégrale, tome 1" are of no series.
            let is_other = is_adaptation(&name) || names_set_of_volumes(&name);
            if name.is_empty() || is_other {
                volume = volume.or(Some(place));
            } else {
                notes.push((name.clone(), Some(place)));
            }
            all_subtitles = if is_other { name } else { Vec::new() };
        }
        let holds_volumes = volume.as_ref().is_some_and(Place::is_range);
        let mut series = Vec::new();
        for (name, place) in notes {
            let name = without_series_word(&name);
            // Volumes of "Azure Healer (Azure Healer, #2)" have nothing but their place.
            let is_own = name.is_empty() || name == without_series_word(&main);
            match place {
                Some(place) if is_own && volume.is_none() => volume = Some(place),
                place => series.push((name, place)),
            }
        }
        let is_volume_aside = volume.is_none() && marked.is_some();
        let volume = volume.or(marked);
        Self {
            main,
            subtitle: all_subtitles,
            aside,
            edition,
            volume,
            is_volume_aside,
            holds_volumes,
            is_part,
            lists_titles,
            has_telling_subtitle,
            series,
        }
    }

    /// Title, volume, subtitle and edition as one text; two spellings of one title have the same.
    pub(crate) fn key(&self) -> String {
        self.key_of(self.volume.as_ref().filter(|_| !self.is_volume_aside))
    }

    /// [`Self::key`], with the volume also where it stands in brackets.
    pub(crate) fn volume_key(&self) -> String {
        self.key_of(self.volume.as_ref())
    }

    fn key_of(&self, volume: Option<&Place>) -> String {
        let mut all = self.main.clone();
        all.extend(volume.map(|place| place.as_str().to_owned()));
        all.extend(self.subtitle.iter().chain(&self.edition).cloned());
        all.join(" ")
    }

    /// All that a title says, as one text: titles that differ in brackets only are asked for
    /// separately.
    pub(crate) fn whole_key(&self) -> String {
        let mut all = vec![self.key(), self.aside.join(" ")];
        all.extend(self.volume.iter().map(|place| place.as_str().to_owned()));
        for (name, place) in &self.series {
            all.push(name.join(" "));
            all.extend(place.iter().map(|place| place.as_str().to_owned()));
        }
        all.join("\n")
    }

    /// Whether the title is distinctive enough to be searched for without an author.
    pub(crate) fn is_distinctive(&self) -> bool {
        match self.main.as_slice() {
            [] => false,
            [word] => word.chars().count() >= 8 || !self.subtitle.is_empty(),
            _ => true,
        }
    }

    fn all_words(&self) -> Vec<&str> {
        let subtitle = bare_subtitle(&self.subtitle);
        // "Salt Sea Omnibus Edition"
        let main = match self.main.as_slice() {
            [name @ .., last]
                if EDITION.contains(&last.as_str())
                    && name.last().map(std::slice::from_ref).is_some_and(names_set) =>
            {
                name
            }
            all => all,
        };
        main.iter().chain(subtitle).map(String::as_str).collect()
    }

    /// The title as it is when its volume counts as a word: "Salt Sea 2" for "Salt Sea, Vol. 2".
    fn with_volume_as_word(&self) -> Option<Self> {
        let volume = self.volume.as_ref()?;
        let mut title = self.clone();
        title.main.push(volume.as_str().to_owned());
        title.volume = None;
        Some(title)
    }

    /// Whether a record of title `other` can be the work of this wanted title; the author is
    /// another question.
    ///
    /// Case, accents, punctuation, articles, series and kinds ("a novel") do not count. A subtitle
    /// may be absent or shorter on one side, unless what is left out makes another book: a study
    /// guide, a box set, a numbered part, an adaptation. A volume is only itself: the first may be
    /// called as the whole, as some catalogues do.
    pub(crate) fn agrees(&self, other: &Self) -> Option<Agreement> {
        // "Salt Sea 2" and "Salt Sea, Vol. 2"
        if self.volume.is_some() != other.volume.is_some() {
            let as_word = |title: &Self| title.with_volume_as_word();
            let agreement = match (as_word(self), as_word(other)) {
                (Some(wanted), _) => wanted.agrees_in_words(other),
                (None, Some(other)) => self.agrees_in_words(&other),
                (None, None) => None,
            };
            if let Some(agreement) = agreement {
                return Some(agreement);
            }
        }
        let is_volume_open = match (&self.volume, &other.volume) {
            (None, None) => false,
            (Some(wanted), Some(place)) if wanted == place => false,
            (Some(_), Some(_)) => return None,
            (Some(wanted), None) if wanted.is_first() => true,
            // "1Q84 (1Q84, #1-3)" is a work of its own, "Salt Sea, Books 1-3" is a set.
            (Some(wanted), None) if wanted.is_range() && !self.holds_volumes => true,
            (Some(_), None) => return None,
            // "The Well of Ascension (Mistborn, #2)" and "The Well of Ascension: Book Two"
            (None, Some(place)) => {
                let is_known = |(_, known): &(_, Option<Place>)| known.as_ref() == Some(place);
                // The first part of a book is not the first book.
                if other.is_part || !self.series.iter().any(is_known) {
                    return None;
                }
                false
            }
        };
        if self.is_elsewhere(other) {
            return None;
        }
        let agreement = self.agrees_in_words(other)?;
        // "Red Rising: Sons of Ares, Vol. 1" is the first of another series than "Red Rising 1".
        let is_of_another = is_volume_open
            && other.series.iter().any(|(name, place)| {
                place.is_some() && !name.is_empty() && *name != without_series_word(&self.main)
            });
        Some(Agreement {
            is_volume_open,
            is_doubtful: agreement.is_doubtful || is_of_another,
            ..agreement
        })
    }

    /// Whether two titles are at different places of one series, or one of them holds several
    /// volumes.
    fn is_elsewhere(&self, other: &Self) -> bool {
        let is_range = |(_, place): &&(Vec<String>, Option<Place>)| {
            place.as_ref().is_some_and(Place::is_range)
        };
        if other.series.iter().any(|note| is_range(&note))
            && !self.series.iter().any(|note| is_range(&note))
        {
            return true;
        }
        self.series.iter().any(|(name, place)| {
            other.series.iter().any(|(other_name, other_place)| {
                name == other_name
                    && place.is_some()
                    && other_place.is_some()
                    && place != other_place
            })
        })
    }

    /// The words of the one title that are only before the other, in a title that leads with its
    /// series: "Mistborn: The Final Empire" and "The Final Empire".
    fn leads_with_series(&self, other: &Self) -> Option<Agreement> {
        // Most titles have none.
        if self.subtitle.is_empty() {
            return None;
        }
        // One word is enough behind a series that is known, or that has the place in it.
        let is_numbered = (self.main.last()).is_some_and(|word| word.parse::<u32>().is_ok());
        let enough = match is_numbered && self.main.len() > 1 || other.is_in_series(&self.main) {
            true => 1,
            false => 2,
        };
        if self.subtitle.len() < enough {
            return None;
        }
        let subtitle = match self.subtitle.as_slice() {
            [article, rest @ ..] if is_article(article) => rest,
            all => all,
        };
        let own = bare_subtitle(&other.subtitle);
        let is_same = subtitle.len() >= enough
            && subtitle == other.main.as_slice()
            && !bare_subtitle(&self.subtitle).is_empty()
            && (own.is_empty() || own == self.main.as_slice())
            && !makes_other_book(&self.main, &[])
            && !is_collection(subtitle);
        is_same.then(|| Agreement {
            left_out: self.main.clone(),
            is_volume_open: false,
            is_doubtful: false,
        })
    }

    fn agrees_in_words(&self, other: &Self) -> Option<Agreement> {
        let agreement = self.compare_words(other)?;
        let is_list = other.lists_titles != self.lists_titles;
        Some(Agreement {
            is_doubtful: agreement.is_doubtful || is_list || other.has_strange_aside(self),
            ..agreement
        })
    }

    /// Whether there is more in brackets than the other title says, and than names an edition: a
    /// series of study aids, a form, a translation, a part.
    fn has_strange_aside(&self, other: &Self) -> bool {
        let is_known = |word: &String| {
            let others = other.main.iter().chain(&other.subtitle);
            let series = other.series.iter().flat_map(|(name, _)| name);
            (others.chain(&other.aside).chain(series)).any(|known| known == word)
                || PLAIN.contains(&word.as_str())
                || FORM.contains(&word.as_str())
                || LITTLE_WORDS.contains(&word.as_str())
                || is_article(word)
                || word.parse::<u32>().is_ok()
        };
        let is_plain = |word: &String| {
            word.starts_with("classic") || matches!(word.as_str(), "library" | "masterworks")
        };
        if is_kind(&self.aside) {
            return false;
        }
        !names_edition(&self.aside)
            && !self.aside.iter().any(is_plain)
            && !self.aside.iter().all(is_known)
    }

    fn compare_words(&self, other: &Self) -> Option<Agreement> {
        if makes_other_book(&self.aside, &[]) == makes_other_book(&other.aside, &[]) {
            if let Some(agreement) = self.leads_with_series(other) {
                return Some(agreement);
            }
            // A volume may have its series behind its own title: "Catching Fire: The Hunger Games".
            if let Some(agreement) = other.leads_with_series(self) {
                let is_known =
                    self.is_in_series(&other.main) || !bare_subtitle(&self.subtitle).is_empty();
                return Some(Agreement {
                    is_doubtful: !is_known,
                    ..agreement
                });
            }
        }
        // Most of what is compared differs in the first letter.
        let letter = |title: &Self| title.main.first().and_then(|word| word.chars().next());
        if letter(self) != letter(other)
            || makes_other_book(&self.aside, &[]) != makes_other_book(&other.aside, &[])
        {
            return None;
        }
        let (a, b) = (self.all_words(), other.all_words());
        if a.is_empty() || b.is_empty() {
            return None;
        }
        // "Catch-22" and "Catch 22", "Spider-Man" and "Spiderman"
        if a == b || a.concat() == b.concat() {
            return Some(Agreement {
                left_out: Vec::new(),
                is_volume_open: false,
                is_doubtful: false,
            });
        }
        // "Mistfall 2: The Hollow Crown" and "Mistfall. The Hollow Crown"
        let is_without = |numbered: &Self, others: &[&str]| {
            numbered.number_before_a_name().is_some_and(|at| {
                let mut words = numbered.all_words();
                words.remove(at);
                words == others
            })
        };
        if is_without(self, &b) || is_without(other, &a) {
            let numbered = if a.len() > b.len() { self } else { other };
            return Some(Agreement {
                left_out: numbered.main.last().cloned().into_iter().collect(),
                is_volume_open: false,
                is_doubtful: false,
            });
        }
        let (short, long, longer) = if a.len() <= b.len() {
            (a, b, other)
        } else {
            (b, a, self)
        };
        // One is the beginning of the other, and it ends where the other's title ends, or
        // within its subtitle.
        if !long.starts_with(&short) || short.len() < longer.main.len() {
            return None;
        }
        let left_out = long[short.len()..].iter();
        let left_out: Vec<String> = left_out.map(|word| (*word).to_owned()).collect();
        // "Naruto, Vol. 3" and "Naruto, Vol. 3: Dreams" are no siblings, nor is what follows "or".
        let is_settled = self.is_volume_like(other) || longer.has_telling_subtitle;
        let is_open = std::ptr::eq(longer, other) && !is_settled;
        (!makes_other_book(&left_out, &self.main)).then(|| Agreement {
            is_doubtful: is_open && (may_be_sibling(&left_out) || self.is_of_series(&other.main)),
            left_out,
            is_volume_open: false,
        })
    }

    /// Position of the number of a volume behind the name of a series, where the volume has a name
    /// of its own.
    fn number_before_a_name(&self) -> Option<usize> {
        let (number, series) = self.main.split_last()?;
        let is_place = number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit());
        let is_name = || may_be_sibling(&self.subtitle) && !makes_other_book(&self.subtitle, &[]);
        (is_place && !series.is_empty() && is_name()).then_some(series.len())
    }

    /// Whether both name one volume, as such or by the number at the end of a name.
    fn is_volume_like(&self, other: &Self) -> bool {
        let is_numbered = matches!(self.main.as_slice(), [_, .., last]
            if last.len() <= 3 && last.bytes().all(|b| b.is_ascii_digit()));
        self.volume == other.volume
            && (self.volume.is_some() || is_numbered && self.main == other.main)
    }

    /// Whether the title is known to be of a series that is called so.
    fn is_of_series(&self, name: &[String]) -> bool {
        self.volume.is_some() || self.is_in_series(name)
    }

    /// Whether the title says that it belongs to a series of this name.
    fn is_in_series(&self, name: &[String]) -> bool {
        // Most titles are known to be of none.
        !self.series.is_empty() && {
            let name = without_series_word(name);
            self.series.iter().any(|(known, _)| *known == name)
        }
    }

    /// Whether this is another book of the series that the wanted title begins with: "Batman: The
    /// Dark Knight Returns" for "Batman: Year One".
    pub(crate) fn is_sibling_of(&self, wanted: &Self) -> bool {
        self.main == wanted.main
            && (&self.volume, &wanted.volume) == (&None, &None)
            && self.subtitle != wanted.subtitle
            && [self, wanted]
                .iter()
                .all(|title| may_be_sibling(&title.subtitle))
    }

    /// Whether the title has no subtitle that says more than the kind of book.
    pub(crate) fn is_bare(&self) -> bool {
        bare_subtitle(&self.subtitle).is_empty()
    }

    /// Whether the two differ in the words of a subtitle, or in brackets, only, and these are not
    /// those of a set or of a part of the book.
    pub(crate) fn differs_in_subtitle_only(&self, other: &Self) -> bool {
        self.main == other.main
            && !self.main.is_empty()
            && self.volume == other.volume
            && !is_of_set(&other.subtitle)
            && !is_of_set(&other.aside)
            && !self.is_elsewhere(other)
    }

    /// The words of title and subtitle that two unlike titles do not share by chance.
    fn distinctive_words(&self) -> Vec<&String> {
        let words = self.main.iter().chain(&self.subtitle);
        words.filter(|word| is_distinctive(word)).collect()
    }

    /// Whether the two have a distinctive word in common; `None` when they are in different
    /// scripts, or one has no such word.
    pub(crate) fn shares_a_word(&self, other: &Self) -> Option<bool> {
        let (a, b) = (self.distinctive_words(), other.distinctive_words());
        let is_latin = |words: &[&String]| {
            let latin = |word: &String| word.bytes().any(|b| b.is_ascii_lowercase());
            words.iter().any(|word| latin(word))
        };
        if a.is_empty() || b.is_empty() || is_latin(&a) != is_latin(&b) {
            return None;
        }
        let common = a.iter().any(|x| b.iter().any(|y| is_alike(x, y)));
        let letters =
            |words: &[&String]| words.iter().map(|word| word.as_str()).collect::<String>();
        Some(common || letters(&a) == letters(&b))
    }

    /// Whether there are words in it.
    pub(crate) fn has_words(&self) -> bool {
        !self.main.is_empty()
    }

    /// The distinctive words of the title proper that the other lacks, its subtitle included.
    fn words_lacking_in(&self, other: &Self) -> usize {
        let known = other.distinctive_words();
        let own = self.main.iter();
        own.filter(|word| is_distinctive(word))
            .filter(|word| !known.iter().any(|other| is_alike(word, other)))
            .count()
    }

    /// Whether at most a word of each is missing in the other, out of several.
    pub(crate) fn differs_by_a_word_at_most(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.words_lacking_in(other), other.words_lacking_in(self));
        ours.min(theirs) == 0 || ours.max(theirs) == 1 && self.shares_most_words(other)
    }

    /// Whether each has two words and more that the other lacks, and they are of one language, so
    /// that none is a translation of the other.
    pub(crate) fn is_other_of_its_language(&self, other: &Self) -> bool {
        const SEVERAL: usize = 2;
        // "and" stands for its translations, a number for all of its words.
        let is_of_language = |word: &&String| {
            !is_distinctive(word) && word.as_str() != "and" && word.parse::<u32>().is_err()
        };
        let mut little = self.main.iter().filter(is_of_language);
        self.words_lacking_in(other) >= SEVERAL
            && other.words_lacking_in(self) >= SEVERAL
            && little.any(|word| other.main.contains(word))
    }

    /// Whether the title is that of a book that holds several.
    pub(crate) fn is_set(&self) -> bool {
        let is_range = |place: &Option<Place>| place.as_ref().is_some_and(Place::is_range);
        is_range(&self.volume)
            || self.series.iter().any(|(_, place)| is_range(place))
            || [&self.main, &self.subtitle, &self.aside]
                .into_iter()
                .any(|words| names_set(words) || is_collection(words))
    }

    /// Whether most of the distinctive words are the same, whichever title has fewer.
    pub(crate) fn shares_most_words(&self, other: &Self) -> bool {
        let (a, b) = (self.distinctive_words(), other.distinctive_words());
        let common = a.iter().filter(|word| b.contains(word)).count();
        common * 2 > a.len().min(b.len())
    }

    /// The volume that the title names.
    pub(crate) fn volume(&self) -> Option<&Place> {
        self.volume.as_ref()
    }
}

/// Whether two titles do not share the word by chance.
fn is_distinctive(word: &str) -> bool {
    !LITTLE_WORDS.contains(&word) && !is_article(word) && word.len() > 1
}

/// Whether two words are of one stem: "Tower" and "Towers".
fn is_alike(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short == long
        || short.chars().count() >= 4 && long.starts_with(short) && long.len() - short.len() <= 2
}

/// Words that two unlike titles can share.
const LITTLE_WORDS: [&str; 40] = [
    "of", "and", "in", "on", "to", "for", "with", "from", "at", "by", "is", "it", "my", "your",
    "his", "her", "our", "we", "you", "not", "no", "or", "be", "de", "du", "des", "del", "von",
    "und", "dem", "den", "im", "en", "et", "di", "da", "novel", "book", "story", "stories",
];

/// Whether a record's title has words, absent from the wanted one, that make it another book.
pub(crate) fn is_other_book(record: &Title, wanted: &Title) -> bool {
    let known: Vec<&String> = wanted.main.iter().chain(&wanted.subtitle).collect();
    let extra = [&record.main, &record.subtitle, &record.aside].map(|words| {
        let words = words.iter().filter(|word| !known.contains(word));
        words.cloned().collect::<Vec<_>>()
    });
    extra
        .iter()
        .any(|words| makes_other_book(words, &wanted.main))
}

fn bare_subtitle(subtitle: &[String]) -> &[String] {
    if is_kind(subtitle) { &[] } else { subtitle }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Agreement = Agreement {
        left_out: Vec::new(),
        is_volume_open: false,
        is_doubtful: false,
    };

    fn agree(a: &str, b: &str) -> bool {
        let (a, b) = (Title::new(a, None), Title::new(b, None));
        a.agrees(&b).is_some()
    }

    #[test]
    fn the_same_title_in_other_words() {
        for (a, b) in [
            ("The Poppy War (The Poppy War, #1)", "Poppy war"),
            ("The Great Gatsby", "Great Gatsby, The"),
            ("Cat\u{2019}s Cradle", "Cat's cradle"),
            ("Les Misérables", "Les Miserables"),
            ("Sapiens: A Brief History of Humankind", "Sapiens"),
            (
                "Sapiens: A Brief History of Humankind",
                "Sapiens - a brief history of humankind",
            ),
            (
                "Murderland: Crime and Bloodlust",
                "Murderland: Crime and Bloodlust in the Time of Serial Killers",
            ),
            ("Long Bright River", "Long Bright River: A Novel"),
            ("Runaway: Stories", "Runaway"),
            ("The Hobbit (Illustrated)", "The Hobbit"),
            ("The Hobbit [Penguin Classics]", "The Hobbit"),
            (
                "The Color of Magic (Discworld, #1; Rincewind, #1)",
                "The Color of Magic",
            ),
            ("Bird Box (Bird Box, #1)", "Bird Box (Bird Box #1)"),
            (
                "Advise and Consent (Advise and Consent)",
                "Advise & consent",
            ),
            (
                "The 7 1/2 Deaths of Evelyn Hardcastle",
                "The 7½ Deaths of Evelyn Hardcastle",
            ),
            ("1984", "1984"),
            (
                "2001: A Space Odyssey (Space Odyssey, #1)",
                "2001, a space odyssey",
            ),
            (
                "Guns, Germs, and Steel",
                "Guns, Germs, and Steel: The Fates of Human Societies",
            ),
        ] {
            assert!(agree(a, b), "{a} / {b}");
        }
    }

    #[test]
    fn titles_of_other_books() {
        for (a, b) in [
            ("Dune", "Dune Messiah"),
            ("Dune", "Dune: Book 2"),
            ("Dune", "Dune II"),
            ("Dune", "Dune: II"),
            ("Dune", "Dune (3 Books Collection)"),
            ("Dune", "Dune Trilogy"),
            ("Dune", "Dune (Dune, #1-3)"),
            ("Dune", "Dune (Dune Boxed Set)"),
            ("Dune", "Dune: The Graphic Novel"),
            ("Educated", "Summary of Educated"),
            ("Educated", "Educated: Summary & Analysis"),
            ("Educated", "Educated (SparkNotes)"),
            ("Educated", "Educated: A Reader's Guide"),
            ("Animal Farm", "Animal Farm: A Study Guide"),
            ("Atomic Habits", "Atomic Habits Workbook"),
            ("Atomic Habits", "The Atomic Habits Journal"),
            (
                "Harry Potter and the Goblet of Fire",
                "Harry Potter and the Chamber of Secrets",
            ),
            (
                "The Poppy War (The Poppy War, #1)",
                "The Poppy War (The Poppy War, #2)",
            ),
            (
                "The 1619 Project: A New Origin Story",
                "The 1619 Project: Born on the Water",
            ),
            (
                "The da Vinci Code",
                "The da Vinci Code: The Young Adult Adaptation",
            ),
            ("The Sandman, Vol. 1", "The Sandman, Vol. 2"),
            ("The Sandman", "The Sandman, Vol. 2"),
            ("Maus I: A Survivor's Tale", "Maus II: A Survivor's Tale"),
            ("It", "It Ends with Us"),
            ("King", "King: Book One"),
            ("Circe", "Circle"),
            ("!!!", "???"),
            ("", ""),
        ] {
            assert!(!agree(a, b), "{a} / {b}");
        }
    }

    #[test]
    fn spellings_and_series_do_not_count() {
        for (wanted, record) in [
            ("Guns, Seeds & Steel", "Guns, Seeds, and Steel"),
            ("The Burrow, or There and Back Again", "The Burrow"),
            (
                "Frankenstein; or, The Modern Prometheus",
                "Frankenstein, or the Modern Prometheus",
            ),
            ("Der Sturm, oder die Insel", "Der Sturm"),
            ("Henry IV, Part 1", "Henry IV, Part One"),
            ("Salt Sea, Tome 3", "Salt Sea, Vol. III"),
            ("Silent Harbour (Unabridged)", "The Silent Harbour"),
            ("Krieg & Frieden", "Krieg und Frieden"),
            ("Salt &amp; Smoke", "Salt and Smoke"),
            ("A.I. Superpowers", "AI Superpowers"),
            ("Catch-22", "Catch 22"),
            ("Spider-Man", "Spiderman"),
            ("Silent Harbour, The: A Novel", "The Silent Harbour"),
            ("Die Verwandlung", "Verwandlung"),
            ("The Well of Ascent: Mistfall, Book 2", "The Well of Ascent"),
            ("Hollow Crown: Mistfall Series, Book 3", "Hollow Crown"),
            (
                "Hollow Crown: Book 3 of the Mistfall Trilogy",
                "Hollow Crown",
            ),
            ("Hollow Crown (Mistfall, Book Three)", "Hollow Crown"),
            ("Hollow Crown (Mistfall, #3)", "Hollow Crown: Book Three"),
            (
                "The Tower of Rings (The Tower of Rings, #1-3)",
                "The Tower of Rings",
            ),
            ("Maus II", "Maus 2"),
        ] {
            assert!(agree(wanted, record), "{wanted} / {record}");
        }
    }

    #[test]
    fn collections_say_that_they_are_several_books() {
        for (title, is_set) in [
            ("The Complete Novels of Jane Austen", true),
            ("Collected Stories", true),
            ("Three Plays", true),
            ("Salt Sea: 3 in 1", true),
            ("Salt Sea, Books 1-3", true),
            ("Gesammelte Werke", true),
            ("Obras completas", true),
            ("The Stand: The Complete and Uncut Edition", false),
            ("Nine Stories", true),
            ("One Day in the Life", false),
            ("Emma", false),
        ] {
            assert_eq!(Title::new(title, None).is_set(), is_set, "{title}");
        }
    }

    #[test]
    fn a_volume_is_only_itself() {
        let shelf = [
            "Salt Sea",
            "Salt Sea, Vol. 2",
            "Salt Sea: Volume Three",
            "Salt Sea 4",
            "Salt Sea, Book V",
        ];
        for (wanted, place) in [
            ("Salt Sea (Salt Sea, #1)", 0),
            ("Salt Sea, Vol. 1 (Salt Sea, #1)", 0),
            ("Salt Sea (Salt Sea, #2)", 1),
            ("Salt Sea, Volume Two", 1),
            ("Salt Sea 2", 1),
            ("Salt Sea #3", 2),
            ("Salt Sea, Vol. 3", 2),
            ("Salt Sea, Bd. IV", 3),
            ("Salt Sea: Book Five", 4),
        ] {
            for (at, record) in shelf.iter().enumerate() {
                assert_eq!(agree(wanted, record), at == place, "{wanted} / {record}");
            }
        }
        let mut column = Wanted {
            title: "Salt Sea".into(),
            ..Wanted::default()
        };
        for (name, position, place) in [("", "2", 1), ("The Salt Sea Series", "3", 2)] {
            column.series = Some(Series {
                name: name.into(),
                position: Some(position.into()),
            });
            for (at, record) in shelf.iter().enumerate() {
                let agrees = Title::wanted(&column).agrees(&Title::new(record, None));
                assert_eq!(agrees.is_some(), at == place, "{position} / {record}");
            }
        }
    }

    #[test]
    fn a_subtitle_of_its_own_counts_like_one_in_the_title() {
        let sapiens = Title::new("Sapiens", Some("A Brief History of Humankind"));
        let whole = Title::new("Sapiens: A Brief History of Humankind", None);
        assert_eq!(sapiens.agrees(&whole), Some(EXACT));
        let twice = Title::new(
            "Sapiens: A Brief History of Humankind",
            Some("a brief history of humankind"),
        );
        assert_eq!(twice.agrees(&whole), Some(EXACT));
        let guide = Title::new("Sapiens", Some("Summary and Analysis"));
        assert_eq!(guide.agrees(&Title::new("Sapiens", None)), None);
    }
}
