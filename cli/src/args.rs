//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use client::{JobId, Mode};

const EXIT_CODES: &str = "\
Exit codes:
    0  done; of a job: completed
    1  an error: the server refused, a file cannot be read, ...
    2  this command line is wrong
    3  the job failed
    4  the job was canceled
    5  the server cannot be reached
    6  the job makes no progress; it may go on later
  130  left by Ctrl-C; the job may go on";

/// Imports libraries, scans bookshelves and looks books up on a bookstrack server.
///
/// While a job is followed, Ctrl-C asks the server to cancel it; a second Ctrl-C leaves without
/// waiting for that.
#[derive(Debug, Parser)]
#[command(name = "bookstrack", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The server: scheme, host and port
    #[arg(
        long,
        global = true,
        env = "BOOKSTRACK_SERVER",
        default_value = "http://127.0.0.1:3000",
        value_name = "URL"
    )]
    pub server: String,
    /// The way in which progress comes: a stream, repeated questions, or whichever works
    #[arg(long, global = true, value_enum, default_value_t = Transport::Auto)]
    pub transport: Transport,
    /// Print for machines: JSON on standard output, one event a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say at the end, on standard error, which transports were used and how they ended
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import a library from a CSV file or a workbook and follow the job
    Import {
        /// The library: the export of any reading program, or any list with titles or ISBNs; - is
        /// standard input
        file: PathBuf,
        /// Show how the file would be read, and import nothing
        #[arg(long)]
        dry_run: bool,
        /// The meaning of a column: its header or number, =, and a field or ignore; dates may say
        /// their order (Gelesen=dateRead:day-first), ratings their scale (Note=rating:20)
        #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = mapped)]
        mapping: Vec<(String, String)>,
    },
    /// Find the books on photos of shelves and follow the job
    Scan {
        /// The photos: JPEG, PNG or WebP, at most five
        #[arg(required = true, num_args = 1.., value_name = "PHOTO")]
        photos: Vec<PathBuf>,
        /// Have photos kept that cannot be looked at, so that retry looks at them again
        #[arg(long)]
        keep_failed_photos: bool,
    },
    /// Look books up by ISBN and follow the job
    Enrich {
        /// The ISBNs: ISBN-10 or ISBN-13
        #[arg(required = true, num_args = 1.., value_name = "ISBN")]
        isbns: Vec<String>,
    },
    /// Say how far a job is
    Status {
        /// The job's id
        job: JobId,
    },
    /// Follow a job to its end
    Watch {
        /// The job's id
        job: JobId,
    },
    /// Show what a job found
    Results {
        /// The job's id
        job: JobId,
        /// The form in which to show it
        /// [default: table; with --only: csv]
        #[arg(long, value_enum, conflicts_with = "json")]
        format: Option<Format>,
        /// Rows to mend, as CSV that can be imported again, or as JSON: failed, not_found,
        /// warnings, review, several of them with commas between, or all for the whole library, as
        /// CSV in the columns of Goodreads
        #[arg(long, value_name = "ROWS")]
        only: Option<String>,
    },
    /// Try again what a job that was started here did not find, and follow the new job
    Retry {
        /// The job's id
        job: JobId,
        /// The outcomes to try again; without it, all that may succeed by now
        #[arg(long, value_delimiter = ',', value_name = "OUTCOME")]
        only: Vec<Retried>,
    },
    /// Say which books the doubtful ones of an ended job are; without a book, list them
    Choose {
        /// The job's id
        job: JobId,
        /// The book's number in the list
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        book: Option<u32>,
        /// One of its candidates by number, an ISBN, an Open Library work key, or none
        #[arg(requires = "book", conflicts_with_all = ["title", "author"])]
        which: Option<String>,
        /// Title of the book that it is
        #[arg(long, requires = "book")]
        title: Option<String>,
        /// First author of the book that it is
        #[arg(long, requires = "title")]
        author: Option<String>,
    },
    /// Cancel a job that was started here
    Cancel {
        /// The job's id
        job: JobId,
    },
    /// Print a completion script
    #[command(hide = true)]
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// Parses an assignment of a column to a field, like "Titel=title".
fn mapped(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((column, field)) if !column.trim().is_empty() && !field.trim().is_empty() => {
            Ok((column.trim().to_owned(), field.trim().to_owned()))
        }
        _ => Err("expected COLUMN=FIELD, like Titel=title".to_owned()),
    }
}

/// An outcome that may be tried again, as the server spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Retried {
    Error,
    CircuitOpen,
    NotFound,
    FailedPhotos,
}

impl Retried {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::CircuitOpen => "circuit_open",
            Self::NotFound => "not_found",
            Self::FailedPhotos => "failed_photos",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    Auto,
    Sse,
    Poll,
}

impl From<Transport> for Mode {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Sse => Self::Sse,
            Transport::Poll => Self::Poll,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
}
