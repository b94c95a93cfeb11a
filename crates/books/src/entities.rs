//! HTML entities, which exports leave in titles and names.

use std::borrow::Cow;

/// Replaces the HTML entities of a text by their characters, also those that were encoded twice.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut text = Cow::Borrowed(text);
    for _ in 0..3 {
        match decode_once(&text) {
            Some(decoded) => text = Cow::Owned(decoded),
            None => break,
        }
    }
    text
}

/// Decodes each entity once; `None` when there is none.
fn decode_once(text: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        decoded.push_str(before);
        let end = entity.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity_char(entity.get(1..end)?)?, end))) {
            Some((c, end)) => {
                decoded.push(c);
                rest = &entity[end + 1..];
                found = true;
            }
            None => {
                decoded.push('&');
                rest = &entity[1..];
            }
        }
    }
    decoded.push_str(rest);
    found.then_some(decoded)
}

/// The characters 80 to 9F of Windows-1252. Not from `encoding_rs`, which brings the tables of all
/// other encodings along, into components that read no files.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

fn entity_char(name: &str) -> Option<char> {
    /// The names of U+00A0 to U+00FF, in order (HTML 4).
    const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
        sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde \
        Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde \
        Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
        egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave \
        uacute ucirc uuml yacute thorn yuml";
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        // What is written as a control character is meant in Windows-1252.
        return match code {
            0x80..=0x9f => WINDOWS_1252.chars().nth(code as usize - 0x80),
            code => char::from_u32(code).filter(|c| *c != '\0'),
        };
    }
    let other = match name {
        "amp" => '&',
        "nbsp" => ' ',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "sbquo" => '‚',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" => '„',
        "lsaquo" => '‹',
        "rsaquo" => '›',
        "hellip" => '…',
        "bull" => '•',
        "prime" => '′',
        "euro" => '€',
        "trade" => '™',
        "OElig" => 'Œ',
        "oelig" => 'œ',
        "Scaron" => 'Š',
        "scaron" => 'š',
        "Zcaron" => 'Ž',
        "zcaron" => 'ž',
        "Ccaron" => 'Č',
        "ccaron" => 'č',
        "Yuml" => 'Ÿ',
        "lstrok" => 'ł',
        "Lstrok" => 'Ł',
        "thinsp" | "ensp" | "emsp" => ' ',
        _ => {
            let at = LATIN_1.split_whitespace().position(|known| known == name)?;
            char::from_u32(0xa0 + u32::try_from(at).ok()?)?
        }
    };
    Some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_control_characters_are_read_as_encodings_rs_reads_them() {
        for code in 0x80..=0x9f_u8 {
            let bytes = [code];
            let (read, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
            let entity = format!("#{code}");
            assert_eq!(entity_char(&entity), read.chars().next(), "{entity}");
        }
    }

    #[test]
    fn entities_are_signs() {
        for (text, plain) in [
            ("Salt &amp; Smoke", "Salt & Smoke"),
            ("Don&#39;t &#x4c;ook", "Don't Look"),
            ("AT&T; &nothing; &#xd800; &", "AT&T; &nothing; &#xd800; &"),
            ("plain", "plain"),
        ] {
            assert_eq!(unescape(text), plain);
        }
    }
}
