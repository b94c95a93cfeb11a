//! What a job's name alone opens: the operations guide's list, route by route.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CSV, ISBNS, import, photo, photos_in_base64, text};
use crate::app::http::Request;
use crate::app::socket::Socket;
use crate::app::{App, Setup, eventually};

const GUIDE: &str = include_str!("../../docs/operations.md");

/// A row of the list: its requests, and what the name of a job of each column opens.
struct Row {
    requests: Vec<String>,
    cells: BTreeMap<String, String>,
}

fn rows() -> Vec<Row> {
    let (_, section) = GUIDE.split_once("### What a name alone allows\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(cells);
    let columns = lines.next().unwrap();
    lines
        .skip(1)
        .map(|row| Row {
            requests: row[0]
                .split(", ")
                .map(|one| one.trim_matches('`').to_owned())
                .collect(),
            cells: columns[1..]
                .iter()
                .cloned()
                .zip(row[1..].iter().cloned())
                .collect(),
        })
        .collect()
}

/// A finished job of each kind, made by the routes of a column.
fn finished(app: &App, column: &str) -> Vec<(&'static str, String)> {
    let post = |path: &str, body: Value| app.request("POST", path).json(&body);
    let requests = match column {
        "other" => vec![
            ("imports", import(app, "/api/v2/imports", CSV)),
            ("scans", photo(app, "/api/batch-scan")),
            (
                "enrichment",
                post("/api/batch-enrich", json!({"barcodes": ISBNS})),
            ),
            ("imports", import(app, "/v3/jobs/imports", CSV)),
            ("scans", photo(app, "/v3/jobs/scans")),
            (
                "enrichment",
                post("/v3/jobs/enrichment", json!({"isbns": ISBNS})),
            ),
        ],
        "named" => vec![
            ("imports", import(app, "/api/import/csv-gemini", CSV)),
            ("scans", photo(app, "/api/scan-bookshelf?jobId=shelf")),
            (
                "scans",
                post("/api/scan-bookshelf/batch", photos_in_base64("batch")),
            ),
            (
                "enrichment",
                post(
                    "/api/enrichment/batch",
                    json!({"jobId": "books", "books": [{"title": "Babel"}]}),
                ),
            ),
        ],
        "tokenless" => vec![
            ("scans", photo(app, "/scan?jobId=first")),
            (
                "enrichment",
                post(
                    "/api/enrichment/start",
                    json!({"jobId": "works", "workIds": ISBNS}),
                ),
            ),
        ],
        other => panic!("{other}: no such column"),
    };
    let jobs = requests.into_iter().map(|(kind, request)| {
        let answer = request.send();
        assert!([200, 202].contains(&answer.status()), "{}", answer.text());
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let id = body.get("jobId").unwrap_or(&body["data"]["jobId"]);
        (kind, id.as_str().unwrap().to_owned())
    });
    let jobs: Vec<_> = jobs.collect();
    for (_, id) in &jobs {
        eventually("the job ends", || {
            let status = app.get(&format!("/api/v2/imports/{id}")).data(200);
            text(&status, "status") == "completed"
        });
    }
    jobs
}

/// Whether a request by the name alone is let in; `None` where the route is of other jobs.
fn is_open(app: &App, request: &str, kind: &str, id: &str) -> Option<bool> {
    let (method, path) = request.split_once(' ').unwrap();
    let path = path.replace("{jobId}", id).replace("{kind}", kind);
    if let Some(query) = path.strip_prefix("/ws/progress?") {
        let stream = std::net::TcpStream::connect(app.address()).unwrap();
        return match Socket::over(stream, query, &[]) {
            Ok(_) => Some(true),
            Err(401) => Some(false),
            Err(status) => panic!("{path}: {status}"),
        };
    }
    let asked = Request::new(app.address(), method, &path);
    let answer = match path.as_str() {
        "/api/enrichment/cancel" | "/api/scan-bookshelf/cancel" => {
            asked.json(&json!({"jobId": id}))
        }
        "/api/token/refresh" => asked.json(&json!({"jobId": id, "oldToken": "0".repeat(64)})),
        _ => asked,
    };
    let answer = answer.send();
    match answer.status() {
        401 => Some(false),
        404 => None,
        // What has ended is not canceled again.
        200 | 204 | 409 => Some(true),
        status => panic!("{request}: {status}: {}", answer.text()),
    }
}

/// Compares the list with what is answered.
fn check(legacy_tokenless: bool) {
    let app = Setup::new()
        .variable("legacy_tokenless", &legacy_tokenless.to_string())
        .start();
    let jobs: BTreeMap<&str, _> = ["other", "named", "tokenless"]
        .map(|column| (column, finished(&app, column)))
        .into();
    let mut problems = Vec::new();
    for row in rows() {
        for request in &row.requests {
            let mut tried = 0;
            for (column, cell) in &row.cells {
                let expected = match cell.as_str() {
                    "yes" => true,
                    "no" => false,
                    "while on" => legacy_tokenless,
                    cell => panic!("{cell}"),
                };
                for (kind, id) in &jobs[column.as_str()] {
                    let Some(open) = is_open(&app, request, kind, id) else {
                        continue;
                    };
                    tried += 1;
                    if open != expected {
                        problems.push(format!("{request} of {kind}, {column}: open is {open}"));
                    }
                }
            }
            assert!(tried > 0, "{request} is of no job");
        }
    }
    assert!(
        problems.is_empty(),
        "legacy_tokenless = {legacy_tokenless}: {problems:#?}"
    );
}

#[test]
fn a_name_opens_what_the_operations_guide_says() {
    check(true);
}

#[test]
fn a_name_opens_less_where_the_operator_says_so() {
    check(false);
}

#[test]
fn the_list_names_every_route_of_a_job() {
    let app = App::start();
    let description = app.get("/openapi.json").json();
    let listed: Vec<String> = rows()
        .into_iter()
        .flat_map(|row| row.requests)
        .flat_map(|request| {
            let request = request.split('?').next().unwrap().to_owned();
            ["imports", "scans", "enrichment"].map(|kind| request.replace("{kind}", kind))
        })
        .collect();
    let paths = description["paths"].as_object().unwrap();
    // The operator's routes take the operator's token alone, which tests/operator.rs looks at.
    let is_listed = |path: &str| path.contains("{jobId}") && !path.contains("/operator/");
    for (path, operations) in paths.iter().filter(|(path, _)| is_listed(path)) {
        for method in ["get", "post", "delete"] {
            let request = format!("{} {path}", method.to_uppercase());
            let is_described = operations.get(method).is_some();
            assert!(
                !is_described || listed.contains(&request),
                "{request} is not listed"
            );
        }
    }
}
