//! Output of a preview, for a person or a program: the way in which a file would be read.

use std::io::{self, Write};

use anyhow::Result;
use client::Preview;
use serde_json::Value;

use crate::outcome::CommandOutcome;
use crate::view::{escaped, printable};

/// Prints the result that an import would have; an import that would fail fails here, too.
pub(crate) fn print(preview: &Preview, json: bool) -> Result<CommandOutcome> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", escaped(&serde_json::to_string(preview)?))?;
    } else {
        describe(preview, &mut out)?;
    }
    Ok(match preview.other.contains_key("failure") {
        true => CommandOutcome::Failed,
        false => CommandOutcome::Done,
    })
}

/// Leaves out the control characters of all texts: a file is other people's, and must not be able
/// to command the terminal.
fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) => *text = printable(text),
        Value::Array(values) => values.iter_mut().for_each(make_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_printable),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn describe(preview: &Preview, out: &mut impl Write) -> Result<()> {
    let mut preview = preview.clone();
    preview.other.values_mut().for_each(make_printable);
    let failure = preview.other.get("failure");
    if let Some(failure) = failure {
        writeln!(out, "{}", text(failure, "userMessage"))?;
        writeln!(out, "{}", text(failure, "message"))?;
    }
    let reading = preview.other.get("reading").unwrap_or(&Value::Null);
    if failure.is_some() && reading.is_null() {
        return Ok(());
    }
    writeln!(out, "{}", source(reading))?;
    for line in listed(reading, "linesAbove") {
        writeln!(out, "above the columns' names: {line}")?;
    }
    let sheets: Vec<&str> = listed(reading, "otherSheets").collect();
    if !sheets.is_empty() {
        writeln!(out, "sheets not read: {}", sheets.join(", "))?;
    }
    let columns = reading["columns"].as_array().into_iter().flatten();
    for column in columns {
        let field = column["field"].as_str().unwrap_or("-");
        let notes: Vec<&str> = ["certainty", "values"]
            .into_iter()
            .map(|field| text(column, field))
            .filter(|note| !note.is_empty() && *note != "certain")
            .collect();
        let name = text(column, "name");
        let samples: Vec<&str> = listed(column, "samples").collect();
        let notes = [notes.join(", "), samples.join(" · ")];
        let notes = notes.map(|note| Some(note).filter(|note| !note.is_empty()));
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        writeln!(out, "  {name:<30} {field:<16} {}", notes.join(": "))?;
    }
    if failure.is_some() {
        return Ok(());
    }
    writeln!(
        out,
        "{} rows: {} books, {} merged, {} left out",
        preview.rows, preview.books_found, preview.duplicates_merged, preview.rows_rejected
    )?;
    for book in preview
        .other
        .get("books")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let authors: Vec<&str> = listed(book, "authors").collect();
        let title = match text(book, "title") {
            "" => text(book, "isbn"),
            title => title,
        };
        writeln!(out, "  {title} / {}", authors.join(", "))?;
    }
    for problem in preview
        .other
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        writeln!(out, "row {}: {}", problem["row"], text(problem, "error"))?;
    }
    let shown = preview.other.get("errors").and_then(Value::as_array);
    let problems = preview.other.get("problems").and_then(Value::as_u64);
    let shown = shown.map_or(0, Vec::len) as u64;
    if let Some(more) = problems.map(|all| all.saturating_sub(shown))
        && more > 0
    {
        writeln!(out, "and {more} more rows with problems or warnings")?;
    }
    if let Some(lookups) = preview.other.get("lookups") {
        let count = |name: &str, one: &str, many: &str| {
            let n = lookups[name].as_u64().unwrap_or(0);
            format!("{n} {}", if n == 1 { one } else { many })
        };
        let requests = count("requests", "request", "requests");
        let seconds = count("seconds", "second", "seconds");
        writeln!(out, "about {requests}, {seconds}")?;
    }
    Ok(())
}

/// Where the books come from: program, sheet, encoding, and the row that names the columns.
fn source(reading: &Value) -> String {
    let encoding = match (text(reading, "encoding"), &reading["encodingGuessed"]) {
        (encoding, Value::Bool(true)) => format!("{encoding} (guessed)"),
        (encoding, _) => encoding.to_owned(),
    };
    let header = match reading["headerRow"].as_u64() {
        Some(row) => format!("columns named in row {row}"),
        None => "no row that names the columns".to_owned(),
    };
    let repaired = match reading["repaired"].as_u64() {
        None | Some(0) => String::new(),
        Some(places) => format!("{places} damaged places repaired"),
    };
    let [program, sheet] = ["program", "sheet"].map(|field| text(reading, field).to_owned());
    let mut parts = vec![program, sheet, encoding, header, repaired];
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn listed<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let items = value[field].as_array().into_iter().flatten();
    items.filter_map(Value::as_str)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(preview: Value) -> String {
        let preview: Preview = serde_json::from_value(preview).unwrap();
        let mut out = Vec::new();
        describe(&preview, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn preview() -> Value {
        json!({
            "rows": 120, "booksFound": 119, "duplicatesMerged": 0, "rowsRejected": 1,
            "uncertain": true,
            "reading": {
                "encoding": "windows-1252", "encodingGuessed": true, "repaired": 2,
                "headerRow": 3, "linesAbove": ["My books"], "sheet": "Books",
                "otherSheets": ["Films", "Games"],
                "columns": [{"name": "Titel", "field": "title", "certainty": "certain", "filled": 120}],
            },
            "books": [], "errors": [{"row": 4, "error": "no title"}], "problems": 101,
            "lookups": {"byNumber": 0, "byTitle": 119, "requests": 3, "seconds": 1},
        })
    }

    #[test]
    fn all_that_is_known_of_the_reading_is_printed() {
        let text = printed(preview());
        for line in [
            "Books, windows-1252 (guessed), columns named in row 3, 2 damaged places repaired",
            "above the columns' names: My books",
            "sheets not read: Films, Games",
            "row 4: no title",
            "and 100 more rows with problems or warnings",
            "about 3 requests, 1 second",
        ] {
            assert!(
                text.lines().any(|printed| printed == line),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn nothing_of_a_file_commands_the_terminal() {
        let mut preview = preview();
        let evil = "a\u{1b}]0;b\u{7}\u{9b}2J\nrow 9";
        preview["reading"]["linesAbove"] = json!([evil]);
        preview["reading"]["otherSheets"] = json!([evil]);
        preview["reading"]["columns"][0]["name"] = json!(evil);
        preview["reading"]["columns"][0]["samples"] = json!([evil]);
        preview["books"] = json!([{"title": evil, "authors": [evil]}]);
        preview["errors"][0]["error"] = json!(evil);
        let text = printed(preview.clone());
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text}");
        assert!(text.contains("\n  a]0;b2Jrow 9 / a]0;b2Jrow 9\n"), "{text}");
        preview["failure"] = json!({"message": evil, "userMessage": evil});
        assert!(printed(preview).starts_with("a]0;b2Jrow 9\na]0;b2Jrow 9\n"));
    }

    #[test]
    fn a_failure_is_printed_with_the_columns_that_it_has() {
        let mut preview = preview();
        preview["failure"] =
            json!({"message": "no column named like a title", "userMessage": "No titles."});
        let text = printed(preview.clone());
        assert!(
            text.starts_with("No titles.\nno column named like a title\n"),
            "{text}"
        );
        assert!(text.contains("\n  Titel "), "{text}");
        assert!(!text.contains("120 rows"), "{text}");
        preview.as_object_mut().unwrap().remove("reading");
        assert_eq!(
            printed(preview),
            "No titles.\nno column named like a title\n"
        );
    }
}
