//! Serves the stand-ins until Ctrl-C, for tests in other languages and for runs of Spin itself.

use std::io::Write as _;
use std::time::Duration;

use clap::Parser;
use stand_ins::{Ports, RateLimit, Sandbox, Settings};

/// Local stand-ins for Open Library, Google Books, Gemini and an OpenAI-compatible server.
///
/// Prints the application variables that point at them, one `name=value` a line, then serves until
/// Ctrl-C. Each server is steered by POST /__behave and /__reset, and counts in GET /__requests.
#[derive(Parser)]
struct Options {
    /// Port of Open Library; 0 is any.
    #[arg(long, default_value_t = 0)]
    open_library: u16,
    /// Port of Google Books; 0 is any.
    #[arg(long, default_value_t = 0)]
    google_books: u16,
    /// Port of Gemini; 0 is any.
    #[arg(long, default_value_t = 0)]
    gemini: u16,
    /// Port of the OpenAI-compatible server; 0 is any.
    #[arg(long, default_value_t = 0)]
    openai: u16,
    /// Milliseconds that every request takes.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Milliseconds that a request may take longer.
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// Seed of the jitter
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Requests a second that Open Library answers, and twice as many at once; unlimited if absent.
    /// The real one: 3, and 25 at once.
    #[arg(long)]
    open_library_rate: Option<f64>,
    /// Writes a Goodreads export of this many books that the stand-ins know to standard output,
    /// and ends.
    #[arg(long, value_name = "ROWS")]
    library: Option<usize>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(rows) = options.library {
        return Ok(std::io::stdout().write_all(&stand_ins::library(rows))?);
    }
    let sandbox = Sandbox::start(Settings {
        ports: Ports {
            open_library: options.open_library,
            google_books: options.google_books,
            gemini: options.gemini,
            openai: options.openai,
        },
        delay: Duration::from_millis(options.delay),
        jitter: Duration::from_millis(options.jitter),
        seed: options.seed,
        open_library_rate: options.open_library_rate.map(|per_second| RateLimit {
            per_second,
            burst: (per_second * 2.0).ceil() as u32,
            delay: per_second.ceil() as u32,
        }),
        google_books_rate: None,
        ..Settings::default()
    })
    .await?;
    for (name, value) in sandbox.variables() {
        println!("{name}={value}");
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
