//! The line below a header that says what the columns are to hold: "text", "YYYY-MM-DD", "1-5".

use crate::csv::records::Record;
use crate::text::words;
use crate::word_list::is_in;

/// The words of such lines.
const KINDS: &str = "text texts string str varchar char free number numeric num integer int float decimal date datetime \
    boolean bool yes no true false required optional mandatory list url digits digit stars isbn isbn10 isbn13 format \
    yyyy yy mm dd tt jj jjjj aaaa texte nombre requis obligatoire facultatif texto fecha numero requerido opcional \
    obrigatorio zahl datum pflicht ja nein oder or of to bis von out comma separated if known";

/// Whether a record says what columns hold, and names no book.
pub(super) fn is_description(record: &Record) -> bool {
    let mut cells = (record.fields().map(str::trim)).filter(|cell| !cell.is_empty());
    let is_bracketed = |cell: &str| {
        [('(', ')'), ('<', '>'), ('{', '}')]
            .iter()
            .any(|(open, close)| cell.starts_with(*open) && cell.ends_with(*close))
    };
    let is_kind = |cell: &str| {
        let words = words(cell);
        let (numbers, others): (Vec<&String>, Vec<&String>) =
            (words.iter()).partition(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        let is_range = numbers.len() == 2 && cell.len() < 9;
        (others.iter()).all(|word| is_in(KINDS, word)) && (is_range || !others.is_empty())
    };
    let mut kinds = 0;
    let are_all = cells.all(|cell| {
        kinds += 1;
        is_bracketed(cell) || is_kind(cell)
    });
    are_all && kinds > 1
}
