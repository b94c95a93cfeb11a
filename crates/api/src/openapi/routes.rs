//! Descriptions of all routes: requests, responses and errors.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::components::Components;
use super::webhooks;
use crate::Code::{self, *};
use crate::accepted::{
    Accepted, LegacyBookshelf, LegacyEnrichment, LegacyEnrichmentBatch, LegacyImport, LegacyReady,
    LegacyScan, LegacyScanBatch, Refreshed,
};
use crate::book::LookedUp;
use crate::capabilities::{Capabilities, Health};
use crate::choice::ChoiceBody;
use crate::envelope::{Beside, Success, WithFlatCopy};
use crate::legacy::{ImportStatusAnswer, JobState, ScanStatus};
use crate::operator;
use crate::preview::Preview;
use crate::request::MAX_CLIENT_REF;
use crate::request::{
    BarcodeBody, CancelBody, EnrichBody, RefreshBody, RetryBody, ScanBatchBody, V3EnrichBody,
    WorksBody,
};
use crate::results::whole;
use crate::scan::Shown;
use crate::search::{SearchResults, SearchResultsV2};
use crate::sse;
use crate::status::{Canceled, Document};
use crate::upload::{CLIENT_REF, KEEP_FAILED};
use crate::v3;

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

struct Operation {
    path: String,
    method: &'static str,
    body: Value,
}

impl Operation {
    fn new(tag: &str, method: &'static str, path: &str, id: &str, summary: &str) -> Self {
        let body = json!({
            "operationId": id, "tags": [tag], "summary": summary, "parameters": [], "security": [],
            "responses": {},
        });
        let mut operation = Self {
            path: path.to_owned(),
            method,
            body,
        };
        if path.contains("{jobId}") {
            operation = operation.parameters(&["jobId"]);
        }
        operation
    }

    fn about(mut self, text: &str) -> Self {
        self.body["description"] = json!(text);
        self
    }

    fn parameters(mut self, names: &[&str]) -> Self {
        let list = self.body["parameters"].as_array_mut();
        let references = names
            .iter()
            .map(|name| json!({"$ref": format!("#/components/parameters/{name}")}));
        list.expect("made as a list").extend(references);
        self
    }

    fn takes(mut self, content: Value) -> Self {
        self.body["requestBody"] = json!({"required": true, "content": content});
        self
    }

    /// Adds an optional body.
    fn takes_optionally(mut self, content: Value) -> Self {
        self.body["requestBody"] = json!({"required": false, "content": content});
        self
    }

    fn answers(mut self, status: u16, response: Value) -> Self {
        self.body["responses"][status.to_string()] = response;
        self
    }

    fn fails(mut self, c: &mut Components, codes: &[Code]) -> Self {
        let codes = and(codes, &[MethodNotAllowed]);
        for (status, response) in c.errors(&codes, self.path.starts_with(crate::v3::PREFIX)) {
            self.body["responses"][status.to_string()] = response;
        }
        self
    }

    /// Requires the job's token.
    fn only_with_token(mut self) -> Self {
        self.body["security"] = json!([{"token": []}]);
        self
    }

    /// Requires the operator's token.
    fn only_for_operator(mut self) -> Self {
        self.body["security"] = json!([{"operator": []}]);
        self
    }

    /// Adds the job's token; jobs that have none need none.
    fn with_token(mut self) -> Self {
        self.body["security"] = json!([{"token": []}, {}]);
        self
    }
}

fn json_of(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn response(description: &str, schema: Value, examples: Value) -> Value {
    let mut content = json_of(schema);
    if examples.as_object().is_some_and(|names| !names.is_empty()) {
        content["application/json"]["examples"] = examples;
    }
    json!({"description": description, "content": content})
}

/// A response with its examples.
fn answer<T: JsonSchema>(c: &mut Components, about: &str, examples: &[&'static str]) -> Value {
    let schema = c.answer::<T>();
    response(about, schema, c.examples(examples))
}

/// A body of `multipart/form-data` with files of this name.
fn form(name: &str, about: &str, several: bool) -> Value {
    let file = json!({
        "type": "string", "contentEncoding": "binary",
        "contentMediaType": "application/octet-stream",
    });
    let part = if several {
        json!({"type": "array", "items": file, "minItems": 1, "description": about})
    } else {
        json!({
            "type": "string", "contentEncoding": "binary",
            "contentMediaType": "application/octet-stream", "description": about,
        })
    };
    let client_ref = json!({
        "type": "string", "maxLength": MAX_CLIENT_REF, "description": "As the parameter of this name, which wins",
    });
    json!({"schema": {"type": "object", "required": [name], "properties": {name: part, CLIENT_REF: client_ref}}})
}

/// A body of one photo, in every type that is decoded, or a form.
fn photos(mut form: Value) -> Value {
    if let Some(parts) = form["schema"]["properties"].as_object_mut() {
        parts.insert(
            KEEP_FAILED.to_owned(),
            json!({"type": "string", "enum": ["true", "false"], "description": "As the parameter of this name"}),
        );
    }
    let photo = |media: &str| {
        json!({"schema": {
            "type": "string", "contentEncoding": "binary", "contentMediaType": media,
        }})
    };
    json!({
        "multipart/form-data": form,
        "image/jpeg": photo("image/jpeg"),
        "image/png": photo("image/png"),
        "image/webp": photo("image/webp"),
    })
}

/// A body of one photo.
fn photo() -> Value {
    let mut content = photos(json!({}));
    if let Some(content) = content.as_object_mut() {
        content.remove("multipart/form-data");
    }
    content
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

fn and(codes: &[Code], more: &[Code]) -> Vec<Code> {
    let mut all = [codes, more].concat();
    all.sort_by_key(|code| Code::ALL.iter().position(|one| one == code));
    all
}

fn operations(c: &mut Components) -> Vec<Operation> {
    let mut all = making(c);
    all.extend(following(c));
    all.extend(server(c));
    all.extend(operator(c));
    all.extend(v3_jobs(c));
    all.extend(v3_books(c));
    all.extend(searches(c));
    all.extend(legacy_making(c));
    all.extend(legacy_following(c));
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
            .about("A CSV file or a workbook (`.xlsx`, `.ods`): an export of any reading program, or any list with titles or ISBNs, in any usual language and encoding. At most 8 MB and 10,000 rows. What its columns mean is recognised; a part `mapping` (or, with a raw body, a header `X-Import-Mapping`) says it better: a JSON object of fields by the columns' headers or numbers, `{\"Titel\": \"title\", \"3\": \"ignore\"}`; `#3` is the third column whatever the headers are. The results say how each column was read.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "importMapping", "books"])
            .takes(library(&csv))
            .answers(200, attached(c))
            .answers(202, answer::<Success<Accepted>>(c, "The job", &["import-accepted"]))
            .fails(c, &uploading),
        new("previewImport", "post", "/api/v2/imports/preview", "See what an import would come to")
            .parameters(&["importMapping"])
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
            answer::<Beside<Capabilities, v3::Capabilities>>(c, "As it is configured", &[]),
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

/// What the operator does; `404` where no token is configured.
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

fn v3_jobs(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("v3", method, path, id, summary)
    };
    let uploading = and(MAKING, &[UnsupportedMediaType]);
    let enriching = and(MAKING, &[InvalidIsbn, EmptyBatch, BatchTooLarge]);
    let csv = json!({"schema": {"type": "string"}});
    let accepted = |c: &mut Components| answer::<Success<v3::Accepted>>(c, "The job", &[]);
    let mut all = vec![
        new("createImportJob", "post", "/v3/jobs/imports", "Import a library")
            .about("A CSV file of at most 8 MB and 10,000 rows.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "importMapping", "books"])
            .takes(json!({"multipart/form-data": form("file", "The CSV file", false), "text/csv": csv}))
            .answers(200, v3_stream(c, true))
            .answers(202, accepted(c))
            .fails(c, &uploading),
        new("createScanJob", "post", "/v3/jobs/scans", "Find the books on photos of shelves")
            .about("1 to 5 photos, at most 10 MB each. The part may also be named `photos` or `image`.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "keepFailedPhotos", "provider", "books"])
            .takes(photos(form("photos[]", "The photos", true)))
            .answers(200, v3_stream(c, true))
            .answers(202, accepted(c))
            .fails(c, &uploading),
        new("createEnrichmentJob", "post", "/v3/jobs/enrichment", "Look up many books")
            .about("ISBNs as `isbns`, or `books` by title, author and ISBN: one of the two, at most 1,500.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "books"])
            .takes(json_of(c.request::<V3EnrichBody>()))
            .answers(200, v3_stream(c, true))
            .answers(202, accepted(c))
            .fails(c, &enriching),
    ];
    for (kind, name) in [
        ("imports", "Import"),
        ("scans", "Scan"),
        ("enrichment", "Enrichment"),
    ] {
        let path = format!("/v3/jobs/{kind}/{{jobId}}");
        let id = |what: &str, end: &str| format!("{what}{name}{end}");
        let status = |c: &mut Components, about| answer::<Success<v3::JobStatus>>(c, about, &[]);
        let mut now = status(c, "The job as it is");
        now["headers"] = json!({
            "ETag": {"description": "Changes when and only when the document does", "schema": {"type": "string"}},
            "Retry-After": {"description": "When to poll again, in seconds, while the job runs", "schema": {"type": "integer"}},
        });
        all.extend([
            new(&id("get", "JobStatus"), "get", &path, "How far the job is")
                .parameters(&["ifNoneMatch"])
                .with_token()
                .answers(200, now)
                .answers(304, json!({"description": "The client has this document"}))
                .fails(c, LOOKING),
            new(&id("cancel", "Job"), "delete", &path, "Cancel the job")
                .only_with_token()
                .answers(200, status(c, "The job has stopped"))
                .answers(202, status(c, "The job has not stopped yet"))
                .fails(c, &and(LOOKING, &[JobEnded])),
            new(&id("stream", "Progress"), "get", &format!("{path}/stream"), "Follow the job")
                .about("Server-sent events, until the job is over. A response that is cut short is to be continued with `Last-Event-ID`.")
                .parameters(&["lastEventId", "lastEventIdQuery", "books"])
                .with_token()
                .answers(200, v3_stream(c, false))
                .answers(204, json!({"description": "The job is over and the client has its last event"}))
                .fails(c, LOOKING),
            new(&id("choose", "Book"), "put", &format!("{path}/books/{{index}}"), "Say which book a book of the ended job is")
                .about(CHOOSING)
                .parameters(&["index"])
                .only_with_token()
                .takes(choice_body(c))
                .answers(200, answer::<Success<v3::ResultBook>>(c, "The book", &[]))
                .fails(c, CHOICE_FAILS),
            new(&id("retry", "Job"), "post", &format!("{path}/retry"), "Try again what the job did not find")
                .about(RETRYING)
                .parameters(&["clientRef", "clientRefHeader"])
                .only_with_token()
                .takes_optionally(json_of(c.request::<RetryBody>()))
                .answers(202, answer::<Success<v3::Accepted>>(c, "The new job", &[]))
                .fails(c, RETRY_FAILS),
            new(&id("get", "JobResults"), "get", &format!("{path}/results"), "What the job came to")
                .about(EXPORTS)
                .parameters(&["offset", "limit", "format", "only"])
                .with_token()
                .answers(200, exported(c, v3_results))
                .fails(c, &and(LOOKING, &[NotReady])),
        ]);
    }
    let cleanup = new(
        "cleanupScanJob",
        "delete",
        "/v3/jobs/scans/{jobId}/cleanup",
        "Delete a scan and its results at once",
    )
    .only_with_token()
    .answers(204, json!({"description": "There is no such job any more"}))
    .fails(c, &and(LOOKING, &[NotReady]));
    all.push(cleanup);
    all
}

/// The response with a stream of V3.
fn v3_stream(c: &mut Components, attached: bool) -> Value {
    let mut events = json!({
        "progress": c.answer::<sse::V3Event<sse::Processing>>(),
        "result": c.answer::<sse::ResultEvent>(),
        "completed": c.answer::<sse::V3Event<sse::V3Completed>>(),
        "failed": c.answer::<sse::V3Event<sse::FailedInShort>>(),
        "canceled": c.answer::<sse::V3Event<sse::FailedInShort>>(),
        "timeout": c.answer::<sse::V3Event<sse::TimedOut>>(),
    });
    let description = if attached {
        events["accepted"] = c.answer::<v3::Accepted>();
        "To `Accept: text/event-stream`: the job's stream, at once. The first event is `accepted`, without an id."
    } else {
        "Events with ids; their data is JSON on one line of ASCII. `: heartbeat` after 15 s of silence."
    };
    json!({
        "description": description,
        "content": {"text/event-stream": {"schema": {"type": "string"}, "x-events": events}},
    })
}

fn v3_results(c: &mut Components) -> Value {
    let schema = json!({"anyOf": [
        c.answer::<whole::Response<whole::V3ImportResults>>(),
        c.answer::<whole::Response<whole::V3ScanResults>>(),
        c.answer::<whole::Response<whole::V3EnrichmentResults>>(),
        c.answer::<whole::Response<whole::V3LiteResults>>(),
    ]});
    response("Of an import, a scan or an enrichment", schema, json!({}))
}

fn v3_books(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("v3", method, path, id, summary)
    };
    vec![
        new("getBookByISBN", "get", "/v3/books/{isbn}", "Look up one book")
            .parameters(&["isbn"])
            .answers(200, answer::<Success<v3::Book>>(c, "The book", &[]))
            .fails(c, &looking_up()),
        new("searchBooks", "get", "/v3/books/search", "Search books by words")
            .parameters(&["q", "mode", "page", "hits"])
            .answers(200, answer::<Success<v3::Search>>(c, "A page of hits", &[]))
            .fails(c, SEARCHING),
        new("enrichBooksV3", "post", "/v3/books/enrich", "Look up a few books")
            .about("At most 50 ISBNs, answered when they are found; with `async: true` a job of up to 1,500.")
            .takes(json_of(c.request::<V3EnrichBody>()))
            .answers(200, answer::<Success<v3::Enriched>>(c, "The books", &[]))
            .answers(202, answer::<Success<v3::Accepted>>(c, "A job", &[]))
            .fails(c, &and(&looking_up(), &[EmptyBatch, BatchTooLarge, FileTooLarge, JobExists])),
        new("getCapabilitiesV3", "get", "/v3/capabilities", "What the server can do, and its limits")
            .answers(200, response("As it is configured", c.answer::<v3::Capabilities>(), json!({})))
            .fails(c, &[InternalError]),
        own_description(c, "v3", "getDescriptionV3", "/v3/openapi.json"),
        new("getDocs", "get", "/v3/docs", "This description, for people")
            .answers(
                200,
                json!({"description": "A page", "content": {"text/html; charset=utf-8": {"schema": {"type": "string"}}}}),
            )
            .fails(c, &[]),
    ]
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

fn legacy_making(c: &mut Components) -> Vec<Operation> {
    let uploading = and(MAKING, &[UnsupportedMediaType]);
    let enriching = and(MAKING, &[InvalidIsbn, EmptyBatch, BatchTooLarge]);
    let new =
        |id: &str, path: &str, summary: &str| Operation::new("legacy", "post", path, id, summary);
    vec![
        new("legacyScan", "/scan", "Scan a photo without a token")
            .parameters(&["chosenJobId", "keepFailedPhotos", "provider"])
            .takes(photo())
            .answers(
                202,
                answer::<LegacyScan>(c, "The job", &["legacy-scan-accepted"]),
            )
            .fails(c, &uploading),
        new("legacyScanBookshelf", "/api/scan-bookshelf", "Scan a photo")
            .parameters(&["chosenJobId", "keepFailedPhotos", "provider"])
            .takes(photos(form("image", "The photo", false)))
            .answers(
                202,
                answer::<WithFlatCopy<LegacyBookshelf>>(
                    c,
                    "The job",
                    &["legacy-scan-bookshelf-accepted"],
                ),
            )
            .fails(c, &uploading),
        new(
            "legacyScanBatch",
            "/api/scan-bookshelf/batch",
            "Scan photos in base64",
        )
        .parameters(&["keepFailedPhotos", "provider"])
        .takes(json_of(c.request::<ScanBatchBody>()))
        .answers(
            202,
            answer::<WithFlatCopy<LegacyScanBatch>>(c, "The job", &["legacy-scan-batch-accepted"]),
        )
        .fails(c, &and(&uploading, &[EmptyBatch, BatchTooLarge])),
        new("legacyImport", "/api/import/csv-gemini", "Import a library")
            .takes(json!({"multipart/form-data": form("file", "The CSV file", false)}))
            .answers(202, answer::<WithFlatCopy<LegacyImport>>(c, "The job", &[]))
            .fails(c, &uploading),
        new(
            "legacyEnrichWorks",
            "/api/enrichment/start",
            "Look up works by Open Library key or ISBN",
        )
        .takes(json_of(c.request::<WorksBody>()))
        .answers(
            200,
            answer::<WithFlatCopy<LegacyEnrichment>>(c, "The job", &[]),
        )
        .fails(c, &enriching),
        new(
            "legacyEnrichBooks",
            "/api/enrichment/batch",
            "Look up books",
        )
        .takes(json_of(c.request::<EnrichBody>()))
        .answers(
            202,
            answer::<WithFlatCopy<LegacyEnrichmentBatch>>(c, "The job", &[]),
        )
        .fails(c, &enriching),
    ]
}

fn legacy_following(c: &mut Components) -> Vec<Operation> {
    let new = |id: &str, method, path: &str, summary: &str| {
        Operation::new("legacy", method, path, id, summary)
    };
    let naming = and(LOOKING, &[MissingParameter, FileTooLarge]);
    let mut all = vec![
        new(
            "legacyScanStatus",
            "get",
            "/scan/status/{jobId}",
            "How far a scan is, with its books when it is done",
        )
        .with_token()
        .answers(
            200,
            answer::<ScanStatus>(
                c,
                "The scan",
                &["legacy-scan-status", "legacy-scan-status-complete"],
            ),
        )
        .fails(c, LOOKING),
        new(
            "legacyReady",
            "post",
            "/scan/ready/{jobId}",
            "Say that the client listens; nothing waits for it",
        )
        .answers(
            200,
            answer::<LegacyReady>(c, "Always, also before the job exists", &[]),
        )
        .fails(c, &[InvalidRequest]),
        new(
            "legacyJobState",
            "get",
            "/api/job-state/{jobId}",
            "How far a job is, in short",
        )
        .with_token()
        .answers(200, answer::<JobState>(c, "The job", &[]))
        .fails(c, LOOKING),
        new(
            "legacyImportStatus",
            "get",
            "/v1/csv/status/{jobId}",
            "How far an import is",
        )
        .with_token()
        .answers(200, answer::<ImportStatusAnswer>(c, "The import", &[]))
        .fails(c, LOOKING),
        new(
            "legacyCancelImport",
            "post",
            "/v1/csv/cancel/{jobId}",
            "Cancel an import",
        )
        .with_token()
        .answers(
            200,
            answer::<WithFlatCopy<Canceled>>(c, "How it ended", &[]),
        )
        .answers(
            202,
            answer::<WithFlatCopy<Canceled>>(c, "It has not stopped yet", &[]),
        )
        .fails(c, LOOKING),
    ];
    for (path, id, summary) in [
        (
            "/api/scan-bookshelf/cancel",
            "legacyCancelScan",
            "Cancel a scan",
        ),
        (
            "/api/enrichment/cancel",
            "legacyCancelEnrichment",
            "Cancel an enrichment",
        ),
    ] {
        let operation = new(id, "post", path, summary)
            .about("The token may be in the body instead of a header.")
            .with_token()
            .takes(json_of(c.request::<CancelBody>()))
            .answers(
                200,
                answer::<WithFlatCopy<Canceled>>(c, "How it ended", &[]),
            )
            .answers(
                202,
                answer::<WithFlatCopy<Canceled>>(c, "It has not stopped yet", &[]),
            )
            .fails(c, &naming);
        all.push(operation);
    }
    let refresh = new(
        "refreshToken",
        "post",
        "/api/token/refresh",
        "Replace a token in the last 30 minutes of its life",
    )
    .takes(json_of(c.request::<RefreshBody>()))
    .answers(
        200,
        answer::<WithFlatCopy<Refreshed>>(c, "The next token", &[]),
    )
    .fails(
        c,
        &[
            InvalidRequest,
            MissingParameter,
            Unauthorized,
            FileTooLarge,
            InternalError,
            ServiceBusy,
        ],
    );
    all.push(refresh);
    all
}
