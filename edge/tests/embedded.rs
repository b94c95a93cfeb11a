//! An application in the same process, without a connection in between.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use bytes::Bytes;
use edge::{Body, BodyError, BoxError, Edge, Upstream};
use futures::{SinkExt, StreamExt, future::BoxFuture, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use support::{config, within};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

struct Application;

impl Upstream for Application {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            assert_eq!(request.uri().to_string(), "/ws/session?a=1");
            assert_eq!(request.headers()["x-edge-secret"], "shared");
            if request.method() == Method::POST {
                let message = request.into_body().collect().await?.to_bytes();
                let text = String::from_utf8(message.to_vec())?;
                let answer = serde_json::json!([{"text": text.to_uppercase()}]).to_string();
                return Ok(Response::new(
                    Full::from(answer)
                        .map_err(|never| match never {})
                        .boxed_unsync(),
                ));
            }
            let events = [Bytes::from("id: 1\nevent: state\ndata: here\n\n")];
            let events = stream::iter(events.map(|event| Ok::<_, BodyError>(Frame::data(event))));
            let body = StreamBody::new(events.chain(stream::pending())).boxed_unsync();
            Ok(Response::builder()
                .header("content-type", "text/event-stream")
                .body(body)?)
        })
    }
}

#[tokio::test]
async fn a_socket_to_an_application_in_the_same_process() {
    let edge = Edge::new(config(), Application).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { edge.serve(listener, std::future::pending()).await });
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/ws/progress?a=1");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(
        within(socket.next()).await.unwrap().unwrap(),
        Message::text("here")
    );
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        within(socket.next()).await.unwrap().unwrap(),
        Message::text("HELLO")
    );
    serving.abort();
}
