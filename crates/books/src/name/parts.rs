//! The texts between the commas of a cell.

use super::is_suffix;
use super::role::{is_role, is_span_of_years, without_roles};
use super::word::{begins_with_given_name, is_dotted, is_title};
use crate::text::joined;
use crate::word_list::is_in;

/// The texts between the commas of a name or a list, and the suffix of each ("Jr.").
pub(super) struct Parts(pub(super) Vec<String>, pub(super) Vec<Option<String>>);

impl Parts {
    pub(super) fn of(chunk: &str) -> Self {
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
    const OTHERS: &str = "etal etalii andothers others ua etautres yotros идр ほか 他";
    is_in(OTHERS, &joined(part))
}

fn is_suffix_of_a_person(word: &str) -> bool {
    matches!(joined(word).as_str(), "jr" | "sr" | "ii" | "iii" | "iv")
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
