//! A line of a table (RFC 4180) of which no spreadsheet runs a cell.

use std::borrow::Cow;

/// A line of a table.
pub(super) fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Vec<u8> {
    let mut line = String::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(',');
        }
        let cell = harmless(&cell);
        if cell.contains(SEPARATORS) || cell.trim() != cell {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(&cell);
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// Characters that a cell may have within quotes only. There are spreadsheets that part cells at
/// semicolons and tabs, too: what is behind one would be a cell of its own, and perhaps a formula.
const SEPARATORS: [char; 6] = ['"', ',', ';', '\t', '\n', '\r'];

/// Characters that begin a formula in a spreadsheet, also in full width.
const FORMULA_SIGNS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Makes a cell that no spreadsheet takes for a formula: behind an apostrophe, which an import
/// leaves out again. White space and control characters before the sign change nothing: there are
/// spreadsheets that drop them. A number that is wrapped so that a spreadsheet leaves it alone
/// (`="978..."`) stays.
fn harmless(cell: &str) -> Cow<'_, str> {
    let number = cell
        .strip_prefix("=\"")
        .and_then(|cell| cell.strip_suffix('"'));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let seen = cell.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
    let is_formula = cell.starts_with(FORMULA_SIGNS) || seen.starts_with(FORMULA_SIGNS);
    if number.is_some_and(is_number) || !is_formula {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(format!("'{cell}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_wherever_a_spreadsheet_parts_them() {
        let cells = ["a", "b;=1+1", "c\t=1+1", "d,=1", "e\"", "f\n=1", "g h"];
        let line = line(cells.into_iter().map(Cow::Borrowed));
        let expected = "a,\"b;=1+1\",\"c\t=1+1\",\"d,=1\",\"e\"\"\",\"f\n=1\",g h\r\n";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠A1", " =1+1",
            "\u{0}=1", "\u{a0}=1", "\n@A1",
        ] {
            assert_eq!(harmless(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in ["", "Dune", "1-1", "a=b", "=\"9780441013593\"", "'=1"] {
            assert_eq!(harmless(text), text);
        }
        assert_eq!(harmless("=\"1\"&A1&\"\""), "'=\"1\"&A1&\"\"");
    }
}
