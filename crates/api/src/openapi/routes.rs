//! Descriptions of all routes: requests, responses and errors.

mod legacy;
mod v3;

use serde_json::{Map, Value, json};

use super::components::Components;
use super::operation::{Operation, and, answer, form, json_of, photos, response};
use super::webhooks;
use crate::Code::{self, *};
use crate::accepted::Accepted;
use crate::book::LookedUp;
use crate::capabilities::{Capabilities, Health};
use crate::choice::ChoiceBody;
use crate::envelope::{Beside, Success, WithFlatCopy};
use crate::operator;
use crate::preview::Preview;
use crate::request::{BarcodeBody, EnrichBody, RetryBody};
use crate::results::whole;
use crate::scan::Shown;
use crate::search::{SearchResults, SearchResultsV2};
use crate::sse;
use crate::status::{Canceled, Document};

/// The whole description of the HTTP interface.
pub(super) fn description() -> Value {
    let mut components = Components::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations(&mut components) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.body;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bookstrack",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "A backend for book apps: library imports, shelf scans and enrichment, \
                with live progress.\n\nA job is made by a `POST`, which answers `202` at once, and \
                followed by an event stream, by polling its status or by WebSocket; all three tell \
                the same story, and pick it up again after any interruption. Results are kept for \
                as long as `limits.retentionMs` of the capabilities says.\n\nAnswers may have more fields than are described here, and fields of a \
                body that are not described are ignored. Every path answers \
                other methods with `405 METHOD_NOT_ALLOWED` and `OPTIONS` with `204`; `GET` \
                includes `HEAD`.\n\nTimes have milliseconds (`2026-01-31T09:15:02.125Z`): a decoder \
                that expects none, as Swift's `.iso8601` does, must be told so.",
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "jobs", "description": "Make jobs"},
            {"name": "progress", "description": "Follow, read and cancel jobs"},
            {"name": "server", "description": "The server itself"},
            {"name": "operator", "description": "What an operator sees, behind a token of the operator's own"},
            {"name": "v3", "description": "V3: what present-day clients call"},
            {"name": "legacy", "description": "Routes of the first apps: new clients need none of them"},
        ],
        "paths": paths,
        "webhooks": webhooks::describe(&mut components),
        "components": components.finish(),
    })
}

/// Errors of every request that makes a job.
const MAKING: &[Code] = &[
    InvalidRequest,
    MissingParameter,
    JobExists,
    IdempotencyKeyReused,
    FileTooLarge,
    RateLimitExceeded,
    InternalError,
    ServiceBusy,
];
/// Description of a retry: the job that it makes.
const RETRYING: &str = "Makes a new job, `retryOf` the ended one, that looks up those of its books whose outcome \
    `only` names, those included that nobody reached before it was stopped; its progress is theirs, its results are \
    all books. Titles that say too little without an author, and photos that are no pictures, are never tried again. Photos that could not be looked at are looked at again if the scan has kept them (`keepFailedPhotos`); \
    else `photosToSend` says which to send in a new scan. There is one such job of each ended one: the same request \
    again is answered with it.";
/// Description of a choice.
const CHOOSING: &str = "One of the book's `candidates` (of a doubtful book the last one is its match, `isMatch`: chosen, \
    it is confirmed), or what a provider knows by an ISBN, a work's key, or a title \
    and its author; `null`: none of the books that providers know. Answers with the book as it is then; results, \
    exports and later retries follow. Answered when the choice is certain to stay, whoever chooses at the same time.";

/// The body of a choice.
fn choice_body(c: &mut Components) -> Value {
    let body = c.request::<ChoiceBody>();
    json_of(json!({"anyOf": [body, {"type": "null"}]}))
}

/// Errors of a choice.
const CHOICE_FAILS: &[Code] = &[
    InvalidRequest,
    MissingParameter,
    InvalidIsbn,
    BatchTooLarge,
    Unauthorized,
    NotFound,
    NotReady,
    FileTooLarge,
    RateLimitExceeded,
    InternalError,
    ApiError,
    NetworkError,
    CircuitOpen,
    ServiceBusy,
];
/// Errors of a request to try a job again.
const RETRY_FAILS: &[Code] = &[
    InvalidRequest,
    EmptyBatch,
    Unauthorized,
    NotFound,
    JobExists,
    NotReady,
    FileTooLarge,
    RateLimitExceeded,
    InternalError,
    ServiceBusy,
];
/// Errors of every request about a job.
const LOOKING: &[Code] = &[
    InvalidRequest,
    Unauthorized,
    NotFound,
    InternalError,
    ServiceBusy,
];

fn operations(c: &mut Components) -> Vec<Operation> {
    let mut all = making(c);
    all.extend(following(c));
    all.extend(server(c));
    all.extend(operator(c));
    all.extend(v3::jobs(c));
    all.extend(v3::books(c));
    all.extend(searches(c));
    all.extend(legacy::making(c));
    all.extend(legacy::following(c));
    all
}

fn making(c: &mut Components) -> Vec<Operation> {
    let uploading = and(MAKING, &[UnsupportedMediaType]);
    let enriching = and(MAKING, &[InvalidIsbn, EmptyBatch, BatchTooLarge]);
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("jobs", method, path, id, summary)
    };
    let csv = json!({"schema": {"type": "string"}});
    let mut all = vec![
        new("importLibrary", "post", "/api/v2/imports", "Import a library")
            .about("A CSV file or a workbook (`.xlsx`, `.ods`): an export of any reading program, or any list with titles or ISBNs, in any usual language and encoding. At most 8 MB and 10,000 rows. What its columns mean is recognised; a part `mapping` (or, with a raw body, a header `X-Import-Mapping` or a parameter `mapping`) says it better: a JSON object of fields by the columns' headers or numbers, `{\"Titel\": \"title\", \"3\": \"ignore\"}`; `#3` is the third column whatever the headers are. The results say how each column was read.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "importMapping", "importMappingParameter", "books"])
            .takes(library(&csv))
            .answers(200, attached(c))
            .answers(202, answer::<Success<Accepted>>(c, "The job", &["import-accepted"]))
            .fails(c, &uploading),
        new("previewImport", "post", "/api/v2/imports/preview", "See what an import would come to")
            .parameters(&["importMapping", "importMappingParameter"])
            .about("Takes what an import takes, makes no job and asks no provider: how the file is read, its first books, what is wrong with its rows, and how many look-ups it would take. A file whose import would fail is answered with its `failure`.")
            .takes(library(&csv))
            .answers(200, answer::<Success<Preview>>(c, "The preview", &[]))
            .fails(c, &[InvalidRequest, MissingParameter, FileTooLarge, BatchTooLarge, UnsupportedMediaType, InternalError]),
        new("scanShelf", "post", "/api/batch-scan", "Find the books on photos of shelves")
            .about("1 to 5 photos, JPEG, PNG or WebP, at most 10 MB each. The part may also be named `photos[]`, `photo`, `image` or `file`.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "keepFailedPhotos", "provider", "books", "events"])
            .takes(photos(form("photos", "The photos", true)))
            .answers(200, attached(c))
            .answers(202, answer::<Success<Accepted>>(c, "The job", &["scan-accepted"]))
            .fails(c, &uploading),
    ];
    for (path, id) in [
        ("/api/batch-enrich", "enrichBooks"),
        ("/v1/enrichment/batch", "enrichBooksV1"),
    ] {
        let operation = new(id, "post", path, "Look up many books")
            .about("ISBNs as `barcodes`, or `books` by title, author and ISBN: one of the two, at most 1,500.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "books"])
            .takes(json_of(c.request::<EnrichBody>()))
            .answers(200, attached(c))
            .answers(202, answer::<Success<Accepted>>(c, "The job", &["enrich-accepted"]))
            .fails(c, &enriching);
        all.push(operation);
    }
    let one = new(
        "lookUpBook",
        "post",
        "/api/v2/books/enrich",
        "Look up one book",
    )
    .about("Answers when it is found. The book's fields are repeated at the top level.")
    .takes(json_of(c.request::<BarcodeBody>()))
    .answers(200, answer::<WithFlatCopy<LookedUp>>(c, "The book", &[]))
    .fails(
        c,
        &[
            InvalidRequest,
            MissingParameter,
            InvalidIsbn,
            NotFound,
            FileTooLarge,
            RateLimitExceeded,
            InternalError,
            ApiError,
            NetworkError,
            CircuitOpen,
            ServiceBusy,
        ],
    );
    all.push(one);
    all
}

/// The bodies that a library may come in.
fn library(csv: &Value) -> Value {
    let mut parts = form("file", "The file", false);
    parts["schema"]["properties"]["mapping"] = json!({"type": "string", "description": "Fields by columns, as JSON: {\"Titel\": \"title\", \"Gelesen\": \"dateRead:day-first\", \"Note\": \"rating:20\", \"#4\": \"ignore\"}"});
    json!({
        "multipart/form-data": parts,
        "text/csv": csv,
        "text/plain": csv,
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"schema": {"type": "string", "format": "binary"}},
        "application/vnd.oasis.opendocument.spreadsheet": {"schema": {"type": "string", "format": "binary"}},
    })
}

fn following(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("progress", method, path, id, summary)
    };
    let mut status = answer::<Success<Document>>(
        c,
        "The job as it is",
        &["status-processing", "status-completed", "status-failed"],
    );
    status["headers"] = json!({
        "ETag": {"description": "Changes when and only when the document does", "schema": {"type": "string"}},
        "Retry-After": {"description": "When to poll again, in seconds, while the job runs", "schema": {"type": "integer"}},
    });
    let mut all: Vec<Operation> = [
        ("/api/v2/imports/{jobId}", "getStatus"),
        ("/v1/jobs/{jobId}/status", "getStatusV1"),
    ]
    .into_iter()
    .map(|(path, id)| {
        new(id, "get", path, "How far a job of any kind is")
            .parameters(&["ifNoneMatch"])
            .with_token()
            .answers(200, status.clone())
            .answers(304, json!({"description": "The client has this document"}))
            .fails(c, LOOKING)
    })
    .collect();
    all.push(
        new("followJob", "get", "/api/v2/imports/{jobId}/stream", "Follow a job of any kind")
            .about("Server-sent events, until the job is over. A response that is cut short is to be continued with `Last-Event-ID`.")
            .parameters(&["lastEventId", "lastEventIdQuery", "books", "events"])
            .with_token()
            .answers(200, stream(c))
            .answers(204, json!({"description": "The job is over and the client has its last event"}))
            .fails(c, LOOKING),
    );
    let several = new(
        "followJobs",
        "get",
        "/api/v2/imports/stream",
        "Follow several jobs on one stream",
    )
    .about("The events of each job's own stream, until all are over; an id holds the positions of all.")
    .parameters(&["jobIds", "lastEventId", "lastEventIdQuery", "books", "events"])
    .with_token()
    .answers(200, stream(c))
    .answers(
        204,
        json!({"description": "The jobs are over and the client has their last events"}),
    )
    .fails(c, LOOKING);
    all.push(several);
    for (path, id) in [
        ("/api/v2/imports/{jobId}/results", "getResults"),
        ("/v1/jobs/{jobId}/results", "getResultsV1"),
        ("/v1/csv/results/{jobId}", "getImportResults"),
        ("/v1/scan/results/{jobId}", "getScanResults"),
    ] {
        let operation = new(id, "get", path, "What a job came to")
            .about(&format!(
                "A canceled job answers with what was done. {EXPORTS}"
            ))
            .parameters(&["offset", "limit", "exportFormat", "only"])
            .with_token()
            .answers(200, exported(c, results))
            .fails(c, &and(LOOKING, &[NotReady]));
        all.push(operation);
    }
    all.push(
        new(
            "chooseBook",
            "put",
            "/api/v2/imports/{jobId}/books/{index}",
            "Say which book a book of an ended job is",
        )
        .about(CHOOSING)
        .parameters(&["index"])
        .only_with_token()
        .takes(choice_body(c))
        .answers(200, answer::<Success<Shown>>(c, "The book", &[]))
        .fails(c, CHOICE_FAILS),
    );
    all.push(
        new(
            "retryJob",
            "post",
            "/api/v2/imports/{jobId}/retry",
            "Try again what a job did not find",
        )
        .about(RETRYING)
        .parameters(&["clientRef", "clientRefHeader"])
        .only_with_token()
        .takes_optionally(json_of(c.request::<RetryBody>()))
        .answers(202, answer::<Success<Accepted>>(c, "The new job", &[]))
        .fails(c, RETRY_FAILS),
    );
    for (path, id) in [
        ("/api/v2/imports/{jobId}", "cancelJob"),
        ("/api/v2/jobs/{jobId}/cancel", "cancelJobV2"),
        ("/v1/jobs/{jobId}", "cancelJobV1"),
    ] {
        let operation = new(id, "delete", path, "Cancel a job")
            .about(
                "Answers what became true: the job may have completed before. Uploads are deleted.",
            )
            .with_token()
            .answers(
                200,
                answer::<Success<Canceled>>(c, "How the job ended", &["canceled"]),
            )
            .answers(
                202,
                answer::<Success<Canceled>>(c, "The job has not stopped yet", &[]),
            )
            .fails(c, LOOKING);
        all.push(operation);
    }
    let socket = new("followJobBySocket", "get", "/ws/progress", "Follow jobs by WebSocket")
        .about("Behind an edge only. The current state is sent at once; after the last message of the last job the server waits up to 10 s for the client's close, and closes with 1000. A client may send `ready`, `ping`, `sync_request`, `cancel` and `ack` as `{\"type\": ...}`, and the first app `PING`.")
        .parameters(&["followed", "token", "schema"])
        .answers(101, socket(c))
        .answers(200, json!({"description": "The socket is open over HTTP/2, which a proxy in front of the edge may speak (RFC 8441)"}))
        .fails(
            c,
            &[InvalidRequest, Unauthorized, Forbidden, NotFound, UpgradeRequired, ServiceBusy],
        );
    all.push(socket);
    all
}

/// The response with a stream. OpenAPI 3.1 has no words for events: `x-events` says what their data
/// is.
fn stream(c: &mut Components) -> Value {
    let events = json!({
        "initialized": c.answer::<sse::Initialized>(),
        "processing": c.answer::<sse::Processing>(),
        "completed": c.answer::<sse::Completed>(),
        "failed": c.answer::<sse::Failed>(),
        "timeout": c.answer::<sse::TimedOut>(),
        "book": c.answer::<sse::BookEvent>(),
        "photoscan.progress": c.answer::<sse::Processing>(),
        "photoscan.completed": c.answer::<sse::Completed>(),
        "photoscan.failed": c.answer::<sse::PhotoscanFailed>(),
    });
    let examples = c.examples(&[
        "sse-initialized",
        "sse-processing",
        "sse-book",
        "sse-book-scan",
        "sse-completed",
        "sse-completed-scan",
        "sse-failed",
        "sse-timeout",
    ]);
    json!({
        "description": "Events with ids; their data is JSON on one line of ASCII. `: heartbeat` after 15 s of silence.",
        "content": {"text/event-stream": {
            "schema": {"type": "string"}, "examples": examples, "x-events": events,
        }},
    })
}

/// The response to a request for a job that asks for the job's stream.
fn attached(c: &mut Components) -> Value {
    let mut stream = stream(c);
    stream["description"] = json!(
        "To `Accept: text/event-stream`: the job's stream, at once. The first event is `accepted`, without an id, \
         its data the `data` of the `202`. A response that is cut short is to be continued on the job's own stream \
         with `Last-Event-ID`; whether it is read or not, the job goes on."
    );
    stream["content"]["text/event-stream"]["x-events"]["accepted"] = c.answer::<Accepted>();
    stream
}

fn results(c: &mut Components) -> Value {
    let schema = json!({"anyOf": [
        c.answer::<whole::Response<whole::ImportResults>>(),
        c.answer::<whole::Response<whole::ScanResults>>(),
        c.answer::<whole::Response<whole::EnrichmentResults>>(),
    ]});
    let names = ["results-import", "results-scan", "results-enrichment"];
    response(
        "Of an import, a scan or an enrichment",
        schema,
        c.examples(&names),
    )
}

/// Description of exports: the purposes of `only` and `format=csv`.
const EXPORTS: &str = "With `only` it answers with the rows that somebody may want to mend, in the columns of the \
    imported file, each with its number and what is wrong with it: as CSV they can be imported again as they are. \
    `format=csv` alone answers with the whole library in the columns of Goodreads.";

/// The response with results, or with rows.
fn exported(c: &mut Components, results: impl FnOnce(&mut Components) -> Value) -> Value {
    let mut response = results(c);
    let rows = c.answer::<Success<crate::export::whole::Rows>>();
    // A type of its own: who reads results in a typed language should not have to tell them apart.
    response["content"][crate::export::ROWS_TYPE] = json!({"schema": rows});
    response["content"]["text/csv; charset=utf-8"] = json!({"schema": {"type": "string"}});
    response
}

/// The response that opens a socket. OpenAPI 3.1 has no words for messages: `x-messages` says what
/// they are, by schema and type.
fn socket(c: &mut Components) -> Value {
    let messages = crate::ws::described(c.answers());
    let examples = c.examples(&[
        "ws-legacy-progress",
        "ws-legacy-complete",
        "ws-legacy-error",
        "ws-v1-job-started",
        "ws-v1-job-progress",
        "ws-v1-job-complete",
        "ws-v1-job-complete-scan",
        "ws-v1-job-complete-enrichment",
        "ws-v1-error",
        "ws-v1-ready-ack",
        "ws-v1-pong",
        "ws-v2-job-complete",
        "ws-v2-job-complete-scan",
    ]);
    json!({
        "description": "The socket is open",
        "x-messages": messages,
        "x-examples": examples,
    })
}

fn server(c: &mut Components) -> Vec<Operation> {
    let new =
        |id: &str, path: &str, summary: &str| Operation::new("server", "get", path, id, summary);
    vec![
        new("getHealth", "/health", "Whether the server lives")
            .answers(200, answer::<Success<Health>>(c, "It does", &[]))
            .fails(c, &[]),
        new(
            "getCapabilities",
            "/api/v2/capabilities",
            "What the server can do, and its limits",
        )
        .answers(
            200,
            answer::<Beside<Capabilities, crate::v3::Capabilities>>(c, "As it is configured", &[]),
        )
        .fails(c, &[InternalError]),
        own_description(c, "server", "getDescription", "/openapi.json"),
    ]
}

/// Errors of a request of the operator.
const OPERATING: &[Code] = &[
    InvalidRequest,
    Unauthorized,
    NotFound,
    InternalError,
    ServiceBusy,
];

/// The operator's routes; `404` where no token is configured.
fn operator(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("operator", method, path, id, summary).only_for_operator()
    };
    let job = "/api/v2/operator/jobs/{jobId}";
    vec![
        new("getOverview", "get", "/api/v2/operator", "What the application does for everybody")
            .about("The jobs of the last hour, 50 at a time, and those that ask a provider now; the state of the providers, the use of the store, the settings in force. Nothing of it is a reader's: no title, no name of a file, no token. No job is revived by it.")
            .parameters(&["before"])
            .answers(200, answer::<Success<operator::Shown>>(c, "The application", &[]))
            .fails(c, OPERATING),
        new("getTimeline", "get", job, "What is stored of the course of a job")
            .answers(200, answer::<Success<operator::Timeline>>(c, "The job", &[]))
            .fails(c, OPERATING),
        new("endJob", "delete", job, "End a job")
            .about("Answers what became true: the job may have ended before.")
            .answers(200, answer::<Success<operator::Job>>(c, "How the job ended", &[]))
            .answers(202, answer::<Success<operator::Job>>(c, "The job has not stopped yet", &[]))
            .fails(c, OPERATING),
        new("retryAnyJob", "post", "/api/v2/operator/jobs/{jobId}/retry", "Try again what a job did not find")
            .about("Makes a job beside the one that the client's own retry makes, or answers with that one if it is of the same outcomes and `clientRef`, and has not been stopped. The operator is told no token.")
            .takes_optionally(json_of(c.request::<RetryBody>()))
            .answers(202, answer::<Success<operator::Job>>(c, "The new job", &[]))
            .fails(c, RETRY_FAILS),
    ]
}

/// The operation that answers with this description.
fn own_description(c: &mut Components, tag: &str, id: &str, path: &str) -> Operation {
    let content = json_of(json!({"type": "object"}));
    Operation::new(tag, "get", path, id, "This description")
        .answers(
            200,
            json!({"description": "OpenAPI 3.1", "content": content}),
        )
        .fails(c, &[])
}

/// Errors of a request about books.
fn looking_up() -> Vec<Code> {
    and(SEARCHING, &[NotFound])
}

/// Errors of a search.
const SEARCHING: &[Code] = &[
    InvalidRequest,
    MissingParameter,
    InvalidIsbn,
    RateLimitExceeded,
    InternalError,
    ApiError,
    NetworkError,
    CircuitOpen,
    ServiceBusy,
];

/// The operations of the apps' search tab.
fn searches(c: &mut Components) -> Vec<Operation> {
    let mut all = vec![
        Operation::new(
            "jobs",
            "get",
            "/api/v2/search",
            "searchV2",
            "Search books by words",
        )
        .parameters(&["q", "mode", "page", "hits"])
        .answers(
            200,
            answer::<WithFlatCopy<SearchResultsV2>>(c, "A page of hits", &[]),
        )
        .fails(c, SEARCHING),
    ];
    for (version, end) in [("/v1/search", "V1"), ("/search", "")] {
        for (what, summary, parameters) in [
            ("title", "Search books by title", &["q", "page", "hits"][..]),
            ("isbn", "Look up a book by its ISBN", &["isbnQuery"]),
            (
                "advanced",
                "Search books by title, author or ISBN",
                &["titleQuery", "authorQuery", "isbnQuery", "page", "hits"],
            ),
        ] {
            let id = format!("search{}{}{end}", what[..1].to_uppercase(), &what[1..]);
            let operation =
                Operation::new("legacy", "get", &format!("{version}/{what}"), &id, summary)
                    .parameters(parameters)
                    .answers(
                        200,
                        answer::<WithFlatCopy<SearchResults>>(c, "The works found", &[]),
                    )
                    .fails(c, SEARCHING);
            all.push(operation);
        }
    }
    all
}
