//! Output of a preview, for a person or a program: the way in which a file would be read.

use std::io::{self, Write};

use anyhow::Result;
use client::Preview;
use serde_json::Value;

use crate::outcome::CommandOutcome;

/// Prints the result that an import would have; an import that would fail fails here, too.
pub(crate) fn print(preview: &Preview, json: bool) -> Result<CommandOutcome> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(preview)?)?;
    } else {
        describe(preview, &mut out)?;
    }
    Ok(match preview.other.contains_key("failure") {
        true => CommandOutcome::Failed,
        false => CommandOutcome::Done,
    })
}

fn describe(preview: &Preview, out: &mut impl Write) -> Result<()> {
    if let Some(failure) = preview.other.get("failure") {
        writeln!(out, "{}", text(failure, "userMessage"))?;
        writeln!(out, "{}", text(failure, "message"))?;
        return Ok(());
    }
    let reading = preview.other.get("reading").unwrap_or(&Value::Null);
    let source: Vec<&str> = ["program", "sheet", "encoding"]
        .into_iter()
        .map(|field| text(reading, field))
        .filter(|text| !text.is_empty())
        .collect();
    writeln!(out, "{}", source.join(", "))?;
    let columns = reading["columns"].as_array().into_iter().flatten();
    for column in columns {
        let field = column["field"].as_str().unwrap_or("-");
        let notes: Vec<&str> = ["certainty", "values"]
            .into_iter()
            .map(|field| text(column, field))
            .filter(|note| !note.is_empty() && *note != "certain")
            .collect();
        let name = text(column, "name");
        writeln!(out, "  {name:<30} {field:<16} {}", notes.join(", "))?;
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
        let authors: Vec<&str> = (book["authors"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
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
    if let Some(lookups) = preview.other.get("lookups") {
        let count = |name: &str, one: &str, many: &str| {
            let n = lookups[name].as_u64().unwrap_or(0);
            format!("{n} {}", if n == 1 { one } else { many })
        };
        let requests = count("requests", "look-up", "look-ups");
        let seconds = count("seconds", "second", "seconds");
        writeln!(out, "about {requests}, {seconds}")?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
