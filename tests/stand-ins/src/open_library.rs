//! Open Library's search and books APIs (<https://openlibrary.org/developers/api>).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::catalogue::{Catalogue, Edition, Shelf, Work};
use crate::lucene::{self, Query};
use crate::server::{ProtocolResponse, Request};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Length, in bytes, of the longest request line that the service's front end accepts.
const MAX_URL: usize = 8 * 1024;

const DEFAULT_FIELDS: &str = "key,title,subtitle,author_name,author_key,edition_count,\
     first_publish_year,has_fulltext,cover_i,cover_edition_key,language,public_scan_b,ebook_access";
const DEFAULT_EDITION_FIELDS: &str = "key,title,subtitle,cover_i,language,ebook_access";

/// Responds to one request.
pub(crate) fn answer(catalogue: &Catalogue, request: &Request) -> ProtocolResponse {
    if request.uri_len > MAX_URL {
        return ProtocolResponse::html(414, "<h1>414 Request-URI Too Large</h1>");
    }
    // In reality anonymous clients are slowed down first and refused when they go on.
    let agent = request.header("user-agent").unwrap_or_default();
    if !agent.contains('@') && !agent.contains("http") {
        return error(403);
    }
    if request.method != "GET" {
        return error(405);
    }
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["search.json"] => search(catalogue, request),
        ["api", "books"] => books(catalogue, request),
        ["works", file] => document(file, |key| {
            let id = catalogue.by_key(key)?;
            let work = catalogue.work(id);
            (work.in_open_library && work.key == key).then(|| work_document(&work))
        }),
        ["books", file] => document(file, |key| {
            let id = catalogue.by_key(key)?;
            let work = catalogue.work(id);
            let edition = work.editions.iter().find(|edition| edition.key == key)?;
            work.in_open_library
                .then(|| edition_document(&work, edition))
        }),
        ["isbn", file] => {
            let isbn = file.trim_end_matches(".json").replace('-', "");
            let work = catalogue.by_isbn(&isbn).map(|id| catalogue.work(id));
            let known = work.filter(|work| work.in_open_library);
            match known.as_ref().and_then(|work| work.edition_with(&isbn)) {
                Some(edition) => ProtocolResponse::new(302, "text/html", Vec::new())
                    .with_header("location", &format!("/books/{}.json", edition.key)),
                None => error(404),
            }
        }
        _ => error(404),
    }
}

/// Takes the editions out of a search's answer.
pub(crate) fn leave_out_editions(answer: &mut Value) {
    for doc in answer["docs"].as_array_mut().into_iter().flatten() {
        if let Some(editions) = doc.get_mut("editions") {
            *editions = json!({"numFound": 0, "start": 0, "numFoundExact": true, "docs": []});
        }
    }
}

/// The error page that stands behind a status.
pub(crate) fn error(status: u16) -> ProtocolResponse {
    match status {
        403 => ProtocolResponse::html(
            403,
            "<html><body><h1>403 Forbidden</h1>Identify your application with a contact in its \
             User-Agent.</body></html>",
        ),
        404 => ProtocolResponse::json(404, &json!({"error": "notfound"})),
        429 => ProtocolResponse::json(
            429,
            &json!({"status": 429, "message": "Too Many Requests. Stand-in: come back more slowly."}),
        ),
        503 => ProtocolResponse::html(
            503,
            "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this \
             request.\n</body></html>\n",
        ),
        status => ProtocolResponse::html(
            status,
            &format!("<html><body><h1>{status}</h1></body></html>"),
        ),
    }
}

fn search(catalogue: &Catalogue, request: &Request) -> ProtocolResponse {
    let parameters = &request.parameters;
    let get = |name: &str| {
        let value = parameters.iter().find(|(key, _)| key == name);
        value
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    };
    let mut clauses = Vec::new();
    if let Some(q) = get("q") {
        clauses.push(lucene::parse(q).unwrap_or_else(|_| plain(None, q)));
    }
    for field in ["title", "author", "subject", "publisher", "language"] {
        clauses.extend(get(field).map(|text| plain(Some(field), text)));
    }
    if let Some(isbn) = get("isbn") {
        clauses.push(Query::Term {
            field: Some("isbn".to_owned()),
            text: isbn.replace('-', ""),
        });
    }
    let query = Query::All(clauses);
    let found = match &query {
        Query::All(clauses) if clauses.is_empty() => Vec::new(),
        query => catalogue.search(query, Shelf::OpenLibrary),
    };

    let number = |name, default| get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let limit = number("limit", DEFAULT_LIMIT).min(MAX_LIMIT);
    let page = number("page", 1).max(1);
    let start = number("offset", (page - 1).saturating_mul(limit));
    let fields = Fields::read(get("fields").unwrap_or(DEFAULT_FIELDS));
    let isbns = isbns_in(&query);
    let docs: Vec<Value> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|work| work_doc(work, &fields, &isbns))
        .collect();
    ProtocolResponse::json(
        200,
        &json!({
            "numFound": found.len(),
            "start": start,
            "numFoundExact": true,
            "num_found": found.len(),
            "documentation_url": "https://openlibrary.org/dev/docs/api/search",
            "q": get("q").unwrap_or_default(),
            "offset": get("offset"),
            "docs": docs,
        }),
    )
}

/// A query of words without any syntax.
fn plain(field: Option<&str>, text: &str) -> Query {
    let words = text.split_whitespace().map(|word| Query::Term {
        field: field.map(str::to_owned),
        text: word.to_owned(),
    });
    Query::All(words.collect())
}

/// The ISBNs that a query names: they decide which edition of a work is shown.
fn isbns_in(query: &Query) -> BTreeSet<&str> {
    match query {
        Query::Any(queries) | Query::All(queries) => {
            queries.iter().flat_map(|query| isbns_in(query)).collect()
        }
        Query::Term { field, text } if field.as_deref() == Some("isbn") => {
            BTreeSet::from([text.as_str()])
        }
        Query::Term { .. } | Query::Not(_) => BTreeSet::new(),
    }
}

/// The fields that a client asked for, of the work and of its edition.
struct Fields {
    work: BTreeSet<String>,
    edition: BTreeSet<String>,
}

impl Fields {
    fn read(list: &str) -> Self {
        let mut work = BTreeSet::new();
        let mut edition = BTreeSet::new();
        for field in list.split(',').map(str::trim) {
            match field.strip_prefix("editions.") {
                Some(field) => edition.insert(field.to_owned()),
                None => work.insert(field.to_owned()),
            };
        }
        if edition.is_empty() && work.contains("editions") {
            edition = DEFAULT_EDITION_FIELDS
                .split(',')
                .map(str::to_owned)
                .collect();
        }
        Self { work, edition }
    }
}

fn wants(fields: &BTreeSet<String>, name: &str) -> bool {
    fields.contains(name) || fields.contains("*")
}

/// Whether a value is left out, as Solr leaves out what a document does not have.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// Adds a field when it was asked for and has a value.
fn put(
    doc: &mut Map<String, Value>,
    fields: &BTreeSet<String>,
    name: &str,
    value: impl FnOnce() -> Value,
) {
    if wants(fields, name) {
        let value = value();
        if !is_nothing(&value) {
            doc.insert(name.to_owned(), value);
        }
    }
}

fn work_doc(work: &Work, fields: &Fields, isbns: &BTreeSet<&str>) -> Value {
    let asked = &fields.work;
    let editions = &work.editions;
    let mut doc = Map::new();
    put(&mut doc, asked, "key", || {
        json!(format!("/works/{}", work.key))
    });
    put(&mut doc, asked, "type", || json!("work"));
    put(&mut doc, asked, "title", || json!(work.title));
    put(&mut doc, asked, "subtitle", || json!(work.subtitle));
    put(&mut doc, asked, "author_name", || {
        work.authors.iter().map(|a| a.name.as_str()).collect()
    });
    put(&mut doc, asked, "author_key", || {
        work.authors.iter().map(|a| a.key.as_str()).collect()
    });
    put(&mut doc, asked, "author_alternative_name", || {
        let others = work.authors.iter().flat_map(|a| &a.other_names);
        others.map(String::as_str).collect()
    });
    put(&mut doc, asked, "edition_count", || json!(work.popularity));
    put(&mut doc, asked, "edition_key", || {
        editions.iter().map(|e| e.key.as_str()).collect()
    });
    put(&mut doc, asked, "first_publish_year", || {
        json!(work.first_publish_year)
    });
    put(&mut doc, asked, "isbn", || {
        editions
            .iter()
            .flat_map(|e| &e.isbns)
            .map(String::as_str)
            .collect()
    });
    let cover = editions.iter().find(|edition| edition.cover.is_some());
    put(&mut doc, asked, "cover_i", || {
        json!(cover.and_then(|edition| edition.cover))
    });
    put(&mut doc, asked, "cover_edition_key", || {
        json!(cover.map(|edition| &edition.key))
    });
    put(&mut doc, asked, "subject", || {
        work.subjects.iter().map(String::as_str).collect()
    });
    put(&mut doc, asked, "publisher", || {
        distinct(editions, |e| &e.publisher)
    });
    put(&mut doc, asked, "publish_date", || {
        distinct(editions, |e| &e.publish_date)
    });
    put(&mut doc, asked, "language", || {
        distinct(editions, |e| e.language)
    });
    put(&mut doc, asked, "number_of_pages_median", || {
        let mut pages: Vec<u32> = editions.iter().filter_map(|e| e.pages).collect();
        pages.sort_unstable();
        json!(pages.get(pages.len() / 2))
    });
    put(&mut doc, asked, "id_goodreads", || {
        work.goodreads_id.iter().map(String::as_str).collect()
    });
    put(&mut doc, asked, "description", || json!(work.description));
    put(&mut doc, asked, "has_fulltext", || json!(false));
    put(&mut doc, asked, "public_scan_b", || json!(false));
    put(&mut doc, asked, "ebook_access", || json!("no_ebook"));
    // Unlike everything else, editions come only to those who name them.
    if asked.contains("editions") || !fields.edition.is_empty() {
        let named = |edition: &&Edition| edition.isbns.iter().any(|i| isbns.contains(i.as_str()));
        let count = editions.iter().filter(named).count();
        let (count, shown) = match editions.iter().find(named) {
            Some(edition) => (count, Some(edition)),
            None => (editions.len(), editions.first()),
        };
        let docs: Vec<Value> = shown
            .map(|edition| edition_doc(work, edition, &fields.edition))
            .into_iter()
            .collect();
        doc.insert(
            "editions".to_owned(),
            json!({"numFound": count, "start": 0, "numFoundExact": true, "docs": docs}),
        );
    }
    Value::Object(doc)
}

fn edition_doc(work: &Work, edition: &Edition, asked: &BTreeSet<String>) -> Value {
    let mut doc = Map::new();
    let year = || {
        let dates = edition.publish_date.split(|c: char| !c.is_ascii_digit());
        dates
            .filter(|digits| digits.len() == 4)
            .find_map(|year| year.parse::<i32>().ok())
    };
    put(&mut doc, asked, "key", || {
        json!(format!("/books/{}", edition.key))
    });
    put(&mut doc, asked, "type", || json!("edition"));
    put(&mut doc, asked, "title", || {
        json!(edition.title.as_ref().unwrap_or(&work.title))
    });
    put(&mut doc, asked, "subtitle", || match edition.title {
        None => json!(work.subtitle),
        Some(_) => Value::Null,
    });
    put(&mut doc, asked, "author_name", || {
        work.authors.iter().map(|a| a.name.as_str()).collect()
    });
    put(&mut doc, asked, "author_key", || {
        work.authors.iter().map(|a| a.key.as_str()).collect()
    });
    put(&mut doc, asked, "isbn", || {
        edition.isbns.iter().map(String::as_str).collect()
    });
    put(&mut doc, asked, "cover_i", || json!(edition.cover));
    put(&mut doc, asked, "language", || json!([edition.language]));
    put(&mut doc, asked, "publisher", || json!([edition.publisher]));
    put(&mut doc, asked, "publish_date", || {
        Some(edition.publish_date.as_str())
            .filter(|date| !date.is_empty())
            .into_iter()
            .collect()
    });
    put(&mut doc, asked, "publish_year", || {
        year().into_iter().collect()
    });
    put(&mut doc, asked, "format", || json!([edition.format]));
    put(&mut doc, asked, "ebook_access", || json!("no_ebook"));
    Value::Object(doc)
}

fn distinct<'a>(editions: &'a [Edition], field: impl Fn(&'a Edition) -> &'a str) -> Value {
    let mut values: Vec<&str> = Vec::new();
    for value in editions.iter().map(field) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    json!(values)
}

/// Responds to `GET /api/books?bibkeys=ISBN:...,OLID:...&jscmd=data|details|viewapi&format=json`.
fn books(catalogue: &Catalogue, request: &Request) -> ProtocolResponse {
    let get = |name: &str| request.parameter(name).unwrap_or_default();
    let mut answer = Map::new();
    for bibkey in get("bibkeys").split(',').filter(|key| !key.is_empty()) {
        let (kind, value) = bibkey.split_once(':').unwrap_or(("ISBN", bibkey));
        let value = value.replace('-', "");
        let id = match kind.to_ascii_uppercase().as_str() {
            "ISBN" => catalogue.by_isbn(&value),
            "OLID" => catalogue.by_key(&value),
            _ => None,
        };
        let Some(work) = id
            .map(|id| catalogue.work(id))
            .filter(|work| work.in_open_library)
        else {
            continue;
        };
        let edition = work
            .editions
            .iter()
            .find(|e| e.key == value || e.isbns.contains(&value));
        let Some(edition) = edition else {
            continue;
        };
        let url = format!("https://openlibrary.org/books/{}", edition.key);
        let entry = match get("jscmd") {
            "data" => edition_data(&work, edition, &url),
            "details" => json!({
                "bib_key": bibkey, "info_url": url, "preview": "noview", "preview_url": url,
                "details": edition_document(&work, edition),
            }),
            _ => {
                json!({"bib_key": bibkey, "info_url": url, "preview": "noview", "preview_url": url})
            }
        };
        answer.insert(bibkey.to_owned(), entry);
    }
    let answer = Value::Object(answer);
    if get("format") == "json" {
        ProtocolResponse::json(200, &answer)
    } else {
        let script = format!("var _OLBookInfo = {answer};");
        ProtocolResponse::new(200, "text/javascript", script.into_bytes())
    }
}

fn edition_data(work: &Work, edition: &Edition, url: &str) -> Value {
    let authors: Vec<Value> = (work.authors.iter())
        .map(|author| {
            let url = format!("https://openlibrary.org/authors/{}", author.key);
            json!({"url": url, "name": author.name})
        })
        .collect();
    let subjects: Vec<Value> = (work.subjects.iter())
        .map(|name| json!({"name": name, "url": "https://openlibrary.org/subjects/sandbox"}))
        .collect();
    let mut data = json!({
        "url": url,
        "key": format!("/books/{}", edition.key),
        "title": work.title,
        "authors": authors,
        "identifiers": identifiers(edition),
        "publishers": [{"name": edition.publisher}],
        "publish_date": edition.publish_date,
        "subjects": subjects,
    });
    if let Some(subtitle) = &work.subtitle {
        data["subtitle"] = json!(subtitle);
    }
    if let Some(pages) = edition.pages {
        data["number_of_pages"] = json!(pages);
    }
    if let Some(cover) = edition.cover {
        let url = |size| format!("https://covers.openlibrary.org/b/id/{cover}-{size}.jpg");
        data["cover"] = json!({"small": url("S"), "medium": url("M"), "large": url("L")});
    }
    data
}

fn identifiers(edition: &Edition) -> Value {
    let of_length = |n| {
        edition
            .isbns
            .iter()
            .filter(|i| i.len() == n)
            .collect::<Vec<_>>()
    };
    json!({
        "isbn_13": of_length(13), "isbn_10": of_length(10), "openlibrary": [edition.key],
    })
}

fn document(file: &str, find: impl Fn(&str) -> Option<Value>) -> ProtocolResponse {
    match find(file.trim_end_matches(".json")) {
        Some(document) => ProtocolResponse::json(200, &document),
        None => error(404),
    }
}

fn work_document(work: &Work) -> Value {
    let authors: Vec<Value> = (work.authors.iter())
        .map(|author| {
            json!({
                "author": {"key": format!("/authors/{}", author.key)},
                "type": {"key": "/type/author_role"},
            })
        })
        .collect();
    json!({
        "key": format!("/works/{}", work.key),
        "type": {"key": "/type/work"},
        "title": work.title,
        "subtitle": work.subtitle,
        "authors": authors,
        "description": {"type": "/type/text", "value": work.description},
        "subjects": work.subjects,
        "covers": work.editions.iter().filter_map(|e| e.cover).collect::<Vec<_>>(),
        "first_publish_date": work.first_publish_year.map(|year| year.to_string()),
    })
}

fn edition_document(work: &Work, edition: &Edition) -> Value {
    let authors: Vec<Value> = (work.authors.iter())
        .map(|author| json!({"key": format!("/authors/{}", author.key), "name": author.name}))
        .collect();
    let identifiers = identifiers(edition);
    json!({
        "key": format!("/books/{}", edition.key),
        "type": {"key": "/type/edition"},
        "title": work.title,
        "subtitle": work.subtitle,
        "authors": authors,
        "works": [{"key": format!("/works/{}", work.key)}],
        "isbn_13": identifiers["isbn_13"],
        "isbn_10": identifiers["isbn_10"],
        "publishers": [edition.publisher],
        "publish_date": edition.publish_date,
        "number_of_pages": edition.pages,
        "physical_format": edition.format,
        "languages": [{"key": format!("/languages/{}", edition.language)}],
        "covers": edition.cover.into_iter().collect::<Vec<_>>(),
    })
}
