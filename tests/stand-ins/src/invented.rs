//! Invented works that are as hard to look up as some real ones: a set that claims its volumes'
//! ISBNs, authors whose name is in their own script, signs in titles, volumes of one title.

use crate::catalogue::{Author, Edition, Work};
use crate::seed;

/// Prefix of the invented works' ISBNs: group 69 is not assigned, so none is a real book's.
const ISBN_PREFIX: &str = "97869";
const KEY_BASE: u32 = 95_000_000;

/// A work: title, authors with their other names, and its editions' titles and ISBN numbers.
struct Invented {
    title: &'static str,
    author: (&'static str, &'static [&'static str]),
    editions: &'static [(Option<&'static str>, &'static [u32])],
    has_cover: bool,
    popularity: u32,
}

const fn book(
    title: &'static str,
    author: (&'static str, &'static [&'static str]),
    editions: &'static [(Option<&'static str>, &'static [u32])],
) -> Invented {
    Invented {
        title,
        author,
        editions,
        has_cover: true,
        popularity: 10,
    }
}

const VETROVA: (&str, &[&str]) = (
    "Анна Ветрова",
    &["Anna Vetrova", "A. Vetrova", "Anna Wetrowa"],
);
const KAWANO: (&str, &[&str]) = ("川野遥", &["Haruka Kawano", "Kawano Haruka"]);
const LOWE: (&str, &[&str]) = ("Jessamy Lowe", &[]);
const DRAKE: (&str, &[&str]) = ("Pell Drake", &[]);
const MOTT: (&str, &[&str]) = ("Iris Mott", &[]);

const WORKS: [Invented; 17] = [
    book("The Salt Roads: The Gate", LOWE, &[(None, &[1])]),
    book("The Salt Roads: The Well", LOWE, &[(None, &[2])]),
    book("The Salt Roads: The Crown", LOWE, &[(None, &[3])]),
    // Its one edition lists the ISBNs of all three, and answers three clauses of a query for them.
    Invented {
        title: "The Long Road",
        author: LOWE,
        editions: &[(None, &[1, 2, 3])],
        has_cover: false,
        popularity: 90,
    },
    book(
        "Стеклянный сад",
        VETROVA,
        &[(Some("The Glass Garden"), &[10])],
    ),
    book(
        "雨の駅",
        KAWANO,
        &[(Some("The Station in the Rain"), &[11])],
    ),
    book("Ember & Frost", DRAKE, &[(None, &[20])]),
    book("Copper and Rust", DRAKE, &[(None, &[21])]),
    book("Maps, Ropes, and Rivers", DRAKE, &[(None, &[22])]),
    book("A.I. Harbours", DRAKE, &[(None, &[23])]),
    book("Tide Tables, Vol. 1", MOTT, &[(None, &[30])]),
    book("Tide Tables, Volume Two", MOTT, &[(None, &[31])]),
    book("Tide Tables, Vol. 3", MOTT, &[(None, &[32])]),
    book("Cooking with Kelp", MOTT, &[(None, &[40])]),
    book(
        "The Lantern Year",
        MOTT,
        &[(None, &[41]), (Some("El año del farol"), &[42])],
    ),
    book("The Narrow Light", MOTT, &[(None, &[43])]),
    book("Focus", MOTT, &[(None, &[44])]),
];

/// All invented works.
pub(crate) fn works() -> Vec<Work> {
    (KEY_BASE..)
        .zip(&WORKS)
        .map(|(key, work)| work.build(key))
        .collect()
}

impl Invented {
    fn build(&self, key: u32) -> Work {
        let (name, others) = self.author;
        let person = WORKS.iter().position(|work| work.author.0 == name);
        let editions = (0..).zip(self.editions);
        Work {
            key: format!("OL{key}W"),
            volume: format!("invented{}", key % 10_000),
            title: self.title.to_owned(),
            subtitle: None,
            authors: vec![Author {
                key: format!("OL{}A", KEY_BASE as usize + person.unwrap_or_default()),
                name: name.to_owned(),
                other_names: others.iter().map(|name| (*name).to_owned()).collect(),
            }],
            first_publish_year: Some(1990),
            subjects: seed::subjects(u64::from(key)),
            description: seed::DESCRIPTION.to_owned(),
            goodreads_id: None,
            editions: editions
                .map(|(n, (title, numbers))| Edition {
                    key: format!("OL{}M", key * 10 + n),
                    title: title.map(str::to_owned),
                    isbns: numbers.iter().flat_map(|number| isbns(*number)).collect(),
                    publisher: "Sandbox House".to_owned(),
                    publish_date: (1990 + n).to_string(),
                    pages: Some(200 + key % 100),
                    language: if n == 1 { "spa" } else { "eng" },
                    cover: self.has_cover.then_some(key),
                    format: "Paperback",
                })
                .collect(),
            popularity: self.popularity,
            in_open_library: true,
            in_google_books: false,
        }
    }
}

fn isbns(number: u32) -> Vec<String> {
    seed::isbns(&format!("{ISBN_PREFIX}{number:07}"))
}

/// The ISBN of edition `number`, for tests that look it up.
#[must_use]
pub fn invented_isbn(number: u32) -> String {
    isbns(number).into_iter().next().unwrap_or_default()
}
