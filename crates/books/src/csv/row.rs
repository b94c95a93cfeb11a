//! Reading one row as a book.

mod authors;
mod cells;
mod draft;
mod edition;
mod number;
mod rating;
mod series;
mod source;
mod title;

pub(super) use cells::Cells;
pub(super) use draft::Draft;
pub(super) use edition::{Formats, year_of};
pub(super) use series::is_same_place;

use super::Row;
use super::columns::{Columns, Program};
use super::field::Field;
use super::headers::is_bare_date;
use super::line::{Line, of_box, without_mark};
use super::people::without_helpers;
use super::records::Record;
use super::status::yes_or_no;
use super::values::{count, unbracketed};
use crate::date::{PartialDate, says_more, short_year};
use crate::name::{NameOrder, names_in};
use crate::text::{clean, joined, non_empty, quoted};
use crate::word_list::is_in;
use crate::{Imported, ReadingStatus, Wanted};
use edition::format_of;
pub(super) use number::number_in;
use number::{is_id, work_key};
use title::without_form;

const MAX_TITLE: usize = 500;
const MAX_NAME: usize = 300;

impl Columns {
    /// The ISBN of a row as it stands in the file.
    pub(super) fn isbn_text(&self, record: &Record) -> String {
        let cells = Cells::of_fields(self, record, |field| {
            matches!(field, Field::Isbn | Field::IsbnOrId | Field::Asin)
        });
        let isbn = [Field::Isbn, Field::IsbnOrId, Field::Asin]
            .into_iter()
            .map(|field| cells.first(field))
            .find(|text| !text.is_empty());
        isbn.map_or(String::new(), |text| clean(unbracketed(text), 40))
    }

    /// The title of a row as it stands in the file.
    pub(super) fn title_text(&self, record: &Record) -> String {
        let is_title = |field| matches!(field, Field::Title | Field::TitleAndAuthor);
        let cells = Cells::of_fields(self, record, is_title);
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
        if !self.tells_kinds {
            return None;
        }
        let cells = Cells::of_fields(self, record, |field| {
            matches!(field, Field::ItemType | Field::Format)
        });
        let kind = [Field::ItemType, Field::Format].map(|field| cells.first(field));
        let kind = kind.into_iter().find(|kind| !kind.is_empty());
        let kind = joined(kind.unwrap_or_default());
        /// What the kinds of things are called that are no books.
        const OTHERS: [(&str, &str); 6] = [
            (
                "a part of a book",
                "inbook incollection booksection dictionaryentry",
            ),
            (
                "a film",
                "movie film tv anime dvd bluray videorecording tvbroadcast video",
            ),
            ("music", "music album audiorecording musiccd vinyl"),
            (
                "a game",
                "game videogame boardgame computerprogram software",
            ),
            (
                "an article",
                "journalarticle newspaperarticle magazinearticle encyclopediaarticle \
                conferencepaper preprint inproceedings conferenceproceedings article",
            ),
            (
                "something else",
                "webpage blogpost forumpost podcast radiobroadcast email letter map artwork \
                patent presentation attachment note interview statute case hearing bill \
                dataset",
            ),
        ];
        let mut others = OTHERS.iter();
        others
            .find(|(_, kinds)| is_in(kinds, &kind))
            .map(|(other, _)| *other)
    }

    /// The book of a row. Texts are cleaned and cut to their limits.
    pub(super) fn row(&self, number: u32, record: &Record) -> Draft {
        let cells = Cells::of(self, record);
        let mut draft = Draft::default();
        for (column, text) in &cells.broken {
            draft.has_broken_cells = true;
            draft.list(column, text, " is the error of a formula");
        }
        let line = if self.is_list {
            Some(cells.first(Field::Title))
        } else if self.has_lines && cells.first(Field::Title).is_empty() {
            Some(cells.first(Field::TitleAndAuthor))
        } else {
            None
        };
        let mut form = None;
        let line = line.map(|line| {
            let bare;
            (bare, form) = without_form(self.without_number(line));
            Line::read(bare, self.habits)
        });
        let given = match &line {
            Some(line) => &line.title,
            None => self.title_cell(&cells),
        };
        let given = draft.cut(given, MAX_TITLE, "title");
        let numbered = match &line {
            Some(_) => None,
            None => number_in(&given),
        };
        let bare = numbered
            .as_ref()
            .map_or(given.as_str(), |(_, rest)| rest.as_str());
        let bare = match &line {
            Some(_) => bare,
            None => self.without_number(bare),
        };
        form = form.or(without_form(bare).1);
        let (title, series) = self.title(&cells, bare, &mut draft);
        let authors = match &line {
            Some(line) if !line.author.is_empty() => {
                let cut = without_helpers(&line.author);
                let (author, helpers) = cut.unwrap_or((line.author.clone(), Vec::new()));
                for helper in helpers {
                    draft.warn(format!("{} is no author", quoted(&helper, 100)));
                }
                names_in(&author, NameOrder::Unknown)
            }
            _ => self.authors(&cells, record, &mut draft),
        };
        let stars = line.as_ref().and_then(|line| line.rating);
        let mark = match &line {
            Some(line) => line.status,
            None => without_mark(&given).1.map(of_box),
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
        source.reading_status = (source.reading_status).or(mark);
        if let Some(day) = line.as_ref().and_then(|line| line.day) {
            let status = source.reading_status.get_or_insert(ReadingStatus::Read);
            let date = match status {
                ReadingStatus::Read => &mut source.date_read,
                _ => &mut source.date_added,
            };
            date.get_or_insert(day.to_string());
        }
        let in_title = match &line {
            Some(line) => line.isbn,
            None => numbered.map(|(isbn, _)| Ok(isbn)),
        };
        let mut isbn = match self.is_list {
            true => None,
            false => self.isbn(&cells, &mut draft, &mut source),
        };
        match (isbn, in_title) {
            (None, Some(Ok(found))) => isbn = Some(found),
            (None, Some(Err(error))) => draft.bad_isbn = Some(error),
            (Some(isbn), Some(Ok(other))) if isbn != other => {
                draft.warn(format!("has another ISBN too: {other}"));
            }
            _ => {}
        }
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
        let (mut format, binding) = format_of(&self.formats, &cells, publication, &mut draft);
        if format.is_none() && binding.is_none() {
            format = form;
        }
        let (cited, cited_year) =
            line.map_or((String::new(), None), |line| (line.publisher, line.year));
        let imported = Imported {
            row: number,
            authors,
            // "Ace (1990), Edition: Reprint, Paperback, 535 pages"
            publisher: non_empty(&publisher, MAX_NAME)
                .or_else(|| non_empty(publication.split(['(', ',']).next()?, MAX_NAME))
                .or_else(|| non_empty(&cited, MAX_NAME)),
            year: draft
                .first_read(cells.all(Field::Year), |text| {
                    short_year(text).or_else(|| year_of(text))
                })
                .or(published.map(|date| date.year))
                .or(place_year)
                .or(cited_year),
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
}
