//! Comparison of words that were read from spines, with wrong letters, or run together.

use crate::text::words;

/// Words that distinguish no book from another, in the languages whose books stand beside each
/// other.
const COMMON: &str = "a an and are at by for from in into is it of on or the to with \
    am an auf aus das dem den der des die ein eine einem einen einer es fur im ist mit nicht sie \
    und vom von was wie zu zum zur \
    au aux ce dans de des du en est et la le les par pour que qui sur un une \
    al con del el las los por su una y da di e il o os as um uma het een van \
    novel roman edition bestseller band vol volume";

/// Publishers and their imprints, of one word each: they are on the spine but name no book.
const PUBLISHERS: &str = "anagrama arrow aufbau bantam beltz berkley bloomsbury cambridge canongate carlsen \
    clarendon corgi diogenes doubleday droemer dtv dumont eichborn faber farrar fischer fontana \
    gallimard goldmann granta hachette harper harpercollins harvard heyne hodder houghton insel kiepenheuer \
    knaur knopf ksis luchterhand macmillan mifflin norton oxford pan pantheon penguin picador piper \
    princeton puffin putnam random reclam riverhead rororo rowohlt scribner simon springer suhrkamp tor \
    ullstein verlag viking vintage yale publishing publishers press books buch taschenbuch verlage";

/// Whether a folded word is a number in digits.
pub(super) fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

/// Whether a folded word is a number of the publisher's or of a shop: longer than a year.
pub(super) fn is_order_number(word: &str) -> bool {
    is_number(word) && word.len() > 4
}

/// Whether a folded word tells a book from others. Numbers do: they tell a volume from the next.
pub(super) fn is_distinctive(word: &str) -> bool {
    (word.chars().count() > 1 || is_number(word))
        && !COMMON.split_whitespace().any(|common| common == word)
}

/// Whether a folded word is a publisher's.
pub(super) fn is_publisher(word: &str) -> bool {
    PUBLISHERS.split_whitespace().any(|name| name == word)
}

/// The folded words of a line, parted where the case changes inside of a word, or letters end and a
/// number begins: `JuliaExtra` and `BAND2` are two.
pub(super) fn lettered_words(text: &str) -> Vec<String> {
    let mut parted = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for c in text.chars() {
        let is_number_next = before.is_alphabetic() && c.is_ascii_digit();
        if before.is_lowercase() && c.is_uppercase() || is_number_next {
            parted.push(' ');
        }
        parted.push(c);
        before = c;
    }
    words(&parted)
}

/// Whether a word may have been read as another: numbers and short words exactly, from four letters
/// on with one wrong, missing or added letter, from eight on with two.
pub(super) fn is_read_as(word: &str, read: &str) -> bool {
    if word == read {
        return true;
    }
    let (letters, others) = (word.chars().count(), read.chars().count());
    let allowed = match letters {
        0..4 => return false,
        _ if is_number(word) => return false,
        4..8 => 1,
        _ => 2,
    };
    letters.abs_diff(others) <= allowed && strsim::levenshtein(word, read) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_where_the_case_changes() {
        assert_eq!(
            lettered_words("JuliaExtra KAFKA"),
            ["julia", "extra", "kafka"]
        );
        assert_eq!(
            lettered_words("Die Möwe BAND2"),
            ["die", "mowe", "band", "2"]
        );
    }

    #[test]
    fn a_word_may_be_read_with_few_wrong_letters() {
        for (word, read) in [
            ("erich", "erlch"),
            ("attached", "attacheds"),
            ("sittenfeld", "itenfeld"),
            ("it", "it"),
        ] {
            assert!(is_read_as(word, read), "{word} {read}");
        }
        for (word, read) in [
            ("it", "is"),
            ("war", "wat"),
            ("1984", "1985"),
            ("home", "rose"),
            ("babel", "label1"),
        ] {
            assert!(!is_read_as(word, read), "{word} {read}");
        }
    }
}
