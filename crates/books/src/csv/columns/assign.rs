//! The fields of columns, by their headers and by what stands below them.

use super::{ADDED_COLUMNS, Column};
use crate::csv::content;
use crate::csv::field::{Field, IDENTITIES};
use crate::csv::headers;
use crate::csv::reading::Certainty;
use crate::csv::records::Record;
use crate::text::{joined, words};
use crate::word_list::is_in;

/// Names of columns of a person's middle name, comparable and written as one word.
pub(super) const MIDDLE_NAMES: [&str; 4] = ["middle", "middlename", "mi", "middleinitial"];

pub(super) fn by_headers(names: &[String], sample: &[Record]) -> Vec<Column> {
    let mut columns: Vec<Column> = (names.iter())
        .map(|name| match headers::meaning(name) {
            _ if ADDED_COLUMNS.contains(&name.as_str()) => {
                Column::new(name, None, Certainty::Given)
            }
            Some(meaning) => Column {
                language_order: meaning.order,
                ..Column::new(name, Some(meaning.field), meaning.certainty)
            },
            None => Column::new(name, None, Certainty::Guessed),
        })
        .collect();
    if (columns.iter()).any(|column| column.field == Some(Field::Title)) {
        for column in &mut columns {
            if column.field == Some(Field::TitleAndAuthor) {
                column.field = headers::beside_titles(&column.name).or(column.field);
            }
        }
    }
    recognise_unnamed(&mut columns, sample);
    let has_author = (columns.iter()).any(|column| {
        use Field::{Author, AuthorLastFirst, FirstName, LastName, TitleAndAuthor};
        let people = [Author, AuthorLastFirst, FirstName, LastName, TitleAndAuthor];
        column.field.is_some_and(|field| people.contains(&field))
    });
    if !has_author
        && let Some(people) =
            (columns.iter_mut()).find(|column| joined(&column.name) == "contributors")
    {
        people.field = Some(Field::Author);
    }
    // "#" beside a series
    if columns
        .iter()
        .any(|column| column.field == Some(Field::Series))
    {
        for column in columns
            .iter_mut()
            .filter(|column| column.name.trim() == "#")
        {
            column.field = column.field.or(Some(Field::SeriesPosition));
        }
        // "Number" behind it
        for at in 1..columns.len() {
            let is_number = matches!(
                joined(&columns[at].name).as_str(),
                "number" | "no" | "nr" | "nummer" | "numero"
            );
            if is_number && columns[at - 1].field == Some(Field::Series) {
                columns[at].field = columns[at].field.or(Some(Field::SeriesPosition));
            }
        }
    }
    // Names in words that nobody knows: what stands below them tells.
    let has_known = |known: &[Field]| {
        let mut fields = columns.iter().filter_map(|column| column.field);
        fields.any(|field| known.contains(&field))
    };
    if !has_known(&IDENTITIES) && !has_known(&[Field::Author]) {
        for (column, field) in columns.iter_mut().zip(content::likely_fields_of(sample)) {
            column.field = column.field.or(field);
        }
    }
    columns
}

/// Takes columns without a name for what their cells are, where no other column is.
pub(super) fn recognise_unnamed(columns: &mut [Column], sample: &[Record]) {
    for at in 0..columns.len() {
        let is_unknown = columns[at].field.is_none() && columns[at].certainty != Certainty::Given;
        if !is_unknown || !headers::is_no_name(&columns[at].name) {
            continue;
        }
        let has = |fields: &[Field]| {
            let mut known = columns.iter().filter_map(|column| column.field);
            known.any(|field| fields.contains(&field))
        };
        columns[at].field = content::field_of(sample, at).filter(|field| match field {
            Field::Isbn => !has(&[Field::Isbn, Field::IsbnOrId]),
            Field::Author => !has(&[Field::Author, Field::AuthorLastFirst, Field::LastName]),
            Field::Status => !has(&[Field::Status, Field::Shelves, Field::Read]),
            Field::Rating => !has(&[Field::Rating, Field::RatingOrNotes]),
            _ => !has(&[Field::DateRead, Field::DatesRead, Field::Read]),
        });
    }
}

/// The columns of a program's export that is known by its form, for it has no header.
pub(super) fn by_layout(sample: &[Record]) -> Option<Vec<Column>> {
    content::is_booklog(sample).then(|| {
        let columns = content::BOOKLOG.iter();
        columns
            .map(|(name, field)| Column::new(name, *field, Certainty::Certain))
            .collect()
    })
}

pub(super) fn by_content(sample: &[Record]) -> Vec<Column> {
    let fields = content::likely_fields_of(sample);
    let columns = fields.into_iter().enumerate();
    columns
        .map(|(at, field)| Column::new(&(at + 1).to_string(), field, Certainty::Guessed))
        .collect()
}

/// Takes a header that only resembles a known one for nothing where another is known.
pub(super) fn keep_the_likeliest(columns: &mut [Column]) {
    for at in 0..columns.len() {
        let Some(field) = columns[at].field else {
            continue;
        };
        let is_better =
            |other: &Column| other.field == Some(field) && other.certainty > columns[at].certainty;
        if columns[at].certainty == Certainty::Likely
            && !field.adds_up()
            && columns.iter().any(is_better)
        {
            columns[at].field = None;
        }
    }
}

/// Takes "Edition" for the kind of book where another column names the publisher: in French alone
/// it is the publisher.
pub(super) fn distinguish_editions_from_publishers(columns: &mut [Column]) {
    let is_edition = |column: &Column| joined(&column.name) == "edition";
    let is_publisher = |column: &Column| column.field == Some(Field::Publisher);
    let has_publisher = (columns.iter()).any(|column| is_publisher(column) && !is_edition(column));
    let is_english = |column: &Column| {
        let words = words(&column.name);
        (words.iter()).any(|word| matches!(word.as_str(), "title" | "author" | "authors" | "book"))
    };
    if has_publisher || columns.iter().any(is_english) {
        for column in columns.iter_mut() {
            let is_given = column.certainty == Certainty::Given;
            if is_publisher(column) && !is_given && is_edition(column) {
                column.field = Some(Field::Format);
            }
        }
    }
}

/// Takes a "Length" for none of pages where it is one of hours, or another column has the pages.
pub(super) fn leave_out_other_lengths(columns: &mut [Column]) {
    let is_length = |column: &Column| {
        column.field == Some(Field::Pages)
            && words(&column.name)
                .first()
                .is_some_and(|word| word == "length")
    };
    let is_pages = |column: &Column| column.field == Some(Field::Pages);
    let has_other = columns
        .iter()
        .any(|column| is_pages(column) && !is_length(column));
    for column in columns.iter_mut() {
        let words = words(&column.name);
        const TIMES: &str = "h hr hrs hours min mins minutes cm inches";
        let is_time = words.iter().any(|word| is_in(TIMES, word));
        if is_length(column) && column.certainty != Certainty::Given && (has_other || is_time) {
            column.field = None;
        }
    }
}

/// Takes columns "First" and "Last" that are both there for the author's names.
pub(super) fn recognise_name_columns(columns: &mut [Column]) {
    let at = |columns: &[Column], name: &str| {
        let is_so =
            |column: &Column| column.certainty != Certainty::Given && joined(&column.name) == name;
        columns.iter().position(is_so)
    };
    if let (Some(first), Some(last)) = (at(columns, "first"), at(columns, "last")) {
        columns[first].field = Some(Field::FirstName);
        columns[last].field = Some(Field::LastName);
        columns[first].certainty = Certainty::Certain;
        columns[last].certainty = Certainty::Certain;
    }
    let has = |field| columns.iter().any(|column| column.field == Some(field));
    // "Nom de l'auteur" beside "Prénom"
    if has(Field::FirstName)
        && !has(Field::LastName)
        && let Some(author) = (columns.iter_mut())
            .find(|column| column.field == Some(Field::Author))
            .filter(|column| column.certainty != Certainty::Given)
    {
        author.field = Some(Field::LastName);
    }
    if columns
        .iter()
        .any(|column| column.field == Some(Field::LastName))
    {
        for column in columns.iter_mut() {
            let key = joined(&column.name);
            if column.field.is_none()
                && column.certainty != Certainty::Given
                && MIDDLE_NAMES.contains(&&*key)
            {
                column.field = Some(Field::FirstName);
                column.certainty = Certainty::Certain;
            }
        }
    }
}

/// Leaves out the column of days on which a passage was highlighted or clipped: nothing was begun
/// or finished on them.
pub(super) fn leave_out_days_of_marks(columns: &mut [Column], keys: &[String]) {
    let has_marks = (keys.iter()).any(|key| matches!(key.as_str(), "highlight" | "clipping"));
    for column in columns.iter_mut() {
        let is_given = column.certainty == Certainty::Given;
        if has_marks && !is_given && headers::is_bare_date(&column.name) {
            column.field = None;
        }
    }
}

/// Leaves out a rating that is everybody's: "Rating" beside "My Rating", or beside "Rating count".
pub(super) fn prefer_the_readers_own(columns: &mut [Column]) {
    let is_rating = |column: &Column| column.field == Some(Field::Rating);
    let is_count = |column: &Column| {
        let words = words(&column.name);
        (words.iter()).any(|word| matches!(word.as_str(), "num" | "number" | "count"))
            && (words.iter()).any(|word| matches!(word.as_str(), "rating" | "ratings"))
    };
    if (columns.iter())
        .any(|column| is_rating(column) && headers::is_personal(&column.name) || is_count(column))
    {
        for column in columns.iter_mut() {
            let is_given = column.certainty == Certainty::Given;
            if is_rating(column) && !is_given && !headers::is_personal(&column.name) {
                column.field = None;
            }
        }
    }
}

pub(super) fn guess_title(columns: &mut [Column], sample: &[Record]) {
    if columns
        .iter()
        .any(|column| column.field == Some(Field::Title))
    {
        return;
    }
    let has = |field| columns.iter().any(|column| column.field == Some(field));
    // Lists of comics have a series and a number. A reading log has keys and no titles.
    if !has(Field::Author) && !has(Field::Isbn) {
        return;
    }
    let unused: Vec<usize> = (0..columns.len())
        .filter(|at| columns[*at].field.is_none() && columns[*at].certainty != Certainty::Given)
        .filter(|at| !headers::is_role(&columns[*at].name))
        .collect();
    if let Some(at) = content::title_among(sample, &unused) {
        columns[at].field = Some(Field::Title);
        columns[at].certainty = Certainty::Guessed;
    }
}

/// Takes titles with an author behind each for both, where no other column has the authors: "Dune
/// by Frank Herbert".
pub(super) fn recognise_whole_books(columns: &mut [Column], sample: &[Record]) {
    const AUTHORS: [Field; 6] = [
        Field::Author,
        Field::AuthorLastFirst,
        Field::FirstName,
        Field::LastName,
        Field::MoreAuthors,
        Field::TitleAndAuthor,
    ];
    let mut fields = columns.iter().filter_map(|column| column.field);
    if fields.any(|field| AUTHORS.contains(&field)) {
        return;
    }
    let titles = columns
        .iter_mut()
        .enumerate()
        .filter(|(_, column)| column.field == Some(Field::Title));
    if let [(at, column)] = titles.collect::<Vec<_>>().as_mut_slice()
        && column.certainty != Certainty::Given
        && content::are_whole_books(sample, *at)
    {
        column.field = Some(Field::TitleAndAuthor);
        column.certainty = Certainty::Likely;
    }
}
