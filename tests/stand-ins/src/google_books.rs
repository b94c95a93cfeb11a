//! Google Books' volume search (<https://developers.google.com/books/docs/v1/using>).

use serde_json::{Value, json};

use crate::catalogue::{Catalogue, Shelf, Work};
use crate::field_mask;
use crate::lucene::Query;
use crate::server::{ProtocolResponse, Request};

const DEFAULT_RESULTS: usize = 10;
const MAX_RESULTS: usize = 40;

/// Responds to one request. Without a key the quota is 0 a day, another key than `key` is refused.
pub(crate) fn answer(catalogue: &Catalogue, key: &str, request: &Request) -> ProtocolResponse {
    match request.parameter("key") {
        Some(given) if given == key => {}
        Some(_) => return invalid_key(),
        None => return without_quota(),
    }
    if request.method != "GET" {
        return error(404);
    }
    let answer = match request.path.strip_prefix("/books/v1/volumes") {
        Some("") => search(catalogue, request),
        Some(rest) => volume(catalogue, rest.trim_start_matches('/')),
        None => return error(404),
    };
    let body = match answer {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    match request.parameter("fields") {
        None => ProtocolResponse::json(200, &body),
        Some(mask) => match field_mask::apply(mask, &body) {
            Ok(body) => ProtocolResponse::json(200, &body),
            Err(_) => bad_request(
                &format!("Invalid field selection {mask}"),
                "invalidParameter",
            ),
        },
    }
}

/// The error document that stands behind a status.
pub(crate) fn error(status: u16) -> ProtocolResponse {
    let (message, reason, name) = match status {
        403 => (
            "The caller does not have permission",
            "forbidden",
            "PERMISSION_DENIED",
        ),
        404 => ("Not Found", "notFound", "NOT_FOUND"),
        429 => (
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of \
             service 'books.googleapis.com' for consumer 'project_number:0'.",
            "rateLimitExceeded",
            "RESOURCE_EXHAUSTED",
        ),
        503 => (
            "Service temporarily unavailable.",
            "backendFailed",
            "UNAVAILABLE",
        ),
        _ => ("Internal error encountered.", "backendError", "INTERNAL"),
    };
    ProtocolResponse::json(
        status,
        &json!({"error": {
            "code": status,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
            "status": name,
        }}),
    )
}

fn bad_request(message: &str, reason: &str) -> ProtocolResponse {
    ProtocolResponse::json(
        400,
        &json!({"error": {
            "code": 400,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }}),
    )
}

fn without_quota() -> ProtocolResponse {
    let message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service \
         'books.googleapis.com' for consumer 'project_number:0'.";
    ProtocolResponse::json(
        429,
        &json!({"error": {
            "code": 429,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "rateLimitExceeded"}],
            "status": "RESOURCE_EXHAUSTED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
                "metadata": {
                    "quota_limit": "defaultPerDayPerProject",
                    "quota_limit_value": "0",
                    "service": "books.googleapis.com",
                },
            }],
        }}),
    )
}

fn invalid_key() -> ProtocolResponse {
    let message = "API key not valid. Please pass a valid API key.";
    ProtocolResponse::json(
        400,
        &json!({"error": {
            "code": 400,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "badRequest"}],
            "status": "INVALID_ARGUMENT",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "books.googleapis.com"},
            }],
        }}),
    )
}

fn search(catalogue: &Catalogue, request: &Request) -> Result<Value, ProtocolResponse> {
    let q = request.parameter("q").unwrap_or_default();
    if q.trim().is_empty() {
        return Err(bad_request("Missing query.", "queryRequired"));
    }
    let number = |name: &str, default: usize, most: usize| match request.parameter(name) {
        None => Ok(default),
        Some(text) => match text.parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(bad_request(
                &format!("Invalid value '{text}'. Values must be within the range: [0, {most}]"),
                "invalidParameter",
            )),
        },
    };
    let results = number("maxResults", DEFAULT_RESULTS, MAX_RESULTS)?;
    let start = number("startIndex", 0, usize::MAX)?;
    let found = catalogue.search(&query(q), Shelf::GoogleBooks);
    let isbn = q
        .split(['+', ' '])
        .find_map(|term| term.strip_prefix("isbn:"));
    let items: Vec<Value> = found
        .iter()
        .skip(start)
        .take(results)
        .map(|work| volume_resource(work, isbn.map(|isbn| isbn.trim_matches('"'))))
        .collect();
    let mut body = json!({"kind": "books#volumes", "totalItems": found.len()});
    // Without results there is no list, not an empty one.
    if !items.is_empty() {
        body["items"] = json!(items);
    }
    Ok(body)
}

fn volume(catalogue: &Catalogue, id: &str) -> Result<Value, ProtocolResponse> {
    let work = catalogue.by_key(id).map(|id| catalogue.work(id));
    match work {
        Some(work) if work.in_google_books && work.volume == id => Ok(volume_resource(&work, None)),
        _ => Err(error(404)),
    }
}

/// Parses Google's query language: words, "phrases", `field:` before either, `-` for what is not
/// wanted; all of it has to match, words in any order.
fn query(q: &str) -> Query {
    let mut clauses = Vec::new();
    let mut rest = q.trim_start_matches(separator);
    while !rest.is_empty() {
        let (negative, term) = match rest.strip_prefix('-') {
            Some(term) => (true, term),
            None => (false, rest),
        };
        let name = term
            .find(|c: char| !c.is_ascii_lowercase())
            .unwrap_or(term.len());
        let (field, value) = match term[name..].strip_prefix(':') {
            Some(value) if name > 0 => (field(&term[..name]), value),
            _ => (None, term),
        };
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find(separator).unwrap_or(value.len())),
        };
        let words = text.split_whitespace().map(|word| Query::Term {
            field: field.map(str::to_owned),
            text: if field == Some("isbn") {
                word.replace('-', "")
            } else {
                word.to_owned()
            },
        });
        let clause = Query::All(words.filter(has_word).collect());
        clauses.push(if negative {
            Query::Not(Box::new(clause))
        } else {
            clause
        });
        rest = after.trim_start_matches(separator);
    }
    Query::All(clauses)
}

/// Whether a query has a word: punctuation on its own matches nothing and demands nothing.
fn has_word(query: &Query) -> bool {
    matches!(query, Query::Term { text, .. } if text.contains(char::is_alphanumeric))
}

fn separator(c: char) -> bool {
    c == '+' || c.is_whitespace()
}

fn field(name: &str) -> Option<&'static str> {
    match name {
        "intitle" => Some("title"),
        "inauthor" => Some("author"),
        "inpublisher" => Some("publisher"),
        "subject" => Some("subject"),
        "isbn" => Some("isbn"),
        _ => None,
    }
}

/// Makes a list of volumes one of other books.
pub(crate) fn name_other_books(answer: &mut Value) {
    // A search that asks for some fields only has this one all the same.
    if answer.get("totalItems").is_some() {
        let volume = |id: &str, title: &str, author: &str| {
            json!({"kind": "books#volume", "id": id,
                "volumeInfo": {"title": title, "authors": [author], "language": "en"}})
        };
        let nameless = volume("zzUNNUMBERED", "Annual Report on Fisheries", "A Committee");
        let mut numbered = volume("zzNUMBERED00", "Knots for Beginners", "Ann Ropemaker");
        numbered["volumeInfo"]["industryIdentifiers"] =
            json!([{"type": "ISBN_13", "identifier": "9780000000002"}]);
        answer["totalItems"] = json!(2);
        answer["items"] = json!([nameless, numbered]);
    }
}

fn volume_resource(work: &Work, isbn: Option<&str>) -> Value {
    let wanted = isbn.and_then(|isbn| work.edition_with(isbn));
    let edition = wanted.or(work.editions.first());
    let mut info = json!({
        "title": work.title,
        "authors": work.authors.iter().map(|author| &author.name).collect::<Vec<_>>(),
        "description": work.description,
        "categories": work.subjects.first().into_iter().collect::<Vec<_>>(),
        "printType": "BOOK",
        "language": "en",
        "maturityRating": "NOT_MATURE",
        "infoLink": format!("https://books.google.com/books?id={}", work.volume),
    });
    if let Some(subtitle) = &work.subtitle {
        info["subtitle"] = json!(subtitle);
    }
    if let Some(edition) = edition {
        info["publisher"] = json!(edition.publisher);
        if !edition.publish_date.is_empty() {
            info["publishedDate"] = json!(edition.publish_date);
        }
        if edition.language == "spa" {
            info["language"] = json!("es");
        }
        if let Some(pages) = edition.pages {
            info["pageCount"] = json!(pages);
        }
        let identifiers: Vec<Value> = (edition.isbns.iter())
            .map(|isbn| json!({"type": format!("ISBN_{}", isbn.len()), "identifier": isbn}))
            .collect();
        if !identifiers.is_empty() {
            info["industryIdentifiers"] = json!(identifiers);
        }
        if edition.cover.is_some() {
            let url = |zoom: u8| {
                let id = &work.volume;
                format!(
                    "http://books.google.com/books/content?id={id}&printsec=frontcover&img=1&zoom={zoom}"
                )
            };
            info["imageLinks"] = json!({"smallThumbnail": url(5), "thumbnail": url(1)});
        }
    }
    json!({
        "kind": "books#volume",
        "id": work.volume,
        "etag": &work.volume[..work.volume.len() / 2],
        "selfLink": format!("https://www.googleapis.com/books/v1/volumes/{}", work.volume),
        "volumeInfo": info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_field_may_stand_in_quotes() {
        let term = |field: Option<&str>, text: &str| Query::Term {
            field: field.map(str::to_owned),
            text: text.to_owned(),
        };
        let all = |words: &[Query]| Query::All(words.to_vec());
        assert_eq!(
            query(r#"intitle:"poppy & war"+inauthor:kuang -guide isbn:978-0-00"#),
            all(&[
                all(&[term(Some("title"), "poppy"), term(Some("title"), "war")]),
                all(&[term(Some("author"), "kuang")]),
                Query::Not(Box::new(all(&[term(None, "guide")]))),
                all(&[term(Some("isbn"), "978000")]),
            ])
        );
    }

    #[test]
    fn odd_queries_end() {
        for odd in [
            "\"",
            ":",
            "-",
            "--a",
            "intitle:",
            "intitle:\"a",
            "é:é",
            "+ +",
            "intitle:\"\"x",
        ] {
            query(odd);
        }
    }
}
