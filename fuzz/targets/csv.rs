//! CSV files of any kind.
#![no_main]

use libfuzzer_sys::fuzz_target;

const MOST: usize = 50;

fuzz_target!(|bytes: &[u8]| {
    let _ = books::other_kind(bytes);
    if let Ok(library) = books::read_csv(bytes, MOST) {
        assert!(library.books.len() <= MOST);
        let kept = library.books.len() as u32 + library.duplicates;
        assert_eq!(kept + library.rejected(), library.rows);
    }
});
