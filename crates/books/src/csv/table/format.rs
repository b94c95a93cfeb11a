//! The quoting of a text, and where its records end.

use super::{MAX_HEADER, sample};
use crate::csv::records::Format;

/// The quoting of a text with this delimiter; `width` is that of its header, 0 when it has none.
pub(super) fn format(body: &str, delimiter: u8, width: usize) -> Format {
    let plain = Format {
        delimiter,
        // LibraryThing writes tabs without quoting, and quotes that mean nothing; programs that
        // do quote tab-separated fields double the quotes inside.
        quoting: delimiter != b'\t' || quotes_are_paired(body),
        escaping: false,
    };
    if !plain.quoting || width == 0 || !body.contains("\\\"") {
        return plain;
    }
    // Programs that write as MySQL does escape quotes instead of doubling them.
    let escaping = Format {
        escaping: true,
        ..plain
    };
    let torn = |format| {
        let sample = sample(body, format);
        sample
            .iter()
            .filter(|record| record.count() != width)
            .count()
    };
    if torn(escaping) < torn(plain) {
        escaping
    } else {
        plain
    }
}

/// Position at which the first record ends: at a line end outside quotes.
pub(super) fn record_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => return at,
            // An unpaired quote in the header would swallow the file.
            _ if at > MAX_HEADER => break,
            _ => {}
        }
    }
    text.find(['\n', '\r']).unwrap_or(text.len())
}

/// Whether each field that begins with a quote also ends with one, before a tab or line end.
pub(super) fn quotes_are_paired(body: &str) -> bool {
    let mut fields = body
        .split(['\t', '\n'])
        .map(|field| field.trim_end_matches('\r'));
    fields.all(|field| {
        let opens = field.starts_with('"');
        let closes = field.len() > 1 && field.ends_with('"');
        opens == closes && field.bytes().filter(|byte| *byte == b'"').count() % 2 == 0
    })
}
