//! The meanings of columns' headers, in the languages that readers write.
//!
//! To teach it a language, add a section to the table of [`languages`].

mod languages;
mod questions;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::OnceLock;

use super::field::Field::{self, *};
use super::field::IDENTITIES;
use super::reading::Certainty;
use crate::date::DateOrder;
use crate::text::{clean, joined, words};
use crate::word_list::is_in;
use languages::{ENGLISH, GERMAN, LANGUAGES};

/// Words that change nothing: "Title of the Book", "My Rating", "Author's Name".
const NOISE: &str = "the of my i a an it in for on own your user personal number no nr num de del de la le les du \
    der die das des da do o os as i il lo";

/// Words that make a column something else than the field its other words name.
const OTHERS: &str = "average avg ave mean community critic critics global total url urls uri link links image images cover path \
    file role roles sort key keys birth born death gender nationality country language place location price value \
    currency position positions review note notes count original alternate alternative translated publication magazine \
    journal series percentage percent progress current owner loaned borrowed lent lending recommended sponsored \
    goodreads amazon storygraph spice heat steam \
    durchschnitt durchschnittliche moyenne media promedio srednia средняя средний ratings votes qid cw slate type";

/// Words that make a header that of a date: words of the one kind and words of the other.
const DATE_WORDS: &str = "date dates day when datum data fecha dato дата 日期 日 날짜 am time on";
const KINDS_OF_DATES: &[(Field, &str)] = &[
    (
        DateStarted,
        "started start began begin begun beginning begonnen debut inicio inizio начала 開始 开始",
    ),
    (
        DateRead,
        "read finished finish completed complete end ended done gelesen beendet lu lecture fin lectura leido lido \
         leitura lettura letto fine gelezen przeczytania прочтения прочитане прочитання прочитано 読了 完成 读完",
    ),
    (
        DateAdded,
        "added add registered recorded logged acquired bought buy got purchased purchase entered entry created hinzugefugt gekauft ajout achat compra \
         acquisto dodania добавления 追加 購入 添加",
    ),
    (
        Year,
        "published publication publishing publish released release issued erschienen veroffentlicht parution publicacion \
         pubblicazione wydania издания 出版 発売",
    ),
];

/// Single words that name a field by themselves, for headers with words that are not known.
const KEYWORDS: &[(Field, &str)] = &[
    (Isbn, "isbn isbn13 isbn10"),
    (
        Pages,
        "pages page seiten seitenzahl paginas pagine páginas strony страниц ページ数 页数",
    ),
    (
        Rating,
        "rating rated stars bewertung sterne estrellas estrelas stelle voto ocena оценка 評価 评分",
    ),
    (
        Publisher,
        "publisher verlag editeur editorial editora editore uitgever wydawnictwo издательство 出版社",
    ),
    (Status, "status statut"),
    (
        Title,
        "title titel titre titulo titolo tytul название 书名 書名 タイトル",
    ),
    (
        Author,
        "author authors autor auteur autore auteurs autores autoren автор 作者 著者 writer",
    ),
];

/// The meaning of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub field: Field,
    pub certainty: Certainty,
    /// The order of day and month in the language of the header.
    pub order: DateOrder,
}

/// The one thing that a header names beside a column of titles: "Book - Author".
pub(super) fn beside_titles(header: &str) -> Option<Field> {
    let known = dictionary().get(&key(header)).map(|meaning| meaning.field);
    known.or_else(|| by_keywords(header))
}

/// Whether a text is in the table of headers, which is quick to say.
pub(super) fn is_in_table(text: &str) -> bool {
    text.len() < 60 && dictionary().get(&key(text)).is_some()
}

/// The meaning of this header, exact or likely; `None` when it is not known.
pub(super) fn meaning(header: &str) -> Option<Meaning> {
    let exact = known_meaning(header);
    if exact.is_some() {
        return exact;
    }
    let header = clean(&split_camel_case(header), 100);
    let bare = without_brackets(&header);
    let likely = |field| Meaning {
        field,
        certainty: Certainty::Likely,
        order: DateOrder::Unknown,
    };
    names_both(&header)
        .then_some(TitleAndAuthor)
        .or_else(|| by_keywords(bare))
        .or_else(|| by_typing_error(bare))
        .map(likely)
}

/// The meaning of a header that is in the table, whatever its case, accents and punctuation.
pub(super) fn known_meaning(header: &str) -> Option<Meaning> {
    // Longer ones are sentences.
    if header.len() > 200 {
        return None;
    }
    let is_star = |c: char| matches!(c, '★' | '⭐' | '☆' | '🌟' | '\u{fe0f}');
    if !header.is_ascii() && header.trim().chars().all(is_star) {
        return Some(Meaning {
            field: Rating,
            certainty: Certainty::Certain,
            order: DateOrder::Unknown,
        });
    }
    let header = clean(&split_camel_case(header), 100);
    // Not "Book author": "Book / Author".
    let is_apart = [" - ", " – "].iter().any(|dash| header.contains(dash));
    if (is_apart || header.contains(['/', '&', '+'])) && names_both(&header) {
        return Some(Meaning {
            field: TitleAndAuthor,
            certainty: Certainty::Likely,
            order: DateOrder::Unknown,
        });
    }
    let dictionary = dictionary();
    let whole = dictionary.get(&key(&header));
    let is_in_table = whole.is_some();
    if (!is_in_table || header.contains(['#', '№'])) && asks_for_place(&header) {
        return Some(Meaning {
            field: SeriesPosition,
            certainty: Certainty::Certain,
            order: DateOrder::Unknown,
        });
    }
    let bare = without_brackets(&header);
    whole
        .or_else(|| dictionary.get(&key(bare)))
        .or_else(|| {
            let found = dictionary.get(&short_key(&words(bare)))?;
            (!counts_ratings(found.field, bare) && !counts_volumes(found.field, bare))
                .then_some(found)
        })
        .copied()
        .map(|meaning| match meaning.field {
            // "Book #"
            Title if header.contains('#') => Meaning {
                field: SeriesPosition,
                ..meaning
            },
            // "% Read"
            Read | DateRead if header.contains('%') => Meaning {
                field: Progress,
                ..meaning
            },
            _ => meaning,
        })
        .map(|meaning| match says_other(&header) {
            // "Title (sort)" beside "Title"
            true => Meaning {
                certainty: Certainty::Likely,
                ..meaning
            },
            false => meaning,
        })
        .or_else(|| numbered(bare))
        .or_else(|| person_part(&header).map(PersonPart::meaning))
        .or_else(|| said_twice(&header))
        .or_else(|| on_a_scale(&header))
        .or_else(|| questions::meaning(&header))
}

/// Whether a header asks for the number in a series: "Series #", "Nr. in Reihe".
fn asks_for_place(header: &str) -> bool {
    const SERIES: &str = "series serie reihe reeks saga cycle cyklus zyklus cykl cyklu serii ciclo sarja serien serija серия серии цикл цикле";
    const NUMBERS: &str = "no nr num number numero nummer n band bd deel teil tome volume vol part installment \
        instalment order numer номер";
    const BETWEEN: &str = "in the of der die in dans la na no della nella de en el w v в i";
    let words = words(header);
    let is_in = |list: &'static str, word: &str| listed(list).contains(word);
    let Some(series) = words.iter().position(|word| is_in(SERIES, word)) else {
        return false;
    };
    let is_number = |(at, word): (usize, &String)| at != series && is_in(NUMBERS, word);
    let has_number = header.contains(['#', '№']) || words.iter().enumerate().any(is_number);
    let is_part =
        |word: &String| is_in(SERIES, word) || is_in(NUMBERS, word) || is_in(BETWEEN, word);
    // "Series/Volume" has both, "Number of series" counts them.
    let is_other = header.contains('/') || words.len() > 2 && words[words.len() - 2] == "of";
    has_number && !is_other && words.iter().all(is_part)
}

/// Whether the brackets behind a header make it another one: "Title (original)".
fn says_other(header: &str) -> bool {
    let inside = &header[without_brackets(header).len()..];
    let others = ["sort", "sorted", "sorting", "original", "translated", "url"];
    words(inside)
        .iter()
        .any(|word| others.contains(&word.as_str()))
}

/// A part of the name of one of several people: "Author 2 First", "Author MI".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PersonPart {
    pub field: Field,
    /// Number of the person, from 1.
    pub person: u32,
    pub is_middle: bool,
}

impl PersonPart {
    fn meaning(self) -> Meaning {
        Meaning {
            field: self.field,
            certainty: Certainty::Certain,
            order: DateOrder::Unknown,
        }
    }
}

/// The part of a person's name that a header names.
pub(super) fn person_part(header: &str) -> Option<PersonPart> {
    const PEOPLE: &str = "author authors autor auteur autore writer verfasser auteurs autoren";
    const FIRST: &str =
        "first forename forenames given vorname vornamen christian prenom voornaam imie";
    const LAST: &str = "last surname nachname family familienname achternaam nazwisko apellido apellidos cognome sobrenome";
    const MIDDLE: &str = "middle mi initial initials zweitname";
    let mut part = None;
    let mut person = 1;
    let mut is_middle = false;
    let mut names_people = false;
    for word in words(&split_camel_case(header)) {
        if is_in(PEOPLE, &word) {
            names_people = true;
        } else if is_in(FIRST, &word) {
            part = part.or(Some(FirstName));
        } else if is_in(LAST, &word) {
            part = part.or(Some(LastName));
        } else if is_in(MIDDLE, &word) {
            part = part.or(Some(FirstName));
            is_middle = true;
        } else if let Some(number) = word.parse().ok().filter(|number| (1..50).contains(number)) {
            person = number;
        } else if !matches!(
            word.as_str(),
            "name" | "names" | "of" | "s" | "the" | "des" | "de"
        ) {
            return None;
        }
    }
    Some(PersonPart {
        field: part.filter(|_| names_people)?,
        person,
        is_middle,
    })
}

/// The meaning of a header that names one thing in two languages, "gelesen / read", or the two
/// things by which a book is told: "ISBN / Title".
fn said_twice(header: &str) -> Option<Meaning> {
    let mut between = [
        "/", "&", "+", "|", " or ", " oder ", " ou ", " and ", " und ",
    ]
    .iter();
    let (one, other) = between.find_map(|between| header.split_once(*between))?;
    let meaning = |part: &str| dictionary().get(&key(part)).copied();
    let (one, other) = (meaning(one)?, meaning(other)?);
    match (one.field, other.field) {
        (Isbn | IsbnOrId, Title) => Some(other),
        (Title, Isbn | IsbnOrId) => Some(one),
        (a, b) => (a == b).then_some(one),
    }
}

/// Whether a header says that reading has come to an end, so that a "no" below it leaves open
/// whether it has begun.
pub(super) fn says_finished(header: &str) -> bool {
    const FINISHED: &str = "finished finish completed complete done ended beendet abgeschlossen fertig ausgelesen termine \
        fini terminado acabado finalizado finito completato terminato uitgelezen ukonczono закончено дочитано \
        concluido";
    let finished = listed(FINISHED);
    words(header).iter().any(|word| finished.contains(word))
}

/// Whether a header names what a person does for a book besides writing it.
pub(super) fn is_role(header: &str) -> bool {
    const ROLES: &str = "artist illustrator translator editor narrator penciller penciler inker colorist colourist \
        letterer zeichner ubersetzer herausgeber sprecher dessinateur scenariste traducteur illustrateur dibujante \
        traductor ilustrador traduttore disegnatore publisher language country location";
    let roles = listed(ROLES);
    words(header).iter().any(|word| {
        roles.contains(word)
            || word
                .strip_suffix('s')
                .is_some_and(|one| roles.contains(one))
    })
}

/// Whether a header is in the table with just these accents.
pub(super) fn is_spelled_so(header: &str) -> bool {
    let header = header.to_lowercase();
    let mut all = LANGUAGES.iter().flat_map(|language| language.headers);
    all.any(|(_, headers)| headers.split(", ").any(|known| known == header))
}

/// The meaning of a rating's header that says its scale: "Ma note /10", "Note sur 20".
fn on_a_scale(header: &str) -> Option<Meaning> {
    scale_in(header)?;
    let mut words = words(header);
    let number = words
        .iter()
        .position(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    words.truncate(number);
    while words
        .last()
        .is_some_and(|word| is_in("out of sur von de su aus na из op", word))
    {
        words.pop();
    }
    let meaning = *dictionary().get(&words.concat())?;
    matches!(meaning.field, Rating | RatingOrNotes).then_some(Meaning {
        field: Rating,
        ..meaning
    })
}

/// Whether a header is German, and not English as well.
pub(super) fn is_german(header: &str) -> bool {
    let key = key(header);
    let is_in = |language: usize| {
        let mut headers = LANGUAGES[language].headers.iter();
        headers.any(|(_, known)| known.split(", ").any(|known| self::key(known) == key))
    };
    is_in(GERMAN) && !is_in(ENGLISH)
}

/// Whether a header names marks as German schools give them: "Schulnote", "Note (1-6)".
pub(super) fn is_school_grade(header: &str) -> bool {
    let words = words(header);
    let has = |word: &str| words.iter().any(|other| other == word);
    let german = ["note", "zensur", "benotung", "bewertung", "wertung", "wie"];
    has("schulnote") || german.into_iter().any(has) && has("1") && (has("6") || has("gut"))
}

/// Whether a rating is for a part of a book: its plot, its style.
pub(super) fn is_part_of_book(header: &str) -> bool {
    const PARTS: &str = "plot story style writing prose character characters world worldbuilding pace pacing ending \
        atmosphere narration narrator performance romance humor humour enjoyment intrigue logic dialogue handlung stil schreibstil \
        charaktere figuren spannung ende sprecher personnages ecriture trama estilo personajes stile personaggi \
        enredo personagens";
    let parts = listed(PARTS);
    words(&split_camel_case(header))
        .iter()
        .any(|word| parts.contains(word))
}

/// The meaning of one of several columns that are told apart by a number: "Read 1", "Read 2".
fn numbered(header: &str) -> Option<Meaning> {
    let words = words(header);
    // "First read", "2nd read"
    if let Some((first, name)) = words.split_first()
        && is_ordinal(first)
        && let Some(meaning) = dictionary().get(&name.concat())
        && matches!(meaning.field, Read | DateRead | DateStarted)
    {
        return Some(*meaning);
    }
    let (number, name) = words.split_last()?;
    let number: u32 = number
        .parse()
        .ok()
        .filter(|number| (1..20).contains(number))?;
    let meaning = *dictionary().get(&name.concat())?;
    let field = match meaning.field {
        Author if number > 1 => MoreAuthors,
        field @ (Author | Read | DateRead | DateStarted | Tags | Shelves | MoreAuthors) => field,
        _ => return None,
    };
    Some(Meaning { field, ..meaning })
}

fn is_ordinal(word: &str) -> bool {
    is_in(
        "first second third fourth fifth sixth 1st 2nd 3rd 4th 5th 6th",
        word,
    )
}

/// The number of a column among several of a kind: "Read 2", "Second read".
pub(super) fn ordinal(header: &str) -> Option<u32> {
    let words = words(header);
    let number = |word: &String| match word.as_str() {
        "first" => Some(1),
        "second" => Some(2),
        "third" => Some(3),
        word => word.trim_end_matches(char::is_alphabetic).parse().ok(),
    };
    words
        .first()
        .filter(|word| is_ordinal(word))
        .or(words.last())
        .and_then(number)
}

/// Whether a header names how many people rated a book, and not a rating: "No. of ratings".
fn counts_ratings(field: Field, header: &str) -> bool {
    let is_count = |word: &String| matches!(word.as_str(), "no" | "nr" | "num" | "number");
    field == Rating && words(header).iter().any(is_count)
}

/// Whether a header says that a value is the reader's own: "My Rating", "Meine Bewertung".
pub(super) fn is_personal(header: &str) -> bool {
    const OWN: &str = "my your user personal own meine eigene ma votre mi tu personale mio minha \
        mijn moja moje моя 我的 マイ 自分 내 min mitt";
    let own = listed(OWN);
    words(&split_camel_case(header))
        .iter()
        .any(|word| own.contains(word))
}

/// Whether a header names nothing: it is empty, or what programs write for an empty one.
pub(super) fn is_no_name(header: &str) -> bool {
    let key = key(header);
    let bare = key.trim_end_matches(|c: char| c.is_ascii_digit());
    key.is_empty()
        || (bare.len() < key.len() || bare == "unnamed")
            && (bare.is_empty()
                || is_in(
                    "unnamed column field spalte colonne columna coluna colonna kolumna kolom 列 столбец f c",
                    bare,
                ))
}

/// Whether a header may name the number of a row, and not of a volume.
pub(super) fn is_counter(header: &str) -> bool {
    let key = key(header);
    key.is_empty()
        || key == "book" && header.contains('#')
        || [
            "no",
            "nr",
            "num",
            "number",
            "nummer",
            "numero",
            "номер",
            "index",
            "lp",
            "numer",
            "serial",
            "book no",
            "book number",
            "book num",
        ]
        .iter()
        .any(|word| joined(word) == key)
}

/// Whether a header names the day on which the status of a book was set, or the book was open last:
/// the day of its end only if it was read.
pub(super) fn is_day_of_status(header: &str) -> bool {
    [
        "last read",
        "date last read",
        "last read time",
        "标记日期",
        "标记时间",
    ]
    .iter()
    .any(|known| key(known) == key(&split_camel_case(header)))
}

/// Whether a header counts the volumes of a set, and names no place: "Number of Volumes".
fn counts_volumes(field: Field, header: &str) -> bool {
    let words = words(header);
    field == SeriesPosition && words.last().is_some_and(|word| word == "volumes")
}

/// Whether a header is nothing but "date".
pub(super) fn is_bare_date(header: &str) -> bool {
    let key = key(header);
    [
        "date",
        "datum",
        "fecha",
        "data",
        "дата",
        "日期",
        "日付",
        "날짜",
        "dato",
        "tarih",
        "päivämäärä",
        "pvm",
        "dátum",
        "ημερομηνία",
        "datums",
        "kuupäev",
        "วันที่",
        "التاريخ",
        "תאריך",
        "تاریخ",
        "दिनांक",
        "तारीख",
        "tanggal",
        "ngày",
    ]
    .iter()
    .any(|word| self::key(word) == key)
}

/// The order of day and month that a header tells: "Finished (dd/mm/yyyy)".
pub(super) fn date_order_in(header: &str) -> DateOrder {
    let words = words(header);
    let order = |day: &str, month: &str| {
        words
            .windows(2)
            .any(|pair| pair[0] == day && pair[1] == month)
    };
    if order("dd", "mm") || order("d", "m") || order("tt", "mm") || order("jj", "mm") {
        DateOrder::DayFirst
    } else if order("mm", "dd") || order("m", "d") {
        DateOrder::MonthFirst
    } else {
        DateOrder::Unknown
    }
}

/// Whether a header is known to name what books can be looked up by.
pub(super) fn names_book(header: &str) -> bool {
    known_meaning(header).is_some_and(|meaning| IDENTITIES.contains(&meaning.field))
}

/// Whether a header names title and author at once: "Book and author", "Title / Author".
fn names_both(header: &str) -> bool {
    let words = words(header);
    let has = |list: &'static str| words.iter().any(|word| listed(list).contains(word));
    let title = "title titel titre titulo titolo book buch livre libro livro название книга";
    let author = "author authors autor auteur autore writer автор";
    words.len() < 6
        && has(title)
        && has(author)
        && !has("name sort url role id")
        && has("and und et y e with by von de di")
        || header.contains(['/', '-', '–']) && words.len() == 2 && has(title) && has(author)
}

/// The meaning of a phrase by its words.
fn by_keywords(header: &str) -> Option<Field> {
    let words = words(header);
    let has = |list: &'static str| words.iter().any(|word| listed(list).contains(word));
    if words.len() > 6 || has(OTHERS) {
        return None;
    }
    if has(DATE_WORDS) || words.iter().any(|word| word == "year") {
        let kind = KINDS_OF_DATES.iter().find(|(_, list)| has(list));
        if let Some((field, _)) = kind {
            return Some(*field);
        }
    }
    let mut named = KEYWORDS.iter().filter(|(_, list)| has(list));
    match (named.next(), named.next()) {
        // A part of a name is none: "First author".
        (Some((Author, _)), None)
            if has("first last given surname vorname nachname mi middle initial suffix prefix") =>
        {
            None
        }
        // "Publisher of the book" names one thing, "Author and Title" two.
        (Some((field, _)), None) => Some(*field),
        _ => None,
    }
}

/// The meaning of a header that a typing error separates from a known one: a letter that is other,
/// missing, or in another place.
fn by_typing_error(header: &str) -> Option<Field> {
    let key = key(header);
    let length = key.chars().filter(|c| !c.is_ascii_digit()).count();
    let all = key.chars().count();
    let has_same_end = |word: &str| {
        word.chars().next() == key.chars().next()
            || word.chars().next_back() == key.chars().next_back()
    };
    let words_of_header = words(header);
    // "Author 2 First" is no "Author First".
    let is_second =
        |word: &String| word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_digit());
    // "Number" is no "Nummer": it counts the rows.
    if words_of_header.iter().any(is_second)
        || length < 5
        // "Lent to" is no "letto".
        || length < 8 && words_of_header.len() > 1
        || key == "number"
        // No publisher, but a person.
        || key == "editor"
        // No family name, but where a card lies.
        || key == "listname"
        || listed(OTHERS).contains(&key)
    {
        return None;
    }
    let dictionary = dictionary();
    (dictionary.places.keys())
        .filter(|known| {
            let count = known.chars().count();
            // One error leaves one of the ends as it was.
            count >= 5
                && count.abs_diff(all) <= 1
                && has_same_end(known)
                && strsim::osa_distance(known, &key) == 1
        })
        .filter_map(|known| Some(dictionary.get(known)?.field))
        // The map has no order.
        .min()
}

/// All headers of the table.
#[derive(Default)]
struct Dictionary {
    /// The place of each header's meaning: one kind of map for all is less code.
    places: HashMap<String, usize>,
    meanings: Vec<Meaning>,
}

impl Dictionary {
    /// Adds a header, if it is not there.
    fn add(&mut self, header: String, meaning: Meaning) {
        if !self.places.contains_key(&header) {
            self.places.insert(header, self.meanings.len());
            self.meanings.push(meaning);
        }
    }

    fn get(&self, header: &str) -> Option<&Meaning> {
        self.meanings.get(*self.places.get(header)?)
    }
}

fn dictionary() -> &'static Dictionary {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    DICTIONARY.get_or_init(|| {
        let mut dictionary = Dictionary::default();
        let mut shortened = Vec::new();
        for language in LANGUAGES {
            for (field, headers) in language.headers {
                for header in headers.split(", ") {
                    let meaning = Meaning {
                        field: *field,
                        certainty: Certainty::Certain,
                        order: language.order,
                    };
                    let words = words(header);
                    shortened.push((short_key(&words), meaning));
                    dictionary.add(words.concat(), meaning);
                }
            }
        }
        // What is left without noise gives way to what is said in full.
        for (short, meaning) in shortened {
            if short.chars().count() > 3 {
                dictionary.add(short, meaning);
            }
        }
        dictionary
    })
}

/// The words of lists, by the address and length of each list.
type Lists = Vec<((*const u8, usize), Rc<HashSet<String>>)>;

thread_local! {
    /// The lists that were asked for.
    static LISTED: RefCell<Lists> = RefCell::default();
}

/// The words of one of the lists here, comparable. They are read once: every cell of a file's first
/// lines may be a header, and is compared with most lists.
fn listed(list: &'static str) -> Rc<HashSet<String>> {
    LISTED.with_borrow_mut(|known| {
        let address = (list.as_ptr(), list.len());
        if let Some((_, words)) = known.iter().find(|(known, _)| *known == address) {
            return Rc::clone(words);
        }
        let words = Rc::new(words(list).into_iter().collect());
        known.push((address, Rc::clone(&words)));
        words
    })
}

/// A header without case, accents, spaces and signs.
fn key(header: &str) -> String {
    joined(header)
}

/// The [`key`] of a header of these words without those that change nothing, and without plurals.
fn short_key(words: &[String]) -> String {
    let noise = listed(NOISE);
    words
        .iter()
        .filter(|word| !noise.contains(*word))
        .map(|word| match word.strip_suffix('s') {
            Some(singular) if singular.len() > 3 && !singular.ends_with('s') => singular,
            _ => word,
        })
        .collect()
}

fn without_brackets(header: &str) -> &str {
    match header.find(['(', '[', '（', '<']) {
        Some(at) if at > 0 => header[..at].trim_end(),
        _ => header,
    }
}

/// Splits a name in camel case into words: "dateRead" becomes "date Read".
fn split_camel_case(header: &str) -> String {
    let mut split = String::new();
    let mut before = ' ';
    for c in header.chars() {
        if before.is_lowercase() && c.is_uppercase() {
            split.push(' ');
        }
        split.push(c);
        before = c;
    }
    split
}

/// The scale that a header tells: "Rating (out of 10)", "Note /20".
pub(super) fn scale_in(header: &str) -> Option<f64> {
    let words = words(header);
    let number = |word: &String| match word.as_str() {
        "five" | "funf" | "cinq" | "cinco" => Some(5.0),
        // The throw of a die, with which Norwegian newspapers judge books.
        "terningkast" => Some(6.0),
        "ten" | "zehn" | "dix" | "diez" => Some(10.0),
        "hundred" | "hundert" | "cent" => Some(100.0),
        word => word.parse().ok(),
    };
    let number: f64 = words.iter().rev().find_map(number)?;
    let usual = [5.0, 6.0, 10.0, 20.0, 100.0];
    if usual.contains(&number) {
        return Some(number);
    }
    // "out of 4", "/7", "1–7"
    let last = words.iter().rposition(|word| word.parse() == Ok(number))?;
    let before = last.checked_sub(1).map(|at| words[at].as_str());
    let is_told = header.contains('/')
        || matches!(before, Some("of" | "von" | "sur" | "de" | "su" | "0" | "1"));
    (is_told && (3.0..=50.0).contains(&number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(header: &str) -> Option<Field> {
        meaning(header).map(|meaning| meaning.field)
    }

    #[test]
    fn headers_as_people_and_programs_write_them() {
        for (header, expected) in [
            ("Title", Title),
            ("Title of Book", Title),
            ("title of the book", Title),
            ("Book_Title", Title),
            ("bookTitle", Title),
            ("Tittle", Title),
            ("Author's Name", Author),
            ("Author 2 First", FirstName),
            ("Author MI", FirstName),
            ("Autor 1 Nachname", LastName),
            ("Series #", SeriesPosition),
            ("# in series", SeriesPosition),
            ("Nr. in Reihe", SeriesPosition),
            ("Deel in reeks", SeriesPosition),
            ("N° dans la série", SeriesPosition),
            ("Nº na série", SeriesPosition),
            ("Nr w serii", SeriesPosition),
            ("Series", Series),
            ("Series Name", Series),
            ("First read", Read),
            ("gelesen / read", Read),
            ("Schulnote", Rating),
            ("Datum", Year),
            ("Fecha", Year),
            ("Leseende", DateRead),
            ("Author(s)", Author),
            ("author_text", Author),
            ("Auther", Author),
            ("Author (Last, First)", AuthorLastFirst),
            ("ISBN #", Isbn),
            ("ISBN/UID", IsbnOrId),
            ("ISBN-13", Isbn),
            ("EAN_ISBN13", Isbn),
            ("My ISBN numbers", Isbn),
            ("Rating (out of 5)", Rating),
            ("My Rating /10", Rating),
            ("Ma note /10", Rating),
            ("Note sur 20", Rating),
            ("Item shelves", Shelves),
            ("Genres labels", Tags),
            ("Date d'entrée dans Babelio", DateAdded),
            ("Review Title", Review),
            ("Конец чтения", DateRead),
            ("⭐ Rating", Rating),
            ("Author and Title", TitleAndAuthor),
            ("Title / Author", TitleAndAuthor),
            ("Book / Author", TitleAndAuthor),
            ("Date I Finished It", DateRead),
            ("The day I finished reading", DateRead),
            ("finish_date", DateRead),
            ("Finished Reading", DateRead),
            ("dateRead", DateRead),
            ("When did I start", DateStarted),
            ("Day it was published", Year),
            ("Shelf / Status", Status),
            ("Read?", Read),
            ("# of pages", Pages),
            ("No. of Pages", Pages),
            ("My thoughts", Review),
            ("Autor/in", Author),
            ("Bewertung (1-10)", Rating),
            ("Gelesen am", DateRead),
            ("Titre du livre", Title),
            ("Maison d'édition", Publisher),
            ("Nombre de pages", Pages),
            ("Título", Title),
            ("Año de publicación", Year),
            ("Data de leitura", DateRead),
            ("Casa editrice", Publisher),
            ("Aantal pagina's", Pages),
            ("Tytuł", Title),
            ("Ocena użytkownika", Rating),
            ("Дата прочтения", DateRead),
            ("Моя оценка", Rating),
            ("书名", Title),
            ("我的评分", Rating),
            ("読了日", DateRead),
            ("タイトル", Title),
            ("제목", Title),
            ("Název knihy", Title),
            ("Författare", Author),
            ("Sayfa sayısı", Pages),
            ("المؤلف", Author),
        ] {
            assert_eq!(field(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn what_only_sounds_like_a_field_is_none() {
        for header in [
            "Average Rating",
            "Goodreads Rating",
            "Amazon Rating",
            "Number of Volumes",
            "Authors URLs",
            "Author Role",
            "Cover Image",
            "Original Title",
            "Publication Title",
            "Title Sort",
            "Moods",
            "Pace",
            "Loaned To",
            "a",
            "",
        ] {
            assert_eq!(field(header), None, "{header}");
        }
    }

    #[test]
    fn no_two_fields_of_a_language_share_a_header() {
        for language in LANGUAGES {
            let mut seen = HashMap::new();
            for (field, headers) in language.headers {
                for header in headers.split(", ") {
                    assert!(!key(header).is_empty(), "{header}");
                    if let Some(other) = seen.insert(key(header), field) {
                        assert_eq!(other, field, "{header}");
                    }
                }
            }
        }
    }

    #[test]
    fn scales_in_headers() {
        assert_eq!(scale_in("Rating (out of 10)"), Some(10.0));
        assert_eq!(scale_in("Note /20"), Some(20.0));
        assert_eq!(scale_in("Bewertung 1-5"), Some(5.0));
        assert_eq!(scale_in("Rating out of ten"), Some(10.0));
        assert_eq!(scale_in("Terningkast (1-6)"), Some(6.0));
        assert_eq!(scale_in("Mitt terningkast"), Some(6.0));
        assert_eq!(scale_in("Rating (out of 4)"), Some(4.0));
        assert_eq!(scale_in("Rating (1–7)"), Some(7.0));
        assert_eq!(scale_in("Rating"), None);
        assert_eq!(scale_in("Rating 2021"), None);
    }
}
