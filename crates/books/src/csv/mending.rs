//! Repair of texts that were encoded twice: UTF-8 that a program took for a code page, and wrote as
//! UTF-8 again.

use std::borrow::Cow;

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1251, WINDOWS_1252};

/// The repaired text with the number of places ("JosÃ©" is one), or `None` when there are none.
pub(super) fn repaired(text: &str) -> Option<(String, u32)> {
    if text.is_ascii() {
        return None;
    }
    let mut text = Cow::Borrowed(text);
    let mut repaired = 0;
    // Some files have been through it twice.
    for _ in 0..2 {
        let better = PAGES.iter().find_map(|page| repaired_once(&text, page));
        match better {
            Some((better, count)) => {
                text = Cow::Owned(better);
                repaired += count;
            }
            None => break,
        }
    }
    (repaired > 0).then(|| (text.into_owned(), repaired))
}

/// A code page that UTF-8 is taken for.
struct Page {
    encoding: &'static Encoding,
    /// The first bytes of UTF-8 in this code page: a text without them is none that was encoded
    /// twice.
    leads: &'static [char],
    /// Beginnings of such texts that no language writes.
    certain: &'static [&'static str],
    /// The first bytes of UTF-8 of Cyrillic letters.
    cyrillic: [char; 2],
}

const PAGES: [Page; 3] = [
    Page {
        encoding: WINDOWS_1252,
        leads: &[
            'Ã', 'Â', 'â', 'Å', 'Ä', 'Ð', 'Ñ', 'Î', 'Ï', 'ã', 'ä', 'å', 'æ', 'ç', 'è', 'é',
        ],
        certain: &["Ã", "Â", "â€"],
        cyrillic: ['Ð', 'Ñ'],
    },
    Page {
        encoding: WINDOWS_1251,
        leads: &['Р', 'С', 'Г', 'в', 'Е', 'Д'],
        certain: &["Г©", "Г¶", "Г¤", "Г±", "Г«", "Г§", "Г\u{a0}", "Г®", "вЂ"],
        cyrillic: ['Р', 'С'],
    },
    Page {
        encoding: MACINTOSH,
        leads: &['√', '≈', '¬', '‚', '–', '—', '‰'],
        certain: &["√", "≈", "‚Ä"],
        cyrillic: ['–', '—'],
    },
];

fn repaired_once(text: &str, page: &Page) -> Option<(String, u32)> {
    // Most texts have few letters that are not ASCII, and are asked three times.
    if !text.contains(|c: char| !c.is_ascii() && page.leads.contains(&c)) {
        return None;
    }
    let bytes = Bytes::of(page.encoding);
    let is_certain = |run: &str, decoded: &str| {
        page.certain.iter().any(|begin| run.starts_with(begin))
            || run.starts_with(page.cyrillic) && is_word(decoded)
    };
    let (mut certain, mut possible, mut others) = (0u32, 0u32, 0u32);
    for run in runs(text).filter(|run| !run.is_ascii()) {
        match bytes.decoded(run) {
            Some(decoded) if is_certain(run, &decoded) => certain += 1,
            Some(_) => possible += 1,
            None if run.contains(char::is_alphabetic) => others += 1,
            None => {}
        }
    }
    let all = certain > 0 && others <= certain || possible >= 2 && others == 0;
    if certain == 0 && !all {
        return None;
    }
    let mut better = String::with_capacity(text.len());
    let mut count = 0;
    for run in runs(text) {
        match bytes.decoded(run) {
            Some(decoded) if all || is_certain(run, &decoded) => {
                better.push_str(&decoded);
                count += 1;
            }
            _ => better.push_str(run),
        }
    }
    (count > 0).then_some((better, count))
}

/// Whether a text is two Cyrillic letters or more: what no other language writes in their place.
fn is_word(text: &str) -> bool {
    text.chars().nth(1).is_some()
        && (text.chars()).all(|c| matches!(c, '\u{400}'..='\u{4ff}' | '№' | '«' | '»' | '–' | '—'))
}

/// The pieces of a text that are ASCII throughout or have no ASCII at all.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest
            .find(|c: char| c.is_ascii() != first.is_ascii())
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// The bytes of a code page's characters, sorted by the characters. (An encoder of `encoding_rs`
/// brings those of all encodings.)
struct Bytes(Vec<(char, u8)>);

impl Bytes {
    fn of(encoding: &'static Encoding) -> Self {
        let high: Vec<u8> = (0x80..=0xff).collect();
        let (chars, _) = encoding.decode_without_bom_handling(&high);
        let mut bytes: Vec<(char, u8)> = Vec::with_capacity(high.len());
        for pair in chars.chars().zip(0x80..=0xff) {
            bytes.insert(bytes.partition_point(|known| *known < pair), pair);
        }
        Self(bytes)
    }

    /// The text whose UTF-8 these characters were, if they can have been one.
    fn decoded(&self, run: &str) -> Option<String> {
        if run.is_ascii() {
            return None;
        }
        let mut bytes = Vec::with_capacity(run.len());
        for c in run.chars() {
            let at = self.0.binary_search_by_key(&c, |(known, _)| *known).ok()?;
            bytes.push(self.0[at].1);
        }
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_was_encoded_twice_is_repaired() {
        for (damaged, text) in [
            (
                "Cien aÃ±os,Gabriel GarcÃ\u{ad}a MÃ¡rquez",
                "Cien años,Gabriel García Márquez",
            ),
            ("Ã\u{81}ngeles", "Ángeles"),
            ("Itâ€™s", "It’s"),
            ("Ð¢Ð¾Ð»,Ñ\u{81}Ñ‚Ð¾", "Тол,сто"),
            ("Å\u{81}ukasz WÃ³jcik", "Łukasz Wójcik"),
            ("æ\u{9d}\u{91}é‡Ž", "村野"),
            ("JosÃƒÂ©", "José"),
        ] {
            let repaired = repaired(damaged).map(|(text, _)| text);
            if damaged.starts_with('æ') {
                // One place alone could be meant so.
                assert_eq!(repaired, None);
                continue;
            }
            assert_eq!(repaired.as_deref(), Some(text), "{damaged}");
        }
        for text in [
            "José Muñoz",
            "SÃO PAULO",
            "„Ärger“",
            "Ä“",
            "naïve, Ångström",
            "日本",
            "",
        ] {
            assert_eq!(repaired(text), None, "{text}");
        }
        let mixed = "Café Müller, Ökologie, Jürgen, Wörter, Muñoz, aÃ±os";
        let (text, count) = repaired(mixed).unwrap();
        assert_eq!((text.ends_with("años"), count), (true, 1));
        assert!(text.starts_with("Café Müller"));
    }

    #[test]
    fn text_that_was_taken_for_other_code_pages_is_repaired() {
        for (damaged, text) in [
            ("РўРѕР»СЃС‚РѕР№", "Толстой"),
            ("РќР°Р·РІР°РЅРёРµ,РђРІС‚РѕСЂ", "Название,Автор"),
            ("JosГ© MuГ±oz", "José Muñoz"),
            ("ItвЂ™s", "It’s"),
            ("Jos√© Mu√±oz", "José Muñoz"),
            ("J√∂rg Wei√ü", "Jörg Weiß"),
            ("≈Åukasz", "Łukasz"),
            ("It‚Äôs", "It’s"),
        ] {
            let repaired = repaired(damaged).map(|(text, _)| text);
            assert_eq!(repaired.as_deref(), Some(text), "{damaged}");
        }
        for text in [
            "Толстой, Рёрих и Сёмин",
            "Рёв",
            "Её – всё",
            "Сим – «Рис»",
            "1939–1945 — The War",
            "√2 and ≈ 3",
            "Гёте",
            "В. Г. Белинский — Р. Л.",
            "Ренé",
        ] {
            assert_eq!(repaired(text), None, "{text}");
        }
    }
}
