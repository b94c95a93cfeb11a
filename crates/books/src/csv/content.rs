//! Recognition of columns by the contents of their cells: for files whose headers are not known, or
//! that have none.

use std::collections::HashSet;

use super::field::{Field, IDENTITIES};
use super::headers;
use super::line::{Line, sentence};
use super::rating::Rating;
use super::records::{Format, Record};
use super::status::{status, yes_or_no};
use super::table::{Hints, sample};
use crate::Isbn;
use crate::name::{begins_with_given_name, order_in};
use crate::text::words;

/// The longest line of a list of titles (characters).
const MAX_LINE: usize = 300;

/// Whether a record names columns and is no book itself.
pub(super) fn names_columns(names: &[String], row: u32) -> bool {
    let filled = names.iter().filter(|name| !name.is_empty()).count();
    let is_value = |name: &String| {
        Isbn::find(name).is_ok() || !name.is_empty() && name.chars().all(|c| c.is_ascii_digit())
    };
    let known: Vec<Field> = names
        .iter()
        .filter_map(|name| Some(headers::known_meaning(name)?.field))
        .collect();
    // A column for each year may be among them.
    let is_year = |name: &String| {
        name.len() == 4 && (name.starts_with("19") || name.starts_with("20")) && known.len() > 1
    };
    let is_value = |name: &String| is_value(name) && !is_year(name);
    if known.is_empty() || names.iter().any(is_value) {
        return false;
    }
    let has_identity = names
        .iter()
        .filter_map(|name| headers::meaning(name))
        .any(|meaning| IDENTITIES.contains(&meaning.field));
    let is_alone = filled == 1;
    if has_identity {
        return row == 1 || known.len() > 1 || is_alone;
    }
    // Comics are told by their series and number.
    if known.contains(&Field::Series) && known.contains(&Field::SeriesPosition) {
        return row == 1 || filled > 2;
    }
    // The title may have a name in a language that is not known.
    (row == 1 || filled > 2) && known.contains(&Field::Author) && known.len() < filled
}

/// Whether the cells of a record can be those of a book under headers of these meanings.
pub(super) fn fit(fields: &[Option<Field>], record: &Record) -> bool {
    let mut names_book = false;
    let fit = fields.iter().enumerate().all(|(at, field)| {
        let cell = record.get(at).trim();
        let Some(field) = field.filter(|_| !cell.is_empty()) else {
            return true;
        };
        names_book |= IDENTITIES.contains(&field);
        let has_letter = cell.contains(char::is_alphabetic);
        match field {
            Field::Title => cell.contains(char::is_alphanumeric) && !cell.ends_with(':'),
            Field::Author | Field::AuthorLastFirst => {
                has_letter && !cell.contains(|c: char| c.is_ascii_digit())
            }
            Field::Isbn => Isbn::find(cell).is_ok(),
            Field::Rating => Rating::read(cell).is_some(),
            Field::Pages | Field::Year | Field::OriginalYear => {
                cell.contains(|c: char| c.is_ascii_digit())
            }
            field if field.is_date() => {
                cell.contains(|c: char| c.is_ascii_digit()) || status(cell).is_some()
            }
            _ => true,
        }
    });
    fit && names_book
}

/// The columns of Booklog's export, which has no header.
pub(super) const BOOKLOG: [(&str, Option<Field>); 17] = [
    ("サービスID", None),
    ("アイテムID", Some(Field::Asin)),
    ("13桁ISBN", Some(Field::Isbn)),
    ("カテゴリ", None),
    ("評価", Some(Field::Rating)),
    ("読書状況", Some(Field::Status)),
    ("レビュー", Some(Field::Review)),
    ("タグ", Some(Field::Tags)),
    ("読書メモ(非公開)", Some(Field::Notes)),
    ("登録日時", Some(Field::DateAdded)),
    ("読了日", Some(Field::DateRead)),
    ("タイトル", Some(Field::Title)),
    ("作者名", Some(Field::Author)),
    ("出版社名", Some(Field::Publisher)),
    ("発行年", Some(Field::Year)),
    ("ジャンル", None),
    ("ページ数", Some(Field::Pages)),
];

/// Whether a list without a header has the form of Booklog's export.
pub(super) fn is_booklog(sample: &[Record]) -> bool {
    let is_row = |record: &Record| {
        let is_number = |at: usize| record.get(at).bytes().all(|byte| byte.is_ascii_digit());
        let state = record.get(5);
        record.count() == BOOKLOG.len()
            && is_number(0)
            && is_number(2)
            && is_number(4)
            && (state.is_empty() || status(state).is_some() || state == "-")
            && crate::date::PartialDate::parse(record.get(9)).is_some()
    };
    !sample.is_empty() && sample.iter().all(is_row)
}

/// Whether the first of these records names the columns in words that are not known: it has none of
/// the numbers, dates and ISBNs that stand below it.
pub(super) fn has_unknown_header(sample: &[Record]) -> bool {
    let [first, below @ ..] = sample else {
        return false;
    };
    let is_formed = |cell: &str| {
        cell.contains(|c: char| c.is_ascii_digit())
            && (Isbn::parse(cell).is_ok()
                || cell.parse::<f64>().is_ok()
                || crate::date::PartialDate::parse(cell).is_some())
    };
    let mut formed = (0..width(sample)).filter(|at| {
        let cells = below.iter().map(|record| record.get(*at).trim());
        let mut cells = cells.filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(is_formed)
    });
    let is_name = |at: usize| !first.get(at).trim().is_empty();
    below.len() > 1
        && !first.fields().any(|cell| is_formed(cell.trim()))
        && formed.next().is_some_and(is_name)
        && formed.all(is_name)
}

/// Kinds of content of a column, each as a share of its cells that are not empty.
struct Content {
    filled: usize,
    isbns: f64,
    texts: f64,
    statuses: f64,
    names: f64,
    different: f64,
}

impl Content {
    fn of(sample: &[Record], at: usize) -> Self {
        let cells: Vec<&str> = sample
            .iter()
            .map(|record| record.get(at).trim())
            .filter(|cell| !cell.is_empty())
            .collect();
        let share = |test: &dyn Fn(&str) -> bool| {
            let holds = cells.iter().filter(|cell| test(cell)).count();
            holds as f64 / cells.len().max(1) as f64
        };
        Self {
            filled: cells.len(),
            isbns: share(&|cell| Isbn::parse(cell).is_ok()),
            texts: share(&is_text),
            statuses: share(&|cell| status(cell).is_some() || yes_or_no(cell).is_some()),
            names: share(&is_like_a_name),
            different: match (cells.iter())
                // As owned texts, like all other sets here: a set of another kind is more code.
                .map(|cell| (*cell).to_owned())
                .collect::<HashSet<_>>()
                .len()
            {
                // The kind of a code, beside each.
                1 if cells.len() > 1 => 0.0,
                different => different as f64 / cells.len().max(1) as f64,
            },
        }
    }

    fn is_text(&self) -> bool {
        self.filled > 0 && self.texts > 0.6 && self.statuses < 0.8 && self.isbns < 0.5
    }
}

/// Whether a cell has words, not a number, a date or an address.
fn is_text(cell: &str) -> bool {
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let is_long = letters >= 2 || cell.chars().any(|c| c >= '\u{2e80}');
    let is_address = cell.contains("://") || cell.starts_with("www.");
    is_long && !is_address && crate::date::PartialDate::parse(cell).is_none()
}

fn is_like_a_name(cell: &str) -> bool {
    let words = cell.split_whitespace().count();
    words < 8 && (order_in(cell).is_some() || words > 1 && begins_with_given_name(cell))
}

fn width(sample: &[Record]) -> usize {
    sample.iter().map(Record::count).max().unwrap_or(0)
}

/// The format of a list without a header, if it is one of books.
pub(super) fn format_of_list(
    text: &str,
    formats: impl Iterator<Item = Format>,
    hints: &Hints,
) -> Option<Format> {
    let mut best: Option<(f64, Format)> = None;
    let mut by_separator = None;
    let mut is_other_table = false;
    for format in formats {
        let sample = sample(text, format);
        let width = width(&sample);
        if hints.is_sheet {
            return is_list_in_sheet(&sample).then_some(format);
        }
        if hints.columns > 1 && width >= hints.columns {
            return Some(format);
        }
        if format.delimiter == b',' && are_lines_with_commas(&sample) {
            continue;
        }
        if by_separator.is_none() && is_split_by(&sample, format.delimiter) {
            by_separator = Some(format);
        }
        let is_wide = |record: &&Record| record.count() == width;
        let regular = sample.iter().filter(is_wide).count() as f64 / sample.len().max(1) as f64;
        if width > 1 && regular >= 0.9 && best.as_ref().is_none_or(|(most, _)| regular > *most) {
            let fields = fields_of(&sample);
            let has = |field| fields.contains(&Some(field));
            // Two columns of words are titles and authors only if names are among them.
            if has(Field::Isbn) || has(Field::Title) && has(Field::Author) {
                best = Some((regular, format));
            } else {
                is_other_table |= width > 2 && has_unknown_header(&sample);
            }
        }
    }
    if let Some(format) = best.map(|(_, format)| format).or(by_separator) {
        return Some(format);
    }
    // "Date,Description,Amount"
    if is_other_table {
        return None;
    }
    // One book in each line; nobody's title has a tab.
    let line = Format {
        delimiter: b'\t',
        quoting: false,
        escaping: false,
    };
    is_list_of_lines(&sample(text, line)).then_some(line)
}

/// Whether the records of a sheet, whose cells are certain, may be books.
fn is_list_in_sheet(sample: &[Record]) -> bool {
    let fields = likely_fields_of(sample);
    let has = |field| fields.contains(&Some(field));
    let is_one_of_books = match width(sample) {
        1 => sample.len() > 1,
        _ => has(Field::Author) && !is_of_other_things(sample) || !has_unknown_header(sample),
    };
    has(Field::Isbn)
        || has(Field::Title)
            && is_one_of_books
            && (sample.iter()).any(|record| record.fields().any(|cell| is_text(cell.trim())))
}

/// Whether the first record names columns of other things than books.
fn is_of_other_things(sample: &[Record]) -> bool {
    const OTHERS: &str = "artist album song track director film movie actor game amount balance payee account iban \
        description transaction email phone telephone city street zip country invoice quantity sku \
        interpret lied regisseur betrag konto buchung verwendungszweck telefon ort strasse plz land menge \
        artiste chanson montant compte ville artista canzone importo";
    let others = words(OTHERS);
    let first = sample.first();
    let mut names = first.into_iter().flat_map(Record::fields);
    names.any(|name| words(name).iter().any(|word| others.contains(word)))
}

/// Whether a separator stands equally often in every line and splits it into columns, of which one
/// reads like titles and one like authors.
fn is_split_by(sample: &[Record], delimiter: u8) -> bool {
    let width = width(sample);
    let least = if delimiter == b'\t' { 1 } else { 3 };
    if width < 2 || sample.len() < least || sample.iter().any(|record| record.count() != width) {
        return false;
    }
    // "The Lion, the Witch and the Wardrobe": a comma of a text has a space behind it.
    let is_spaced = |record: &&Record| record.fields().skip(1).any(|cell| cell.starts_with(' '));
    if delimiter == b',' && sample.iter().filter(is_spaced).count() * 2 > sample.len() {
        return false;
    }
    let fields = likely_fields_of(sample);
    !is_of_other_things(sample)
        && [Field::Title, Field::Author]
            .iter()
            .all(|field| fields.contains(&Some(*field)))
}

/// Whether the commas of most lines are within names, brackets or citations: "Kafka, Franz: Der
/// Prozess", "Orwell, George - 1984", "Emma (Jane Austen, 1815)".
fn are_lines_with_commas(sample: &[Record]) -> bool {
    let is_torn = |cell: &str| {
        cell.starts_with(' ')
            && ([": ", " - ", " – ", " — "]
                .iter()
                .any(|sign| cell.contains(sign))
                || sentence(cell).is_some()
                || cell.contains(')') && !cell.contains('('))
    };
    let torn = sample
        .iter()
        .filter(|record| record.fields().skip(1).any(is_torn));
    torn.count() * 10 >= sample.len() * 7
}

fn is_list_of_lines(sample: &[Record]) -> bool {
    let lines: Vec<&str> = sample
        .iter()
        .map(|record| record.get(0).trim())
        .filter(|line| !line.is_empty())
        .collect();
    if width(sample) != 1 || lines.is_empty() {
        return false;
    }
    let isbns = lines.iter().filter(|line| Isbn::find(line).is_ok()).count();
    if isbns * 2 >= lines.len() {
        return true;
    }
    // "#1 Emma" is counted.
    let is_counted =
        |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_code = |line: &&str| {
        line.starts_with(['<', '{', '}', '[', '@', '#', '/', '\\']) && !is_counted(line)
    };
    let has_letters = |line: &&str| line.chars().any(char::is_alphabetic);
    let is_title = |line: &&str| {
        line.chars().count() <= MAX_LINE
            && line.chars().filter(|c| c.is_alphanumeric()).count() >= 2
            && !line.starts_with(char::is_lowercase)
    };
    let titles = lines.iter().filter(|line| is_title(line)).count();
    lines.len() > 1
        && !lines.iter().any(is_code)
        && titles * 10 >= lines.len() * 8
        && lines.iter().filter(|line| has_letters(line)).count() * 2 >= lines.len()
        && lines.iter().map(|line| line.len()).sum::<usize>() <= lines.len() * 120
}

/// The fields of a list without a header, as far as their content tells.
fn fields_of(sample: &[Record]) -> Vec<Option<Field>> {
    fields(sample, false)
}

/// The fields of a list that is one of books: what stands behind its titles are authors, whoever
/// they are.
pub(super) fn likely_fields_of(sample: &[Record]) -> Vec<Option<Field>> {
    fields(sample, true)
}

fn fields(sample: &[Record], is_list: bool) -> Vec<Option<Field>> {
    let columns: Vec<Content> = (0..width(sample))
        .map(|at| Content::of(sample, at))
        .collect();
    let mut fields = vec![None; columns.len()];
    if let [_] = columns.as_slice() {
        fields[0] = Some(Field::Title);
        return fields;
    }
    for (field, column) in fields.iter_mut().zip(&columns) {
        if column.filled > 0 && column.isbns >= 0.5 {
            *field = Some(Field::Isbn);
        } else if column.filled > 0 && column.statuses >= 0.8 && column.texts > 0.5 {
            *field = Some(Field::Status);
        }
    }
    let has_isbn = fields.contains(&Some(Field::Isbn));
    let texts = || {
        let texts = columns.iter().enumerate();
        texts.filter(|(_, column)| column.is_text())
    };
    let named = texts()
        .filter(|(_, column)| column.names >= 0.3)
        .max_by(|(_, a), (_, b)| a.names.total_cmp(&b.names))
        .map(|(at, _)| at);
    // Publishers and languages are words, too, but the same ones over and over.
    let fullest = texts().map(|(_, column)| column.filled).max().unwrap_or(0);
    let title = texts()
        .filter(|(at, column)| Some(*at) != named && column.different >= 0.5)
        // Remarks and tags are written beside some books only.
        .filter(|(_, column)| column.filled * 4 >= fullest * 3)
        .map(|(at, _)| at)
        .next();
    let author = named.or_else(|| {
        let after = title?;
        let next = texts().map(|(at, _)| at).find(|at| *at > after);
        next.filter(|_| has_isbn || is_list)
    });
    // Authors are there again and again, titles are not.
    let (title, author) = match (title, author) {
        (Some(title), Some(author))
            if named.is_none() && columns[title].different < columns[author].different =>
        {
            (Some(author), Some(title))
        }
        both => both,
    };
    if let Some(at) = title {
        fields[at] = Some(Field::Title);
    }
    if let Some(at) = author {
        fields[at] = Some(Field::Author);
    }
    // Days and ratings beside them.
    if title.is_some() && is_list {
        for at in 0..fields.len() {
            let field = || match field_of(sample, at) {
                Some(field @ (Field::DateRead | Field::Rating)) => Some(field),
                _ => None,
            };
            if fields[at].is_none() {
                fields[at] = field().filter(|field| !fields.contains(&Some(*field)));
            }
        }
    }
    fields
}

/// The field whose form most cells of a column have: ISBNs, days, statuses, ratings, names.
pub(super) fn field_of(sample: &[Record], at: usize) -> Option<Field> {
    let column = Content::of(sample, at);
    if column.filled == 0 {
        return None;
    }
    let cells = sample.iter().map(|record| record.get(at).trim());
    let cells = || cells.clone().filter(|cell| !cell.is_empty());
    let are_days = |cell: &str| {
        crate::date::PartialDate::parse(cell).is_some() && cell.contains(['-', '/', '.', ' ', '年'])
    };
    if column.isbns >= 0.5 {
        Some(Field::Isbn)
    } else if cells().all(are_days) {
        Some(Field::DateRead)
    } else if cells().all(|cell| cell.contains(['★', '⭐', '☆']) || cell.ends_with("/5"))
        // Not the numbers of the rows.
        || column.different < 1.0 && cells().all(|cell| matches!(cell, "1" | "2" | "3" | "4" | "5"))
    {
        Some(Field::Rating)
    } else if cells().all(|cell| status(cell).is_some() && yes_or_no(cell).is_none()) {
        Some(Field::Status)
    } else {
        (column.is_text() && column.names >= 0.5).then_some(Field::Author)
    }
}

/// Whether the cells of a column name title and author at once.
pub(super) fn are_whole_books(sample: &[Record], at: usize) -> bool {
    let cells = sample.iter().map(|record| record.get(at).trim());
    let (mut all, mut whole) = (0, 0);
    for cell in cells.filter(|cell| !cell.is_empty()) {
        all += 1;
        whole += usize::from(Line::names_author(cell));
    }
    whole > 1 && whole * 10 >= all * 7
}

/// The column among those that are not used that holds titles: words that differ.
pub(super) fn title_among(sample: &[Record], unused: &[usize]) -> Option<usize> {
    unused
        .iter()
        .map(|at| (*at, Content::of(sample, *at)))
        .filter(|(_, column)| column.is_text() && column.different >= 0.5)
        // The first of equals.
        .rev()
        .max_by(|(_, a), (_, b)| {
            let rank = |column: &Content| column.different - column.names;
            rank(a).total_cmp(&rank(b))
        })
        .map(|(at, _)| at)
}
