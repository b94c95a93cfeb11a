//! Further books of each kind that was taken for another, or not found: invented, so that no rule
//! is of one title.

use super::{Case, Doubtful, Here, Never, assert_right, case};

/// Other books of the series, and sets of it.
const SERIES: &[Case] = &[
    case(
        "The Salt Road (Tidewatch, #2)",
        "Mira Oakes",
        &[
            ("The Glass Harbour", "Mira Oakes"),
            ("Tidewatch: The Salt Road", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Tidewatch: The Salt Road",
        "Mira Oakes",
        &[("Tidewatch: The Glass Harbour", "Mira Oakes")],
        Never,
    ),
    case(
        "Tidewatch, Book Two",
        "Mira Oakes",
        &[
            ("Tidewatch, Book 1", "Mira Oakes"),
            ("Tidewatch. 2", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Tidewatch Book Three",
        "Mira Oakes",
        &[("Tidewatch Book 2", "Mira Oakes")],
        Never,
    ),
    case(
        "Tidewatch",
        "Mira Oakes",
        &[("The Tidewatch Trilogy: Books 1-3", "Mira Oakes")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[(
            "The Tidewatch Chronicles Box Set: The Glass Harbour, The Salt Road",
            "Mira Oakes",
        )],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[("The Glass Harbour / The Salt Road", "Mira Oakes")],
        Doubtful,
    ),
    case(
        "The Complete Tidewatch Collection",
        "Mira Oakes",
        &[("Tidewatch", "Mira Oakes")],
        Never,
    ),
    case(
        "Inspector Quill Omnibus",
        "Dora Finch",
        &[("Inspector Quill", "Dora Finch")],
        Never,
    ),
    case(
        "Death at Low Tide: An Inspector Quill Mystery",
        "Dora Finch",
        &[("Death at Low Tide", "Dora Finch")],
        Here(0),
    ),
    case(
        "Death at Low Tide",
        "Dora Finch",
        &[("Death at Low Tide: Inspector Quill Book 7", "Dora Finch")],
        Here(0),
    ),
    case(
        "Death at High Tide: An Inspector Quill Mystery",
        "Dora Finch",
        &[(
            "Death at Low Tide: An Inspector Quill Mystery",
            "Dora Finch",
        )],
        Never,
    ),
];

#[test]
fn books_of_a_series_are_told_apart() {
    assert_right(SERIES);
}

/// What is written about a book, or made from it.
const ABOUT: &[Case] = &[
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[("Summary of The Glass Harbour by Mira Oakes", "Quick Reads")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[(
            "Study Guide: The Glass Harbour by Mira Oakes",
            "SuperSummary",
        )],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[("The Glass Harbour: A Study Guide", "Mira Oakes")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[(
            "A Reader's Companion to The Glass Harbour",
            "Mira Oakes; Paul Dent",
        )],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[(
            "The Glass Harbour: Teacher's Edition Lesson Plans",
            "Mira Oakes",
        )],
        Never,
    ),
    case(
        "Der gläserne Hafen",
        "Mira Oakes",
        &[("Der gläserne Hafen: Lektüreschlüssel", "Mira Oakes")],
        Never,
    ),
    case(
        "Le port de verre",
        "Mira Oakes",
        &[("Le port de verre: Fiche de lecture", "Mira Oakes")],
        Never,
    ),
    case(
        "El puerto de cristal",
        "Mira Oakes",
        &[("El puerto de cristal: Guía de lectura", "Mira Oakes")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[("The Glass Harbour Workbook", "Mira Oakes")],
        Never,
    ),
    case(
        "Summary of The Glass Harbour",
        "Quick Reads",
        &[("The Glass Harbour", "Mira Oakes")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[("The Glass Harbour: The Screenplay", "Mira Oakes")],
        Never,
    ),
    case(
        "The Glass Harbour",
        "Mira Oakes",
        &[(
            "The Glass Harbour (Adapted for Young Readers)",
            "Mira Oakes",
        )],
        Doubtful,
    ),
];

#[test]
fn what_is_about_a_book_is_another() {
    assert_right(ABOUT);
}

/// Names in other orders, shortened, invented, in other scripts.
const PEOPLE: &[Case] = &[
    case(
        "Winter Orchard",
        "Oakes, M. J.",
        &[("Winter Orchard", "Mira Jane Oakes")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Oakes Mira",
        &[("Winter Orchard", "Mira Oakes")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "M.J. Oakes",
        &[("Winter Orchard", "Paul Oakes")],
        Never,
    ),
    case(
        "Winter Orchard",
        "MJ Oakes",
        &[("Winter Orchard", "M. J. Oakes")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Nagy Ilona",
        &[("Winter Orchard", "Ilona Nagy")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Kobayashi Ren",
        &[("Winter Orchard", "小林蓮 = Ren Kobayashi")],
        Here(0),
    ),
    case(
        "Зимний сад",
        "Анна Белова",
        &[("Зимний сад", "Anna Belova = Анна Белова")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "A. N. Starling",
        &[(
            "Winter Orchard",
            "Mira Oakes = A. N. Starling; Mira J. Oakes",
        )],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Mira Oakes writing as A. N. Starling",
        &[("Winter Orchard", "A. N. Starling")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Mira Oakes, Paul Dent (Illustrator)",
        &[("Winter Orchard", "Mira Oakes")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Prof. Dr. Mira Oakes",
        &[("Winter Orchard", "Mira Oakes")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Mira O'Dell",
        &[("Winter Orchard", "Mira O’Dell")],
        Here(0),
    ),
    case(
        "Winter Orchard",
        "Mira van den Oakes",
        &[("Winter Orchard", "Oakes, Mira van den")],
        Here(0),
    ),
];

#[test]
fn people_are_known_in_other_orders_and_scripts() {
    assert_right(PEOPLE);
}

/// Subtitles on one side, editions, volumes in words and in other scripts.
const SPELLINGS: &[Case] = &[
    case(
        "Hollow Ground: How Cities Sink and Who Pays",
        "Paul Dent",
        &[("Hollow Ground", "Paul Dent")],
        Here(0),
    ),
    case(
        "Hollow Ground",
        "Paul Dent",
        &[("Hollow Ground: How Cities Sink and Who Pays", "Paul Dent")],
        Here(0),
    ),
    case(
        "Hollow Ground - How Cities Sink",
        "Paul Dent",
        &[("Hollow Ground : how cities sink", "Paul Dent")],
        Here(0),
    ),
    case(
        "Hohler Grund: Roman",
        "Paul Dent",
        &[("Hollow Ground => Hohler Grund", "Paul Dent")],
        Here(0),
    ),
    case(
        "Hollow Ground (Spanish Edition)",
        "Paul Dent",
        &[("Hollow Ground", "Paul Dent")],
        Here(0),
    ),
    case(
        "Hollow Ground (10th Anniversary Edition)",
        "Paul Dent",
        &[("Hollow Ground", "Paul Dent")],
        Here(0),
    ),
    case(
        "Annals of Dust, Volume the Second",
        "Paul Dent",
        &[("Annals of Dust, Vol. 1", "Paul Dent")],
        Never,
    ),
    case(
        "Annals of Dust, Second Volume",
        "Paul Dent",
        &[
            ("Annals of Dust, Volume 1", "Paul Dent"),
            ("Annals of Dust, Volume 2", "Paul Dent"),
        ],
        Here(1),
    ),
    case(
        "Annalen des Staubs, Zweiter Band",
        "Paul Dent",
        &[("Annalen des Staubs, Band 1", "Paul Dent")],
        Never,
    ),
    case(
        "Annales de la poussière, tome deux",
        "Paul Dent",
        &[
            ("Annales de la poussière, Tome 1", "Paul Dent"),
            ("Annales de la poussière, Tome 2", "Paul Dent"),
        ],
        Here(1),
    ),
    case(
        "Летопись пыли. Том 2",
        "Павел Дент",
        &[("Летопись пыли. Том 1", "Павел Дент")],
        Never,
    ),
    case(
        "Летопись пыли. Книга вторая",
        "Павел Дент",
        &[("Летопись пыли. Книга первая", "Павел Дент")],
        Never,
    ),
    case(
        "塵の年代記 下",
        "小林蓮",
        &[("塵の年代記 上", "小林蓮")],
        Never,
    ),
    case(
        "塵の年代記 第二巻",
        "小林蓮",
        &[
            ("塵の年代記 第一巻", "小林蓮"),
            ("塵の年代記 第2巻", "小林蓮"),
        ],
        Here(1),
    ),
    case(
        "먼지의 연대기 2권",
        "김연",
        &[("먼지의 연대기 1권", "김연")],
        Never,
    ),
    case(
        "Annals of Dust II",
        "Paul Dent",
        &[
            ("Annals of Dust III", "Paul Dent"),
            ("Annals of Dust 2", "Paul Dent"),
        ],
        Here(1),
    ),
];

#[test]
fn subtitles_and_volumes_are_understood_in_words_and_scripts() {
    assert_right(SPELLINGS);
}
