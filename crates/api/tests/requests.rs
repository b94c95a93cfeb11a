//! Requests of clients: read as they are meant, or refused with the name of what is wrong.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use api::error::{ApiError, Code};
use api::query::Query;
use api::request::{self, bearer, idempotency_key};
use api::results::Page;
use api::sse;
use api::upload::{Event, Kind, Upload};
use api::ws::{ClientMessage, packed};
use bytes::Bytes;
use job::{Limits, Time};
use proptest::prelude::*;
use serde_json::{Value, json};

fn limits() -> Limits {
    Limits {
        max_csv_bytes: 1_000,
        max_photo_bytes: 1_000,
        max_photos: 2,
        max_batch_items: 3,
        max_body_bytes: 200_000,
        ..Limits::default()
    }
}

/// The code, and the field that the details name.
fn refusal<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (Code, String) {
    let error = result.unwrap_err();
    let body: Value = serde_json::from_slice(&error.body(Time(0))).unwrap();
    assert_eq!(body["success"], false);
    assert!(body["error"]["details"].is_object(), "{body}");
    let field = body["error"]["details"]["field"]
        .as_str()
        .unwrap_or_default();
    (error.code, field.to_owned())
}

/// What is JSON, and not what was expected, is said to be that, in words of JSON.
#[test]
fn a_body_of_another_shape_is_refused_with_the_field_and_the_shape() {
    for (body, field, what) in [
        (r#"{"only": [null]}"#, "only[0]", "expected a text"),
        (r#"{"only": ["error", 1]}"#, "only[1]", "expected a text"),
        (r#"{"only": [["error"]]}"#, "only[0]", "expected a text"),
        (
            r#"{"only": ["found"]}"#,
            "only[0]",
            "expected one of `error`, ",
        ),
        (r#"{"only": "error"}"#, "only", "expected a list"),
        (r#"{"clientRef": 5}"#, "clientRef", "expected a string"),
        (r#"{"only": [], "only": []}"#, "body", "has a field twice"),
        (
            r#"{"only": [null}"#,
            "body",
            "is not JSON: see line 1, column ",
        ),
        (
            r#"{"only": [nul]}"#,
            "body",
            "is not JSON: see line 1, column ",
        ),
        (
            r#"{"only": []} x"#,
            "body",
            "is not JSON: see line 1, column 14",
        ),
    ] {
        let error = request::retry(body.as_bytes(), &limits()).unwrap_err();
        assert!(error.message.contains(what), "{body}: {}", error.message);
        assert_eq!(
            refusal(Err::<(), _>(error)),
            (Code::InvalidRequest, field.to_owned()),
            "{body}"
        );
    }
}

fn enrich(body: Value) -> Result<request::Enrich, ApiError> {
    request::enrich(body.to_string().as_bytes(), &limits())
}

#[test]
fn batches_of_barcodes_and_of_books() {
    let batch = enrich(json!({"barcodes": ["978-0-439-70818-0", "0439708184"]})).unwrap();
    assert_eq!(batch.job_id, None);
    let isbns: Vec<String> = batch
        .wanted
        .iter()
        .map(|wanted| wanted.isbn.unwrap().to_string())
        .collect();
    assert_eq!(isbns, ["9780439708180", "9780439708180"]);

    let batch = enrich(json!({
        "jobId": "my-job",
        "books": [
            {"title": " Babel ", "author": "R. F. Kuang", "isbn": "nonsense"},
            {"isbn": "9780439708180", "title": null},
        ],
    }))
    .unwrap();
    assert_eq!(batch.job_id.unwrap().as_str(), "my-job");
    assert_eq!(batch.wanted[0].title, "Babel");
    assert_eq!(batch.wanted[0].isbn, None);
    assert!(batch.wanted[1].isbn.is_some());
}

#[test]
fn what_is_wrong_with_a_batch_is_named() {
    let long = "x".repeat(501);
    for (body, code, field) in [
        (json!({}), Code::MissingParameter, "barcodes"),
        (json!([]), Code::InvalidRequest, "body"),
        (json!("text"), Code::InvalidRequest, "body"),
        (json!({"barcodes": []}), Code::EmptyBatch, "barcodes"),
        (json!({"books": []}), Code::EmptyBatch, "books"),
        (
            json!({"barcodes": ["1", "2", "3", "4"]}),
            Code::BatchTooLarge,
            "barcodes",
        ),
        (
            json!({"barcodes": ["9780439708180", "9780439708181"]}),
            Code::InvalidIsbn,
            "barcodes[1]",
        ),
        (
            json!({"barcodes": ["9".repeat(9_999)]}),
            Code::InvalidIsbn,
            "barcodes[0]",
        ),
        (
            json!({"barcodes": "9780439708180"}),
            Code::InvalidRequest,
            "barcodes",
        ),
        (
            json!({"barcodes": ["9780439708180", 5]}),
            Code::InvalidRequest,
            "barcodes[1]",
        ),
        (
            json!({"barcodes": ["1"], "books": []}),
            Code::InvalidRequest,
            "barcodes",
        ),
        (
            json!({"books": [{"title": "a"}, {}]}),
            Code::MissingParameter,
            "books[1].title",
        ),
        (
            json!({"books": [{"title": long}]}),
            Code::InvalidRequest,
            "books[0].title",
        ),
        (
            json!({"books": [{"title": {}}]}),
            Code::InvalidRequest,
            "books[0].title",
        ),
        (
            json!({"books": [{"title": "a"}], "jobId": "a/b"}),
            Code::InvalidRequest,
            "jobId",
        ),
    ] {
        let text = body.to_string();
        assert_eq!(refusal(enrich(body)), (code, field.to_owned()), "{text}");
    }
    let error = enrich(json!({"barcodes": ["9780439708180", "123"]})).unwrap_err();
    assert_eq!(error.details["index"], 1);
    for body in ["", "  ", "{", "{}x", &"[".repeat(100_000)] {
        let error = request::enrich(body.as_bytes(), &limits()).unwrap_err();
        let code = if body.trim().is_empty() {
            Code::MissingParameter
        } else {
            Code::InvalidRequest
        };
        assert_eq!(error.code, code, "{body:.20}");
    }
    let tight = Limits {
        max_json_bytes: 10,
        ..limits()
    };
    assert_eq!(
        request::enrich(b"{\"barcodes\": []}", &tight)
            .unwrap_err()
            .code,
        Code::FileTooLarge
    );
}

#[test]
fn refusals_quote_nothing_of_the_request() {
    let secret = "s3cr3t-s3cr3t";
    let error = request::cancel(
        json!({"jobId": [secret], "token": secret})
            .to_string()
            .as_bytes(),
        &limits(),
    )
    .unwrap_err();
    assert!(
        !String::from_utf8(error.body(Time(0)))
            .unwrap()
            .contains(secret)
    );
    let error = request::barcode(json!(secret).to_string().as_bytes(), &limits()).unwrap_err();
    assert!(!error.message.contains(secret));
}

#[test]
fn other_requests() {
    let body = json!({"barcode": "9780439708180"}).to_string();
    assert_eq!(
        request::barcode(body.as_bytes(), &limits())
            .unwrap()
            .to_string(),
        "9780439708180"
    );
    assert_eq!(
        refusal(request::barcode(b"{}", &limits())).0,
        Code::MissingParameter
    );
    let body = json!({"barcode": "97804397"}).to_string();
    assert_eq!(
        refusal(request::barcode(body.as_bytes(), &limits())).0,
        Code::InvalidIsbn
    );

    let body = json!({"jobId": "j", "workIds": ["/works/OL82563W", "0439708184", "OL1W:*)"]});
    let works = request::works(body.to_string().as_bytes(), &limits()).unwrap();
    assert_eq!(works.wanted[0].work_id.as_deref(), Some("OL82563W"));
    assert_eq!(works.wanted[1].isbn.unwrap().to_string(), "9780439708180");
    assert_eq!(works.wanted[2], books::Wanted::default());

    let body = json!({"jobId": "j", "token": "t"}).to_string();
    let (id, token) = request::cancel(body.as_bytes(), &limits()).unwrap();
    assert_eq!((id.as_str(), token.as_deref()), ("j", Some("t")));
    assert_eq!(refusal(request::cancel(b"{}", &limits())).1, "jobId");

    let body = json!({"jobId": "j", "oldToken": "t"}).to_string();
    assert_eq!(request::refresh(body.as_bytes(), &limits()).unwrap().1, "t");
}

#[test]
fn photos_in_base64() {
    let scan = |images: Value| {
        let body = json!({"jobId": "j", "images": images}).to_string();
        let batch = request::scan_batch(body.as_bytes(), &limits());
        batch.map(|batch| {
            batch
                .photos
                .into_iter()
                .map(|photo| photo.rest)
                .collect::<Vec<_>>()
        })
    };
    let photos = scan(json!([
        {"index": 1, "data": "Yg=="},
        {"index": 0, "data": "data:image/jpeg;base64,YW\nE="},
    ]));
    assert_eq!(photos.unwrap(), [b"aa".to_vec(), b"b".to_vec()]);
    for (images, code, field) in [
        (Value::Null, Code::MissingParameter, "images"),
        (json!([]), Code::EmptyBatch, "images"),
        (json!([{}, {}, {}]), Code::BatchTooLarge, "images"),
        (
            json!([{"index": 0}]),
            Code::MissingParameter,
            "images[0].data",
        ),
        (
            json!([{"data": "?"}]),
            Code::InvalidRequest,
            "images[0].data",
        ),
        (
            json!([{"index": -1, "data": ""}]),
            Code::InvalidRequest,
            "images[0].index",
        ),
        (
            json!([{"data": "A".repeat(1_336 + 4)}]),
            Code::FileTooLarge,
            "",
        ),
        (
            json!([{"data": "A".repeat(100_000)}]),
            Code::FileTooLarge,
            "",
        ),
    ] {
        assert_eq!(refusal(scan(images)), (code, field.to_owned()));
    }
}

#[test]
fn headers() {
    assert_eq!(bearer("Bearer abc"), Some("abc"));
    assert_eq!(bearer("bearer  abc "), Some("abc"));
    assert_eq!(bearer("Basic abc"), None);
    assert_eq!(bearer("Bearer"), None);
    assert_eq!(bearer(&format!("Bearer {}", "x".repeat(5_000))), Some(""));
    assert_eq!(idempotency_key("8e03978e-40d5").unwrap(), "8e03978e-40d5");
    for bad in ["", " ", "a b", "é", "a\u{7f}", &"x".repeat(256)] {
        assert_eq!(refusal(idempotency_key(bad)).1, "Idempotency-Key");
    }
}

#[test]
fn query_strings() {
    let query = Query::parse("jobId=a%2Fb&jobId=c&books=1&offset=10&limit=5&empty=&%FF=%FF&lone");
    assert_eq!(query.get("jobId"), Some("a/b"));
    assert!(query.flag("books") && !query.flag("lone"));
    assert_eq!(query.get("empty"), None);
    assert_eq!(
        query.page().unwrap(),
        Some(Page {
            offset: 10,
            limit: Some(5)
        })
    );
    assert_eq!(Query::parse("").page().unwrap(), None);
    // What was no text is not taken for another text.
    for (spelled, said) in [
        ("clientRef=%ff", None),
        ("clientRef=a%C3", None),
        ("clientRef=%ef%bf%bd%ff", None),
        ("clientRef=%EF%BF%BD", Some("\u{fffd}")),
        ("clientRef=\u{fffd}", Some("\u{fffd}")),
        ("&&x=%ff&&clientRef=a&y=%ff", Some("a")),
    ] {
        let read = Query::parse(spelled)
            .get_once("clientRef")
            .map(|text| text.map(str::to_owned));
        match said {
            Some(said) => assert_eq!(read.unwrap().as_deref(), Some(said), "{spelled}"),
            None => assert_eq!(
                refusal(read),
                (Code::InvalidRequest, "clientRef".to_owned()),
                "{spelled}"
            ),
        }
    }
    for (bad, field) in [
        ("limit=0", "limit"),
        ("offset=-1", "offset"),
        ("offset=4294967296", "offset"),
    ] {
        assert_eq!(
            refusal(Query::parse(bad).page()),
            (Code::InvalidRequest, field.to_owned())
        );
    }
}

/// Name and bytes of each file.
type Files = Vec<(String, Vec<u8>)>;

/// Feeds `body` in chunks of `size`.
fn receive(kind: Kind, content_type: &str, body: &[u8], size: usize) -> Result<Files, ApiError> {
    let mut upload = Upload::new(kind, content_type, &limits())?;
    let mut chunks = body.chunks(size.max(1));
    let mut files = Files::new();
    loop {
        match upload.next()? {
            Event::NeedMore => match chunks.next() {
                Some(chunk) => upload.feed(Bytes::copy_from_slice(chunk)),
                None => upload.end(),
            },
            Event::File { name } => files.push((name, Vec::new())),
            Event::Bytes(bytes) => files.last_mut().unwrap().1.extend_from_slice(&bytes),
            Event::Done => return Ok(files),
        }
    }
}

const FORM: &str = "multipart/form-data; boundary=XX";

fn part(disposition: &str, content_type: &str, content: &str) -> String {
    format!(
        "--XX\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n\r\n{content}\r\n"
    )
}

#[test]
fn a_file_arrives_whole_however_it_is_cut() {
    let content = "title,author\r\n--X,--XX-\r\n";
    let body = [
        part("name=\"note\"", "text/plain", &"n".repeat(50_000)),
        part(
            "name=\"file\"; filename=\"my\tlib.csv\"",
            "text/csv",
            content,
        ),
        "--XX--\r\n".to_owned(),
    ]
    .concat();
    for size in [1, 2, 7, 100, 20_000, 1_000_000] {
        let files = receive(Kind::Csv, FORM, body.as_bytes(), size).unwrap();
        assert_eq!(
            files,
            [("mylib.csv".to_owned(), content.as_bytes().to_vec())],
            "{size}"
        );
    }
    let files = receive(Kind::Csv, "Text/CSV; charset=utf-8", b"title\nBabel", 3).unwrap();
    assert_eq!(files, [(String::new(), b"title\nBabel".to_vec())]);
}

/// A form says once what its files are for: of two values neither is the one that was meant.
#[test]
fn a_part_that_is_no_file_is_there_once() {
    let csv = part("name=\"file\"", "text/csv", "Title\r\nDune");
    let photo = part("name=\"photos\"", "image/jpeg", "a");
    for (kind, file, name, first, second) in [
        (Kind::Csv, &csv, "clientRef", "a", "b"),
        (Kind::Csv, &csv, "clientRef", "", "b"),
        (Kind::Csv, &csv, "mapping", "{\"a\":", "\"title\"}"),
        (Kind::Photos, &photo, "clientRef", "a", "a"),
        (Kind::Photos, &photo, "keepFailedPhotos", "tr", "ue"),
        (Kind::Photos, &photo, "keepFailedPhotos", "true", ""),
    ] {
        let said = |value| part(&format!("name=\"{name}\""), "text/plain", value);
        for body in [
            [said(first), said(second), file.clone()],
            [said(first), file.clone(), said(second)],
        ] {
            let body = format!("{}--XX--\r\n", body.concat());
            for size in [1, 1_000] {
                let refused = refusal(receive(kind, FORM, body.as_bytes(), size));
                assert_eq!(refused, (Code::InvalidRequest, name.to_owned()), "{body}");
            }
        }
    }
}

#[test]
fn photos_by_every_name_in_use() {
    for name in ["photos", "photos[]", "photo", "image", "file"] {
        let body = [
            part(
                &format!("name=\"{name}\"; filename=\"a.jpg\""),
                "image/jpeg",
                "a",
            ),
            part(&format!("name=\"{name}\""), "application/octet-stream", ""),
            "--XX--".to_owned(),
        ]
        .concat();
        let files = receive(Kind::Photos, FORM, body.as_bytes(), 10).unwrap();
        assert_eq!(files.len(), 2, "{name}");
    }
    assert_eq!(
        receive(Kind::Photos, "image/heic", b"x", 1).unwrap().len(),
        1
    );
}

/// Some clients set one `Content-Type` for all their requests.
#[test]
fn a_form_is_known_by_its_first_line_whatever_its_type_says() {
    let form = format!(
        "{}--XX--\r\n",
        part("name=\"file\"", "text/csv", "Title\r\nDune")
    );
    for content_type in ["application/json", "multipart/form-data"] {
        for size in [1, 3, 1_000] {
            let files = receive(Kind::Csv, content_type, form.as_bytes(), size).unwrap();
            assert_eq!(files[0].1, b"Title\r\nDune", "{content_type} {size}");
        }
    }
    let long = format!("--{}\r\n", "x".repeat(71));
    for body in [
        "",
        "-",
        "--",
        "--\r\n",
        "--a\nb\r\n",
        "-- \u{e9}\r\n",
        "{}",
        &long,
    ] {
        for size in [1, 1_000] {
            let of_json = receive(Kind::Csv, "application/json", body.as_bytes(), size);
            assert_eq!(refusal(of_json).0, Code::UnsupportedMediaType, "{body:?}");
            let of_form = receive(Kind::Csv, "multipart/form-data", body.as_bytes(), size);
            let named = (Code::InvalidRequest, "Content-Type".to_owned());
            assert_eq!(refusal(of_form), named, "{body:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_an_upload_is_named() {
    let file = |content: &str| part("name=\"file\"; filename=\"a\"", "text/csv", content);
    let photo = part("name=\"photos\"; filename=\"a\"", "image/png", "x");
    let end = "--XX--\r\n";
    for (kind, content_type, body, code, field) in [
        (
            Kind::Csv,
            FORM,
            String::new(),
            Code::MissingParameter,
            "file",
        ),
        (
            Kind::Csv,
            FORM,
            end.to_owned(),
            Code::MissingParameter,
            "file",
        ),
        (
            Kind::Csv,
            FORM,
            format!("{photo}{end}"),
            Code::MissingParameter,
            "file",
        ),
        (Kind::Csv, FORM, file("cut"), Code::InvalidRequest, "body"),
        (
            Kind::Csv,
            FORM,
            "no boundary".to_owned(),
            Code::InvalidRequest,
            "body",
        ),
        (
            Kind::Csv,
            FORM,
            "x".repeat(100_000),
            Code::InvalidRequest,
            "body",
        ),
        (
            Kind::Csv,
            FORM,
            format!("--XX\r\nA: {}", "x".repeat(100_000)),
            Code::InvalidRequest,
            "body",
        ),
        (
            Kind::Csv,
            FORM,
            format!("{}{end}", photo.repeat(100)),
            Code::InvalidRequest,
            "body",
        ),
        (
            Kind::Csv,
            FORM,
            format!("{}{}{end}", file("a"), file("b")),
            Code::BatchTooLarge,
            "file",
        ),
        (
            Kind::Csv,
            FORM,
            format!("{}{end}", file(&"x".repeat(1_001))),
            Code::FileTooLarge,
            "",
        ),
        (
            Kind::Csv,
            FORM,
            format!(
                "{}{end}",
                part("name=\"note\"", "text/plain", &"x".repeat(300_000))
            ),
            Code::FileTooLarge,
            "",
        ),
        (
            Kind::Csv,
            "multipart/form-data",
            end.to_owned(),
            Code::InvalidRequest,
            "Content-Type",
        ),
        (
            Kind::Csv,
            "",
            "x".to_owned(),
            Code::MissingParameter,
            "file",
        ),
        (
            Kind::Csv,
            "application/json",
            "{}".to_owned(),
            Code::UnsupportedMediaType,
            "",
        ),
        (
            Kind::Csv,
            FORM,
            format!("{}{end}", part("name=\"file\"", "image/jpeg", "x")),
            Code::UnsupportedMediaType,
            "",
        ),
        (
            Kind::Csv,
            "text/csv",
            String::new(),
            Code::MissingParameter,
            "body",
        ),
        (
            Kind::Csv,
            "text/csv",
            "x".repeat(1_001),
            Code::FileTooLarge,
            "",
        ),
        (
            Kind::Photos,
            FORM,
            format!("{}{end}", photo.repeat(3)),
            Code::BatchTooLarge,
            "photos",
        ),
        (
            Kind::Photos,
            "text/plain",
            "x".to_owned(),
            Code::UnsupportedMediaType,
            "",
        ),
    ] {
        for size in [100, 1_000_000] {
            let result = receive(kind, content_type, body.as_bytes(), size);
            let about = format!("{content_type} {body:.80}");
            assert_eq!(refusal(result), (code, field.to_owned()), "{about}");
        }
    }
}

#[test]
fn a_library_may_have_a_type_that_says_little() {
    for content_type in [
        "text/csv",
        "text/plain; charset=utf-8",
        "text/tab-separated-values",
        "application/octet-stream",
        "application/x-ndjson",
        "application/vnd.ms-excel",
    ] {
        let files = receive(Kind::Csv, content_type, b"Title\r\nDune", 5).unwrap();
        assert_eq!(files[0].1, b"Title\r\nDune", "{content_type}");
    }
    for content_type in ["text/html", "image/png", "application/xml"] {
        let refused = receive(Kind::Csv, content_type, b"Title\r\nDune", 5);
        assert_eq!(refusal(refused).0, Code::UnsupportedMediaType);
    }
}

#[test]
fn a_mapping_that_names_no_field_is_told_which() {
    let read = request::mapping(br#"{"Titel": "title", "Gelesen": "dateRead:day-first"}"#).unwrap();
    assert_eq!(read["Gelesen"], "dateRead:day-first");
    for (mapping, message) in [
        (
            &br#"{"Wer": "writer"}"#[..],
            "column \"Wer\": there is no field \"writer\"; the fields are",
        ),
        (
            br#"{"Note": "rating:x"}"#,
            "column \"Note\": \"rating:x\": the scale",
        ),
    ] {
        let error = request::mapping(mapping).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_refused(body: Vec<u8>, text: String) {
        for body in [body.as_slice(), text.as_bytes()] {
            let _ = request::enrich(body, &limits());
            let _ = request::works(body, &limits());
            let _ = request::scan_batch(body, &limits());
            let _ = request::cancel(body, &limits());
        }
        let _ = bearer(&text);
        let _ = idempotency_key(&text);
        let _ = Query::parse(&text).page();
    }

    #[test]
    fn any_line_is_read_or_refused(line: String, ids in prop::collection::vec("[0-9.]{0,30}", 1..4)) {
        let query = Query::parse(&line);
        let _ = (query.page(), query.flag("books"), query.number("offset", 0));
        let _ = request::job_ids("jobIds", Some(&line));
        let _ = (bearer(&line), idempotency_key(&line));
        if let Ok(id) = request::job_id(&line) {
            prop_assert_eq!(id.as_str(), line.as_str());
        }
        for id in [line, ids.join(",")] {
            let positions = sse::positions(&id, ids.len());
            prop_assert!(positions.is_none_or(|positions| positions.len() == ids.len()));
        }
    }

    #[test]
    fn any_message_is_understood_the_same_in_both_encodings(
        bytes: Vec<u8>,
        kind in "[a-z_]{0,12}|ready|ping|ack|cancel|sync_request",
        number: u64,
        nested in 0..200_usize,
    ) {
        let _ = (ClientMessage::parse(&bytes), ClientMessage::parse_packed(&bytes));
        let message = json!({"type": kind, "seq": number, "payload": {"clientTime": number}}).to_string();
        prop_assert_eq!(
            ClientMessage::parse_packed(&packed(message.as_bytes())),
            ClientMessage::parse(message.as_bytes())
        );
        let deep = format!("{}{}", "[".repeat(nested), "]".repeat(nested));
        prop_assert!(matches!(ClientMessage::parse(deep.as_bytes()), ClientMessage::Malformed(_)));
        let deep = [vec![0x91; nested * 100], vec![0xc0]].concat();
        prop_assert!(matches!(ClientMessage::parse_packed(&deep), ClientMessage::Malformed(_)));
    }

    #[test]
    fn any_parameter_survives_encoding(name in ".+", value in ".+") {
        let encoded: String = form_urlencoded::Serializer::new(String::new())
            .append_pair(&name, &value)
            .append_pair(&name, "second")
            .finish();
        let query = Query::parse(&encoded);
        prop_assert_eq!(query.get(&name), Some(value.as_str()));
    }

    #[test]
    fn any_bytes_are_an_upload_or_refused(
        body: Vec<u8>,
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("--XX"), Just("\r\n"), Just("--"), Just("Content-Disposition: form-data; "),
                Just("name=\"file\""), Just("\r\n\r\n"), Just("x"), Just("--XX--"), Just(": "),
            ],
            0..40,
        ),
        size in 1..200_usize,
    ) {
        let _ = receive(Kind::Csv, FORM, &body, size);
        let _ = receive(Kind::Photos, FORM, pieces.concat().as_bytes(), size);
    }

    #[test]
    fn any_file_arrives_as_it_was_sent(content: Vec<u8>, size in 1..400_usize) {
        prop_assume!(!content.windows(4).any(|window| window == b"--XX"));
        let mut body = part("name=\"file\"", "text/csv", "").into_bytes();
        body.truncate(body.len() - 2);
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n--XX--");
        let files = receive(Kind::Csv, FORM, &body, size).unwrap();
        prop_assert_eq!(&files[0].1, &content);
    }
}
