//! What is asked about parked streams, of an application that answers as a test says.

use super::*;
use crate::{config::Limits, upstream::BoxError};
use futures::future::{BoxFuture, join_all};
use http::Response;

/// An application that never answers its first questions, and calls no stream.
struct Application {
    unanswered: usize,
    /// The number of streams that each question was about.
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Upstream for Application {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
        let (unanswered, asked) = (self.unanswered, self.asked.clone());
        Box::pin(async move {
            let question = request.into_body().collect().await?.to_bytes();
            let streams: Vec<String> = serde_json::from_slice(&question)?;
            let number = {
                let mut asked = asked.lock().unwrap();
                asked.push(streams.len());
                asked.len()
            };
            if number <= unanswered {
                std::future::pending::<()>().await;
            }
            let again = |stream| serde_json::json!({"after": 1_000, "stream": stream});
            let answer: Vec<_> = streams.into_iter().map(again).collect();
            Ok(Response::new(answer::whole(serde_json::to_vec(&answer)?)))
        })
    }
}

/// What becomes of so many streams that are parked at once, and the questions about them.
async fn park(streams: usize, unanswered: usize, times: Times) -> (Vec<Verdict>, Vec<usize>) {
    let asked = Arc::new(Mutex::default());
    let upstream = Application {
        unanswered,
        asked: asked.clone(),
    };
    let parking = Parking::new(
        Arc::new(upstream),
        None,
        Uri::from_static("/ws/session"),
        times,
        Arc::new(Metrics::new(&Limits::default())),
    );
    let kept = (0..streams).map(|n| {
        parking.keep(Parked {
            after: 1_000,
            stream: n.to_string(),
            say: String::new(),
        })
    });
    let verdicts = join_all(kept).await;
    assert_eq!(parking.metrics.streams_parked.get(), 0);
    let mut asked = std::mem::take(&mut *asked.lock().unwrap());
    asked.sort_unstable();
    (verdicts, asked)
}

/// Each stream stays, under its own text.
fn all_stay(verdicts: &[Verdict]) -> bool {
    let mut numbered = verdicts.iter().enumerate();
    numbered.all(
        |(n, verdict)| matches!(verdict, Verdict::Stay(parked) if parked.stream == n.to_string()),
    )
}

#[tokio::test]
async fn no_question_is_about_more_than_a_hundred_streams() {
    let (verdicts, asked) = park(250, 0, Times::default()).await;
    assert_eq!(asked, [50, 100, 100]);
    assert!(all_stay(&verdicts), "{verdicts:?}");
}

/// More questions hang than may be under way at the same time.
#[tokio::test]
async fn a_question_that_nobody_answers_is_asked_again() {
    let times = Times {
        handshake: Duration::from_millis(50),
        retry_first: Duration::from_millis(1),
        ..Times::default()
    };
    let (verdicts, asked) = park(501, MAX_QUESTIONS + 2, times).await;
    assert_eq!(asked.len(), 6 + MAX_QUESTIONS + 2);
    assert!(asked.iter().all(|asked| *asked == 100 || *asked == 1));
    assert!(all_stay(&verdicts), "{verdicts:?}");
}

#[tokio::test]
async fn streams_about_which_nobody_answers_are_given_up() {
    let times = Times {
        handshake: Duration::from_millis(20),
        retry_first: Duration::from_millis(1),
        // Time for a second round on a busy machine.
        give_up_after: Duration::from_secs(1),
        ..Times::default()
    };
    let (verdicts, asked) = park(101, usize::MAX, times).await;
    assert!(asked.len() >= 4, "{asked:?}");
    let given_up = |verdict: &Verdict| matches!(verdict, Verdict::GivenUp);
    assert!(verdicts.iter().all(given_up), "{verdicts:?}");
}
