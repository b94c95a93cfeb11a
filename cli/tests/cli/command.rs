//! The command as scripts and logs see it.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Home, JOB, Server, Streams, TOKEN, fixture};
use http::StatusCode;
use serde_json::Value;

async fn set_up() -> (Server, Home) {
    let server = Server::start().await;
    let home = Home::new(&server);
    (server, home)
}

#[tokio::test]
async fn an_import_in_a_pipe_is_told_in_lines() {
    let (server, home) = set_up().await;
    let mut import = home.start(&["import", "library.csv"]);
    assert_eq!(import.line("Job").await, format!("Job {JOB}"));
    import.line("  0%  0/150").await;
    server.advance();
    import.line(" 33%  50/150").await;
    server.advance();
    let line = import.line(" 67%  100/150").await;
    assert_eq!(
        line,
        " 67%  100/150  8.2/s, 6 s left  Enriching (100/150): Cien años de soledad"
    );
    server.advance();
    let (code, rest, error) = import.end().await;
    let end = format!("145 of 150 books found in 42 s. To see them: bookstrack results {JOB}");
    assert_eq!((code, rest, error.as_str()), (0, vec![end], ""));
    assert_eq!(
        server.submissions()[0].1,
        "Title,Author\nBabel,R. F. Kuang\n"
    );
    // The token may be wanted to try the job again.
    assert_eq!(
        std::fs::read_dir(home.path("state/bookstrack/jobs"))
            .unwrap()
            .count(),
        1
    );
}

#[tokio::test]
async fn json_is_one_event_a_line_and_keeps_the_secret() {
    let (server, home) = set_up().await;
    let mut import = home.start(&["import", "--json", "library.csv"]);
    let mut events: Vec<Value> = Vec::new();
    while let Some(line) = import.next_line().await {
        assert!(!line.contains(TOKEN), "{line}");
        events.push(serde_json::from_str(&line).unwrap());
        if !["accepted", "connected"].contains(&events.last().unwrap()["event"].as_str().unwrap()) {
            server.advance();
        }
    }
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "accepted",
            "connected",
            "initialized",
            "processing",
            "processing",
            "completed"
        ]
    );
    assert_eq!(events[0]["data"]["jobId"], JOB);
    assert_eq!(events[1]["data"]["transport"], "attached");
    // Nothing that the server said is lost.
    let said: Value = serde_json::from_str(
        fixture("sse-completed.txt")
            .split("data: ")
            .nth(1)
            .unwrap()
            .trim(),
    )
    .unwrap();
    let said = Value::Object(
        said.as_object()
            .unwrap()
            .clone()
            .into_iter()
            .chain([("progress".into(), 1.0.into())])
            .collect(),
    );
    assert_eq!(events[5]["data"], said);
    assert_eq!(import.end().await.0, 0);
}

#[tokio::test]
async fn each_outcome_has_its_exit_code() {
    let (server, home) = set_up().await;
    server.fail();
    let (code, out, _) = home.run(&["import", "library.csv"]).await;
    let said = "Failed: This file does not look like a list of books: it has no title column. (E_CSV_PARSE_FAILED)\n";
    assert!(out.ends_with(said), "{out}");
    assert_eq!(code, 3);
    assert_eq!(home.run(&["watch", JOB]).await.0, 3);
    assert_eq!(home.run(&["status", JOB]).await.0, 3);

    let (server, home) = set_up().await;
    server.stall();
    let (code, out, _) = home.run(&["watch", JOB]).await;
    assert_eq!(
        (code, out.as_str()),
        (
            6,
            "No progress for 5 minutes. The job may go on; bookstrack watch looks again\n"
        )
    );

    let (code, _, error) = home.run(&["status", "unknown"]).await;
    assert_eq!(code, 1);
    assert_eq!(
        error,
        "bookstrack: No job with this id, or its results have expired (NOT_FOUND)\n"
    );
    assert_eq!(home.run(&["results", JOB, "--format", "xml"]).await.0, 2);
    assert_eq!(home.run(&["status", "../etc/passwd"]).await.0, 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let (mut server, home) = set_up().await;
    server.stop().await;
    let url = server.url();
    for args in [
        &["import", "library.csv"][..],
        &["watch", JOB],
        &["status", JOB],
        &["cancel", JOB],
    ] {
        let (code, _, error) = home.run(args).await;
        assert_eq!(code, 5, "{args:?}: {error}");
        assert!(error.contains(&format!("cannot reach {url}: ")), "{error}");
    }
    let (code, _, error) = home
        .run(&["--server", "localhost:3000", "status", JOB])
        .await;
    assert_eq!(code, 1);
    assert!(error.contains("is no server address"), "{error}");
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let (mut server, home) = set_up().await;
    let mut import = home.start(&["import", "library.csv"]);
    import.line("  0%").await;
    server.stop().await;
    import.line("cannot reach").await;
    server.advance();
    server.restart().await;
    import.line(" 33%").await;
    server.finish();
    assert_eq!(import.end().await.0, 0);
    assert_eq!(server.count("POST"), 1);
}

#[tokio::test]
async fn ctrl_c_cancels_at_the_server() {
    let (server, home) = set_up().await;
    let mut import = home.start(&["import", "library.csv"]);
    import.line("  0%").await;
    import.interrupt().await;
    import.line("Asking the server to cancel").await;
    let (code, rest, _) = import.end().await;
    assert_eq!((code, rest), (4, vec!["Canceled after 0 books".to_owned()]));
    assert_eq!(server.count("DELETE"), 1);
}

#[tokio::test]
async fn ctrl_c_twice_leaves_without_the_server() {
    let (mut server, home) = set_up().await;
    let mut import = home.start(&["import", "library.csv"]);
    import.line("  0%").await;
    server.stop().await;
    import.line("cannot reach").await;
    import.interrupt().await;
    import.line("Ctrl-C again leaves").await;
    import.interrupt().await;
    assert_eq!(import.end().await.0, 130);
    // The job can still be canceled later.
    server.restart().await;
    let (code, out, _) = home.run(&["cancel", JOB]).await;
    assert_eq!((code, out), (0, format!("Job {JOB} is canceled\n")));
}

#[tokio::test]
async fn a_later_call_cancels_with_the_token_that_was_kept() {
    let (server, home) = set_up().await;
    let (code, _, error) = home.run(&["cancel", JOB]).await;
    assert_eq!(code, 1);
    assert!(
        error.contains("was not started here") && error.contains("UNAUTHORIZED"),
        "{error}"
    );
    let mut enrich = home.start(&["enrich", "9780439708180"]);
    enrich.line("  0%").await;
    let kept = home.path(&format!("state/bookstrack/jobs/{JOB}.json"));
    assert_eq!(
        std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(kept.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    let (code, out, _) = home.run(&["cancel", "--json", JOB]).await;
    assert_eq!(code, 0);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["status"],
        "canceled"
    );
    assert_eq!(enrich.end().await.0, 4);
    assert!(!kept.exists());
    assert_eq!(server.count("DELETE"), 2);
}

#[tokio::test]
async fn that_streams_do_not_get_through_is_remembered_by_the_next_call() {
    let (server, home) = set_up().await;
    server.streams(Streams::Status(StatusCode::FORBIDDEN));
    server.attached(false);
    server.finish();
    let stream = format!("GET /api/v2/imports/{JOB}/stream");
    let (code, out, error) = home.run(&["watch", "-v", JOB]).await;
    assert_eq!((code, server.count(&stream)), (0, 1), "{out}{error}");
    assert!(out.starts_with("Streams do not get through"), "{out}");
    let counters: Value =
        serde_json::from_str(error.trim().strip_prefix("transports: ").unwrap()).unwrap();
    assert_eq!(
        (&counters["sse"]["refused"], &counters["poll"]["finished"]),
        (&1.into(), &1.into())
    );
    assert_eq!(home.run(&["watch", JOB]).await.0, 0);
    assert_eq!(server.count(&stream), 1);
    // Until told otherwise.
    server.streams(Streams::Work);
    assert_eq!(home.run(&["watch", "--transport", "sse", JOB]).await.0, 0);
    assert_eq!(server.count(&stream), 2);
    assert_eq!(home.run(&["watch", JOB]).await.0, 0);
    assert_eq!(server.count(&stream), 3);
    assert_eq!(home.run(&["watch", "--transport", "poll", JOB]).await.0, 0);
    assert_eq!(server.count(&stream), 3);
}

#[tokio::test]
async fn photos_are_uploaded() {
    let (server, home) = set_up().await;
    server.finish();
    let photo = format!(
        "{}/../tests/data/bookshelf-13.jpg",
        env!("CARGO_MANIFEST_DIR")
    );
    assert_eq!(home.run(&["scan", &photo, &photo]).await.0, 0);
    let bytes = std::fs::read(&photo).unwrap();
    let (content_type, body) = &server.submissions()[0];
    assert!(content_type.starts_with("multipart/form-data; boundary="));
    assert_eq!(
        body.windows(bytes.len())
            .filter(|window| *window == bytes)
            .count(),
        2
    );
    let (code, _, error) = home.run(&["scan", "no-such.jpg"]).await;
    assert_eq!(code, 1);
    assert!(
        error.starts_with("bookstrack: cannot read no-such.jpg: "),
        "{error}"
    );
}

#[tokio::test]
async fn results_come_as_table_json_and_csv() {
    let (server, home) = set_up().await;
    let (code, _, error) = home.run(&["results", JOB]).await;
    assert_eq!(
        (code, error.as_str()),
        (1, "bookstrack: The job is still running (NOT_READY)\n")
    );
    server.finish();
    let (_, csv, _) = home.run(&["results", JOB, "--format", "csv"]).await;
    assert_eq!(
        csv,
        "title,author,isbn,status,publisher,published,confidence\n\
         The Great Gatsby,F. Scott Fitzgerald,9780743273565,success,Scribner,2004-09-30,\n"
    );
    let (_, table, _) = home.run(&["results", JOB]).await;
    assert!(
        table.contains("│ The Great Gatsby ┆ F. Scott Fitzgerald ┆ 9780743273565"),
        "{table}"
    );
    assert!(table.ends_with("1 book, 1 found\n"), "{table}");
    for args in [
        &["results", JOB, "--format", "json"][..],
        &["results", JOB, "--json"],
    ] {
        let (_, json, _) = home.run(args).await;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["rows"], &json["books"][0]["source"]["goodreadsId"]),
            (&158.into(), &"4671".into())
        );
    }
}

#[tokio::test]
async fn help_names_the_exit_codes_and_the_shells_get_their_scripts() {
    let (_server, home) = set_up().await;
    let (_, help, _) = home.run(&["--help"]).await;
    assert!(
        help.contains("3  the job failed") && help.contains("BOOKSTRACK_SERVER"),
        "{help}"
    );
    assert!(!help.contains("completions"), "{help}");
    let (_, script, _) = home.run(&["completions", "bash"]).await;
    assert!(script.contains("complete -F _bookstrack"), "{script}");
    let (_, man, _) = home.run(&["man"]).await;
    assert!(
        man.starts_with(".ie") && man.contains(".TH bookstrack") && man.contains("Exit codes"),
        "{man}"
    );
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let (server, home) = set_up().await;
    let mut import = home.start(&["import", "library.csv"]);
    import.line("  0%").await;
    import.close_output();
    server.finish();
    assert_eq!(import.end().await.0, 0);
}

#[tokio::test]
async fn a_server_that_speaks_another_language_is_an_error() {
    let (server, home) = set_up().await;
    let https = server.url().replace("http://", "https://");
    let (code, _, error) = home.run(&["--server", &https, "status", JOB]).await;
    assert!(
        code == 5 || error.contains("is no server address"),
        "{code} {error}"
    );
}
