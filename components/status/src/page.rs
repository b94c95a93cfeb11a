//! The web page, compiled in with the TypeScript client that it uses, the description of the
//! interface and the sandbox's samples.

use api::error::ApiError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use platform::{Exchange, Response};

/// A file of the page.
pub(crate) struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            path,
            content_type,
            bytes,
        }
    }
}

macro_rules! assets {
    ($($path:literal: $file:literal as $content_type:literal,)*) => {
        &[$(Asset::new($path, $content_type, include_bytes!(concat!(env!("OUT_DIR"), "/web/", $file))),)*]
    };
}

const ASSETS: &[Asset] = assets! {
    "/": "index.html" as "text/html; charset=utf-8",
    "/style.css": "style.css" as "text/css; charset=utf-8",
    "/app.js": "app.js" as "text/javascript; charset=utf-8",
    "/book-list.js": "book-list.js" as "text/javascript; charset=utf-8",
    "/book.js": "book.js" as "text/javascript; charset=utf-8",
    "/choose.js": "choose.js" as "text/javascript; charset=utf-8",
    "/client/client.js": "client/client.js" as "text/javascript; charset=utf-8",
    "/client/errors.js": "client/errors.js" as "text/javascript; charset=utf-8",
    "/client/http.js": "client/http.js" as "text/javascript; charset=utf-8",
    "/client/index.js": "client/index.js" as "text/javascript; charset=utf-8",
    "/client/sse.js": "client/sse.js" as "text/javascript; charset=utf-8",
    "/client/strategy.js": "client/strategy.js" as "text/javascript; charset=utf-8",
    "/client/watch.js": "client/watch.js" as "text/javascript; charset=utf-8",
    "/connection.js": "connection.js" as "text/javascript; charset=utf-8",
    "/dom.js": "dom.js" as "text/javascript; charset=utf-8",
    "/follow.js": "follow.js" as "text/javascript; charset=utf-8",
    "/home.js": "home.js" as "text/javascript; charset=utf-8",
    "/job-view.js": "job-view.js" as "text/javascript; charset=utf-8",
    "/job.js": "job.js" as "text/javascript; charset=utf-8",
    "/jobs.js": "jobs.js" as "text/javascript; charset=utf-8",
    "/notices.js": "notices.js" as "text/javascript; charset=utf-8",
    "/operator.js": "operator.js" as "text/javascript; charset=utf-8",
    "/photos.js": "photos.js" as "text/javascript; charset=utf-8",
    "/server.js": "server.js" as "text/javascript; charset=utf-8",
    "/shelf-photos.js": "shelf-photos.js" as "text/javascript; charset=utf-8",
    "/socket.js": "socket.js" as "text/javascript; charset=utf-8",
    "/reading.js": "reading.js" as "text/javascript; charset=utf-8",
    "/words.js": "words.js" as "text/javascript; charset=utf-8",
    "/docs": "docs.html" as "text/html; charset=utf-8",
    "/docs.js": "docs.js" as "text/javascript; charset=utf-8",
};

const DESCRIPTION: &Asset = &Asset::new(
    "/openapi.json",
    "application/json",
    api::openapi::DESCRIPTION,
);

/// The files that the page offers in the sandbox: a part of a library, and a shelf that the
/// stand-ins recognise however small it is.
const SAMPLES: &[Asset] = &[
    Asset::new(
        "/sandbox/library.csv",
        "text/csv; charset=utf-8",
        include_bytes!("../sandbox/library.csv"),
    ),
    Asset::new(
        "/sandbox/shelf.jpg",
        "image/jpeg",
        include_bytes!("../sandbox/shelf.jpg"),
    ),
];

/// The file at this path.
pub(crate) fn asset(path: &str) -> Option<&'static Asset> {
    let files = ASSETS.iter().chain([DESCRIPTION]).chain(SAMPLES);
    files.into_iter().find(|asset| asset.path == path)
}

/// Answers with a file, or with `304` when the client's copy is still good. Samples are only in the
/// sandbox.
pub(crate) fn answer(exchange: &Exchange, asset: &Asset) -> Response {
    let is_sample = SAMPLES.iter().any(|sample| sample.path == asset.path);
    if is_sample && !exchange.config.sandbox {
        return exchange.failure(&ApiError::no_such_route());
    }
    let etag = api::status::etag_of(asset.bytes);
    let known = exchange
        .request
        .header("if-none-match")
        .is_some_and(|header| api::status::none_match(header, &etag));
    let answer = Response {
        status: if known { 304 } else { 200 },
        headers: api::cors::page_headers(),
        body: if known {
            Vec::new()
        } else {
            asset.bytes.to_vec()
        },
    };
    answer
        .header(CONTENT_TYPE, asset.content_type)
        .header(CACHE_CONTROL, "no-cache")
        .header(ETAG, &etag)
}
