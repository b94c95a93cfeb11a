//! The names in a cell of a table: one or several, "Last, First" or "First Last", with roles.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::{MAX_NAME, TITLES, distinct, is_suffix};
use crate::text::{clean, words};

/// The meaning of a comma in the names of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NameOrder {
    /// Unknown: each name decides for itself.
    #[default]
    Unknown,
    /// The comma comes after the family name: `Le Guin, Ursula K.`
    LastFirst,
    /// The comma comes between two people: `Terry Pratchett, Neil Gaiman`
    FirstLast,
    /// No comma is needed, for the family name comes first without one: `Levi Primo`
    FamilyFirst,
}

/// Common given names, without accents: what tells `García Márquez, Gabriel` (one person) from
/// `Terry Pratchett, Neil Gaiman` (two). A translator may add to them.
const GIVEN_NAMES: &str = include_str!("given_names.txt");

/// Names of what people do for a book, as they stand in brackets or behind a comma.
const ROLES: &str = "author authors edited translated written compiled retold selected autor autorin auteur autrice autore autora verfasser writer \
    goodreads editor editors ed eds hrsg hg herausgeber herausgeberin editeur directeur \
    translator translators translation trans transl tr trad traducteur traductrice traductor \
    traductora traduttore traduttrice tradutor tradutora traduction ubersetzer ubersetzerin ubers \
    uebersetzer vertaler oversetter oversattare tlumacz tlumaczenie przeklad przekladatel \
    illustrator illustrations illustrated ill illus illustrateur illustratrice ilustrador \
    ilustradora illustratore zeichner photographer photographs fotograf narrator reader read \
    sprecher sprecherin narrateur narrador narratore lektor vorleser foreword introduction intro \
    afterword preface vorwort nachwort prologue prologo contributor contributors mitwirkender \
    herausgegeben traduit traduite traduzido traducido tradotto ubersetzt uebersetzt illustriert illustre \
    ilustrado illustrato vertaald edite editado curato \
    adapter adaptor adapted adaptation compiler comp artist penciller penciler inker colorist \
    colourist letterer cover mangaka story art creator series pseudonym pseud pen name \
    автор переводчик перевод редактор иллюстратор составитель \
    著 著者 作者 作 译 译者 訳 訳者 翻訳 编 编者 编著 編 編者 編著 编译 絵 画 文 原作 主编 监修 監修 지음 옮김 저 역 저자 역자 글 그림 \
    지은이 옮긴이 엮은이 그린이 감수";

/// Signs and words between two people.
const SEPARATORS: [char; 13] = [
    ';', '|', '/', '&', '\n', '+', '、', '，', '；', '｜', '／', '\\', '•',
];

/// Words between two people, unless what stands beside them is a part of a name ("Ortega y
/// Gasset").
const CONJUNCTIONS: [&str; 18] = [
    " and ", " und ", " et ", " y ", " e ", " en ", " og ", " och ", " i ", " a ", " и ", " with ",
    " — ", " – ", " u. ", " feat. ", " feat ", " ft. ",
];

/// Names that are one although a sign between two people is in them.
const COMPANIES_WITH_AND: [&str; 6] = [
    "marks & spencer",
    "simon & schuster",
    "barnes & noble",
    "procter & gamble",
    "ernst & young",
    "tom & jerry",
];

/// Names of companies and societies as authors, and words of which such names are made: no family
/// name comes before a comma behind or in front of them.
const COMPANIES: &str = "lonelyplanet nationalgeographic roughguides dorlingkindersley timeout readersdigest \
    americastestkitchen";
const WORDS_OF_COMPANIES: &str = "press publishing publications publishers university institute association society \
    committee department museum magazine editors staff guides kitchen studio studios team foundation verlag redaktion";

/// Authors of one name alone, before whose comma nobody's family name stands.
const SINGLE_NAMES: &str = "homer homere homero omero гомер plato platon plutarch virgil vergil ovid horace horaz aesop sophocles \
    sophokles euripides aeschylus aristotle aristoteles aristophanes herodotus thucydides xenophon seneca cicero \
    caesar voltaire moliere stendhal colette saki confucius laozi sappho hesiod";

/// The names in a cell of a column whose commas mean this.
pub(crate) fn names_in(cell: &str, order: NameOrder) -> Vec<String> {
    let cell = cell.trim();
    let by = ["by: ", "by:", "by "]
        .into_iter()
        .find_map(|by| (cell.get(..by.len())).filter(|begin| begin.eq_ignore_ascii_case(by)));
    let cell = by.map_or(cell, |by| &cell[by.len()..]);
    if order != NameOrder::FamilyFirst && is_plain_name(cell) {
        return vec![cell.to_owned()];
    }
    all_names_in(cell, order)
}

/// Whether a cell is the name of one person without anything to be told apart or taken away:
/// "Jane Austen", "Ursula K. Le Guin". Most cells are.
fn is_plain_name(cell: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'.');
    if cell.len() > MAX_NAME || !cell.bytes().all(is_of_name) {
        return false;
    }
    let (mut count, mut last) = (0, "");
    for word in cell.split(' ') {
        // Small letters make conjunctions, particles and roles; capitals alone family names.
        let mut letters = word.bytes();
        let is_capitalised = letters.next().is_some_and(|byte| byte.is_ascii_uppercase());
        let is_initial = matches!(word.as_bytes(), [_, b'.']);
        let has_small = letters.next().is_some_and(|byte| byte.is_ascii_lowercase());
        // "Hrsg."
        let is_shortened = word.len() > 2 && word.ends_with('.');
        if !is_capitalised || is_shortened || !(is_initial || has_small) {
            return false;
        }
        (count, last) = (count + 1, word);
    }
    count > 1
        && !last.ends_with('.')
        && !is_patronymic(last)
        && !cell.starts_with("Et ")
        && !cell.split(' ').all(is_role)
}

fn all_names_in(cell: &str, order: NameOrder) -> Vec<String> {
    let is_company = |name: &str| COMPANIES_WITH_AND.contains(&name.to_lowercase().as_str());
    if is_company(cell) || is_repeated(cell) {
        return vec![clean(cell, MAX_NAME)];
    }
    let people = people(cell);
    // In "Last, First; Last, First" each comma is inside a name.
    let order = match people.as_slice() {
        [_, _, ..] if all_have_one_comma(&people) => NameOrder::LastFirst,
        _ => order,
    };
    let names = people.iter().flat_map(|chunk| names_of(chunk, order));
    distinct(names.collect())
}

/// The meaning of commas in a cell, where it can be told.
pub(crate) fn order_in(cell: &str) -> Option<NameOrder> {
    let people = people(cell);
    if people.len() > 1 {
        return all_have_one_comma(&people).then_some(NameOrder::LastFirst);
    }
    let parts = Parts::of(people.first()?).0;
    match parts.as_slice() {
        [family, given] => match order_of_two(family, given) {
            Some(order) => Some(order),
            None if is_one_word(family) => Some(NameOrder::LastFirst),
            None => None,
        },
        [_, _, _, ..] => parts
            .iter()
            .all(|part| !is_one_word(part) && begins_with_given_name(part))
            .then_some(NameOrder::FirstLast),
        _ => None,
    }
}

/// The texts beside the only comma of a cell, where each may be a whole name: "Douglas Preston,
/// Lincoln Child".
pub(super) fn two_sides(cell: &str) -> Option<(String, String)> {
    let people = people(cell.trim());
    let [person] = people.as_slice() else {
        return None;
    };
    let Parts(parts, suffixes) = Parts::of(person);
    let [family, given] = parts.as_slice() else {
        return None;
    };
    let first_of_given = given.split_whitespace().next().unwrap_or_default();
    let is_told = suffixes.iter().any(Option::is_some)
        || is_one_word(family)
        || is_one_word(given)
        || begins_with_particle(family)
        || has_large_particle(family)
        || ends_with_particle(given)
        || is_title(first_of_given)
        || given.split_whitespace().next_back().is_some_and(is_initial);
    (!is_told).then(|| (family.clone(), given.clone()))
}

/// Whether the same name stands on both sides of an "&": "Johnson & Johnson".
fn is_repeated(cell: &str) -> bool {
    (cell.split_once(" & ")).is_some_and(|(a, b)| a == b && is_one_word(a) && !a.is_empty())
}

fn people(cell: &str) -> Vec<&str> {
    let mut people: Vec<&str> = cell
        .split(SEPARATORS)
        .flat_map(people_by_role)
        .filter(|chunk| !chunk.trim().is_empty())
        .collect();
    let is_conjunction = |word: &str| CONJUNCTIONS.iter().any(|known| known.trim() == word);
    if !cell.split(' ').any(is_conjunction) {
        return people;
    }
    for conjunction in CONJUNCTIONS {
        people = people
            .into_iter()
            .flat_map(|chunk| split_at_conjunction(chunk, conjunction))
            .collect();
    }
    people
}

/// Splits people behind each of whom stands what they did: "이민진 (지은이) 신승미 (옮긴이)",
/// "山田花・作　佐藤葉・訳".
fn people_by_role(chunk: &str) -> Vec<&str> {
    let spaced = || chunk.split('\u{3000}').map(str::trim);
    let has_role = |person: &str| {
        let role = person.rsplit(['・', ' ']).next().unwrap_or_default();
        role.len() < person.len() && is_role(role)
    };
    if chunk.contains('\u{3000}') && spaced().all(has_role) {
        return spaced().collect();
    }
    let mut people = Vec::new();
    let mut begin = 0;
    for (close, _) in chunk.match_indices(") ") {
        let open = chunk[begin..close].rfind('(').map(|open| begin + open);
        let is_end = open.is_some_and(|open| is_role(&chunk[open..close]));
        // "Ann Ott (Author), Bo Lind"
        if is_end && chunk[close + 2..].starts_with(char::is_alphabetic) {
            people.push(&chunk[begin..=close]);
            begin = close + 2;
        }
    }
    people.push(&chunk[begin..]);
    people
}

fn split_at_conjunction<'a>(chunk: &'a str, conjunction: &str) -> Vec<&'a str> {
    let parts: Vec<&str> = chunk.split(conjunction).collect();
    let is_whole = |part: &&str| part.split_whitespace().count() > 1;
    let is_sure = matches!(conjunction, " and " | " feat. " | " ft. ");
    if parts.len() > 1 && (is_sure || parts.iter().all(is_whole)) {
        parts
    } else {
        vec![chunk]
    }
}

fn all_have_one_comma(people: &[&str]) -> bool {
    people
        .iter()
        .all(|chunk| chunk.matches(',').count() == 1 && Parts::of(chunk).0.len() == 2)
}

/// The texts between the commas of a name or a list, and the suffix of each ("Jr.").
struct Parts(Vec<String>, Vec<Option<String>>);

impl Parts {
    fn of(chunk: &str) -> Self {
        let mut parts = Self(Vec::new(), Vec::new());
        for part in chunk.split(',') {
            let part = without_fuller_form(without_roles(part));
            // "Poe, Ed" is no editor, "Poe, Ed." is one.
            let is_name = begins_with_given_name(&part) && !part.ends_with('.');
            if part.is_empty()
                || is_role(&part) && !is_name
                || is_span_of_years(&part)
                || !parts.0.is_empty() && is_further_people(&part)
            {
                continue;
            }
            // "Gates, Henry Louis Jr."
            if let ([_], Some((given, suffix))) = (&parts.0[..], part.rsplit_once(' '))
                && is_suffix_of_a_person(suffix)
                && begins_with_given_name(given)
                && parts.0[0].split(' ').count() == 1
            {
                parts.0.push(given.trim_end_matches(',').to_owned());
                parts.1.push(Some(suffix.to_owned()));
                continue;
            }
            match parts.1.last_mut() {
                Some(suffix) if is_suffix(&part) => *suffix = Some(part),
                Some(_) if is_title(&part) => {}
                _ => {
                    parts.0.push(part);
                    parts.1.push(None);
                }
            }
        }
        parts
    }
}

/// Whether a text stands for the authors who are not named.
fn is_further_people(part: &str) -> bool {
    matches!(
        words(part).join(" ").as_str(),
        "et al"
            | "et alii"
            | "and others"
            | "others"
            | "u a"
            | "et autres"
            | "y otros"
            | "и др"
            | "ほか"
            | "他"
    )
}

fn is_suffix_of_a_person(word: &str) -> bool {
    matches!(
        words(word).concat().as_str(),
        "jr" | "sr" | "ii" | "iii" | "iv"
    )
}

/// A name without the given names in full that a catalogue adds to initials: "J. R. R. (John Ronald
/// Reuel)".
fn without_fuller_form(part: String) -> String {
    match part.split_once(" (") {
        Some((initials, full))
            if full.ends_with(')') && initials.split(' ').all(is_dotted) && !is_role(full) =>
        {
            initials.to_owned()
        }
        _ => part,
    }
}

/// Splits a name into the family name and the initials behind it: "Ott B.", "Ott BC".
fn family_and_initials(part: &str) -> Option<(&str, &str)> {
    let (family, initials) = part.split_once(' ')?;
    let is_bare = |word: &str| {
        (1..=3).contains(&word.chars().count()) && word.chars().all(char::is_uppercase)
    };
    let are_initials = |word: &str| {
        is_dotted(word) || is_bare(word) && !begins_with_given_name(family) && word.len() < 6
    };
    (family.chars().count() > 1
        && !is_dotted(family)
        && !is_bare(family)
        && initials.split_whitespace().all(are_initials))
    .then_some((family, initials))
}

/// Whether a part is the name of a company or a society.
fn is_company(part: &str) -> bool {
    let words = words(part);
    COMPANIES
        .split_whitespace()
        .any(|known| known == words.concat())
        || words.len() > 1
            && (words.iter()).any(|word| {
                WORDS_OF_COMPANIES
                    .split_whitespace()
                    .any(|known| known == word)
            })
}

fn is_single_name(part: &str) -> bool {
    let name = words(part).concat();
    SINGLE_NAMES.split_whitespace().any(|known| known == name)
}

fn names_of(chunk: &str, order: NameOrder) -> Vec<String> {
    let Parts(parts, suffixes) = Parts::of(chunk);
    let with = |name: String, suffix: &Option<String>| match suffix {
        Some(suffix) => clean(&format!("{name} {suffix}"), MAX_NAME),
        None => clean(&name, MAX_NAME),
    };
    let turned = |at: usize| {
        let name = format!("{} {}", parts[at + 1], parts[at]);
        let suffix = suffixes[at].as_ref().or(suffixes[at + 1].as_ref());
        with(name, &suffix.cloned())
    };
    let listed = || {
        let both = parts.iter().zip(&suffixes);
        both.map(|(part, suffix)| with(given_name_first(part, order), suffix))
            .collect()
    };
    match parts.as_slice() {
        [_, _, ..] if parts.iter().all(|part| family_and_initials(part).is_some()) => {
            let turned = parts.iter().filter_map(|part| family_and_initials(part));
            turned
                .map(|(family, initials)| clean(&format!("{initials} {family}"), MAX_NAME))
                .collect()
        }
        [family, given] if is_last_first(family, given, order) => vec![turned(0)],
        [_, _, _, _, ..] if order != NameOrder::FirstLast && are_pairs(&parts, order) => {
            (0..parts.len()).step_by(2).map(turned).collect()
        }
        _ => listed(),
    }
}

fn is_last_first(family: &str, given: &str, order: NameOrder) -> bool {
    if order == NameOrder::FirstLast {
        return false;
    }
    match order_of_two(family, given) {
        Some(evident) => evident == NameOrder::LastFirst,
        None => {
            order == NameOrder::LastFirst || is_one_word(family) || is_one_word(given) || {
                // "Le Guin, Ursula K."
                given.split_whitespace().next_back().is_some_and(is_initial)
            }
        }
    }
}

/// The meaning of a comma between two parts, where they tell it by themselves.
fn order_of_two(family: &str, given: &str) -> Option<NameOrder> {
    let is_listed = |part: &str| family_and_initials(part).is_some();
    if is_company(family)
        || is_company(given)
        || is_single_name(family) && !is_one_word(given)
        || is_listed(family) && is_listed(given)
    {
        return Some(NameOrder::FirstLast);
    }
    // "von Goethe, Johann", "Saint-Exupéry, Antoine de"
    if begins_with_particle(family) || ends_with_particle(given) {
        return Some(NameOrder::LastFirst);
    }
    if is_one_word(family) || is_one_word(given) {
        return (is_one_word(family) && begins_with_given_name(given))
            .then_some(NameOrder::LastFirst);
    }
    match (
        begins_with_given_name(family),
        begins_with_given_name(given),
    ) {
        (true, true) => Some(NameOrder::FirstLast),
        (false, true) => Some(NameOrder::LastFirst),
        _ => None,
    }
}

/// Whether the parts alternate between family and given names: "Pratchett, Terry, Gaiman, Neil". In
/// a column of such names one that is known is enough.
fn are_pairs(parts: &[String], order: NameOrder) -> bool {
    let is_given = |part: &String| begins_with_given_name(part) || is_initial(part);
    let mut pairs = parts.chunks(2);
    let known = parts
        .chunks(2)
        .filter(|pair| pair.get(1).is_some_and(is_given));
    let least = match order {
        // Two books of one family, or a column of pairs.
        NameOrder::LastFirst => 0,
        _ if parts.first() == parts.get(2) => 0,
        _ => parts.len() / 2,
    };
    parts.len().is_multiple_of(2)
        && pairs.all(|pair| is_one_word(&pair[0]) && (least == 0 || !is_company(&pair[1])))
        && (known.count() >= least)
        && !parts.iter().all(is_given)
}

/// A name without a comma, its family name last where it says by itself that it comes first:
/// "CAMUS Albert", "Толстой Л. Н.", "Толстой Лев Николаевич".
fn given_name_first(name: &str, order: NameOrder) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let family = match words.as_slice() {
        [] | [_] => 0,
        [family, given] if order == NameOrder::FamilyFirst => {
            let is_turned = begins_with_given_name(family) && !begins_with_given_name(given);
            usize::from(!is_turned)
        }
        [_, initials @ ..]
            if !is_dotted(words[0]) && initials.iter().all(|word| is_dotted(word)) =>
        {
            1
        }
        [_, _, patronymic] if is_patronymic(patronymic) => 1,
        words => {
            let capitals = words.iter().take_while(|word| is_in_capitals(word)).count();
            let (family, given) = words.split_at(capitals);
            let is_given =
                begins_with_given_name(name) && !begins_with_given_name(&given.join(" "));
            match given {
                [_, ..] if family.iter().any(|word| is_no_initials(word)) && !is_given => capitals,
                _ => 0,
            }
        }
    };
    if family == 0 {
        return name.to_owned();
    }
    let (family, given) = words.split_at(family);
    // "KAFKA FRANZ"
    let are_capitals = given
        .iter()
        .all(|word| is_in_capitals(word) && is_no_initials(word));
    let given = given.iter().map(|word| match are_capitals {
        true => without_capitals(word),
        false => (*word).to_owned(),
    });
    let family = family.iter().map(|word| without_capitals(word));
    given.chain(family).collect::<Vec<_>>().join(" ")
}

/// Whether a name has its family name first and no comma, as far as its words tell.
pub(crate) fn is_family_first(name: &str) -> Option<bool> {
    match name.split_whitespace().collect::<Vec<_>>().as_slice() {
        [first, last] if !name.contains(',') => {
            match (begins_with_given_name(first), begins_with_given_name(last)) {
                (false, true) => Some(true),
                (true, false) => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Initials with their full stops: "J.", "J.R.R.".
fn is_dotted(word: &str) -> bool {
    let letters = word.split('.').filter(|letters| !letters.is_empty());
    word.ends_with('.')
        && letters.clone().count() > 0
        && letters
            .clone()
            .all(|letters| letters.chars().count() == 1 && letters.chars().all(char::is_uppercase))
}

fn is_patronymic(word: &str) -> bool {
    ["ович", "евич", "овна", "евна", "ична", "ovich", "evich"]
        .iter()
        .any(|end| word.ends_with(end) && word.chars().count() > end.chars().count() + 2)
}

/// A word in capitals only that is no initials: "CAMUS", "LE", "O'BRIEN".
fn is_in_capitals(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    letters().count() > 1 && letters().all(char::is_uppercase) && !word.contains('.')
}

/// Whether a word in capitals can be said, and is not three given names: "ECO", not "JRR".
fn is_no_initials(word: &str) -> bool {
    let letters = words(word).concat();
    let count = letters.chars().count();
    count > 3 || count == 3 && letters.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// "CAMUS" as "Camus", "O'BRIEN-SMITH" as "O'Brien-Smith".
fn without_capitals(word: &str) -> String {
    if !is_in_capitals(word) {
        return word.to_owned();
    }
    let mut before = ' ';
    let mut name = String::with_capacity(word.len());
    for c in word.chars() {
        if before.is_alphabetic() {
            name.extend(c.to_lowercase());
        } else {
            name.push(c);
        }
        before = c;
    }
    name
}

fn is_one_word(part: &str) -> bool {
    part.split_whitespace().count() < 2
}

fn is_initial(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphanumeric()).count() == 1
}

pub(crate) fn begins_with_given_name(part: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| words(GIVEN_NAMES).into_iter().collect());
    words(part).first().is_some_and(|word| names.contains(word))
}

/// Whether a word is a small one that belongs to a family name: "von", "de la", "al".
pub(super) fn is_particle(word: &str) -> bool {
    const PARTICLES: [&str; 33] = [
        "von", "van", "vom", "zu", "zum", "zur", "de", "da", "di", "do", "dos", "das", "du", "des",
        "del", "della", "dello", "der", "den", "la", "le", "lo", "los", "las", "ten", "ter", "af",
        "av", "al", "el", "bin", "ibn", "y",
    ];
    PARTICLES.contains(&word) || matches!(word, "d'" | "d’" | "l'")
}

fn begins_with_particle(part: &str) -> bool {
    part.split_whitespace().next().is_some_and(is_particle)
}

/// "Van der Post", "De Beauvoir"; "Van" alone is also a given name.
fn has_large_particle(part: &str) -> bool {
    let is_longer = part.split_whitespace().count() > 2;
    begins_with_particle(&part.to_lowercase()) && (is_longer || !begins_with_given_name(part))
}

fn ends_with_particle(part: &str) -> bool {
    !is_one_word(part) && part.split_whitespace().next_back().is_some_and(is_particle)
}

fn is_title(part: &str) -> bool {
    TITLES.contains(&words(part).concat().as_str())
}

/// Whether a text is a span of years, like "1927-2014", "1965-" or "b. 1950".
fn is_span_of_years(part: &str) -> bool {
    let digits = part.chars().filter(char::is_ascii_digit).count();
    let letters = part.chars().filter(|c| c.is_alphabetic()).count();
    let is_before_christ =
        || matches!(words(part).last(), Some(era) if matches!(era.as_str(), "bc" | "bce"));
    // "active 8th century B.C."
    let is_active = || {
        let words = words(part);
        let begins = |word: &String| {
            matches!(
                word.as_str(),
                "active" | "fl" | "flourished" | "born" | "died" | "century"
            )
        };
        digits > 0 && words.iter().any(begins)
    };
    letters <= 4 && (digits >= 4 || digits > 0 && is_before_christ()) || is_active()
}

/// Whether each word is a role or belongs to one, as in "illustrated by".
fn is_role(text: &str) -> bool {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let roles = WORDS.get_or_init(|| words(ROLES).into_iter().collect());
    let words = words(text);
    let is_known = |word: &String| {
        roles.contains(word)
            || matches!(word.as_str(), "by" | "and" | "par" | "von" | "of" | "with")
    };
    !words.is_empty() && words.iter().all(is_known)
}

/// A name without its country (`[英]`) or role ("edited by") in front and its roles and years
/// behind.
fn without_roles(name: &str) -> String {
    let mut name = name.trim();
    // "Hrsg. Ana Roy", "Editor: Ana Roy"
    if let Some((role, who)) = name.split_once(' ')
        && role.ends_with(['.', ':'])
        && role.chars().count() > 2
        && !is_dotted(role)
        && is_role(role)
        && !is_role(who)
    {
        name = who.trim();
    }
    for by in [" by ", " von ", " par ", " por ", " da ", " de ", " przez "] {
        if let Some((role, who)) = name.split_once(by)
            && role.split(' ').count() < 3
            && is_role(role)
            && (!begins_with_given_name(role) || role.ends_with('.'))
        {
            name = who.trim();
        }
    }
    for others in [
        " et al.",
        " et al",
        " et. al.",
        " u. a.",
        " u.a.",
        " and others",
        " ほか",
        " 他",
        " и др.",
    ] {
        name = name.strip_suffix(others).unwrap_or(name).trim_end();
    }
    // Goodreads marks those who have an account: "Ott, Nan*".
    name = name.trim_end_matches('*').trim_end();
    // A catalogue's full stop: "Lind, Bo."
    if let Some(bare) = name.strip_suffix('.')
        && let Some(last) = bare.rsplit([' ', '.']).next()
        && last.chars().count() > 3
        && begins_with_given_name(last)
    {
        name = bare;
    }
    while let Some(rest) = name.strip_prefix(['[', '［', '【', '〔', '(', '（'])
        && let Some((country, rest)) = rest.split_once([']', '］', '】', '〕', ')', '）'])
        && country.chars().count() <= 8
        && !rest.trim().is_empty()
    {
        name = rest.trim();
    }
    loop {
        let before = match name.char_indices().next_back() {
            Some((at, ')' | ']' | '）' | '］' | '】')) => name[..at]
                .rfind(['(', '[', '（', '［', '【'])
                .map(|open| (&name[..open], &name[open..at])),
            // "村上春樹 著"
            Some((_, last)) if !last.is_ascii() => name
                .rfind([' ', '\u{3000}', '・'])
                .map(|space| name.split_at(space)),
            _ => None,
        };
        match before {
            Some((rest, role))
                if !rest.trim().is_empty()
                    && (is_role(role) || is_span_of_years(role) || is_addition(role)) =>
            {
                name = rest.trim();
            }
            _ => break,
        }
    }
    clean(name, MAX_NAME)
}

/// Whether what stands in brackets behind a name is no part of it: titles, and the number by which
/// a program tells people of one name apart.
fn is_addition(brackets: &str) -> bool {
    let words = words(brackets);
    let is_number = |word: &String| word.len() < 3 && word.bytes().all(|b| b.is_ascii_digit());
    !words.is_empty()
        && brackets.starts_with(['(', '['])
        && (words.iter().all(|word| is_title(word)) || words.iter().all(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, order: NameOrder, names: &[&str]) {
        assert_eq!(names_in(cell, order), names, "{cell}");
    }

    #[test]
    fn one_person_or_two() {
        for (cell, names) in [
            (
                "García Marquez, Gabriel José",
                &["Gabriel José García Marquez"][..],
            ),
            (
                "von Goethe, Johann Wolfgang",
                &["Johann Wolfgang von Goethe"],
            ),
            ("Saint Exupéry, Antoine de", &["Antoine de Saint Exupéry"]),
            ("Gates, Jr., Henry Louis", &["Henry Louis Gates Jr."]),
            (
                "Conan Doyle, Arthur Ignatius",
                &["Arthur Ignatius Conan Doyle"],
            ),
            ("Terry Pratch, Neil Gaim", &["Terry Pratch", "Neil Gaim"]),
            (
                "García Márquez, Gabriel, 1927-2014",
                &["Gabriel García Márquez"],
            ),
            (
                "Pratchett, Terry, Gaiman, Neil",
                &["Terry Pratchett", "Neil Gaiman"],
            ),
            (
                "Garcia Montes, Jose Luis; von Hagen, Udo Wolf",
                &["Jose Luis Garcia Montes", "Udo Wolf von Hagen"],
            ),
            ("Ortega y Gasset, José", &["José Ortega y Gasset"]),
            ("José Ortega y Gasset", &["José Ortega y Gasset"]),
            (
                "Karl Marx und Friedrich Engels",
                &["Karl Marx", "Friedrich Engels"],
            ),
            ("Boileau et Narcejac", &["Boileau et Narcejac"]),
            (
                "Аркадий Стругацкий и Борис Стругацкий",
                &["Аркадий Стругацкий", "Борис Стругацкий"],
            ),
            ("Poe, Ed", &["Ed Poe"]),
            ("Толстой, Лев Николаевич", &["Лев Николаевич Толстой"]),
            ("by Ana Roy", &["Ana Roy"]),
        ] {
            check(cell, NameOrder::Unknown, names);
        }
        check("Plato, Homer", NameOrder::FirstLast, &["Plato", "Homer"]);
        check("Xa Yb, Zc Wd", NameOrder::LastFirst, &["Zc Wd Xa Yb"]);
        check("Xa Yb, Zc Wd", NameOrder::Unknown, &["Xa Yb", "Zc Wd"]);
    }

    #[test]
    fn family_names_that_come_first_without_a_comma() {
        for (cell, names) in [
            ("CAMUS Albert", &["Albert Camus"][..]),
            ("LE CLÉZIO Jean-Marie", &["Jean-Marie Le Clézio"]),
            (
                "O'BRIEN Flann ; ZOLA Émile",
                &["Flann O'Brien", "Émile Zola"],
            ),
            ("Толстой Л. Н.", &["Л. Н. Толстой"]),
            ("Rowling J.K.", &["J.K. Rowling"]),
            (
                "Достоевский Фёдор Михайлович",
                &["Фёдор Михайлович Достоевский"],
            ),
            (
                "Фёдор Михайлович Достоевский",
                &["Фёдор Михайлович Достоевский"],
            ),
            ("Albert CAMUS", &["Albert CAMUS"]),
            ("JRR Tolkien", &["JRR Tolkien"]),
            ("ECO Umberto", &["Umberto Eco"]),
            ("J. R. R. Tolkien", &["J. R. R. Tolkien"]),
            ("J.K.", &["J.K."]),
            ("AC/DC", &["AC", "DC"]),
            ("Malcolm X", &["Malcolm X"]),
            ("Levi Primo", &["Levi Primo"]),
        ] {
            check(cell, NameOrder::Unknown, names);
        }
        check("Levi Primo", NameOrder::FamilyFirst, &["Primo Levi"]);
        check(
            "Elena Ferrante",
            NameOrder::FamilyFirst,
            &["Elena Ferrante"],
        );
        assert_eq!(is_family_first("Eco Umberto"), Some(true));
        assert_eq!(is_family_first("Umberto Eco"), Some(false));
        assert_eq!(is_family_first("Eco, Umberto"), None);
    }

    #[test]
    fn roles_are_no_part_of_a_name() {
        for (cell, names) in [
            (
                "Ana Roy [Author]; Bo Kim [Illustrator]",
                &["Ana Roy", "Bo Kim"][..],
            ),
            ("Cy Lem (Editor)", &["Cy Lem"]),
            (
                "Ann Voss (Translator), Bo Kim (Foreword by)",
                &["Ann Voss", "Bo Kim"],
            ),
            ("Roy, Ana (Hrsg.)", &["Ana Roy"]),
            ("Ana Roy, editor", &["Ana Roy"]),
            ("Ana Roy (Goodreads Author)", &["Ana Roy"]),
            ("Ana Roy (1903-1950)", &["Ana Roy"]),
            ("Bachman (King)", &["Bachman (King)"]),
            ("[英] 乔治·奥威 / 刘绍", &["乔治·奥威", "刘绍"]),
            ("（美）海明 著", &["海明"]),
            ("村上 春樹 著 / 柴田 元幸 訳", &["村上 春樹", "柴田 元幸"]),
        ] {
            check(cell, NameOrder::Unknown, names);
        }
    }

    #[test]
    fn family_names_and_initials_are_a_list() {
        for order in [NameOrder::Unknown, NameOrder::LastFirst] {
            check("Ильф И., Петров Е.", order, &["И. Ильф", "Е. Петров"]);
            check("Smith J, Doe JK", order, &["J Smith", "JK Doe"]);
        }
        check("Le Guin, U. K.", NameOrder::Unknown, &["U. K. Le Guin"]);
    }

    #[test]
    fn pairs_of_family_and_given_names() {
        check(
            "Preston, Douglas, Child, Lincoln",
            NameOrder::LastFirst,
            &["Douglas Preston", "Lincoln Child"],
        );
        check(
            "Strugatsky, Arkady, Strugatsky, Boris",
            NameOrder::Unknown,
            &["Arkady Strugatsky", "Boris Strugatsky"],
        );
        check(
            "Plato, Homer, Ovid, Virgil",
            NameOrder::FirstLast,
            &["Plato", "Homer", "Ovid", "Virgil"],
        );
    }

    #[test]
    fn companies_and_authors_of_one_name_have_no_family_name() {
        for (cell, names) in [
            (
                "Lonely Planet, Ana Van Roy",
                &["Lonely Planet", "Ana Van Roy"][..],
            ),
            ("Johnson & Johnson", &["Johnson & Johnson"]),
            ("Marks & Spencer", &["Marks & Spencer"]),
            ("Roy & Lind", &["Roy", "Lind"]),
            (
                "Homer, Emily Wilson (Translator)",
                &["Homer", "Emily Wilson"],
            ),
            ("Homer, active 8th century B.C.", &["Homer"]),
        ] {
            check(cell, NameOrder::LastFirst, names);
        }
    }

    #[test]
    fn additions_to_names() {
        for (cell, names) in [
            ("By: Ana Roy", &["Ana Roy"][..]),
            ("Herausgegeben von Max Roth", &["Max Roth"]),
            ("Hrsg. Max Roth", &["Max Roth"]),
            ("Traduit par Jean Roy", &["Jean Roy"]),
            ("Ana Roy\\Bo Lind", &["Ana Roy", "Bo Lind"]),
            ("Ana Roy•Bo Lind", &["Ana Roy", "Bo Lind"]),
            ("Ana Roy — Bo Lind", &["Ana Roy", "Bo Lind"]),
            ("Ana Roy u. Bo Lind", &["Ana Roy", "Bo Lind"]),
            ("Ana Roy feat. Bo Lind", &["Ana Roy", "Bo Lind"]),
            ("Ana Roy [2]", &["Ana Roy"]),
            ("Ana Roy, et al", &["Ana Roy"]),
            (
                "Roth, J. R. R. (John Ronald Reuel), 1892-1973",
                &["J. R. R. Roth"],
            ),
            ("Meier, Hans (Prof. Dr.)", &["Hans Meier"]),
            ("Gates, Henry Louis Jr.", &["Henry Louis Gates Jr."]),
            ("J.K.ローリ・作　松岡佑・訳", &["J.K.ローリ", "松岡佑"]),
            ("이민진 (지은이) 신승미 (옮긴이)", &["이민진", "신승미"]),
        ] {
            check(cell, NameOrder::LastFirst, names);
        }
        check("KAFKA FRANZ", NameOrder::FamilyFirst, &["Franz Kafka"]);
    }

    #[test]
    fn names_tell_the_order_of_their_column() {
        for (cell, order) in [
            ("Austen, Jane", Some(NameOrder::LastFirst)),
            ("von Goethe, Johann Wolfgang", Some(NameOrder::LastFirst)),
            (
                "Marchetti, Livia; Garcia Montes, Jose Luis",
                Some(NameOrder::LastFirst),
            ),
            ("Terry Pratch, Neil Gaim", Some(NameOrder::FirstLast)),
            ("Xa Yb, Zc Wd", None),
            ("Jane Austen", None),
            ("Kurt Vonnegut, Jr.", None),
            ("", None),
        ] {
            assert_eq!(order_in(cell), order, "{cell}");
        }
    }

    #[test]
    fn plain_names_are_read_as_all_others_are() {
        let words = "Jane Austen K. Le Jean-Marie St. Jr Sr Iii Dr Sir Ed Art Cover By With And Et Al Alii \
            Others Ovich Ilyevich Van Der De Levi Primo JRR ECO O McDowell Von Editor Translated Al. Ann. \
            Bc Hrsg Conan Martin-Lugand Phd Inc The Various";
        let words: Vec<&str> = words.split_whitespace().collect();
        let (mut cells, mut plain) = (Vec::new(), 0);
        for first in &words {
            for second in &words {
                cells.push(format!("{first} {second}"));
                cells.extend(
                    words
                        .iter()
                        .map(|third| format!("{first} {second} {third}")),
                );
            }
        }
        for cell in &cells {
            for order in [
                NameOrder::Unknown,
                NameOrder::LastFirst,
                NameOrder::FirstLast,
            ] {
                if is_plain_name(cell) {
                    plain += 1;
                    assert_eq!(all_names_in(cell, order), [cell.as_str()], "{cell}");
                }
            }
        }
        assert!(plain > cells.len(), "{plain} of {}", cells.len() * 3);
        for cell in [
            "Jane  Austen",
            "Jane Austen ",
            "Jane",
            "Jane Austen, Jr",
            "J.R.R. Tolkien",
        ] {
            assert!(!is_plain_name(cell), "{cell}");
        }
        assert!(is_plain_name("Ursula K. Le Guin"));
    }

    #[test]
    fn no_given_name_is_listed_twice() {
        let mut seen = HashSet::new();
        for name in words(GIVEN_NAMES) {
            assert!(seen.insert(name.clone()), "{name}");
        }
    }
}
