//! The title of a row, and the series that title and columns name.

use super::MAX_TITLE;
use super::cells::Cells;
use super::draft::Draft;
use super::series::{
    MAX_PLACE, MAX_SERIES, first_series, is_same_place, is_same_series, place, series_in,
};
use crate::csv::columns::Columns;
use crate::csv::field::Field;
use crate::csv::line::without_mark;
use crate::csv::status::yes_or_no;
use crate::name::search_word;
use crate::series::{split_series, trailing_brackets};
use crate::text::{clean, joined, words};
use crate::word_list::Words;
use crate::{Format, Series};

impl Columns {
    /// The cell of a row's title: of a book that has none, and nothing else that tells it, that of
    /// its series.
    pub(super) fn title_cell<'c>(&self, cells: &'c Cells<'_>) -> &'c str {
        let title = cells.first(Field::Title);
        let series = cells.first(Field::Series);
        if !title.is_empty() || series.is_empty() {
            return title;
        }
        let is_told = [Field::Isbn, Field::IsbnOrId, Field::Asin, Field::WorkId]
            .into_iter()
            .any(|field| !cells.first(field).is_empty());
        let is_volume = !is_told && !cells.first(Field::SeriesPosition).is_empty();
        match self.is_of_series || is_volume && !self.has_lines {
            true => series,
            false => title,
        }
    }

    pub(super) fn title(
        &self,
        cells: &Cells<'_>,
        given: &str,
        draft: &mut Draft,
    ) -> (String, Option<Series>) {
        let given = match self.has_superscripts {
            true => given.trim_end_matches(['²', '³']),
            false => given,
        };
        let (unmarked, _) = without_mark(given);
        let (mut title, mut split) = split_series(without_form(unmarked).0);
        let position = || {
            // A volume may be one of a set within the series.
            [false, true].into_iter().find_map(|is_volume| {
                let place = (cells.all(Field::SeriesPosition))
                    .filter(|(column, _)| column.is_volume == is_volume)
                    .find_map(|(_, text)| place(text))?;
                Some((is_volume, place))
            })
        };
        for (column, text) in cells.all(Field::Series) {
            if first_series(text).len() + 1 < text.len() {
                draft.list(column, text, ": only the first series is kept");
            }
            draft.cut(text, MAX_SERIES, "series");
        }
        let mut in_columns = None;
        for (column, text) in cells.all(Field::Series) {
            let Some((name, own)) = series_in(text) else {
                continue;
            };
            // A book of no series.
            if yes_or_no(text).is_some() && !text.bytes().all(|byte| byte.is_ascii_digit())
                || matches!(joined(text).as_str(), "standalone" | "einzelband")
            {
                continue;
            }
            let known = [split.as_ref(), in_columns.as_ref()];
            let differs = known.into_iter().flatten().any(|known| {
                let is_other_place = |(known, own): (&String, &String)| !is_same_place(known, own);
                !is_same_series(&known.name, &name)
                    || known
                        .position
                        .as_ref()
                        .zip(own.as_ref())
                        .is_some_and(is_other_place)
            });
            if differs {
                draft.not_taken(column, text);
            } else {
                let position = own.or_else(|| in_columns.and_then(|known| known.position));
                in_columns = Some(Series { name, position });
            }
        }
        if let Some(series) = in_columns {
            let place = series.position.or_else(|| Some(position()?.1));
            let known = split.get_or_insert(Series {
                name: series.name,
                position: None,
            });
            known.position = known.position.take().or(place);
        } else if let Some((true, place)) = position()
            && self.titles_repeat
            && split.is_none()
            && !title.is_empty()
        {
            // A volume of a work whose volumes have one title.
            split = Some(Series {
                name: title.clone(),
                position: Some(place),
            });
        }
        for (column, text) in cells.all(Field::SeriesPosition) {
            let kept = split.as_ref().and_then(|series| series.position.as_deref());
            if place(text).is_some_and(|place| kept.is_none_or(|kept| !is_same_place(kept, &place)))
            {
                // calibre writes 1.0 for books of no series, too.
                if kept.is_none() && !column.is_volume && place(text).as_deref() == Some("1") {
                    continue;
                }
                let why = match kept {
                    Some(kept) => format!("{kept} is known"),
                    None => "no series is named".to_owned(),
                };
                draft.list(column, text, &format!(" was not taken: {why}"));
            }
            draft.cut(text, MAX_PLACE, "place in the series");
        }
        title = without_statement(&title, cells.first(Field::Author)).to_owned();
        title = with_article_in_front(title);
        let subtitle = clean(without_end_mark(cells.first(Field::Subtitle)), MAX_TITLE);
        if !title.is_empty() && !subtitle.is_empty() && !title.ends_with(&subtitle) {
            title = draft.cut(&format!("{title}: {subtitle}"), MAX_TITLE, "title");
        }
        (title, split)
    }
}

/// Words with which shops name the edition and the form of a book.
const FORMS: &str = "edition edicion edicao edizione ausgabe editie utgave unabridged ungekurzt abridged ebook e book \
    kindle epub pdf audiobook audio cd mp3 audible hardcover hardback paperback softcover mass market library binding \
    taschenbuch gebundene gebunden broschiert horbuch relie broche poche tapa dura blanda bolsillo version format digital";

static FORM_WORDS: Words = Words::new(FORMS);

/// Those of them that are no form behind a sign, if they stand alone: "Life: Digital".
const TOPICS: &str =
    "edition audio mass market library binding poche bolsillo dura blanda version format digital";

/// A title without what names its edition or its form, in brackets or behind a sign, and that form:
/// "Dune (English Edition)", "Dune (Unabridged)", "Dune [eBook]", "Dune, Kindle Edition".
pub(super) fn without_form(title: &str) -> (&str, Option<Format>) {
    let is_form = |word: &String| FORM_WORDS.has(word);
    let form = |text: &str| match Format::parse(text) {
        None if words(text)
            .iter()
            .any(|word| matches!(word.as_str(), "unabridged" | "ungekurzt")) =>
        {
            Some(Format::Audiobook)
        }
        form => form,
    };
    let (mut title, mut found) = without_file_ending(title);
    while let Some((before, inside)) = trailing_brackets(title) {
        let inside_words = words(inside);
        let is_edition = inside_words.len() < 4
            && inside_words.last().is_some_and(|last| {
                FORMS
                    .split(' ')
                    .take(9)
                    .chain(["ebook"])
                    .any(|form| form == last)
            });
        // Most brackets have other words, and to ask for the form is more to read.
        let own = match inside_words.iter().all(is_form) {
            true => form(inside),
            false => None,
        };
        if !is_edition && own.is_none() {
            return (title, found);
        }
        found = found.or(own);
        title = before;
    }
    // Most titles have no such sign, and the words behind each would be looked up.
    let is_of_sign = |byte: u8| matches!(byte, b'-' | b':' | b',' | 0xe2);
    let signs: &[&str] = match title.bytes().any(is_of_sign) {
        true => &[" - ", " – ", ": ", ", "],
        false => &[],
    };
    let is_topic = |word: &String| TOPICS.split(' ').any(|topic| topic == word);
    let behind = signs.iter().find_map(|sign| {
        let (before, after) = title.rsplit_once(*sign)?;
        let words = words(after);
        let is_all = words.iter().all(is_form) && !words.iter().all(is_topic);
        (is_all && !after.contains(',')).then_some((before, form(after)?))
    });
    let behind = behind.or_else(|| {
        let before = title.strip_suffix(" Kindle Edition");
        // A title may be of them: "The Kindle Edition".
        let before = before.filter(|before| !matches!(*before, "The" | "A" | "My"));
        before.map(|before| (before, Format::Ebook))
    });
    behind.map_or((title, found), |(before, form)| {
        (before.trim_end(), found.or(Some(form)))
    })
}

/// The name of a file without its ending, and the form of a book that it tells: "Emma.epub".
fn without_file_ending(title: &str) -> (&str, Option<Format>) {
    const ENDINGS: &str = "epub mobi azw3 azw kfx pdf fb2 djvu cbz cbr m4b mp3";
    let Some((name, ending)) = title.rsplit_once('.') else {
        return (title, None);
    };
    let ending = ending.to_lowercase();
    if name.is_empty() || !ENDINGS.split(' ').any(|known| known == ending) {
        return (title, None);
    }
    let form = match ending.as_str() {
        "m4b" | "mp3" => Format::Audiobook,
        _ => Format::Ebook,
    };
    (name, Some(form))
}

/// A title with the article in front that lists of libraries write behind it: "Hobbit, The".
fn with_article_in_front(title: String) -> String {
    const ARTICLES: [&str; 32] = [
        "The", "A", "An", "Der", "Die", "Das", "Ein", "Eine", "Le", "La", "Les", "L'", "L’", "Un",
        "Une", "El", "Los", "Las", "Una", "Il", "Lo", "Gli", "O", "Os", "As", "Um", "Uma", "De",
        "Het", "Een", "Den", "Det",
    ];
    if !title.contains(',') {
        return title;
    }
    match title.rsplit_once(", ") {
        Some((rest, article)) if ARTICLES.contains(&article) && !rest.is_empty() => {
            let space = if article.ends_with(['\'', '’']) {
                ""
            } else {
                " "
            };
            format!("{article}{space}{rest}")
        }
        _ => title,
    }
}

/// A text without the punctuation at its end by which a library's catalogue announces the next
/// field: "Dune :".
fn without_end_mark(text: &str) -> &str {
    let bare = text.trim_end_matches([':', '/', ';', '=']);
    if bare.len() < text.len() && bare.ends_with(' ') {
        bare.trim_end()
    } else {
        text
    }
}

/// A title without the statement of responsibility that a library's catalogue adds: "Dune [text] /
/// Frank Herbert."
fn without_statement<'t>(title: &'t str, author: &str) -> &'t str {
    let mut bare = without_end_mark(title);
    if bare.contains('/')
        && let Some((before, who)) = bare.rsplit_once(" / ")
        && let Some(name) = search_word(author)
        && words(who).contains(&joined(&name))
    {
        bare = without_end_mark(before.trim_end());
    }
    // "[electronic resource]", "[text (large print)]"
    match bare.rsplit_once(" [") {
        Some((before, medium))
            if medium.ends_with(']')
                && [
                    "resource",
                    "text",
                    "print",
                    "recording",
                    "microform",
                    "braille",
                    "ebook",
                ]
                .iter()
                .any(|word| words(medium).iter().any(|other| other == word)) =>
        {
            before.trim_end()
        }
        _ => bare,
    }
}
