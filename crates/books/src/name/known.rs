//! The people whom a column of names knows, and what they tell of a comma between two whole names.

use std::collections::HashSet;

use super::cell::names_in;
use super::order::{NameOrder, two_sides};
use super::word::{begins_with_given_name, turned};
use crate::text::{joined, words};

/// The people of a column of names whose cells leave no doubt.
#[derive(Debug, Default)]
pub(crate) struct KnownNames {
    people: HashSet<String>,
    /// Family names of several words.
    families: HashSet<String>,
}

/// Family names that are followed by a second one in Spanish and Portuguese, besides those in -ez
/// and -es, without accents.
const FIRST_OF_TWO: &str = "garcia vargas ruiz castro silva santos costa souza sousa moreno castillo romero ortiz \
    herrera medina vega rojas soto delgado navarro molina serrano blanco cruz mendoza guzman pereira oliveira \
    ferreira almeida carvalho ribeiro machado rocha dias moreira correia barbosa cardoso teixeira melo borges \
    bioy roa cabrera uslar cela conde mora munoz pena leon rivera acosta aguilar lopez";

impl KnownNames {
    /// Learns the names of a cell, unless it can be read in two ways.
    pub(crate) fn add(&mut self, cell: &str) {
        if two_sides(cell).is_some() {
            return;
        }
        let names = names_in(cell, NameOrder::Unknown);
        self.people.extend(names.iter().map(|name| key(name)));
        for person in cell.split([';', '|', '&']) {
            if let Some((family, given)) = person.split_once(',')
                && family.split_whitespace().count() > 1
                && !given.contains(',')
            {
                self.families.insert(key(family));
            }
        }
    }

    /// The names in a cell of a column whose commas come behind the family name, and whether it is
    /// in doubt that these are two people.
    pub(crate) fn names_in(&self, cell: &str) -> (Vec<String>, bool) {
        match two_sides(cell) {
            Some((family, given)) => match self.are_two(&family, &given) {
                Some(is_sure) => (vec![family, given], !is_sure),
                None => (vec![turned(&family, &given)], false),
            },
            None => (names_in(cell, NameOrder::LastFirst), false),
        }
    }

    /// Whether two texts beside a comma are two people, and how sure that is; `None` if they are a
    /// family name and given names.
    fn are_two(&self, family: &str, given: &str) -> Option<bool> {
        // A family name alone in another cell makes nobody a person of that name.
        if self.families.contains(&key(family)) || is_first_of_two(family) {
            return None;
        }
        if self.people.contains(&key(family)) || self.people.contains(&key(given)) {
            return Some(true);
        }
        match (
            begins_with_given_name(family),
            begins_with_given_name(given),
        ) {
            (true, true) => Some(true),
            (false, true) => None,
            _ => Some(false),
        }
    }
}

fn is_first_of_two(family: &str) -> bool {
    let words = words(family);
    words.len() == 2
        && words.first().is_some_and(|word| {
            word.len() > 4 && word.ends_with("ez")
                || FIRST_OF_TWO.split_whitespace().any(|known| known == word)
        })
}

fn key(name: &str) -> String {
    joined(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_whole_names_beside_a_comma() {
        let mut known = KnownNames::default();
        for cell in [
            "Herbert, Frank",
            "Lind, Xu",
            "Qo Vex, Run",
            "Roy, Ana; Zed Woo, Kim",
        ] {
            known.add(cell);
        }
        for (cell, names, is_doubted) in [
            (
                "Douglas Preston, Lincoln Child",
                &["Douglas Preston", "Lincoln Child"][..],
                true,
            ),
            (
                "Terry Pratch, Neil Gaim",
                &["Terry Pratch", "Neil Gaim"],
                false,
            ),
            ("Xu Lind, Zc Wd", &["Xu Lind", "Zc Wd"], false),
            ("Zc Wd, Xu Lind", &["Zc Wd", "Xu Lind"], false),
            ("Xa Yb, Zc Wd", &["Xa Yb", "Zc Wd"], true),
            ("Qo Vex, Zc Wd", &["Zc Wd Qo Vex"], false),
            ("Zed Woo, Zc Wd", &["Zc Wd Zed Woo"], false),
            (
                "García Márquez, Gabriel José",
                &["Gabriel José García Márquez"],
                false,
            ),
            ("Pérez Reverte, Xo Yu", &["Xo Yu Pérez Reverte"], false),
            ("von Hagen, Udo Wolf", &["Udo Wolf von Hagen"], false),
            (
                "Conan Doyle, Sir Arthur",
                &["Sir Arthur Conan Doyle"],
                false,
            ),
            ("Le Guin, Ursula K.", &["Ursula K. Le Guin"], false),
            ("Zed Yo, Wu (Editor)", &["Wu Zed Yo"], false),
            ("Herbert, Frank", &["Frank Herbert"], false),
        ] {
            let (read, doubt) = known.names_in(cell);
            assert_eq!(read, names, "{cell}");
            assert_eq!(doubt, is_doubted, "{cell}");
        }
    }
}
