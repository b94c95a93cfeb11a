//! Output of a job's results, for people, spreadsheets and programs.

use std::io::{self, Write};

use anyhow::{Result, bail};
use client::{Book, Client, JobId, Results};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::args::Format;
use crate::view::printable;

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
    let mut out = io::stdout().lock();
    match (only, format) {
        (Some(only), None | Some(Format::Csv)) => {
            out.write_all(client.rows_csv(job, only).await?.as_bytes())?;
        }
        (Some(_), Some(Format::Table)) => bail!("rows to mend are csv or json, not a table"),
        // All of them are the results.
        (Some(only), Some(Format::Json)) if only.split(',').all(|name| name.trim() != "all") => {
            serde_json::to_writer_pretty(&mut out, &client.rows(job, only).await?)?;
            writeln!(out)?;
        }
        (_, format) => {
            let results = client.results(job).await?;
            drop(out);
            return print(&results, format.unwrap_or(Format::Table));
        }
    }
    out.flush()?;
    Ok(())
}

fn print(results: &Results, format: Format) -> Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, results)?;
            writeln!(out)?;
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record(HEADER)?;
            for row in rows(results) {
                csv.write_record(row)?;
            }
            csv.flush()?;
        }
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
            writeln!(
                out,
                "{table}
{books} {noun}, {found} found{}",
                how(results)
            )?;
        }
    }
    out.flush()?;
    Ok(())
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
    fn an_enrichment_lists_also_what_it_did_not_find() {
        let rows = rows_of(include_str!("../../tests/fixtures/results-enrichment.json"));
        assert_eq!(rows[0][..2], ["The Great Gatsby", "F. Scott Fitzgerald"]);
        assert_eq!(
            rows[1..],
            [["No such book", "", "", "not_found", "", "", ""]]
        );
    }
}
