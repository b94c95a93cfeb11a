//! Tests with the store's own documents, of older and unknown versions, damaged, and of none.
#![allow(clippy::expect_used, reason = "helpers of tests")]

mod reading;

use proptest::prelude::*;
use proptest::sample::Index;

/// Documents of jobs as the application has written them.
const REAL: [&[u8]; 3] = [
    include_bytes!("../../../../fuzz/corpus/documents/running"),
    include_bytes!("../../../../fuzz/corpus/documents/ended"),
    include_bytes!("../../../../fuzz/corpus/documents/scan"),
];

#[test]
fn real_documents_are_read() {
    REAL.into_iter().for_each(reading::read);
}

proptest! {
    #[test]
    fn any_bytes_are_a_document_or_none(bytes: Vec<u8>) {
        reading::read(&bytes);
    }

    #[test]
    fn damaged_documents_never_panic(
        which in 0..REAL.len(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        digits in prop::collection::vec((any::<Index>(), b'0'..=b'9'), 0..8),
    ) {
        let mut bytes = REAL[which].to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        reading::read(&bytes);
        // Whole documents with other numbers.
        let mut bytes = REAL[which].to_vec();
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
        for (at, digit) in digits {
            let at = places[at.index(places.len())];
            bytes.splice(at..at, std::iter::repeat_n(digit, 6));
        }
        reading::read(&bytes);
    }
}
