//! Uploads, in chunks as the line cuts them.
#![no_main]

use api::upload::{Event, Kind, Upload};
use bytes::Bytes;
use job::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u8, u8, &[u8])| {
    let (is_csv, format, chunk, body) = input;
    let kind = if is_csv { Kind::Csv } else { Kind::Photos };
    let content_type = match format % 4 {
        0 => "text/csv",
        1 => "image/jpeg",
        _ => "multipart/form-data; boundary=edge",
    };
    let limits = Limits {
        max_csv_bytes: 2_000,
        max_photo_bytes: 2_000,
        max_photos: 3,
        max_body_bytes: 8_000,
        ..Limits::default()
    };
    let Ok(mut upload) = Upload::new(kind, content_type, &limits) else {
        return;
    };
    let mut chunks = body.chunks(usize::from(chunk) + 1);
    let (mut files, mut bytes) = (0, 0);
    loop {
        match upload.next() {
            Ok(Event::NeedMore) => match chunks.next() {
                Some(chunk) => upload.feed(Bytes::copy_from_slice(chunk)),
                None => upload.end(),
            },
            Ok(Event::File { name }) => {
                files += 1;
                bytes = 0;
                assert!(files <= limits.max_photos && !name.contains(char::is_control));
            }
            Ok(Event::Bytes(some)) => {
                bytes += some.len();
                assert!(bytes <= limits.max_csv_bytes);
            }
            Ok(Event::Done) => break assert!(files > 0),
            Err(error) => break assert!(error.status().is_client_error()),
        }
    }
});
