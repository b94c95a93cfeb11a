//! Sets, editions, numbers and books about books, in the languages of readers: each with what a
//! reader expects of it.

use super::{Case, Doubtful, Here, Never, assert_right, case};

const ASIMOV: &str = "Isaac Asimov";
const VERNE: &str = "Jules Verne";
const MARQUEZ: &str = "Gabriel García Márquez";

/// A set never stands for a volume, nor a series for the set that holds it, nor a volume for
/// either.
const SETS: &[Case] = &[
    case(
        "Fondation : l'intégrale, tome 1",
        ASIMOV,
        &[("Fondation", ASIMOV)],
        Never,
    ),
    case(
        "Fondation",
        ASIMOV,
        &[("Fondation : l'intégrale, tome 1", ASIMOV)],
        Never,
    ),
    case(
        "Fondation, tome 1",
        ASIMOV,
        &[("Fondation : l'intégrale, tome 1", ASIMOV)],
        Never,
    ),
    case(
        "Fondation, tome 1",
        ASIMOV,
        &[("Le cycle de Fondation, l'intégrale 1", ASIMOV)],
        Never,
    ),
    case(
        "Fondation - Intégrale 1",
        ASIMOV,
        &[
            ("Fondation", ASIMOV),
            ("Fondation : l'intégrale, tome 2", ASIMOV),
        ],
        Never,
    ),
    case(
        "Fondation : l'intégrale, tome 1",
        ASIMOV,
        &[
            ("Fondation : l'intégrale, tome 2", ASIMOV),
            ("Fondation : l'intégrale, tome 1", ASIMOV),
        ],
        Here(1),
    ),
    case(
        "Tintin, Intégrale, tome 2",
        "Hergé",
        &[("Tintin, tome 2", "Hergé")],
        Never,
    ),
    case(
        "Nachtmeer Gesamtausgabe, Band 1",
        "Jonas Kehl",
        &[
            ("Nachtmeer", "Jonas Kehl"),
            ("Nachtmeer, Band 1", "Jonas Kehl"),
        ],
        Never,
    ),
    case(
        "Nachtmeer, Band 1",
        "Jonas Kehl",
        &[("Nachtmeer: Sammelband, Band 1", "Jonas Kehl")],
        Never,
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl",
        &[("Nachtmeer: Bände 1–3", "Jonas Kehl")],
        Never,
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl",
        &[("Nachtmeer-Trilogie, Band 1 bis 3", "Jonas Kehl")],
        Never,
    ),
    case(
        "Nachtmeer 1-3",
        "Jonas Kehl",
        &[("Nachtmeer", "Jonas Kehl")],
        Never,
    ),
    case(
        "La mer de sel, tomes 1 à 3",
        "Anne Rolland",
        &[
            ("La mer de sel", "Anne Rolland"),
            ("La mer de sel, tome 1", "Anne Rolland"),
        ],
        Never,
    ),
    case(
        "La mer de sel, tome 1",
        "Anne Rolland",
        &[("La mer de sel, tomes 1 à 3", "Anne Rolland")],
        Never,
    ),
    case(
        "La mer de sel",
        "Anne Rolland",
        &[("La mer de sel : coffret 3 volumes", "Anne Rolland")],
        Never,
    ),
    case(
        "El mar de sal",
        "Elena Ruiz",
        &[("El mar de sal (Obra completa)", "Elena Ruiz")],
        Never,
    ),
    case(
        "El mar de sal: obra completa",
        "Elena Ruiz",
        &[("El mar de sal", "Elena Ruiz")],
        Never,
    ),
    case(
        "El mar de sal (Pack 3 libros)",
        "Elena Ruiz",
        &[("El mar de sal", "Elena Ruiz")],
        Never,
    ),
    case(
        "Il mare di sale",
        "Paolo Serra",
        &[("Il mare di sale: la raccolta completa", "Paolo Serra")],
        Never,
    ),
    case(
        "Il mare di sale. La trilogia completa",
        "Paolo Serra",
        &[("Il mare di sale", "Paolo Serra")],
        Never,
    ),
    case(
        "O mar de sal",
        "Rui Teles",
        &[("O mar de sal: caixa com 3 livros", "Rui Teles")],
        Never,
    ),
    case(
        "Zoutzee",
        "Piet Maas",
        &[("Zoutzee: de complete trilogie", "Piet Maas")],
        Never,
    ),
    case(
        "Saltsjön",
        "Karin Ek",
        &[("Saltsjön: samlingsvolym", "Karin Ek")],
        Never,
    ),
    case(
        "The Salt Tide",
        "Mira Oakes",
        &[("The Salt Tide: A Three-Book Bundle", "Mira Oakes")],
        Never,
    ),
    case(
        "The Salt Tide: Omnibus, Volume 1",
        "Mira Oakes",
        &[
            ("The Salt Tide", "Mira Oakes"),
            ("The Salt Tide, Volume 1", "Mira Oakes"),
        ],
        Never,
    ),
    case(
        "The Salt Tide, Volume 1",
        "Mira Oakes",
        &[("The Salt Tide: Omnibus, Volume 1", "Mira Oakes")],
        Never,
    ),
];

#[test]
fn a_set_is_none_of_its_volumes_in_any_language() {
    assert_right(SETS);
}

/// Words that name only the edition.
const EDITIONS: &[Case] = &[
    case(
        "The Salt Tide",
        "Mira Oakes",
        &[("The Salt Tide: 25th Anniversary", "Mira Oakes")],
        Here(0),
    ),
    case(
        "The Salt Tide (25th Anniversary)",
        "Mira Oakes",
        &[("The Salt Tide", "Mira Oakes")],
        Here(0),
    ),
    case(
        "El mar de sal (Edición conmemorativa)",
        "Elena Ruiz",
        &[("El mar de sal", "Elena Ruiz")],
        Here(0),
    ),
    case(
        "El mar de sal",
        "Elena Ruiz",
        &[(
            "El mar de sal: edición conmemorativa del 50 aniversario",
            "Elena Ruiz",
        )],
        Here(0),
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl",
        &[("Nachtmeer: Jubiläumsausgabe", "Jonas Kehl")],
        Here(0),
    ),
    case(
        "La mer de sel",
        "Anne Rolland",
        &[("La mer de sel : édition anniversaire", "Anne Rolland")],
        Here(0),
    ),
    case(
        "La mer de sel (édition collector)",
        "Anne Rolland",
        &[("La mer de sel", "Anne Rolland")],
        Here(0),
    ),
    case(
        "Il mare di sale",
        "Paolo Serra",
        &[("Il mare di sale. Nuova edizione", "Paolo Serra")],
        Here(0),
    ),
    case(
        "Zoutzee",
        "Piet Maas",
        &[("Zoutzee: jubileumeditie", "Piet Maas")],
        Here(0),
    ),
    case(
        "Nachtmeer: gekürzte Ausgabe",
        "Jonas Kehl",
        &[("Nachtmeer", "Jonas Kehl")],
        Never,
    ),
    case(
        "La mer de sel",
        "Anne Rolland",
        &[("La mer de sel (version abrégée)", "Anne Rolland")],
        Never,
    ),
];

#[test]
fn an_edition_is_the_book_unless_it_is_shortened() {
    assert_right(EDITIONS);
}

/// Numbers in words and in digits.
const NUMBERS: &[Case] = &[
    case(
        "Vingt mille lieues sous les mers",
        VERNE,
        &[("20 000 lieues sous les mers", VERNE)],
        Here(0),
    ),
    case(
        "20.000 Meilen unter dem Meer",
        VERNE,
        &[("Zwanzigtausend Meilen unter dem Meer", VERNE)],
        Here(0),
    ),
    case(
        "Le Tour du monde en quatre-vingts jours",
        VERNE,
        &[("Le tour du monde en 80 jours", VERNE)],
        Here(0),
    ),
    case(
        "In achtzig Tagen um die Welt",
        VERNE,
        &[("In 80 Tagen um die Welt", VERNE)],
        Here(0),
    ),
    case(
        "La vuelta al mundo en 80 días",
        VERNE,
        &[("La vuelta al mundo en ochenta días", VERNE)],
        Here(0),
    ),
    case(
        "Il giro del mondo in 80 giorni",
        VERNE,
        &[("Il giro del mondo in ottanta giorni", VERNE)],
        Here(0),
    ),
    case(
        "A volta ao mundo em oitenta dias",
        VERNE,
        &[("A volta ao mundo em 80 dias", VERNE)],
        Here(0),
    ),
    case(
        "De reis om de wereld in tachtig dagen",
        VERNE,
        &[("De reis om de wereld in 80 dagen", VERNE)],
        Here(0),
    ),
    case(
        "100 años de soledad",
        MARQUEZ,
        &[("Cien años de soledad", MARQUEZ)],
        Here(0),
    ),
    case(
        "Hundert Jahre Einsamkeit",
        MARQUEZ,
        &[("100 Jahre Einsamkeit", MARQUEZ)],
        Here(0),
    ),
    case(
        "Onze minutes",
        "Paulo Coelho",
        &[
            ("Douze minutes", "Paulo Coelho"),
            ("11 minutes", "Paulo Coelho"),
        ],
        Here(1),
    ),
    case(
        "In achtzig Tagen um die Welt",
        VERNE,
        &[("In 90 Tagen um die Welt", VERNE)],
        Never,
    ),
    case(
        "La mer de sel, tome deux",
        "Anne Rolland",
        &[
            ("La mer de sel, tome 1", "Anne Rolland"),
            ("La mer de sel, tome 2", "Anne Rolland"),
        ],
        Here(1),
    ),
    case(
        "Nachtmeer, Band drei",
        "Jonas Kehl",
        &[
            ("Nachtmeer, Band 2", "Jonas Kehl"),
            ("Nachtmeer, Band 3", "Jonas Kehl"),
        ],
        Here(1),
    ),
    case(
        "Il mare di sale, volume secondo",
        "Paolo Serra",
        &[
            ("Il mare di sale", "Paolo Serra"),
            ("Il mare di sale, volume 1", "Paolo Serra"),
        ],
        Never,
    ),
    case(
        "Book 2 of The Salt Tide",
        "Mira Oakes",
        &[
            ("The Salt Tide", "Mira Oakes"),
            ("The Salt Tide, Book 1", "Mira Oakes"),
        ],
        Never,
    ),
];

#[test]
fn a_number_is_the_same_in_words_of_any_language() {
    assert_right(NUMBERS);
}

/// What is about a book or made from it, sequels, and books of the same title by others.
const OTHERS: &[Case] = &[
    case(
        "Nachtmeer",
        "Jonas Kehl",
        &[("Nachtmeer: Die Graphic Novel", "Jonas Kehl")],
        Never,
    ),
    case(
        "El mar de sal",
        "Elena Ruiz",
        &[("El mar de sal: la novela gráfica", "Elena Ruiz")],
        Never,
    ),
    case(
        "Il mare di sale",
        "Paolo Serra",
        &[("Il mare di sale: guida alla lettura", "Paolo Serra")],
        Never,
    ),
    case(
        "La mer de sel",
        "Anne Rolland",
        &[("Résumé de La mer de sel d'Anne Rolland", "Anne Rolland")],
        Never,
    ),
    case(
        "El mar de sal",
        "Elena Ruiz",
        &[("Resumen de El mar de sal", "Elena Ruiz")],
        Never,
    ),
    case(
        "Zoutzee",
        "Piet Maas",
        &[("Zoutzee: samenvatting", "Piet Maas")],
        Never,
    ),
    case(
        "The Salt Tide",
        "Mira Oakes",
        &[
            ("The Salt Tide Rising", "Mira Oakes"),
            ("The Salt Tide Returns", "Mira Oakes"),
        ],
        Never,
    ),
    case(
        "The Salt Tide Rising",
        "Mira Oakes",
        &[("The Salt Tide", "Mira Oakes")],
        Never,
    ),
    case(
        "The Salt Tide",
        "Mira Oakes",
        &[("The Salt Tide", "Paul Dent")],
        Never,
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl (Autor), Ute Brandt (Übersetzerin)",
        &[("Nachtmeer", "Jonas Kehl")],
        Here(0),
    ),
    case(
        "Nachtmeer",
        "Jonas Kehl",
        &[("Nachtmeer", "Ute Brandt; Jonas Kehl")],
        Here(0),
    ),
    case(
        "The Salt Tide: A Novel of the Coast",
        "Mira Oakes",
        &[("The Salt Tide", "Mira Oakes")],
        Here(0),
    ),
    case(
        "The Salt Tide",
        "Mira Oakes",
        &[("The Salt Tide: Collector's Cards", "Mira Oakes")],
        Doubtful,
    ),
];

#[test]
fn what_is_about_a_book_or_follows_it_is_another_in_any_language() {
    assert_right(OTHERS);
}

/// English words that are numbers elsewhere.
const NO_NUMBERS: &[Case] = &[
    case(
        "Blue Elf",
        "Joe Doe",
        &[("Blue 11", "Joe Doe"), ("Blue Eleven", "Joe Doe")],
        Never,
    ),
    case(
        "The Last Elf (The Ankon Chronicles, #1)",
        "Silvana De Mari",
        &[("The Last Elf", "Silvana De Mari")],
        Here(0),
    ),
    case(
        "The Last Elf",
        "Silvana De Mari",
        &[("The Last", "Silvana De Mari")],
        Never,
    ),
    case(
        "Homeland (The Dark Elf, #1)",
        "R. A. Salvatore",
        &[("Homeland", "R. A. Salvatore")],
        Here(0),
    ),
    case(
        "Zombie Elf, Vol. 3",
        "Joe Doe",
        &[("Zombie Elf", "Joe Doe"), ("Zombie Elf 3", "Joe Doe")],
        Here(1),
    ),
    case(
        "Red Cent (Money, #2)",
        "Joe Doe",
        &[("Red Cent", "Joe Doe")],
        Here(0),
    ),
];

#[test]
fn an_english_word_is_no_number_of_another_language() {
    assert_right(NO_NUMBERS);
}
