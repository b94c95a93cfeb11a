//! The command `bookstrack` as people, scripts and programs use it, against the running
//! application.

use crate::app;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, eventually, program};
use serde_json::Value;
use stand_ins::Fault;

const SHELF: &[u8] = include_bytes!("data/bookshelf-13.jpg");
/// The terminal's size.
const ROWS: u16 = 8;
const COLUMNS: u16 = 100;

/// The command itself.
fn bookstrack() -> PathBuf {
    program("bookstrack")
}

/// A user of the command, with a home of their own.
struct User {
    home: tempfile::TempDir,
    server: String,
}

impl User {
    fn of(app: &App) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("library.csv"), LIBRARY).unwrap();
        std::fs::write(home.path().join("trees.csv"), "height,age\n12,40\n").unwrap();
        std::fs::write(home.path().join("shelf.jpg"), SHELF).unwrap();
        let server = format!("http://{}", app.address());
        Self { home, server }
    }

    fn environment(&self) -> [(&'static str, PathBuf); 5] {
        let home = self.home.path();
        [
            ("HOME", home.to_owned()),
            ("XDG_STATE_HOME", home.join("state")),
            ("XDG_CACHE_HOME", home.join("cache")),
            ("BOOKSTRACK_SERVER", self.server.clone().into()),
            ("TERM", "xterm".into()),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(bookstrack());
        command
            .args(arguments)
            .envs(self.environment())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    /// Starts the command with its output in a pipe.
    fn pipe(&self, arguments: &[&str]) -> Pipe {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Pipe { child, lines }
    }

    /// Starts the command at a terminal.
    fn terminal(&self, arguments: &[&str]) -> Terminal {
        let (pty, end) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(ROWS, COLUMNS)).unwrap();
        let command = pty_process::blocking::Command::new(bookstrack());
        let child = command
            .args(arguments)
            .envs(self.environment())
            .current_dir(self.home.path())
            .spawn(end)
            .unwrap();
        let pty = Arc::new(pty);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        thread::spawn({
            let (pty, screen) = (Arc::clone(&pty), Arc::clone(&screen));
            move || {
                let mut bytes = [0; 4096];
                // Reading fails when the command is gone.
                while let Ok(n @ 1..) = (&*pty).read(&mut bytes) {
                    screen.lock().unwrap().process(&bytes[..n]);
                }
            }
        });
        Terminal { child, pty, screen }
    }
}

struct Pipe {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Pipe {
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Reads on to the line that contains `needle`; answers all lines up to it.
    fn until(&mut self, needle: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            let found = line.contains(needle);
            lines.push(line);
            if found {
                return lines;
            }
        }
        panic!("no {needle:?} in {lines:#?}")
    }

    /// The lines that were left, and the exit code.
    fn end(mut self) -> (Vec<String>, i32) {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            lines.push(line);
        }
        (lines, self.child.wait().unwrap().code().unwrap())
    }
}

struct Terminal {
    child: Child,
    pty: Arc<pty_process::blocking::Pty>,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn contents(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen is as wanted; answers what is on it.
    fn shows(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let mut contents = String::new();
        eventually(what, || {
            contents = self.contents();
            is_there(&contents)
        });
        println!("{what}:\n{contents}\n");
        contents
    }

    fn press_ctrl_c(&self) {
        (&*self.pty).write_all(b"\x03").unwrap();
    }

    fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

/// The job that a screen or a line names.
fn job(text: &str) -> Job {
    let id = text.split("Job ").nth(1).unwrap();
    let id = id.split_whitespace().next().unwrap().to_owned();
    Job {
        token: String::new(),
        sse_url: format!("/api/v2/imports/{id}/stream"),
        status_url: format!("/api/v2/imports/{id}"),
        results_url: format!("/api/v2/imports/{id}/results"),
        id,
    }
}

/// An import here is told of in many steps, and a dead run is soon replaced.
fn watchable() -> App {
    Setup::new()
        .provider_delay(Duration::from_millis(120))
        .variable("provider_timeout_s", "60")
        .tuning("wave_items=40 lease=600 lease_renew=200 write_delay=100")
        .start()
}

/// Whether a screen shows an import in its middle.
fn is_halfway(screen: &str) -> bool {
    ["[====", "/s, ", " left "]
        .iter()
        .all(|part| screen.contains(part))
}

fn is_done(screen: &str) -> bool {
    screen.contains("To see them: bookstrack results")
}

#[test]
fn a_person_at_a_terminal_sees_a_bar_and_then_the_result() {
    let app = watchable();
    app.hold_look_ups_at(400);
    let user = User::of(&app);
    let terminal = user.terminal(&["import", "library.csv"]);
    let middle = terminal.shows("in the middle", is_halfway);
    assert!(middle.contains("enriching ["), "{middle}");
    app.go_on();
    let end = terminal.shows("at the end", is_done);
    assert!(end.contains("books found in "), "{end}");
    assert!(!end.contains("[==="), "{end}");
    assert_eq!(terminal.code(), 0);

    let job = job(&end);
    let results = app.results(&job);
    assert_adds_up(&results, LIBRARY_ROWS);
    let books = results["books"].as_array().unwrap();
    let (code, csv, _) = user.run(&["results", &job.id, "--format", "csv"]);
    assert_eq!(code, 0);
    let rows = csv::Reader::from_reader(csv.as_bytes()).into_records();
    assert_eq!(rows.map(Result::unwrap).count(), books.len());
    let (_, json, _) = user.run(&["results", &job.id, "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["books"],
        results["books"]
    );
    let (_, table, _) = user.run(&["results", &job.id]);
    let summary = format!("{} books, ", books.len());
    assert!(table.lines().last().unwrap().starts_with(&summary));
}

#[test]
fn a_server_that_is_killed_and_started_again_is_a_pause() {
    let mut app = watchable();
    app.hold_look_ups_at(400);
    let user = User::of(&app);
    let terminal = user.terminal(&["import", "library.csv"]);
    let mut pipe = user.pipe(&["import", "library.csv"]);
    terminal.shows("before", is_halfway);
    pipe.until("Enriching (");
    let address = app.address();
    app.kill();
    terminal.shows("without a server", |screen| screen.contains("cannot reach"));
    pipe.until("cannot reach");
    app.go_on();
    app.start_again_at(address);
    let end = terminal.shows("afterwards", is_done);
    assert_eq!(terminal.code(), 0);
    assert_adds_up(&app.results(&job(&end)), LIBRARY_ROWS);
    let (lines, code) = pipe.end();
    assert!(lines.last().is_some_and(|line| is_done(line)), "{lines:?}");
    assert_eq!(code, 0);
}

#[test]
fn ctrl_c_cancels_at_the_server() {
    let app = watchable();
    app.hold_look_ups_at(400);
    let user = User::of(&app);
    let terminal = user.terminal(&["import", "library.csv"]);
    let screen = terminal.shows("before", is_halfway);
    terminal.press_ctrl_c();
    let end = terminal.shows("afterwards", |screen| screen.contains("Canceled after "));
    assert!(!end.contains("Canceled after 0 books"), "{end}");
    assert_eq!(terminal.code(), 4);
    let job = job(&screen);
    assert_eq!(app.status(&job)["status"], "canceled");
    assert_eq!(user.run(&["status", &job.id]).0, 4);
    assert_eq!(user.run(&["watch", &job.id]).0, 4);
}

#[test]
fn a_log_gets_lines_and_a_program_gets_events() {
    let app = watchable();
    app.hold_look_ups_at(100);
    let user = User::of(&app);
    let mut pipe = user.pipe(&["import", "library.csv"]);
    let first = pipe.line().unwrap();
    let mut events = user.pipe(&["watch", "--json", &job(&first).id]);
    let mut told = events.until("\"event\":\"processing\"");
    // The job does not go on before a line says where it is.
    let mut lines = Vec::new();
    for row in [250, 400, 600, 740] {
        lines.extend(pipe.until("Enriching ("));
        app.hold_look_ups_at(row);
    }
    app.go_on();

    let (rest, code) = pipe.end();
    lines.extend(rest);
    assert_eq!(code, 0);
    assert!(lines.len() >= 5, "{lines:#?}");
    assert!(!lines.concat().contains('\x1b'), "{lines:?}");
    let percent = |line: &String| line.split('%').next().unwrap().trim().parse::<u32>();
    let percents: Vec<u32> = lines.iter().filter_map(|line| percent(line).ok()).collect();
    assert!(percents.len() >= 4 && percents.is_sorted(), "{percents:?}");
    assert!(is_done(lines.last().unwrap()), "{lines:?}");

    while let Some(line) = events.line() {
        told.push(line);
    }
    let mut names = Vec::new();
    let mut progress = Vec::new();
    for line in told {
        let event: Value = serde_json::from_str(&line).unwrap();
        names.push(event["event"].as_str().unwrap().to_owned());
        progress.extend(event["data"]["progress"].as_f64());
    }
    assert_eq!(names[0], "connected");
    assert!(names.iter().any(|name| name == "processing"), "{names:?}");
    assert_eq!(names.last().unwrap(), "completed");
    assert!(
        progress.is_sorted() && progress.ends_with(&[1.0]),
        "{progress:?}"
    );
    assert_eq!(events.end().1, 0);
}

#[test]
fn progress_comes_by_the_way_that_was_asked_for() {
    let app = watchable();
    let user = User::of(&app);
    for (transport, others) in [
        ("auto", &["poll"][..]),
        ("sse", &["poll"]),
        ("poll", &["sse", "attached"]),
    ] {
        let (code, out, error) = user.run(&[
            "import",
            "library.csv",
            "--verbose",
            "--transport",
            transport,
        ]);
        assert_eq!(code, 0, "{error}");
        assert!(is_done(&out), "{out}");
        let tallies = error
            .lines()
            .find_map(|line| line.strip_prefix("transports: "));
        let tallies: Value = serde_json::from_str(tallies.unwrap()).unwrap();
        for other in others {
            assert_eq!(tallies[other]["opened"], 0, "{transport}: {tallies}");
        }
        let finished: u64 = ["attached", "sse", "poll"]
            .iter()
            .map(|name| tallies[name]["finished"].as_u64().unwrap())
            .sum();
        assert_eq!(finished, 1, "{transport}: {tallies}");
    }
}

#[test]
fn photos_and_isbns_become_books() {
    let app = App::start();
    let user = User::of(&app);
    let (code, out, error) = user.run(&["scan", "shelf.jpg"]);
    assert_eq!(code, 0, "{out}{error}");
    let (_, table, _) = user.run(&["results", &job(&out).id]);
    assert!(table.ends_with("13 books, 13 found\n"), "{table}");
    assert!(table.contains("0.57"), "{table}");

    let (code, out, error) = user.run(&["enrich", "9780743273565", "0-439-70818-4"]);
    assert_eq!(code, 0, "{out}{error}");
    let (_, table, _) = user.run(&["results", &job(&out).id]);
    assert!(table.contains("The Great Gatsby"), "{table}");
    assert!(table.contains("2 books"), "{table}");
}

/// A book that can be found, two that nobody knows with the numbers of others, and a row without a
/// book.
const DOUBTFUL: &str = "Title,Author,ISBN,My Rating\n\
    Babel,R. F. Kuang,,3\n\
    Knitting for Absolute Beginners,Ann Nobody,9780063021426,4\n\
    Sleeping under Stars,Zebulon Nobody,9780393352566,5\n\
    ,,12345,2\n";

/// What failed is written to a file, tried again with a bar, and chosen by number.
#[test]
fn a_person_at_a_terminal_mends_what_failed() {
    let down = || Fault::Status {
        code: 503,
        retry_after: None,
    };
    let mut app = Setup::new().variable("provider_patience_s", "0").start();
    app.sandbox.open_library().behave(down().always());
    app.sandbox.google_books().behave(down().always());
    let user = User::of(&app);
    std::fs::write(user.home.path().join("doubtful.csv"), DOUBTFUL).unwrap();
    let terminal = user.terminal(&["import", "doubtful.csv"]);
    let end = terminal.shows("without providers", is_done);
    assert!(end.contains("0 of 3 books found"), "{end}");
    assert_eq!(terminal.code(), 0);
    let first = job(&end);

    let rows = |only: &str, format: &str, job: &Job| {
        let (code, out, error) =
            user.run(&["results", &job.id, "--only", only, "--format", format]);
        assert_eq!(code, 0, "{error}");
        out
    };
    let failed = rows("failed", "csv", &first);
    let lines: Vec<&str> = failed.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}Import row,Import problem,Title,Author,ISBN,My Rating"
    );
    assert_eq!(lines.len(), 5, "{failed}");
    let (_, default, _) = user.run(&["results", &first.id, "--only", "failed"]);
    assert_eq!(default, failed, "as CSV, unless told otherwise");
    let json: Value = serde_json::from_str(&rows("failed", "json", &first)).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 4, "{json}");
    for wrong in ["everything", "failed,nope"] {
        let (code, out, error) = user.run(&["results", &first.id, "--only", wrong]);
        assert_eq!((code, &*out), (1, ""), "{wrong}: {error}");
        assert!(error.contains("INVALID_REQUEST"), "{error}");
    }

    // Once the providers are back.
    app.sandbox.open_library().behave(down().first(0));
    app.sandbox.google_books().behave(down().first(0));
    app.set_variable("provider_patience_s", "60");
    let address = app.address();
    app.kill();
    app.start_again_at(address);
    for arguments in [
        &["retry", &*first.id][..],
        &["choose", &*first.id, "2", "1"],
    ] {
        let (code, _, error) = User::of(&app).run(arguments);
        assert_eq!(code, 1);
        assert!(error.contains("was not started here"), "{error}");
    }
    let terminal = user.terminal(&["retry", &first.id]);
    let end = terminal.shows("tried again", is_done);
    assert!(end.contains("1 of 3 books found"), "{end}");
    assert_eq!(terminal.code(), 0);
    let second = job(&end);
    assert_ne!(second.id, first.id);
    assert_eq!(app.status(&second)["retryOf"], first.id);
    let missing = rows("not_found", "csv", &second);
    assert_eq!(missing.lines().count(), 3, "{missing}");

    let list = || user.run(&["choose", &second.id]).1;
    let open = list();
    assert!(open.ends_with("2 books to review\n"), "{open}");
    assert!(
        open.contains("    2  Knitting for Absolute Beginners, Ann Nobody"),
        "{open}"
    );
    assert!(open.contains("       1  Babel, "), "{open}");
    let choose = |book: &str, which: &str| user.run(&["choose", &second.id, book, which]);
    let (code, chosen, error) = choose("3", "1");
    assert_eq!(code, 0, "{error}");
    assert!(chosen.starts_with("3: Wide Sargasso Sea, "), "{chosen}");
    assert!(list().ends_with("1 book to review\n"), "{}", list());
    for (book, which, code) in [("2", "9", "INVALID_REQUEST"), ("9", "1", "NOT_FOUND")] {
        let (exit, _, error) = choose(book, which);
        assert_eq!(exit, 1);
        assert!(error.contains(code), "{error}");
    }
    assert_eq!(choose("2", "none").0, 0);
    assert!(list().ends_with("0 books to review\n"), "{}", list());

    // What was chosen is not tried again, and is in the library that is taken along.
    let (code, _, error) = user.run(&["retry", &second.id, "--only", "not_found"]);
    assert_eq!(code, 1);
    assert!(error.contains("EMPTY_BATCH"), "{error}");
    let (_, library, _) = user.run(&["results", &second.id, "--only", "all"]);
    std::fs::write(user.home.path().join("again.csv"), &library).unwrap();
    let (code, out, error) = user.run(&["import", "again.csv"]);
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("2 of 3 books found"), "{out}");
}

#[test]
fn a_dry_run_shows_how_a_file_is_read_and_imports_nothing() {
    let app = App::start();
    let user = User::of(&app);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(user.home.path().join(name), bytes).unwrap();
    };
    write(
        "bücher.csv",
        b"Titel;Autor;Gelesen am;Bewertung (1-10)\nDie \xdcbung;J\xfcrgen K\xf6hler;24.03.2021;8\n",
    );
    write(
        "list.csv",
        b"Emma,Jane Austen,9780141439587\nDune,Frank Herbert,9780441172719\n",
    );
    for (file, expected) in [
        (
            "library.csv",
            &[
                "Goodreads, UTF-8, columns named in row 1",
                "Exclusive Shelf                status",
                "769 rows: ",
            ][..],
        ),
        (
            "bücher.csv",
            &[
                "windows-1252 (guessed), columns named in row 1",
                "Titel                          title",
                "Gelesen am                     dateRead         day before month: 24.03.2021",
                "Bewertung (1-10)               rating           out of 10: 8",
                "1 rows: 1 books, 0 merged, 0 left out",
                "Die Übung / Jürgen Köhler",
            ],
        ),
        (
            "list.csv",
            &[
                "UTF-8, no row that names the columns",
                "1                              title            guessed: Emma · Dune",
                "3                              isbn             guessed: ",
                "2 rows: 2 books, 0 merged, 0 left out",
                "Emma / Jane Austen",
            ],
        ),
    ] {
        let (code, out, error) = user.run(&["import", file, "--dry-run"]);
        assert_eq!(code, 0, "{out}{error}");
        for line in expected {
            assert!(out.contains(line), "{line}:\n{out}");
        }
    }
    assert!(app.job_keys().is_empty());
}

#[test]
fn every_end_has_its_exit_code_and_its_sentence() {
    let mut app = watchable();
    let user = User::of(&app);
    let (code, out, _) = user.run(&["import", "trees.csv"]);
    assert_eq!(code, 3);
    assert!(
        out.contains("Failed: ") && out.contains("(E_CSV_PARSE_FAILED)"),
        "{out}"
    );
    let (code, _, error) = user.run(&["import", "shelf.jpg"]);
    assert_eq!(code, 1);
    assert!(error.contains("a JPEG image"), "{error}");
    let (code, _, error) = user.run(&["scan", "trees.csv"]);
    assert_eq!(code, 1);
    assert!(error.contains("UNSUPPORTED_MEDIA_TYPE"), "{error}");
    let (code, _, error) = user.run(&["enrich", "9780743273566"]);
    assert_eq!(code, 1);
    assert!(error.contains("INVALID_ISBN"), "{error}");
    let (code, _, error) = user.run(&["status", "nobody"]);
    assert_eq!(code, 1);
    assert!(error.contains("NOT_FOUND"), "{error}");

    // Only who started a job can cancel it.
    let mut pipe = user.pipe(&["import", "library.csv"]);
    let job = job(&pipe.line().unwrap());
    let (code, _, error) = User::of(&app).run(&["cancel", &job.id]);
    assert_eq!(code, 1);
    assert!(error.contains("was not started here"), "{error}");
    let (code, out, _) = user.run(&["cancel", &job.id]);
    assert_eq!(code, 0, "{out}");
    assert_eq!(pipe.end().1, 4);

    app.kill();
    let (code, _, error) = user.run(&["import", "library.csv"]);
    assert_eq!(code, 5);
    assert!(error.contains(&user.server), "{error}");
}
