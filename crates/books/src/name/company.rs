//! Authors of whose names no part is a family name: companies, societies, those of one name.

use crate::text::{joined, words};

/// Names that are one although a sign between two people is in them.
pub(super) const COMPANIES_WITH_AND: [&str; 6] = [
    "marks & spencer",
    "simon & schuster",
    "barnes & noble",
    "procter & gamble",
    "ernst & young",
    "tom & jerry",
];

/// Names of companies and societies as authors, and words of which such names are made: no family
/// name comes before a comma behind or in front of them.
const COMPANIES: &str = "lonelyplanet nationalgeographic roughguides dorlingkindersley timeout readersdigest \
    americastestkitchen";

const WORDS_OF_COMPANIES: &str = "press publishing publications publishers university institute association society \
    committee department museum magazine editors staff guides kitchen studio studios team foundation verlag redaktion";

/// Authors of one name alone, before whose comma nobody's family name stands.
const SINGLE_NAMES: &str = "homer homere homero omero гомер plato platon plutarch virgil vergil ovid horace horaz aesop sophocles \
    sophokles euripides aeschylus aristotle aristoteles aristophanes herodotus thucydides xenophon seneca cicero \
    caesar voltaire moliere stendhal colette saki confucius laozi sappho hesiod";

/// Whether a part is the name of a company or a society.
pub(super) fn is_company(part: &str) -> bool {
    let words = words(part);
    COMPANIES
        .split_whitespace()
        .any(|known| known == words.concat())
        || words.len() > 1
            && (words.iter()).any(|word| {
                WORDS_OF_COMPANIES
                    .split_whitespace()
                    .any(|known| known == word)
            })
}

pub(super) fn is_single_name(part: &str) -> bool {
    let name = joined(part);
    SINGLE_NAMES.split_whitespace().any(|known| known == name)
}
