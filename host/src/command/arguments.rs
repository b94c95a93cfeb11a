//! What the command line accepts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::kv::Fault;
use crate::limits::{Limit, Platform};

/// Runs the Spin application in this directory.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) up: Up,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Build what is stale and serve the application (what happens without a command, too)
    Up(Box<Up>),
    /// Run the build commands of spin.toml
    Build(Paths),
    /// Serve, at /metrics, what the logs of an application that runs under Spin tell
    Metrics(FollowLogs),
}

#[derive(Args)]
pub(super) struct Paths {
    /// The manifest
    #[arg(long, short, default_value = "spin.toml")]
    pub(super) file: PathBuf,
    /// The directory for data, logs and compiled code; `.spin` beside the manifest if not given
    #[arg(long)]
    pub(super) state_dir: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct FollowLogs {
    /// The directory in which Spin keeps the components' logs; `-` reads the standard input until
    /// it ends, as from `kubectl logs -f`
    #[arg(long, value_name = "DIRECTORY", default_value = ".spin/logs")]
    pub(super) logs: PathBuf,
    /// Address at which to serve /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    pub(super) listen: SocketAddr,
    /// A name that requests from this machine may ask for, besides addresses and localhost
    /// (repeatable): the machine's own, say
    #[arg(long, value_name = "NAME")]
    pub(super) local_name: Vec<String>,
}

#[derive(Args)]
pub(super) struct Up {
    #[command(flatten)]
    pub(super) paths: Paths,
    /// The address to serve on; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(super) listen: SocketAddr,
    /// The store for data: `sqlite`, a file in the state directory, or the URL of a Redis database,
    /// which several hosts and Spins may share: redis://[[user]:password@]host[:port][/database],
    /// rediss:// with TLS. In the environment nobody else sees the password
    #[arg(
        long,
        value_name = "sqlite|URL",
        default_value = "sqlite",
        env = "HOST_STORE",
        hide_env_values = true
    )]
    pub(super) store: Storage,
    /// The platform whose limits to enforce
    #[arg(long, value_enum, default_value = "local")]
    pub(super) platform: Platform,
    /// Replace one of the platform's limits (repeatable), e.g. handler=5s, keys=100, value=none
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) limit: Vec<Limit>,
    /// Make storage, network or clock misbehave (repeatable), e.g. store-delay=5ms, store-fail=0.1,
    /// store-read-only, store-full, outbound-delay=1s, outbound-fail=0.5, clock-ahead=1h,
    /// clock-behind=1h
    #[arg(long, value_name = "FAULT")]
    pub(super) fault: Vec<Fault>,
    /// Give a variable a value (repeatable); it beats SPIN_VARIABLE_<NAME>
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) variable: Vec<(String, String)>,
    /// Start local stand-ins for the metadata and vision providers and use those: no network, no
    /// keys, invented data
    #[arg(long)]
    pub(super) sandbox: bool,
    /// Least time that every answer of a stand-in takes
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = humantime::parse_duration)]
    pub(super) sandbox_delay: Duration,
    /// Run all build commands first, stale or not
    #[arg(long)]
    pub(super) build: bool,
    /// Do not build, whatever is stale
    #[arg(long, conflicts_with = "build")]
    pub(super) no_build: bool,
    /// Serve what the application does and costs on this address, at /metrics (Prometheus) and
    /// /counters, and take faults at /faults
    #[arg(long, value_name = "ADDRESS")]
    pub(super) admin: Option<SocketAddr>,
    /// Export traces of requests, runs and look-ups to the OpenTelemetry collector below this URL,
    /// at /v1/traces. Not given: to where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
    /// OTEL_EXPORTER_OTLP_ENDPOINT say. The other variables for OTLP over HTTP count, too
    #[arg(long, value_name = "URL")]
    pub(super) otlp: Option<String>,
    /// Number of instances there may be at a time
    #[arg(long, env = "SPIN_MAX_INSTANCE_COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) max_instances: u32,
    /// Number of event streams that may be open at a time; beyond that clients get the state and
    /// poll. 20,000 if not given. Those that see the same are fed from one answer of the
    /// application: of such, and of those that feed WebSockets, there are no more, and at most nine
    /// tenths of the instances
    #[arg(long)]
    pub(super) max_streams: Option<usize>,
    /// Number of event streams that one client address may have. Four times as many as are left
    /// free, that is four fifths of all for one alone, if not given
    #[arg(long)]
    pub(super) max_streams_per_address: Option<usize>,
    /// Number of event streams that one path may have, that is one job. As with
    /// --max-streams-per-address if not given
    #[arg(long)]
    pub(super) max_streams_per_job: Option<usize>,
    /// MB of memory that all instances may have together, beyond what they begin with. When there
    /// is no more, the client that has most gives
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    pub(super) memory: u32,
    /// A proxy in front, or a network of such, whose X-Forwarded-For, -Proto and -Host are believed
    /// (repeatable), e.g. 10.0.0.0/8
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub(super) trusted_proxy: Vec<ipnet::IpNet>,
    /// A name that requests from this machine may ask for, besides addresses and localhost
    /// (repeatable): that of a proxy's site, say
    #[arg(long, value_name = "NAME")]
    pub(super) local_name: Vec<String>,
    /// Time for which a request's body may stand still before it is cut
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(super) idle_timeout: Duration,
}

/// The kind of store for data.
#[derive(Clone)]
pub(super) enum Storage {
    Sqlite,
    Redis(String),
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            url if url.starts_with("redis://") || url.starts_with("rediss://") => {
                Ok(Self::Redis(url.to_owned()))
            }
            _ => Err("expected sqlite, redis://... or rediss://..."),
        }
    }
}

/// Parses a network; an address alone is the network that has only it.
fn network(text: &str) -> Result<ipnet::IpNet, &'static str> {
    let address = text.parse::<std::net::IpAddr>().map(Into::into);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8")
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}
