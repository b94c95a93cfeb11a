//! Records of a title that begins like the wanted one: the book with its subtitle, or something
//! that was made from it, goes with it or belongs to its series.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod open_library;

use books::{Endpoints, Isbn, Search, Wanted};
use open_library::taken;
use serde_json::{Value, json};

const ISBN: &str = "9780141439587";
const OTHERS: [&str; 2] = ["9780441172719", "9780525540670"];

/// The confidence in a provider's only record, if it is taken for the wanted book.
fn confidence(wanted: Wanted, record: &Value) -> Option<f32> {
    let matched = taken(wanted, std::slice::from_ref(record))?.matched;
    matched.map(|matched| matched.confidence)
}

fn wanted(title: &str, author: &str, isbn: Option<&str>) -> Wanted {
    Wanted {
        title: title.into(),
        author: author.into(),
        isbn: isbn.and_then(|isbn| Isbn::parse(isbn).ok()),
        ..Wanted::default()
    }
}

fn record(title: &str, subtitle: Option<&str>, author: &str, isbns: &[&str]) -> Value {
    json!({"key": "/works/OL1W", "title": title, "subtitle": subtitle, "author_name": [author],
        "editions": {"docs": [{"key": "/books/OL1M", "title": title, "subtitle": subtitle,
            "isbn": isbns}]}})
}

fn by_title(title: &str, other: &str) -> Option<f32> {
    let author = "Ann Author";
    confidence(
        wanted(title, author, None),
        &record(other, None, author, &[]),
    )
}

fn by_isbn(title: &str, other: &str, subtitle: Option<&str>, author: &str) -> Option<f32> {
    let wanted = wanted(title, "Ann Author", Some(ISBN));
    confidence(wanted, &record(other, subtitle, author, &[ISBN]))
}

/// From which on nobody is asked to look at a match.
const SURE: f32 = 0.75;

fn lines<T: std::fmt::Debug>(list: &[T]) -> String {
    list.iter().map(|one| format!("\n{one:?}")).collect()
}

/// Subtitles of books, in words that name other books elsewhere.
const SUBTITLES: [&str; 40] = [
    "A Guide for Occupants",
    "The 30-Day Guide to Total Health and Food Freedom",
    "A Beginner's Guide to Watching Birds",
    "The Complete Guide to Bread",
    "A Field Guide to the Shore",
    "A Field Guide",
    "A Survival Guide",
    "A Cookbook",
    "A Diary",
    "A Journal",
    "A Journal of the War Years",
    "Journal of a Solitary Winter",
    "The Diary of a Country Doctor",
    "A Conversation with Power",
    "Conversations on Love",
    "A Collection of Essays",
    "A Collection of Short Stories",
    "An Analysis of Capital",
    "A Critical History of Trade",
    "7 Books of Wisdom",
    "Critical Writings on Film",
    "A Summary of What We Know",
    "The Trivia of Everyday Life",
    "A Companion to Grief",
    "A Workbook for Anxious Minds",
    "Essays, Letters and a Discussion of Faith",
    "A Notebook from the Front",
    "A Quiz for the Curious",
    "How a Set of Ideas Changed the World",
    "The Making of the Modern World",
    "A Musical History of the World",
    "Ein Handbuch für Anfänger",
    "Ein Kochbuch",
    "Tagebuch eines Försters",
    "Guide pratique du boulanger",
    "Journal de guerre",
    "Guía para principiantes",
    "Guida pratica alla cucina povera",
    "Een gids voor beginners",
    "Przewodnik dla początkujących",
];

#[test]
fn a_subtitle_that_only_one_side_has_makes_no_other_book() {
    let mut wrong = Vec::new();
    for subtitle in SUBTITLES {
        let whole = format!("Salt Harbour: {subtitle}");
        for (title, other) in [("Salt Harbour", &*whole), (&*whole, "Salt Harbour")] {
            match by_title(title, other) {
                Some(confidence) if confidence >= SURE => {}
                other_than => wrong.push((title.to_owned(), other.to_owned(), other_than)),
            }
        }
        // The number, the author and the main title agree.
        if by_isbn("Salt Harbour", "Salt Harbour", Some(subtitle), "Ann Author") != Some(1.0) {
            wrong.push((subtitle.to_owned(), "by ISBN".to_owned(), None));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

/// Kinds of books: neither a subtitle nor a difference.
const KINDS: [&str; 30] = [
    "Salt Harbour. Roman",
    "Salt Harbour: Roman",
    "Salt Harbour: Ein Roman",
    "Salt Harbour - Kriminalroman",
    "Salt Harbour: Ein Krimi",
    "Salt Harbour: Thriller",
    "Salt Harbour. Erzählungen",
    "Salt Harbour: Novelle",
    "Salt Harbour : roman",
    "Salt Harbour : roman policier",
    "Salt Harbour : nouvelles",
    "Salt Harbour: novela",
    "Salt Harbour. Una novela",
    "Salt Harbour: cuentos",
    "Salt Harbour: romanzo",
    "Salt Harbour. Romanzo",
    "Salt Harbour: racconti",
    "Salt Harbour: romance",
    "Salt Harbour: contos",
    "Salt Harbour: een thriller",
    "Salt Harbour: verhalen",
    "Salt Harbour: en roman",
    "Salt Harbour: powieść",
    "Salt Harbour: román",
    "Salt Harbour: роман",
    "Salt Harbour. Повесть",
    "Salt Harbour: a novel",
    "Salt Harbour: A Novella",
    "Salt Harbour: The Novel",
    "Salt Harbour (Roman)",
];

#[test]
fn the_kind_of_a_book_is_no_difference() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        for (title, other) in [("Salt Harbour", kind), (kind, "Salt Harbour")] {
            let confidence = by_title(title, other);
            if confidence != Some(0.9) {
                wrong.push((title, other, confidence));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

/// What is made from a book, goes with it or belongs to its series, by the same author as
/// catalogues have it.
const SIBLINGS: [&str; 87] = [
    "Salt Harbour: Sons of Ares",
    "Salt Harbour: The Silver Gate",
    "Salt Harbour: Azure Healer",
    "Salt Harbour: The Graphic Novel",
    "Salt Harbour (Graphic Novel)",
    "The Art of Salt Harbour",
    "Salt Harbour: The Art of the Film",
    "Salt Harbour: The Official Screenplay",
    "Salt Harbour: The Shooting Script",
    "Salt Harbour: The Illustrated Companion",
    "Salt Harbour Companion",
    "A Companion to Salt Harbour",
    "Salt Harbour: The Movie Storybook",
    "Salt Harbour: The Official Cookbook",
    "Salt Harbour: The Coloring Book",
    "Salt Harbour: A Pop-Up Book",
    "Salt Harbour: The Musical",
    "Salt Harbour: The Making of the Film",
    "Salt Harbour: The Poster Collection",
    "Salt Harbour: Cliffs Notes",
    "Salt Harbour (York Notes Advanced)",
    "Salt Harbour: Study Guide",
    "Salt Harbour: A Study Guide",
    "Salt Harbour: A Reader's Guide",
    "Salt Harbour: A Study Guide for Teachers",
    "Salt Harbour: A Guide to Salt Harbour",
    "Salt Harbour: A Summary of the Novel",
    "Salt Harbour: An Analysis of the Book",
    "Salt Harbour: Summary & Analysis",
    "Salt Harbour: Key Takeaways",
    "Salt Harbour: in Plain English",
    "Salt Harbour: Retold for Children",
    "Salt Harbour: Abridged",
    "Salt Harbour (Abridged)",
    "Salt Harbour: Abridged Edition",
    "Salt Harbour (Abridged Edition)",
    "Salt Harbour: Simplified Edition",
    "Salt Harbour: Young Readers Edition",
    "Salt Harbour Omnibus",
    "Salt Harbour: An Omnibus",
    "Salt Harbour: Box Set",
    "Salt Harbour (Boxed Set)",
    "Salt Harbour: Trilogy",
    "Salt Harbour: The Complete Trilogy",
    "Salt Harbour: Books 1-3 of the Mistfall Series",
    "Salt Harbour: gekürzte Ausgabe",
    "Salt Harbour [gekürzte Lesung]",
    "Salt Harbour: Das Hörspiel",
    "Salt Harbour. Hörspiel",
    "Salt Harbour: Der Comic",
    "Salt Harbour: Das Buch zum Film",
    "Salt Harbour: Das Drehbuch",
    "Salt Harbour: Textanalyse und Interpretation",
    "Königs Erläuterungen: Salt Harbour",
    "Salt Harbour: Lehrerhandbuch",
    "Salt Harbour: Unterrichtsmaterialien",
    "Salt Harbour: Schulausgabe in einfacher Sprache",
    "Salt Harbour : la bande dessinée",
    "Salt Harbour : roman graphique",
    "Salt Harbour : édition abrégée",
    "Salt Harbour (texte abrégé)",
    "Salt Harbour : fiche de lecture",
    "Salt Harbour : analyse de l'œuvre",
    "Salt Harbour : le scénario du film",
    "Salt Harbour : l'album du film",
    "Salt Harbour: la novela gráfica",
    "Salt Harbour: versión abreviada",
    "Salt Harbour (edición abreviada)",
    "Salt Harbour: guía de lectura",
    "Salt Harbour: el cómic",
    "Salt Harbour: il fumetto",
    "Salt Harbour: edizione ridotta",
    "Salt Harbour: guida alla lettura",
    "Salt Harbour: graphic novel",
    "Salt Harbour: em quadrinhos",
    "Salt Harbour: edição resumida",
    "Salt Harbour: het stripboek",
    "Salt Harbour: samenvatting",
    "Salt Harbour: verkorte uitgave",
    "Salt Harbour: serieroman",
    "Salt Harbour: förkortad utgåva",
    "Salt Harbour: komiks",
    "Salt Harbour: lektura z opracowaniem",
    "Salt Harbour: komiksová adaptace",
    "Salt Harbour: комикс",
    "Salt Harbour: краткое содержание",
    "Salt Harbour: графический роман",
];

#[test]
fn a_sibling_of_a_book_is_not_taken_for_it_without_a_look() {
    let mut wrong = Vec::new();
    for sibling in SIBLINGS {
        let taken = by_title("Salt Harbour", sibling);
        if taken.is_some_and(|confidence| confidence >= SURE) {
            wrong.push((sibling, taken));
        }
        // Whoever has it finds it.
        if by_title(sibling, sibling).is_none_or(|confidence| confidence < SURE) {
            wrong.push((sibling, None));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

/// The series that a row names is no book of it.
#[test]
fn a_record_that_leads_with_the_series_is_another_volume() {
    for (title, other) in [
        (
            "Salt Harbour (Salt Harbour, #1)",
            "Salt Harbour: Sons of Ares",
        ),
        (
            "Salt Harbour (Salt Harbour Saga, #1)",
            "Salt Harbour: How the Sons of Ares Came to Be",
        ),
    ] {
        let taken = by_title(title, other);
        assert!(taken.is_none_or(|taken| taken < SURE), "{title}: {taken:?}");
    }
    let novel = by_title("Salt Harbour (Salt Harbour, #1)", "Salt Harbour: A Novel");
    assert_eq!(novel, Some(SURE));
}

#[test]
fn the_number_decides_what_a_word_of_a_subtitle_leaves_open() {
    let title = "Salt Harbour";
    for (subtitle, author) in [
        ("Critical Writings", "Ann Author"),
        ("Essays and Journal", "Ann Author"),
        ("The Diary", "Ann Author"),
        ("Companion", "Ann Author"),
        ("Analysis", "Ann Author"),
        ("The Essential Summary", "Ann Author"),
        ("A Guide", "Ann Author"),
        ("The Cookbook", "Ann Author"),
        ("Collected Essays", "Ann Author"),
    ] {
        let taken = by_isbn(title, title, Some(subtitle), author);
        assert!(
            taken.is_some_and(|taken| taken >= SURE),
            "{subtitle}: {taken:?}"
        );
    }
    // Words in the main title are those of another book.
    for other in [
        "Summary of Salt Harbour",
        "Salt Harbour Study Guide",
        "Salt Harbour Box Set",
        "The Salt Harbour Collection",
    ] {
        assert_eq!(by_isbn(title, other, None, "Ann Author"), None, "{other}");
    }
    for subtitle in [
        "The Complete Series",
        "Box Set",
        "Books 1-3",
        "3 Book Bundle",
        "Free Preview",
        "Leseprobe",
        "Die komplette Trilogie",
    ] {
        let taken = by_isbn(title, title, Some(subtitle), "Ann Author");
        assert_eq!(taken, None, "{subtitle}");
    }
    // A guide by somebody else, and an edition with the numbers of a set.
    assert_eq!(
        by_isbn(title, title, Some("Summary and Analysis"), "SparkNotes"),
        None
    );
    let numbers = [ISBN, OTHERS[0], OTHERS[1]];
    let set = record(title, Some("The Collection"), "Ann Author", &numbers);
    assert_eq!(
        confidence(wanted(title, "Ann Author", Some(ISBN)), &set),
        None
    );
}

/// Hardback, paperback and e-book of one edition are no set.
#[test]
fn a_translation_with_three_numbers_is_doubtful_and_a_set_of_its_language_is_none() {
    let numbers = [ISBN, OTHERS[0], OTHERS[1]];
    let taken = |title: &str, other: &str| {
        let wanted = wanted(title, "Ann Author", Some(ISBN));
        confidence(wanted, &record(other, None, "Ann Author", &numbers))
    };
    for (title, other) in [
        ("El guardián", "The Catcher in Rye"),
        ("Die Stille der Berge", "The Mountain's Silence"),
        ("L'étranger du port", "The Harbour Stranger"),
        ("Il barone rampante", "The Baron in the Trees"),
    ] {
        let taken = taken(title, other);
        assert!(
            taken.is_some_and(|taken| taken < SURE),
            "{title}: {taken:?}"
        );
    }
    for (title, other) in [
        ("The Fellowship of the Salt", "The Lord of the Harbours"),
        ("The Two Towns", "The Lord of the Harbours"),
        ("Die Gefährten", "Der Herr der Häfen"),
    ] {
        assert_eq!(taken(title, other), None, "{title}");
    }
}

#[test]
fn names_are_turned_where_their_form_says_so() {
    let title = "The Complete Silence";
    let mut wrong = Vec::new();
    for (asked, known, is_same) in [
        ("Henry James", "James Henry", false),
        ("James, Henry", "Henry James", true),
        ("Henry James", "James, Henry", true),
        ("James Henry", "Henry James", false),
        ("James, Henry", "James Henry", false),
        ("George Martin", "Martin George", false),
        ("Paul Thomas", "Thomas Paul", false),
        ("Martin Walter", "Walter Martin", false),
        ("Anne Marie", "Marie Anne", false),
        ("Haruki Murakami", "Murakami Haruki", true),
        ("Liu Cixin", "Cixin Liu", true),
        ("Mo Yan", "Yan Mo", true),
        ("Han Kang", "Kang Han", true),
        ("Kawabata Yasunari", "Yasunari Kawabata", true),
        ("Márai Sándor", "Sándor Márai", true),
        ("Szabó Magda", "Magda Szabó", true),
        ("Kertész Imre", "Imre Kertész", true),
        ("Esterházy Péter", "Péter Esterházy", true),
        ("József Attila", "Attila József", true),
        ("Nguyen Du", "Du Nguyen", true),
        ("King Stephen", "Stephen King", true),
        ("ROWLING J.K.", "J. K. Rowling", true),
        ("Ursula K. LeGrin", "Ursula K. Le Grin", true),
        ("Ursula LeGrin", "Le Grin, Ursula K.", true),
        ("U. K. Le Grin", "Ursula K. LeGrin", true),
        ("Charles de Linth", "Charles DeLinth", true),
        ("Daphne Du Maur", "Daphne DuMaur", true),
        ("Vincent van der Plas", "Vincent VanderPlas", true),
        ("Roald MacDown", "Roald Mac Down", true),
        ("Flann O'Bryan", "Flann O Bryan", true),
        ("Ludwig van Been", "Ludwig Been", true),
        ("Honoré de Balz", "Honoré Balz", true),
        ("Le Grin", "Ursula K. Le Grin", true),
        ("Ursula Grin", "Ursula Le Grin", true),
        ("Ann Le Grin", "Ursula Le Grin", false),
        ("Ann Grin", "Ursula Le Grin", false),
    ] {
        let taken = confidence(wanted(title, asked, None), &record(title, None, known, &[]));
        if taken.is_some() != is_same {
            wrong.push((asked, known, is_same));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

#[test]
fn a_family_name_with_a_particle_is_asked_for_in_both_spellings() {
    for (author, spellings) in [
        ("Ursula K. LeGrin", ["\"LeGrin\"", "\"Le Grin\""]),
        ("Ursula K. Le Grin", ["\"Grin\"", "\"LeGrin\""]),
        ("Charles de Linth", ["\"Linth\"", "\"deLinth\""]),
    ] {
        let search = &mut Search::new(
            vec![wanted("The Complete Silence", author, None)],
            &Endpoints::default(),
        );
        let lookup = search.next().remove(0);
        let url = search.request(&lookup).url;
        let query = url
            .replace('+', " ")
            .replace("%22", "\"")
            .replace("%3A", ":");
        for spelling in spellings {
            assert!(query.contains(spelling), "{author}: {spelling} in {query}");
        }
    }
}

/// The one record that is there, whichever way it and the row write their volumes.
#[test]
fn marks_of_volumes_are_read_wherever_they_stand() {
    let mut wrong = Vec::new();
    for (title, other) in [
        ("Naruta (Vol. 5)", "Naruta, Vol. 5"),
        ("Naruta [Volume 2]", "Naruta, Volume 2"),
        ("Naruta (Book 1)", "Naruta"),
        ("Naruta T05", "Naruta, Tome 5"),
        ("Naruta v05", "Naruta, Vol. 5"),
        ("Crowns 2: The Silver Crown", "The Silver Crown"),
        ("Crowns, Book 2: The Silver Crown", "The Silver Crown"),
        ("Crowns #2 - The Silver Crown", "The Silver Crown"),
        (
            "The Silver Crown, Book Two of the Crowns",
            "The Silver Crown",
        ),
        ("The Silver Crown, Revised and Updated", "The Silver Crown"),
        ("Kronen, Band 2: Die Silberkrone", "Die Silberkrone"),
        (
            "Couronnes, tome 2 : La couronne d'argent",
            "La couronne d'argent",
        ),
        ("Coronas, libro 2: La corona de plata", "La corona de plata"),
        ("Corone 2: La corona d'argento", "La corona d'argento"),
        ("Asterix der Gallier (Band 1)", "Asterix der Gallier"),
        ("Avonden, De", "De avonden"),
        ("Étranger, L'", "L'étranger"),
        ("20,000 Leagues Below", "Twenty Thousand Leagues Below"),
    ] {
        if by_title(title, other).is_none() {
            wrong.push((title, other));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
    for (title, other) in [
        ("Naruta T05", "Naruta, Tome 6"),
        ("Naruta v05", "Naruta"),
        ("Crowns 2: The Silver Crown", "Crowns 3: The Golden Crown"),
        ("Crowns 2: The Silver Crown", "Crowns"),
    ] {
        assert_eq!(by_title(title, other), None, "{title} / {other}");
    }
}

/// What an index must be asked for, so that the record comes at all.
#[test]
fn the_title_behind_a_leading_series_is_asked_for() {
    for (title, phrase) in [
        ("Crowns 2: The Silver Crown", "Silver Crown"),
        ("Crowns, Book 2: The Silver Crown", "Silver Crown"),
        ("Crowns #2 - The Silver Crown", "Silver Crown"),
        ("Kronen, Band 2: Die Silberkrone", "Silberkrone"),
        ("Nordwind. Roman", "Nordwind"),
        ("Nordwind, ein Roman", "Nordwind"),
    ] {
        let search = &mut Search::new(
            vec![wanted(title, "Ann Author", None)],
            &Endpoints::default(),
        );
        let lookup = search.next().remove(0);
        let url = search.request(&lookup).url;
        let query = url
            .replace('+', " ")
            .replace("%22", "\"")
            .replace("%3A", ":");
        assert!(
            query.contains(&format!("title:\"{phrase}\"")),
            "{title}: {query}"
        );
    }
}
