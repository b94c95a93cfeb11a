//! The WebSocket protocol, spoken over plain HTTP: who may connect, what is said when. The edge
//! holds the sockets; edge/PROTOCOL.md is the contract with it. Nothing is kept between requests.

mod frame;
mod message;
mod session;
mod stream;
mod token;
mod trust;

use api::error::ApiError;
use platform::{Answer, Exchange, config};

use session::Session;

platform::component!("relay", handle);

/// Where the edge asks. What a client asks at `/ws/progress` arrives here only without an edge.
const SESSION: &str = "/ws/session";

async fn handle(x: &mut Exchange) {
    let answer = match answer(x).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return,
        Err(error) => x.failure(&error),
    };
    x.send(answer).await;
}

async fn answer(x: &mut Exchange) -> Result<Option<Answer>, ApiError> {
    if x.request.path != SESSION {
        return Err(ApiError::upgrade_required());
    }
    let sockets = config::sockets();
    match x.request.method.as_str() {
        "GET" => {
            let session = Session::of(x, &sockets)?;
            stream::serve(x, session, sockets.hold).await
        }
        "POST" => {
            let session = Session::of(x, &sockets)?;
            message::serve(x, &session).await.map(Some)
        }
        _ => Err(ApiError::method_not_allowed("GET, POST, OPTIONS")),
    }
}
