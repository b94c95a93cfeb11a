//! Photos, decoded and prepared. Those that are large by their header only cost time here.
#![no_main]

use libfuzzer_sys::fuzz_target;

const MOST: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(probe) = vision::probe(bytes) else {
        // What the header says is refused is refused by the decoder.
        assert!(vision::prepare(bytes).is_err());
        return;
    };
    if u64::from(probe.width) * u64::from(probe.height) > MOST {
        return;
    }
    if let Ok(prepared) = vision::prepare(bytes) {
        assert!(prepared.jpeg.len() <= vision::MAX_JPEG_BYTES);
        assert!(prepared.width.max(prepared.height) as usize <= vision::LONGEST_SIDE as usize);
    }
});
