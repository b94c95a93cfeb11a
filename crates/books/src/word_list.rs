//! Lists of words that titles are compared with, word by word: most words are in none of them.

/// Whether a word is one of a list with blanks between them.
pub(crate) fn is_in(list: &str, word: &str) -> bool {
    is_between(list, b' ', word)
}

/// Whether a text is one of a list with this sign between them. Byte by byte: the texts are short,
/// and looking for the sign by machine words took most of the time.
pub(crate) fn is_between(list: &str, sign: u8, text: &str) -> bool {
    let mut rest = list.as_bytes();
    loop {
        let end = rest.iter().position(|byte| *byte == sign);
        let (known, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if known == text.as_bytes() {
            return true;
        }
        match behind {
            [_, behind @ ..] => rest = behind,
            [] => return false,
        }
    }
}

/// A list of words, with what tells most other words from all of them without reading it.
pub(crate) struct Words {
    list: &'static str,
    /// A bit for the [`place`] of each word.
    places: [u64; PLACES / 64],
    /// A bit for the first byte of each word.
    first_bytes: [u64; 4],
}

/// Number of places, of which words seldom share one.
const PLACES: usize = 512;

/// The place of a word.
const fn place(word: &[u8], from: usize, to: usize) -> usize {
    let (first, last) = (word[from] as usize, word[to - 1] as usize);
    let middle = word[from + (to - from) / 2] as usize;
    (first * 7 + middle * 29 + last * 101 + (to - from) * 53) % PLACES
}

const fn is_set(bits: &[u64], at: usize) -> bool {
    bits[at / 64] >> (at % 64) & 1 == 1
}

impl Words {
    /// The words of a text with one blank between them.
    pub(crate) const fn new(list: &'static str) -> Self {
        let (mut places, mut first_bytes) = ([0; PLACES / 64], [0; 4]);
        let bytes = list.as_bytes();
        let (mut from, mut to) = (0, 0);
        while to <= bytes.len() {
            if to == bytes.len() || bytes[to] == b' ' {
                assert!(to > from, "one blank is between words");
                let (at, first) = (place(bytes, from, to), bytes[from]);
                places[at / 64] |= 1 << (at % 64);
                first_bytes[first as usize / 64] |= 1 << (first % 64);
                from = to + 1;
            }
            to += 1;
        }
        Self {
            list,
            places,
            first_bytes,
        }
    }

    /// Whether a word is one of them.
    pub(crate) fn has(&self, word: &str) -> bool {
        if word.is_empty() || !is_set(&self.places, place(word.as_bytes(), 0, word.len())) {
            return false;
        }
        #[cfg(test)]
        crate::tally::count("lists of words");
        is_in(self.list, word)
    }

    /// The position of a word among them, from 0 on.
    pub(crate) fn position(&self, word: &str) -> Option<usize> {
        let mut words = self.list.split(' ');
        self.has(word)
            .then(|| words.position(|other| other == word))?
    }

    /// Whether any of these words is one of them.
    pub(crate) fn has_any(&self, words: &[String]) -> bool {
        words.iter().any(|word| self.has(word))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.list.split(' ').count()
    }

    /// Whether a word begins with one of them.
    pub(crate) fn begin(&self, word: &str) -> bool {
        let may_begin = |first: &u8| is_set(&self.first_bytes, usize::from(*first));
        if !word.as_bytes().first().is_some_and(may_begin) {
            return false;
        }
        #[cfg(test)]
        crate::tally::count("lists of words");
        self.list.split(' ').any(|stem| word.starts_with(stem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::counted;

    static SOME: Words = Words::new("boxed set trilogy комикс 漫画 a");

    #[test]
    fn a_list_has_its_words_and_no_others() {
        for word in SOME.list.split(' ') {
            assert!(SOME.has(word) && SOME.begin(word), "{word}");
        }
        for word in ["", "box", "sets", "trilogie", "комиксы", "漫", " "] {
            assert!(!SOME.has(word), "{word}");
        }
        assert!(SOME.begin("trilogyfoo") && SOME.begin("комиксов"));
        assert!(!SOME.begin("") && !SOME.begin("bo") && !SOME.begin("xboxed"));
        assert!(SOME.has_any(&["no".to_owned(), "set".to_owned()]));
    }

    #[test]
    fn a_list_is_not_read_for_most_other_words() {
        let title = "the silent harbour and other winter ferries of northern fjords before dawn";
        let before = counted("lists of words");
        let words = title.split(' ');
        assert_eq!(words.filter(|word| SOME.has(word)).count(), 0);
        assert!(counted("lists of words") - before <= 1);
    }
}
