//! The configuration of the application: its variables, read once per request.

use std::time::Duration;

use api::book::Provider;
use api::capabilities::{Features, Transport};
use api::cors::{DEFAULT_ORIGINS, Origins};
use api::origin::Origin;
use api::variables::{self, InvalidVariable};
use books::{Endpoints, GoogleBooks};
use job::effects::StoreError;
use job::{Enrichment, Keyring, RateLimit, RunMode, Scan, Settings, SettingsError, Webhook};
use vision::{Vision, VisionChoice, VisionKind};

use crate::Spin;

/// A variable of the component; empty when it has none of this name.
fn variable(name: &str) -> String {
    spin_sdk::variables::get(name).unwrap_or_default()
}

fn number(name: &'static str, default: f64) -> f64 {
    // [`check`] has refused what cannot be read.
    variables::number(name, &variable(name), default).unwrap_or(default)
}

/// Names of the variables that are numbers.
const NUMBERS: [&str; 9] = [
    "socket_hold_s",
    "open_library_rate",
    "open_library_burst",
    "google_books_rate",
    "google_books_burst",
    "google_books_per_job",
    "provider_timeout_s",
    "provider_patience_s",
    "vision_timeout_s",
];

/// Checks the values of variables that are read later, where an error could no longer be returned.
///
/// # Errors
/// [`InvalidVariable`]: the first whose value cannot be read.
pub fn check() -> Result<(), InvalidVariable> {
    for name in NUMBERS {
        variables::number(name, &variable(name), 0.0)?;
    }
    confidence_threshold()?;
    variables::flag("spines", &variable("spines"), false)?;
    reasoning_effort()?;
    country()?;
    public_origin()?;
    preferred().map(drop)
}

/// The confidence below which a book is to be reviewed, unless configured otherwise.
const CONFIDENCE_THRESHOLD: f64 = 0.6;

/// The confidence below which a book is to be reviewed.
fn confidence_threshold() -> Result<f64, InvalidVariable> {
    let name = "confidence_threshold";
    variables::share(name, &variable(name), CONFIDENCE_THRESHOLD)
}

/// The effort of a model that thinks; `None` leaves it to the server.
fn reasoning_effort() -> Result<Option<&'static str>, InvalidVariable> {
    let name = "openai_reasoning_effort";
    variables::reasoning_effort(name, &variable(name))
}

/// The country whose books Google Books shows; `None` leaves it to the address that asks.
fn country() -> Result<Option<String>, InvalidVariable> {
    let name = "google_books_country";
    variables::country(name, &variable(name))
}

/// The vision provider that is asked first.
fn preferred() -> Result<VisionKind, InvalidVariable> {
    let kinds: Vec<(&str, VisionKind)> =
        VisionKind::all().map(|kind| (kind.name(), kind)).collect();
    variables::choice(
        "vision_provider",
        &variable("vision_provider"),
        &kinds,
        "gemini, openai or spines",
    )
}

/// The fewest characters of an operator's token: it can be guessed at from anywhere.
const OPERATOR_TOKEN_CHARS: usize = 20;

/// Names of secrets that a component can tell an operator of, but never what they are.
const SECRETS: [&str; 3] = ["token_secret", "edge_secret", "webhook_secret"];

/// Which secrets are set, by the names of their variables.
#[must_use]
pub fn secrets_set() -> [(&'static str, bool); 3] {
    SECRETS.map(|name| (name, !variable(name).trim().is_empty()))
}

/// The configuration that every component needs.
pub struct Config {
    /// The settings of the engine.
    pub settings: Settings,
    /// The application's secret.
    pub keyring: Keyring,
    /// The origins of pages that may call the application.
    pub cors: Origins,
    /// Whether jobs without a token are open to everybody who knows their name.
    pub legacy_tokenless: bool,
    /// Whether the providers are local stand-ins.
    pub sandbox: bool,
    /// The token that the operator's routes ask for; `None`: there are none.
    pub operator_token: Option<String>,
}

/// The reasons why the configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The profile or the tuning cannot be read.
    Settings(SettingsError),
    /// One of the other variables cannot be read.
    Variable(InvalidVariable),
    /// The store failed.
    Store(StoreError),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Variable(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl From<InvalidVariable> for ConfigError {
    fn from(error: InvalidVariable) -> Self {
        Self::Variable(error)
    }
}

impl Config {
    /// Reads the variables that all components have; `cors` are [`origins`].
    ///
    /// # Errors
    /// [`ConfigError`].
    pub async fn read(spin: &Spin, cors: Origins) -> Result<Self, ConfigError> {
        let mut settings = Settings::resolve(&variable("profile"), &variable("tuning"))
            .map_err(ConfigError::Settings)?;
        settings.run_mode = variables::choice(
            "run_mode",
            &variable("run_mode"),
            &[
                ("background", RunMode::Background),
                ("inline", RunMode::Inline),
            ],
            "background or inline",
        )?;
        settings.webhook = webhook()?;
        let flag = |name, default| variables::flag(name, &variable(name), default);
        let (legacy_tokenless, sandbox) =
            (flag("legacy_tokenless", true)?, flag("sandbox", false)?);
        let operator_token = variables::secret(
            "operator_token",
            &variable("operator_token"),
            OPERATOR_TOKEN_CHARS,
            "at least 20 characters, or nothing",
        )?;
        let secret = variable("token_secret");
        let keyring = if secret.is_empty() {
            Keyring::stored(spin, &settings)
                .await
                .map_err(ConfigError::Store)?
        } else {
            Keyring::new(secret.as_bytes())
        };
        Ok(Self {
            settings,
            keyring,
            cors,
            legacy_tokenless,
            sandbox,
            operator_token,
        })
    }
}

/// The origin under which clients know the application; unknown when the operator has not said it.
///
/// # Errors
/// [`InvalidVariable`] when it is no origin.
pub fn public_origin() -> Result<Origin, InvalidVariable> {
    variables::origin("public_url", &variable("public_url"))
}

/// The webhook that the ends of jobs are posted to. The address has no path, as it is also a host
/// that the components may reach; the application's own (the default) means nowhere.
fn webhook() -> Result<Option<Webhook>, InvalidVariable> {
    let origin = variable("webhook_url");
    let origin = origin.trim().trim_end_matches('/');
    if origin.is_empty() || origin == "http://self" {
        return Ok(None);
    }
    let key = variables::required(
        "webhook_secret",
        Webhook::key(variable("webhook_secret").trim()),
        "whsec_ and a key of 24 to 64 bytes in base64",
    )?;
    let path = variable("webhook_path");
    let path = path.trim().trim_start_matches('/');
    Ok(Some(Webhook {
        url: format!("{origin}/{path}"),
        key,
        long_wait: Webhook::LONG_WAIT,
    }))
}

/// The origins whose pages may call the application.
#[must_use]
pub fn origins() -> Origins {
    let origins = variable("cors_origins");
    Origins::parse(match origins.trim() {
        "" => DEFAULT_ORIGINS,
        origins => origins,
    })
}

/// The metadata providers as configured.
#[must_use]
pub fn enrichment() -> Enrichment {
    let base = |name: &str| {
        let url = variable(name);
        let url = url.trim().trim_end_matches('/').to_owned();
        (!url.is_empty()).then_some(url)
    };
    let key = variable("google_books_api_key");
    let contact = variable("contact");
    // Open Library grants more requests to clients that identify themselves.
    let politeness = match contact.trim() {
        "" => (1.0, 5.0),
        _ => (f64::MAX, f64::MAX),
    };
    let agent = match contact.trim() {
        "" => "no contact configured",
        contact => contact,
    };
    let endpoints = Endpoints {
        open_library: base("open_library_base_url"),
        google_books: base("google_books_base_url").map(|base| GoogleBooks {
            base: format!("{base}/books/v1"),
            key: (!key.trim().is_empty()).then(|| key.trim().to_owned()),
            country: country().unwrap_or_default(),
        }),
        ..Endpoints::default()
    };
    Enrichment {
        endpoints,
        user_agent: format!("bookstrack/{} ({agent})", env!("CARGO_PKG_VERSION")),
        timeout: Duration::from_secs_f64(number("provider_timeout_s", 12.0).clamp(0.05, 120.0)),
        patience: Duration::from_secs_f64(number("provider_patience_s", 300.0).min(3_600.0)),
        concurrency: 8,
        open_library: RateLimit {
            per_second: number("open_library_rate", 3.0).min(politeness.0),
            burst: number("open_library_burst", 20.0).min(politeness.1),
            max_per_job: 1_000,
        },
        google_books: RateLimit {
            per_second: number("google_books_rate", 5.0),
            burst: number("google_books_burst", 10.0),
            max_per_job: number("google_books_per_job", 250.0) as u32,
        },
    }
}

/// The vision providers as configured.
#[must_use]
pub fn scan() -> Scan {
    let text = |name: &str| {
        let value = variable(name).trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let gemini = text("gemini_api_key").map(|api_key| Vision::Gemini {
        base_url: text("gemini_base_url")
            .unwrap_or_else(|| "https://generativelanguage.googleapis.com".to_owned()),
        api_key,
        model: text("gemini_model").unwrap_or_else(|| "gemini-3.5-flash-lite".to_owned()),
    });
    // A configured model means that there is a server: local ones need no key.
    let openai = text("openai_model").map(|model| Vision::OpenAi {
        base_url: format!(
            "{}/v1",
            text("openai_base_url")
                .unwrap_or_else(|| "https://api.openai.com".to_owned())
                .trim_end_matches('/')
        ),
        api_key: text("openai_api_key"),
        model,
        reasoning_effort: reasoning_effort().ok().flatten().map(str::to_owned),
    });
    Scan {
        models: gemini.into_iter().chain(openai).collect(),
        // A deployment of before has neither the variable nor the component.
        reads_spines: variables::flag("spines", &variable("spines"), false).unwrap_or(false),
        preferred: preferred().unwrap_or(VisionKind::Gemini),
        timeout: Duration::from_secs_f64(number("vision_timeout_s", 60.0).clamp(1.0, 600.0)),
        confidence_threshold: confidence_threshold().unwrap_or(CONFIDENCE_THRESHOLD) as f32,
    }
}

/// Time that a socket waits for its job to appear, in seconds, unless configured otherwise.
const SOCKET_HOLD_S: f64 = 30.0;
/// Longest `socket_hold_s` that can be configured.
const LONGEST_SOCKET_HOLD_S: f64 = 600.0;

/// The profile of the platform that the operator has named.
#[must_use]
pub fn profile() -> String {
    variable("profile").trim().to_owned()
}

/// The secret that the edge shares with the application; `None`: there is no edge.
#[must_use]
pub fn edge_secret() -> Option<String> {
    Some(variable("edge_secret")).filter(|secret| !secret.is_empty())
}

/// Number of requests a minute that Open Library may be asked.
#[must_use]
pub fn searches_a_minute() -> u32 {
    let rate = enrichment().open_library.per_second * 60.0;
    rate.clamp(0.0, 1e6) as u32
}

/// The configuration of sockets.
pub struct Sockets {
    /// The secret shared with the edge; `None`: there is no edge.
    pub edge_secret: Option<String>,
    /// Time that a socket waits for its job to appear.
    pub hold: Duration,
}

/// The sockets as configured.
#[must_use]
pub fn sockets() -> Sockets {
    let hold = number("socket_hold_s", SOCKET_HOLD_S);
    Sockets {
        edge_secret: edge_secret(),
        hold: Duration::from_secs_f64(hold.min(LONGEST_SOCKET_HOLD_S)),
    }
}

/// The configured features, as clients see them.
#[must_use]
pub fn features(sandbox: bool) -> Features {
    let mut metadata_providers = Vec::new();
    if !variable("open_library_base_url").trim().is_empty() {
        metadata_providers.push(Provider::OpenLibrary);
    }
    // Without a key Google grants no request at all.
    let has_key = !variable("google_books_api_key").trim().is_empty();
    if has_key && !variable("google_books_base_url").trim().is_empty() {
        metadata_providers.push(Provider::GoogleBooks);
    }
    let mut vision_providers = vec![VisionChoice::Barcode.name()];
    let scan = scan();
    let configured = VisionKind::all().filter(|kind| scan.kinds().any(|other| other == *kind));
    vision_providers.extend(configured.map(VisionKind::name));
    Features {
        metadata_providers,
        vision_providers,
        transports: vec![Transport::Sse, Transport::Polling, Transport::Websocket],
        keep_failed_photos: true,
        sandbox,
    }
}
