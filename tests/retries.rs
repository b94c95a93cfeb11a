//! Trying again what a job did not find.

use crate::app;

use app::http::Response;
use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, count, statuses};
use serde_json::{Value, json};
use stand_ins::{Fault, When};

fn retry(app: &App, job: &Job, body: &Value) -> Response {
    let path = format!("/api/v2/imports/{}/retry", job.id);
    app.request("POST", &path)
        .bearer(&job.token)
        .json(body)
        .send()
}

/// Titles, authors and what the reader says: what a retry must not change.
fn readers_own(results: &Value) -> Vec<Value> {
    let books = results["books"].as_array().unwrap().iter();
    books
        .map(|book| json!([book["title"], book["authors"], book["row"], book["source"]]))
        .collect()
}

/// The providers are down for half of an import; afterwards the rest is done, and nothing twice.
#[test]
fn what_was_not_answered_is_tried_again_and_nothing_else() {
    let mut app = Setup::new().variable("provider_patience_s", "0").start();
    let down = || Fault::Status {
        code: 503,
        retry_after: None,
    };
    app.sandbox
        .open_library()
        .behave(down().when(When::After(8)));
    app.sandbox.google_books().behave(down().always());
    let first = app.import(LIBRARY);
    app.follow(&first);
    let before = app.results(&first);
    assert_adds_up(&before, LIBRARY_ROWS);
    let (missing, found) = (
        count(&before, "unanswered"),
        count(&before, "enrichmentSucceeded"),
    );
    println!("before: {:?}", statuses(&before));
    assert!(missing > 50 && found > 50, "{:?}", statuses(&before));

    app.sandbox.open_library().behave(down().first(0));
    app.sandbox.google_books().behave(down().first(0));
    app.set_variable("provider_patience_s", "60");
    app.kill();
    app.start_again();
    let asked = app.sandbox.open_library().count();
    let accepted = retry(&app, &first, &json!({})).data(202);
    assert_eq!(accepted["retryOf"], first.id);
    let second = Job::of(&accepted);
    // The same request again is the same job, with the same token.
    let again = retry(&app, &first, &json!({"only": ["circuit_open", "error"]})).data(202);
    assert_eq!(Job::of(&again), second);
    let other = retry(&app, &first, &json!({"only": ["error"]}));
    assert_eq!(other.status(), 409, "{}", other.text());
    assert_eq!(other.json()["error"]["details"]["jobId"], second.id);
    let events = app.follow(&second);
    let completed = &events.last().unwrap().data;
    assert_eq!(completed["totalCount"], missing, "{completed}");
    let again = retry(&app, &first, &json!({})).data(202);
    assert_eq!(Job::of(&again), second);

    let after = app.results(&second);
    println!("after: {:?}", statuses(&after));
    assert_adds_up(&after, LIBRARY_ROWS);
    assert_eq!(readers_own(&after), readers_own(&before));
    assert!(after["unanswered"].is_null(), "nothing is left of them");
    assert!(count(&after, "enrichmentSucceeded") >= 730);
    for (old, new) in std::iter::zip(
        before["books"].as_array().unwrap(),
        after["books"].as_array().unwrap(),
    ) {
        if old["enrichmentStatus"] == "success" {
            assert_eq!(old, new);
        }
    }
    println!(
        "{} requests to Open Library for {missing} books",
        app.sandbox.open_library().count() - asked
    );
    // The first job's results are as they were, and so is what goes with them.
    assert_eq!(app.results(&first), before);
    assert_eq!(after["errors"], before["errors"]);
    let status = app.status(&second);
    assert_eq!(status["retryOf"], first.id);
    // What is complete has nothing left to be tried, and says so.
    let nothing = retry(&app, &second, &json!({}));
    assert_eq!(nothing.status(), 400, "{}", nothing.text());
    assert_eq!(nothing.json()["error"]["code"], "EMPTY_BATCH");
}

#[test]
fn a_retry_needs_the_token_and_an_ended_job() {
    let app = Setup::new().start();
    app.sandbox.open_library().behave(Fault::Hang.always());
    let running = app.enrich(&json!({"barcodes": ["9780441013593"]}));
    assert_eq!(retry(&app, &running, &json!({})).status(), 409);
    let path = format!("/api/v2/imports/{}/retry", running.id);
    assert_eq!(app.request("POST", &path).send().status(), 401);
    assert_eq!(app.request("GET", &path).send().status(), 405);
    let wrong = path.replace("/api/v2/imports", "/v3/jobs/scans");
    let wrong = app.request("POST", &wrong).bearer(&running.token);
    assert_eq!(wrong.send().status(), 404);
    let cancel = app.request("DELETE", &running.status_url);
    cancel.bearer(&running.token).send();
}

/// Books that nobody knew are asked for again when somebody wants that, though it is remembered.
#[test]
fn what_nobody_knew_is_asked_again_on_demand() {
    let app = Setup::new().start();
    let body = json!({"books": [
        {"title": "Nobody Ever Wrote This Qwzx", "author": "Nobody Known"},
        {"isbn": "9780063021426"},
    ]});
    let first = app.enrich(&body);
    app.follow(&first);
    let asked = app.sandbox.open_library().count();
    let second = Job::of(&retry(&app, &first, &json!({"only": ["not_found"]})).data(202));
    let events = app.follow(&second);
    assert_eq!(events.last().unwrap().data["totalCount"], 1);
    assert!(app.sandbox.open_library().count() > asked);
    let results = app.results(&second);
    let enriched = results["enrichedBooks"].as_array().unwrap();
    let found: Vec<bool> = enriched
        .iter()
        .map(|book| book["success"].as_bool().unwrap())
        .collect();
    assert_eq!(found, [false, true]);
}

fn choose(app: &App, job: &Job, index: usize, body: &Value) -> Response {
    let path = format!("/api/v2/imports/{}/books/{index}", job.id);
    app.request("PUT", &path)
        .bearer(&job.token)
        .json(body)
        .send()
}

/// Two books that nobody knows, with the numbers of other books.
const DOUBTFUL: &str = "Title,Author,ISBN,My Rating\n\
    Knitting for Absolute Beginners,Ann Nobody,9780063021426,4\n\
    Sleeping under Stars,Zebulon Nobody,9780393352566,5\n";

/// What answers told of that was not taken can be chosen, and what was chosen is there after a
/// restart, in results and exports, and carried over by a retry.
#[test]
fn a_choice_is_kept_and_followed() {
    let mut app = Setup::new().start();
    let job = app.import(DOUBTFUL.as_bytes());
    app.follow(&job);
    let asked = app.sandbox.open_library().count();
    let results = app.results(&job);
    assert_eq!(count(&results, "enrichmentFailed"), 2, "{results}");
    let first = &results["books"][0];
    assert_eq!(first["toReview"], true, "{first}");
    let offered = &first["candidates"][0];
    assert_eq!(offered["reason"], "other_book_of_number", "{first}");
    assert_eq!(offered["title"], "Babel", "{first}");
    assert!(
        offered["year"].is_number() && offered["workKey"].is_string(),
        "{first}"
    );
    let second = &results["books"][1];
    let offered = &second["candidates"][0];
    assert_eq!(offered["title"], "Wide Sargasso Sea", "{second}");
    let review = app.get(&format!("{}?format=csv&only=review", job.results_url));
    assert_eq!(review.text().lines().count(), 3, "{}", review.text());

    for (index, body, status) in [
        ("0", json!({"candidate": 7}), 400),
        ("9", json!({"candidate": 0}), 404),
        ("x", json!({"candidate": 0}), 400),
        ("0", json!({"isbn": "123"}), 400),
        ("0", json!({"isbn": "9780000000002"}), 404),
        ("0", json!({}), 400),
        ("0", json!({"isbn": "9780063021426", "candidate": 0}), 400),
        ("0", json!({"workKey": "OL1M"}), 400),
        ("0", json!({"title": "It"}), 400),
        (
            "0",
            json!({"title": "Nobody Ever Wrote This Qwzx", "author": "Nobody"}),
            404,
        ),
    ] {
        let path = format!("/api/v2/imports/{}/books/{index}", job.id);
        let answer = app.request("PUT", &path).bearer(&job.token).json(&body);
        let answer = answer.send();
        assert_eq!(answer.status(), status, "{body}: {}", answer.text());
    }
    assert_eq!(
        app.results(&job)["books"],
        results["books"],
        "nothing was changed"
    );
    let looked_up = app.sandbox.open_library().count();
    let chosen = choose(&app, &job, 0, &json!({"candidate": 0})).data(200);
    assert_eq!(
        app.sandbox.open_library().count(),
        looked_up,
        "nobody is asked again"
    );
    assert!(looked_up > asked);
    assert_eq!(chosen["enrichmentStatus"], "success", "{chosen}");
    assert_eq!(chosen["choice"], "candidate");
    assert_eq!(
        (&chosen["title"], &chosen["isbn"]),
        (&json!("Babel"), &json!("9780063021426"))
    );
    assert_eq!(chosen["source"]["title"], "Knitting for Absolute Beginners");
    assert_eq!(chosen["source"]["userRating"], 4);
    assert!(chosen["toReview"].is_null(), "{chosen}");

    app.kill();
    app.start_again();
    let results = app.results(&job);
    assert_eq!(count(&results, "enrichmentSucceeded"), 1, "{results}");
    assert_eq!(results["books"][0], chosen);
    let rows = app.get(&format!("{}?format=csv&only=review", job.results_url));
    assert_eq!(rows.text().lines().count(), 2, "{}", rows.text());
    let whole = app.get(&format!("{}?format=csv", job.results_url)).text();
    let again = app.import(whole.as_bytes());
    app.follow(&again);
    let again = app.results(&again);
    assert_eq!(again["books"][0]["title"], "Babel", "{whole}");
    assert_eq!(again["books"][0]["isbn"], "9780063021426");
    assert_eq!(again["books"][0]["source"]["userRating"], 4);
    assert_eq!(count(&again, "enrichmentSucceeded"), 1);

    // None of them: that is what a retry keeps, too.
    choose(&app, &job, 1, &Value::Null).data(200);
    let nothing = retry(&app, &job, &json!({"only": ["not_found"]}));
    assert_eq!(nothing.status(), 400, "{}", nothing.text());
    let work = results["books"][0]["candidates"][0]["workKey"].clone();
    let chosen = choose(&app, &job, 1, &json!({"workKey": work})).data(200);
    assert_eq!(
        (&chosen["title"], &chosen["choice"]),
        (&json!("Babel"), &json!("work"))
    );
    choose(&app, &job, 0, &Value::Null).data(200);
    let results = app.results(&job);
    assert_eq!(count(&results, "enrichmentSucceeded"), 1);
    assert_eq!(results["books"][0]["enrichmentStatus"], "not_found");
    assert_eq!(
        results["books"][0]["title"],
        "Knitting for Absolute Beginners"
    );

    let path = format!("/api/v2/imports/{}/books/0", job.id);
    let bare = app.request("PUT", &path).json(&json!({"candidate": 0}));
    assert_eq!(bare.send().status(), 401);
    assert_eq!(app.request("POST", &path).send().status(), 405);
    let other = path.replace("/api/v2/imports", "/v3/jobs/scans");
    let other = app.request("PUT", &other).bearer(&job.token);
    assert_eq!(other.json(&json!({"candidate": 0})).send().status(), 404);
    let v3 = path.replace("/api/v2/imports", "/v3/jobs/imports");
    let v3 = app.request("PUT", &v3).bearer(&job.token);
    let v3 = v3.json(&json!({"title": "Babel", "author": "R.F. Kuang"}));
    let v3 = v3.send().data(200);
    assert_eq!(
        (&v3["title"], &v3["choice"]),
        (&json!("Babel"), &json!("title_author"))
    );
    let listed = app
        .get(&format!("/v3/jobs/imports/{}/results", job.id))
        .data(200);
    assert_eq!(listed["results"][0], v3);
}

/// A retry carries over what was chosen, and does not ask about it again.
#[test]
fn a_retry_keeps_what_was_chosen() {
    let app = Setup::new().start();
    let job = app.import(DOUBTFUL.as_bytes());
    app.follow(&job);
    choose(&app, &job, 0, &json!({"candidate": 0})).data(200);
    let second = Job::of(&retry(&app, &job, &json!({"only": ["not_found"]})).data(202));
    let events = app.follow(&second);
    assert_eq!(events.last().unwrap().data["totalCount"], 1);
    let (before, after) = (app.results(&job), app.results(&second));
    assert_eq!(after["books"], before["books"]);
    assert_eq!(count(&after, "enrichmentSucceeded"), 1);
    // What was carried over can be chosen anew.
    choose(&app, &second, 0, &Value::Null).data(200);
    choose(&app, &second, 1, &json!({"candidate": 0})).data(200);
    let after = app.results(&second);
    assert_eq!(count(&after, "enrichmentSucceeded"), 1);
    assert_eq!(after["books"][0]["choice"], "none");
    assert_eq!(after["books"][1]["choice"], "candidate");
    assert_eq!(
        app.results(&job),
        before,
        "the ended job has its own choices"
    );
}

/// Several clients choose at the same moment, each for another book: none of it is lost.
#[test]
fn clients_that_choose_at_once_lose_nothing() {
    let app = Setup::new().start();
    let rows: String = (0..6)
        .map(|n| format!("Nobody Wrote This Qwz{n},Nobody\n"))
        .collect();
    let job = app.import(format!("Title,Author\n{rows}").as_bytes());
    app.follow(&job);
    std::thread::scope(|scope| {
        for index in 0..6 {
            let (app, job) = (&app, &job);
            scope.spawn(move || {
                choose(app, job, index, &json!({"isbn": "9780063021426"})).data(200);
            });
        }
    });
    assert_eq!(count(&app.results(&job), "enrichmentSucceeded"), 6);
}
