//! Open Library's search: <https://openlibrary.org/dev/docs/api/search>.
//!
//! One request asks for many books with `OR`. An answer's `docs` are works; with `editions` among
//! the fields each carries the one edition that fits the query best.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{
    MAX_ALIASES, MAX_AUTHORS, MAX_DESCRIPTION, MAX_ISBNS, MAX_NAME, MAX_TITLE, language, lenient,
    lenient_list, read_answer, subjects, texts,
};
use crate::date::PartialDate;
use crate::phrase::search_phrases;
use crate::text::{clean, non_empty};
use crate::{Author, Edition, Format, Isbn, Provider, Record, Wanted, Work};

const WORK_FIELDS: &str = "key,title,subtitle,author_name,author_key,author_alternative_name,\
    first_publish_year,cover_i,subject,number_of_pages_median,id_librarything,description,editions,\
    editions.key,editions.title,editions.subtitle,editions.isbn,editions.publisher,\
    editions.publish_date,editions.language,editions.format,editions.cover_i";

/// Number of works for each wanted ISBN: two can claim one.
pub(crate) const WORKS_PER_ISBN: usize = 2;

/// Number of works for each wanted title, on average: the most popular of all come first.
pub(crate) const WORKS_PER_TITLE: usize = 10;

/// The request for many editions at once. The list of all of a work's ISBNs makes answers long, but
/// it is what finds the second of two wanted editions of one work.
pub(crate) fn by_isbn(base: &str, isbns: impl Iterator<Item = Isbn>) -> String {
    let isbns: Vec<String> = isbns.map(|isbn| isbn.to_string()).collect();
    let query = format!("isbn:({})", isbns.join(" OR "));
    url(
        base,
        &query,
        &format!("{WORK_FIELDS},isbn"),
        isbns.len() * WORKS_PER_ISBN,
    )
}

/// The request for works by title and author, several candidates for each.
pub(crate) fn by_title<'a>(base: &str, wanted: impl Iterator<Item = &'a Wanted>) -> String {
    let pairs: Vec<String> = wanted.map(title_clause).collect();
    let limit = pairs.len() * WORKS_PER_TITLE;
    url(base, &pairs.join(" OR "), WORK_FIELDS, limit)
}

/// The clause for a wanted book. `author:` means the name that the catalogue has chosen, in the
/// author's own script; the names that readers of other scripts know are a field of their own.
fn title_clause(wanted: &Wanted) -> String {
    let phrases = search_phrases(&wanted.title);
    let titles: Vec<String> = (phrases.iter())
        .map(|phrase| format!("title:\"{phrase}\""))
        .collect();
    let title = match titles.as_slice() {
        [only] => only.clone(),
        several => format!("({})", several.join(" OR ")),
    };
    let mut authors = String::new();
    for author in super::author_spellings(wanted) {
        let or = if authors.is_empty() { "" } else { " OR " };
        authors =
            format!("{authors}{or}author:\"{author}\" OR author_alternative_name:\"{author}\"");
    }
    match authors.as_str() {
        "" => format!("({title})"),
        authors => format!("({title} AND ({authors}))"),
    }
}

/// Number of bytes that a book adds to the URL of [`by_title`].
pub(crate) fn title_length(wanted: &Wanted) -> usize {
    encoded_length(&title_clause(wanted))
}

/// Number of bytes that one clause of several adds to a URL.
pub(crate) fn encoded_length(clause: &str) -> usize {
    form_urlencoded::byte_serialize(clause.as_bytes())
        .map(str::len)
        .sum::<usize>()
        + "+OR+".len()
}

/// The request for works that satisfy one of several clauses of words, at most `each` for each on
/// average: the most popular of all come first.
pub(crate) fn by_words(base: &str, clauses: &[String], each: usize) -> String {
    let limit = clauses.len() * each;
    url(base, &clauses.join(" OR "), WORK_FIELDS, limit)
}

/// The request for works by their keys.
pub(crate) fn by_work_id<'a>(base: &str, ids: impl Iterator<Item = &'a str>) -> String {
    let keys: Vec<String> = ids.map(|id| format!("/works/{id}")).collect();
    let query = format!("key:({})", keys.join(" OR "));
    url(base, &query, WORK_FIELDS, keys.len())
}

/// The request for a page of the works that these words fit, by parameter.
pub(crate) fn page_of_words(base: &str, words: &[(&str, String)], page: u32, limit: u32) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for (name, words) in words {
        parameters.append_pair(name, words);
    }
    let parameters = parameters
        .append_pair("fields", WORK_FIELDS)
        .append_pair("page", &page.to_string())
        .append_pair("limit", &limit.to_string())
        .finish();
    format!("{}/search.json?{parameters}", base.trim_end_matches('/'))
}

/// Whether a text has the form of a work key, `OL82563W`.
pub(crate) fn is_work_id(id: &str) -> bool {
    let digits = id.strip_prefix("OL").and_then(|id| id.strip_suffix('W'));
    digits.is_some_and(|digits| {
        (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Number of works that are asked for where so many are hoped for.
pub(crate) fn limit(works: usize) -> usize {
    works.clamp(10, 500)
}

fn url(base: &str, query: &str, fields: &str, limit: usize) -> String {
    let parameters = form_urlencoded::Serializer::new(String::new())
        .append_pair("q", query)
        .append_pair("fields", fields)
        .append_pair("limit", &self::limit(limit).to_string())
        .finish();
    format!("{}/search.json?{parameters}", base.trim_end_matches('/'))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchResults {
    docs: Vec<Listed>,
    #[serde(default, deserialize_with = "lenient")]
    num_found: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    start: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
}

impl SearchResults {
    /// The reason why an answer without works cannot be believed, if there is one.
    fn contradiction(&self) -> Option<&'static str> {
        let is_told = self.num_found.unwrap_or(0) > self.start.unwrap_or(0);
        match (self.docs.is_empty(), &self.error) {
            (true, Some(_)) => Some("an error instead of works"),
            (true, None) if is_told => Some("none of the works that it has found"),
            _ => None,
        }
    }
}

/// An element of the list of works: anything else than an object is passed over.
struct Listed(Option<Doc>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListedVisitor)
    }
}

struct ListedVisitor;

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a work")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listed, A::Error> {
        Doc::deserialize(MapAccessDeserializer::new(map)).map(|doc| Listed(Some(doc)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listed, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Listed(None))
    }

    fn visit_unit<E>(self) -> Result<Listed, E> {
        Ok(Listed(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Listed, E> {
        Ok(Listed(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Listed, E> {
        Ok(Listed(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Listed, E> {
        Ok(Listed(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Listed, E> {
        Ok(Listed(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Listed, E> {
        Ok(Listed(None))
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Doc {
    #[serde(deserialize_with = "lenient")]
    key: Option<String>,
    #[serde(deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient")]
    subtitle: Option<String>,
    #[serde(deserialize_with = "texts")]
    author_name: Vec<String>,
    #[serde(deserialize_with = "texts")]
    author_key: Vec<String>,
    #[serde(deserialize_with = "texts")]
    author_alternative_name: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    description: Option<Text>,
    #[serde(deserialize_with = "lenient")]
    first_publish_year: Option<i32>,
    #[serde(deserialize_with = "texts")]
    isbn: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    cover_i: Option<i64>,
    #[serde(deserialize_with = "texts")]
    subject: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    number_of_pages_median: Option<u32>,
    #[serde(deserialize_with = "texts")]
    id_librarything: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    editions: Option<Editions>,
}

/// A text of Open Library, as a string or as an object with a type.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Typed { value: String },
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Typed { value: text } => text,
        }
    }
}

#[derive(Deserialize)]
struct Editions {
    #[serde(deserialize_with = "lenient_list")]
    docs: Vec<EditionDoc>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EditionDoc {
    #[serde(deserialize_with = "lenient")]
    key: Option<String>,
    #[serde(deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient")]
    subtitle: Option<String>,
    #[serde(deserialize_with = "texts")]
    isbn: Vec<String>,
    #[serde(deserialize_with = "texts")]
    publisher: Vec<String>,
    #[serde(deserialize_with = "texts")]
    publish_date: Vec<String>,
    #[serde(deserialize_with = "texts")]
    language: Vec<String>,
    #[serde(deserialize_with = "texts")]
    format: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    cover_i: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    description: Option<Text>,
}

/// Reads an answer to a search for works: a record for each edition that is told of.
///
/// `wanted` ISBNs that a work claims, without their edition being told of, get a record of the
/// work with nothing but that ISBN as the edition.
pub(crate) fn read(body: &[u8], wanted: &[Isbn]) -> Result<Vec<Record>, serde_json::Error> {
    let answer: SearchResults = read_answer(body)?;
    if let Some(contradiction) = answer.contradiction() {
        return Err(serde_json::Error::custom(contradiction));
    }
    let mut records = Vec::new();
    for Listed(doc) in answer.docs {
        records.extend(doc.into_iter().flat_map(|doc| doc.into_records(wanted)));
    }
    Ok(records)
}

/// The number of works that an answer says there are in all; 0 when it does not say.
pub(crate) fn total(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Total {
        #[serde(rename = "numFound", default)]
        total: u64,
    }
    serde_json::from_slice(body).map_or(0, |Total { total }| total)
}

impl Doc {
    fn into_records(self, wanted: &[Isbn]) -> Vec<Record> {
        let Some(work) = self.work() else {
            return Vec::new();
        };
        let authors = self.authors();
        let aliases: Vec<String> = (self.author_alternative_name.iter())
            .filter_map(|name| non_empty(name, MAX_NAME))
            .take(MAX_ALIASES)
            .collect();
        let told: Vec<Edition> = (self.editions.iter())
            .flat_map(|editions| &editions.docs)
            .map(|edition| edition.edition(wanted))
            .collect();
        let claimed: Vec<Isbn> = self
            .isbn
            .iter()
            .filter_map(|isbn| Isbn::parse(isbn).ok())
            .collect();
        let mut untold: Vec<Isbn> = (wanted.iter().copied())
            .filter(|isbn| claimed.contains(isbn))
            .filter(|isbn| !told.iter().any(|edition| edition.isbns.contains(isbn)))
            .collect();
        untold.dedup();
        let bare = |isbn| Edition {
            isbns: vec![isbn],
            title: Some(work.title.clone()),
            subtitle: work.subtitle.clone(),
            ..Edition::default()
        };
        let mut editions = told;
        editions.extend(untold.into_iter().map(bare));
        if editions.is_empty() && wanted.is_empty() {
            editions.push(Edition::default());
        }
        let Some(last) = editions.pop() else {
            return Vec::new();
        };
        // Most works come with one edition.
        let record = Record {
            provider: Provider::OpenLibrary,
            work,
            edition: last,
            authors,
            aliases,
            matched: None,
        };
        let with = |edition| Record {
            edition,
            ..record.clone()
        };
        let mut records: Vec<Record> = editions.into_iter().map(with).collect();
        records.push(record);
        records
    }

    fn work(&self) -> Option<Work> {
        let id = self.key.as_deref().and_then(|key| key.rsplit('/').next());
        Some(Work {
            title: non_empty(self.title.as_deref()?, MAX_TITLE)?,
            subtitle: (self.subtitle.as_deref()).and_then(|text| non_empty(text, MAX_TITLE)),
            open_library_id: id.filter(|id| is_work_id(id)).map(str::to_owned),
            first_published: self.first_publish_year,
            subjects: subjects(&self.subject),
            description: (self.description.as_ref())
                .or_else(|| {
                    (self.editions.as_ref()?.docs.iter()).find_map(|e| e.description.as_ref())
                })
                .and_then(|text| non_empty(text.as_str(), MAX_DESCRIPTION))
                .filter(|text| text.contains(char::is_alphabetic)),
            cover_url: self.cover_i.and_then(cover_url),
            median_pages: self.number_of_pages_median.filter(|pages| *pages > 0),
            librarything_ids: self
                .id_librarything
                .iter()
                .filter(|id| id.len() <= 20 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
                .take(5)
                .cloned()
                .collect(),
        })
    }

    fn authors(&self) -> Vec<Author> {
        self.author_name
            .iter()
            .enumerate()
            .filter_map(|(at, name)| {
                let key = self
                    .author_key
                    .get(at)
                    .map(|key| key.rsplit('/').next().unwrap_or(key));
                Some(Author {
                    name: non_empty(name, MAX_NAME)?,
                    open_library_id: key.and_then(|key| key_of(key, 'A')),
                })
            })
            .take(MAX_AUTHORS)
            .collect()
    }
}

impl EditionDoc {
    /// The edition's data; the wanted ISBNs come first, so that none of them is cut off.
    fn edition(&self, wanted: &[Isbn]) -> Edition {
        let mut isbns: Vec<Isbn> = Vec::new();
        for isbn in self.isbn.iter().filter_map(|isbn| Isbn::parse(isbn).ok()) {
            if !isbns.contains(&isbn) {
                isbns.push(isbn);
            }
        }
        // Those that were asked for stay, wherever they stand.
        let (mut isbns, others): (Vec<Isbn>, Vec<Isbn>) =
            isbns.into_iter().partition(|isbn| wanted.contains(isbn));
        isbns.extend(others);
        isbns.truncate(MAX_ISBNS);
        let key = self.key.as_deref().and_then(|key| key.rsplit('/').next());
        Edition {
            isbns,
            title: (self.title.as_deref()).and_then(|text| non_empty(text, MAX_TITLE)),
            subtitle: (self.subtitle.as_deref()).and_then(|text| non_empty(text, MAX_TITLE)),
            publisher: (self.publisher.first()).and_then(|text| non_empty(text, MAX_NAME)),
            published: (self.publish_date.iter())
                .find_map(|text| PartialDate::parse(&clean(text, 60)))
                .map(|date| date.to_string()),
            pages: None,
            format: self.format.iter().find_map(|text| Format::parse(text)),
            language: self.language.iter().find_map(|code| language(code)),
            cover_url: self.cover_i.and_then(cover_url),
            open_library_id: key.and_then(|key| key_of(key, 'M')),
            google_volume_id: None,
        }
    }
}

fn key_of(key: &str, kind: char) -> Option<String> {
    let digits = key.strip_prefix("OL")?.strip_suffix(kind)?;
    let valid = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| key.to_owned())
}

/// The URL of a cover by its id: covers by ISBN are rationed.
fn cover_url(id: i64) -> Option<String> {
    // -1 says that there is none.
    (id > 0).then(|| format!("https://covers.openlibrary.org/b/id/{id}-L.jpg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isbn(text: &str) -> Isbn {
        Isbn::parse(text).unwrap()
    }

    const DOC: &str = r#"{"numFound":1,"start":0,"numFoundExact":true,"docs":[{
        "key":"/works/OL20126932W","title":"Long Bright River","subtitle":"A Novel",
        "author_name":["Liz Moore"],"author_key":["OL6912340A"],"first_publish_year":2020,
        "isbn":["0525540679","9780525540670","9780593293225"],"cover_i":9349341,
        "subject":["Fiction","nyt:x=1","Sisters"],"number_of_pages_median":488,
        "id_librarything":["23445"],"language":["eng","spa"],
        "editions":{"numFound":3,"start":0,"numFoundExact":true,"docs":[{
            "key":"/books/OL27988484M","title":"Long Bright River",
            "isbn":["0525540679","9780525540670"],"publisher":["Riverhead Books"],
            "publish_date":["January 7, 2020"],"language":["eng"],"format":["Hardcover"],
            "cover_i":9349342}]}}]}"#;

    #[test]
    fn a_doc_is_a_work_and_its_fitting_edition() {
        let wanted = isbn("9780525540670");
        let records = read(DOC.as_bytes(), &[wanted]).unwrap();
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(record.work.open_library_id.as_deref(), Some("OL20126932W"));
        assert_eq!(record.work.subjects, ["Fiction", "Sisters"]);
        assert_eq!(record.work.librarything_ids, ["23445"]);
        assert_eq!(
            record.authors[0].open_library_id.as_deref(),
            Some("OL6912340A")
        );
        let edition = &record.edition;
        assert_eq!(edition.isbns, [wanted]);
        assert_eq!(edition.isbn_forms(), ["9780525540670", "0525540679"]);
        assert_eq!(edition.published.as_deref(), Some("2020-01-07"));
        assert_eq!(edition.year(), Some(2020));
        assert_eq!(edition.format, Some(Format::Hardcover));
        assert_eq!(edition.language.as_deref(), Some("en"));
        assert_eq!(edition.open_library_id.as_deref(), Some("OL27988484M"));
        assert_eq!(record.pages(), Some(488));
        assert_eq!(
            record.cover_url(),
            Some("https://covers.openlibrary.org/b/id/9349342-L.jpg")
        );
    }

    #[test]
    fn a_second_wanted_edition_of_a_work_has_only_its_isbn() {
        let (first, second) = (isbn("9780525540670"), isbn("9780593293225"));
        let records = read(DOC.as_bytes(), &[second, first, isbn("9780593230381")]).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[1].edition.isbns, [second]);
        assert_eq!(records[1].edition.publisher, None);
        assert_eq!(records[1].work, records[0].work);
    }

    #[test]
    fn odd_fields_and_docs_are_passed_over() {
        let body = r#"{"docs":[7,-7,0.5,null,true,"x",[{"title":"Z"}],{"title":null},{"title":"  "},{"title":"A","key":"nonsense",
            "author_name":"One Name","first_publish_year":"1999","isbn":[1,"x"],"cover_i":-1,
            "editions":{"docs":[{"isbn":null,"publish_date":"2001"},3]}},{"title":"B","editions":[]}]}"#;
        let records = read(body.as_bytes(), &[]).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].work.title, "A");
        assert_eq!(records[0].work.open_library_id, None);
        assert_eq!(records[0].work.first_published, Some(1999));
        assert_eq!(records[0].authors[0].name, "One Name");
        assert_eq!(records[0].edition.published.as_deref(), Some("2001"));
        assert_eq!(records[0].cover_url(), None);
        assert_eq!(records[1].edition, Edition::default());
    }

    #[test]
    fn what_is_no_answer_is_garbage() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"docs":{}}"#,
            r#"{"docs":[{"title":"#,
        ] {
            assert!(read(body.as_bytes(), &[]).is_err(), "{body}");
        }
    }

    #[test]
    fn requests_hold_many_books() {
        let url = by_isbn(
            "http://h/",
            [isbn("9780525540670"), isbn("9780593230381")].into_iter(),
        );
        assert!(
            url.starts_with("http://h/search.json?q=isbn%3A%289780525540670+OR+9780593230381%29&"),
            "{url}"
        );
        assert!(url.ends_with("%2Cisbn&limit=10"), "{url}");

        let wanted = [
            Wanted {
                title: "The Poppy War (The Poppy War, #1)".into(),
                author: "R.F. Kuang".into(),
                ..Wanted::default()
            },
            Wanted {
                title: "Say \"Nothing\": A True Story".into(),
                ..Wanted::default()
            },
        ];
        let url = by_title("http://h", wanted.iter());
        let query = form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes())
            .find(|(name, _)| name == "q")
            .unwrap()
            .1;
        assert_eq!(
            query,
            concat!(
                r#"(title:"Poppy War" AND (author:"Kuang" OR author_alternative_name:"Kuang"))"#,
                r#" OR (title:"Say Nothing")"#,
            )
        );
        assert!(
            by_work_id("http://h", ["OL1W", "OL2W"].into_iter())
                .contains("q=key%3A%28%2Fworks%2FOL1W+OR+%2Fworks%2FOL2W%29&")
        );
    }

    #[test]
    fn work_keys() {
        assert!(is_work_id("OL82563W"));
        for id in ["", "OLW", "OL1M", "82563", "OL82563W)", "OL1234567890123W"] {
            assert!(!is_work_id(id), "{id}");
        }
    }
}
