//! The routes of V3.

use serde_json::{Value, json};

use super::super::components::Components;
use super::super::operation::{Operation, and, answer, form, json_of, photos, response};
use super::{
    CHOICE_FAILS, CHOOSING, EXPORTS, LOOKING, MAKING, RETRY_FAILS, RETRYING, SEARCHING,
    choice_body, exported, looking_up, own_description,
};
use crate::Code::*;
use crate::envelope::Success;
use crate::request::{RetryBody, V3EnrichBody};
use crate::results::whole;
use crate::sse;
use crate::v3;

pub(super) fn jobs(c: &mut Components) -> Vec<Operation> {
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
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "importMapping", "importMappingParameter", "books"])
            .takes(json!({"multipart/form-data": form("file", "The CSV file", false), "text/csv": csv}))
            .answers(200, stream(c, true))
            .answers(202, accepted(c))
            .fails(c, &uploading),
        new("createScanJob", "post", "/v3/jobs/scans", "Find the books on photos of shelves")
            .about("1 to 5 photos, at most 10 MB each. The part may also be named `photos` or `image`.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "keepFailedPhotos", "provider", "books"])
            .takes(photos(form("photos[]", "The photos", true)))
            .answers(200, stream(c, true))
            .answers(202, accepted(c))
            .fails(c, &uploading),
        new("createEnrichmentJob", "post", "/v3/jobs/enrichment", "Look up many books")
            .about("ISBNs as `isbns`, or `books` by title, author and ISBN: one of the two, at most 1,500.")
            .parameters(&["idempotencyKey", "clientRef", "clientRefHeader", "books"])
            .takes(json_of(c.request::<V3EnrichBody>()))
            .answers(200, stream(c, true))
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
                .answers(200, stream(c, false))
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
                .answers(200, exported(c, results))
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
fn stream(c: &mut Components, attached: bool) -> Value {
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

fn results(c: &mut Components) -> Value {
    let schema = json!({"anyOf": [
        c.answer::<whole::Response<whole::V3ImportResults>>(),
        c.answer::<whole::Response<whole::V3ScanResults>>(),
        c.answer::<whole::Response<whole::V3EnrichmentResults>>(),
        c.answer::<whole::Response<whole::V3LiteResults>>(),
    ]});
    response("Of an import, a scan or an enrichment", schema, json!({}))
}

pub(super) fn books(c: &mut Components) -> Vec<Operation> {
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
