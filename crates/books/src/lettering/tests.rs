use super::*;
use crate::{Author, Edition, NearReason, Provider, Work};

fn record(title: &str, author: &str) -> Record {
    Record {
        provider: Provider::OpenLibrary,
        work: Work {
            title: title.into(),
            ..Work::default()
        },
        edition: Edition::default(),
        authors: vec![Author {
            name: author.into(),
            open_library_id: None,
        }],
        aliases: Vec::new(),
        matched: None,
    }
}

/// A shelf of spines, each with lines on its axis and, after a `|`, lines beside.
fn shelf(spines: &[&str]) -> Shelf {
    let mut shelf = Shelf::default();
    for spine in spines {
        let (lines, beside) = spine.split_once('|').unwrap_or((spine, ""));
        let mut add = |texts: &str| -> Vec<usize> {
            let texts = texts.split('/').map(str::trim).filter(|t| !t.is_empty());
            texts
                .map(|text| {
                    // Publishers and quotations are small, emblems high.
                    let height = match text.as_bytes()[0] {
                        b'~' => 10.0,
                        b'^' => 90.0,
                        _ => 30.0,
                    };
                    shelf.lettering.push(Lettering {
                        text: text.trim_start_matches(['~', '^']).to_owned(),
                        height,
                    });
                    shelf.lettering.len() - 1
                })
                .collect()
        };
        let (lines, beside) = (add(lines), add(beside));
        shelf.spines.push(Spine { lines, beside });
    }
    shelf
}

/// The titles recognised on a shelf whose every spine has all these candidates.
fn recognised(spines: &[&str], books: &[(&str, &str)]) -> Vec<String> {
    let shelf = shelf(spines);
    let records: Vec<Record> = books.iter().map(|(t, a)| record(t, a)).collect();
    let candidates = vec![records; shelf.spines.len()];
    let recognised = shelf.recognise(&candidates);
    recognised
        .into_iter()
        .map(|r| r.record.work.title)
        .collect()
}

#[test]
fn title_and_author_on_a_spine_are_a_book_whatever_their_order() {
    let books = [
        ("Heart of Darkness and Other Tales", "Joseph Conrad"),
        ("Heart of Darkness", "Joseph Conrad"),
        ("Lord Jim", "Joseph Conrad"),
    ];
    assert_eq!(
        recognised(
            &["Conrad Heart of Darkness and Other Tales / ~OXFORD"],
            &books
        ),
        ["Heart of Darkness and Other Tales"]
    );
    assert_eq!(
        recognised(&["HEART OF DARKNES / Josef Conrad"], &books),
        ["Heart of Darkness"]
    );
}

#[test]
fn a_title_of_one_word_needs_its_author() {
    let books = [("Christine", "Stephen King"), ("Babel", "R. F. Kuang")];
    assert_eq!(
        recognised(&["CHRISTINE / NÖSTLINGER"], &books),
        [] as [&str; 0]
    );
    assert_eq!(recognised(&["BABEL"], &books), [] as [&str; 0]);
    assert_eq!(recognised(&["BABEL / R.F. KUANG"], &books), ["Babel"]);
    assert_eq!(recognised(&["BABEL | R.F. KUANG"], &books), ["Babel"]);
    // The author's name in the title is not the author.
    assert_eq!(
        recognised(&["FOSSE"], &[("Fosse", "Jon Fosse")]),
        [] as [&str; 0]
    );
}

#[test]
fn a_title_without_author_must_explain_the_lettering() {
    let books = [("The Dark Is Rising", "Susan Cooper")];
    assert_eq!(
        recognised(&["THE DARK IS RISING"], &books),
        ["The Dark Is Rising"]
    );
    assert_eq!(
        recognised(&["DARK SKY RISING / HENRY LOUIS GATES"], &books),
        [] as [&str; 0]
    );
}

#[test]
fn a_title_that_is_a_part_of_another_of_the_author_s_is_not_the_book() {
    let spine = "THE BODY KEEPS THE SCORE / BESSEL VAN DER KOLK";
    for part in ["The Body", "Score", "And the"] {
        let books = [(part, "Bessel van der Kolk")];
        assert_eq!(recognised(&[spine], &books), [] as [&str; 0], "{part}");
    }
    let books = [
        ("The Body", "Bessel van der Kolk"),
        ("The Body Keeps the Score", "Bessel van der Kolk"),
    ];
    assert_eq!(recognised(&[spine], &books), [books[1].0]);
    assert_eq!(
        recognised(&["IT / STEPHEN KING"], &[("It", "Stephen King")]),
        ["It"]
    );
}

#[test]
fn a_title_that_several_authors_have_used_needs_its_author() {
    let books = [
        ("This Is How It Always Is", "Study Notes"),
        ("This Is How It Always Is: A Novel", "Laurie Frankel"),
    ];
    let alone = "THIS IS HOW IT ALWAYS IS";
    assert_eq!(recognised(&[alone], &books), [] as [&str; 0]);
    assert_eq!(recognised(&[alone], &books[1..]), [books[1].0]);
    let with_author = "THIS IS HOW IT ALWAYS IS / LAURIE FRANKEL";
    assert_eq!(recognised(&[with_author], &books), [books[1].0]);
}

#[test]
fn a_volume_is_another_book_unless_its_number_is_there() {
    let books = [
        ("The Luminaries 2", "Eleanor Catton"),
        ("The Luminaries", "Eleanor Catton"),
    ];
    let spine = "THE LUMINARIES / ELEANOR CATTON";
    assert_eq!(recognised(&[spine], &books), ["The Luminaries"]);
    assert_eq!(recognised(&[spine], &books[..1]), [] as [&str; 0]);
    let second = "THE LUMINARIES 2 / ELEANOR CATTON";
    assert_eq!(recognised(&[second], &books), ["The Luminaries 2"]);
}

#[test]
fn a_book_about_the_book_is_not_the_book() {
    let spine = "THE BODY KEEPS THE SCORE / BESSEL VAN DER KOLK";
    for other in [
        "The Body Keeps the Score Study Guide",
        "Summary of The Body Keeps the Score",
        "The Body Keeps the Score Boxed Set",
    ] {
        let books = [(other, "Bessel van der Kolk")];
        assert_eq!(recognised(&[spine], &books), [""; 0], "{other}");
    }
    let subtitled = "The Body Keeps the Score: Summary and Analysis";
    let alone = ["THE BODY KEEPS THE SCORE"];
    assert_eq!(recognised(&alone, &[(subtitled, "Sam Notes")]), [""; 0]);
    // Unless that is what was read.
    let guide = "The Body Keeps the Score Workbook";
    assert_eq!(
        recognised(
            &["THE BODY KEEPS THE SCORE WORKBOOK / VAN DER KOLK"],
            &[(guide, "Bessel van der Kolk")]
        ),
        [guide]
    );
    let subtitled = "Attachment Theory: A Guide to Relationships";
    assert_eq!(
        recognised(
            &["ATTACHMENT THEORY / AMIR LEVINE"],
            &[(subtitled, "Amir Levine")]
        ),
        [subtitled]
    );
}

#[test]
fn another_book_of_the_author_is_not_this_one() {
    let books = [
        ("Blood Promise", "Greg Iles"),
        ("Mississippi Blood", "Greg Iles"),
    ];
    assert_eq!(
        recognised(&["PROMISES TO THE DEAD / GREG ILES"], &books),
        [] as [&str; 0]
    );
}

#[test]
fn an_emblem_that_was_read_as_a_letter_is_no_large_lettering() {
    let title = "Ich will verstehen, was du wirklich brauchst";
    assert_eq!(
        recognised(
            &["^K / Frank und Gundi Gaschler / Ich will verstehen, was du wirklich brauchst"],
            &[(title, "Frank und Gundi Gaschler")]
        ),
        [title]
    );
    // Where nothing else is lettered, short words count.
    assert_eq!(
        recognised(&["IT / KING"], &[("It", "Stephen King")]),
        ["It"]
    );
    assert_eq!(
        recognised(
            &["A.C. / BHAKTIVEDANTA SWAMI"],
            &[("A", "A. C. Bhaktivedanta Swami")]
        ),
        [] as [&str; 0]
    );
}

#[test]
fn a_word_may_be_read_in_two_halves() {
    let books = [("Herzschläge", "Andreas Sommer")];
    for spine in ["HerzSchläge / Andreas Sommer", "HERZ SCHLÄGE / SOMMER"] {
        assert_eq!(recognised(&[spine], &books), ["Herzschläge"], "{spine}");
    }
    // Halves on two lines are two words.
    assert_eq!(
        recognised(&["HERZ / SCHLÄGE / SOMMER"], &books),
        [] as [&str; 0]
    );
}

#[test]
fn a_title_beside_a_line_that_is_only_its_author_s_is_the_book() {
    let books = [("Die Zimtgärten", "Shyam Selvadurai")];
    let beside = "Shyam Selvadurai | Die Kimtgärten / DAS ROSIE-PROJEKT";
    assert_eq!(recognised(&[beside], &books), ["Die Zimtgärten"]);
    let another = "Shyam Selvadurai / FUNNY BOY | Die Zimtgärten";
    assert_eq!(recognised(&[another], &books), [] as [&str; 0]);
    let in_part = [("Zimt und Gärten", "Shyam Selvadurai")];
    assert_eq!(recognised(&[beside], &in_part), [] as [&str; 0]);
}

#[test]
fn a_work_of_nobody_is_not_taken_for_another_s_namesake() {
    let title = "Zukunft-schreiben statt Schwarzmalen";
    let spine = "ZUKUNFT- SCHREIBEN STATT SCHWARZMALEN";
    let nobody_s = || Record {
        authors: Vec::new(),
        ..record(title, "")
    };
    let found = shelf(&[spine]).recognise(&[vec![nobody_s(), nobody_s()]]);
    assert_eq!(found.len(), 1);
    let notes = record(title, "Study Notes");
    let found = shelf(&[spine]).recognise(&[vec![nobody_s(), notes]]);
    assert_eq!(found, []);
}

#[test]
fn each_line_names_one_book_and_each_book_is_there_once() {
    let books = [
        ("Wolf Hall", "Hilary Mantel"),
        ("Bring Up the Bodies", "Hilary Mantel"),
    ];
    // The second spine's title is read with the first's author beside it.
    assert_eq!(
        recognised(
            &[
                "WOLF HALL / HILARY MANTEL",
                "WOLF HALL / HILARY MANTEL",
                "BRING UP THE BODIES / MANTEL"
            ],
            &books
        )
        .len(),
        2
    );
    let shelf = shelf(&["EMMA / JANE AUSTEN"]);
    let candidates = vec![vec![
        record("Emma", "Jane Austen"),
        record("Emma", "Jane Austen"),
    ]];
    let found = shelf.recognise(&candidates);
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(only.lines, [0, 1]);
    assert_eq!(only.spine, 0);
    assert!(only.confidence > 0.9);
}

#[test]
fn words_that_were_read_as_one_are_those_of_a_title_or_a_name() {
    for (spine, book) in [
        (
            "Christoffer / UNTERDEM / STURM / CARLSSON",
            ("Unter dem Sturm", "Christoffer Carlsson"),
        ),
        (
            "RICHARD BACH DieMöwelonathan",
            ("Die Möwe Jonathan", "Richard Bach"),
        ),
        (
            "DER GESANG DER FLUSSKREBSE / DELIAOWENS",
            ("Der Gesang der Flusskrebse", "Delia Owens"),
        ),
    ] {
        assert_eq!(recognised(&[spine], &[book]), [book.0], "{spine}");
    }
    // Without an author, a word is another title than two.
    let books = [("Mine Craft Secrets", "Somebody")];
    assert_eq!(recognised(&["MINECRAFT SECRETS"], &books), [""; 0]);
}

#[test]
fn a_compound_with_a_hyphen_is_a_title_of_one_word() {
    let books = [("Bhagavad-gītā", "Somebody Else")];
    assert_eq!(recognised(&["Bhagavad-gitā"], &books), [""; 0]);
    let books = [("Bhagavad-gītā wie sie ist", "Swami Prabhupāda")];
    assert_eq!(
        recognised(&["Bhagavad-gitā / wie sie ist"], &books).len(),
        1
    );
}

#[test]
fn a_publisher_s_number_is_no_lettering_to_explain() {
    let maria = ("Maria", "Francine Rivers");
    assert_eq!(
        recognised(&["Francine Rivers / Maria / 05458"], &[maria]),
        ["Maria"]
    );
    // Numbers of one or two digits beside small lettering are none either.
    let spine = "BLUEBEARD / KURT VONNEGUT / ^30";
    assert_eq!(
        recognised(&[spine], &[("Bluebeard", "Kurt Vonnegut")]),
        ["Bluebeard"]
    );
    // A year is.
    let spine = "ALMANAC / 2024 / JOHN SMITH";
    let books = [
        ("Almanac 2023", "John Smith"),
        ("Almanac 2024", "John Smith"),
    ];
    assert_eq!(recognised(&[spine], &books), ["Almanac 2024"]);
}

#[test]
fn of_two_titles_that_differ_in_an_article_the_one_that_was_read_is_the_book() {
    let books = [
        ("Luminaries", "Eleanor Catton"),
        ("The Luminaries", "Eleanor Catton"),
    ];
    let spine = "LUMINARIES / CATTON | THE / ELEANOR";
    assert_eq!(recognised(&[spine], &books), ["The Luminaries"]);
}

#[test]
fn the_large_lines_of_a_spine_are_searched_for_first() {
    let shelf = shelf(&["The Connected Child / ~to your adoptive family, hope and healing"]);
    let words = |reach| shelf.query(0, reach).map(|query| query.words().to_vec());
    assert_eq!(words(Reach::Large).unwrap(), ["connected", "child"]);
    assert!(words(Reach::Axis).unwrap().contains(&"adoptive".to_owned()));
}

#[test]
fn neighbours_are_searched_for_only_when_they_add_words() {
    let shelf = shelf(&["THE BODY KEEPS | THE SCORE / ~PENGUIN", "BABEL | ~9"]);
    let words = |spine, reach| {
        let query = shelf.query(spine, reach);
        query.map(|query| query.words().to_vec())
    };
    assert_eq!(words(0, Reach::Large).unwrap(), ["keeps", "body"]);
    assert_eq!(words(0, Reach::Axis), None, "it asks for the same");
    assert_eq!(
        words(0, Reach::Neighbours).unwrap(),
        ["keeps", "score", "body"]
    );
    assert_eq!(words(1, Reach::Axis), None);
    assert_eq!(words(1, Reach::Neighbours), None);
    assert_eq!(words(2, Reach::Axis), None);
}

#[test]
fn positions_that_do_not_exist_are_passed_over() {
    let mut shelf = shelf(&["EMMA / JANE AUSTEN"]);
    shelf.spines[0].lines.push(99);
    shelf.spines[0].beside.push(7);
    let candidates = vec![vec![record("Emma", "Jane Austen")], Vec::new()];
    assert_eq!(shelf.recognise(&candidates).len(), 1);
    assert!(shelf.query(0, Reach::Large).is_some());
    assert_eq!(shelf.recognise(&[]), []);
}

fn search(spines: &[&str]) -> SpineSearch {
    SpineSearch::new(shelf(spines), &crate::Endpoints::default())
}

#[test]
fn spines_are_searched_for_in_batches_and_the_rest_with_its_neighbours() {
    let mut spines = vec![
        "WOLF HALL / HILARY MANTEL",
        "BABEL | R.F. KUANG / THE POPPY",
        "~9",
    ];
    spines.extend(["SOME UNKNOWN LETTERING"; 7]);
    let mut search = search(&spines);
    let lookups = search.next();
    let asked: Vec<&[usize]> = lookups.iter().map(|l| l.spines.as_slice()).collect();
    assert_eq!(asked, [&[0, 3, 4, 5, 6, 7][..], &[8, 9]]);
    assert_eq!(search.next(), [], "while answers are awaited");
    let url = search.request(&lookups[0]).url;
    assert!(
        url.starts_with(
            "https://openlibrary.org/search.json?q=%28%28hilary+AND+%28%28mantel+AND+%28wolf+OR+hall%29%29+OR+"
        ) && url.contains("&limit=120"),
        "{url}"
    );
    search.answered(&lookups[1], Some(Vec::new()));
    search.answered(
        &lookups[0],
        Some(vec![record("Wolf Hall", "Hilary Mantel")]),
    );

    let lookups = search.next();
    let [lookup] = lookups.as_slice() else {
        panic!("{lookups:?}");
    };
    assert_eq!(lookup.spines, [1], "only it has words beside it");
    search.answered(lookup, Some(vec![record("Babel", "R. F. Kuang")]));
    assert_eq!(search.next(), []);
    let found = search.finish();
    let mut titles: Vec<_> = found
        .books
        .iter()
        .map(|b| b.record.work.title.as_str())
        .collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Babel", "Wolf Hall"]);
    let unknown: Vec<usize> = found.unknown.iter().map(|unknown| unknown.spine).collect();
    assert_eq!(unknown, [3, 4, 5, 6, 7, 8, 9]);
    assert!(found.complete);
}

#[test]
fn a_search_that_was_not_answered_is_incomplete() {
    let mut without_answer = search(&["WOLF HALL / HILARY MANTEL"]);
    // By nearly all of its words, and by some.
    for _ in 0..2 {
        let lookups = without_answer.next();
        assert_eq!(lookups.len(), 1);
        without_answer.answered(&lookups[0], None);
    }
    assert_eq!(without_answer.next(), []);
    let found = without_answer.finish();
    let unknown = UnknownSpine::default();
    assert_eq!(
        found.unknown,
        [unknown],
        "the first, of which nothing is known"
    );
    assert!(!found.complete && found.books.is_empty());

    let mut cut_off = search(&["WOLF HALL / HILARY MANTEL"]);
    assert_eq!(cut_off.next().len(), 1);
    assert!(!cut_off.finish().complete);

    let nobody = crate::Endpoints {
        open_library: None,
        ..crate::Endpoints::default()
    };
    let mut nobody = SpineSearch::new(shelf(&["WOLF HALL / HILARY MANTEL"]), &nobody);
    assert_eq!(nobody.next(), []);
    assert!(!nobody.finish().complete);
}

/// The candidates for each spine that names no book: titles, each with its reason.
fn near(spines: &[&str], books: &[(&str, &str)]) -> Vec<Vec<(String, NearReason)>> {
    let mut search = search(spines);
    loop {
        let lookups = search.next();
        if lookups.is_empty() {
            break;
        }
        for lookup in lookups {
            let records = books.iter().map(|(t, a)| record(t, a)).collect();
            search.answered(&lookup, Some(records));
        }
    }
    let unknown = search.finish().unknown;
    let named = |near: Near| (near.record.work.title, near.reason);
    unknown
        .into_iter()
        .map(|unknown| unknown.near.into_iter().map(named).collect())
        .collect()
}

#[test]
fn a_spine_that_names_no_book_has_candidates_out_of_the_answers() {
    let unsure = |title: &str| (title.to_owned(), NearReason::Unsure);
    let books = [
        ("Emma", "Jane Austen"),
        ("Christine", "Stephen King"),
        ("Wolf Hall", "Hilary Mantel"),
    ];
    // A title of one word lacks its author, as a name that is somebody else's does.
    assert_eq!(
        near(&["CHRISTINE / NÖSTLINGER"], &books),
        [[unsure("Christine")]]
    );
    // Nothing that was read points to any of them.
    assert_eq!(near(&["GARDENS OF VIENNA"], &books), [[]]);
    // The author's other book, of which a word was read.
    assert_eq!(
        near(
            &["WOLF / HILARY MANTEL"],
            &[("The Mirror, the Wolf and the Light", "Hilary Mantel")]
        ),
        [[(
            "The Mirror, the Wolf and the Light".to_owned(),
            NearReason::OtherTitle
        )]]
    );
}

#[test]
fn candidates_of_a_spine_are_few_and_none_is_a_book_that_is_there() {
    // Numbers would be volumes, and another volume is no candidate.
    let books: Vec<(String, String)> = ["Kings", "Queens", "Rivers", "Stars", "Storms", "Towers"]
        .iter()
        .map(|what| (format!("Rising of {what}"), format!("{what} Writer")))
        .chain([("Wolf Hall".to_owned(), "Hilary Mantel".to_owned())])
        .collect();
    let books: Vec<(&str, &str)> = books
        .iter()
        .map(|(t, a)| (t.as_str(), a.as_str()))
        .collect();
    let spines = ["RISING OF / SOMETHING", "WOLF HALL / HILARY MANTEL"];
    let [near] = near(&spines, &books).try_into().unwrap();
    assert_eq!(near.len(), MAX_NEAR, "{near:?}");
    assert!(near.iter().all(|(title, _)| title.starts_with("Rising")));

    let twice = ["WOLF HALL / HILARY MANTEL", "WOLF HALL / BOOKER PRIZE"];
    let unnamed = self::near(&twice, &[("Wolf Hall", "Hilary Mantel")]);
    assert_eq!(unnamed, [[]]);
}

#[test]
fn requests_stay_short_however_long_the_lettering() {
    let long: Vec<String> = (0..40)
        .map(|n| {
            let word = |i: u8| char::from(b'a' + i).to_string().repeat(20 + n % 5);
            (0..9u8).map(word).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let mut search = search(&long);
    let lookups = search.next();
    assert_eq!(lookups.iter().map(|l| l.spines.len()).sum::<usize>(), 40);
    for lookup in &lookups {
        assert!(search.request(lookup).url.len() < 7_000);
    }
}
