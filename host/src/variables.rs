//! Application variables and the `{{ name }}` templates that refer to them.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::manifest::Variable;

/// The reason why variables cannot be resolved.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VariableError {
    /// The required variables without a value.
    #[error("{} no value; give {}", missing(.0), hint(.0))]
    Missing(Vec<String>),
    /// A variable was given a value that the manifest does not declare.
    #[error("the manifest declares no variable `{0}`")]
    Undeclared(String),
    /// The name breaks Spin's rules: lower-case letters, digits and single underscores, starting
    /// with a letter and ending with a letter or digit.
    #[error("`{0}` is not a variable name: lower-case letters, digits and single underscores only")]
    InvalidName(String),
    /// The template has `{{` without `}}`.
    #[error("unmatched '{{{{' in the template {0:?}")]
    Unmatched(String),
}

fn missing(names: &[String]) -> String {
    let list = names.join("`, `");
    if names.len() == 1 {
        format!("the required variable `{list}` has")
    } else {
        format!("the required variables `{list}` have")
    }
}

fn hint(names: &[String]) -> String {
    let first = names.first().map(String::as_str).unwrap_or_default();
    format!(
        "{}=... in the environment or `--variable {first}=...`",
        environment_name(first)
    )
}

fn environment_name(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())
}

/// All variables of an application, with their values.
#[derive(Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Gives each declared variable its value: the last of `overrides` that names it, else
    /// `SPIN_VARIABLE_<NAME>` from `environment`, else its default.
    ///
    /// # Errors
    /// When an override is of no declared variable, or required ones have no value.
    pub fn resolve(
        declared: &BTreeMap<String, Variable>,
        overrides: &[(String, String)],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, VariableError> {
        if let Some((name, _)) = overrides.iter().find(|(n, _)| !declared.contains_key(n)) {
            return Err(VariableError::Undeclared(name.clone()));
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in declared {
            check_name(name)?;
            let given = overrides.iter().rev().find(|(n, _)| n == name);
            let value = given
                .map(|(_, value)| value.clone())
                .or_else(|| environment(&environment_name(name)))
                .or_else(|| variable.default.clone());
            match value {
                Some(value) => drop(values.insert(name.clone(), value)),
                None => missing.push(name.clone()),
            }
        }
        if missing.is_empty() {
            Ok(Self { values })
        } else {
            Err(VariableError::Missing(missing))
        }
    }

    /// Replaces every `{{ name }}` of a text by that variable's value. Values are not expanded
    /// again.
    ///
    /// # Errors
    /// When a brace is not closed, or names no variable.
    pub fn expand(&self, template: &str) -> Result<String, VariableError> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((literal, tail)) = rest.split_once("{{") {
            let (name, tail) = tail
                .split_once("}}")
                .ok_or_else(|| VariableError::Unmatched(template.to_owned()))?;
            let name = name.trim();
            let value = self
                .values
                .get(name)
                .ok_or_else(|| VariableError::Undeclared(name.to_owned()))?;
            text.push_str(literal);
            text.push_str(value);
            rest = tail;
        }
        text.push_str(rest);
        Ok(text)
    }

    /// A component's variables: names checked, templates expanded.
    ///
    /// # Errors
    /// When a name breaks the rules, or a template cannot be expanded.
    pub fn expand_all(
        &self,
        templates: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, VariableError> {
        templates
            .iter()
            .map(|(name, template)| {
                check_name(name)?;
                Ok((name.clone(), self.expand(template)?))
            })
            .collect()
    }
}

/// Checks a variable's name by Spin's rules.
///
/// # Errors
/// When the name breaks them.
pub fn check_name(name: &str) -> Result<(), VariableError> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && !name.contains("__")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if good {
        Ok(())
    } else {
        Err(VariableError::InvalidName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Variable> {
        let with_default = |text: &str| Variable {
            default: Some(text.to_owned()),
            ..Variable::default()
        };
        let required = Variable {
            required: true,
            ..Variable::default()
        };
        BTreeMap::from([
            ("host".to_owned(), with_default("example.com")),
            ("port".to_owned(), with_default("443")),
            ("key".to_owned(), required),
        ])
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
        list.iter().map(own).collect()
    }

    #[test]
    fn options_beat_the_environment_and_that_beats_defaults() {
        let environment = |name: &str| match name {
            "SPIN_VARIABLE_PORT" => Some("80".to_owned()),
            "SPIN_VARIABLE_KEY" => Some("from environment".to_owned()),
            _ => None,
        };
        let overrides = pairs(&[("key", "first"), ("key", "last")]);
        let variables = Variables::resolve(&declared(), &overrides, environment).unwrap();
        let text = variables
            .expand("https://{{ host }}:{{port}}/?k={{  key  }}")
            .unwrap();
        assert_eq!(text, "https://example.com:80/?k=last");
    }

    #[test]
    fn a_missing_variable_is_named_with_the_remedy() {
        let error = Variables::resolve(&declared(), &[], |_| None).unwrap_err();
        assert_eq!(error, VariableError::Missing(vec!["key".to_owned()]));
        let text = error.to_string();
        assert!(
            text.contains("SPIN_VARIABLE_KEY") && text.contains("--variable key="),
            "{text}"
        );
    }

    #[test]
    fn an_undeclared_variable_is_refused() {
        let error = Variables::resolve(&declared(), &pairs(&[("hots", "x")]), |_| None);
        assert_eq!(
            error.unwrap_err(),
            VariableError::Undeclared("hots".to_owned())
        );
        let variables = Variables::default();
        assert_eq!(
            variables.expand("{{ x }}"),
            Err(VariableError::Undeclared("x".to_owned()))
        );
    }

    #[test]
    fn values_are_not_expanded_again() {
        let overrides = pairs(&[("key", "{{ host }}")]);
        let variables = Variables::resolve(&declared(), &overrides, |_| None).unwrap();
        assert_eq!(variables.expand("{{ key }}").unwrap(), "{{ host }}");
    }

    #[test]
    fn an_unmatched_brace_is_refused() {
        let error = Variables::default().expand("a {{ b").unwrap_err();
        assert!(error.to_string().contains("unmatched '{{'"), "{error}");
    }

    #[test]
    fn names_follow_spins_rules() {
        for good in ["a", "abc", "a1b2c3", "a_1", "a_1_b_3"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "aX", "1bc", "_x", "x.y", "x_", "a__b", "x-y"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
