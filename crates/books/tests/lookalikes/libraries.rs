//! Books of all kinds of a reader's library beside what a catalogue has under nearly the same name.

use super::{Case, Doubtful, Here, Never, SANDERSON, TOLKIEN, assert_right, case};

/// Sets, omnibus editions and their volumes.
const OMNIBUSES: &[Case] = &[
    case(
        "A Wizard of Earthsea",
        "Ursula K. Le Guin",
        &[
            (
                "The Earthsea Quartet: A Wizard of Earthsea; The Tombs of Atuan; The Farthest Shore; Tehanu",
                "Ursula K. Le Guin",
            ),
            ("A Wizard of Earthsea", "Ursula K. Le Guin"),
        ],
        Here(1),
    ),
    case(
        "Gormenghast",
        "Mervyn Peake",
        &[(
            "The Gormenghast Trilogy: Titus Groan, Gormenghast, Titus Alone",
            "Mervyn Peake",
        )],
        Never,
    ),
    case(
        "The Complete Sherlock Holmes",
        "Arthur Conan Doyle",
        &[
            (
                "The Complete Sherlock Holmes, Volume 1",
                "Arthur Conan Doyle",
            ),
            ("The Complete Sherlock Holmes", "Arthur Conan Doyle"),
        ],
        Here(1),
    ),
    case(
        "Northern Lights",
        "Philip Pullman",
        &[(
            "His Dark Materials Omnibus (Northern Lights / The Subtle Knife / The Amber Spyglass)",
            "Philip Pullman",
        )],
        Never,
    ),
    case(
        "Harry Potter und der Stein der Weisen",
        "J.K. Rowling",
        &[
            (
                "Harry Potter: Die Gesamtausgabe => Harry Potter und der Stein der Weisen - Band 1-7",
                "J.K. Rowling",
            ),
            (
                "Harry Potter and the Philosopher's Stone => Harry Potter und der Stein der Weisen",
                "J. K. Rowling",
            ),
        ],
        Here(1),
    ),
    case(
        "All Systems Red",
        "Martha Wells",
        &[(
            "The Murderbot Diaries Vol. 1: All Systems Red & Artificial Condition",
            "Martha Wells",
        )],
        Doubtful,
    ),
    case(
        "Wool Omnibus Edition (Wool, #1-5)",
        "Hugh Howey",
        &[("Wool", "Hugh Howey"), ("Wool Omnibus", "Hugh Howey")],
        Here(1),
    ),
    case(
        "The Hobbit Collector's Boxset Edition",
        TOLKIEN,
        &[("The Hobbit", TOLKIEN)],
        Doubtful,
    ),
    case(
        "Smith of Wootton Major & Farmer Giles of Ham",
        TOLKIEN,
        &[
            ("Farmer Giles of Ham", TOLKIEN),
            ("Smith of Wootton Major and Farmer Giles of Ham", TOLKIEN),
        ],
        Here(1),
    ),
    case(
        "Foundation and Empire",
        "Isaac Asimov",
        &[
            ("Foundation", "Isaac Asimov"),
            ("Foundation and Empire / Second Foundation", "Isaac Asimov"),
            ("Foundation and Empire", "Isaac Asimov"),
        ],
        Here(2),
    ),
    case(
        "The Border Trilogy",
        "Cormac McCarthy",
        &[
            (
                "All the Pretty Horses (The Border Trilogy)",
                "Cormac McCarthy",
            ),
            (
                "The Border Trilogy: All the Pretty Horses, The Crossing, Cities of the Plain",
                "Cormac McCarthy",
            ),
        ],
        Here(1),
    ),
];

#[test]
fn a_volume_is_not_the_set_it_is_in() {
    assert_right(OMNIBUSES);
}

/// Volumes as ten languages count them.
const LANGUAGES: &[Case] = &[
    case(
        "Les Misérables, tome 2 : Cosette",
        "Victor Hugo",
        &[
            ("Les Misérables, tome 1 : Fantine", "Victor Hugo"),
            ("Les Misérables, tome 2 : Cosette", "Victor Hugo"),
        ],
        Here(1),
    ),
    case(
        "Krieg und Frieden. Bd. 2",
        "Leo Tolstoi",
        &[("Krieg und Frieden. Bd. 1", "Leo Tolstoi")],
        Never,
    ),
    case(
        "Guerra e pace. Vol. II",
        "Lev Tolstoj",
        &[
            ("Guerra e pace. Vol. I", "Lev Tolstoj"),
            ("Guerra e pace. Vol. 2", "Lev Tolstoj"),
        ],
        Here(1),
    ),
    case(
        "Don Quijote de la Mancha, tomo II",
        "Miguel de Cervantes",
        &[("Don Quijote de la Mancha, tomo I", "Miguel de Cervantes")],
        Never,
    ),
    case(
        "Oorlog en vrede, deel 2",
        "Leo Tolstoj",
        &[
            ("Oorlog en vrede, deel 1", "Leo Tolstoj"),
            ("Oorlog en vrede, deel twee", "Leo Tolstoj"),
        ],
        Here(1),
    ),
    case(
        "Chłopi, tom 2",
        "Władysław Reymont",
        &[
            ("Chłopi, tom 1: Jesień", "Władysław Reymont"),
            ("Chłopi, tom II: Zima", "Władysław Reymont"),
        ],
        Here(1),
    ),
    case(
        "Utvandrarna, del 2",
        "Vilhelm Moberg",
        &[("Utvandrarna, del 1", "Vilhelm Moberg")],
        Never,
    ),
    case(
        "Os Maias, volume 2",
        "Eça de Queirós",
        &[
            ("Os Maias, vol. 1", "Eça de Queiroz"),
            ("Os Maias, vol. 2", "Eça de Queirós"),
        ],
        Here(1),
    ),
    case(
        "Osudy dobrého vojáka Švejka, díl 2",
        "Jaroslav Hašek",
        &[("Osudy dobrého vojáka Švejka, díl 1", "Jaroslav Hašek")],
        Never,
    ),
    case(
        "Тихий Дон. Книга 2",
        "Михаил Шолохов",
        &[
            ("Тихий Дон. Кн. 1", "Михаил Шолохов"),
            ("Тихий Дон. Кн. 2", "Михаил Шолохов"),
        ],
        Here(1),
    ),
    case(
        "İnce Memed 2",
        "Yaşar Kemal",
        &[
            ("İnce Memed 1", "Yaşar Kemal"),
            ("İnce Memed 2. Cilt", "Yaşar Kemal"),
        ],
        Here(1),
    ),
    case(
        "Háború és béke, 2. kötet",
        "Lev Tolsztoj",
        &[("Háború és béke, 1. kötet", "Lev Tolsztoj")],
        Never,
    ),
    case(
        "Täällä Pohjantähden alla, osa 2",
        "Väinö Linna",
        &[
            ("Täällä Pohjantähden alla, osa 1", "Väinö Linna"),
            ("Täällä Pohjantähden alla, 2. osa", "Väinö Linna"),
        ],
        Here(1),
    ),
    case(
        "ノルウェイの森 (下)",
        "村上春樹",
        &[
            ("ノルウェイの森 上", "村上春樹"),
            ("ノルウェイの森 下", "村上春樹"),
        ],
        Here(1),
    ),
    case(
        "三国演义（第二册）",
        "罗贯中",
        &[("三国演义 第一册", "罗贯中")],
        Never,
    ),
    case(
        "Πόλεμος και ειρήνη, τόμος Β",
        "Λέων Τολστόι",
        &[("Πόλεμος και ειρήνη, τόμος Α", "Λέων Τολστόι")],
        Never,
    ),
    case(
        "Sinuhe egyptiläinen, 1. osa",
        "Mika Waltari",
        &[
            ("Sinuhe egyptiläinen, 2. osa", "Mika Waltari"),
            ("Sinuhe egyptiläinen, osa 1", "Mika Waltari"),
        ],
        Here(1),
    ),
    case(
        "Die Buddenbrooks, 2. Band",
        "Thomas Mann",
        &[("Die Buddenbrooks, 1. Band", "Thomas Mann")],
        Never,
    ),
    case(
        "Egri csillagok, 2. kötet",
        "Gárdonyi Géza",
        &[
            ("Egri csillagok, 1. kötet", "Gárdonyi Géza"),
            ("Egri csillagok 2.", "Gárdonyi Géza"),
        ],
        Here(1),
    ),
    case(
        "Наша борьба. Кн. 3",
        "Анна Белова",
        &[
            ("Наша борьба. Книга вторая", "Анна Белова"),
            ("Наша борьба. Книга третья", "Анна Белова"),
        ],
        Here(1),
    ),
    case(
        "模倣犯（上）",
        "宮部みゆき",
        &[("模倣犯 下", "宮部みゆき"), ("模倣犯 上巻", "宮部みゆき")],
        Here(1),
    ),
    case(
        "模倣犯 後編",
        "宮部みゆき",
        &[("模倣犯 前編", "宮部みゆき")],
        Never,
    ),
    case(
        "Krig og fred, bind 2",
        "Leo Tolstoj",
        &[
            ("Krig og fred, bind 1", "Leo Tolstoj"),
            ("Krig og fred, bind 2", "Leo Tolstoj"),
        ],
        Here(1),
    ),
    case(
        "Război și pace, volumul 2",
        "Lev Tolstoi",
        &[("Război și pace, volumul 1", "Lev Tolstoi")],
        Never,
    ),
];

#[test]
fn volumes_are_told_apart_in_many_languages() {
    assert_right(LANGUAGES);
}

/// Articles, signs, numbers and their words.
const WRITINGS: &[Case] = &[
    case(
        "Name of the Rose, The",
        "Umberto Eco",
        &[("The Name of the Rose", "Umberto Eco")],
        Here(0),
    ),
    case(
        "Étranger, L'",
        "Albert Camus",
        &[("L'Étranger", "Albert Camus")],
        Here(0),
    ),
    case(
        "Amica geniale, L’",
        "Elena Ferrante",
        &[("L'amica geniale", "Elena Ferrante")],
        Here(0),
    ),
    case(
        "Zauberberg, Der",
        "Thomas Mann",
        &[("Der Zauberberg", "Thomas Mann")],
        Here(0),
    ),
    case(
        "Crime & Punishment",
        "Fyodor Dostoevsky",
        &[(
            "Crime and Punishment",
            "Фёдор Михайлович Достоевский = Fyodor Dostoyevsky; Fyodor Dostoevsky",
        )],
        Here(0),
    ),
    case(
        "Sense and Sensibility and Sea Monsters",
        "Jane Austen",
        &[
            ("Sense and Sensibility", "Jane Austen"),
            (
                "Sense and Sensibility and Sea Monsters",
                "Ben H. Winters; Jane Austen",
            ),
        ],
        Here(1),
    ),
    case(
        "Sense and Sensibility",
        "Jane Austen",
        &[(
            "Sense and Sensibility and Sea Monsters",
            "Ben H. Winters; Jane Austen",
        )],
        Never,
    ),
    case(
        "Pride & Prejudice & Zombies",
        "Seth Grahame-Smith",
        &[
            (
                "Pride and Prejudice and Zombies: Dawn of the Dreadfuls",
                "Seth Grahame-Smith",
            ),
            (
                "Pride and Prejudice and Zombies",
                "Jane Austen; Seth Grahame-Smith",
            ),
        ],
        Here(1),
    ),
    case(
        "1984",
        "George Orwell",
        &[("Nineteen Eighty-Four => 1984", "George Orwell")],
        Here(0),
    ),
    case(
        "1984",
        "George Orwell",
        &[
            ("1985 => 1984 and 1985", "George Orwell; Anthony Burgess"),
            ("1984 (Signet Classics)", "George Orwell"),
        ],
        Here(1),
    ),
    case(
        "11/22/63",
        "Stephen King",
        &[("11/22/63", "Stephen King")],
        Here(0),
    ),
    case(
        "11.22.63",
        "Stephen King",
        &[("11/22/63: A Novel", "Stephen King")],
        Here(0),
    ),
    case(
        "Catch 22",
        "Joseph Heller",
        &[("Catch-22", "Joseph Heller")],
        Here(0),
    ),
    case(
        "Slaughterhouse Five",
        "Kurt Vonnegut",
        &[(
            "Slaughterhouse-Five, or, The Children's Crusade",
            "Kurt Vonnegut",
        )],
        Here(0),
    ),
    case(
        "2666",
        "Roberto Bolaño",
        &[("2666", "Roberto Bolano")],
        Here(0),
    ),
    case(
        "The 5th Wave",
        "Rick Yancey",
        &[
            ("The 5th Wave: The Infinite Sea", "Rick Yancey"),
            ("The 5th Wave", "Rick Yancey"),
        ],
        Here(1),
    ),
    case(
        "Jane Eyre",
        "Charlotte Brontë",
        &[
            ("Jane Eyre (Classics Illustrated)", "Charlotte Brontë"),
            ("Jane Eyre (Penguin Readers, Level 5)", "Charlotte Brontë"),
            ("Jane Eyre", "Charlotte Brontë"),
        ],
        Here(2),
    ),
    case(
        "Moby Dick",
        "Herman Melville",
        &[
            (
                "Moby-Dick (Great Illustrated Classics)",
                "Herman Melville; Shirley Bogart",
            ),
            ("Moby-Dick; or, The Whale", "Herman Melville"),
        ],
        Here(1),
    ),
    case(
        "It",
        "Stephen King",
        &[
            ("It Ends with Us", "Colleen Hoover; Stephen King"),
            ("It", "Stephen King"),
        ],
        Here(1),
    ),
    case(
        "S.",
        "Doug Dorst",
        &[("S.", "J. J. Abrams; Doug Dorst")],
        Here(0),
    ),
    case(
        "We",
        "Yevgeny Zamyatin",
        &[(
            "Мы => We",
            "Евгений Замятин = Yevgeny Zamyatin; Evgenii Zamiatin",
        )],
        Here(0),
    ),
    case(
        "Snow",
        "Orhan Pamuk",
        &[("Kar => Snow", "Orhan Pamuk")],
        Here(0),
    ),
    case(
        "A Brief History of Humankind: Sapiens",
        "Yuval Noah Harari",
        &[("Sapiens: A Brief History of Humankind", "Yuval Noah Harari")],
        Here(0),
    ),
    case(
        "Hobbit: There and Back Again, The",
        TOLKIEN,
        &[("The Hobbit, or, There and Back Again", TOLKIEN)],
        Here(0),
    ),
];

#[test]
fn articles_signs_and_numbers_are_read() {
    assert_right(WRITINGS);
}

/// Adaptations, companions, sequels by others.
const OFFSHOOTS: &[Case] = &[
    case(
        "Sapiens",
        "Yuval Noah Harari",
        &[
            (
                "Sapiens: A Graphic History, Volume 1",
                "Yuval Noah Harari; David Vandermeulen",
            ),
            ("Sapiens: A Brief History of Humankind", "Yuval Noah Harari"),
        ],
        Here(1),
    ),
    case(
        "Sapiens: A Brief History of Humankind",
        "Yuval Noah Harari",
        &[("Sapiens: A Graphic History", "Yuval Noah Harari")],
        Never,
    ),
    case(
        "Atomic Habits",
        "James Clear",
        &[
            ("The Atomic Habits Workbook", "James Clear"),
            (
                "Atomic Habits: An Easy & Proven Way to Build Good Habits & Break Bad Ones",
                "James Clear",
            ),
        ],
        Here(1),
    ),
    case(
        "Born a Crime",
        "Trevor Noah",
        &[(
            "It's Trevor Noah: Born a Crime (Adapted for Young Readers)",
            "Trevor Noah",
        )],
        Doubtful,
    ),
    case(
        "Becoming",
        "Michelle Obama",
        &[
            ("Becoming: Adapted for Young Readers", "Michelle Obama"),
            ("Becoming", "Michelle Obama"),
        ],
        Here(1),
    ),
    case(
        "To Kill a Mockingbird",
        "Harper Lee",
        &[
            (
                "To Kill a Mockingbird: A Graphic Novel",
                "Fred Fordham; Harper Lee",
            ),
            (
                "CliffsNotes on Lee's To Kill a Mockingbird",
                "Tamara Castleman; Harper Lee",
            ),
            (
                "To Kill a Mockingbird (50th Anniversary Edition)",
                "Harper Lee",
            ),
        ],
        Here(2),
    ),
    case(
        "Fahrenheit 451",
        "Ray Bradbury",
        &[
            (
                "Ray Bradbury's Fahrenheit 451: The Authorized Adaptation",
                "Tim Hamilton; Ray Bradbury",
            ),
            ("Fahrenheit 451: 60th Anniversary Edition", "Ray Bradbury"),
        ],
        Here(1),
    ),
    case(
        "The Count of Monte Cristo",
        "Alexandre Dumas",
        &[
            ("The Count of Monte Cristo (Abridged)", "Alexandre Dumas"),
            (
                "Le Comte de Monte-Cristo => The Count of Monte Cristo",
                "Alexandre Dumas",
            ),
        ],
        Here(1),
    ),
    case(
        "Matilda",
        "Roald Dahl",
        &[(
            "Roald Dahl's Matilda: The Musical",
            "Tim Minchin; Roald Dahl",
        )],
        Never,
    ),
    case(
        "Klara and the Sun",
        "Kazuo Ishiguro",
        &[(
            "Study Guide for Klara and the Sun by Kazuo Ishiguro",
            "Kazuo Ishiguro",
        )],
        Never,
    ),
    case(
        "Der Prozess",
        "Franz Kafka",
        &[
            (
                "Königs Erläuterungen: Der Prozess",
                "Franz Kafka; Volker Krischel",
            ),
            ("Der Process => Der Prozess", "Franz Kafka"),
        ],
        Here(1),
    ),
    case(
        "Emma",
        "Jane Austen",
        &[
            (
                "Emma: A Modern Retelling",
                "Alexander McCall Smith; Jane Austen",
            ),
            ("Emma", "Jane Austen"),
        ],
        Here(1),
    ),
    case(
        "Dune",
        "Frank Herbert",
        &[("Dune: House Atreides", "Brian Herbert; Kevin J. Anderson")],
        Never,
    ),
    case(
        "Dune: House Atreides",
        "Brian Herbert",
        &[
            ("Dune", "Frank Herbert"),
            ("Dune: House Harkonnen", "Brian Herbert; Kevin J. Anderson"),
        ],
        Never,
    ),
    case(
        "The Stand",
        "Stephen King",
        &[
            (
                "The Stand: Captain Trips",
                "Stephen King; Roberto Aguirre-Sacasa",
            ),
            ("The Stand: The Complete & Uncut Edition", "Stephen King"),
        ],
        Here(1),
    ),
    case(
        "Ender's Game",
        "Orson Scott Card",
        &[(
            "Ender's Game: Battle School",
            "Christopher Yost; Orson Scott Card",
        )],
        Doubtful,
    ),
    case(
        "The Art of War",
        "Sun Tzu",
        &[
            ("The Art of War for Executives", "Donald G. Krause; Sun Tzu"),
            ("The Art of War", "孙武 = Sun Tzu; Sunzi"),
        ],
        Here(1),
    ),
    case(
        "The Very Hungry Caterpillar",
        "Eric Carle",
        &[
            ("The Very Hungry Caterpillar's Sticker Book", "Eric Carle"),
            (
                "My First Very Hungry Caterpillar Coloring Book",
                "Eric Carle",
            ),
        ],
        Never,
    ),
    case(
        "Persepolis",
        "Marjane Satrapi",
        &[
            ("Persepolis 2: The Story of a Return", "Marjane Satrapi"),
            ("Persepolis", "Marjane Satrapi"),
        ],
        Here(1),
    ),
];

#[test]
fn offshoots_are_not_the_book() {
    assert_right(OFFSHOOTS);
}

/// Suffixes of shops, and titles in translation.
const SHOPS: &[Case] = &[
    case(
        "Red Rising: Red Rising, Book 1",
        "Pierce Brown",
        &[
            (
                "Red Rising: Sons of Ares, Vol. 1",
                "Pierce Brown; Rik Hoskin",
            ),
            ("Red Rising", "Pierce Brown"),
        ],
        Here(1),
    ),
    case(
        "All Systems Red: The Murderbot Diaries",
        "Martha Wells",
        &[("All Systems Red", "Martha Wells")],
        Here(0),
    ),
    case(
        "Dungeon Crawler Carl: A LitRPG/Gamelit Adventure",
        "Matt Dinniman",
        &[
            (
                "Carl's Doomsday Scenario: Dungeon Crawler Carl Book 2",
                "Matt Dinniman",
            ),
            ("Dungeon Crawler Carl", "Matt Dinniman"),
        ],
        Here(1),
    ),
    case(
        "The Way of Kings, Part One (The Stormlight Archive, #1.1)",
        SANDERSON,
        &[
            ("The Way of Kings, Part Two", SANDERSON),
            ("The Way of Kings, Part One", SANDERSON),
        ],
        Here(1),
    ),
    case(
        "Golden Son: Book II of the Red Rising Trilogy",
        "Pierce Brown",
        &[("Golden Son", "Pierce Brown")],
        Here(0),
    ),
    case(
        "Project Hail Mary (Unabridged)",
        "Andy Weir",
        &[("Project Hail Mary", "Andy Weir")],
        Here(0),
    ),
    case(
        "Children of Time (Children of Time, #1)",
        "Adrian Tchaikovsky",
        &[
            ("Children of Ruin", "Adrian Tchaikovsky"),
            ("Children of Time", "Adrian Tchaikovsky"),
        ],
        Here(1),
    ),
    case(
        "Mistfall 2: The Hollow Crown",
        "Mira Oakes",
        &[
            ("Mistfall. The Silver Crown", "Mira Oakes"),
            ("Mistfall. The Hollow Crown", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Maus II: A Survivor's Tale",
        "Art Spiegelman",
        &[("Maus: A Survivor's Tale", "Art Spiegelman")],
        Never,
    ),
    case(
        "Mistfall 2: The Official Guide",
        "Mira Oakes",
        &[("Mistfall: The Official Guide", "Mira Oakes")],
        Doubtful,
    ),
    case(
        "Tidewatch: Tidewatch Series, Book 1",
        "Mira Oakes",
        &[
            ("Tidewatch: Brothers of the Reef, Book 1", "Mira Oakes"),
            ("Tidewatch", "Mira Oakes"),
        ],
        Here(1),
    ),
    case(
        "Die Tribute von Panem 1: Tödliche Spiele",
        "Suzanne Collins",
        &[
            (
                "Catching Fire => Die Tribute von Panem 2: Gefährliche Liebe",
                "Suzanne Collins",
            ),
            (
                "The Hunger Games => Die Tribute von Panem. Tödliche Spiele",
                "Suzanne Collins",
            ),
        ],
        Here(1),
    ),
    case(
        "Stolz und Vorurteil",
        "Jane Austen",
        &[("Pride and Prejudice => Stolz und Vorurteil", "Jane Austen")],
        Here(0),
    ),
    case(
        "La sombra del viento",
        "Carlos Ruiz Zafón",
        &[
            (
                "The Prisoner of Heaven => El prisionero del cielo",
                "Carlos Ruiz Zafón",
            ),
            (
                "The Shadow of the Wind => La sombra del viento",
                "Carlos Ruiz Zafon",
            ),
        ],
        Here(1),
    ),
    case(
        "Perfume",
        "Patrick Süskind",
        &[(
            "Das Parfum => Perfume: The Story of a Murderer",
            "Patrick Süskind",
        )],
        Here(0),
    ),
    case(
        "Fourth Wing (The Empyrean, 1)",
        "Rebecca Yarros",
        &[
            ("Iron Flame (The Empyrean)", "Rebecca Yarros"),
            ("Fourth Wing", "Rebecca Yarros"),
        ],
        Here(1),
    ),
    case(
        "The Hobbit: 75th Anniversary Edition [Kindle Edition]",
        TOLKIEN,
        &[("The Hobbit", TOLKIEN)],
        Here(0),
    ),
];

#[test]
fn suffixes_and_translations_lead_to_the_work() {
    assert_right(SHOPS);
}

/// Initials, pen names, accents, transliterations, editors.
const NAMES: &[Case] = &[
    case(
        "The Cuckoo's Calling",
        "J.K. Rowling",
        &[("The Cuckoo's Calling", "Robert Galbraith = J. K. Rowling")],
        Here(0),
    ),
    case(
        "The Long Walk",
        "Richard Bachman",
        &[(
            "The Long Walk",
            "Stephen King = Richard Bachman; Stephen Edwin King",
        )],
        Here(0),
    ),
    case(
        "Smilla's Sense of Snow",
        "Peter Hoeg",
        &[(
            "Frøken Smillas fornemmelse for sne => Smilla's Sense of Snow",
            "Peter Høeg",
        )],
        Here(0),
    ),
    case(
        "The Master and Margarita",
        "Mikhail Bulgakov",
        &[(
            "Мастер и Маргарита => The Master and Margarita",
            "Михаил Афанасьевич Булгаков = Mikhail Afanasʹevich Bulgakov; Mikhail Bulgakov",
        )],
        Here(0),
    ),
    case(
        "The Three-Body Problem",
        "Liu Cixin",
        &[("三体 => The Three-Body Problem", "刘慈欣 = Cixin Liu")],
        Here(0),
    ),
    case(
        "Dangerous Visions",
        "Harlan Ellison (Editor)",
        &[
            ("Again, Dangerous Visions", "Harlan Ellison"),
            ("Dangerous Visions", "Harlan Ellison"),
        ],
        Here(1),
    ),
    case(
        "Leviathan Wakes",
        "James S. A. Corey",
        &[(
            "Leviathan Wakes",
            "Daniel Abraham; Ty Franck = James S.A. Corey",
        )],
        Here(0),
    ),
    case(
        "The Left Hand of Darkness",
        "Ursula LeGuin",
        &[(
            "The Left Hand of Darkness",
            "Ursula K. Le Guin = Ursula K. LeGuin; Ursula LeGuin",
        )],
        Here(0),
    ),
    case(
        "Half of a Yellow Sun",
        "Adichie, Chimamanda Ngozi",
        &[("Half of a Yellow Sun", "Chimamanda Ngozi Adichie")],
        Here(0),
    ),
    case(
        "Cat's Eye",
        "Margaret Atwood",
        &[("Cat’s Eye", "Atwood, Margaret, 1939-")],
        Here(0),
    ),
    case(
        "Silas Marner",
        "George Eliot",
        &[("Silas Marner", "Eliot, George, 1819-1880")],
        Here(0),
    ),
    case(
        "Beowulf",
        "Seamus Heaney (Translator)",
        &[("Beowulf", "Seamus Heaney")],
        Here(0),
    ),
    case(
        "Life After Life",
        "Kate Atkinson",
        &[("Life After Life", "Rowan Atkinson")],
        Never,
    ),
    case(
        "The Road",
        "Cormac McCarthy",
        &[("The Road", "Mary McCarthy")],
        Never,
    ),
    case(
        "La dame aux camélias",
        "Alexandre Dumas fils",
        &[(
            "La dame aux camélias",
            "Alexandre Dumas fils = Alexandre Dumas",
        )],
        Here(0),
    ),
    case(
        "Middlemarch",
        "Mary Ann Evans",
        &[("Middlemarch", "George Eliot = Mary Ann Evans; Marian Evans")],
        Here(0),
    ),
    case(
        "The Mahabharata",
        "R. K. Narayan",
        &[("The Mahabharata", "R.K. Narayan")],
        Here(0),
    ),
    case(
        "The Mahabharata",
        "R. K. Narayan",
        &[("The Mahabharata", "Vyasa; K. Narayanan")],
        Never,
    ),
];

#[test]
fn people_are_the_same_however_they_are_spelled() {
    assert_right(NAMES);
}
