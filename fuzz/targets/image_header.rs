//! The beginning of a photo: what it is, and how large.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(probe) = vision::probe(bytes) {
        assert!(u64::from(probe.width) * u64::from(probe.height) <= vision::MAX_PIXELS);
    }
});
