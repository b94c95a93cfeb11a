//! The running application answers as its description says: every route, every field.

use crate::app;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use app::http::{Request, Response};
use app::{App, Job, Setup, eventually};
use host::manifest::{Manifest, TriggerRoute};
use jsonschema::Validator;
use serde_json::{Value, json};
use stand_ins::Fault;

const SHELF: &[u8] = include_bytes!("../components/status/sandbox/shelf.jpg");
const OPERATOR: &str = "an operator's token of the test";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
/// What only a WebSocket is answered; the description calls for one elsewhere.
const NOT_HTTP: &str = "get /ws/progress";

/// The description that the application serves, and which operations were tried.
struct Description {
    document: Value,
    /// The same, refusing fields that it does not name.
    strict: Value,
    tried: BTreeSet<String>,
}

impl Description {
    fn of(app: &App) -> Self {
        let document = app.get("/openapi.json").json();
        let mut strict = document.clone();
        let schemas = strict["components"]["schemas"].as_object_mut().unwrap();
        for schema in schemas.values_mut() {
            if schema["properties"].is_object() {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        Self {
            document,
            strict,
            tried: BTreeSet::new(),
        }
    }

    /// `value`, or what it refers to.
    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(place) => self.document.pointer(&place[1..]).unwrap(),
            None => value,
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({"allOf": [schema], "components": self.strict["components"]});
        jsonschema::draft202012::new(&whole).unwrap()
    }

    fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let problems: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{what}: {problems:#?} in {value:#}");
    }

    /// Sends a request of this operation and checks its answer.
    fn check(&mut self, operation: &str, status: u16, request: Request) -> Response {
        let response = request.send();
        self.check_response(operation, status, &response);
        response
    }

    fn check_response(&mut self, operation: &str, status: u16, response: &Response) {
        let (method, path) = operation.split_once(' ').unwrap();
        let what = format!("{operation} {status}");
        assert_eq!(response.status(), status, "{what}: {}", response.text());
        let described = &self.document["paths"][path][method];
        assert!(described.is_object(), "{what} is not described");
        self.tried.insert(operation.to_owned());
        let described = self.follow(&described["responses"][status.to_string()]);
        assert!(described.is_object(), "{what} is not described");
        match &described["content"] {
            Value::Null => assert_eq!(response.body, b"", "{what}"),
            content => {
                let media = response.header("content-type").unwrap();
                let content = &content[media];
                assert!(content.is_object(), "{what} as {media} is not described");
                if media.ends_with("json") {
                    self.assert_valid(&content["schema"], &body(response), &what);
                }
            }
        }
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let value = response.header(&name.to_lowercase());
            let is_integer = header["schema"]["type"] == "integer";
            assert!(
                value.is_none_or(|v| !is_integer || v.parse::<u32>().is_ok()),
                "{what}: {name}: {value:?}"
            );
        }
    }

    /// Checks what a job's stream says; answers its last id.
    fn check_events(&mut self, app: &App, job: &Job, query: &str) -> String {
        const OPERATION: &str = "get /api/v2/imports/{jobId}/stream";
        let path = "/api/v2/imports/{jobId}/stream";
        let content = &self.document["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"];
        let mut last = String::new();
        for event in app.stream(&format!("{}{query}", job.sse_url)).rest() {
            let schema = &content["x-events"][&event.name];
            assert!(schema.is_object(), "{} is not described", event.name);
            self.assert_valid(schema, &event.data, &event.name);
            last = event.id;
        }
        self.tried.insert(OPERATION.to_owned());
        last
    }
}

/// The JSON of an answer, whatever its media type.
fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// Makes a job that a legacy route names itself.
fn named(id: &str, accepted: &Response) -> Job {
    Job {
        id: id.to_owned(),
        token: accepted.json()["token"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        sse_url: format!("/api/v2/imports/{id}/stream"),
        status_url: format!("/api/v2/imports/{id}"),
        results_url: format!("/api/v2/imports/{id}/results"),
    }
}

#[test]
fn every_route_answers_as_described() {
    let app = Setup::new()
        .variable("sandbox", "true")
        .variable("operator_token", OPERATOR)
        .provider_delay(Duration::from_millis(30))
        .start();
    let mut d = Description::of(&app);
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);
    let delete = |path: &str| app.request("DELETE", path);

    d.check("get /openapi.json", 200, get("/openapi.json"));
    d.check("get /health", 200, get("/health"));
    d.check("get /api/v2/capabilities", 200, get("/api/v2/capabilities"));

    // An import, from its creation to its results, by every name.
    let import = "post /api/v2/imports";
    let csv = b"Title,Author,ISBN13,My Rating,Date Read,Exclusive Shelf\n\
        Babel,R. F. Kuang,9780063021426,4,2025/01/02,read\n\
        The Great Gatsby,F. Scott Fitzgerald,9780743273565,5,,to-read\n\
        ,Nobody,,,,\nEmma,Jane Austen,123,,,\n";
    let accepted = d.check(
        import,
        202,
        post("/api/v2/imports").form("file", "a.csv", csv),
    );
    let job = Job::of(&accepted.json()["data"]);
    let status = "get /api/v2/imports/{jobId}";
    d.check(status, 200, get(&job.status_url));
    let last = d.check_events(&app, &job, "?books=1");
    let ended = d.check(status, 200, get(&job.status_url));
    let etag = ended.header("etag").unwrap().to_owned();
    d.check(
        status,
        304,
        get(&job.status_url).header("if-none-match", &etag),
    );
    d.check(status, 401, get(&job.status_url).bearer("wrong"));
    d.check(status, 404, get(&format!("/api/v2/imports/{NOBODY}")));
    d.check(status, 400, get("/api/v2/imports/a%20b"));
    let stream = "get /api/v2/imports/{jobId}/stream";
    d.check(
        stream,
        204,
        get(&job.sse_url).header("last-event-id", &last),
    );
    d.check(
        stream,
        404,
        get(&format!("/api/v2/imports/{NOBODY}/stream")),
    );
    for path in [
        "/api/v2/imports/{jobId}/results",
        "/v1/jobs/{jobId}/results",
        "/v1/csv/results/{jobId}",
        "/v1/scan/results/{jobId}",
    ] {
        let at = path.replace("{jobId}", &job.id);
        let operation = format!("get {path}");
        d.check(&operation, 200, get(&at));
        d.check(&operation, 200, get(&format!("{at}?offset=1&limit=1")));
        d.check(&operation, 400, get(&format!("{at}?limit=0")));
        for rows in [
            "format=csv",
            "format=csv&only=failed",
            "only=failed,not_found",
        ] {
            d.check(&operation, 200, get(&format!("{at}?{rows}")));
        }
        d.check(&operation, 400, get(&format!("{at}?only=some")));
    }
    let legacy_status = "get /v1/csv/status/{jobId}";
    d.check(
        legacy_status,
        200,
        get(&format!("/v1/csv/status/{}", job.id)),
    );
    let choice = "put /api/v2/imports/{jobId}/books/{index}";
    let book = || app.request("PUT", &format!("/api/v2/imports/{}/books/0", job.id));
    let isbn = json!({"isbn": "9780063021426"});
    d.check(choice, 200, book().bearer(&job.token).json(&isbn));
    d.check(choice, 401, book().json(&isbn));
    d.check(choice, 400, book().bearer(&job.token).json(&json!({})));
    let retry = "post /api/v2/imports/{jobId}/retry";
    let again = format!("/api/v2/imports/{}/retry", job.id);
    d.check(retry, 401, post(&again));
    d.check(
        retry,
        404,
        post(&again.replace(&job.id, NOBODY)).bearer(&job.token),
    );
    d.check(
        retry,
        400,
        post(&again)
            .bearer(&job.token)
            .json(&json!({"only": ["what"]})),
    );
    let body = json!({"only": ["not_found"]});
    let response = post(&again).bearer(&job.token).json(&body).send();
    // Nothing may be left to be tried again.
    d.check_response(retry, response.status(), &response);
    let cancel = "delete /v1/jobs/{jobId}";
    d.check(cancel, 401, delete(&format!("/v1/jobs/{}", job.id)));
    let canceled = delete(&format!("/v1/jobs/{}", job.id)).bearer(&job.token);
    d.check(cancel, 200, canceled);
    let canceled = post(&format!("/v1/csv/cancel/{}", job.id)).bearer(&job.token);
    d.check("post /v1/csv/cancel/{jobId}", 200, canceled);
    d.check(import, 415, post("/api/v2/imports").body("image/png", "x"));
    d.check(import, 400, post("/api/v2/imports"));

    // The operator.
    let overview = "get /api/v2/operator";
    let at = "/api/v2/operator";
    d.check(overview, 200, get(at).bearer(OPERATOR));
    d.check(overview, 401, get(at));
    let before = get("/api/v2/operator?before=x").bearer(OPERATOR);
    d.check(overview, 400, before);
    let (at, nobody) = (
        format!("{at}/jobs/{}", job.id),
        format!("{at}/jobs/{NOBODY}"),
    );
    for (method, status) in [("get", 200), ("delete", 200)] {
        let operation = format!("{method} /api/v2/operator/jobs/{{jobId}}");
        let request = |path: &str| app.request(&method.to_uppercase(), path).bearer(OPERATOR);
        d.check(&operation, status, request(&at));
        d.check(&operation, 404, request(&nobody));
    }
    let retry = "post /api/v2/operator/jobs/{jobId}/retry";
    let again = post(&format!("{nobody}/retry")).bearer(OPERATOR);
    d.check(retry, 404, again);
    d.check(retry, 401, post(&format!("{at}/retry")).bearer(&job.token));

    // One that fails.
    let hopeless = post("/api/v2/imports").form("file", "a.csv", b"a,b\n1,2\n");
    let failed = Job::of(&d.check(import, 202, hopeless).json()["data"]);
    d.check_events(&app, &failed, "");
    d.check(status, 200, get(&failed.status_url));
    let several = "get /api/v2/imports/stream";
    let both = format!("/api/v2/imports/stream?jobIds={},{}", job.id, failed.id);
    d.check(several, 200, get(&both));
    d.check(several, 400, get("/api/v2/imports/stream?jobIds=,"));

    // A scan.
    let scanned = post("/api/batch-scan").body("image/jpeg", SHELF);
    let scan = Job::of(&d.check("post /api/batch-scan", 202, scanned).json()["data"]);
    d.check_events(&app, &scan, "?books=1&events=photoscan");
    d.check_events(&app, &scan, "?books=1");
    d.check("get /v1/scan/results/{jobId}", 200, get(&scan.results_url));
    let scan_status = get(&format!("/scan/status/{}", scan.id));
    d.check("get /scan/status/{jobId}", 200, scan_status);
    let nothing = post("/api/batch-scan").body("image/jpeg", "no picture");
    d.check("post /api/batch-scan", 415, nothing);

    // Enrichments.
    let books = json!({"books": [
        {"title": "Babel", "author": "R. F. Kuang"}, {"title": "Nobody knows this", "isbn": "9780743273565"},
    ]});
    let isbns = json!({"barcodes": ["9780743273565", "9780439708180"]});
    for path in ["/api/batch-enrich", "/v1/enrichment/batch"] {
        let operation = format!("post {path}");
        let accepted = d.check(&operation, 202, post(path).json(&books));
        let job = Job::of(&accepted.json()["data"]);
        d.check_events(&app, &job, "?books=1");
        d.check("get /v1/jobs/{jobId}/results", 200, get(&job.results_url));
        d.check(&operation, 202, post(path).json(&isbns));
        d.check(&operation, 400, post(path).json(&json!({"barcodes": []})));
        d.check(
            &operation,
            400,
            post(path).json(&json!({"barcodes": ["1"]})),
        );
        d.check(&operation, 400, post(path).body("application/json", "{"));
    }
    let taken = json!({"jobId": job.id, "books": [{"title": "Babel"}]});
    d.check(
        "post /api/batch-enrich",
        409,
        post("/api/batch-enrich").json(&taken),
    );
    let one = "post /api/v2/books/enrich";
    let known = json!({"barcode": "9780743273565"});
    d.check(one, 200, post("/api/v2/books/enrich").json(&known));
    d.check(
        one,
        400,
        post("/api/v2/books/enrich").json(&json!({"barcode": "x"})),
    );
    let unknown = json!({"barcode": "9789999999991"});
    d.check(one, 404, post("/api/v2/books/enrich").json(&unknown));

    // The first apps.
    let image = |path: &str| post(path).body("image/jpeg", SHELF);
    let accepted = d.check("post /scan", 202, image("/scan?jobId=legacy-scan"));
    let first = named("legacy-scan", &accepted);
    d.check(
        "get /api/job-state/{jobId}",
        200,
        get("/api/job-state/legacy-scan"),
    );
    app.follow(&first);
    d.check(
        "get /scan/status/{jobId}",
        200,
        get("/scan/status/legacy-scan"),
    );
    d.check(
        "get /api/job-state/{jobId}",
        200,
        get("/api/job-state/legacy-scan"),
    );
    d.check("post /scan/ready/{jobId}", 200, post("/scan/ready/not-yet"));
    d.check("post /scan", 202, image("/scan"));
    d.check("post /scan", 400, image("/scan?jobId=a%20b"));
    let bookshelf = "post /api/scan-bookshelf";
    d.check(bookshelf, 202, image("/api/scan-bookshelf?jobId=shelf"));
    d.check(
        bookshelf,
        415,
        post("/api/scan-bookshelf").body("text/html", "x"),
    );
    let batch = json!({"jobId": "batch", "images": [{"index": 0, "data": base64(SHELF)}]});
    let operation = "post /api/scan-bookshelf/batch";
    let accepted = d.check(
        operation,
        202,
        post("/api/scan-bookshelf/batch").json(&batch),
    );
    let scan = named("batch", &accepted);
    let canceling = json!({"jobId": "batch", "token": scan.token});
    let operation = "post /api/scan-bookshelf/cancel";
    d.check(
        operation,
        200,
        post("/api/scan-bookshelf/cancel").json(&canceling),
    );
    d.check(status, 200, get(&scan.status_url));
    d.check("get /v1/jobs/{jobId}/results", 200, get(&scan.results_url));
    let preview = "post /api/v2/imports/preview";
    let look = |body: &[u8]| post("/api/v2/imports/preview").form("file", "a.csv", body);
    d.check(preview, 200, look(csv));
    d.check(preview, 400, post("/api/v2/imports/preview"));
    let tokened = app.enrich(&json!({"barcodes": ["9780743273565"]}));
    let operation = "post /api/enrichment/cancel";
    d.check(
        operation,
        401,
        post("/api/enrichment/cancel").json(&json!({"jobId": tokened.id})),
    );
    let legacy_import = post("/api/import/csv-gemini").form("file", "a.csv", csv);
    d.check("post /api/import/csv-gemini", 202, legacy_import);
    let works = json!({"jobId": "works", "workIds": ["OL82563W", "9780439708180", "?"]});
    let operation = "post /api/enrichment/start";
    d.check(operation, 200, post("/api/enrichment/start").json(&works));
    d.check(
        operation,
        400,
        post("/api/enrichment/start").json(&json!({"jobId": "w"})),
    );
    let books = json!({"jobId": "books", "books": [{"title": "Babel"}]});
    let operation = "post /api/enrichment/batch";
    d.check(operation, 202, post("/api/enrichment/batch").json(&books));
    let early = json!({"jobId": job.id, "oldToken": job.token});
    d.check(
        "post /api/token/refresh",
        401,
        post("/api/token/refresh").json(&early),
    );

    d.check(
        "get /v1/jobs/{jobId}/status",
        200,
        get(&format!("/v1/jobs/{}/status", job.id)),
    );
    let operation = "delete /api/v2/jobs/{jobId}/cancel";
    let cancel = format!("/api/v2/jobs/{}/cancel", job.id);
    d.check(operation, 200, delete(&cancel).bearer(&job.token));
    check_v3(&mut d, &app, csv);

    // Canceled, and asked too early, while it runs.
    let many: Vec<Value> = (0..1_500)
        .map(|n| json!({"title": format!("Book {n}")}))
        .collect();
    let running = app.enrich(&json!({"books": many}));
    d.check(
        "get /v1/jobs/{jobId}/results",
        409,
        get(&running.results_url),
    );
    let operation = "delete /api/v2/imports/{jobId}";
    d.check(
        operation,
        200,
        delete(&running.status_url).bearer(&running.token),
    );
    d.check_events(&app, &running, "");

    let paths = d.document["paths"].as_object().unwrap();
    let untried: Vec<String> = paths
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .filter(|operation| operation != NOT_HTTP && !d.tried.contains(operation))
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}

/// The routes of V3.
fn check_v3(d: &mut Description, app: &App, csv: &[u8]) {
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);
    let delete = |path: &str| app.request("DELETE", path);
    let isbns = json!({"isbns": ["9780743273565", "9780439708180"]});
    let jobs = [
        (
            "imports",
            post("/v3/jobs/imports").form("file", "a.csv", csv),
        ),
        ("scans", post("/v3/jobs/scans").body("image/jpeg", SHELF)),
        ("enrichment", post("/v3/jobs/enrichment").json(&isbns)),
    ];
    for (kind, request) in jobs {
        let path = format!("/v3/jobs/{kind}/{{jobId}}");
        let made = d
            .check(&format!("post /v3/jobs/{kind}"), 202, request)
            .json();
        let (id, token) = (made["data"]["jobId"].clone(), made["data"]["token"].clone());
        let at = path.replace("{jobId}", id.as_str().unwrap());
        let status = format!("get {path}");
        d.check(&status, 200, get(&at));
        let stream = format!("{path}/stream");
        for event in app.stream(&format!("{at}/stream?books=1")).rest() {
            let described = &d.document["paths"][&stream]["get"]["responses"]["200"];
            let events = &described["content"]["text/event-stream"]["x-events"];
            let schema = &events[&event.name];
            assert!(schema.is_object(), "{} is not described", event.name);
            d.assert_valid(schema, &event.data, &event.name);
        }
        d.tried.insert(format!("get {stream}"));
        d.check(&status, 200, get(&at));
        d.check(&status, 404, get(&path.replace("{jobId}", NOBODY)));
        let results = format!("{at}/results");
        d.check(&format!("get {path}/results"), 200, get(&results));
        d.check(
            &format!("get {path}/results"),
            200,
            get(&format!("{results}?limit=1&format=lite")),
        );
        d.check(
            &format!("get {path}/results"),
            400,
            get(&format!("{results}?format=x")),
        );
        for rows in ["format=csv", "format=csv&only=not_found", "only=failed"] {
            let rows = get(&format!("{results}?{rows}"));
            d.check(&format!("get {path}/results"), 200, rows);
        }
        let choice = format!("put {path}/books/{{index}}");
        let book = || app.request("PUT", &format!("{at}/books/0"));
        d.check(&choice, 401, book().json(&json!(null)));
        let none = book().bearer(token.as_str().unwrap()).json(&json!(null));
        d.check(&choice, 200, none);
        let retry = format!("post {path}/retry");
        d.check(&retry, 401, post(&format!("{at}/retry")));
        let cancel = format!("delete {path}");
        d.check(&cancel, 401, delete(&at));
        d.check(&cancel, 409, delete(&at).bearer(token.as_str().unwrap()));
        if kind == "scans" {
            let cleanup = format!("{at}/cleanup");
            let operation = "delete /v3/jobs/scans/{jobId}/cleanup";
            d.check(operation, 401, delete(&cleanup));
            d.check(
                operation,
                204,
                delete(&cleanup).bearer(token.as_str().unwrap()),
            );
            d.check(&status, 404, get(&at));
            d.check(
                operation,
                404,
                delete(&cleanup).bearer(token.as_str().unwrap()),
            );
        }
    }
    d.check("get /v3/books/{isbn}", 200, get("/v3/books/9780743273565"));
    d.check("get /v3/books/{isbn}", 404, get("/v3/books/9789999999991"));
    d.check("get /v3/books/{isbn}", 400, get("/v3/books/x"));
    let enrich = "post /v3/books/enrich";
    d.check(enrich, 200, post("/v3/books/enrich").json(&isbns));
    let many = json!({"isbns": vec!["9780743273565"; 51]});
    d.check(enrich, 400, post("/v3/books/enrich").json(&many));
    let job = json!({"isbns": ["9780743273565"], "async": true});
    d.check(enrich, 202, post("/v3/books/enrich").json(&job));
    for (path, words) in [
        ("/v3/books/search", "q=the+great+gatsby"),
        ("/api/v2/search", "q=the+great+gatsby"),
        ("/v1/search/title", "q=the+great+gatsby"),
        ("/v1/search/isbn", "isbn=9780743273565"),
        ("/v1/search/advanced", "title=gatsby&author=fitzgerald"),
        ("/search/title", "title=gatsby"),
        ("/search/isbn", "isbn=9780743273565"),
        ("/search/advanced", "author=fitzgerald"),
    ] {
        let operation = format!("get {path}");
        d.check(&operation, 200, get(&format!("{path}?{words}")));
        d.check(&operation, 400, get(path));
    }
    d.check("get /v3/capabilities", 200, get("/v3/capabilities"));
    d.check("get /v3/openapi.json", 200, get("/v3/openapi.json"));
    d.check("get /v3/docs", 200, get("/v3/docs"));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The error that nothing here can bring about: a bug.
const NOT_PROVOKED: [&str; 1] = ["INTERNAL_ERROR"];

#[test]
fn every_error_is_answered_as_described() {
    // No job ends here.
    let app = App::start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let mut d = Description::of(&app);
    let get = |path: &str| app.request("GET", path);
    let post = |path: &str| app.request("POST", path);
    let batch = |body: Value| post("/api/batch-enrich").json(&body);
    let socket = |query: &str| get(&format!("/ws/progress?{query}"));
    let upgrade = |query: &str, origin: &str| {
        socket(query)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", origin)
    };

    let held = batch(json!({"barcodes": ["9780743273565"]}));
    let held = Job::of(&held.send().data(202));
    let many = vec!["9780743273565"; 1_501];
    let known = format!("jobId={}&token={}", held.id, held.token);
    let enrich = "post /api/batch-enrich";
    let (import, ws) = ("post /api/v2/imports", "get /ws/progress");
    let keyed = |csv: &str| {
        let request = post("/api/v2/imports").header("idempotency-key", "once");
        request.body("text/csv", csv)
    };
    keyed("Title\nEmma\n").send().data(202);
    let mut codes = BTreeSet::new();
    for (operation, status, code, request) in [
        (enrich, 400, "INVALID_REQUEST", batch(json!([]))),
        (import, 400, "MISSING_PARAMETER", post("/api/v2/imports")),
        (
            import,
            422,
            "IDEMPOTENCY_KEY_REUSED",
            keyed("Title\nIvanhoe\n"),
        ),
        (
            enrich,
            400,
            "INVALID_ISBN",
            batch(json!({"barcodes": ["1"]})),
        ),
        (enrich, 400, "EMPTY_BATCH", batch(json!({"books": []}))),
        (
            enrich,
            400,
            "BATCH_TOO_LARGE",
            batch(json!({"barcodes": many})),
        ),
        (
            "get /api/v2/imports/{jobId}",
            401,
            "UNAUTHORIZED",
            get(&held.status_url).bearer("wrong"),
        ),
        (
            "get /api/v2/imports/{jobId}",
            404,
            "NOT_FOUND",
            get(&format!("/api/v2/imports/{NOBODY}")),
        ),
        (
            enrich,
            409,
            "JOB_EXISTS",
            batch(json!({"jobId": held.id, "books": [{"title": "Emma"}]})),
        ),
        (
            "get /api/v2/imports/{jobId}/results",
            409,
            "NOT_READY",
            get(&held.results_url),
        ),
        (
            import,
            413,
            "FILE_TOO_LARGE",
            post("/api/v2/imports").body("text/csv", vec![b'a'; (8 << 20) + 1]),
        ),
        (
            import,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            post("/api/v2/imports").body("image/png", "x"),
        ),
        (
            ws,
            403,
            "FORBIDDEN",
            upgrade(&known, "https://evil.example"),
        ),
        (ws, 426, "UPGRADE_REQUIRED", socket(&known)),
    ] {
        let response = d.check(operation, status, request);
        response.error(status, code);
        codes.insert(code.to_owned());
    }

    let ending = format!("/v3/jobs/enrichment/{}", held.id);
    let cancel = || app.request("DELETE", &ending).bearer(&held.token);
    let operation = "delete /v3/jobs/enrichment/{jobId}";
    d.check(operation, 200, cancel());
    let ended = d.check(operation, 409, cancel());
    assert_eq!(body(&ended)["code"], "JOB_ENDED");
    codes.insert("JOB_ENDED".to_owned());

    let app = Setup::new().variable("provider_timeout_s", "0.3").start();
    let behave = |fault: Fault| {
        app.sandbox.open_library().behave(fault.clone().always());
        app.sandbox.google_books().behave(fault.always());
    };
    let one = "post /api/v2/books/enrich";
    let isbn = json!({"barcode": "9780743273565"});
    let look_up = || app.request("POST", "/api/v2/books/enrich").json(&isbn);
    behave(Fault::Hang);
    d.check(one, 504, look_up()).error(504, "NETWORK_ERROR");
    codes.insert("NETWORK_ERROR".to_owned());
    behave(Fault::Status {
        code: 500,
        retry_after: None,
    });
    // Until the breakers of both providers are open.
    eventually("a breaker is open", || {
        let response = look_up().send();
        let status = response.status();
        let code = if status == 502 {
            "API_ERROR"
        } else {
            "CIRCUIT_OPEN"
        };
        d.check_response(one, status, &response);
        response.error(status, code);
        codes.insert(code.to_owned());
        status == 503
    });

    let full = Setup::new().tuning("max_keys=1").start();
    let request = full
        .request("POST", "/api/batch-enrich")
        .json(&json!({"barcodes": ["9780743273565"]}));
    d.check(enrich, 503, request).error(503, "SERVICE_BUSY");
    codes.insert("SERVICE_BUSY".to_owned());

    let shared = Setup::new().tuning("max_jobs_per_client=1").start();
    shared.sandbox.open_library().behave(Fault::Hang.always());
    let request = || {
        shared
            .request("POST", "/api/batch-enrich")
            .json(&json!({"barcodes": ["9780743273565"]}))
    };
    request().send().data(202);
    d.check(enrich, 429, request())
        .error(429, "RATE_LIMIT_EXCEEDED");
    codes.insert("RATE_LIMIT_EXCEEDED".to_owned());

    let schema = &d.document["components"]["schemas"]["ErrorCode"];
    let all = schema["enum"].as_array().unwrap().iter();
    let untried: Vec<&str> = all
        .map(|code| code.as_str().unwrap())
        .filter(|code| !codes.contains(*code) && !NOT_PROVOKED.contains(code))
        .collect();
    // Tried on every path below.
    assert_eq!(untried, ["METHOD_NOT_ALLOWED"]);
}

/// What is refused on every path: other methods, and paths that are none.
#[test]
fn refusals_of_every_path_are_described() {
    let app = App::start();
    let d = Description::of(&app);
    for path in d.document["paths"].as_object().unwrap().keys() {
        let at = path
            .replace("{jobId}", "some-job")
            .replace("{isbn}", "9780743273565");
        let response = app.request("PATCH", &at).send();
        if path == "/ws/progress" {
            continue;
        }
        let answer = body(&response);
        assert_eq!(response.status(), 405, "{path}: {answer}");
        assert_eq!(
            answer["error"]["code"], "METHOD_NOT_ALLOWED",
            "{path}: {answer}"
        );
        assert!(response.header("allow").is_some(), "{path}");
        let (name, media) = match path.starts_with("/v3/") {
            true => ("V3.METHOD_NOT_ALLOWED", "application/problem+json"),
            false => ("METHOD_NOT_ALLOWED", "application/json"),
        };
        let schema = &d.document["components"]["responses"][name]["content"][media]["schema"];
        d.assert_valid(schema, &answer, path);
    }
    app.get("/nothing/here").error(404, "NOT_FOUND");
}

/// Routes that are nobody's but the application's own and the edge's.
const INTERNAL: [&str; 1] = ["/ws/session"];

#[test]
fn every_route_of_the_manifest_is_described() {
    let app = App::start();
    let d = Description::of(&app);
    let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml"));
    let manifest = manifest.unwrap();
    let undescribed: Vec<&str> = manifest
        .triggers()
        .iter()
        .filter_map(|trigger| match &trigger.route {
            TriggerRoute::Pattern(path) => Some(path.as_str()),
            TriggerRoute::Private { .. } => None,
        })
        // Behind a wildcard the component's own table says what there is.
        .filter(|route| !route.ends_with("/...") && !INTERNAL.contains(route))
        .filter(|route| {
            let path = route.replace(":job", "{jobId}").replace(":index", "{index}");
            d.document["paths"][path].is_null()
        })
        .collect();
    assert!(undescribed.is_empty(), "{undescribed:?}");
}
