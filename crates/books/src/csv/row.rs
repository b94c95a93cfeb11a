//! Reading one row as a book.

use std::borrow::Cow;

use super::Row;
use super::columns::{Column, Columns, Program};
use super::field::Field;
use super::headers::is_bare_date;
use super::label::{Labels, split_labels, split_tags};
use super::line::{Line, without_mark};
use super::people::{listed, without_helpers};
use super::reading::Certainty;
use super::records::Record;
use super::status::{is_left, status, status_of_progress, status_of_tag, yes_or_no};
use super::times::{Times, date, date_of};
use super::values::{
    Rating, count, has_remark, has_words_beside_number, is_blank, is_day_zero, is_placeholder,
    tidy, unbracketed, without_markup, wording,
};
use crate::date::{PartialDate, says_more, short_year, year};
use crate::name::{
    MAX_AUTHORS, NameOrder, distinct, first_last, names_in, same_person, search_word,
};
use crate::numeral::number;
use crate::series::{series, split_series, trailing_brackets, without_series_word};
use crate::text::{clean, non_empty, quoted, words};
use crate::{Format, Imported, Isbn, IsbnError, ReadingStatus, Series, Source, Wanted};

const MAX_TITLE: usize = 500;
const MAX_NAME: usize = 300;
/// The longest name of a series, and the longest place in one (characters).
const MAX_SERIES: usize = 200;
const MAX_PLACE: usize = 20;
/// The longest review or note (characters).
const MAX_PROSE: usize = 20_000;
/// Number of further columns of authors that are looked at.
const MAX_AUTHOR_CELLS: usize = 8;

/// The most warnings that a row lists one by one.
const MAX_WARNINGS: usize = 20;

/// The book of a row, and the problems with the row.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub row: Row,
    warnings: Vec<String>,
    /// Number of warnings beyond those.
    more_warnings: usize,
    /// The fault of the row's ISBN, when it has one but none that is valid.
    pub bad_isbn: Option<IsbnError>,
}

/// The cells of a row that mean something and are not empty.
pub(super) struct Cells<'a>(Vec<(&'a Column, Field, Cow<'a, str>)>);

impl<'a> Cells<'a> {
    fn of(columns: &'a Columns, record: &'a Record) -> Self {
        let cells = columns
            .columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| {
                let field = column.field?;
                let mut text = tidy(record.get(at));
                if field.is_wording() {
                    text = wording(text);
                }
                if matches!(
                    field,
                    Field::Author | Field::MoreAuthors | Field::AuthorLastFirst
                ) && let Some(names) = listed(&text)
                {
                    text = names.into();
                }
                let says_nothing = match field {
                    // "Na" is somebody's name.
                    Field::Author => {
                        is_blank(&text)
                            || text.eq_ignore_ascii_case("none")
                            || text.len() > 5 && is_placeholder(&text)
                    }
                    Field::Title | Field::Subtitle | Field::FirstName | Field::LastName => {
                        is_blank(&text)
                    }
                    Field::Shelves | Field::Tags | Field::Review | Field::Notes => {
                        is_blank(&text) || matches!(&*text, "[]" | "{}")
                    }
                    field if field.is_date() => is_placeholder(&text) || is_day_zero(&text),
                    _ => is_placeholder(&text),
                };
                (!text.is_empty() && !says_nothing).then_some((column, field, text))
            });
        let mut cells: Vec<_> = cells.collect();
        // Of two columns of a field the one that the reader has named is first.
        // "Overall rating" comes before those of plot and style.
        cells.sort_by_key(|(column, ..)| (column.certainty != Certainty::Given, !column.is_whole));
        Self(cells)
    }

    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = (&'a Column, &str)> {
        self.0
            .iter()
            .filter(move |(_, known, _)| *known == field)
            .map(|(column, _, text)| (*column, &**text))
    }

    fn first(&self, field: Field) -> &str {
        self.all(field).next().map_or("", |(_, text)| text)
    }
}

impl Columns {
    /// The ISBN of a row as it stands in the file.
    pub(super) fn isbn_text(&self, record: &Record) -> String {
        let cells = Cells::of(self, record);
        let isbn = [Field::Isbn, Field::IsbnOrId, Field::Asin]
            .into_iter()
            .map(|field| cells.first(field))
            .find(|text| !text.is_empty());
        isbn.map_or(String::new(), |text| clean(unbracketed(text), 40))
    }

    /// The title of a row as it stands in the file.
    pub(super) fn title_text(&self, record: &Record) -> String {
        let cells = Cells::of(self, record);
        let titles = [Field::Title, Field::TitleAndAuthor].map(|field| cells.first(field));
        clean(
            titles.iter().find(|title| !title.is_empty()).unwrap_or(&""),
            MAX_TITLE,
        )
    }

    /// The kind of thing that a row lists, if that is no book.
    pub(super) fn other_than_book(&self, record: &Record) -> Option<&'static str> {
        if self
            .bin
            .is_some_and(|at| yes_or_no(record.get(at)) == Some(true))
        {
            return Some("thrown away in its program");
        }
        if !self.has(Field::ItemType) {
            return None;
        }
        let cells = Cells::of(self, record);
        let kind = words(cells.first(Field::ItemType)).concat();
        match kind.as_str() {
            "inbook" | "incollection" | "booksection" | "dictionaryentry" => {
                Some("a part of a book")
            }
            "movie" | "film" | "dvd" | "bluray" | "videorecording" | "tvbroadcast" | "video" => {
                Some("a film")
            }
            "music" | "album" | "audiorecording" | "musiccd" | "vinyl" => Some("music"),
            "game" | "videogame" | "boardgame" | "computerprogram" | "software" => Some("a game"),
            "journalarticle"
            | "newspaperarticle"
            | "magazinearticle"
            | "encyclopediaarticle"
            | "conferencepaper"
            | "preprint"
            | "inproceedings"
            | "conferenceproceedings"
            | "article" => Some("an article"),
            "webpage" | "blogpost" | "forumpost" | "podcast" | "radiobroadcast" | "email"
            | "letter" | "map" | "artwork" | "patent" | "presentation" | "attachment" | "note"
            | "interview" | "statute" | "case" | "hearing" | "bill" | "dataset" => {
                Some("something else")
            }
            _ => None,
        }
    }

    /// The book of a row. Texts are cleaned and cut to their limits.
    pub(super) fn row(&self, number: u32, record: &Record) -> Draft {
        let cells = Cells::of(self, record);
        let mut draft = Draft::default();
        let mut line = None;
        if self.is_list {
            line = Some(Line::read(cells.first(Field::Title)));
        } else if self.has_lines && cells.first(Field::Title).is_empty() {
            line = Some(Line::read(cells.first(Field::TitleAndAuthor)));
        }
        let given = match &line {
            Some(line) => &line.title,
            None => self.title_cell(&cells),
        };
        let given = draft.cut(given, MAX_TITLE, "title");
        let (title, series) = self.title(&cells, &given, &mut draft);
        let authors = match &line {
            Some(line) if !line.author.is_empty() => names_in(&line.author, NameOrder::Unknown),
            _ => self.authors(&cells, record, &mut draft),
        };
        let stars = line.as_ref().and_then(|line| line.rating);
        let mark = match &line {
            Some(line) => line.is_read,
            None => without_mark(&given).1,
        };
        if [Some(&given), authors.first()]
            .into_iter()
            .flatten()
            .any(|text| text.contains('\u{fffd}'))
        {
            draft.warn("has characters that could not be read".to_owned());
        }
        let mut source = self.source(&cells, &mut draft);
        source.user_rating = source.user_rating.or(stars);
        source.reading_status = (source.reading_status).or(mark.map(|is_read| match is_read {
            true => ReadingStatus::Read,
            false => ReadingStatus::ToRead,
        }));
        let isbn = match line {
            Some(Line { isbn, .. }) if self.is_list => match isbn {
                Some(Err(error)) => {
                    draft.bad_isbn = Some(error);
                    None
                }
                Some(Ok(isbn)) => Some(isbn),
                None => None,
            },
            _ => self.isbn(&cells, &mut draft, &mut source),
        };
        for (column, text) in cells.all(Field::Year) {
            let is_day = || PartialDate::parse(text).is_some_and(|date| date.day().is_some());
            if self.program == Program::Other && is_bare_date(&column.name) && is_day() {
                draft.list(
                    column,
                    text,
                    ": only the year is kept, as that of publication",
                );
            }
        }
        let mut publication = cells.first(Field::Publication);
        // "London : Pod, c2001.", as libraries write it.
        let (by_place, mut place_year) = (publication.split_once(" : "), None);
        if let Some((_, after)) = by_place
            && self.program != Program::LibraryThing
        {
            let (name, rest) = after.rsplit_once(',').unwrap_or((after, ""));
            place_year = year_of(rest.trim().trim_end_matches('.'));
            publication = if place_year.is_some() { name } else { after };
        }
        // A column "Publication" may have the day, and not who published it.
        let published = PartialDate::parse(publication).filter(|_| !says_more(publication));
        if published.is_some() {
            publication = "";
        }
        let publisher = draft.cut(cells.first(Field::Publisher), MAX_NAME, "publisher");
        for field in [
            Field::Title,
            Field::Subtitle,
            Field::Publisher,
            Field::Publication,
            Field::WorkId,
            Field::BookId,
            Field::GoodreadsId,
            Field::LibraryThingId,
        ] {
            draft.only_first(&cells, field);
        }
        let (format, binding) = format_of(&cells, publication, &mut draft);
        let imported = Imported {
            row: number,
            authors,
            // "Ace (1990), Edition: Reprint, Paperback, 535 pages"
            publisher: non_empty(&publisher, MAX_NAME)
                .or_else(|| non_empty(publication.split(['(', ',']).next()?, MAX_NAME)),
            year: draft
                .first_read(cells.all(Field::Year), |text| {
                    short_year(text).or_else(|| year_of(text))
                })
                .or(published.map(|date| date.year))
                .or(place_year),
            original_year: draft.first_read(cells.all(Field::OriginalYear), year_of),
            pages: draft
                .first_read(cells.all(Field::Pages), |text| {
                    count(text).filter(|pages| *pages < 100_000)
                })
                .filter(|pages| *pages > 0),
            format,
            binding,
            given_title: Some(given).filter(|given| !given.is_empty() && *given != title),
            series: series.clone(),
            source,
        };
        draft.row = Row {
            wanted: Wanted {
                title,
                author: imported.authors.first().cloned().unwrap_or_default(),
                isbn,
                work_id: cells.all(Field::WorkId).find_map(|(column, text)| {
                    let key = work_key(text);
                    // LibraryThing's are numbers of its own, others' those of editions.
                    if key.is_some() && text.contains(char::is_whitespace) {
                        draft.list(column, text, ": only the key is kept");
                    } else if key.is_none() && !is_id(text.rsplit('/').next().unwrap_or_default()) {
                        draft.not_understood(column, text);
                    }
                    key
                }),
                series,
            },
            imported,
        };
        draft
    }

    /// The cell of a row's title: of a book that has none, and nothing else that tells it, that of
    /// its series.
    fn title_cell<'c>(&self, cells: &'c Cells<'_>) -> &'c str {
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

    fn title(&self, cells: &Cells<'_>, given: &str, draft: &mut Draft) -> (String, Option<Series>) {
        let (unmarked, _) = without_mark(given);
        let (mut title, mut split) = split_series(without_edition(unmarked));
        let position = || {
            let places = cells.all(Field::SeriesPosition);
            // A volume may be one of a set within the series.
            let mut places: Vec<_> = places.collect();
            places.sort_by_key(|(column, _)| column.is_volume);
            (places.iter()).find_map(|(column, text)| Some((column.is_volume, place(text)?)))
        };
        for (column, text) in cells.all(Field::Series) {
            if text
                .split([';', '|'])
                .filter(|name| !name.trim().is_empty())
                .count()
                > 1
            {
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
                || matches!(words(text).concat().as_str(), "standalone" | "einzelband")
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

    /// The authors among further people, and what the others did: LibraryThing has their roles in a
    /// column beside them.
    fn by_role(&self, people: &str, record: &Record) -> (String, Vec<String>) {
        let roles = self.roles.map_or("", |at| record.get(at));
        let mut roles = roles.split('|').map(str::trim);
        let mut authors = Vec::new();
        let mut others = Vec::new();
        for person in people.split('|') {
            let role = roles.next().unwrap_or_default();
            match role.is_empty() || words(role).iter().any(|word| word.ends_with("author")) {
                true => authors.push(person),
                false => others.push(quoted(&format!("{} ({role})", person.trim()), 100)),
            }
        }
        (authors.join("|"), others)
    }

    fn authors(&self, cells: &Cells<'_>, record: &Record, draft: &mut Draft) -> Vec<String> {
        let has_author = cells.all(Field::Author).next().is_some();
        let in_parts = match has_author {
            true => Vec::new(),
            false => names_in_parts(cells, draft),
        };
        let mut helpers = Vec::new();
        let mut in_column = |(column, text): (&Column, &str)| {
            let cut = without_helpers(text);
            let text = cut.as_ref().map_or(text, |(authors, _)| authors.as_str());
            helpers.extend(cut.iter().flat_map(|(_, helped)| helped.clone()));
            match self.program {
                // Goodreads' authors are each in a column of their own.
                Program::Goodreads if column.field == Some(Field::Author) => {
                    vec![clean(text, MAX_NAME)]
                }
                Program::Other if column.names == NameOrder::LastFirst => {
                    let (names, are_doubted) = self.known_names.names_in(text);
                    if are_doubted {
                        draft.list(column, text, " was read as two people");
                    }
                    names
                }
                _ => names_in(text, column.names),
            }
        };
        let mut names: Vec<String> = cells
            .all(Field::Author)
            .map(&mut in_column)
            .find(|names| !names.is_empty())
            .unwrap_or_default();
        if names.is_empty() {
            names = in_parts;
        }
        if names.is_empty() {
            let (sorted, order) = (cells.first(Field::AuthorLastFirst), NameOrder::LastFirst);
            names = match self.program {
                Program::Goodreads => vec![first_last(sorted)],
                _ => names_in(sorted, order),
            };
        }
        let mut no_authors = Vec::new();
        for (column, text) in cells.all(Field::MoreAuthors) {
            let (authors, others) = self.by_role(text, record);
            names.extend(in_column((column, &authors)));
            no_authors.extend(others);
        }
        names = distinct(names);
        let mut others = Vec::new();
        if self.program != Program::Goodreads {
            let turned = cells.all(Field::AuthorLastFirst).filter(|(_, text)| {
                let turned = names_in(text, NameOrder::LastFirst);
                !(turned.iter()).any(|name| names.iter().any(|other| same_person(other, name)))
            });
            others.extend(turned);
        }
        for (at, (column, text)) in cells.all(Field::Author).skip(1).enumerate() {
            if at >= MAX_AUTHOR_CELLS || names.len() >= MAX_AUTHORS {
                others.push((column, text));
                continue;
            }
            let (known, new): (Vec<_>, Vec<_>) = distinct(in_column((column, text)))
                .into_iter()
                .partition(|name| names.iter().any(|other| same_person(other, name)));
            match known.is_empty() && !names.is_empty() {
                true => others.push((column, text)),
                false => names.extend(new),
            }
        }
        no_authors.extend(helpers.iter().map(|helper| quoted(helper, 100)));
        for other in no_authors {
            draft.warn(format!("{other} is no author"));
        }
        for (column, text) in others {
            draft.not_taken(column, text);
        }
        let names = distinct(names);
        if names.len() == MAX_AUTHORS {
            draft.warn(format!("no more than {MAX_AUTHORS} authors are kept"));
        }
        // A cut may leave white space, which goes as well.
        let is_cut = |name: &String| name.chars().count() + 1 >= MAX_NAME;
        if names.iter().any(is_cut) {
            draft.warn(format!("an author's name cut to {MAX_NAME} characters"));
        }
        names
    }

    /// The first valid ISBN of a row.
    fn isbn(&self, cells: &Cells<'_>, draft: &mut Draft, source: &mut Source) -> Option<Isbn> {
        let mut found: Option<Isbn> = None;
        let mut wrong = None;
        for field in [Field::Isbn, Field::IsbnOrId, Field::Asin] {
            for (column, text) in cells.all(field) {
                let text = unbracketed(text);
                let restored = || Isbn::restored(text).filter(|_| column.lacks_zeros);
                match Isbn::find_whole(text).or_else(|wrong| restored().ok_or(wrong)) {
                    _ if text.is_empty() => {}
                    Ok(isbn) if isbn.is_placeholder() => {
                        wrong = wrong.or(Some(IsbnError::Placeholder));
                    }
                    Ok(isbn) => {
                        if has_words_beside_number(text) {
                            draft.list(column, text, ": only the number is kept");
                        }
                        let tokens = text.split(|c: char| !c.is_alphanumeric() && c != '-');
                        // Two take twenty characters.
                        let most = if text.len() < 20 { 0 } else { 20 };
                        for other in tokens
                            .take(most)
                            .filter_map(|token| Isbn::parse(token).ok())
                        {
                            if other != isbn {
                                draft.warn(format!("has another ISBN too: {other}"));
                            }
                        }
                        match found {
                            None => found = Some(isbn),
                            Some(other) if other == isbn => {}
                            Some(_) => draft.warn(format!("has another ISBN too: {isbn}")),
                        }
                    }
                    Err(_) if is_asin(text) => {
                        let asin = text.to_uppercase();
                        match &source.asin {
                            Some(other) if *other != asin => draft.not_taken(column, text),
                            _ => source.asin = Some(asin),
                        }
                    }
                    Err(IsbnError::CheckDigit | IsbnError::Rounded) if field != Field::Isbn => {
                        wrong = wrong.or(Some(IsbnError::CheckDigit));
                    }
                    // An id of the program's own.
                    Err(_) if field == Field::IsbnOrId && is_id(text) => {}
                    Err(_) if field != Field::Isbn => draft.not_understood(column, text),
                    Err(error) => {
                        (column.not_understood).set(column.not_understood.get().saturating_add(1));
                        wrong = wrong.or(Some(error));
                    }
                }
            }
        }
        for (_, text) in cells.all(Field::Identifiers) {
            for id in text.split([',', ';', ' ', '|']).take(50) {
                found =
                    found.or_else(|| Isbn::parse(id).ok().filter(|isbn| !isbn.is_placeholder()));
                if let Some((kind, id)) = id.split_once(':') {
                    let id = id.trim();
                    if kind.contains("goodreads") && is_number(id) {
                        source.goodreads_id = source.goodreads_id.take().or(Some(id.to_owned()));
                    } else if is_asin(id) {
                        source.asin = source.asin.take().or(Some(id.to_uppercase()));
                    }
                }
            }
        }
        match (found, wrong) {
            (None, wrong) => draft.bad_isbn = wrong,
            (Some(_), Some(wrong)) => draft.warn(format!("has another number too: {wrong}")),
            (Some(_), None) => {}
        }
        found
    }

    fn source(&self, cells: &Cells<'_>, draft: &mut Draft) -> Source {
        let mut reading = Times::default();
        let mut labels = Labels::default();
        let mut stated = None;
        for (column, text) in cells.all(Field::Status) {
            let named = match self.program {
                Program::Kobo => status_of_kobo(text).or_else(|| status(text)),
                _ => status(text),
            }
            .or_else(|| (text.ends_with('%') || is_left(text)).then(|| status_of_progress(text))?)
            .or_else(|| status_of_code(text));
            if text.ends_with('%')
                && text.starts_with(|c: char| c.is_ascii_digit())
                && named == Some(ReadingStatus::CurrentlyReading)
            {
                draft.list(column, text, " itself is not kept");
            }
            // "read, owned"
            if named.is_none()
                && let Some(status) = split_labels(text).find_map(|label| status(&label))
            {
                if stated.is_some_and(|stated| stated != status) {
                    draft.not_taken(column, text);
                }
                stated = stated.or(Some(status));
                for label in split_labels(text) {
                    match self::status(&label) {
                        Some(other) if other == status => labels.add_status_word(&label),
                        _ => labels.add(&label),
                    }
                }
                continue;
            }
            match named {
                Some(status) => {
                    if stated.is_some_and(|stated| stated != status) {
                        draft.not_taken(column, text);
                    }
                    stated = stated.or(Some(status));
                    labels.add_status_word(text);
                    if !reading.beside_status(status, text, column) {
                        draft.list(column, text, ": only the status is kept");
                    }
                }
                // A program's code, and no shelf of the reader's.
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    draft.not_understood(column, text);
                }
                None => labels.add(text),
            }
        }
        let paired = reading.pairs(cells);
        // "Last read" of a book that is not read to its end.
        let is_part = cells
            .all(Field::Progress)
            .any(|(_, text)| status_of_progress(text) == Some(ReadingStatus::CurrentlyReading));
        let mut of_status = None;
        for field in [Field::DateRead, Field::Read] {
            for (column, text) in cells.all(field) {
                if column
                    .ordinal
                    .is_some_and(|number| paired.contains(&number))
                {
                    continue;
                }
                let by_progress = is_part.then_some(ReadingStatus::CurrentlyReading);
                let status =
                    (stated.or(by_progress)).filter(|status| *status != ReadingStatus::Read);
                match status.filter(|_| column.is_day_of_status) {
                    // The day on which it was put on the list.
                    Some(ReadingStatus::ToRead) => of_status = Some((column, text)),
                    Some(_) => draft.list(column, text, ": the book was not read to its end"),
                    None => reading.read(column, text, field, draft),
                }
            }
        }
        for (column, text) in cells.all(Field::Unread) {
            match yes_or_no(text) {
                Some(unread) => reading.mark = reading.mark.or(Some(!unread)),
                None => draft.not_understood(column, text),
            }
        }
        for (column, text) in cells.all(Field::DatesRead) {
            reading.periods(column, text, draft);
        }
        let mut marks = Vec::new();
        for (column, text) in cells.all(Field::StatusMark) {
            match (yes_or_no(text), column.mark) {
                (Some(true), Some(mark)) => marks.push((column, text, mark)),
                (Some(_), _) => {}
                (None, _) => draft.not_understood(column, text),
            }
        }
        let marked = marks.iter().map(|(.., mark)| *mark).max_by_key(status_rank);
        // "Read" beside "Want to read" has come true.
        for (column, text, _) in marks.iter().filter(|(.., mark)| Some(*mark) != marked) {
            draft.not_taken(column, text);
        }
        // "DNF" in place of stars.
        let by_rating = cells.all(Field::Rating).find_map(|(_, text)| status(text));
        let mut by_progress = None;
        for (column, text) in cells.all(Field::Progress) {
            let read = status(text).or_else(|| status_of_progress(text));
            let is_part = read == Some(ReadingStatus::CurrentlyReading)
                && text.contains(|c: char| c.is_numeric());
            if read.is_none() {
                draft.not_understood(column, text);
            } else if is_part {
                draft.list(column, text, " itself is not kept");
            }
            by_progress = by_progress.or(Some((column, text)).zip(read));
        }
        for (field, known) in [
            (Field::DateStarted, &mut reading.started),
            (Field::DateStopped, &mut reading.stopped),
        ] {
            if field == Field::DateStarted && !paired.is_empty() {
                continue;
            }
            let Some(own) = date(cells, field, draft) else {
                continue;
            };
            if let Some(other) = known.replace(own.clone())
                && !own.starts_with(&other)
            {
                draft.warn(format!(
                    "begun or given up on {other}, too: {own} was taken"
                ));
            }
        }

        let mut by_label = None;
        for (_, text) in cells.all(Field::Shelves) {
            let labels_of = |text: &str| match text.starts_with('[') {
                true => split_tags(text),
                false => split_labels(text).collect(),
            };
            for label in labels_of(text) {
                match status(&label) {
                    Some(status) if by_label.is_none() => {
                        by_label = Some(status);
                        if stated.is_none() {
                            labels.add_status_word(&label);
                        }
                        labels.add(&label);
                    }
                    // The name of the shelf whose key was read before.
                    Some(status)
                        if self.program == Program::BookWyrm && by_label == Some(status) => {}
                    _ => labels.add(&label),
                }
            }
        }
        let mut by_tag = None;
        for (_, text) in cells.all(Field::Tags) {
            for label in split_tags(text) {
                by_tag = by_tag.or_else(|| status_of_tag(&label));
                labels.add(&label);
            }
        }
        let dates_say = reading.status();
        let is_begun = |status: &ReadingStatus| *status != ReadingStatus::ToRead;
        let reading_status = stated
            .or(marked.filter(is_begun))
            .or(by_label)
            .or(dates_say)
            .or(marked)
            .or(by_tag)
            .or(by_progress.map(|(_, status)| status))
            .or(by_rating)
            .or_else(|| {
                let mut counts = cells.all(Field::ReadCount);
                counts
                    .any(|(_, text)| count(text) > Some(0))
                    .then_some(ReadingStatus::Read)
            });
        let is_read = reading_status == Some(ReadingStatus::Read);
        if let Some(((column, text), ReadingStatus::Read)) = by_progress
            && !is_read
        {
            draft.not_taken(column, text);
        }
        if reading.mark == Some(true) && reading.count.is_none() && !is_read {
            draft.warn("is marked as read, too: another column says otherwise".to_owned());
        }
        if labels.are_cut {
            draft.warn("has shelves with a name of more than 100 characters: cut".to_owned());
        }
        let (shelves, too_many) = labels.finish();
        if too_many > 0 {
            draft.warn(format!("has {too_many} shelves more than are kept"));
        }
        let mut id = |field| {
            let (column, text) = cells.all(field).next()?;
            let id = unbracketed(text).rsplit('/').next().unwrap_or_default();
            let digits = id.split(['-', '.', '?']).next().unwrap_or_default();
            if !is_number(digits) {
                draft.not_understood(column, text);
            } else if text.contains(char::is_whitespace) {
                draft.list(column, text, ": only the number is kept");
            }
            Some(digits.to_owned()).filter(|id| is_number(id) && id != "0")
        };
        let (goodreads_id, librarything_id) = match self.program {
            Program::Goodreads => (id(Field::BookId), None),
            Program::LibraryThing => (None, id(Field::BookId)),
            _ => (id(Field::GoodreadsId), id(Field::LibraryThingId)),
        };
        let (date_read, dates_read) = reading.dates();
        let (user_rating, remarks) = self.rating(cells, reading_status, draft);
        let times = |text: &str| count(text).filter(|times| *times < 10_000);
        let counted = draft.first_read(cells.all(Field::ReadCount), times);
        if let (Some(counted), Some(other)) = (counted, reading.count)
            && counted != other
        {
            let least = counted.min(other);
            draft.warn(format!(
                "read {least} times, says one column: another says more"
            ));
        }
        let read_count = counted.max(reading.count).filter(|times| *times > 0);
        Source {
            user_rating,
            reading_status,
            date_read,
            dates_read,
            date_started: reading.started,
            date_stopped: reading.stopped,
            date_added: date(cells, Field::DateAdded, draft).or_else(|| date_of(of_status?, draft)),
            read_count,
            shelves,
            review: draft.prose(cells.all(Field::Review).map(|(_, text)| text), "review"),
            notes: draft.prose(
                cells.all(Field::Notes).map(|(_, text)| text).chain(remarks),
                "notes",
            ),
            owned_copies: owned_copies(cells, draft),
            asin: None,
            goodreads_id,
            librarything_id,
        }
    }

    /// The rating, of at most 5, and the cells of a column of ratings or remarks that are none.
    fn rating<'a>(
        &self,
        cells: &'a Cells<'_>,
        reading_status: Option<ReadingStatus>,
        draft: &mut Draft,
    ) -> (Option<f64>, Vec<&'a str>) {
        let mut rating = None;
        let mut remarks = Vec::new();
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        for field in [Field::Rating, Field::RatingOrNotes] {
            for (column, text) in cells.all(field) {
                // "DNF 45%" is no rating of 45%.
                let is_status = text.starts_with(char::is_alphabetic) && status(text).is_some();
                let value = match Rating::read(text).filter(|_| !is_status) {
                    Some(Rating::None) => {
                        if has_remark(text) {
                            remarks.push(text);
                        }
                        continue;
                    }
                    Some(Rating::Share(share)) => Some(share * 5.0),
                    Some(Rating::Plain(grade)) if column.is_grade => (1.0..=6.0)
                        .contains(&grade)
                        .then_some((6.0 - grade).max(0.5)),
                    Some(Rating::Plain(value)) if value > 0.0 && value <= column.scale => {
                        Some(value * 5.0 / column.scale)
                    }
                    _ => None,
                };
                // A tiny share would come out as no rating.
                let value = value.map(hundredths).filter(|value| *value > 0.0);
                if value.is_some() && has_remark(text) {
                    remarks.push(text);
                }
                match value {
                    Some(value) => match rating {
                        None => rating = Some(value),
                        Some(other) if other == value => {}
                        Some(_) => draft.not_taken(column, text),
                    },
                    None if field == Field::RatingOrNotes => remarks.push(text),
                    None => match status(text) {
                        // "DNF"; "DNF 45%" says more than its status.
                        Some(_) if text.contains(|c: char| c.is_numeric()) => {
                            draft.not_understood(column, text);
                        }
                        Some(status) if Some(status) != reading_status => {
                            draft.not_taken(column, text);
                        }
                        Some(_) => {}
                        None => draft.not_understood(column, text),
                    },
                }
            }
        }
        (rating, remarks)
    }
}

impl Draft {
    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.contains(&warning) {
            return;
        }
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.more_warnings += 1;
        }
    }

    /// All warnings; of those beyond the most that are kept, their number.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        if self.more_warnings > 0 {
            warnings.push(format!("and {} warnings more", self.more_warnings));
        }
        warnings
    }

    /// Lists a cell, with what became of it.
    pub(super) fn list(&mut self, column: &Column, text: &str, what: &str) {
        let (name, text) = (column.reading_name(), quoted(text, 60));
        self.warn(format!("{name} {text}{what}"));
    }

    /// Lists the words beside a number, and a second year, which are not kept with it.
    pub(super) fn only_number(&mut self, column: &Column, text: &str) {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let years = (text.split(|c: char| !c.is_ascii_digit()))
            .filter(|digits| digits.len() == 4 && digits.starts_with(['1', '2']));
        let is_date = || PartialDate::parse(text).is_some() && !says_more(text);
        if has_words_beside_number(text) && !is_date() || years.count() > 1 {
            self.list(column, text, ": only the number is kept");
        }
    }

    /// Lists a cell that can be read, in a row where another cell said something else.
    pub(super) fn not_taken(&mut self, column: &Column, text: &str) {
        self.list(
            column,
            text,
            " was not taken: another column says otherwise",
        );
    }

    pub(super) fn not_understood(&mut self, column: &Column, text: &str) {
        (column.not_understood).set(column.not_understood.get().saturating_add(1));
        self.list(column, text, " was not understood");
    }

    /// Cuts a text to its limit, and records that as a problem.
    fn cut(&mut self, text: &str, max: usize, what: &str) -> String {
        let cut = clean(text, max);
        if text.chars().count() > max && clean(text, usize::MAX) != cut {
            self.warn(format!("{what} cut to {max} characters"));
        }
        cut
    }

    /// Lists the cells of a field, of which the first is kept, that say something else.
    fn only_first(&mut self, cells: &Cells<'_>, field: Field) {
        let mut all = cells.all(field);
        let Some((_, first)) = all.next() else {
            return;
        };
        for (column, text) in all.filter(|(_, text)| *text != first) {
            if words(text) != words(first) || words(text).is_empty() {
                self.not_taken(column, text);
            }
        }
    }

    /// The first value that can be read; cells that cannot, or say something else, are listed.
    fn first_read<'c, T: PartialEq>(
        &mut self,
        cells: impl Iterator<Item = (&'c Column, &'c str)>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let mut first = None;
        for (column, text) in cells {
            match read(text) {
                Some(value) if first.as_ref().is_some_and(|first| *first != value) => {
                    self.not_taken(column, text);
                }
                Some(value) => {
                    self.only_number(column, text);
                    first = Some(value);
                }
                None if text == "0" => {}
                None => self.not_understood(column, text),
            }
        }
        first
    }

    /// Texts of several lines, one after the other.
    fn prose<'c>(&mut self, texts: impl Iterator<Item = &'c str>, what: &str) -> Option<String> {
        let mut all = String::new();
        for text in texts {
            if !all.is_empty() {
                all.push_str("\n\n");
            }
            all.push_str(text);
        }
        let bare = without_markup(&all);
        let lines: Vec<String> = bare.lines().map(|line| clean(line, usize::MAX)).collect();
        let prose = lines.join("\n").trim().to_owned();
        if prose.is_empty() && !all.trim().is_empty() {
            self.warn(format!("{what} has no text: {}", quoted(&all, 60)));
        }
        match prose.char_indices().nth(MAX_PROSE) {
            Some((end, _)) => {
                self.warn(format!("{what} cut to {MAX_PROSE} characters"));
                Some(prose[..end].to_owned())
            }
            None => Some(prose).filter(|prose| !prose.is_empty()),
        }
    }
}

/// The authors whose names are in several columns: first, middle and last names.
fn names_in_parts(cells: &Cells<'_>, draft: &mut Draft) -> Vec<String> {
    let parts = || {
        cells
            .all(Field::FirstName)
            .chain(cells.all(Field::LastName))
    };
    let mut people: Vec<u32> = parts().map(|(column, _)| column.person).collect();
    people.sort_unstable();
    people.dedup();
    let mut names = Vec::new();
    for person in people {
        let mut of_person = |field, is_middle| {
            let mut cells = cells.all(field).filter(move |(column, _)| {
                column.person == person && column.is_middle == is_middle
            });
            let first = cells.next().map_or("", |(_, text)| text);
            for (column, text) in cells.filter(|(_, text)| words(text) != words(first)) {
                draft.not_taken(column, text);
            }
            first
        };
        let first = of_person(Field::FirstName, false);
        let middle = of_person(Field::FirstName, true);
        let last = of_person(Field::LastName, false);
        names.extend(non_empty(&format!("{first} {middle} {last}"), MAX_NAME));
    }
    names
}

/// Rank of a status: of several that are marked, the highest counts.
fn status_rank(status: &ReadingStatus) -> u8 {
    match status {
        ReadingStatus::ToRead => 0,
        ReadingStatus::Read => 1,
        ReadingStatus::CurrentlyReading => 2,
        ReadingStatus::DidNotFinish => 3,
    }
}

/// The status that a letter or a mark means in a column of statuses.
fn status_of_code(code: &str) -> Option<ReadingStatus> {
    match code {
        "R" | "r" | "✓" | "✔" | "✔️" | "✅" | "☑" => Some(ReadingStatus::Read),
        "CR" | "cr" => Some(ReadingStatus::CurrentlyReading),
        "WTR" | "wtr" | "TR" => Some(ReadingStatus::ToRead),
        _ => None,
    }
}

/// The status that a number means in the database of Kobo's readers.
fn status_of_kobo(code: &str) -> Option<ReadingStatus> {
    match code {
        "0" => Some(ReadingStatus::ToRead),
        "1" => Some(ReadingStatus::CurrentlyReading),
        "2" => Some(ReadingStatus::Read),
        _ => None,
    }
}

pub(super) fn year_of(text: &str) -> Option<i32> {
    let text = unbracketed(text);
    let before_christ = [
        "BC",
        "BCE",
        "B.C.",
        "v. Chr.",
        "av. J.-C.",
        "a.C.",
        "до н. э.",
    ]
    .iter()
    .find_map(|mark| text.strip_suffix(mark))
    .and_then(|text| year(text.trim()))
    .map(|year| -year);
    // "2001 (1999)"
    let first = text.split_once(" (").map_or(text, |(first, _)| first);
    year(text)
        .or(before_christ)
        .or_else(|| PartialDate::parse(text).map(|date| date.year))
        .or_else(|| year(first))
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a program's own number of a book, not words.
fn is_id(text: &str) -> bool {
    text.len() <= 40
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Amazon's number of anything that is no printed book.
fn is_asin(text: &str) -> bool {
    text.len() == 10
        && text.starts_with(['B', 'b'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// A title without the brackets in which shops name an edition: "Dune (English Edition)".
fn without_edition(title: &str) -> &str {
    let is_edition = |inside: &str| {
        let words = words(inside);
        let last = words.last().map_or("", String::as_str);
        words.len() < 4
            && matches!(
                last,
                "edition"
                    | "edicion"
                    | "edicao"
                    | "edizione"
                    | "ausgabe"
                    | "editie"
                    | "utgave"
                    | "unabridged"
                    | "ungekurzt"
                    | "ebook"
            )
    };
    match trailing_brackets(title) {
        Some((before, inside)) if is_edition(inside) => without_edition(before),
        _ => title,
    }
}

/// A title with the article in front that lists of libraries write behind it: "Hobbit, The".
fn with_article_in_front(title: String) -> String {
    const ARTICLES: [&str; 32] = [
        "The", "A", "An", "Der", "Die", "Das", "Ein", "Eine", "Le", "La", "Les", "L'", "L’", "Un",
        "Une", "El", "Los", "Las", "Una", "Il", "Lo", "Gli", "O", "Os", "As", "Um", "Uma", "De",
        "Het", "Een", "Den", "Det",
    ];
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
    if let Some((before, who)) = bare.rsplit_once(" / ")
        && let Some(name) = search_word(author)
        && words(who).contains(&words(&name).concat())
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

/// Open Library's key of a work, also as the end of an address.
fn work_key(text: &str) -> Option<String> {
    let key = text.rsplit('/').next().unwrap_or_default().trim();
    let digits = key.strip_prefix("OL")?.strip_suffix('W')?;
    is_number(digits).then(|| key.to_owned())
}

/// The format, else the binding as it stands in the file.
fn format_of(
    cells: &Cells<'_>,
    publication: &str,
    draft: &mut Draft,
) -> (Option<Format>, Option<String>) {
    let says_nothing = |text: &str| {
        matches!(
            words(text).concat().as_str(),
            "book" | "unknownbinding" | "print" | "ean13" | "ean" | "upca" | "qrcode" | "isbn"
        )
    };
    let given = || (cells.all(Field::Format)).filter(|(_, text)| !says_nothing(text));
    let format = given()
        .map(|(_, text)| text)
        // Not the publisher, whose name may hold a "CD".
        .chain(publication.split(',').skip(1))
        .find_map(Format::parse);
    let binding = given().map(|(_, text)| text).next();
    let binding = binding.filter(|_| format.is_none());
    for (column, text) in given() {
        let is_kept = match format {
            Some(_) => Format::parse(text) == format,
            None => binding.is_some_and(|binding| words(binding) == words(text)),
        };
        if !is_kept {
            draft.not_taken(column, text);
        }
    }
    let binding = binding.map(|text| draft.cut(text, MAX_NAME, "binding"));
    (format, binding.filter(|text| !text.is_empty()))
}

/// The first series of a cell, and the place in it when it says one: "Dune (1)", "Dune #1; Arrakis
/// #3", "Saga, tom 4", "Book 7 of Salt".
fn series_in(text: &str) -> Option<(String, Option<String>)> {
    let first = text.split([';', '|']).next().unwrap_or_default().trim();
    // "Salt #3 of 5"
    let first = match first.rsplit_once(" of ") {
        Some((before, all)) if before.contains('#') && is_place(all) => before,
        _ => first,
    };
    if let Some((name, inside)) = trailing_brackets(first)
        && let Some(number) = volume(inside)
    {
        return Some((non_empty(name, MAX_SERIES)?, place(&number)));
    }
    let (name, position) = match name_and_volume(first) {
        Some((name, number)) => (name.to_owned(), Some(number)),
        None => match series(first, "") {
            Some(Series {
                name,
                position: Some(position),
            }) => (name, Some(position)),
            _ => return name_and_number(first).or(Some((non_empty(first, MAX_SERIES)?, None))),
        },
    };
    let name = name.trim_end_matches([' ', '/', '-', '–', ',', ':', '.']);
    Some((
        non_empty(name, MAX_SERIES)?,
        position.as_deref().and_then(place),
    ))
}

/// The number of a volume: "3", "#3", "tom 3", "第3巻".
fn volume(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['#', '№', '第']).trim();
    let number = match text.rsplit_once([' ', '.', '\u{a0}']) {
        Some((label, word)) if is_volume_label(label) => match number(&word.to_lowercase()) {
            // "Book Five"
            Some(number) if !is_place(word) => return Some(number.to_string()),
            _ => word,
        },
        _ => text.trim_end_matches(['巻', '卷', '册', '冊', '集', '部', '권']),
    };
    is_place(number).then(|| number.to_owned())
}

/// Splits a series from a volume that a word announces: behind it, or in front of it.
fn name_and_volume(text: &str) -> Option<(&str, String)> {
    // "シリーズ 第3巻"
    if let Some((name, counted)) = text.rsplit_once('第')
        && !name.trim().is_empty()
        && let Some(number) = volume(counted)
    {
        return Some((name, number));
    }
    // "#4 in the Salt series", "Book 7 of Salt"
    for between in [" of ", " in ", " von ", " aus ", " de ", " di "] {
        if let Some((counted, name)) = text.split_once(between)
            && counted.starts_with(|c: char| c == '#' || c.is_alphabetic())
            && let Some(number) = volume(counted)
        {
            let name = name.strip_prefix("the ").unwrap_or(name);
            return Some((name.strip_suffix(" series").unwrap_or(name), number));
        }
    }
    // "Saga, tom 4", "Saga t. 4", "Saga, n° 4"
    let (before, number) = text.rsplit_once(' ')?;
    let (name, label) = before.rsplit_once(' ')?;
    let number = number.trim_end_matches('.');
    (is_place(number) && is_volume_label(label)).then(|| (name, number.to_owned()))
}

/// Whether a word announces the number of a volume in the series that it stands behind.
fn is_volume_label(word: &str) -> bool {
    const LABELS: &str = "t tom tomi tomos cz czesc cast dil svazek knjiga kniha konyv kotet cilt osa del n no номер книга \
        том часть кн т ч volym volum vuelta numero numer";
    let word = words(word).concat();
    crate::series::is_label(&word)
        || LABELS
            .split_whitespace()
            .any(|label| words(label).concat() == word)
}

/// Whether a text is a place in a series, in digits: "3", "1.5", "1-3".
fn is_place(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() < 12
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '–' | ' '))
}

/// Splits a cell of a column of series into name and place: "Salt Saga 5", "Salt Saga II", "#7 Salt
/// Saga".
fn name_and_number(text: &str) -> Option<(String, Option<String>)> {
    let (name, place) = match text.strip_prefix('#') {
        Some(rest) => {
            let (place, name) = rest.split_once(' ')?;
            (name, place)
        }
        None => text.rsplit_once(' ')?,
    };
    let is_roman =
        |word: &str| word.len() > 1 && word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'));
    let is_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let known = number(&place.to_lowercase()).filter(|number| (1..=60).contains(number))?;
    // "Salz / 2"
    let name = name.trim_end_matches([' ', '/', '-', '–', ',', ':']);
    (is_digits(place) || is_roman(place))
        .then(|| Some((non_empty(name, MAX_SERIES)?, Some(known.to_string()))))?
}

/// Number of copies that the reader owns: the most that a column says, for one may say only that it
/// is owned.
fn owned_copies(cells: &Cells<'_>, draft: &mut Draft) -> Option<u32> {
    let read = |text: &str| match yes_or_no(text) {
        Some(owned) if !text.bytes().all(|byte| byte.is_ascii_digit()) => Some(u32::from(owned)),
        _ => count(text),
    };
    let mut most = None;
    for (column, text) in cells.all(Field::OwnedCopies) {
        match read(text) {
            Some(copies) => {
                if yes_or_no(text).is_none() {
                    draft.only_number(column, text);
                }
                most = most.max(Some(copies));
            }
            None => draft.not_understood(column, text),
        }
    }
    most.filter(|copies| *copies > 0)
}

/// Whether two names are of one series: one may say less, as "Salt" of "The Salt Saga".
fn is_same_series(a: &str, b: &str) -> bool {
    let bare = |name: &str| without_series_word(&words(name)).join(" ");
    let (a, b) = (bare(a), bare(b));
    a == b || a.starts_with(&format!("{b} ")) || b.starts_with(&format!("{a} "))
}

/// Whether two places in a series are one: "3" and "03", "1-3" and "01 – 03".
pub(super) fn is_same_place(a: &str, b: &str) -> bool {
    let bare = |place: &str| {
        let ends = place.split(['-', '–']).map(|end| {
            let end = end.trim().to_lowercase().replace(',', ".");
            match number(&end) {
                Some(number) => number.to_string(),
                None => end.trim_start_matches('0').to_owned(),
            }
        });
        ends.collect::<Vec<_>>()
    };
    bare(a) == bare(b)
}

/// A place in a series without its sign and the fraction of a number column: "1", "1.5", "1-3".
fn place(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('#');
    // "1 of 3", "2/5"
    let first = text.split([' ', '/']).next().unwrap_or_default();
    let rest = text[first.len()..].trim_start_matches([' ', '/']);
    let all = rest.rsplit(' ').next().unwrap_or_default();
    let is_of_all = is_place(first)
        && all.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(rest.split(' ').next(), Some("of" | "von" | "de" | "sur"))
        || text.contains('/') && is_place(first) && is_place(rest);
    let text = match is_of_all {
        true => first,
        false => text,
    };
    // "Book 1", "Bd. 2"
    if let Some((label, number)) = text.rsplit_once(' ')
        && is_volume_label(label)
        && let Some(number) = volume(text).or_else(|| Some(number.to_owned()))
    {
        return non_empty(&number, MAX_PLACE);
    }
    let text = text
        .strip_suffix(".0")
        .or(text.strip_suffix(".00"))
        .unwrap_or(text);
    non_empty(text, MAX_PLACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_in_a_cell_of_their_own() {
        for (text, name, position) in [
            ("Dune", "Dune", None),
            ("Dune (1)", "Dune", Some("1")),
            ("Lernmaterialien(2)", "Lernmaterialien", Some("2")),
            (
                "The Ash Saga: The First Trilogy (#1.0)",
                "The Ash Saga: The First Trilogy",
                Some("1"),
            ),
            ("Dune #1; Arrakis #3", "Dune", Some("1")),
            ("Dune, Book 2", "Dune", Some("2")),
        ] {
            let (read, place) = series_in(text).unwrap();
            assert_eq!((&*read, place.as_deref()), (name, position), "{text}");
        }
        for (text, name, position) in [
            ("Salt Saga 5", "Salt Saga", Some("5")),
            ("Salt Saga II", "Salt Saga", Some("2")),
            ("#7 Salt Saga", "Salt Saga", Some("7")),
            ("Wiedźmin (tom 1)", "Wiedźmin", Some("1")),
            ("Wiedźmin t. 4", "Wiedźmin", Some("4")),
            ("Saga, část 3", "Saga", Some("3")),
            ("Мир (книга 2)", "Мир", Some("2")),
            ("シリーズ 第3巻", "シリーズ", Some("3")),
            ("#4 in the Salt series", "Salt", Some("4")),
            ("Book 7 of Salt", "Salt", Some("7")),
            ("Salt, n° 5", "Salt", Some("5")),
            ("Salt [6]", "Salt", Some("6")),
            ("Salt #3 of 5", "Salt", Some("3")),
            ("Salt (Book Five)", "Salt", Some("5")),
            ("Book Five of Salt", "Salt", Some("5")),
            ("Salt Saga, Bd. 1.5", "Salt Saga", Some("1.5")),
            ("Les Rois maudits, tome 3", "Les Rois maudits", Some("3")),
            ("The Wheel of Time", "The Wheel of Time", None),
            ("Kids of 99", "Kids of 99", None),
            ("Warhammer 40000", "Warhammer 40000", None),
            ("Chapter I", "Chapter I", None),
        ] {
            let (read, place) = series_in(text).unwrap();
            assert_eq!((&*read, place.as_deref()), (name, position), "{text}");
        }
        assert_eq!(series_in(" ; x"), None);
    }
}
