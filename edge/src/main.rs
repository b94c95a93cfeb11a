//! `bookstrack-edge`: the edge as a program of its own.

use anyhow::Context;
use clap::Parser;
use edge::{Config, Edge, HttpUpstream};
use std::{net::SocketAddr, path::PathBuf};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Terminates WebSockets for an application that speaks only HTTP, and is its reverse proxy.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The application: http(s)://host[:port]
    #[arg(long, env = "EDGE_UPSTREAM")]
    upstream: http::Uri,
    /// Address at which clients connect
    #[arg(long, env = "EDGE_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address at which /metrics is served; nowhere if not given
    #[arg(long, env = "EDGE_ADMIN")]
    admin: Option<SocketAddr>,
    /// Shared with the application, which then believes who the client is
    #[arg(long, env = "EDGE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// PEM certificate chain; clients then connect by TLS
    #[arg(long, env = "EDGE_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM private key of the certificate
    #[arg(long, env = "EDGE_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// WebSockets open at the same time, in all
    #[arg(long, default_value_t = edge::Limits::default().sockets)]
    max_sockets: usize,
    /// WebSockets open at the same time, of one address
    #[arg(long, default_value_t = edge::Limits::default().sockets_per_address)]
    max_sockets_per_address: usize,
    /// Streams that WebSockets are fed from, one for all that see the same; each holds an instance
    /// of the application
    #[arg(long, default_value_t = edge::Limits::default().upstream_sessions)]
    max_sessions: usize,
    /// Event streams open at the same time, in all
    #[arg(long, default_value_t = edge::Limits::default().streams)]
    max_streams: usize,
    /// Event streams open at the same time, of one address
    #[arg(long, default_value_t = edge::Limits::default().streams_per_address)]
    max_streams_per_address: usize,
    /// Event streams open at the same time, of one path: of one job
    #[arg(long, default_value_t = edge::Limits::default().streams_per_target)]
    max_streams_per_job: usize,
    /// Answers of the application that event streams are fed from, one for all that see the same;
    /// each holds an instance of the application
    #[arg(long, default_value_t = edge::Limits::default().upstream_streams)]
    max_upstream_streams: usize,
    /// A proxy in front, or a network of such, whose X-Forwarded-For, -Proto and -Host are believed
    /// (repeatable), e.g. 10.0.0.0/8
    #[arg(long, env = "EDGE_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<ipnet::IpNet>,
    /// The names that requests from this machine may ask for, besides addresses and localhost; any
    /// if none is given (repeatable)
    #[arg(
        long,
        env = "EDGE_LOCAL_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    local_name: Vec<String>,
    /// Other requests under way at the same time, in all
    #[arg(long, default_value_t = edge::Limits::default().requests)]
    max_requests: usize,
    /// Other requests under way at the same time, of one address
    #[arg(long, default_value_t = edge::Limits::default().requests_per_address)]
    max_requests_per_address: usize,
}

/// Parses a network; an address alone is the network that has only it.
fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(Into::into);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8".to_owned())
}

/// Done on the first interrupt or termination signal.
async fn signalled(stop: CancellationToken) {
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            stop.cancel();
            return;
        }
    }
    // Without a signal handler the program runs until it is killed.
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let mut config = Config {
        secret: arguments.secret,
        ..Config::default()
    };
    config.limits.sockets = arguments.max_sockets;
    config.limits.sockets_per_address = arguments.max_sockets_per_address;
    config.trusted_proxies = arguments.trusted_proxy.into_iter().collect();
    if !arguments.local_name.is_empty() {
        config.local_names = Some(arguments.local_name.into_iter().collect());
    }
    config.limits.requests = arguments.max_requests;
    // A connection may need a second one to the application.
    let open_files = edge::raise_open_files();
    let clients = arguments.max_sockets.max(arguments.max_streams);
    let connections = config.limits.connections.max(clients * 2);
    config.limits.connections = connections.min(open_files / 2);
    config.limits.connections_per_address = config
        .limits
        .connections_per_address
        .max(arguments.max_sockets_per_address * 2)
        .max(arguments.max_streams_per_address * 2);
    config.limits.upstream_sessions = arguments.max_sessions;
    config.limits.streams = arguments.max_streams;
    config.limits.streams_per_address = arguments.max_streams_per_address;
    config.limits.streams_per_target = arguments.max_streams_per_job;
    config.limits.upstream_streams = arguments.max_upstream_streams;
    config.limits.requests_per_address = arguments.max_requests_per_address;
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(edge::tls(certificate, key).context("the TLS certificate")?)
        }
        _ => None,
    };
    let edge = Edge::new(config, HttpUpstream::new(&arguments.upstream)?)?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("{}", arguments.listen))?;
    let stop = CancellationToken::new();
    tokio::spawn(signalled(stop.clone()));
    tracing::info!(listen = %listener.local_addr()?, upstream = %arguments.upstream, tls = tls.is_some(), "open");
    let metrics = async {
        match arguments.admin {
            Some(address) => {
                let listener = TcpListener::bind(address)
                    .await
                    .with_context(|| format!("{address}"))?;
                edge.serve_metrics(listener, stop.cancelled()).await;
                anyhow::Ok(())
            }
            None => anyhow::Ok(()),
        }
    };
    let clients = async {
        match tls {
            Some(tls) => edge.serve_tls(listener, tls, stop.cancelled()).await,
            None => edge.serve(listener, stop.cancelled()).await,
        }
        anyhow::Ok(())
    };
    tokio::try_join!(metrics, clients)?;
    tracing::info!("closed");
    Ok(())
}
