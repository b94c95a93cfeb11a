//! Libraries in JSON: an array of objects, an object with such an array somewhere inside, objects
//! by their ids as LibraryThing exports them, and an object in each line.
//!
//! Only one object is in memory at a time: where it begins and ends is found first, and its cells
//! are written as a row of comma-separated text.

use std::collections::HashMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::decode::{empty, parse_failed};
use super::people::{with_role, writes};
use super::records::{MAX_FIELDS, push_field, push_record};
use super::{CsvError, headers};

/// How deep the list of books may lie in other objects.
const MAX_DEPTH: usize = 5;
/// How deep an object may lie in a book's to become columns; what is deeper is kept as JSON.
const MAX_LEVELS: usize = 4;
/// Longest text of all rows, in bytes.
const MAX_TEXT: usize = 24 << 20;

/// Names of members that hold what the object is called: the column is named like the object.
const NAMES: [&str; 7] = [
    "name",
    "fullname",
    "text",
    "value",
    "label",
    "fl",
    "displayname",
];
/// Names of lists of all who made a book, whatever they did for it.
const CREDITS: [&str; 5] = [
    "contributors",
    "contributor",
    "contributions",
    "creators",
    "credits",
];
/// Names of objects that hold a book's own members, or its readings.
const WRAPPERS: [&str; 18] = [
    "reads",
    "userbookreads",
    "book",
    "work",
    "edition",
    "volume",
    "volumeinfo",
    "item",
    "fields",
    "data",
    "attributes",
    "entry",
    "metadata",
    "record",
    "node",
    "userbook",
    "info",
    "details",
];

/// The books of a JSON document as comma-separated text.
pub(super) struct List {
    pub text: String,
    /// Names of the other lists in the document.
    pub others: Vec<String>,
}

/// Whether a text is a JSON document, or has a JSON object for each book on a line of its own.
pub(super) fn is_json(text: &str) -> bool {
    let text = start(text);
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.find(|c| !c.is_whitespace()));
    match (first, second) {
        (Some('{'), Some('"')) => true,
        (Some('{'), Some('}')) | (Some('['), Some('{')) => true,
        // "[x] Dune" is a list with boxes, and "["Dune"],x" a table.
        (Some('['), Some('"' | ']')) => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        _ => false,
    }
}

fn start(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Reads the books of a JSON document; of more than `max_rows` only some.
///
/// # Errors
/// When it is not well-formed, which says where, or has no list.
pub(super) fn list(text: &str, max_rows: usize) -> Result<List, CsvError> {
    let mut document = Document {
        text,
        others: Vec::new(),
    };
    let at = text.len() - start(text).len();
    let values = document.values(at)?;
    let rows = match values.as_slice() {
        [] => return Err(empty()),
        [only] => document.books(*only, 0)?,
        // JSON lines
        _ => values,
    };
    let mut table = Table::default();
    for (number, row) in rows.iter().take(max_rows.saturating_add(1)).enumerate() {
        let row_number = u32::try_from(number + 2).unwrap_or(u32::MAX);
        let value: Value = serde_json::from_str(&text[row.0..row.1])
            .map_err(|error| document.broken(row.0, &error, Some(row_number)))?;
        table.add(value, row_number)?;
    }
    Ok(List {
        text: table.text(),
        others: document.others,
    })
}

/// Positions at which a value begins and ends, in bytes.
type Span = (usize, usize);

struct Document<'a> {
    text: &'a str,
    others: Vec<String>,
}

impl Document<'_> {
    /// The line and the column of a position, from 1; the column in bytes.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, at - line_start + 1)
    }

    /// The error for a value that begins at `at`.
    fn broken(&self, at: usize, error: &serde_json::Error, row: Option<u32>) -> CsvError {
        let (line, column) = self.place(at);
        // The parser counts from where the value begins.
        let column = match error.line() {
            0 | 1 => column - 1 + error.column(),
            _ => error.column(),
        };
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        let line = line + error.line().saturating_sub(1);
        damaged((line, column), row, &format!(": {reason}"))
    }

    /// The error where there is no value.
    fn unexpected(&self, at: usize) -> CsvError {
        damaged(self.place(at), None, "")
    }

    /// Reads the value that begins at `at`, and where it ends.
    fn value<T: DeserializeOwned>(&self, at: usize) -> Result<(T, usize), CsvError> {
        let mut stream = serde_json::Deserializer::from_str(&self.text[at..]).into_iter::<T>();
        match stream.next() {
            Some(Ok(value)) => Ok((value, at + stream.byte_offset())),
            Some(Err(error)) => Err(self.broken(at, &error, None)),
            None => Err(self.unexpected(at)),
        }
    }

    fn span(&self, at: usize) -> Result<Span, CsvError> {
        let at = self.skip(at);
        let (_, end) = self.value::<IgnoredAny>(at)?;
        Ok((at, end))
    }

    fn skip(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        at + rest.len() - rest.trim_start().len()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// All values from `at` to the end of the text; a comma between them is forgiven.
    fn values(&self, mut at: usize) -> Result<Vec<Span>, CsvError> {
        let mut values = Vec::new();
        loop {
            at = self.skip(at);
            if self.byte(at).is_none() {
                return Ok(values);
            }
            let span = self.span(at)?;
            at = self.skip(span.1);
            if self.byte(at) == Some(b',') {
                at += 1;
            }
            values.push(span);
        }
    }

    /// The elements of the array at `at`, which is well-formed.
    fn elements(&self, at: usize) -> Result<Vec<Span>, CsvError> {
        let mut elements = Vec::new();
        let mut at = self.skip(at + 1);
        while self.byte(at) != Some(b']') {
            let span = self.span(at)?;
            elements.push(span);
            at = self.skip(span.1);
            if self.byte(at) == Some(b',') {
                at = self.skip(at + 1);
            }
        }
        Ok(elements)
    }

    /// The members of the object at `at`, which is well-formed.
    fn members(&self, at: usize) -> Result<Vec<(String, Span)>, CsvError> {
        let mut members = Vec::new();
        let mut at = self.skip(at + 1);
        while self.byte(at) != Some(b'}') {
            let (name, end) = self.value::<String>(at)?;
            // Behind the colon
            let span = self.span(self.skip(end) + 1)?;
            members.push((name, span));
            at = self.skip(span.1);
            if self.byte(at) == Some(b',') {
                at = self.skip(at + 1);
            }
        }
        Ok(members)
    }

    /// The books of a list's elements: those in the list of an element that has nothing else.
    fn inside(&mut self, elements: Vec<Span>, depth: usize) -> Result<Vec<Span>, CsvError> {
        if let [only] = elements.as_slice()
            && self.byte(only.0) == Some(b'{')
            && let [(name, list)] = self.members(only.0)?.as_slice()
            && self.byte(list.0) == Some(b'[')
            && depth < MAX_DEPTH
            && !is_person(name)
        {
            return self.books(*list, depth + 1);
        }
        Ok(elements)
    }

    /// The values that are books, inside a value.
    fn books(&mut self, value: Span, depth: usize) -> Result<Vec<Span>, CsvError> {
        if self.byte(value.0) == Some(b'[') {
            return self.inside(self.elements(value.0)?, depth);
        }
        if self.byte(value.0) != Some(b'{') || depth > MAX_DEPTH {
            return Err(no_list());
        }
        let members = self.members(value.0)?;
        let is_list = |span: &Span| {
            self.byte(span.0) == Some(b'[') && self.byte(self.skip(span.0 + 1)) == Some(b'{')
        };
        let is_object = |span: &Span| self.byte(span.0) == Some(b'{');
        // A single book.
        let is_text = |span: &Span| self.byte(span.0) == Some(b'"');
        if members
            .iter()
            .any(|(name, span)| headers::names_book(name) && is_text(span))
        {
            return Ok(vec![value]);
        }
        let lists = || members.iter().filter(|(_, span)| is_list(span));
        // The longest is the library.
        if let Some(library) = lists().max_by_key(|(_, span)| span.1 - span.0) {
            let others = lists().filter(|(_, span)| *span != library.1);
            let names: Vec<String> = others.map(|(name, _)| name.clone()).collect();
            self.others.extend(names);
            return self.inside(self.elements(library.1.0)?, depth);
        }
        let objects: Vec<Span> = (members.iter())
            .map(|(_, span)| *span)
            .filter(is_object)
            .collect();
        match objects.as_slice() {
            [] => Err(no_list()),
            // Books by their ids, or lists in objects.
            [first, ..] => {
                let inside = self.members(first.0)?;
                if inside.iter().any(|(name, _)| headers::names_book(name)) {
                    return Ok(objects);
                }
                let found = objects
                    .iter()
                    .find_map(|object| self.books(*object, depth + 1).ok());
                found.ok_or_else(no_list)
            }
        }
    }
}

fn damaged((line, column): (usize, usize), row: Option<u32>, why: &str) -> CsvError {
    parse_failed(
        row,
        format!("the JSON is broken at line {line}, column {column}{why}"),
        &format!("This file is damaged at line {line}. Please export your library again."),
    )
}

fn no_list() -> CsvError {
    parse_failed(
        None,
        "the JSON has no array of objects".to_owned(),
        "This file does not look like a list of books.",
    )
}

/// Rows under the names of all their members.
#[derive(Default)]
struct Table {
    names: Vec<String>,
    places: HashMap<String, usize>,
    rows: String,
    /// Lists of all who made the book, which are read when all its other members are.
    credits: Vec<(String, Vec<Value>)>,
}

impl Table {
    fn add(&mut self, value: Value, row: u32) -> Result<(), CsvError> {
        let mut cells: Vec<(usize, String)> = Vec::new();
        match value {
            Value::Object(members) => self.flatten("", members, 0, &mut cells),
            Value::String(title) => self.cell("title", title, &mut cells),
            other => self.cell("value", spelled(&other), &mut cells),
        }
        for (name, people) in std::mem::take(&mut self.credits) {
            self.credit(&name, people, &mut cells);
        }
        if self.names.len() > MAX_FIELDS - 1 {
            let most = MAX_FIELDS - 1;
            return Err(parse_failed(
                Some(row),
                format!("the objects have more than {most} different members"),
                "This file does not look like a list of books: it has far too many columns.",
            ));
        }
        let is_empty = cells.is_empty();
        let mut place = 0;
        for (at, cell) in cells {
            while place < at {
                self.rows.push(',');
                place += 1;
            }
            push_field(&mut self.rows, &cell);
        }
        // A line of nothing is no record.
        if is_empty {
            self.rows.push(',');
        }
        self.rows.push('\n');
        if self.rows.len() > MAX_TEXT {
            return Err(parse_failed(
                Some(row),
                format!("the rows are more than {MAX_TEXT} bytes long"),
                "This file is too large to be read.",
            ));
        }
        Ok(())
    }

    /// Adds a cell, or to the cell that is there.
    fn cell(&mut self, name: &str, text: String, cells: &mut Vec<(usize, String)>) {
        if text.is_empty() {
            return;
        }
        let at = match self.places.get(name) {
            Some(at) => *at,
            None if self.names.len() >= MAX_FIELDS => return,
            None => {
                self.names.push(name.to_owned());
                self.places.insert(name.to_owned(), self.names.len() - 1);
                self.names.len() - 1
            }
        };
        match cells.iter_mut().find(|(place, _)| *place == at) {
            Some((_, cell)) => *cell = format!("{cell}; {text}"),
            None => {
                let place = cells.partition_point(|(place, _)| *place < at);
                cells.insert(place, (at, text));
            }
        }
    }

    fn flatten(
        &mut self,
        path: &str,
        members: Map<String, Value>,
        level: usize,
        cells: &mut Vec<(usize, String)>,
    ) {
        for (key, value) in members {
            let name = column_name(path, &key);
            match value {
                Value::Object(members) if is_list_by_number(&members) => {
                    let values = members.into_iter().map(|(_, value)| value).collect();
                    self.list(&name, values, cells);
                }
                Value::Object(members) if level < MAX_LEVELS => {
                    self.flatten(&name, members, level + 1, cells);
                }
                Value::Array(values) => self.list(&name, values, cells),
                value => self.cell(&name, spelled(&value), cells),
            }
        }
    }

    /// A list: of all who made the book, or another one.
    fn list(&mut self, name: &str, values: Vec<Value>, cells: &mut Vec<(usize, String)>) {
        let own = crate::text::joined(name.rsplit('.').next().unwrap_or(name));
        match CREDITS.contains(&own.as_str()) {
            true => self.credits.push((name.to_owned(), values)),
            false => self.other_list(name, values, cells),
        }
    }

    /// A list of all who made a book: they are its authors where no other member names these.
    fn credit(&mut self, name: &str, people: Vec<Value>, cells: &mut Vec<(usize, String)>) {
        let has_role =
            |value: &Value| name_and_role(value).is_some_and(|(_, role)| !role.is_empty());
        let is_person = is_person(name);
        // Creators are authors, unless they have roles.
        if self.names_authors(cells) || is_person && !people.iter().any(has_role) {
            return self.other_list(name, people, cells);
        }
        let (people, nameless) = named(people);
        let (authors, others) = credited(&people, nameless);
        let column = if is_person { name } else { "authors" };
        self.texts(column, &authors, cells);
        self.texts(&format!("{name} others"), &others, cells);
    }

    /// A list: its values behind each other, or as JSON where that would mix them up.
    fn other_list(&mut self, name: &str, values: Vec<Value>, cells: &mut Vec<(usize, String)>) {
        let is_plain = |value: &Value| !value.is_object() && !value.is_array();
        if values.iter().all(is_plain) {
            return self.texts(name, &values, cells);
        }
        // People keep their roles beside their names.
        if is_person(name) {
            let (mut people, nameless) = named(values);
            for value in &mut people {
                *value = Value::String(person(value));
            }
            self.texts(name, &people, cells);
            return self.texts(&format!("{name} others"), &nameless, cells);
        }
        for value in values {
            match value {
                Value::Object(members) => self.flatten(name, members, MAX_LEVELS, cells),
                value => self.cell(name, spelled(&value), cells),
            }
        }
    }

    /// A list of texts, behind each other.
    fn texts(&mut self, name: &str, values: &[Value], cells: &mut Vec<(usize, String)>) {
        let texts: Vec<String> = (values.iter().map(spelled))
            .filter(|text| !text.is_empty())
            .collect();
        let is_mixed = texts.len() > 1 && texts.iter().any(|text| text.contains([';', ',']));
        let cell = match is_mixed {
            true => serde_json::to_string(&texts).unwrap_or_default(),
            false => texts.join("; "),
        };
        self.cell(name, cell, cells);
    }

    /// Whether a book's authors are known.
    fn names_authors(&self, cells: &[(usize, String)]) -> bool {
        let mut names = cells.iter().filter_map(|(at, _)| self.names.get(*at));
        names.any(|name| {
            headers::known_meaning(name).is_some_and(|it| it.field == super::field::Field::Author)
        })
    }

    fn text(self) -> String {
        let mut text = String::with_capacity(self.rows.len() + 1_024);
        push_record(&mut text, &self.names);
        text.push_str(&self.rows);
        text
    }
}

/// Whether a member of this name holds authors.
fn is_person(name: &str) -> bool {
    use super::field::Field;
    headers::known_meaning(name)
        .is_some_and(|meaning| matches!(meaning.field, Field::Author | Field::MoreAuthors))
}

/// People, and objects that name nobody.
fn named(mut people: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    let mut nameless = Vec::new();
    for person in &mut people {
        if person.is_object() && name_and_role(person).is_none() {
            nameless.push(person.take());
        }
    }
    people.retain(|person| !person.is_null());
    (people, nameless)
}

/// A person's name, with what else than to write the person did.
fn person(value: &Value) -> String {
    match name_and_role(value) {
        Some((name, role)) if !role.is_empty() => with_role(&name, &role),
        Some((name, _)) => name,
        None => spelled(value),
    }
}

/// A person's name and role, in one member, in parts, or inside of another object.
fn name_and_role(value: &Value) -> Option<(String, String)> {
    const ROLES: [&str; 6] = [
        "role",
        "contribution",
        "type",
        "creatortype",
        "roles",
        "job",
    ];
    const GIVEN: [&str; 4] = ["given", "first", "firstname", "givenname"];
    const FAMILY: [&str; 5] = ["family", "last", "lastname", "familyname", "surname"];
    const INSIDE: [&str; 4] = ["author", "person", "contributor", "creator"];
    let members = value.as_object()?;
    let member = |keys: &[&str]| {
        keys.iter().find_map(|key| {
            let mut members = members.iter();
            let is_so = |name: &str| crate::text::joined(name) == *key;
            members
                .find(|(name, _)| is_so(name))
                .map(|(_, value)| value)
        })
    };
    let text = |keys: &[&str]| match member(keys) {
        Some(Value::Array(texts)) => texts.iter().map(spelled).collect::<Vec<_>>().join(" "),
        Some(Value::String(text)) => text.trim().to_owned(),
        _ => String::new(),
    };
    let in_parts = || {
        format!("{} {}", text(&GIVEN), text(&FAMILY))
            .trim()
            .to_owned()
    };
    let is_person = |role: &String| role.to_lowercase().contains("person");
    let role = Some(text(&ROLES)).filter(|role| !is_person(role));
    let role = role.unwrap_or_default();
    let name = [text(&NAMES), in_parts()]
        .into_iter()
        .find(|name| !name.is_empty());
    match name {
        Some(name) => Some((name, role)),
        None => name_and_role(member(&INSIDE)?).map(|(name, own)| match role.is_empty() {
            true => (name, own),
            false => (name, role),
        }),
    }
}

/// The authors among all who made a book, those who helped behind them, and the others. Where
/// nobody's part is told, all are authors.
fn credited(people: &[Value], mut others: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    let told: Vec<_> = people.iter().map(name_and_role).collect();
    let is_role = |person: &Option<(String, String)>| {
        person.as_ref().is_some_and(|(_, role)| !role.is_empty())
    };
    let writes = |person: &Option<(String, String)>| {
        (person.as_ref()).is_none_or(|(_, role)| role.is_empty() || writes(role))
    };
    let has_roles = told.iter().any(is_role);
    let has_writers = told.iter().any(writes);
    let mut authors = Vec::new();
    for (value, person) in people.iter().zip(&told) {
        let spelled = self::person(value);
        // What helpers did stands in front of their names.
        let is_author = !has_roles || writes(person) || !has_writers || spelled.contains(": ");
        let name = match person {
            Some((name, _)) if is_author && writes(person) => name.clone(),
            _ => spelled,
        };
        if is_author { &mut authors } else { &mut others }.push(Value::String(name));
    }
    (authors, others)
}

/// Whether an object is a list whose values are numbered: `{"0": "...", "2": "..."}`.
fn is_list_by_number(members: &Map<String, Value>) -> bool {
    let is_number = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    !members.is_empty() && members.keys().all(is_number)
}

/// The name of a member's column: that of the object for its name, the member's own where the
/// object only wraps a book, else both.
fn column_name(path: &str, key: &str) -> String {
    if path.is_empty() {
        return key.to_owned();
    }
    let comparable = |name: &str| crate::text::joined(name);
    let own = comparable(key);
    let object = comparable(path.rsplit('.').next().unwrap_or(path));
    if NAMES.contains(&own.as_str()) || own == "title" && object == "series" {
        return path.to_owned();
    }
    if WRAPPERS.contains(&object.as_str()) {
        return key.to_owned();
    }
    format!("{path}.{key}")
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
