//! Output of a job's results, for people, spreadsheets and programs.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Result, bail};
use client::{Book, Client, JobId, Results};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use crate::args::Format;
use crate::view::{escaped, printable};

const HEADER: [&str; 7] = [
    "title",
    "author",
    "isbn",
    "status",
    "publisher",
    "published",
    "confidence",
];

/// Prints what a job found; of a part, its rows.
///
/// # Errors
/// When the server refuses, or rows are asked for as a table.
pub(crate) async fn show(
    client: &Client,
    job: &JobId,
    format: Option<Format>,
    only: Option<&str>,
) -> Result<()> {
    match (only, format) {
        (Some(only), None | Some(Format::Csv)) => put(&client.rows_csv(job, only).await?),
        (Some(_), Some(Format::Table)) => bail!("rows to mend are csv or json, not a table"),
        // All of them are the results.
        (Some(only), Some(Format::Json)) if only.split(',').all(|name| name.trim() != "all") => {
            put_json(&client.rows(job, only).await?)
        }
        (_, format) => print(&client.results(job).await?, format.unwrap_or(Format::Table)),
    }
}

fn put_json(value: &impl Serialize) -> Result<()> {
    put(&(escaped(&serde_json::to_string_pretty(value)?) + "\n"))
}

/// Writes text for programs; where a person looks, without what would command the terminal.
fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.is_terminal() {
        true => out.write_all(visible(text).as_bytes())?,
        false => out.write_all(text.as_bytes())?,
    }
    out.flush()?;
    Ok(())
}

/// Text without control characters but for the ends of its lines and tabs, and without the byte
/// order mark that a file has for spreadsheets.
fn visible(text: &str) -> String {
    let is_seen = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let text = text.trim_start_matches('\u{feff}');
    text.chars().filter(is_seen).collect()
}

fn print(results: &Results, format: Format) -> Result<()> {
    match format {
        Format::Json => put_json(results)?,
        Format::Csv => put(&csv_of(&rows(results))?)?,
        Format::Table => {
            let mut table = Table::new();
            table
                .load_preset(presets::UTF8_FULL_CONDENSED)
                .set_content_arrangement(ContentArrangement::Dynamic);
            table.set_header(HEADER);
            let rows = rows(results);
            let found = rows.iter().filter(|row| row[3] == "success").count();
            let books = rows.len();
            table.add_rows(rows.into_iter().map(|row| row.map(|cell| printable(&cell))));
            let noun = if books == 1 { "book" } else { "books" };
            put(&format!(
                "{table}\n{books} {noun}, {found} found{}\n",
                how(results)
            ))?;
        }
    }
    Ok(())
}

/// A table of which no spreadsheet runs a cell.
fn csv_of(rows: &[[String; 7]]) -> Result<String> {
    let mut table = Vec::new();
    write_line(&HEADER.map(Cow::Borrowed), &mut table)?;
    for row in rows {
        write_line(&row.each_ref().map(|cell| harmless(cell)), &mut table)?;
    }
    Ok(String::from_utf8(table)?)
}

/// Writes a line. Some spreadsheets part cells at semicolons and tabs, too: where there are any,
/// texts are in quotes.
fn write_line(cells: &[Cow<'_, str>; 7], table: &mut Vec<u8>) -> Result<()> {
    let style = match cells.iter().any(|cell| cell.contains([';', '\t'])) {
        true => csv::QuoteStyle::NonNumeric,
        false => csv::QuoteStyle::Necessary,
    };
    let mut line = csv::WriterBuilder::new()
        .quote_style(style)
        .from_writer(table);
    line.write_record(cells.iter().map(|cell| cell.as_bytes()))?;
    line.flush()?;
    Ok(())
}

/// A cell that no spreadsheet runs as a formula: behind an apostrophe, as in the server's exports.
fn harmless(cell: &str) -> Cow<'_, str> {
    let seen = cell.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
    match seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// A note on how photos were read; empty when there is nothing to note.
fn how(results: &Results) -> &'static str {
    let metadata = results.other.get("metadata");
    match metadata.and_then(|metadata| metadata["modelUsed"].as_str()) {
        Some("spines") => "; read here, no AI service asked",
        _ => "",
    }
}

fn rows(results: &Results) -> Vec<[String; 7]> {
    let items = results
        .other
        .get("enrichedBooks")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let books = results.books.iter().map(row);
    if items.len() <= results.books.len() {
        return books.collect();
    }
    // An enrichment lists what it did not find apart from the books.
    books
        .chain(
            items
                .iter()
                .filter(|item| item.get("success") == Some(&Value::Bool(false)))
                .map(missing),
        )
        .collect()
}

fn missing(item: &Value) -> [String; 7] {
    let text = |field: &str| {
        item.get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let [publisher, published, confidence] = Default::default();
    [
        text("title"),
        text("author"),
        text("isbn"),
        "not_found".to_owned(),
        publisher,
        published,
        confidence,
    ]
}

fn row(book: &Book) -> [String; 7] {
    let author = match &book.author {
        Some(author) => author.clone(),
        None => book.authors.join(", "),
    };
    let published = match (&book.published_date, book.publication_year) {
        (Some(date), _) => date.clone(),
        (None, Some(year)) => year.to_string(),
        (None, None) => String::new(),
    };
    [
        book.title.clone(),
        author,
        book.isbn.clone().unwrap_or_default(),
        book.enrichment_status.clone().unwrap_or_default(),
        book.publisher.clone().unwrap_or_default(),
        published,
        book.confidence
            .map(|confidence| format!("{confidence:.2}"))
            .unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(fixture: &str) -> Vec<[String; 7]> {
        let envelope: Value = serde_json::from_str(fixture).unwrap();
        rows(&serde_json::from_value(envelope["data"].clone()).unwrap())
    }

    #[test]
    fn a_scan_has_one_author_a_year_and_a_confidence() {
        let rows = rows_of(include_str!("../../tests/fixtures/results-scan.json"));
        let gatsby = [
            "The Great Gatsby",
            "F. Scott Fitzgerald",
            "9780743273565",
            "success",
            "Scribner",
            "2004",
            "0.92",
        ];
        assert_eq!(rows, [gatsby]);
    }

    #[test]
    fn it_is_told_when_no_model_has_seen_the_photos() {
        let how = |model: &str| {
            let results = serde_json::json!({"jobId": "j", "status": "completed", "books": [],
                "metadata": {"modelUsed": model}});
            super::how(&serde_json::from_value(results).unwrap())
        };
        assert_eq!(how("spines"), "; read here, no AI service asked");
        assert_eq!(how("gemini-3.5-flash-lite"), "");
        assert_eq!(how("barcode"), "");
    }

    /// Titles are other people's text.
    #[test]
    fn no_cell_of_a_table_is_a_formula() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1", "\t=1", "\u{0}@A1",
        ] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["", "Dune", "1-1", "9780441013593", "0.92"] {
            assert_eq!(harmless(text), text);
        }
        let row = ["=1+1;=1", "a;=1", "9780441013593", "", "", "2004", "0.92"];
        let table = csv_of(&[row.map(str::to_owned)]).unwrap();
        let line = table.lines().nth(1).unwrap();
        let expected = r#""'=1+1;=1","a;=1",9780441013593,"","",2004,0.92"#;
        assert_eq!(line, expected);
    }

    /// In UTF-8 U+009B is the beginning of a command, too.
    #[test]
    fn nothing_that_is_shown_commands_the_terminal() {
        let text = "\u{feff}a,\u{1b}]0;title\u{7}\tb\u{9b}2J\u{7f}\r\nc\n";
        assert_eq!(visible(text), "a,]0;title\tb2J\r\nc\n");
    }

    #[test]
    fn an_enrichment_lists_also_what_it_did_not_find() {
        let rows = rows_of(include_str!("../../tests/fixtures/results-enrichment.json"));
        assert_eq!(rows[0][..2], ["The Great Gatsby", "F. Scott Fitzgerald"]);
        assert_eq!(
            rows[1..],
            [["No such book", "", "", "not_found", "", "", ""]]
        );
    }
}
