//! The volumes of Google Books: <https://developers.google.com/books/docs/v1/reference/volumes>.
//!
//! One request asks for one book.

use serde::Deserialize;
use serde::de::Error;

use super::{
    MAX_AUTHORS, MAX_DESCRIPTION, MAX_ISBNS, MAX_NAME, MAX_TITLE, author_word, language, lenient,
    lenient_list, read_answer, subjects, texts,
};
use crate::date::PartialDate;
use crate::phrase::search_phrases;
use crate::text::{clean, non_empty};
use crate::{Author, Edition, Format, GoogleBooks, Isbn, Provider, Record, Wanted, Work};

const FIELDS: &str = "totalItems,items(id,volumeInfo(title,subtitle,authors,publisher,\
    publishedDate,description,industryIdentifiers,pageCount,categories,imageLinks,language))";

/// The request for the edition with this ISBN.
pub(crate) fn by_isbn(google: &GoogleBooks, isbn: Isbn) -> String {
    url(google, &format!("isbn:{isbn}"), 5)
}

/// The request for volumes by title and author.
pub(crate) fn by_title(google: &GoogleBooks, wanted: &Wanted) -> String {
    let phrases = search_phrases(&wanted.title);
    let phrase = phrases.first().map(String::as_str).unwrap_or_default();
    let mut query = format!("intitle:\"{phrase}\"");
    if let Some(author) = author_word(wanted) {
        query.push_str(&format!(" inauthor:\"{author}\""));
    }
    url(google, &query, 10)
}

fn url(google: &GoogleBooks, query: &str, limit: usize) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters
        .append_pair("q", query)
        .append_pair("maxResults", &limit.to_string())
        .append_pair("printType", "books")
        .append_pair("fields", FIELDS);
    if let Some(country) = &google.country {
        parameters.append_pair("country", country);
    }
    if let Some(key) = &google.key {
        parameters.append_pair("key", key);
    }
    let parameters = parameters.finish();
    format!("{}/volumes?{parameters}", google.base.trim_end_matches('/'))
}

/// A list of volumes. Without hits it has no `items`, but says `totalItems`; an error has neither.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volumes {
    #[serde(rename = "totalItems", deserialize_with = "lenient")]
    _total_items: Option<u64>,
    #[serde(default, deserialize_with = "lenient_list")]
    items: Vec<Item>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Item {
    #[serde(deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    volume_info: Option<Volume>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Volume {
    #[serde(deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient")]
    subtitle: Option<String>,
    #[serde(deserialize_with = "texts")]
    authors: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    publisher: Option<String>,
    #[serde(deserialize_with = "lenient")]
    published_date: Option<String>,
    #[serde(deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(deserialize_with = "lenient_list")]
    industry_identifiers: Vec<Identifier>,
    #[serde(deserialize_with = "lenient")]
    page_count: Option<u32>,
    #[serde(deserialize_with = "texts")]
    categories: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    image_links: Option<ImageLinks>,
    #[serde(deserialize_with = "lenient")]
    language: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    identifier: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ImageLinks {
    #[serde(deserialize_with = "lenient")]
    thumbnail: Option<String>,
    #[serde(deserialize_with = "lenient")]
    small_thumbnail: Option<String>,
}

/// Reads an answer: a record for each volume that has a title.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Record>, serde_json::Error> {
    let answer: Volumes = read_answer(body)?;
    if answer.items.is_empty() && answer.error.is_some() {
        return Err(serde_json::Error::custom("an error instead of volumes"));
    }
    Ok(answer
        .items
        .into_iter()
        .filter_map(Item::into_record)
        .collect())
}

impl Item {
    fn into_record(self) -> Option<Record> {
        let volume = self.volume_info?;
        let title = non_empty(volume.title.as_deref()?, MAX_TITLE)?;
        let subtitle = (volume.subtitle.as_deref()).and_then(|text| non_empty(text, MAX_TITLE));
        let mut isbns: Vec<Isbn> = Vec::new();
        for id in volume.industry_identifiers.iter().take(MAX_ISBNS) {
            if let Ok(isbn) = Isbn::parse(&id.identifier)
                && !isbns.contains(&isbn)
            {
                isbns.push(isbn);
            }
        }
        let cover_url = (volume.image_links)
            .and_then(|links| links.thumbnail.or(links.small_thumbnail))
            .and_then(|url| cover_url(&url));
        let name = |name: &String| {
            Some(Author {
                name: non_empty(name, MAX_NAME)?,
                open_library_id: None,
            })
        };
        let id = self.id.filter(|id| {
            (1..=40).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        Some(Record {
            provider: Provider::GoogleBooks,
            aliases: Vec::new(),
            matched: None,
            work: Work {
                title: title.clone(),
                subtitle: subtitle.clone(),
                subjects: subjects(&volume.categories),
                description: (volume.description.as_deref())
                    .and_then(|text| non_empty(text, MAX_DESCRIPTION)),
                ..Work::default()
            },
            edition: Edition {
                isbns,
                title: Some(title),
                subtitle,
                publisher: (volume.publisher.as_deref())
                    .and_then(|text| non_empty(text.trim_matches('"'), MAX_NAME)),
                published: (volume.published_date.as_deref())
                    .and_then(|text| PartialDate::parse(&clean(text, 60)))
                    .map(|date| date.to_string()),
                pages: volume.page_count.filter(|pages| *pages > 0),
                format: None::<Format>,
                language: volume.language.as_deref().and_then(language),
                cover_url,
                open_library_id: None,
                google_volume_id: id,
            },
            authors: volume
                .authors
                .iter()
                .filter_map(name)
                .take(MAX_AUTHORS)
                .collect(),
        })
    }
}

/// The URL of a cover over HTTPS, and without the drawn page curl.
fn cover_url(url: &str) -> Option<String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))?;
    let plain = rest.len() <= 500 && rest.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| format!("https://{}", rest.replace("&edge=curl", "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_an_edition_and_what_it_says_of_its_work() {
        let body = r#"{"kind":"books#volumes","totalItems":1,"items":[{"kind":"books#volume",
            "id":"zyTCAlFPjgYC","volumeInfo":{"title":"The Google Story","subtitle":"Inside",
            "authors":["David A. Vise","Mark Malseed"],"publisher":"\"Random House\"",
            "publishedDate":"2005-11-15","description":"Here is   the story.",
            "industryIdentifiers":[{"type":"ISBN_10","identifier":"055380457X"},
              {"type":"ISBN_13","identifier":"9780553804577"},{"type":"OTHER","identifier":"X:1"}],
            "pageCount":207,"categories":["Browsers (Computer programs)"],
            "imageLinks":{"thumbnail":"http://books.google.com/books/content?id=1&edge=curl&zoom=1"},
            "language":"en"}}]}"#;
        let records = read(body.as_bytes()).unwrap();
        let record = &records[0];
        assert_eq!(record.edition.isbn_forms(), ["9780553804577", "055380457X"]);
        assert_eq!(record.edition.publisher.as_deref(), Some("Random House"));
        assert_eq!(record.edition.published.as_deref(), Some("2005-11-15"));
        assert_eq!(record.pages(), Some(207));
        assert_eq!(record.authors.len(), 2);
        assert_eq!(
            record.cover_url(),
            Some("https://books.google.com/books/content?id=1&zoom=1")
        );
        assert_eq!(
            record.work.description.as_deref(),
            Some("Here is the story.")
        );
        assert_eq!(
            record.edition.google_volume_id.as_deref(),
            Some("zyTCAlFPjgYC")
        );
    }

    #[test]
    fn no_hit_is_an_answer_and_an_error_is_none() {
        let none = read(br#"{"kind":"books#volumes","totalItems":0}"#).unwrap();
        assert!(none.is_empty());
        for body in [
            "",
            "{}",
            "[]",
            r#"{"error":{"code":429,"message":"Quota exceeded"}}"#,
            r#"{"totalItems":1,"items":["#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn odd_volumes_are_passed_over() {
        let body = r#"{"totalItems":9,"items":[1,{},{"volumeInfo":{}},{"volumeInfo":{"title":"A",
            "authors":"B C","pageCount":-3,"imageLinks":{"thumbnail":"javascript:alert(1)"},
            "industryIdentifiers":[{"type":1}]},"id":"../x"}]}"#;
        let records = read(body.as_bytes()).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].authors[0].name, "B C");
        assert_eq!(records[0].cover_url(), None);
        assert_eq!(records[0].edition.google_volume_id, None);
        assert_eq!(records[0].pages(), None);
    }

    #[test]
    fn requests() {
        let isbn = Isbn::parse("9780553804577").unwrap();
        let google = GoogleBooks {
            base: "https://h/books/v1".to_owned(),
            key: Some("k&y".to_owned()),
            country: None,
        };
        let url = by_isbn(&google, isbn);
        assert!(url.starts_with("https://h/books/v1/volumes?q=isbn%3A9780553804577&maxResults=5&"));
        assert!(url.ends_with("&key=k%26y"));
        let wanted = Wanted {
            title: "The Google Story: Inside".into(),
            author: "Vise, David A.".into(),
            ..Wanted::default()
        };
        let url = by_title(&GoogleBooks::default(), &wanted);
        assert!(
            url.contains("q=intitle%3A%22Google+Story%22+inauthor%3A%22Vise%22&"),
            "{url}"
        );
        assert!(!url.contains("key="));
    }
}
