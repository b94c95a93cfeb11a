//! Rows of a table that are no books: the header once more, headings between books, totals below.

use super::Row;
use super::columns::Columns;
use super::field::Field;
use super::line::is_footnote;
use super::records::Record;
use super::status::status;
use crate::date::month_by_name;
use crate::digits::ascii_digits;
use crate::text::words;

/// Words that stand before or behind a number of books.
const TOTALS: &str = "page of total totals sum subtotal books read pages finished count average summe gesamt insgesamt \
    bücher gelesen seiten totale somma libri letti pagine livres lus leídos libros páginas suma totaal boeken gelezen \
    razem итого всего книг прочитано 合計 合计 总计 総計 冊 anzahl durchschnitt buch moyenne nombre de media promedio \
    numero gemiddelde aantal średnia";

impl Columns {
    /// Whether a row names the columns again, as files do that were put together from several.
    pub(super) fn is_header(&self, record: &Record) -> bool {
        let mut named = 0;
        for (at, column) in self.columns.iter().enumerate() {
            let cell = record.get(at).trim();
            if cell.is_empty() {
                continue;
            }
            if words(cell) != words(&column.name) {
                return false;
            }
            named += usize::from(column.field.is_some());
        }
        named > 1
    }

    /// Recognises a row that is no book by its title, such as a heading or a total; returns what it
    /// is.
    ///
    /// `has_headings` says whether there were headings before.
    pub(super) fn no_title(
        &self,
        record: &Record,
        row: &Row,
        has_headings: bool,
    ) -> Option<&'static str> {
        let wanted = &row.wanted;
        let is_told = wanted.isbn.is_some() || wanted.work_id.is_some();
        let may_be_title = !row.imported.authors.is_empty() || !self.has_authors;
        if is_told || !self.is_list && may_be_title {
            return None;
        }
        let title = words(&ascii_digits(&wanted.title));
        if title.is_empty() {
            return None;
        }
        if self.is_list {
            let number = row.imported.row;
            if (self.points).is_some_and(|(first, last)| number < first || number > last) {
                return Some("a line beside the list");
            }
            let is_heading = wanted.title.ends_with([':', '：']);
            return (is_heading && wanted.author.is_empty()).then_some("a heading");
        }
        let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        let totals = words(TOTALS);
        let counted = title.iter().filter(|word| !is_number(word));
        let is_count =
            counted.clone().count() > 0 && counted.clone().all(|word| totals.contains(word));
        let says_number = title.iter().any(is_number)
            || title
                .iter()
                .any(|word| matches!(word.as_str(), "total" | "totals" | "sum" | "summe"));
        if is_count && (says_number || title.len() == 1 && self.has_number(record)) {
            return Some("a total");
        }
        if !self.names_authors {
            return None;
        }
        let is_alone = || {
            let columns = self.columns.iter().enumerate();
            columns
                .filter(|(at, _)| !record.get(*at).trim().is_empty())
                .all(|(_, column)| column.field == Some(Field::Title))
        };
        let given = row.imported.given_title.as_ref();
        if self.has_footnotes && is_footnote(given.unwrap_or(&wanted.title)) && is_alone() {
            return Some("a footnote");
        }
        let is_year = |word: &String| {
            is_number(word)
                && word
                    .parse()
                    .is_ok_and(|year: u32| (1990..2036).contains(&year))
        };
        let is_time = title
            .iter()
            .all(|word| is_year(word) || word.chars().count() > 2 && month_by_name(word).is_some());
        // "Exported by BookApp on 2021-03-04"
        let is_note = matches!(
            title[0].as_str(),
            "exported" | "generated" | "exportiert" | "exporte" | "exportado" | "esportato"
        );
        if is_note && is_alone() {
            return Some("a note of the program");
        }
        // "FANTASY" below "January"
        let is_loud = has_headings && !wanted.title.contains(char::is_lowercase);
        let is_heading = is_time || is_loud || status(&wanted.title).is_some();
        (is_heading && is_alone()).then_some("a heading")
    }

    fn has_number(&self, record: &Record) -> bool {
        let mut cells = record.fields().map(str::trim);
        cells.any(|cell| {
            let is_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
            !cell.is_empty() && cell.bytes().all(is_number)
        })
    }
}
