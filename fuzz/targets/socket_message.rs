//! What clients say on WebSockets, in JSON and MessagePack.
#![no_main]

use api::ws::{ClientMessage, packed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = ClientMessage::parse(bytes);
    let _ = ClientMessage::parse_packed(bytes);
    // The same message says the same in both.
    if !matches!(text, ClientMessage::Malformed(_) | ClientMessage::RawPing) {
        assert_eq!(ClientMessage::parse_packed(&packed(bytes)), text);
    }
});
