//! Choosing which book a book of an ended job is.

use crate::app;

use app::http::Response;
use app::{App, Job, Setup, count};
use serde_json::{Value, json};

use crate::photos;
use crate::retries::retry;

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
    assert_eq!(offered["isbn"], "9780063021426", "{first}");
    assert_eq!(offered["provider"], "open_library", "{first}");
    assert!(
        offered["authors"].is_array() && offered["coverUrl"].is_string(),
        "{first}"
    );
    let candidates = first["candidates"].as_array().unwrap();
    assert!(candidates.len() <= 3, "{first}");
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

/// A match that a person rejected is offered again, here and in a retry.
#[test]
fn a_rejected_match_can_be_taken_back() {
    let app = Setup::new().start();
    let library =
        "Title,Author,ISBN\nBabel,R. F. Kuang,9780063021426\nNobody Wrote This Qwz,Nobody,\n";
    let job = app.import(library.as_bytes());
    app.follow(&job);
    let before = app.results(&job)["books"][0].clone();
    assert_eq!(before["enrichmentStatus"], "success", "{before}");
    let rejected = choose(&app, &job, 0, &Value::Null).data(200);
    assert_eq!(rejected["enrichmentStatus"], "not_found");
    let offers = rejected["candidates"].as_array().unwrap();
    let last = offers.len() - 1;
    assert_eq!(offers[last]["isbn"], before["isbn"], "{rejected}");
    let second = Job::of(&retry(&app, &job, &json!({"only": ["not_found"]})).data(202));
    app.follow(&second);
    for job in [&job, &second] {
        assert_eq!(
            app.results(job)["books"][0]["candidates"],
            rejected["candidates"]
        );
        let back = choose(&app, job, 0, &json!({"candidate": last})).data(200);
        assert_eq!(back["choice"], "candidate");
        assert_eq!(
            (&back["title"], &back["isbn"]),
            (&before["title"], &before["isbn"])
        );
        assert_eq!(app.results(job)["books"][0], back);
    }
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

/// Two clients choose for the same book at the same moment: one of the choices stands, both are
/// answered with it, and everybody sees the same.
#[test]
fn of_two_choices_for_a_book_one_stands() {
    let app = Setup::new().start();
    let job = app.import(DOUBTFUL.as_bytes());
    app.follow(&job);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let bodies = [json!({"isbn": "9780063021426"}), Value::Null];
        let clients = bodies.map(|body| {
            let (app, job) = (&app, &job);
            scope.spawn(move || choose(app, job, 0, &body).data(200))
        });
        clients.map(|client| client.join().unwrap()).into()
    });
    let book = app.results(&job)["books"][0].clone();
    assert!(
        answers.iter().all(|answer| *answer == book),
        "{book} of {answers:?}"
    );
    assert_eq!(app.results(&job)["books"][0], book);
}

/// A book that was seen on a photo is chosen on routes of both generations.
#[test]
fn a_book_of_a_scan_is_chosen() {
    let app = Setup::new().variable("openai_model", "").start();
    let request = app.request("POST", "/api/batch-scan");
    let job = Job::of(&photos::form(request, &[photos::SHELF]).send().data(202));
    app.follow(&job);
    let seen = app.results(&job)["books"][2].clone();
    let chosen = choose(&app, &job, 2, &json!({"isbn": "9780063021426"})).data(200);
    assert_eq!(chosen["choice"], "isbn", "{chosen}");
    for place in ["photoIndex", "boundingBox"] {
        assert_eq!(chosen[place], seen[place], "{chosen}");
    }
    assert_eq!(app.results(&job)["books"][2], chosen);
    let path = format!("/v3/jobs/scans/{}/books/3", job.id);
    let v3 = app.request("PUT", &path).bearer(&job.token);
    let v3 = v3.json(&json!({"workKey": "OL19762783W"})).send().data(200);
    assert_eq!(
        (&v3["title"], &v3["choice"]),
        (&json!("Babel"), &json!("work"))
    );
    let listed = app.get(&format!("/v3/jobs/scans/{}/results", job.id));
    assert_eq!(listed.data(200)["results"][3], v3);
    let other = path.replace("scans", "imports");
    let other = app.request("PUT", &other).bearer(&job.token);
    assert_eq!(other.json(&Value::Null).send().status(), 404);
}

/// A doubtful match is confirmed by its number among the candidates, and what is to be reviewed is
/// one number everywhere.
#[test]
fn a_doubtful_match_is_confirmed() {
    let app = Setup::new().start();
    let library = "Title,Author,ISBN\nBabylon,R. F. Kuang,9780063021426\n\
        Nobody Wrote This Qwz,Nobody,\nDune,Frank Herbert,9780441013593\n";
    let job = app.import(library.as_bytes());
    app.follow(&job);
    let results = app.results(&job);
    let book = &results["books"][0];
    assert_eq!(book["enrichmentStatus"], "success", "{book}");
    assert_eq!(book["toReview"], true, "{book}");
    let candidates = book["candidates"].as_array().unwrap();
    let last = candidates.len() - 1;
    assert_eq!(candidates[last]["isMatch"], true, "{book}");
    assert_eq!(candidates[last]["isbn"], "9780063021426");
    let review = |expected: usize| {
        let results = app.results(&job);
        let books = results["books"].as_array().unwrap().iter();
        let flagged = books.filter(|book| book["toReview"] == true).count();
        let rows = app.get(&format!("{}?format=csv&only=review", job.results_url));
        let rows = rows.text().lines().count() - 1;
        let counted = results["toReview"].as_u64().unwrap_or_default();
        assert_eq!(
            (flagged, rows, counted),
            (expected, expected, expected as u64)
        );
    };
    review(2);
    let chosen = choose(&app, &job, 0, &json!({"candidate": last})).data(200);
    assert_eq!(chosen["choice"], "candidate");
    assert_eq!(chosen["isbn"], "9780063021426");
    assert!(chosen["toReview"].is_null(), "{chosen}");
    review(1);
    choose(&app, &job, 1, &Value::Null).data(200);
    review(0);
}
