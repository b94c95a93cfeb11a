//! JSON requests.
#![no_main]

use api::request;
use job::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    let errors = [
        request::enrich(body, &limits).err(),
        request::barcode(body, &limits).err(),
        request::works(body, &limits).err(),
        request::cancel(body, &limits).err(),
        request::refresh(body, &limits).err(),
        request::scan_batch(body, &limits).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(error.status().is_client_error());
    }
});
