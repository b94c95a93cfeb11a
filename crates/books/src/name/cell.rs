//! The names in a cell of a table: one or several, "Last, First" or "First Last", with roles.

use super::company::COMPANIES_WITH_AND;
use super::order::{
    NameOrder, all_have_one_comma, are_pairs, family_and_initials, given_name_first, is_last_first,
};
use super::parts::Parts;
use super::role::is_role;
use super::separator::people;
use super::word::{is_one_word, is_patronymic, turned};
use super::{MAX_NAME, distinct};
use crate::text::{clean, words};

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
    if is_company(cell) || is_repeated(cell) || is_firm(cell) {
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

/// Whether the same name stands on both sides of an "&": "Johnson & Johnson".
fn is_repeated(cell: &str) -> bool {
    (cell.split_once(" & ")).is_some_and(|(a, b)| a == b && is_one_word(a) && !a.is_empty())
}

/// Whether a cell is the name of a firm: "Smith & Sons", "Wiley, Roy & Co.".
fn is_firm(cell: &str) -> bool {
    const PARTNERS: &str = "co company sons son sohne sohn cie associates partners";
    let partners = cell.rsplit_once(" & ").map(|(_, last)| words(last));
    partners.is_some_and(|last| {
        last.first()
            .is_some_and(|word| PARTNERS.split(' ').any(|known| known == word))
    })
}

fn names_of(chunk: &str, order: NameOrder) -> Vec<String> {
    let Parts(parts, suffixes) = Parts::of(chunk);
    let with = |name: String, suffix: &Option<String>| match suffix {
        Some(suffix) => {
            let suffix = match suffix.as_str() {
                "JR." => "Jr.",
                "SR." => "Sr.",
                suffix => suffix,
            };
            clean(&format!("{name} {suffix}"), MAX_NAME)
        }
        None => clean(&name, MAX_NAME),
    };
    let both = |at: usize| {
        let name = turned(&parts[at], &parts[at + 1]);
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
        [family, given] if is_last_first(family, given, order) => vec![both(0)],
        [_, _, _, _, ..] if order != NameOrder::FirstLast && are_pairs(&parts, order) => {
            (0..parts.len()).step_by(2).map(both).collect()
        }
        _ => listed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::order::{is_family_first, order_in};

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
}
