//! The table of what shipped clients decode, and a decoder as strict as theirs.

use std::collections::BTreeMap;

use serde_json::Value;

/// The table.
const TABLE: &str = include_str!("table.txt");

/// What a decoder demands of a value.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    Text,
    /// A number without a fraction.
    Int,
    Number,
    Bool,
    /// Everything but null.
    Any,
    List(Box<Self>),
    /// One of these texts.
    OneOf(Vec<String>),
    Constant(bool),
    Named(String),
    Object(Vec<Member>),
}

#[derive(Clone, Debug, PartialEq)]
struct Member {
    name: String,
    /// Whether it may be absent or null.
    optional: bool,
    of: Type,
}

/// A line of the second half of the table.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    clients: String,
    answer: String,
    decoded_as: String,
    /// Whether the answer must fit the type; a client that tries several needs some that do not.
    fits: bool,
}

/// The whole table.
pub(crate) struct Table {
    types: BTreeMap<String, Type>,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn read() -> Self {
        let (types, rows) = TABLE.split_once("\nANSWERS\n").unwrap();
        let (_, types) = types.split_once("\nTYPES\n").unwrap();
        let lines = |text: &'static str| {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let table = Self {
            types: lines(types).map(read_type).collect(),
            rows: lines(rows).map(read_row).collect(),
        };
        for row in &table.rows {
            assert!(table.types.contains_key(&row.decoded_as), "{row:?}");
        }
        table
    }

    /// Everything that some client cannot read of these answers, and every answer of the table that
    /// is not among them.
    pub(crate) fn problems(&self, answers: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
        let problems = self.rows.iter().filter_map(|row| {
            let Some(values) = answers.get(&row.answer) else {
                return Some(format!("{}: nothing was answered", row.answer));
            };
            let problem = values.iter().find_map(|value| {
                match (row.fits, self.problem(&row.decoded_as, value)) {
                    (true, None) | (false, Some(_)) => None,
                    (true, problem) => problem,
                    (false, None) => Some(format!("it is a {}, and must not be", row.decoded_as)),
                }
            })?;
            Some(format!("{} reads {}: {problem}", row.clients, row.answer))
        });
        let unlisted = answers
            .keys()
            .filter(|&name| !self.rows.iter().any(|row| row.answer == *name));
        let unlisted = unlisted.map(|name| format!("{name} is read by nobody of the table"));
        problems.chain(unlisted).collect()
    }

    /// What is wrong with a value, if a decoder wants it to be of this type.
    fn problem(&self, name: &str, value: &Value) -> Option<String> {
        self.mismatch(&Type::Named(name.to_owned()), value, name)
    }

    fn mismatch(&self, wanted: &Type, value: &Value, place: &str) -> Option<String> {
        let fits = match (wanted, value) {
            (Type::Named(name), _) => {
                let of = self
                    .types
                    .get(name)
                    .unwrap_or_else(|| panic!("type {name}"));
                return self.mismatch(of, value, place);
            }
            (Type::Text, Value::String(_))
            | (Type::Number, Value::Number(_))
            | (Type::Bool, Value::Bool(_)) => true,
            (Type::Int, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Type::Any, value) => !value.is_null(),
            (Type::OneOf(texts), Value::String(text)) => texts.contains(text),
            (Type::Constant(wanted), Value::Bool(value)) => wanted == value,
            (Type::List(of), Value::Array(items)) => {
                return items
                    .iter()
                    .enumerate()
                    .find_map(|(at, item)| self.mismatch(of, item, &format!("{place}[{at}]")));
            }
            (Type::Object(members), Value::Object(fields)) => {
                return members.iter().find_map(|member| {
                    let place = format!("{place}.{}", member.name);
                    match fields.get(&member.name) {
                        None | Some(Value::Null) if member.optional => None,
                        None => Some(format!("{place} is missing")),
                        Some(value) => self.mismatch(&member.of, value, &place),
                    }
                });
            }
            _ => false,
        };
        let text: String = value.to_string().chars().take(80).collect();
        (!fits).then(|| format!("{place} must be {wanted:?}, not {text}"))
    }
}

/// `Name { member: Type, member?: Type }` or `Name = Type`.
fn read_type(line: &str) -> (String, Type) {
    if let Some((name, of)) = line.split_once(" = ") {
        return (name.trim().to_owned(), read_use(of.trim()));
    }
    let (name, members) = line.split_once('{').unwrap_or_else(|| panic!("{line}"));
    let members = members
        .trim()
        .strip_suffix('}')
        .unwrap_or_else(|| panic!("{line}"));
    let members = members.split(", ").map(|member| {
        let (name, of) = member
            .split_once(':')
            .unwrap_or_else(|| panic!("{line}: {member}"));
        let name = name.trim();
        let (name, optional) = match name.strip_suffix('?') {
            Some(name) => (name, true),
            None => (name, false),
        };
        Member {
            name: name.to_owned(),
            optional,
            of: read_use(of.trim()),
        }
    });
    (name.trim().to_owned(), Type::Object(members.collect()))
}

fn read_use(text: &str) -> Type {
    match text {
        "String" => Type::Text,
        "Int" => Type::Int,
        "Number" => Type::Number,
        "Bool" => Type::Bool,
        "Any" => Type::Any,
        "true" => Type::Constant(true),
        "false" => Type::Constant(false),
        text if text.starts_with('"') => {
            let texts = text
                .split('|')
                .map(|text| text.trim().trim_matches('"').to_owned());
            Type::OneOf(texts.collect())
        }
        text => match text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            Some(of) => Type::List(Box::new(read_use(of))),
            None => Type::Named(text.to_owned()),
        },
    }
}

/// `clients   answer   type`, apart by two spaces or more.
fn read_row(line: &str) -> Row {
    let parts: Vec<&str> = line
        .split("  ")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let [clients, answer, decoded_as] = parts[..] else {
        panic!("{line}")
    };
    Row {
        clients: clients.to_owned(),
        answer: answer.to_owned(),
        decoded_as: decoded_as.trim_start_matches('!').to_owned(),
        fits: !decoded_as.starts_with('!'),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_decoder_is_strict() {
        let table = Table::read();
        let good = json!({"title": "T", "author": "A", "publicationYear": 2004, "isbn": null});
        assert_eq!(table.problem("ImportedBook", &good), None);
        for bad in [
            json!({"title": "T"}),
            json!({"title": "T", "author": null}),
            json!({"title": "T", "author": ["A"]}),
            json!({"title": "T", "author": "A", "publicationYear": 2004.5}),
            json!({"title": "T", "author": "A", "publicationYear": 2004.0}),
            json!({"title": "T", "author": "A", "publicationYear": "2004"}),
            json!([]),
        ] {
            assert!(table.problem("ImportedBook", &bad).is_some(), "{bad}");
        }
        assert!(table.problem("Provider", &json!("gemini")).is_some());
        assert_eq!(table.problem("Provider", &json!("openlibrary")), None);
    }
}
