//! Searches of which all answers are of Open Library.

use books::{Answer, Endpoints, Found, Lookup, Record, Search, Wanted};
use serde_json::{Value, json};

/// Open Library alone.
pub(crate) fn endpoints() -> Endpoints {
    Endpoints {
        google_books: None,
        ..Endpoints::default()
    }
}

/// Searches for books; `docs` are the answer to each look-up. Returns what was found, and the
/// number of look-ups.
pub(crate) fn search(
    wanted: Vec<Wanted>,
    docs: impl Fn(&Search, &Lookup) -> Vec<Value>,
) -> (Vec<Found>, usize) {
    let mut search = Search::new(wanted, &endpoints());
    let mut asked = 0;
    loop {
        let lookups = search.next();
        if lookups.is_empty() {
            return (search.finish(), asked);
        }
        for lookup in lookups {
            asked += 1;
            let docs = docs(&search, &lookup);
            let body = json!({"numFound": docs.len(), "docs": docs}).to_string();
            let records = search.read(&lookup, body.as_bytes()).unwrap();
            search.answered(lookup, Answer::Records(records));
        }
    }
}

/// The record that is taken for a book out of these.
pub(crate) fn taken(wanted: Wanted, docs: &[Value]) -> Option<Record> {
    let (found, _) = search(vec![wanted], |_, _| docs.to_vec());
    match found.into_iter().next()? {
        Found::Record(record) => Some(*record),
        _ => None,
    }
}
