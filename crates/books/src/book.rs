//! The wanted book, a reader's own data on it, and a provider's record of it.

use serde::{Deserialize, Serialize};

use crate::Isbn;

/// A book that is asked for: everything that a look-up may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Title as given, without a series in brackets; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// First author, "First Last"; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// ISBN of the edition, when it is known and valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<Isbn>,
    /// Open Library work key, like `OL82563W`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_id: Option<String>,
    /// The series, when it is not part of the title: volumes of one title differ in their place
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

/// A series and the place of a book in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Name of the series.
    pub name: String,
    /// Place as given: "1", "1.5", "1-3".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

/// The data of a library export's row besides what is [`Wanted`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Imported {
    /// Number of the record in its file, from 1; the header is 1.
    pub row: u32,
    /// All authors; the first is [`Wanted::author`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Series, from its own column or split from the title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// Publisher of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Year in which the edition was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Year in which the work was first published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_year: Option<i32>,
    /// Number of pages of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Binding or medium of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The binding as the file says it, where it is none of the known ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// The title as it stands in the file, where [`Wanted::title`] is only a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_title: Option<String>,
    /// The reader's own data: status, ratings, dates and notes.
    #[serde(skip_serializing_if = "Source::is_empty")]
    pub source: Source,
}

/// A reader's own data about a book.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Source {
    /// The reader's rating: above 0, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_rating: Option<f64>,
    /// The reader's progress: read, being read, to be read, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_status: Option<ReadingStatus>,
    /// Day on which the book was last finished, `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_read: Option<String>,
    /// Days of all readings, as far as [`date_read`](Self::date_read) does not say it: a day, a
    /// month, a year, or two of these with a slash between them (ISO 8601 interval).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dates_read: Vec<String>,
    /// Day, month or year in which the book was begun for the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_started: Option<String>,
    /// Day, month or year in which the book was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_stopped: Option<String>,
    /// Day on which the book came into the library, `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_added: Option<String>,
    /// Number of readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_count: Option<u32>,
    /// The reader's own shelves, tags and collections, without those that only say the status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shelves: Vec<String>,
    /// The reader's review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// The reader's private notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Number of copies that the reader owns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_copies: Option<u32>,
    /// Amazon's number of the book, where that is no ISBN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asin: Option<String>,
    /// Goodreads book id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodreads_id: Option<String>,
    /// LibraryThing book id.
    #[serde(rename = "librarythingId", skip_serializing_if = "Option::is_none")]
    pub librarything_id: Option<String>,
}

impl Source {
    /// Whether there is no data of the reader's own.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A reader's progress with a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadingStatus {
    /// Finished: read to the end.
    Read,
    /// Being read.
    CurrentlyReading,
    /// Planned to be read.
    ToRead,
    /// Given up before the end.
    DidNotFinish,
}

/// Binding or medium of an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Bound in boards.
    Hardcover,
    /// Soft cover of any size but mass market.
    Paperback,
    /// Electronic text.
    #[serde(rename = "E-book")]
    Ebook,
    /// Spoken, on any medium.
    Audiobook,
    /// Pocket-size paperback.
    #[serde(rename = "Mass Market")]
    MassMarket,
}

impl Format {
    /// Name of the format, as the store and clients have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hardcover => "Hardcover",
            Self::Paperback => "Paperback",
            Self::Ebook => "E-book",
            Self::Audiobook => "Audiobook",
            Self::MassMarket => "Mass Market",
        }
    }

    /// Reads the names that library programs and providers use; `None` for unknown ones.
    pub fn parse(text: &str) -> Option<Self> {
        #[cfg(test)]
        crate::tally::count("formats");
        let text = text.to_lowercase();
        // Most texts lack a letter of most words.
        let letters = text
            .bytes()
            .fold(0_u32, |seen, byte| seen | 1 << (byte & 31));
        let may_hold = |word: &str| word.bytes().all(|byte| letters >> (byte & 31) & 1 == 1);
        let has = |words: &str| {
            let mut words = words.split('|').filter(|word| may_hold(word));
            words.any(|word| text.contains(word))
        };
        let has_word = |words: &str| {
            let mut parts = text.split(|c: char| !c.is_alphanumeric());
            parts.any(|part| words.split('|').any(|word| word == part))
        };
        if has("cd-rom|cdrom|dvd-rom") {
            // Programs and data, not a book read aloud.
            None
        } else if has(
            "audi|mp3|cassette|hörbuch|listening|luisterboek|lydbok|lydbog|ljudbok|аудио|有声|\
            オーディオ|오디오",
        ) || has_word("cd|cds")
        {
            Some(Self::Audiobook)
        } else if has(
            "ebook|e-book|kindle|nook|digital|electronic|epub|numérique|электронн|电子书|電子書|\
            電子書籍|전자책",
        ) {
            Some(Self::Ebook)
        } else if has("mass market|mass-market|pocket") {
            Some(Self::MassMarket)
        } else if has_word("hc|hb")
            || has(
                "hardcover|hardback|hard cover|library binding|gebunden|tapa dura|relié|\
            capa dura|hardbound|inbunden|innbundet|kartonné|cartonné|rilegat|\
            copertina rigida|oprawa twarda|twarda|tvrdá|vázaná|твердый|твёрдый|твердая|\
            твёрдая|精装|精裝|単行本|ハードカバー|양장|ciltli|indbundet|kovakantinen|sidottu",
            )
        {
            Some(Self::Hardcover)
        } else if has_word("pb|tb|poche")
            || has(
                "paperback|softcover|soft cover|paper book|taschenbuch|broschiert|brochura|\
            broché|brossura|rústica|tapa blanda|häftad|bolsillo|tascabile|\
            copertina flessibile|capa mole|oprawa miękka|miękka|měkká|brožovaná|мягк|平装|平裝|\
            文庫|新書|ペーパーバック|문고|karton kapak|hæftet|nidottu|pehmeäkantinen",
            )
        {
            Some(Self::Paperback)
        } else {
            None
        }
    }
}

/// A provider of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// Open Library (openlibrary.org).
    #[serde(rename = "openlibrary")]
    OpenLibrary,
    /// The volumes API of Google Books.
    #[serde(rename = "google-books")]
    GoogleBooks,
}

impl Provider {
    /// Name of the provider, as the store and the log have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenLibrary => "openlibrary",
            Self::GoogleBooks => "google-books",
        }
    }
}

/// A provider's metadata of one book.
///
/// All texts are cleaned of control characters and of bounded length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The provider that knows the book.
    pub provider: Provider,
    /// The work, whatever its edition.
    pub work: Work,
    /// The edition that was asked for, or one that stands for the work.
    pub edition: Edition,
    /// The authors of the work, first author first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<Author>,
    /// Other names of the authors, as in another script: only for comparison.
    #[serde(skip)]
    pub aliases: Vec<String>,
    /// The match between record and wanted book; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Match>,
}

/// The match between a record and the wanted book: the way it was found, and the confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The identifier or the texts by which the record was found.
    pub by: MatchedBy,
    /// Confidence in [0, 1]: 1 when number, title and author all agree, 0.7 or less when a person
    /// should look at it ([`Self::is_doubtful`]).
    pub confidence: f32,
}

impl Match {
    /// Whether a person should look at it: number, title and author do not all say the same.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.confidence < 0.75
    }
}

/// The identifier or the texts by which a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The ISBN of the edition.
    Isbn,
    /// Title and author, or a title that is distinctive by itself.
    TitleAuthor,
    /// The key of the work.
    Work,
}

impl Record {
    /// Title on the cover, else of the work.
    pub fn title(&self) -> &str {
        self.edition.title.as_deref().unwrap_or(&self.work.title)
    }

    /// Number of pages of the edition, else the median of the work's editions.
    pub fn pages(&self) -> Option<u32> {
        self.edition.pages.or(self.work.median_pages)
    }

    /// URL of the cover of the edition, else of the work.
    pub fn cover_url(&self) -> Option<&str> {
        self.edition
            .cover_url
            .as_deref()
            .or(self.work.cover_url.as_deref())
    }
}

/// A work: what all editions have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Title, never empty.
    pub title: String,
    /// Subtitle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Open Library work key, like `OL82563W`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_library_id: Option<String>,
    /// Year of first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_published: Option<i32>,
    /// A handful of subjects, different from one another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// A description of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// URL of a cover that stands for the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<String>,
    /// Median number of pages of the editions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_pages: Option<u32>,
    /// LibraryThing work ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub librarything_ids: Vec<String>,
}

/// One edition of a work. Everything may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edition {
    /// ISBNs of the edition; the one that was asked for is the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isbns: Vec<Isbn>,
    /// Title on the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Subtitle on the cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Date of publication: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Number of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Binding or medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Language, ISO 639-1 where there is such a code, else as the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// URL of the edition's cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<String>,
    /// Open Library edition key, like `OL7609117M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_library_id: Option<String>,
    /// Google Books volume id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google_volume_id: Option<String>,
}

impl Edition {
    /// The ISBN that was asked for, or the edition's first.
    pub fn isbn(&self) -> Option<Isbn> {
        self.isbns.first().copied()
    }

    /// Every ISBN in both its forms, 13 digits before 10.
    pub fn isbn_forms(&self) -> Vec<String> {
        self.isbns
            .iter()
            .flat_map(|isbn| std::iter::once(isbn.to_string()).chain(isbn.isbn10()))
            .collect()
    }

    /// Year of [`published`](Self::published).
    pub fn year(&self) -> Option<i32> {
        self.published.as_deref()?.get(..4)?.parse().ok()
    }
}

/// An author of a work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Author {
    /// Name, never empty.
    pub name: String,
    /// Open Library author key, like `OL27349A`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_library_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_the_names_in_use() {
        for (text, format) in [
            ("Hardcover", Some(Format::Hardcover)),
            ("hardback", Some(Format::Hardcover)),
            ("Library Binding", Some(Format::Hardcover)),
            ("Paperback", Some(Format::Paperback)),
            ("Trade Paperback", Some(Format::Paperback)),
            ("Paper Book", Some(Format::Paperback)),
            ("Mass Market Paperback", Some(Format::MassMarket)),
            ("Kindle Edition", Some(Format::Ebook)),
            ("ebook", Some(Format::Ebook)),
            ("digital", Some(Format::Ebook)),
            ("Audible Audio", Some(Format::Audiobook)),
            ("Audio CD", Some(Format::Audiobook)),
            ("audio", Some(Format::Audiobook)),
            ("1 CD-ROM", None),
            ("gebundene Ausgabe", Some(Format::Hardcover)),
            ("Brochura", Some(Format::Paperback)),
            ("Unknown Binding", None),
            ("", None),
        ] {
            assert_eq!(Format::parse(text), format, "{text}");
        }
    }

    #[test]
    fn stored_books_leave_out_what_is_unknown_and_read_what_is_newer() {
        assert_eq!(serde_json::to_string(&Wanted::default()).unwrap(), "{}");
        let imported = Imported {
            row: 7,
            ..Imported::default()
        };
        assert_eq!(serde_json::to_string(&imported).unwrap(), r#"{"row":7}"#);
        let newer = r#"{"row":7,"fromTheFuture":[1]}"#;
        assert_eq!(serde_json::from_str::<Imported>(newer).unwrap(), imported);
    }

    /// Stored documents of earlier versions are read.
    #[test]
    fn stored_sources_are_read() {
        let source = Source {
            user_rating: Some(4.0),
            reading_status: Some(ReadingStatus::CurrentlyReading),
            date_read: Some("2024-03-15".into()),
            shelves: vec!["classics".into()],
            goodreads_id: Some("4671".into()),
            ..Source::default()
        };
        for rating in ["4", "4.0"] {
            let stored = format!(
                r#"{{"userRating":{rating},"readingStatus":"currently-reading","dateRead":"2024-03-15","shelves":["classics"],"goodreadsId":"4671"}}"#
            );
            assert_eq!(serde_json::from_str::<Source>(&stored).unwrap(), source);
        }
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(serde_json::from_str::<Source>(&json).unwrap(), source);
    }
}
