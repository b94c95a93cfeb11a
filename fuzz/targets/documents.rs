//! What lies in the store: documents of any version, and of none.
#![no_main]

#[path = "../../crates/api/tests/documents/reading.rs"]
mod reading;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| reading::read(bytes));
