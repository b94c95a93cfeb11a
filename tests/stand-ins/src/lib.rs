//! Local stand-ins for the providers: Open Library, Google Books, Gemini and an OpenAI-compatible
//! server, speaking their protocols on loopback ports, with books that are the same at every start
//! and with failures on demand.
//!
//! They serve developers without network and keys (`host --sandbox`), the black-box tests and the
//! benchmarks. What they know comes from the sample library: about 4 in 100 of its books only
//! Google Books knows, about 2 nobody does. Nothing they say that is not in the sample is a fact.

mod behaviour;
mod catalogue;
mod field_mask;
mod gemini;
mod generated;
mod google_books;
mod invented;
mod lucene;
mod open_library;
mod openai;
mod schema;
mod seed;
mod server;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

pub use behaviour::{Behaviour, Fault, Quirk, When};
pub use generated::{GENERATED_WORKS, library};
pub use invented::invented_isbn;
pub use seed::NamedBook;
pub use server::{RateLimit, Seen, Server};

use catalogue::Catalogue;
use serde_json::Value;
use server::{Pace, ProtocolResponse, Provider, Request};
use shelf::Eye;

/// The key that every stand-in accepts where a key is asked for.
pub const API_KEY: &str = "sandbox-key";

/// Settings of the stand-ins.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The ports on which they listen.
    pub ports: Ports,
    /// Least time that every request takes.
    pub delay: Duration,
    /// Longest additional time of a request, chosen by `seed` and the request's number.
    pub jitter: Duration,
    /// Seed of `jitter`.
    pub seed: u64,
    /// Open Library's rate limit; none when absent.
    pub open_library_rate: Option<RateLimit>,
    /// Google Books' rate limit; none when absent.
    pub google_books_rate: Option<RateLimit>,
    /// Books that Open Library lists beside those of the samples, the most popular first.
    pub more_books: Vec<NamedBook>,
    /// Books that Open Library does not list, whether the samples have them or not.
    pub unlisted_books: Vec<NamedBook>,
}

/// Ports on 127.0.0.1; 0 is any free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// Port of Open Library.
    pub open_library: u16,
    /// Port of Google Books.
    pub google_books: u16,
    /// Port of Gemini.
    pub gemini: u16,
    /// Port of the OpenAI-compatible server.
    pub openai: u16,
}

/// The books of the samples: those of the library, and those on the shelf.
///
/// # Errors
/// When the embedded samples cannot be read.
pub fn sample_books() -> anyhow::Result<Vec<NamedBook>> {
    let library = seed::library_spines()?;
    Ok(library.into_iter().chain(seed::shelf()?).collect())
}

/// The running stand-ins. They stop when this is dropped.
pub struct Sandbox {
    open_library: Server,
    google_books: Server,
    gemini: Server,
    openai: Server,
}

impl Sandbox {
    /// Starts every stand-in, inside the current tokio runtime.
    ///
    /// # Errors
    /// When a port is taken, or the embedded samples cannot be read.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let catalogue = Arc::new(Catalogue::new(seed::works(
            &settings.more_books,
            &settings.unlisted_books,
        )?));
        let eye = Arc::new(Eye::open()?);
        let pace = |rate| Pace {
            delay: settings.delay,
            jitter: settings.jitter,
            seed: settings.seed,
            rate,
        };
        let ports = settings.ports;
        let open_library = OpenLibrary(Arc::clone(&catalogue));
        let rate = settings.open_library_rate;
        let open_library = Server::start(ports.open_library, pace(rate), open_library).await?;
        let rate = settings.google_books_rate;
        let google_books =
            Server::start(ports.google_books, pace(rate), GoogleBooks(catalogue)).await?;
        let gemini = Server::start(ports.gemini, pace(None), Gemini(Arc::clone(&eye))).await?;
        let openai = Server::start(ports.openai, pace(None), OpenAi(eye)).await?;
        Ok(Self {
            open_library,
            google_books,
            gemini,
            openai,
        })
    }

    /// The application's variables (spin.toml) that point it at the stand-ins. Base URLs are
    /// origins. Requests are not rationed as they are for the real services.
    pub fn variables(&self) -> Vec<(String, String)> {
        let unrationed = || "100000".to_owned();
        [
            ("sandbox", "true".to_owned()),
            // Like Open Library, its stand-in refuses who does not say who they are.
            ("contact", "sandbox@example.org".to_owned()),
            ("open_library_base_url", self.open_library.base_url()),
            ("google_books_base_url", self.google_books.base_url()),
            ("google_books_api_key", API_KEY.to_owned()),
            ("open_library_rate", unrationed()),
            ("open_library_burst", unrationed()),
            ("google_books_rate", unrationed()),
            ("google_books_burst", unrationed()),
            ("gemini_base_url", self.gemini.base_url()),
            ("gemini_api_key", API_KEY.to_owned()),
            ("openai_base_url", self.openai.base_url()),
            ("openai_api_key", API_KEY.to_owned()),
            ("openai_model", openai::MODEL.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// The stand-in for Open Library.
    pub fn open_library(&self) -> &Server {
        &self.open_library
    }

    /// The stand-in for Google Books.
    pub fn google_books(&self) -> &Server {
        &self.google_books
    }

    /// The stand-in for Gemini.
    pub fn gemini(&self) -> &Server {
        &self.gemini
    }

    /// The stand-in for an OpenAI-compatible server.
    pub fn openai(&self) -> &Server {
        &self.openai
    }
}

struct OpenLibrary(Arc<Catalogue>);

impl Provider for OpenLibrary {
    fn answer(&self, request: &Request, _: Option<Quirk>) -> ProtocolResponse {
        open_library::answer(&self.0, request)
    }

    fn error(&self, status: u16) -> ProtocolResponse {
        open_library::error(status)
    }

    fn falsify(&self, fault: &Fault, answer: &mut Value) {
        if *fault == Fault::NoEditions {
            open_library::leave_out_editions(answer);
        }
    }
}

struct GoogleBooks(Arc<Catalogue>);

impl Provider for GoogleBooks {
    fn answer(&self, request: &Request, _: Option<Quirk>) -> ProtocolResponse {
        google_books::answer(&self.0, API_KEY, request)
    }

    fn error(&self, status: u16) -> ProtocolResponse {
        google_books::error(status)
    }

    fn falsify(&self, fault: &Fault, answer: &mut Value) {
        if *fault == Fault::OtherBook {
            google_books::name_other_books(answer);
        }
    }
}

struct Gemini(Arc<Eye>);

impl Provider for Gemini {
    fn answer(&self, request: &Request, quirk: Option<Quirk>) -> ProtocolResponse {
        gemini::answer(&self.0, request, quirk)
    }

    fn error(&self, status: u16) -> ProtocolResponse {
        gemini::error(status)
    }
}

struct OpenAi(Arc<Eye>);

impl Provider for OpenAi {
    fn answer(&self, request: &Request, quirk: Option<Quirk>) -> ProtocolResponse {
        openai::answer(&self.0, request, quirk)
    }

    fn error(&self, status: u16) -> ProtocolResponse {
        openai::error(status)
    }
}
