//! Splitting, reordering and comparison of people's names.

mod cell;
mod company;
mod known;
mod likeness;
mod order;
mod parts;
mod role;
mod separator;
mod word;

pub(crate) use cell::names_in;
pub(crate) use known::KnownNames;
pub(crate) use likeness::likeness;
pub(crate) use order::{NameOrder, is_family_first, order_in};
pub(crate) use word::begins_with_given_name;
use word::is_particle;

use crate::text::{clean, has_letters, joined, words};
use crate::word_list::is_between;

const MAX_NAME: usize = 300;
pub(crate) const MAX_AUTHORS: usize = 50;
const SUFFIXES: [&str; 15] = [
    "jr", "sr", "ii", "iii", "iv", "phd", "md", "dds", "esq", "pere", "fils", "inc", "ltd", "llc",
    "gmbh",
];
const TITLES: [&str; 8] = ["dr", "sir", "dame", "prof", "professor", "rev", "mr", "mrs"];
/// Other words before names that do not tell people apart.
const BEFORE_NAMES: [&str; 16] = [
    "reverend", "ms", "herr", "frau", "saint", "st", "lord", "lady", "baron", "baroness", "count",
    "countess", "fr", "pope", "by", "the",
];
/// Words behind the names of companies and societies.
const OF_COMPANIES: [&str; 12] = [
    "inc",
    "ltd",
    "llc",
    "gmbh",
    "corp",
    "corporation",
    "publishing",
    "publications",
    "publishers",
    "society",
    "staff",
    "editors",
];
const NOBODY: &str = "anonymous,unknown,unknown author,various,various authors,author unknown,n a,none,anon,anonym,unbekannt,\
    diverse,div,verschiedene,verschiedene autoren,anonyme,inconnu,divers,collectif,auteurs divers,anonimo,desconocido,varios,\
    varios autores,vv aa,aa vv,autores varios,desconhecido,autor desconhecido,varios,sconosciuto,autori vari,anoniem,onbekend,\
    diverse auteurs,nieznany,anonim,praca zbiorowa,аноним,неизвестен,неизвестныи автор,коллектив авторов,佚名,无名氏,不详,\
    作者不詳,よみ人しらず,unbekannter autor,auteur inconnu,autor desconocido,ukjent,okand,diverse forfattere";

/// Turns "Last, First" and "Last, First, Jr." round: "First Last", "First Last Jr."; other names
/// stay as they are.
pub(crate) fn first_last(name: &str) -> String {
    let parts: Vec<&str> = name.split(',').map(str::trim).collect();
    let turned = match parts.as_slice() {
        [last, suffix] if is_suffix(suffix) => format!("{last} {suffix}"),
        [last, first, suffix] if is_suffix(suffix) => format!("{first} {last} {suffix}"),
        // "Atwood, Margaret", "Atwood, Margaret, 1939-"
        [last, first, life @ ..]
            if (life.iter()).all(|part| part.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            format!("{first} {last}")
        }
        _ => name.to_owned(),
    };
    clean(&turned, MAX_NAME)
}

/// The names in a field that may hold one or several, "Last, First" or "First Last".
pub(crate) fn split_names(field: &str) -> Vec<String> {
    names_in(field, NameOrder::Unknown)
}

/// Drops empty and repeated names and "et al.", and keeps a bounded number.
pub(crate) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let nobody = !has_letters(&name, 7)
            && matches!(
                words(&name).join(" ").as_str(),
                "" | "et al" | "et alii" | "others"
            );
        if !nobody && kept.len() < MAX_AUTHORS && !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

fn is_suffix(part: &str) -> bool {
    SUFFIXES.contains(&joined(part).as_str())
}

/// Whether a name stands for nobody in particular, like "Anonymous" or "Various".
pub(crate) fn is_nobody(name: &str) -> bool {
    let words = words(name);
    words.is_empty() || is_between(NOBODY, b',', &words.join(" "))
}

/// Whether a comparable word stands behind names and is none.
fn is_behind_a_name(word: &str) -> bool {
    SUFFIXES.contains(&word) || OF_COMPANIES.contains(&word)
}

/// A name made comparable: its words, without roles in brackets, honours and suffixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    words: Vec<String>,
    /// The words with "a" for "ae" and so on, where there is such a thing: "Müller" and "Mueller"
    /// are one name.
    without_umlauts: Option<Vec<String>>,
}

/// The names in a field that says by which other name an author goes: "Nora Roberts writing as J.D.
/// Robb", "J.D. Robb (Nora Roberts)"; none in others.
pub(crate) fn pen_names(field: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name: Vec<&str> = Vec::new();
    for token in field.split_inclusive([' ', '(', '[']) {
        let word = token.trim_matches([' ', '(', '[', ')', ']']);
        match word.to_lowercase().as_str() {
            "as" | "aka" | "a.k.a." | "alias" => names.push(std::mem::take(&mut name)),
            "writing" | "pseudonym" | "of" | "" => {}
            _ => name.push(word),
        }
        if token.ends_with(['(', '[']) {
            names.push(std::mem::take(&mut name));
        }
    }
    names.push(name);
    let is_one = names.len() == 1;
    let has_letters = |word: &&str| word.starts_with(char::is_alphabetic);
    let is_name = |name: &Vec<&str>| name.len() > 1 && name.iter().all(has_letters);
    let names = names.into_iter().filter(|name| !is_one && is_name(name));
    names.map(|name| name.join(" ")).collect()
}

/// Words with "a", "o" and "u" for the two letters that stand for their umlauts.
fn without_umlauts(words: &[String]) -> Option<Vec<String>> {
    const UMLAUTS: [&str; 3] = ["ae", "oe", "ue"];
    let is_one = |word: &String| UMLAUTS.iter().any(|two| word.contains(two));
    words.iter().any(is_one).then(|| {
        let plain = |word: &String| {
            let mut word = word.clone();
            for two in UMLAUTS {
                word = word.replace(two, &two[..1]);
            }
            word
        };
        words.iter().map(plain).collect()
    })
}

/// The other spelling of a family name with an umlaut, to search for: "Mueller" for "Müller", and
/// "Müller" for "Mueller".
pub(crate) fn other_umlauts(word: &str) -> Option<String> {
    const SPELLINGS: [(&str, &str); 4] = [("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ø", "oe")];
    let (umlaut, two) =
        (SPELLINGS.iter()).find(|(umlaut, two)| word.contains(umlaut) || word.contains(two))?;
    // "Márquez"
    if *two == "ue" && word.contains("que") {
        return None;
    }
    Some(match word.contains(umlaut) {
        true => word.replace(umlaut, two),
        false => word.replace(two, umlaut),
    })
}

impl Person {
    /// The person of this name.
    pub(crate) fn of(name: &str) -> Self {
        #[cfg(test)]
        crate::tally::count("people");
        let name = match name.find(['(', '[']) {
            Some(0) | None => name,
            Some(at) => &name[..at],
        };
        let name = first_last(name);
        let mut words = words(&name);
        if words.len() > 2 && words.ends_with(&["et".to_owned(), "al".to_owned()]) {
            words.truncate(words.len() - 2);
        }
        let is_behind = |word: &String| is_behind_a_name(word) && word != "fils";
        while words.len() > 1 && words.last().is_some_and(is_behind) {
            words.pop();
        }
        let is_before = |word: &str| TITLES.contains(&word) || BEFORE_NAMES.contains(&word);
        while words.len() > 1 && is_before(&words[0]) {
            words.remove(0);
        }
        Self {
            without_umlauts: without_umlauts(&words),
            words,
        }
    }

    /// Whether two names can be the same person's: same family name, and given names that agree as
    /// far as both tell them (an initial agrees with every name that begins so).
    pub(crate) fn can_be(&self, other: &Self) -> bool {
        if are_one_name(&self.words, &other.words) {
            return true;
        }
        let has_umlauts = self.without_umlauts.is_some() || other.without_umlauts.is_some();
        has_umlauts && are_one_name(self.plain(), other.plain())
    }

    fn plain(&self) -> &[String] {
        self.without_umlauts.as_ref().unwrap_or(&self.words)
    }

    /// Whether the name is a single word.
    pub(crate) fn is_family_name(&self) -> bool {
        self.words.len() == 1
    }

    /// Whether the name can be that of several people: a family name, with initials at most.
    pub(crate) fn is_vague(&self) -> bool {
        let is_initial = |word: &String| word.chars().count() == 1;
        (self.words.split_last()).is_some_and(|(_, given)| given.iter().all(is_initial))
    }
}

fn are_one_name(a: &[String], b: &[String]) -> bool {
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let length = |words: &[String]| words.iter().map(String::len).sum::<usize>();
    let are_as_long = length(a) == length(b);
    if are_as_long && letters(a).eq(letters(b)) {
        return true;
    }
    // "Augustine" and "Augustine of Hippo"
    let is_with_place = |short: &[String], long: &[String]| {
        long.starts_with(short) && long.get(short.len()).is_some_and(|word| word == "of")
    };
    if is_with_place(a, b) || is_with_place(b, a) {
        return true;
    }
    // Family name first, as in Chinese, Japanese and Hungarian.
    if are_as_long && a.len() == b.len() && have_the_same(a, b) {
        return !has_given_names_only(a);
    }
    let (Some((family_a, given_a)), Some((family_b, given_b))) = (a.split_last(), b.split_last())
    else {
        return false;
    };
    if family_a == family_b {
        return given_names_agree(given_a, given_b);
    }
    // "LeGuin" and "Le Guin"
    let is_joined = |(one, given): (&String, &[String]), other: &[String]| {
        let rest = without_family(other, one)?;
        Some(given_names_agree(given, rest))
    };
    is_joined((family_a, given_a), b)
        .or_else(|| is_joined((family_b, given_b), a))
        .unwrap_or(false)
}

/// The letters of words, as if they were written as one.
fn letters(words: &[String]) -> impl Iterator<Item = u8> {
    words.iter().flat_map(|word| word.bytes())
}

/// Whether two lists of as many words have the same, in any order.
fn have_the_same(a: &[String], b: &[String]) -> bool {
    let count = |words: &[String], word| words.iter().filter(|other| *other == word).count();
    a.iter().all(|word| count(a, word) == count(b, word))
}

/// Whether a name is two given names, so that it is somebody else's in the other order: "Henry
/// James".
fn has_given_names_only(name: &[String]) -> bool {
    matches!(name, [_, _]) && name.iter().all(|word| begins_with_given_name(word))
}

/// The words before a family name that is written as several: of "Ursula Le Guin" and "leguin" the
/// first.
fn without_family<'a>(name: &'a [String], family: &str) -> Option<&'a [String]> {
    const MOST: usize = 3;
    (2..=MOST.min(name.len())).find_map(|length| {
        let (given, parts) = name.split_at(name.len() - length);
        let (_, particles) = parts.split_last()?;
        let is_family = particles.iter().all(|word| is_particle_of_name(word))
            && letters(parts).eq(family.bytes());
        is_family.then_some(given)
    })
}

fn is_particle_of_name(word: &str) -> bool {
    is_particle(word) || matches!(word, "mac" | "mc" | "o" | "d" | "l" | "saint" | "st")
}

/// The word of a name that is best searched for: the family name in its own spelling.
pub(crate) fn search_word(name: &str) -> Option<String> {
    let name = split_names(name).into_iter().next()?;
    words_as_spelled(&name)
        .last()
        .map(|word| word.replace('\u{2019}', "'"))
}

/// The words of a name, without what stands behind names.
fn words_as_spelled(name: &str) -> Vec<&str> {
    let name = name.split(['(', '[']).next().unwrap_or_default();
    let mut parts: Vec<&str> = name
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}')))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect();
    while parts
        .last()
        .is_some_and(|word| is_behind_a_name(&joined(word)))
    {
        parts.pop();
    }
    parts
}

/// The other spelling of a family name that begins with a particle, as a phrase to search for: "Le
/// Guin" for "LeGuin", and "LeGuin" for "Le Guin".
pub(crate) fn other_search_phrase(name: &str) -> Option<String> {
    let name = split_names(name).into_iter().next()?;
    let parts = words_as_spelled(&name);
    let family = parts.last()?;
    if let [.., particle, _] = parts.as_slice()
        && parts.len() > 2
        && is_particle_of_name(&joined(particle))
        && particle.chars().count() > 1
    {
        return Some(format!("{particle}{family}"));
    }
    let second = family
        .char_indices()
        .skip(1)
        .find(|(_, c)| c.is_uppercase());
    let (particle, rest) = family.split_at(second?.0);
    let is_two = is_particle_of_name(&joined(particle)) && particle.chars().count() > 1;
    (is_two && rest.chars().all(char::is_alphanumeric)).then(|| format!("{particle} {rest}"))
}

/// Whether two names can be the same person's, as [`Person::can_be`] says.
pub(crate) fn same_person(a: &str, b: &str) -> bool {
    Person::of(a).can_be(&Person::of(b))
}

fn given_names_agree(a: &[String], b: &[String]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    // "Orwell" alone, as on a spine.
    if short.is_empty() {
        return true;
    }
    // "JK" for "J. K.", on either side.
    let initials = |names: &[String]| -> String {
        names
            .iter()
            .filter_map(|name| name.chars().next())
            .collect()
    };
    if long.len() > 1 && short.len() == 1 && short[0].chars().count() == long.len() {
        return initials(long) == short[0] || names_in_order(short, long);
    }
    names_in_order(short, long)
}

/// Whether each name of the shorter list agrees with one of the longer, in order. The first must be
/// the partner of the first, unless it is written out.
fn names_in_order(short: &[String], long: &[String]) -> bool {
    let mut rest = long.iter().enumerate();
    short.iter().enumerate().all(|(place, name)| {
        rest.any(|(at, other)| {
            let agree = name == other || initial_of(name, other) || initial_of(other, name);
            agree && (place > 0 || at == 0 || name == other && name.chars().count() > 1)
        })
    })
}

fn initial_of(initial: &str, name: &str) -> bool {
    initial.chars().count() == 1 && name.starts_with(initial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_person_in_other_words() {
        for (a, b) in [
            ("Liz    Moore", "Liz Moore"),
            ("Moore, Liz", "liz moore"),
            ("Mariana Enríquez", "Mariana Enriquez"),
            ("J.K. Rowling", "J. K. Rowling"),
            ("JK Rowling", "J. K. Rowling"),
            ("Rowling, J. K.", "Joanne K. Rowling"),
            ("J.R.R. Tolkien", "John Ronald Reuel Tolkien"),
            ("JRR Tolkien", "J. R. R. Tolkien"),
            ("J. Tolkien", "J. R. R. Tolkien"),
            ("Kurt Vonnegut Jr.", "Kurt Vonnegut"),
            ("Vonnegut, Kurt, Jr.", "Kurt Vonnegut"),
            ("Kurt Vonnegut, Jr.", "Vonnegut, Kurt"),
            ("Ursula K. Le Guin", "Ursula Le Guin"),
            ("Le Guin, Ursula K.", "Ursula K. LeGuin"),
            ("Bessel van der Kolk", "Bessel A. van der Kolk"),
            ("F. Scott Fitzgerald", "Francis Scott Key Fitzgerald"),
            ("Scott Fitzgerald", "F. Scott Fitzgerald"),
            ("Liu Cixin", "Cixin Liu"),
            ("Ta-Nehisi Coates", "Ta Nehisi Coates"),
            ("Sir Arthur Conan Doyle", "Arthur Conan Doyle"),
            ("A. Conan Doyle", "Arthur Conan Doyle"),
            ("Orwell", "George Orwell"),
            ("Megan McDowell (Translator)", "Megan McDowell"),
            ("Bono", "Bono"),
            ("Bruce Alberts et al.", "Alberts, Bruce"),
            ("Sarah Wynn-Williams", "Sarah Wynn Williams"),
            ("村上春樹", "村上春樹"),
        ] {
            assert!(same_person(a, b), "{a} / {b}");
            assert!(same_person(b, a), "{b} / {a}");
        }
    }

    #[test]
    fn different_people() {
        for (a, b) in [
            ("Stephen King", "Owen King"),
            ("Stephen King", "Stephen Kingsley"),
            ("S. King", "Tabitha King"),
            ("David Mitchell", "David Michell"),
            ("Anne Rice", "Anna Rice"),
            ("R. Tolkien", "Christopher Tolkien"),
            ("R. Smith", "John R. Smith"),
            ("John A. Smith", "John B. Smith"),
            ("George Orwell", "SparkNotes"),
            ("", "George Orwell"),
            ("...", "..."),
        ] {
            assert!(!same_person(a, b), "{a} / {b}");
            assert!(!same_person(b, a), "{b} / {a}");
        }
    }

    #[test]
    fn fields_with_one_or_several_names() {
        for (field, names) in [
            ("Liz  Moore", &["Liz Moore"][..]),
            ("Moore, Liz", &["Liz Moore"]),
            ("Le Guin, Ursula K.", &["Ursula K. Le Guin"]),
            ("García Márquez, Gabriel", &["Gabriel García Márquez"]),
            ("Kurt Vonnegut, Jr.", &["Kurt Vonnegut Jr."]),
            (
                "Terry Pratchett, Neil Gaiman",
                &["Terry Pratchett", "Neil Gaiman"],
            ),
            (
                "Terry Pratchett & Neil Gaiman",
                &["Terry Pratchett", "Neil Gaiman"],
            ),
            (
                "Pratchett, Terry; Gaiman, Neil",
                &["Terry Pratchett", "Neil Gaiman"],
            ),
            (
                "Terry Pratchett and Neil Gaiman",
                &["Terry Pratchett", "Neil Gaiman"],
            ),
            ("Bruce Alberts; et al.", &["Bruce Alberts"]),
            ("", &[]),
            (" , ; ", &[]),
        ] {
            assert_eq!(split_names(field), names, "{field}");
        }
        assert_eq!(
            names_in(
                "Bono, Kurt Vonnegut, Jr., Renée  Watson",
                NameOrder::FirstLast
            ),
            ["Bono", "Kurt Vonnegut Jr.", "Renée Watson"]
        );
    }

    #[test]
    fn the_family_name_is_searched_for() {
        for (name, word) in [
            ("J.K. Rowling", Some("Rowling")),
            ("Enríquez, Mariana", Some("Enríquez")),
            ("Kurt Vonnegut Jr.", Some("Vonnegut")),
            ("Flannery O\u{2019}Connor", Some("O'Connor")),
            ("Terry Pratchett & Neil Gaiman", Some("Pratchett")),
            ("Megan McDowell (Translator)", Some("McDowell")),
            ("", None),
        ] {
            assert_eq!(search_word(name).as_deref(), word, "{name}");
        }
    }
}
