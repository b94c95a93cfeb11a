//! Titles: the series split off, made comparable, compared.

use crate::Series;
use crate::text::{clean, words};

/// A title without its series, and the series: "The Poppy War (The Poppy War, #1)".
///
/// Only brackets at the end that name a number, say "series", or repeat the title are taken for
/// a series; of several ("Discworld, #1; Rincewind, #1") the first.
pub(crate) fn split_series(title: &str) -> (String, Option<Series>) {
    let title = title.trim();
    if let Some((before, inside)) = trailing_brackets(title)
        && let Some(series) = series(inside, before)
    {
        // "Title (Series, #1) (Penguin Classics)" has its series further in; that is rare, and
        // matching ignores brackets anyway.
        return (before.to_owned(), Some(series));
    }
    (title.to_owned(), None)
}

/// The text before the last brackets, and what they hold, if the title ends with brackets and
/// is more than that.
fn trailing_brackets(title: &str) -> Option<(&str, &str)> {
    let (open, close) = match title.chars().next_back()? {
        ')' => ('(', ')'),
        ']' => ('[', ']'),
        _ => return None,
    };
    let mut depth = 0u32;
    for (at, c) in title.char_indices().rev() {
        if c == close {
            depth += 1;
        } else if c == open {
            depth -= 1;
            if depth == 0 {
                let before = title[..at].trim_end();
                let inside = &title[at + 1..title.len() - 1];
                return (!before.is_empty()).then_some((before, inside));
            }
        }
    }
    None
}

/// Reads "Series, #1", "Series #1-3", "Series, Book 2", "Series Vol. 3", "The Series".
fn series(inside: &str, title: &str) -> Option<Series> {
    let first = inside.split(';').next().unwrap_or_default().trim();
    let (name, position) = match first.rsplit_once('#') {
        Some((name, number)) => (name, Some(number.trim())),
        None => match first.rsplit_once([' ', '.']) {
            Some((name, number)) if is_position(number) => {
                let name = name.trim_end_matches(['.', ' ']);
                let (before, label) = name.rsplit_once([' ', ',']).unwrap_or(("", name));
                let label = label.to_lowercase();
                match label.as_str() {
                    "book" | "volume" | "vol" | "part" | "no" | "number" | "band" | "tome" => {
                        (before, Some(number))
                    }
                    _ => return None,
                }
            }
            _ => (first, None),
        },
    };
    let name = clean(name.trim_end_matches([',', ' ', ':', '-']), 200);
    let position = position.filter(|number| is_position(number));
    if name.is_empty() {
        return None;
    }
    let is_named = || {
        let words = words(&name);
        words.last().is_some_and(|word| word == "series")
            || without_article(&words) == without_article(&self::words(title))
    };
    (position.is_some() || is_named()).then(|| Series {
        name,
        position: position.map(|number| clean(number, 20)),
    })
}

fn is_position(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() <= 20
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '\u{2013}' | ',' | ' '))
}

/// The part of a title that is printed large, without article: what to search for.
///
/// Letters and digits keep their spelling; everything that a query language could understand is
/// a space.
pub(crate) fn search_phrase(title: &str) -> String {
    let (title, _) = split_series(title);
    let mut title = title.as_str();
    while let Some((before, _)) = trailing_brackets(title) {
        title = before;
    }
    let main = split_subtitle(title).0;
    let phrase: String = main
        .chars()
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' | '\'' => '\'',
            c if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => c,
            _ => ' ',
        })
        .collect();
    let mut parts: Vec<&str> = phrase
        .split_whitespace()
        .filter(|part| *part != "'")
        .collect();
    if parts.len() > 1 && ARTICLES.contains(&parts[0].to_lowercase().as_str()) {
        parts.remove(0);
    }
    parts.truncate(12);
    clean(&parts.join(" "), 120)
}

/// A title and its subtitle, by the first sign that separates them.
fn split_subtitle(title: &str) -> (&str, &str) {
    const SIGNS: [&str; 8] = [
        ": ",
        " : ",
        " - ",
        " \u{2013} ",
        "\u{2014}",
        " / ",
        "; ",
        ", or, ",
    ];
    SIGNS
        .iter()
        .filter_map(|sign| title.find(sign).map(|at| (at, sign.len())))
        .filter(|(at, _)| title[..*at].contains(char::is_alphanumeric))
        .min()
        .map_or((title, ""), |(at, length)| {
            (&title[..at], &title[at + length..])
        })
}

const ARTICLES: [&str; 11] = [
    "the", "a", "an", "le", "la", "les", "el", "los", "las", "der", "das",
];

/// The words without a leading article, or one that was moved behind ("Great Gatsby, The").
fn without_article(words: &[String]) -> &[String] {
    match words {
        [first, rest @ ..] if !rest.is_empty() && ARTICLES.contains(&first.as_str()) => rest,
        _ => words,
    }
}

/// Subtitles that say only what kind of book it is.
const KINDS: [&[&str]; 16] = [
    &["novel"],
    &["a", "novel"],
    &["roman"],
    &["stories"],
    &["short", "stories"],
    &["and", "other", "stories"],
    &["essays"],
    &["poems"],
    &["a", "memoir"],
    &["memoir"],
    &["a", "thriller"],
    &["a", "mystery"],
    &["a", "play"],
    &["a", "romance"],
    &["a", "story"],
    &["a", "novella"],
];

/// Words that make another book of the same title: about it, made from it, or with others.
const OTHER_BOOK: [&str; 45] = [
    "abridged",
    "activity",
    "adaptation",
    "adapted",
    "analysis",
    "bestsellers",
    "boxed",
    "boxset",
    "bundle",
    "calendar",
    "cliffsnotes",
    "collection",
    "coloring",
    "colouring",
    "commentary",
    "companion",
    "condensed",
    "conversation",
    "cookbook",
    "criticism",
    "critical",
    "diary",
    "discussion",
    "excerpt",
    "graphic",
    "guide",
    "instaread",
    "interpretations",
    "journal",
    "litplan",
    "manga",
    "notebook",
    "omnibus",
    "planner",
    "preview",
    "quiz",
    "sampler",
    "screenplay",
    "set",
    "sparknotes",
    "summary",
    "supersummary",
    "trilogy",
    "trivia",
    "workbook",
];

/// Words that a number follows where a title has parts.
const PART: [&str; 12] = [
    "book", "books", "volume", "volumes", "vol", "vols", "part", "parts", "band", "tome", "no",
    "number",
];

/// How well two titles agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agreement {
    /// Title and subtitle, or neither has a subtitle.
    Exact,
    /// The titles agree, and only one has (more of) a subtitle: these words.
    Partial(Vec<String>),
}

/// A title made comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    main: Vec<String>,
    subtitle: Vec<String>,
    /// What stood in brackets that are no series.
    aside: Vec<String>,
    /// Place in a series.
    position: Option<String>,
}

impl Title {
    pub(crate) fn new(title: &str, subtitle: Option<&str>) -> Self {
        let title = clean(title, 1_000);
        let mut rest = title.as_str();
        let mut aside = Vec::new();
        let mut position = None;
        while let Some((before, inside)) = trailing_brackets(rest) {
            match series(inside, before) {
                Some(series) => position = position.or(series.position),
                None => aside.extend(words(inside)),
            }
            rest = before;
        }
        let moved = ["The", "A", "An", "Le", "La", "Les", "Der", "Das", "El"]
            .iter()
            .find_map(|article| rest.strip_suffix(article)?.strip_suffix(", "));
        let (main, own_subtitle) = split_subtitle(moved.unwrap_or(rest));
        let mut all_subtitles = words(own_subtitle);
        if let Some(subtitle) = subtitle {
            let subtitle = words(&clean(subtitle, 1_000));
            // Some records say the subtitle twice.
            if !all_subtitles.ends_with(&subtitle) {
                all_subtitles.extend(subtitle);
            }
        }
        let main = words(main);
        Self {
            main: without_article(&main).to_vec(),
            subtitle: all_subtitles,
            aside,
            position,
        }
    }

    /// Title and subtitle as one text; two spellings of one title have the same.
    pub(crate) fn key(&self) -> String {
        let mut all = self.main.clone();
        all.extend(self.subtitle.iter().cloned());
        all.join(" ")
    }

    /// Whether the title says enough to be searched for without an author.
    pub(crate) fn is_distinctive(&self) -> bool {
        match self.main.as_slice() {
            [] => false,
            [word] => word.chars().count() >= 8 || !self.subtitle.is_empty(),
            _ => true,
        }
    }

    fn all_words(&self) -> Vec<String> {
        let mut all = self.main.clone();
        all.extend_from_slice(bare_subtitle(&self.subtitle));
        all
    }

    /// Whether two titles name the same work; the author is another question.
    ///
    /// Case, accents, punctuation, leading articles, series and kinds ("a novel") do not count.
    /// A subtitle may be absent or shorter on one side, unless what is left out makes another
    /// book: a study guide, a box set, a numbered part, an adaptation.
    pub(crate) fn agrees(&self, other: &Self) -> Option<Agreement> {
        // Most of what is compared differs in the first word.
        if let (Some(a), Some(b)) = (self.main.first(), other.main.first())
            && a != b
        {
            return None;
        }
        match (&self.position, &other.position) {
            (Some(a), Some(b)) if a != b => return None,
            // Several numbers are several books.
            (Some(a), None) | (None, Some(a)) if a.contains(['-', '\u{2013}', ',']) => return None,
            _ => {}
        }
        if makes_other_book(&self.aside) != makes_other_book(&other.aside) {
            return None;
        }
        let (a, b) = (self.all_words(), other.all_words());
        if a.is_empty() || b.is_empty() {
            return None;
        }
        if a == b {
            return Some(Agreement::Exact);
        }
        let (short, long) = if a.len() <= b.len() {
            (self, &b)
        } else {
            (other, &a)
        };
        let shorter = short.all_words();
        // One is the beginning of the other, and it ends where the other's title ends, or
        // within its subtitle.
        let longer_main = if a.len() <= b.len() {
            &other.main
        } else {
            &self.main
        };
        if !long.starts_with(&shorter) || shorter.len() < longer_main.len() {
            return None;
        }
        let left_out = &long[shorter.len()..];
        if makes_other_book(left_out) {
            return None;
        }
        Some(Agreement::Partial(left_out.to_vec()))
    }
}

/// Whether a record's title has words, absent from the wanted one, that make it another book.
pub(crate) fn is_other_book(record: &Title, wanted: &Title) -> bool {
    let known: Vec<&String> = wanted.main.iter().chain(&wanted.subtitle).collect();
    let extra: Vec<String> = (record
        .main
        .iter()
        .chain(&record.subtitle)
        .chain(&record.aside))
    .filter(|word| !known.contains(word))
    .cloned()
    .collect();
    makes_other_book(&extra)
}

fn bare_subtitle(subtitle: &[String]) -> &[String] {
    if KINDS.iter().any(|kind| kind == &subtitle) {
        &[]
    } else {
        subtitle
    }
}

/// Whether words that one title has and the other has not make another book of it.
fn makes_other_book(words: &[String]) -> bool {
    let is_number = |word: &str| {
        word.chars().all(|c| c.is_ascii_digit())
            || matches!(
                word,
                "i" | "ii"
                    | "iii"
                    | "iv"
                    | "v"
                    | "vi"
                    | "vii"
                    | "viii"
                    | "ix"
                    | "x"
                    | "one"
                    | "two"
                    | "three"
                    | "four"
                    | "five"
                    | "six"
                    | "seven"
                    | "eight"
                    | "nine"
                    | "ten"
            )
    };
    let is_part = |word: &str| PART.contains(&word);
    if words.iter().any(|word| OTHER_BOOK.contains(&word.as_str())) {
        return true;
    }
    if let [only] = words
        && is_number(only)
    {
        return true;
    }
    words.windows(2).any(|pair| {
        is_part(&pair[0]) && is_number(&pair[1])
            || is_number(&pair[0]) && is_part(&pair[1])
            || pair[0] == "study" && pair[1] == "notes"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(a: &str, b: &str) -> bool {
        let (a, b) = (Title::new(a, None), Title::new(b, None));
        assert_eq!(a.agrees(&b).is_some(), b.agrees(&a).is_some());
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
    fn a_subtitle_of_its_own_counts_like_one_in_the_title() {
        let sapiens = Title::new("Sapiens", Some("A Brief History of Humankind"));
        let whole = Title::new("Sapiens: A Brief History of Humankind", None);
        assert_eq!(sapiens.agrees(&whole), Some(Agreement::Exact));
        let twice = Title::new(
            "Sapiens: A Brief History of Humankind",
            Some("a brief history of humankind"),
        );
        assert_eq!(twice.agrees(&whole), Some(Agreement::Exact));
        let guide = Title::new("Sapiens", Some("Summary and Analysis"));
        assert_eq!(guide.agrees(&Title::new("Sapiens", None)), None);
    }

    #[test]
    fn series_are_split_from_titles() {
        let some = |name: &str, position: Option<&str>| {
            Some(Series {
                name: name.into(),
                position: position.map(Into::into),
            })
        };
        for (title, bare, series) in [
            (
                "The Poppy War (The Poppy War, #1)",
                "The Poppy War",
                some("The Poppy War", Some("1")),
            ),
            (
                "Goatsong (The Walled Orchard #1.5)",
                "Goatsong",
                some("The Walled Orchard", Some("1.5")),
            ),
            ("Omnibus (Dune, #1-3)", "Omnibus", some("Dune", Some("1-3"))),
            (
                "Mort (Discworld, #4; Death, #1)",
                "Mort",
                some("Discworld", Some("4")),
            ),
            (
                "Dune (Dune Chronicles, Book 1)",
                "Dune",
                some("Dune Chronicles", Some("1")),
            ),
            ("Saga (Saga Vol. 2)", "Saga", some("Saga", Some("2"))),
            ("Dune [Dune, #1]", "Dune", some("Dune", Some("1"))),
            (
                "Conversations (The Last Interview Series)",
                "Conversations",
                some("The Last Interview Series", None),
            ),
            (
                "Advise and Consent (Advise and Consent)",
                "Advise and Consent",
                some("Advise and Consent", None),
            ),
            ("The Hobbit (Illustrated)", "The Hobbit (Illustrated)", None),
            (
                "Emma (Penguin Classics 1)",
                "Emma (Penguin Classics 1)",
                None,
            ),
            ("(500) Days", "(500) Days", None),
            ("(Dune, #1)", "(Dune, #1)", None),
            ("Open (", "Open (", None),
            ("Close #1)", "Close #1)", None),
            ("Nested (A (B), #2)", "Nested", some("A (B)", Some("2"))),
            ("日本 (日本, #1)", "日本", some("日本", Some("1"))),
            ("", "", None),
        ] {
            assert_eq!(split_series(title), (bare.to_owned(), series), "{title}");
        }
    }

    #[test]
    fn what_is_searched_for_holds_no_query_language() {
        for (title, phrase) in [
            ("The Poppy War (The Poppy War, #1)", "Poppy War"),
            ("Sapiens: A Brief History of Humankind", "Sapiens"),
            ("Cat\u{2019}s Cradle", "Cat's Cradle"),
            ("Who Gets \"Believed\"?* AND OR", "Who Gets Believed AND OR"),
            ("Mariana \\ ~ ^2 {x} [y]", "Mariana 2 x"),
            ("The", "The"),
            (": odd", "odd"),
            ("Les Misérables", "Misérables"),
        ] {
            assert_eq!(search_phrase(title), phrase, "{title}");
        }
    }
}
