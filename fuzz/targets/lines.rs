//! Query strings and the headers that are read: one line, as HTTP has them.
#![no_main]

use api::cors::Origins;
use api::query::Query;
use api::{request, sse};
use job::Position;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| {
    let query = Query::parse(line);
    for name in ["jobId", "jobIds", "token", "books", "lastEventId", ""] {
        let _ = (query.get(name), query.flag(name));
    }
    let _ = (query.number("offset", 0), query.page());
    let _ = request::job_ids("jobIds", query.get("jobIds").or(Some(line)));
    if let Ok(id) = request::job_id(line) {
        assert_eq!(id.as_str(), line);
    }
    if let Some(position) = Position::parse(line) {
        assert_eq!(Position::parse(&position.id(true)), Some(position));
    }
    for jobs in 1..4 {
        if let Some(positions) = sse::positions(line, jobs) {
            assert_eq!(positions.len(), jobs);
        }
    }
    let _ = request::idempotency_key(line);
    let _ = request::bearer(line);
    let origins = Origins::parse("capacitor://localhost, http://localhost:*, https://*.example");
    // What is echoed is a header again.
    let _ = (origins.headers(Some(line)), origins.preflight(Some(line)));
    let _ = Origins::parse(line).allow("http://localhost:8080");
});
