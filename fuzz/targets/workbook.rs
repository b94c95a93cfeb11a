//! Workbooks, damaged anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;

const MOST: usize = 50;

fuzz_target!(|bytes: &[u8]| {
    let archive = [b"PK\x03\x04", bytes].concat();
    let _ = books::read_csv(&archive, MOST);
    if let Ok(library) = books::read_csv(bytes, MOST) {
        let kept = library.books.len() as u32 + library.duplicates;
        assert_eq!(kept + library.rejected(), library.rows);
    }
});
