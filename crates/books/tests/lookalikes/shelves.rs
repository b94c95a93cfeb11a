//! Books as shops, programs and readers name them on their shelves, and what stands beside them
//! there.

use books::read_csv;

use super::{
    Case, Doubtful, Found, Here, Never, assert_right, case, doc, holds, query, search, wanted,
};

const LIBRARY: &[u8] = include_bytes!("../../../../tests/data/goodreads_library_export.csv");

/// Sets, omnibuses and large volumes of comics.
const SETS: &[Case] = &[
    case(
        "Harry Potter: The Complete Collection (1-7)",
        "J.K. Rowling",
        &[
            ("Harry Potter", "J. K. Rowling"),
            ("Harry Potter and the Philosopher's Stone", "J. K. Rowling"),
        ],
        Never,
    ),
    case(
        "The Hitchhiker's Guide to the Galaxy",
        "Douglas Adams",
        &[
            (
                "The Hitchhiker's Guide to the Galaxy: The Trilogy of Four",
                "Douglas Adams",
            ),
            (
                "The Ultimate Hitchhiker's Guide to the Galaxy",
                "Douglas Adams",
            ),
        ],
        Never,
    ),
    case(
        "Earthsea: The First Four Books",
        "Ursula K. Le Guin",
        &[("Earthsea", "Ursula K. Le Guin")],
        Never,
    ),
    case(
        "Wool Omnibus (Silo, #1)",
        "Hugh Howey",
        &[("Wool", "Hugh Howey")],
        Never,
    ),
    case(
        "A Study in Scarlet (Sherlock Holmes, #1)",
        "Arthur Conan Doyle",
        &[(
            "A Study in Scarlet & The Sign of the Four",
            "Arthur Conan Doyle",
        )],
        Doubtful,
    ),
    case(
        "Emma",
        "Jane Austen",
        &[
            ("Emma & Persuasion", "Jane Austen"),
            ("Emma", "Jane Austen"),
        ],
        Here(1),
    ),
    case(
        "Vagabond, Vol. 2",
        "Takehiko Inoue",
        &[("Vagabond (VIZBIG Edition), Vol. 2", "Takehiko Inoue")],
        Doubtful,
    ),
    case(
        "Berserk Deluxe Volume 1",
        "Kentaro Miura",
        &[("Berserk, Vol. 1", "Kentaro Miura")],
        Doubtful,
    ),
    case(
        "Fruits Basket Collector's Edition, Vol. 1",
        "Natsuki Takaya",
        &[("Fruits Basket, Vol. 1", "Natsuki Takaya")],
        Doubtful,
    ),
    case(
        "Sherlock Holmes: The Complete Novels and Stories, Volume I",
        "Arthur Conan Doyle",
        &[
            (
                "Sherlock Holmes: The Complete Novels and Stories, Volume II",
                "Arthur Conan Doyle",
            ),
            (
                "Sherlock Holmes: The Complete Novels and Stories, Volume I",
                "Arthur Conan Doyle",
            ),
        ],
        Here(1),
    ),
];

#[test]
fn large_volumes_and_sets_are_not_what_they_hold() {
    assert_right(SETS);
}

/// Volumes as shops number them.
const VOLUMES: &[Case] = &[
    case(
        "Chainsaw Man, Vol. Ten",
        "Tatsuki Fujimoto",
        &[
            ("Chainsaw Man, Vol. 1", "Tatsuki Fujimoto"),
            ("Chainsaw Man, Vol. 10", "Tatsuki Fujimoto"),
        ],
        Here(1),
    ),
    case(
        "Attack on Titan, Volume Twenty-One",
        "Hajime Isayama",
        &[
            ("Attack on Titan 20", "Hajime Isayama"),
            ("Attack on Titan 21", "Hajime Isayama"),
        ],
        Here(1),
    ),
    case(
        "Attack on Titan, Volume Twenty-One",
        "Hajime Isayama",
        &[
            ("Attack on Titan, Vol. 20", "Hajime Isayama"),
            ("Attack on Titan, Vol. 1", "Hajime Isayama"),
        ],
        Never,
    ),
    case(
        "Kingdom T02",
        "Yasuhisa Hara",
        &[
            ("Kingdom, tome 1", "Yasuhisa Hara"),
            ("Kingdom, tome 2", "Yasuhisa Hara"),
        ],
        Here(1),
    ),
    case(
        "Mistfall Bk. 2",
        "Mira Oakes",
        &[
            ("Mistfall, Book 1", "Mira Oakes"),
            ("Mistfall, Book 2", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Mistfall v.2",
        "Mira Oakes",
        &[
            ("Mistfall, Vol. 1", "Mira Oakes"),
            ("Mistfall, Vol. 2", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Mistfall Vol.3",
        "Mira Oakes",
        &[
            ("Mistfall, Vol. 13", "Mira Oakes"),
            ("Mistfall: Volume Three", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Mistfall n° 4",
        "Mira Oakes",
        &[
            ("Mistfall, Vol. 3", "Mira Oakes"),
            ("Mistfall 4", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Demon Slayer: Kimetsu no Yaiba, Vol. 05",
        "Koyoharu Gotouge",
        &[
            ("Demon Slayer: Kimetsu no Yaiba, Vol. 4", "Koyoharu Gotouge"),
            ("Demon Slayer: Kimetsu no Yaiba, Vol. 5", "Koyoharu Gotouge"),
        ],
        Here(1),
    ),
    case(
        "Ender's Game",
        "Orson Scott Card",
        &[("Ender's Game, Volume 1: Battle School", "Orson Scott Card")],
        Never,
    ),
];

#[test]
fn volumes_are_known_by_every_sign_of_a_number() {
    assert_right(VOLUMES);
}

/// What is shortened, retold, or about a book.
const ABOUT: &[Case] = &[
    case(
        "Great Expectations",
        "Charles Dickens",
        &[(
            "Great Expectations (Penguin Readers, Level 6)",
            "Charles Dickens",
        )],
        Doubtful,
    ),
    case(
        "Great Expectations",
        "Charles Dickens",
        &[(
            "Great Expectations: Oxford Bookworms Library, Stage 5",
            "Charles Dickens",
        )],
        Doubtful,
    ),
    case(
        "Moby-Dick (Great Illustrated Classics)",
        "Herman Melville",
        &[("Moby Dick", "Herman Melville")],
        Never,
    ),
    case(
        "Summary of Educated: A Memoir by Tara Westover",
        "Tara Westover",
        &[
            ("Educated: A Memoir", "Tara Westover"),
            ("Educated", "Tara Westover"),
        ],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[
            ("The Glass Harbour: Conversation Starters", "Mira Oakes"),
            ("The Glass Harbour: Trivia-On-Books", "Mira Oakes"),
        ],
        Never,
    ),
    case(
        "Kindred",
        "Octavia E. Butler",
        &[(
            "Kindred: A Graphic Novel Adaptation",
            "Octavia E. Butler; Damian Duffy",
        )],
        Never,
    ),
    case(
        "Coraline (graphic novel)",
        "Neil Gaiman",
        &[("Coraline", "Neil Gaiman")],
        Never,
    ),
    case(
        "Der Graf von Monte Christo",
        "Alexandre Dumas",
        &[(
            "Der Graf von Monte Christo (gekürzte Lesefassung)",
            "Alexandre Dumas",
        )],
        Never,
    ),
    case(
        "Beloved",
        "Toni Morrison",
        &[
            ("Beloved", "Bertrice Small"),
            ("Toni Morrison's Beloved: A Casebook", "William L. Andrews"),
        ],
        Never,
    ),
    case(
        "Educated",
        "Tara Westover",
        &[
            ("Educated: Key Insights", "Tara Westover"),
            ("Educated in 30 Minutes", "Tara Westover"),
        ],
        Doubtful,
    ),
];

#[test]
fn what_is_shortened_retold_or_explained_is_another() {
    assert_right(ABOUT);
}

/// Names of authors, as readers and programs have them.
const PEOPLE: &[Case] = &[
    case(
        "The Souls of Black Folk",
        "W.E.B. Du Bois",
        &[(
            "The Souls of Black Folk",
            "William Edward Burghardt Du Bois",
        )],
        Here(0),
    ),
    case(
        "The Souls of Black Folk",
        "DuBois, W. E. B.",
        &[("The Souls of Black Folk", "W. E. B. Du Bois")],
        Here(0),
    ),
    case(
        "North and South",
        "Mrs. Gaskell",
        &[("North and South", "Elizabeth Cleghorn Gaskell")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Mira Oakes-Dent",
        &[("Winter Orchard", "Mira Oakes")],
        Doubtful,
    ),
    case(
        "Le deuxième sexe",
        "Beauvoir, Simone de",
        &[("Le deuxième sexe", "Simone de Beauvoir")],
        Here(0),
    ),
    case(
        "Le deuxième sexe",
        "de Beauvoir, Simone",
        &[("Le deuxième sexe", "Simone de Beauvoir")],
        Here(0),
    ),
    case(
        "Faust",
        "von Goethe, Johann Wolfgang",
        &[("Faust", "Johann Wolfgang von Goethe")],
        Here(0),
    ),
    case(
        "La ciudad y los perros",
        "Vargas Llosa, Mario",
        &[("La ciudad y los perros", "Mario Vargas Llosa")],
        Here(0),
    ),
    case(
        "Good Omens",
        "Terry Pratchett & Neil Gaiman",
        &[("Good Omens", "Neil Gaiman; Terry Pratchett")],
        Here(0),
    ),
    case(
        "Relic",
        "Preston & Child",
        &[("Relic", "Douglas Preston; Lincoln Child")],
        Here(0),
    ),
    case(
        "The Big Book of Classic Fantasy",
        "edited by Ann VanderMeer",
        &[(
            "The Big Book of Classic Fantasy",
            "Ann VanderMeer; Jeff VanderMeer",
        )],
        Here(0),
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl (Hg.)",
        &[("Nachtmeer", "Jonas Kehl")],
        Here(0),
    ),
    case(
        "The Cherry Orchard",
        "Anton Tchekhov",
        &[(
            "Вишнёвый сад => The Cherry Orchard",
            "Антон Чехов = Anton Chekhov; Anton Tchekhov",
        )],
        Here(0),
    ),
    case(
        "Charlotte's Web",
        "E.B. White",
        &[("Charlotte's Web", "Elwyn Brooks White")],
        Here(0),
    ),
    case(
        "Charlotte's Web",
        "White, E B",
        &[("Charlotte's Web", "T. H. White")],
        Never,
    ),
];

#[test]
fn people_are_known_as_programs_write_them() {
    assert_right(PEOPLE);
}

/// Subtitles, translations, series and editions.
const TITLES: &[Case] = &[
    case(
        "A Brief History of Humankind: Sapiens",
        "Yuval Noah Harari",
        &[("Sapiens: A Brief History of Humankind", "Yuval Noah Harari")],
        Here(0),
    ),
    case(
        "The Girl with the Dragon Tattoo (Millennium, #1)",
        "Stieg Larsson",
        &[(
            "Män som hatar kvinnor => The Girl with the Dragon Tattoo",
            "Stieg Larsson",
        )],
        Here(0),
    ),
    case(
        "Foundryside: A Novel (The Founders Trilogy, Book 1)",
        "Robert Jackson Bennett",
        &[("Foundryside", "Robert Jackson Bennett")],
        Here(0),
    ),
    case(
        "Six of Crows by Leigh Bardugo",
        "Leigh Bardugo",
        &[("Six of Crows", "Leigh Bardugo")],
        Here(0),
    ),
    case(
        "Dune",
        "Frank Herbert",
        &[("Dune (S.F. Masterworks)", "Frank Herbert")],
        Here(0),
    ),
    case(
        "Dune (S.F. Masterworks)",
        "Frank Herbert",
        &[("Dune", "Frank Herbert")],
        Here(0),
    ),
    case(
        "Middlemarch",
        "George Eliot",
        &[("Middlemarch (Everyman's Library)", "George Eliot")],
        Here(0),
    ),
    case(
        "Lolita",
        "Vladimir Nabokov",
        &[("Lolita (Vintage International)", "Vladimir Nabokov")],
        Here(0),
    ),
    case(
        "Wicked",
        "Gregory Maguire",
        &[(
            "Wicked: The Life and Times of the Wicked Witch of the West",
            "Gregory Maguire",
        )],
        Here(0),
    ),
    case(
        "Oathbringer (The Stormlight Archive, #3, Part 1 of 6)",
        "Brandon Sanderson",
        &[("Oathbringer", "Brandon Sanderson")],
        Doubtful,
    ),
    case(
        "Salt + Stone",
        "Mira Oakes",
        &[("Salt & Stone", "Mira Oakes")],
        Here(0),
    ),
    case(
        "THE GLASS HARBOUR - A NOVEL",
        "MIRA OAKES",
        &[("The Glass Harbour", "Mira Oakes")],
        Here(0),
    ),
];

#[test]
fn titles_are_known_with_all_that_shelves_add() {
    assert_right(TITLES);
}

/// An index has a title with its signs or without them, "&" as it is or as a word; a lone sign
/// leaves a hole in a phrase.
#[test]
fn every_title_of_a_library_is_asked_for_as_an_index_has_it() {
    let library = read_csv(LIBRARY, 10_000).unwrap();
    let mut lost = Vec::new();
    let mut count = 0;
    for row in &library.books {
        let (title, author) = (row.wanted.title.as_str(), row.wanted.author.as_str());
        if title.is_empty() || author.is_empty() {
            continue;
        }
        count += 1;
        let bare = title.replace(['.', ',', ':', ';', '!', '?', '"', '(', ')', '/'], " ");
        let spelled = title.replace(" & ", " and ");
        for known in [title, &bare, &spelled] {
            let (found, _) = search(vec![wanted(title, author)], |search, lookup| {
                let query = query(&search.request(lookup).url);
                let phrases = super::asked(&query, "title");
                let is_hit = phrases.iter().any(|phrase| holds(known, phrase));
                is_hit
                    .then(|| doc(0, (title, author), &[]))
                    .into_iter()
                    .collect()
            });
            if !matches!(found[0], Found::Record(_)) {
                lost.push(format!("{known} / {author}"));
            }
        }
    }
    assert!(count > 700, "{count}");
    assert!(lost.is_empty(), "{lost:#?}");
}
