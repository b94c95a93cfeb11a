//! Guessing of the encoding that a file does not tell, and repair of texts that were encoded twice.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, IBM866, ISO_8859_15, KOI8_R, MACINTOSH, SHIFT_JIS,
    WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
};

use super::headers;

/// Number of a file's bytes that are looked at for a guess.
const SAMPLE: usize = 256 * 1024;
/// Number of its first bytes that may be its header.
const HEADER: usize = 4 * 1024;

/// Code page 850 above ASCII: what Excel saves as "CSV (MS-DOS)" in Western Europe.
const CODE_PAGE_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// An encoding that a file can be in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Guess {
    Standard(&'static Encoding),
    CodePage850,
}

impl Guess {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standard(encoding) => encoding.name(),
            Self::CodePage850 => "IBM850",
        }
    }

    /// The text of these bytes; what cannot be read is U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Standard(encoding) => encoding.decode_without_bom_handling(bytes).0,
            Self::CodePage850 => {
                let high: Vec<char> = CODE_PAGE_850.chars().collect();
                let decoded = bytes.iter().map(|byte| match byte.checked_sub(0x80) {
                    Some(at) => high.get(usize::from(at)).copied().unwrap_or('\u{fffd}'),
                    None => char::from(*byte),
                });
                Cow::Owned(decoded.collect())
            }
        }
    }
}

/// The encodings that a header in a known language can tell apart.
const CANDIDATES: [&Encoding; 14] = [
    WINDOWS_1252,
    WINDOWS_1250,
    WINDOWS_1251,
    GBK,
    SHIFT_JIS,
    BIG5,
    EUC_KR,
    EUC_JP,
    MACINTOSH,
    KOI8_R,
    IBM866,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1257,
];

/// The likeliest encoding of a text that is not UTF-8.
///
/// A detector knows the letters of languages; the names of columns are words that are known
/// letter by letter, and words tell encodings that the detector leaves out, for browsers never
/// meet them: Mac Roman and code page 850.
pub(super) fn guess(bytes: &[u8]) -> Guess {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let detected = Guess::Standard(detector.guess(None, Utf8Detection::Deny));
    let others = CANDIDATES.iter().map(|encoding| Guess::Standard(encoding));
    let all = || {
        std::iter::once(detected)
            .chain(others.clone())
            .chain([Guess::CodePage850])
    };
    let header = &bytes[..bytes.len().min(HEADER)];
    let known = |guess: Guess| known_headers(&guess.decode(header));
    let best = all().map(known).max().unwrap_or(0);
    if best > known(detected) {
        // The first of equals that is also the best text.
        return best_text(all().filter(|guess| known(*guess) == best), sample).unwrap_or(detected);
    }
    let latin = [
        detected,
        Guess::Standard(WINDOWS_1252),
        Guess::Standard(ISO_8859_15),
        Guess::Standard(MACINTOSH),
        Guess::CodePage850,
    ];
    let latin = latin.into_iter().filter(|guess| known(*guess) == best);
    best_text(latin, sample).unwrap_or(detected)
}

/// The guess whose text looks most like words; the first of several.
fn best_text(guesses: impl Iterator<Item = Guess>, sample: &[u8]) -> Option<Guess> {
    guesses
        .map(|guess| (guess, likeness(&guess.decode(sample))))
        // `max_by_key` would take the last of equals.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(guess, _)| guess)
}

/// A score of the known headers with other than ASCII letters in a text's first lines.
fn known_headers(text: &str) -> usize {
    let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    lines
        .take(4)
        .map(|line| {
            line.split([',', ';', '\t', '|'])
                .map(|cell| cell.trim_matches(['"', ' ']))
                .filter(|cell| !cell.is_ascii() && headers::known_meaning(cell).is_some())
                // "Szerzõ" is nearly "Szerző".
                .map(|cell| 2 + usize::from(headers::is_spelled_so(cell)))
                .sum()
        })
        .max()
        .unwrap_or(0)
}

/// A score of the text's likeness to words: letters beside letters count for it; signs and capitals
/// inside words, and mixed scripts, against it.
fn likeness(text: &str) -> i64 {
    let mut likeness = 0;
    let mut before = ' ';
    let mut accents_in_a_row = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        if !c.is_ascii() {
            let in_word = before.is_alphabetic() && after.is_alphabetic();
            let is_latin = c < '\u{250}';
            let beside_ascii = before.is_ascii_alphabetic() || after.is_ascii_alphabetic();
            likeness += match c {
                '\u{fffd}' => -10,
                '’' | '‘' if in_word => 1,
                c if c.is_control() => -4,
                c if !c.is_alphabetic() => {
                    if in_word {
                        -2
                    } else {
                        0
                    }
                }
                c if c.is_uppercase() && before.is_lowercase() => -2,
                _ if is_latin && accents_in_a_row >= 2 => -1,
                _ if !is_latin && beside_ascii => -2,
                _ => 1,
            };
        }
        let is_accent = !c.is_ascii() && c < '\u{250}' && c.is_alphabetic();
        accents_in_a_row = if is_accent { accents_in_a_row + 1 } else { 0 };
        before = c;
    }
    likeness
}

/// Repairs a text of which some was UTF-8 that had been read as Windows-1252 and written as UTF-8
/// again ("JosÃ©"); returns it with the number of places, or `None` when there are none.
pub(super) fn repaired(text: &str) -> Option<(String, u32)> {
    let mut text = Cow::Borrowed(text);
    let mut repaired = 0;
    // Some files have been through it twice.
    for _ in 0..2 {
        match repaired_once(&text) {
            Some((better, count)) => {
                text = Cow::Owned(better);
                repaired += count;
            }
            None => break,
        }
    }
    (repaired > 0).then(|| (text.into_owned(), repaired))
}

fn repaired_once(text: &str) -> Option<(String, u32)> {
    if !text.contains([
        'Ã', 'Â', 'â', 'Å', 'Ä', 'Ð', 'Ñ', 'Î', 'Ï', 'ã', 'ä', 'å', 'æ', 'ç', 'è', 'é',
    ]) {
        return None;
    }
    let (mut certain, mut possible, mut others) = (0u32, 0u32, 0u32);
    for run in runs(text).filter(|run| !run.is_ascii()) {
        match decoded_twice(run) {
            Some(_) if is_surely_twice(run) => certain += 1,
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
        match decoded_twice(run) {
            Some(decoded) if all || is_surely_twice(run) => {
                better.push_str(&decoded);
                count += 1;
            }
            _ => better.push_str(run),
        }
    }
    (count > 0).then_some((better, count))
}

/// Whether a text was certainly encoded twice: it has sequences that no language writes, and that
/// UTF-8 of Western European letters and quotes looks like.
fn is_surely_twice(run: &str) -> bool {
    run.starts_with(['Ã', 'Â']) || run.starts_with("â€")
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

fn decoded_twice(run: &str) -> Option<String> {
    if run.is_ascii() {
        return None;
    }
    let mut bytes = Vec::with_capacity(run.len());
    for c in run.chars() {
        match u8::try_from(c) {
            // Control characters stand for the five bytes that Windows-1252 leaves out.
            Ok(byte) => bytes.push(byte),
            Err(_) => {
                let mut buffer = [0; 4];
                let (encoded, _, failed) = WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
                match (failed, &*encoded) {
                    (false, [byte]) => bytes.push(*byte),
                    _ => return None,
                }
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(bytes: &[u8]) -> (String, &'static str) {
        let guess = guess(bytes);
        (guess.decode(bytes).into_owned(), guess.name())
    }

    #[test]
    fn encodings_of_spreadsheets_are_recognised() {
        for (text, encoding) in [
            (
                "Titel;Autor\nDie Übung;Jürgen Köhler\nGröße;Anke Groß\n",
                WINDOWS_1252,
            ),
            (
                "ID;Tytuł;Autor;ISBN\n1;Ślepy żółw;Łukasz Wójcik;\n2;Zażółć;Ewa Gęś;\n",
                WINDOWS_1250,
            ),
            (
                "Title,Author\nŚlepy żółw,Łukasz Wójcik\nZażółć gęślą jaźń,Ewa Gęś\n",
                WINDOWS_1250,
            ),
            ("Название;Автор\nТихий берег;Михаил Булгар\n", WINDOWS_1251),
            (
                "Title,Author\nТихий берег и другие рассказы,Михаил Булгар\n",
                WINDOWS_1251,
            ),
            (
                "Title,Author\nТихий берег и другие рассказы,Михаил Булгар\n",
                KOI8_R,
            ),
            ("Название;Автор\nТихий берег;Михаил Булгар\n", IBM866),
            (
                "Title,Author,ISBN\n一九八五,乔治·奥威,9780102375701\n活下去的人们和他们的故事,余花,\n",
                GBK,
            ),
            ("书名,作者\n活下去,余花\n", GBK),
            ("書名,作者\n活下去的人們,余花\n", BIG5),
            ("タイトル,著者\n緑の家,村野春樹\n", SHIFT_JIS),
            ("Title,Author\nノルウェイの雨,村野春樹\n", SHIFT_JIS),
            ("제목,저자\n소년이 간다,한감\n", EUC_KR),
            ("Τίτλος;Συγγραφέας\nΗ θάλασσα;Νίκος Κάζας\n", WINDOWS_1253),
            (
                "Başlık;Yazar\nKırmızı Saçlı Şehir;Orhan Pınar\n",
                WINDOWS_1254,
            ),
        ] {
            let bytes = encoding.encode(text).0;
            let (decoded, name) = guessed(&bytes);
            assert_eq!(decoded, text, "{name} for {}", encoding.name());
        }
        // Excel on a Mac, and "CSV (MS-DOS)".
        let mac = b"Title,Author\rLes Mis\x8erables,Victor Hug\r\x86ber den Flu\xa7,J\x9arg Wei\xa7\rNi\x96o,Jos\x8e Mu\x96oz\r";
        let (text, name) = guessed(mac);
        assert!(
            text.contains("Über den Fluß,Jörg Weiß\rNiño,José Muñoz"),
            "{text}"
        );
        assert_eq!(name, "macintosh");
        let (text, name) = guessed(
            b"Titel;Autor\r\nDie \x9abung;J\x81rgen K\x94hler\r\nGr\x94\xe1e;Ren\x82 Mu\xa4oz\r\n",
        );
        assert!(
            text.contains("Die Übung;Jürgen Köhler\r\nGröße;René Muñoz"),
            "{text}"
        );
        assert_eq!(name, "IBM850");
    }

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
    fn code_page_850_is_complete() {
        assert_eq!(CODE_PAGE_850.chars().count(), 128);
    }
}
