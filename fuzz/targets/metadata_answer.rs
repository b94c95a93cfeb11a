//! Answers of Open Library and Google Books, in every round of a search.
#![no_main]

use books::{Answer, Endpoints, Isbn, Search, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let isbn = Isbn::parse("9780743273565").ok();
    let wanted = vec![
        Wanted {
            isbn,
            ..Wanted::default()
        },
        Wanted {
            title: "The Great Gatsby".to_owned(),
            author: "F. Scott Fitzgerald".to_owned(),
            isbn,
            work_id: None,
            series: None,
        },
        Wanted {
            work_id: Some("OL82563W".to_owned()),
            ..Wanted::default()
        },
    ];
    let count = wanted.len();
    let mut search = Search::new(wanted, &Endpoints::default());
    loop {
        let lookups = search.next();
        if lookups.is_empty() {
            break;
        }
        for lookup in lookups {
            let answer = match search.read(&lookup, body) {
                Ok(records) => Answer::Records(records),
                Err(_) => Answer::Failed,
            };
            search.answered(lookup, answer);
        }
    }
    assert_eq!(search.finish().len(), count);
});
