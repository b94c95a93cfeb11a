//! A library of any size for benchmarks, and the works behind it.
//!
//! Nothing of it is stored: a book's number is written into its ISBN, its keys and the words of its
//! title, and everything else about it follows from the number.

use std::collections::HashMap;
use std::sync::LazyLock;

use isbn3::{Isbn, Isbn13};

use crate::catalogue::{Author, Edition, Work};
use crate::seed;

/// Number of books that the generator can tell apart by title.
pub const GENERATED_WORKS: u32 = (ADJECTIVES.len() * NOUNS.len() * PLACES.len()) as u32;

/// Prefix of generated ISBNs: group 68 is not assigned, so none is a real book's.
const ISBN_PREFIX: &str = "97868";
const KEY_BASE: u32 = 90_000_000;

const ADJECTIVES: [&str; 40] = [
    "Amber",
    "Ancient",
    "Bitter",
    "Blue",
    "Borrowed",
    "Broken",
    "Burning",
    "Crooked",
    "Distant",
    "Drowned",
    "Eastern",
    "Empty",
    "Faithful",
    "Fallen",
    "Forgotten",
    "Frozen",
    "Gentle",
    "Gilded",
    "Golden",
    "Hidden",
    "Hollow",
    "Iron",
    "Last",
    "Lonely",
    "Lost",
    "Lucky",
    "Midnight",
    "Narrow",
    "Northern",
    "Paper",
    "Patient",
    "Quiet",
    "Restless",
    "Scarlet",
    "Second",
    "Silent",
    "Silver",
    "Sleeping",
    "Stolen",
    "Winter",
];
const NOUNS: [&str; 50] = [
    "Alphabet",
    "Archive",
    "Bakery",
    "Bridge",
    "Cartographer",
    "Cellar",
    "Choir",
    "Clock",
    "Compass",
    "Countess",
    "Daughter",
    "Diary",
    "Ferry",
    "Garden",
    "Gardener",
    "Ghost",
    "Harbour",
    "Hotel",
    "House",
    "Island",
    "Kingdom",
    "Lantern",
    "Letter",
    "Library",
    "Lighthouse",
    "Locksmith",
    "Map",
    "Market",
    "Mirror",
    "Museum",
    "Orchard",
    "Painter",
    "Passenger",
    "Physician",
    "Piano",
    "Postman",
    "Queen",
    "River",
    "Road",
    "School",
    "Secret",
    "Shepherd",
    "Song",
    "Station",
    "Storm",
    "Tailor",
    "Theatre",
    "Tower",
    "Village",
    "Voyage",
];
const PLACES: [&str; 50] = [
    "Aldermoor",
    "Ashbourne",
    "Bellweather",
    "Birchcombe",
    "Blackmere",
    "Brackenridge",
    "Calder",
    "Carrowmore",
    "Corvale",
    "Dunmarrow",
    "Eastvale",
    "Elmsworth",
    "Fairhaven",
    "Farrowdale",
    "Glenhollow",
    "Greywater",
    "Halloway",
    "Harrowgate",
    "Hazelmere",
    "Ironbridge",
    "Kestrelton",
    "Kingsferry",
    "Lakemoor",
    "Larkspur",
    "Lindenau",
    "Longmarsh",
    "Marrowby",
    "Merrivale",
    "Millbrook",
    "Moorcroft",
    "Netherby",
    "Northwick",
    "Oakhurst",
    "Pinefall",
    "Quarrytown",
    "Ravensworth",
    "Redcliff",
    "Rosehaven",
    "Saltmarsh",
    "Silverton",
    "Stonebridge",
    "Summerfield",
    "Thistledown",
    "Thornbury",
    "Underhill",
    "Valemount",
    "Westerly",
    "Whitecombe",
    "Wolfsburn",
    "Yarrow",
];
const FIRST_NAMES: [&str; 32] = [
    "Ada", "Alba", "Anton", "Beatrix", "Bruno", "Clara", "Conrad", "Dorothea", "Edmund", "Elif",
    "Felix", "Greta", "Hugo", "Imogen", "Ingrid", "Jonas", "Kaito", "Leonie", "Magnus", "Maren",
    "Nadia", "Oscar", "Petra", "Quentin", "Rosalind", "Samir", "Tamsin", "Ulrich", "Vera", "Wanda",
    "Yusuf", "Zora",
];
const LAST_NAMES: [&str; 40] = [
    "Abernathy",
    "Bergström",
    "Castellane",
    "Delacroix",
    "Eklund",
    "Fairweather",
    "Grimaldi",
    "Hartmann",
    "Ibáñez",
    "Jankowski",
    "Kowalczyk",
    "Lindqvist",
    "Marchetti",
    "Nakagawa",
    "O'Donoghue",
    "Pemberton",
    "Quigley",
    "Rasmussen",
    "Santoro",
    "Tremblay",
    "Ulvang",
    "Vandermeer",
    "Whitlock",
    "Xanthos",
    "Yamashiro",
    "Zeller",
    "Ashdown",
    "Brightwater",
    "Copperfield",
    "Dunleavy",
    "Everhart",
    "Fitzwilliam",
    "Goldsworthy",
    "Hollingsworth",
    "Ironside",
    "Jessamy",
    "Kingsolving",
    "Loxley",
    "Merriweather",
    "Nightingale",
];
const PUBLISHERS: [&str; 6] = [
    "Sandbox House",
    "Stand-In Press",
    "Loopback Books",
    "Fixture & Daughters",
    "Placeholder Editions",
    "Dry Run Publishing",
];

static TITLE_WORDS: LazyLock<HashMap<String, (usize, u32)>> = LazyLock::new(|| {
    [&ADJECTIVES[..], &NOUNS, &PLACES]
        .into_iter()
        .enumerate()
        .flat_map(|(slot, words)| {
            (0..)
                .zip(words)
                .map(move |(i, word)| (word.to_lowercase(), (slot, i)))
        })
        .collect()
});

/// A Goodreads export of `rows` books that the stand-ins know, the same for the same number.
///
/// Like a real export about a quarter of the books has no ISBN. At most [`GENERATED_WORKS`] books
/// exist; later rows repeat earlier ones.
pub fn library(rows: usize) -> Vec<u8> {
    let mut csv = String::from(
        "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,\
         Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,\
         Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,\
         Private Notes,Read Count,Owned Copies\n",
    );
    for row in (0..GENERATED_WORKS).cycle().take(rows) {
        let work = work(row);
        let edition = &work.editions[0];
        let with_isbn = row % 13 < 10;
        let isbn = |n: usize| match edition.isbns.get(n) {
            Some(isbn) if with_isbn => format!("\"=\"\"{isbn}\"\"\""),
            _ => "\"=\"\"\"\"\"".to_owned(),
        };
        let name = &work.authors[0].name;
        let (first, last) = name.split_once(' ').unwrap_or(("", name));
        let read = row % 3 == 0;
        let shelf = if read { "read" } else { "to-read" };
        let fields = [
            (KEY_BASE + row).to_string(),
            work.title.clone(),
            name.clone(),
            format!("\"{last}, {first}\""),
            String::new(),
            isbn(1),
            isbn(0),
            (if read { row % 6 } else { 0 }).to_string(),
            format!("3.{:02}", row % 100),
            edition.publisher.clone(),
            edition.format.to_owned(),
            edition.pages.unwrap_or_default().to_string(),
            edition.publish_date.clone(),
            edition.publish_date.clone(),
            if read { "2024/03/15" } else { "" }.to_owned(),
            "2024/01/02".to_owned(),
            shelf.to_owned(),
            format!("{shelf} (#{})", row + 1),
            shelf.to_owned(),
            String::new(),
            String::new(),
            String::new(),
            u8::from(read).to_string(),
            "0".to_owned(),
        ];
        csv.push_str(&fields.join(","));
        csv.push('\n');
    }
    csv.into_bytes()
}

/// The generated work of this number, below [`GENERATED_WORKS`].
pub(crate) fn work(index: u32) -> Work {
    let (adjectives, nouns) = (ADJECTIVES.len() as u32, NOUNS.len() as u32);
    let a = index % adjectives;
    // Neighbours differ in every word, not only in the first.
    let b = (index / adjectives + a) % nouns;
    let c = (index / (adjectives * nouns) + a + b) % PLACES.len() as u32;
    let (a, b, c) = (a as usize, b as usize, c as usize);
    let title = format!("The {} {} of {}", ADJECTIVES[a], NOUNS[b], PLACES[c]);

    let person = (index / 3) as usize % (FIRST_NAMES.len() * LAST_NAMES.len());
    let first = FIRST_NAMES[person % FIRST_NAMES.len()];
    let last = LAST_NAMES[person / FIRST_NAMES.len()];
    let year = 1950 + (index % 75) as i32;
    let key = KEY_BASE + index;
    Work {
        key: format!("OL{key}W"),
        volume: format!("sandbox{key:05}"),
        title,
        subtitle: None,
        authors: vec![Author {
            key: format!("OL{}A", KEY_BASE as usize + person),
            name: format!("{first} {last}"),
            other_names: Vec::new(),
        }],
        first_publish_year: Some(year),
        subjects: seed::subjects(u64::from(index)),
        description: seed::DESCRIPTION.to_owned(),
        goodreads_id: Some(key.to_string()),
        editions: vec![Edition {
            key: format!("OL{key}M"),
            title: None,
            isbns: seed::isbns(&format!("{ISBN_PREFIX}{index:07}")),
            publisher: PUBLISHERS[index as usize % PUBLISHERS.len()].to_owned(),
            publish_date: year.to_string(),
            pages: Some(120 + index % 700),
            language: "eng",
            cover: Some(KEY_BASE + index),
            format: if index.is_multiple_of(4) {
                "Hardcover"
            } else {
                "Paperback"
            },
        }],
        popularity: 1,
        in_open_library: index % 25 != 24,
        in_google_books: index % 50 != 49,
    }
}

/// The number in a generated ISBN of either length.
pub(crate) fn index_of_isbn(isbn: &str) -> Option<u32> {
    if !matches!(isbn.len(), 10 | 13) {
        return None;
    }
    let isbn13 = match isbn.parse().ok()? {
        Isbn::_13(isbn13) => isbn13,
        Isbn::_10(isbn10) => Isbn13::from(isbn10),
    };
    let digits = isbn13.to_string();
    let index = digits.strip_prefix(ISBN_PREFIX)?.get(..7)?;
    below_limit(index.parse().ok()?)
}

/// The number in a generated work's or edition's key, or volume id.
pub(crate) fn index_of_key(key: &str) -> Option<u32> {
    let digits = match key.strip_prefix("OL") {
        Some(rest) => rest.strip_suffix(['W', 'M'])?,
        None => key.strip_prefix("sandbox")?,
    };
    below_limit(digits.parse::<u32>().ok()?.checked_sub(KEY_BASE)?)
}

/// The generated work whose title holds these words, if they name exactly one.
pub(crate) fn index_of_title(words: &[String]) -> Option<u32> {
    let mut slots = [None; 3];
    for word in words {
        if let Some(&(slot, at)) = TITLE_WORDS.get(word) {
            slots[slot] = Some(at);
        }
    }
    let [Some(a), Some(b), Some(c)] = slots else {
        return None;
    };
    let (adjectives, nouns, places) = (
        ADJECTIVES.len() as u32,
        NOUNS.len() as u32,
        PLACES.len() as u32,
    );
    let middle = (b + nouns - a % nouns) % nouns;
    let high = (c + 2 * places - a % places - b % places) % places;
    Some((high * nouns + middle) * adjectives + a)
}

fn below_limit(index: u32) -> Option<u32> {
    (index < GENERATED_WORKS).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::words;

    #[test]
    fn every_name_of_a_generated_book_leads_back_to_it() {
        for index in (0..GENERATED_WORKS)
            .step_by(37)
            .chain([GENERATED_WORKS - 1])
        {
            let work = work(index);
            assert_eq!(
                index_of_title(&words(&work.title)),
                Some(index),
                "{}",
                work.title
            );
            assert_eq!(index_of_key(&work.key), Some(index));
            assert_eq!(index_of_key(&work.volume), Some(index));
            for isbn in &work.editions[0].isbns {
                assert_eq!(index_of_isbn(isbn), Some(index), "{isbn}");
            }
        }
    }

    #[test]
    fn other_numbers_are_not_generated_books() {
        for isbn in [
            "9780743273565",
            "9786800000001",
            "9786899999999",
            "97868",
            "68é000000",
        ] {
            assert_eq!(index_of_isbn(isbn), None, "{isbn}");
        }
        for key in ["OL1W", "OL99999999W", "OLW", "sandbox", "OL90000000A"] {
            assert_eq!(index_of_key(key), None, "{key}");
        }
    }

    #[test]
    fn a_library_has_as_many_rows_as_asked_for() {
        let bytes = library(10_000);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 10_000);
        let titles: std::collections::HashSet<_> = rows.iter().map(|row| &row[1]).collect();
        assert_eq!(titles.len(), 10_000);
    }
}
