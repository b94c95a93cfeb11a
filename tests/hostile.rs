//! Clients that want what is not theirs: other jobs, the inside of the application, other hosts,
//! more room than there is.

use crate::app;
use crate::photos;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use app::http::{Request, Response};
use app::{App, Job, Setup, TIME_LIMIT, eventually};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use host::manifest::Manifest;
use job::{JobId, Keyring};
use photos::SHELF;
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault};

const SECRET: &str = "of-the-test";

fn books() -> Value {
    json!({"barcodes": ["9780743273565"]})
}

/// An application whose jobs do not end.
fn waiting() -> App {
    let setup = Setup::new().variable("token_secret", SECRET);
    let app = setup.variable("provider_timeout_s", "60").start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    app
}

/// Sends bytes as they are; what is answered.
fn raw(app: &App, request: &str) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    // A server may answer, and close, before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn every_kind_of_answer_says_how_it_may_be_used() {
    let app = App::start();
    let job = app.enrich(&books());
    app.finish(&job);
    let etag = app.get(&job.status_url);
    let etag = etag.header("etag").unwrap();
    let request = |method: &str, path: &str| app.request(method, path);
    let enrich = || request("POST", "/api/batch-enrich").json(&books());
    let (status, nobody) = (&job.status_url, "/api/v2/imports/nobody");
    let answers: Vec<(u16, Response)> = vec![
        (200, app.get("/health")),
        (200, app.get("/")),
        (200, app.get("/app.js")),
        (200, app.get("/style.css")),
        (200, app.get("/openapi.json")),
        (200, app.get("/api/v2/capabilities")),
        (200, app.get(status)),
        (200, app.get(&job.results_url)),
        (200, app.get(&job.sse_url)),
        (200, enrich().header("accept", "text/event-stream").send()),
        (200, request("DELETE", status).bearer(&job.token).send()),
        (202, enrich().send()),
        (204, request("OPTIONS", "/api/v2/imports").send()),
        (
            304,
            request("GET", status).header("if-none-match", etag).send(),
        ),
        (
            400,
            request("POST", "/api/batch-enrich")
                .body("application/json", "{")
                .send(),
        ),
        (401, request("DELETE", status).bearer("x").send()),
        (404, app.get(nobody)),
        (404, app.get("/scan/status/nobody")),
        (404, request("POST", "/internal/scan/nobody/run").send()),
        (405, request("PUT", status).send()),
        (
            415,
            request("POST", "/api/v2/imports")
                .body("text/html", "a")
                .send(),
        ),
        (426, app.get("/ws/progress?jobId=nobody")),
    ];
    for (expected, answer) in &answers {
        assert_eq!(answer.status(), *expected, "{}", answer.text());
        let what = (expected, answer.header("content-type"));
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{what:?}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{what:?}"
        );
        // Only what is shown in a browser is typed as such.
        if what.1.is_some_and(|kind| kind.starts_with("text/html")) {
            let policy = answer.header("content-security-policy").unwrap();
            for rule in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
            ] {
                assert!(policy.contains(rule), "{policy}");
            }
        }
    }

    for (variable, value, path) in [
        ("profile", "mars", "/health"),
        ("open_library_rate", "many", "/health"),
        ("confidence_threshold", "60", "/api/v2/imports"),
    ] {
        let misconfigured = Setup::new().variable(variable, value).start();
        let answer = misconfigured.get(path);
        answer.error(500, "INTERNAL_ERROR");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[test]
fn nothing_of_a_request_comes_back_as_a_page() {
    const SCRIPT: &str = "%3Cscript%3Ealert(1)%3C/script%3E";
    let app = App::start();
    let page = app.get("/").body;
    for path in [
        format!("/?{SCRIPT}"),
        format!("/?jobId={SCRIPT}&token={SCRIPT}"),
    ] {
        assert_eq!(app.get(&path).body, page, "the page is always the same");
    }
    for path in [
        format!("/{SCRIPT}"),
        format!("/api/v2/imports/{SCRIPT}"),
        format!("/api/v2/imports/{SCRIPT}/stream"),
        format!("/api/v2/imports/stream?jobIds={SCRIPT}"),
        format!("/scan/status/{SCRIPT}"),
        format!("/ws/progress?jobId={SCRIPT}"),
    ] {
        let answer = app
            .request("GET", &path)
            .header("accept", "text/html")
            .send();
        assert!((400..500).contains(&answer.status()), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{path}"
        );
    }
    // A file's and a book's name are data wherever they go.
    let csv = "Title,Author\n<script>alert(1)</script>,<b>\n";
    let form = app.request("POST", "/api/v2/imports");
    let job = Job::of(
        &form
            .form("file", "<script>.csv", csv.as_bytes())
            .send()
            .data(202),
    );
    app.finish(&job);
    for path in [&job.status_url, &job.results_url, &job.sse_url] {
        let kind = app.get(path).head;
        let kind = kind.header("content-type").unwrap();
        assert!(
            ["application/json", "text/event-stream"].contains(&kind),
            "{kind}"
        );
    }
}

#[test]
fn tokens_and_run_keys_open_one_job_for_one_purpose() {
    let app = waiting();
    let [one, other] = [(); 2].map(|()| app.enrich(&books()));
    let keyring = Keyring::new(SECRET.as_bytes());
    let id = |job: &Job| JobId::parse(&job.id).unwrap();
    let generation = app.root(&one).first_token;
    assert_eq!(one.token, keyring.token(&id(&one), generation));
    let guessed = keyring.token(&id(&one), 0);
    let run_key = keyring.run_key(&id(&one));

    let forged = Keyring::new(b"another").token(&id(&one), 0);
    let cut = &one.token[..one.token.len() - 1];
    for wrong in [
        &other.token,
        &run_key,
        &guessed,
        &keyring.token(&id(&one), 1),
        &forged,
        &one.token.to_uppercase(),
        cut,
        "",
    ] {
        let cancel = app.request("DELETE", &one.status_url).bearer(wrong).send();
        cancel.error(401, "UNAUTHORIZED");
        let stream = app.request("GET", &one.sse_url).bearer(wrong).send();
        stream.error(401, "UNAUTHORIZED");
    }
    let path = format!("/internal/enrichment/{}/run", one.id);
    let run = |key: &str| app.request("POST", &path).header("x-run-key", key).send();
    for wrong in [&one.token, &keyring.run_key(&id(&other)), &forged, ""] {
        run(wrong).error(404, "NOT_FOUND");
    }
    assert!((200..300).contains(&run(&run_key).status()));
    let inside = app.request("GET", &path).header("x-run-key", &run_key);
    inside.send().error(404, "NOT_FOUND");

    let cancel = app.request("DELETE", &one.status_url).bearer(&one.token);
    assert!((200..300).contains(&cancel.send().status()));
}

/// Asks each described route that names a job for this one, with the token of another.
fn assert_closed(app: &App, job: &Job, other: &Job) {
    let description = app.get("/openapi.json").json();
    let mut refused = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let target = path.replace("{jobId}", &job.id).replace("{index}", "0");
        // Readiness is the same for any name.
        if target == *path || path == "/scan/ready/{jobId}" {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let request = app.request(&method.to_uppercase(), &target);
            let request = request.bearer(&other.token);
            let answer = match method.as_str() {
                "post" | "put" => request.json(&json!({"title": "Emma"})).send(),
                "get" | "delete" => request.send(),
                _ => continue,
            };
            // Routes of other kinds of jobs do not know this one.
            assert!(
                [401, 404].contains(&answer.status()),
                "{method} {path}: {}",
                answer.status()
            );
            refused += usize::from(answer.status() == 401);
        }
    }
    assert!(refused >= 15, "{refused}");
    for path in [
        "/api/enrichment/cancel",
        "/api/scan-bookshelf/cancel",
        "/api/token/refresh",
    ] {
        let body = json!({"jobId": job.id, "oldToken": other.token, "token": other.token});
        let asked = app.request("POST", path).bearer(&other.token).json(&body);
        asked.send().error(401, "UNAUTHORIZED");
    }
}

#[test]
fn the_token_of_another_job_opens_no_route() {
    let app = waiting();
    let [running, other] = [(); 2].map(|()| app.enrich(&books()));
    assert_closed(&app, &running, &other);
    let status = app.status(&running)["status"].clone();
    assert!(matches!(
        status.as_str(),
        Some("initialized" | "processing")
    ));

    let app = App::start();
    let [ended, other] = [(); 2].map(|()| app.enrich(&books()));
    for job in [&ended, &other] {
        assert_eq!(app.finish(job)["status"], "completed");
    }
    let results = app.results(&ended);
    assert_closed(&app, &ended, &other);
    assert_eq!(app.results(&ended), results);
}

#[test]
fn who_knows_a_job_s_name_gets_no_token_for_it() {
    let app = App::start();
    let shelf = |id: &str, photo: &[u8]| {
        let request = app.request("POST", &format!("/api/scan-bookshelf?jobId={id}"));
        request.body("image/jpeg", photo)
    };
    let batch = |id: &str, photo: &[u8]| {
        let data = BASE64_STANDARD.encode(photo);
        let body = json!({"jobId": id, "images": [{"index": 0, "data": data}]});
        app.request("POST", "/api/scan-bookshelf/batch").json(&body)
    };
    let books = |id: &str, isbn: &str| {
        let body = json!({"jobId": id, "barcodes": [isbn]});
        app.request("POST", "/api/batch-enrich").json(&body)
    };
    let other = photos::spines(7);
    type Ask<'a> = &'a dyn Fn(&str, bool) -> Request;
    let asks: [(&str, Ask<'_>); 3] = [
        ("shelf", &|id, same| {
            shelf(id, if same { SHELF } else { &other })
        }),
        ("batch", &|id, same| {
            batch(id, if same { SHELF } else { &other })
        }),
        ("books", &|id, same| {
            books(
                id,
                if same {
                    "9780743273565"
                } else {
                    "9780063021426"
                },
            )
        }),
    ];
    for (id, ask) in asks {
        let token = ask(id, true).send().data(202)["token"].clone();
        let token = token.as_str().unwrap();
        for (again, _) in asks {
            // By whichever route, with other content, or with a piece of it.
            let foreign = asks.iter().find(|(name, _)| *name == again).unwrap().1(id, false);
            let answer = foreign.send();
            answer.error(409, "JOB_EXISTS");
            assert!(!answer.text().contains(token), "{again} as {id}");
        }
        let one_byte = shelf(id, b"x").send();
        assert!((400..500).contains(&one_byte.status()), "{id}");
        assert!(!one_byte.text().contains(token), "{id}");
        // Nor with somebody else's token.
        let guess = ask(id, false).bearer("guess").send();
        guess.error(409, "JOB_EXISTS");
        if id != "books" {
            // Whoever sends the same, or shows the token, is whoever made it.
            assert_eq!(ask(id, true).send().data(202)["token"], token);
            let shown = ask(id, false).bearer(token).send();
            assert_eq!(shown.data(202)["token"], token);
        }
    }
}

#[test]
fn who_can_read_a_job_s_books_gets_no_token_for_asking_for_the_same() {
    let app = Setup::new().variable("edge_secret", SECRET).start();
    let ask = |from: &str, books: &Value| {
        let body = json!({"jobId": "shared", "books": books});
        let request = app.request("POST", "/api/enrichment/batch");
        let request = request.header("x-edge-client", from);
        request.header("x-edge-secret", SECRET).json(&body)
    };
    let (owner, stranger) = ("192.0.2.1", "192.0.2.2");
    let books = json!([
        {"title": "The Great Gatsby", "author": "F. Scott Fitzgerald", "isbn": "9780743273565"},
        {"title": "A book that nobody knows", "author": "Nobody", "isbn": ""},
    ]);
    let accepted = ask(owner, &books).send().data(202);
    let token = accepted["token"].as_str().unwrap();
    let results = "/api/v2/imports/shared/results";
    eventually("the job is over", || app.get(results).status() == 200);
    let results = app.get(results).data(200);
    let read: Vec<Value> = results["enrichedBooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|book| json!({"title": book["title"], "author": book["author"], "isbn": book["isbn"]}))
        .collect();
    for books in [&books, &json!(read)] {
        for from in [stranger, "10.0.0.1"] {
            let answer = ask(from, books).send();
            answer.error(409, "JOB_EXISTS");
            assert!(!answer.text().contains(token), "{from}");
        }
    }
    // The client itself, which did not hear the answer, does; and whoever has the token.
    assert_eq!(ask(owner, &books).send().data(202)["token"], token);
    let shown = ask(stranger, &books).bearer(token).send();
    assert_eq!(shown.data(202)["token"], token);
}

/// On one machine all clients are one: an app that has lost an answer asks again there, too.
#[test]
fn where_clients_are_not_known_the_same_books_are_the_same_request() {
    let app = App::start();
    let ask = |isbn: &str| {
        let body = json!({"jobId": "mine", "books": [{"title": "Emma", "isbn": isbn}]});
        let request = app.request("POST", "/api/enrichment/batch");
        request.json(&body).send()
    };
    let token = ask("9780743273565").data(202)["token"].clone();
    assert_eq!(ask("9780743273565").data(202)["token"], token);
    ask("9780141439587").error(409, "JOB_EXISTS");
    // Who asks for the same books much later may have read them under the job's name.
    app.misbehave("clock-ahead=3m");
    ask("9780743273565").error(409, "JOB_EXISTS");
}

#[test]
fn an_idempotency_key_belongs_to_one_client() {
    let app = App::start();
    let send = |csv: &str| {
        let request = app.request("POST", "/api/v2/imports");
        let request = request.header("idempotency-key", "library");
        request.body("text/csv", csv)
    };
    let mine = Job::of(&send("Title\nEmma\n").send().data(202));
    let theirs = send("Title\nIvanhoe\n").send();
    theirs.error(422, "IDEMPOTENCY_KEY_REUSED");
    assert!(!theirs.text().contains(&mine.token));
    app.finish(&mine);
    send("Title\nIvanhoe\n")
        .send()
        .error(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(Job::of(&send("Title\nEmma\n").send().data(202)), mine);
    let books = |isbn: &str| {
        let request = app.request("POST", "/api/batch-enrich");
        let request = request.header("idempotency-key", "books");
        request.json(&json!({"barcodes": [isbn]})).send()
    };
    books("9780743273565").data(202);
    books("9780063021426").error(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.results(&mine)["booksCreated"], 1);

    // Where clients are known, the same key and the same content of two are two jobs.
    let app = Setup::new().variable("edge_secret", SECRET).start();
    let of = |client: &str| {
        let request = app.request("POST", "/api/v2/imports");
        let request = request.header("idempotency-key", "library");
        let request = request.header("x-edge-client", client);
        let request = request.header("x-edge-secret", SECRET);
        Job::of(&request.body("text/csv", "Title\nEmma\n").send().data(202))
    };
    let (mine, theirs) = (of("192.0.2.1"), of("192.0.2.2"));
    assert!(mine.id != theirs.id && mine.token != theirs.token);
    assert_eq!(of("192.0.2.1"), mine);
    assert_eq!(of("192.0.2.2"), theirs);
}

/// What says who asks says it once, and as text: whoever stands before the application may have
/// looked at another value than the application does.
#[test]
fn who_asks_is_said_once_and_as_text() {
    let app = waiting();
    let job = app.enrich(&books());
    let ask = |method: &str, path: &str, headers: &[u8]| {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let body = b"content-type: text/csv\r\ncontent-length: 8\r\n\r\nTitle\na\n";
        let request = [head.as_bytes(), headers, body].concat();
        let mut stream = TcpStream::connect(app.address()).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let token = job.token.as_bytes();
    let twice = |name: &str| {
        let first = format!("{name}: Bearer {}\r\n", job.token);
        format!("{first}{name}: other\r\n").into_bytes()
    };
    let binary = [
        b"authorization: Bearer \xe9\r\nx-auth-token: ",
        token,
        b"\r\n",
    ]
    .concat();
    for (method, path, headers) in [
        ("DELETE", job.status_url.as_str(), twice("authorization")),
        ("DELETE", &job.status_url, twice("x-auth-token")),
        ("DELETE", &job.status_url, binary),
        (
            "GET",
            &job.status_url,
            b"authorization: Bearer \xe9\r\n".to_vec(),
        ),
        ("POST", "/api/v2/imports", twice("idempotency-key")),
        (
            "POST",
            "/api/v2/imports",
            b"idempotency-key: \xe9\r\n".to_vec(),
        ),
        ("POST", "/v3/jobs/imports", twice("x-client-ref")),
        ("POST", "/api/v2/imports", twice("x-import-mapping")),
        (
            "POST",
            "/api/v2/imports",
            b"x-import-mapping: {\"\xe9\": \"title\"}\r\n".to_vec(),
        ),
        ("POST", "/v3/jobs/imports?clientRef=a&clientRef=b", vec![]),
        ("POST", "/api/v2/imports?mapping=a&mapping=b", vec![]),
        ("POST", "/api/scan-bookshelf?jobId=a&jobId=b", vec![]),
    ] {
        let answer = ask(method, path, &headers);
        let shown = String::from_utf8_lossy(&headers);
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{method} {shown}: {answer}"
        );
        assert!(
            answer.contains("INVALID_REQUEST"),
            "{method} {shown}: {answer}"
        );
    }
    let right = format!("authorization: Bearer {}\r\n", job.token);
    let answer = ask("DELETE", &job.status_url, right.repeat(2).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

#[test]
fn a_name_that_is_used_again_has_another_token() {
    let app = Setup::new().tuning("retention=3000").start();
    let make = || {
        let request = app.request("POST", "/api/scan-bookshelf?jobId=again");
        let accepted = request.body("image/jpeg", SHELF).send().data(202);
        accepted["token"].as_str().unwrap().to_owned()
    };
    let first = make();
    // As long as the job is there this is the same upload again.
    eventually("the job has expired, and the next has its name", || {
        make() != first
    });
    let path = "/api/v2/imports/again";
    let old = app.request("DELETE", path).bearer(&first);
    old.send().error(401, "UNAUTHORIZED");
}

#[test]
fn a_changed_secret_ends_tokens_but_no_jobs() {
    let mut app = waiting();
    let keyed = |app: &App| {
        let request = app.request("POST", "/api/batch-enrich").json(&books());
        Job::of(&request.header("idempotency-key", "a-key").send().data(202))
    };
    let before = keyed(&app);
    assert_eq!(keyed(&app), before);
    app.kill();
    app.set_variable("token_secret", "the-next");
    app.sandbox.open_library().behave(Behaviour::default());
    app.start_again();

    let cancel = |job: &Job, token: &str| {
        let request = app.request("DELETE", &job.status_url).bearer(token);
        request.send()
    };
    cancel(&before, &before.token).error(401, "UNAUTHORIZED");
    assert_eq!(app.finish(&before)["status"], "completed");
    let after = keyed(&app);
    assert_ne!(after.id, before.id);
    cancel(&after, &before.token).error(401, "UNAUTHORIZED");
    assert!((200..300).contains(&cancel(&after, &after.token).status()));
}

#[test]
fn no_request_says_whom_the_application_asks() {
    let app = App::start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let place = elsewhere.local_addr().unwrap();
    let body = json!({
        "barcodes": ["9780743273565"], "openLibraryBaseUrl": format!("http://{place}"),
        "open_library_base_url": format!("http://{place}"), "callbackUrl": format!("http://{place}"),
    })
    .to_string();
    let target =
        format!("/api/batch-enrich?open_library_base_url=http://{place}&base_url=http://{place}");
    let mut said: BTreeMap<&str, String> = BTreeMap::from([("host", place.to_string())]);
    for name in [
        "x-forwarded-host",
        "x-forwarded-for",
        "x-real-ip",
        "spin-base-path",
    ] {
        said.insert(name, place.to_string());
    }
    for name in [
        "spin-full-url",
        "open-library-base-url",
        "x-open-library-base-url",
    ] {
        said.insert(name, format!("http://{place}/"));
    }
    said.insert("forwarded", format!("host=\"{place}\""));
    said.insert("spin-client-addr", place.to_string());
    let headers: String = said.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
    for target in [target.clone(), format!("http://{place}{target}")] {
        let answer = raw(
            &app,
            &format!(
                "POST {target} HTTP/1.1\r\n{headers}content-type: application/json\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let job = Job::of(&body["data"]);
        assert_eq!(app.finish(&job)["status"], "completed");
        assert!(!job.sse_url.contains("//"), "paths only: {}", job.sse_url);
    }
    assert!(app.sandbox.open_library().count() > 0);
    let asked = elsewhere.accept().map_err(|error| error.kind());
    assert_eq!(asked.err(), Some(ErrorKind::WouldBlock), "nobody was asked");
}

#[test]
fn components_reach_only_what_is_configured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    let manifest = Manifest::load(&root).unwrap();
    for (name, component) in &manifest.components {
        for host in &component.allowed_outbound_hosts {
            let looks = matches!(name.as_str(), "scan" | "enrichment");
            let is_configured = host.starts_with("{{ ") && host.ends_with("_base_url }}");
            // Any run may end a job, and any look may tell the operator's server of it.
            let tells = host == "{{ webhook_url }}";
            assert!(
                host == "http://self" || tells || looks && is_configured,
                "{name}: {host}"
            );
        }
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_kept() {
    let app = App::start();
    let long = "a".repeat(200_000);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n"),
        format!("GET /health HTTP/1.1\r\nhost: a\r\nx-long: {long}\r\n"),
        format!(
            "GET /health HTTP/1.1\r\nhost: a\r\n{}",
            "x-many: a\r\n".repeat(1_000)
        ),
    ] {
        let answer = raw(&app, &format!("{head}connection: close\r\n\r\n"));
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["400", "414", "431"].contains(&status), "{answer:.100}");
    }
    let post =
        |path: &str, kind: &str, body: String| app.request("POST", path).body(kind, body).send();
    let json = "application/json";
    let title = "a".repeat(501);
    for body in [
        "[".repeat(100_000),
        format!(
            "{{\"books\":[{}]}}",
            "{},".repeat(1_501).trim_end_matches(',')
        ),
        json!({"books": [{"title": title}]}).to_string(),
        json!({"barcodes": vec!["9780743273565"; 1_501]}).to_string(),
    ] {
        assert_eq!(post("/api/batch-enrich", json, body).status(), 400);
    }
    let parts = "--edge\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(100);
    let form = "multipart/form-data; boundary=edge";
    let header = format!("--edge\r\nx-a: {}\r\n\r\n", "a".repeat(20_000));
    for body in [parts, header] {
        let body = format!("{body}--edge--\r\n");
        assert_eq!(post("/api/v2/imports", form, body).status(), 400);
    }
    let keyed = app.request("POST", "/api/batch-enrich").json(&books());
    let keyed = keyed.header("idempotency-key", &"k".repeat(1_000));
    keyed.send().error(400, "INVALID_REQUEST");
    let many = vec!["a"; 21].join(",");
    let several = app.get(&format!("/api/v2/imports/stream?jobIds={many}"));
    assert_eq!(several.status(), 400);
    let id = "a".repeat(101);
    assert_eq!(app.get(&format!("/api/v2/imports/{id}")).status(), 400);
    assert_eq!(app.job_keys(), Vec::<String>::new());
}
