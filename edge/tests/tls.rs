//! Tests of TLS on both sides of the edge.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edge::{Edge, HttpUpstream};
use futures::{SinkExt, StreamExt};
use std::sync::Arc;
use support::*;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_socket_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    assert!(
        edge::tls(&key, &certificate).is_err(),
        "the wrong way round"
    );
    let tls = edge::tls(&certificate, &key).unwrap();

    let app = App::start().await;
    let upstream = HttpUpstream::new(&format!("http://{}", app.address).parse().unwrap()).unwrap();
    let edge = Edge::new(config(), upstream).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving =
        tokio::spawn(async move { edge.serve_tls(listener, tls, std::future::pending()).await });

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(client))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async("wss://localhost/ws/progress?topic=a", stream)
            .await
            .unwrap();
    socket.send(Message::text("PING")).await.unwrap();
    let answer = within(socket.next()).await.unwrap().unwrap();
    assert_eq!(answer, Message::text("PONG"));
    let seen = &app.world.seen(&http::Method::GET, "/ws/session")[0];
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    serving.abort();
}
