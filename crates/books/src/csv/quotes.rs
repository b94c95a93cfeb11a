//! Repair of quotes around fields that are not those of RFC 4180.

use std::borrow::Cow;

use super::records::{Format, push_field};

const TYPOGRAPHIC: [char; 5] = ['“', '”', '„', '«', '»'];

/// The text with plain quotes around fields for typographic ones, and with the quotes inside quoted
/// fields doubled; as it is, when it has nothing to repair.
pub(super) fn mended(text: &str, format: Format) -> Cow<'_, str> {
    if !format.quoting || format.escaping {
        return Cow::Borrowed(text);
    }
    let delimiter = char::from(format.delimiter);
    let are_all_typographic = text.starts_with(TYPOGRAPHIC);
    // The end of a line in which a field has no end: its other fields are not searched for one.
    let mut unclosed = 0;
    let mut mended: Option<String> = None;
    // Up to where the text is copied.
    let mut copied = 0;
    let mut at = 0;
    let mut replace = |from: usize, to: usize, inside: &str| {
        let mended = mended.get_or_insert_with(|| String::with_capacity(text.len() + 64));
        mended.push_str(&text[copied..from]);
        push_field(mended, inside);
        copied = to;
    };
    while at < text.len() {
        let rest = &text[at..];
        let field = if let Some(inside) = rest.strip_prefix('"') {
            let found = match at < unclosed {
                true => None,
                false => closed(inside, delimiter),
            };
            match found {
                Some(Closed { length, has_strays }) => {
                    let end = at + 1 + length;
                    if has_strays {
                        replace(at, end + 1, &inside[..length].replace("\"\"", "\""));
                    }
                    end + 1
                }
                // Over several lines, or never.
                None => {
                    if at >= unclosed {
                        let line_end = inside.find(['\n', '\r']);
                        unclosed = line_end.map_or(text.len(), |end| at + 1 + end);
                    }
                    at + 1 + standard_end(inside)
                }
            }
        } else if let Some((inside, length)) = typographic(rest, delimiter) {
            if are_all_typographic || inside.contains(delimiter) {
                replace(at, at + length, inside);
            }
            at + length
        } else {
            at
        };
        // To the beginning of the next field.
        let ends = |byte: &u8| *byte == format.delimiter || matches!(byte, b'\n' | b'\r');
        let after = text.as_bytes()[field..].iter().position(ends);
        at = after.map_or(text.len(), |after| field + after + 1);
    }
    match mended {
        Some(mut mended) => {
            mended.push_str(&text[copied..]);
            Cow::Owned(mended)
        }
        None => Cow::Borrowed(text),
    }
}

/// The text with double quotes for the single ones around all of its fields: `'Title','Author'`.
pub(super) fn of_single_ones(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
    let first = text.split(['\r', '\n']).next()?;
    let inside = first.strip_prefix('\'')?.strip_suffix('\'')?;
    let delimiter = [',', ';', '\t', '|']
        .into_iter()
        .find(|delimiter| inside.contains(&format!("'{delimiter}'")))?;
    let mut doubled = String::with_capacity(text.len() + 64);
    let mut is_quoted = false;
    let mut is_start = true;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if is_start => {
                is_quoted = true;
                doubled.push('"');
            }
            '\'' if is_quoted => match chars.peek() {
                Some('\'') => {
                    chars.next();
                    doubled.push('\'');
                }
                Some(after) if *after != delimiter && !matches!(after, '\r' | '\n') => {
                    doubled.push('\'');
                }
                _ => {
                    is_quoted = false;
                    doubled.push('"');
                }
            },
            '\\' if is_quoted && chars.peek() == Some(&'\'') => {
                chars.next();
                doubled.push('\'');
            }
            '"' if is_quoted => doubled.push_str("\"\""),
            c => doubled.push(c),
        }
        is_start = !is_quoted && (c == delimiter || matches!(c, '\r' | '\n'));
    }
    Some(doubled)
}

/// The text without the blanks between a separator and a quoted field: `"Dune", "Herbert, Frank"`.
pub(super) fn without_blanks(text: &str, format: Format) -> Cow<'_, str> {
    let delimiter = char::from(format.delimiter);
    if !format.quoting || delimiter == '\t' || !text.contains(&format!("{delimiter} \"")) {
        return Cow::Borrowed(text);
    }
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    // A field begins here.
    while !rest.is_empty() {
        let field = rest.trim_start_matches(' ');
        let end = match field.strip_prefix('"') {
            Some(inside) if field.len() == rest.len() => 1 + standard_end(inside),
            Some(inside) => {
                let end = standard_end(inside);
                let is_closed = inside[..end].ends_with('"');
                let is_whole =
                    is_closed && ends_field(inside[end..].trim_start_matches(' '), delimiter);
                if is_whole && !inside[..end].contains(['\n', '\r']) {
                    rest = field;
                    1 + end
                } else {
                    0
                }
            }
            None => 0,
        };
        let (head, tail) = rest.split_at(end);
        bare.push_str(head);
        let after = match end {
            0 => tail,
            // Behind the last quote.
            _ if ends_field(tail.trim_start_matches(' '), delimiter) => {
                tail.trim_start_matches(' ')
            }
            _ => tail,
        };
        let stop = after
            .find([delimiter, '\n', '\r'])
            .map_or(after.len(), |at| at + 1);
        let (head, tail) = after.split_at(stop);
        bare.push_str(head);
        rest = tail;
    }
    Cow::Owned(bare)
}

/// A quoted field that ends in its line.
struct Closed {
    /// Number of bytes between its quotes.
    length: usize,
    /// Whether there are quotes among them that are not doubled.
    has_strays: bool,
}

/// Finds the end of a quoted field, of which `text` is what follows its first quote.
fn closed(text: &str, delimiter: char) -> Option<Closed> {
    let mut strays = 0;
    let mut at = 0;
    loop {
        let is_sign = |byte: &u8| matches!(byte, b'"' | b'\n' | b'\r');
        at += text.as_bytes()[at..].iter().position(is_sign)?;
        let after = text[at..].strip_prefix('"')?;
        let is_inside = strays % 2 == 1;
        if after.starts_with('"') && !(is_inside && ends_field(&after[1..], delimiter)) {
            at += 2;
        } else if ends_field(after, delimiter)
            // `"He said "yes", and left"`: a comma with a space behind it is one of the text.
            && !(is_inside && after[1.min(after.len())..].starts_with(' '))
        {
            return Some(Closed {
                length: at,
                has_strays: strays > 0,
            });
        } else {
            strays += 1;
            at += 1;
        }
    }
}

/// Whether a field ends before this text.
fn ends_field(text: &str, delimiter: char) -> bool {
    text.is_empty() || text.starts_with([delimiter, '\n', '\r'])
}

/// Number of bytes of a quoted field, and of its last quote, as the standard has it: quotes inside
/// are doubled.
fn standard_end(text: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].find('"') {
        at += found + 1;
        match text[at..].strip_prefix('"') {
            Some(_) => at += 1,
            None => return at,
        }
    }
    text.len()
}

/// A field in typographic quotes that ends in its line, and its length with them.
fn typographic(text: &str, delimiter: char) -> Option<(&str, usize)> {
    let inside = text.strip_prefix(TYPOGRAPHIC)?;
    let end = inside.find(|c: char| TYPOGRAPHIC.contains(&c) || matches!(c, '"' | '\n' | '\r'))?;
    let after = inside[end..].strip_prefix(TYPOGRAPHIC)?;
    ends_field(after, delimiter).then_some((&inside[..end], text.len() - after.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::records::COMMAS;

    #[test]
    fn quotes_inside_quoted_fields_are_doubled() {
        for (text, expected) in [
            (r#""The "Best" Book",x"#, r#""The ""Best"" Book",x"#),
            (r#""The "Best"",x"#, r#""The ""Best""",x"#),
            ("a,\"\"Best\"\"", "a,\"\"\"Best\"\"\""),
            (
                r#""He said "yes", and left",x"#,
                r#""He said ""yes"", and left",x"#,
            ),
            ("“Grey, or: the Sea”,x", "\"Grey, or: the Sea\",x"),
            ("x,„Grau, Grün“\n", "x,\"Grau, Grün\"\n"),
        ] {
            assert_eq!(mended(text, COMMAS), expected, "{text}");
        }
    }

    #[test]
    fn single_quotes_around_all_fields_are_quotes() {
        let text = "'Title','Author'\n'Eats, \"Shoots\"','Lynne O''Truss'\n'It\\'s','x'\n";
        let expected =
            "\"Title\",\"Author\"\n\"Eats, \"\"Shoots\"\"\",\"Lynne O'Truss\"\n\"It's\",\"x\"\n";
        assert_eq!(of_single_ones(text).as_deref(), Some(expected));
        for text in ["Title,Author\n'Tis,x\n", "'Tis the Season'\n", ""] {
            assert_eq!(of_single_ones(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_right_or_nobody_can_tell_stays() {
        for text in [
            "",
            r#""a","b""#,
            r#""The ""Best"" Book",x"#,
            r#""""Best"" Book",x"#,
            r#""a "" b",c"#,
            r#""",x"#,
            "\"\",x\n\"\"\"\",\n",
            "\"over\nlines, with \"\"quotes\"\"\",x\n",
            "\"never closed,x\ny,z\n",
            "5\" disk,x",
            "x,“Grey”",
            "“Grey, x\n”",
        ] {
            assert_eq!(mended(text, COMMAS), text, "{text}");
        }
    }
}
