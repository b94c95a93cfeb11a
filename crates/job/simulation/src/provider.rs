//! A small model of Open Library and Google Books: their answers follow from the question.

use std::rc::Rc;

use job::effects::{HttpError, Request, Response};

use crate::scenario::HOOKS;
use crate::shelf;
use crate::world::World;

/// The response of a provider that works: Open Library knows three of four ISBNs, Google Books
/// nothing, and the vision model sees what is on the photo.
pub(crate) fn answer(request: &Request) -> Response {
    let url = request.url.as_str();
    let body = if url.starts_with(shelf::MODEL) {
        shelf::describe(&request.body)
    } else if url.starts_with(crate::scenario::OPEN_LIBRARY) {
        let by_field = ["isbn%3A", "title%3A", "key%3A"];
        let docs: Vec<String> = match by_field.iter().any(|field| url.contains(field)) {
            true => isbns(url).filter(|isbn| is_known(isbn)).map(doc).collect(),
            false => shelf::by_words(),
        };
        format!(
            r#"{{"numFound":{},"docs":[{}]}}"#,
            docs.len(),
            docs.join(",")
        )
    } else {
        r#"{"kind":"books#volumes","totalItems":0}"#.to_owned()
    };
    response(200, &body)
}

fn isbns(url: &str) -> impl Iterator<Item = &str> {
    // Encoded brackets put their own digits next to an ISBN's.
    url.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.len().checked_sub(13).map(|at| &digits[at..]))
        .filter(|digits| digits.starts_with("978"))
}

/// Whether Open Library knows an edition.
pub(crate) fn is_known(isbn: &str) -> bool {
    isbn.bytes().map(u32::from).sum::<u32>() % 4 != 0
}

fn doc(isbn: &str) -> String {
    format!(
        r#"{{"key":"/works/OL{}W","title":"Known {isbn}","author_name":["Somebody"],"isbn":["{isbn}"]}}"#,
        &isbn[3..12]
    )
}

/// Whether a request is one to a metadata provider.
pub(crate) fn is_metadata(request: &Request) -> bool {
    request.url != HOOKS && !request.url.starts_with(shelf::MODEL)
}

/// The response of a provider that is down for a while.
pub(crate) fn asks_for_a_pause() -> Response {
    let mut response = response(503, "");
    response
        .headers
        .push(("retry-after".to_owned(), "4".to_owned()));
    response
}

/// The response of a provider that fails.
pub(crate) async fn misbehave(world: &Rc<World>) -> Result<Response, HttpError> {
    world.note(|| "   the provider misbehaves".to_owned());
    match world.below(6) {
        0 => {
            world.pass(60_000_000).await;
            Err(HttpError::Failed("injected: hung".to_owned()))
        }
        1 => {
            world.pass(world.below(1_000_000)).await;
            Err(HttpError::Failed("injected: reset".to_owned()))
        }
        2 => {
            world.pass(world.below(100_000)).await;
            let mut response = response(429, "");
            let seconds = world.below(20).to_string();
            response.headers.push(("retry-after".to_owned(), seconds));
            Ok(response)
        }
        3 => Ok(response(200, "<html>")),
        4 => Ok(response(404, "{}")),
        _ => Ok(response(500, "")),
    }
}

fn response(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}
