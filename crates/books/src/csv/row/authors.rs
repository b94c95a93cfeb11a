//! The authors of a row.

use super::MAX_NAME;
use super::cells::Cells;
use super::draft::Draft;
use crate::csv::columns::{Column, Columns, Program};
use crate::csv::field::Field;
use crate::csv::people::without_helpers;
use crate::csv::records::Record;
use crate::name::{MAX_AUTHORS, NameOrder, distinct, first_last, names_in, same_person};
use crate::text::{clean, non_empty, quoted, words};

/// Number of further columns of authors that are looked at.
const MAX_AUTHOR_CELLS: usize = 8;

impl Columns {
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

    pub(super) fn authors(
        &self,
        cells: &Cells<'_>,
        record: &Record,
        draft: &mut Draft,
    ) -> Vec<String> {
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
}

/// The authors whose names are in several columns: first, middle and last names.
fn names_in_parts(cells: &Cells<'_>, draft: &mut Draft) -> Vec<String> {
    let parts = || {
        cells
            .all(Field::FirstName)
            .chain(cells.all(Field::LastName))
    };
    let after = |last: Option<u32>| {
        let people = parts().map(|(column, _)| column.person);
        people.filter(|person| Some(*person) > last).min()
    };
    let people = std::iter::successors(after(None), |last| after(Some(*last)));
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
