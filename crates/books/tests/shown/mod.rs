//! A file's books and problems as text, one line for each.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use books::{ReadingStatus, Row, read_csv};

/// Spells a row, without fields that are empty.
pub(crate) fn line(row: &Row) -> String {
    let Row { wanted, imported } = row;
    let source = &imported.source;
    let status = source.reading_status.map(|status| match status {
        ReadingStatus::Read => "read",
        ReadingStatus::CurrentlyReading => "reading",
        ReadingStatus::ToRead => "to-read",
        ReadingStatus::DidNotFinish => "given up",
    });
    let series = imported.series.as_ref().map(|series| {
        let position = series.position.as_deref().unwrap_or("?");
        format!("{} #{position}", series.name)
    });
    let parts = [
        Some(wanted.title.clone()).filter(|title| !title.is_empty()),
        Some(imported.authors.join(" & ")).filter(|authors| !authors.is_empty()),
        wanted.isbn.map(|isbn| isbn.to_string()),
        wanted.work_id.clone(),
        series,
        imported.publisher.clone(),
        imported.year.map(|year| year.to_string()),
        imported.pages.map(|pages| format!("{pages} p.")),
        imported.format.map(|format| format.name().to_owned()),
        source.user_rating.map(|rating| format!("{rating}/5")),
        status.map(str::to_owned),
        source
            .date_started
            .as_ref()
            .map(|date| format!("from {date}")),
        source.date_read.as_ref().map(|date| format!("on {date}")),
        Some(source.dates_read.join(" ")).filter(|dates| !dates.is_empty()),
        source
            .date_added
            .as_ref()
            .map(|date| format!("since {date}")),
        source.read_count.map(|count| format!("{count} times")),
        Some(source.shelves.join(" + ")).filter(|shelves| !shelves.is_empty()),
        source.review.clone(),
        source.notes.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

/// Reads a file and spells what was read, problems last: `!` marks rows that were left out, `?`
/// others.
pub(crate) fn read(file: &[u8]) -> String {
    match read_csv(file, 100) {
        Ok(library) => {
            let books = library.books.iter().map(line);
            let problems = library.problems.iter().map(|problem| {
                let kind = if problem.rejected { "!" } else { "?" };
                format!("{kind}{}: {}", problem.row, problem.error)
            });
            books.chain(problems).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("refused: {error}"),
    }
}

/// Expects this of a file.
#[track_caller]
pub(crate) fn check(file: &str, expected: &str) {
    assert_eq!(read(file.as_bytes()), expected, "\n{file}");
}
