//! The pages for people say what is true: links lead somewhere, and what they repeat of the
//! configuration is what the programs do.

use crate::app;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use app::{App, program};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every file of this kind that git keeps, relative to the root.
fn files(pattern: &str) -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", pattern])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(!listed.is_empty(), "{pattern}");
    listed.lines().map(str::to_owned).collect()
}

/// What stands between `](` and `)`, outside of code.
fn links(page: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in page.lines().filter(|line| !line.starts_with("    ")) {
        for part in line.split("](").skip(1) {
            links.extend(part.split(')').next());
        }
    }
    links
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    });
    anchors.collect()
}

/// The cells of a table's rows, without the row under the head.
fn rows(page: &str) -> Vec<Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The names in a cell: `` `a`, `b` ``.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The rows of `page` between this heading and the next.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = rows(section);
    rows.into_iter().skip(1).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut dead = Vec::new();
    for page in files("*.md") {
        let text = read(&page);
        let links = links(&text);
        for link in links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let at = match file {
                "" => root().join(&page),
                file => root().join(&page).parent().unwrap().join(file),
            };
            let found = at.exists()
                && (anchor.is_empty()
                    || anchors(&std::fs::read_to_string(&at).unwrap()).contains(anchor));
            if !found {
                dead.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// Whether a file has this function, as a test.
fn is_test(code: &str, name: &str) -> bool {
    let Some((before, _)) = code.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let (above, _) = before.rsplit_once('\n').unwrap_or_default();
    let mut attributes = above.lines().rev().take_while(|line| {
        let line = line.trim();
        !line.is_empty() && line != "}"
    });
    attributes.any(|line| line.trim().ends_with("test]"))
}

/// `` `file`: `function`, `function`; `file`: ... `` in the last cells of the tables of tests.
#[test]
fn every_test_that_a_table_names_is_there() {
    let mut missing = Vec::new();
    for page in ["tests/ATTACKS.md", "tests/PROVIDERS.md"] {
        let text = read(page);
        let mut named = Vec::new();
        for row in rows(&text) {
            let in_row = names(row.last().copied().unwrap_or_default());
            let is_head = row.last().is_some_and(|cell| cell.starts_with("shown by"));
            if !is_head && !in_row.iter().any(|name| !name.contains('/')) {
                missing.push(format!("{page}: a test of {row:?}"));
            }
            named.extend(in_row);
        }
        assert!(named.len() > 40, "{page}: {named:?}");
        let mut code = String::new();
        for name in named {
            if name.contains('/') {
                code = std::fs::read_to_string(root().join(name)).unwrap_or_default();
                if code.is_empty() {
                    missing.push(format!("{page}: {name}"));
                }
            } else if !is_test(&code, name) {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Package managers take files of the package's own folder only.
#[test]
fn every_package_for_clients_comes_with_its_license() {
    for package in ["clients/typescript", "clients/swift", "crates/client"] {
        let license = format!("{package}/LICENSE");
        assert_eq!(read(&license), read("LICENSE"), "{license}");
    }
}

#[test]
fn the_front_page_stays_a_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 100, "{lines} lines");
}

/// `rustfmt` wraps code, and neither wraps comments nor fails because of them.
#[test]
fn comments_are_no_wider_than_code() {
    let format: toml::Table = read("rustfmt.toml").parse().unwrap();
    let width = format["max_width"].as_integer().unwrap() as usize;
    let mut wide = Vec::new();
    for file in files("*.rs") {
        for (n, line) in read(&file).lines().enumerate() {
            if line.trim_start().starts_with("//") && line.chars().count() > width {
                wide.push(format!("{file}:{}", n + 1));
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn every_variable_of_the_manifest_is_described_with_its_default() {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let variables = manifest["variables"].as_table().unwrap();
    let defaults = variables.iter().map(|(name, variable)| {
        let default = variable["default"].as_str().unwrap();
        (name.as_str(), default)
    });
    let defaults: BTreeMap<&str, &str> = defaults.collect();
    let page = read("docs/operations.md");
    let mut described = BTreeSet::new();
    for row in table(&page, "## Configuration") {
        let names = names(row[0]);
        let values: Vec<&str> = row[1].split(", ").collect();
        for (n, name) in names.iter().enumerate() {
            let default = defaults.get(name);
            let default = *default.unwrap_or_else(|| panic!("there is no variable {name}"));
            assert!(described.insert(*name), "{name} twice");
            let told = values.get(n).copied().unwrap_or_default();
            if values.len() != names.len() {
                continue;
            }
            // A number, or a word in code, is the default itself.
            let is_literal =
                told.starts_with('`') || told.starts_with(|c: char| c.is_ascii_digit());
            if is_literal {
                assert_eq!(told.trim_matches('`'), default, "{name}");
            } else {
                let is_none = told.is_empty() || told == "none";
                assert_eq!(is_none, default.is_empty(), "{name}");
            }
        }
    }
    let all: BTreeSet<&str> = defaults.keys().copied().collect();
    assert_eq!(described, all);
}

#[test]
fn every_limit_that_the_application_reports_is_described_as_it_is_enforced() {
    let app = App::start();
    let capabilities = app.get("/api/v2/capabilities").data(200);
    let limits = capabilities["limits"].as_object().unwrap();
    let page = read("docs/operations.md");
    let mut described = BTreeMap::new();
    for row in table(&page, "## Limits") {
        described.insert(names(row[0])[0], row[1].replace(',', ""));
    }
    for (name, told) in &described {
        let enforced = limits
            .get(*name)
            .map_or("none".to_owned(), |limit| limit.to_string());
        assert_eq!(*told, enforced, "{name}");
    }
    for name in limits
        .keys()
        .filter(|name| name.contains(char::is_uppercase))
    {
        assert!(
            described.contains_key(name.as_str()),
            "{name} is not described"
        );
    }
}

#[test]
fn every_constant_of_the_architecture_is_where_it_is_said_to_be() {
    let page = read("ARCHITECTURE.md");
    for row in table(&page, "## Limits") {
        for place in row[1].split("; ").filter(|place| place.contains(" in ")) {
            let (names, file) = place.rsplit_once(" in ").unwrap();
            let file = file.trim_matches('`');
            let folders = ["host/", "edge/", "components/"];
            let path = match folders.iter().any(|folder| file.starts_with(folder)) {
                true => file.to_owned(),
                false => format!("crates/{file}"),
            };
            let code = read(&path);
            for name in self::names(names) {
                let is_declared = [format!("const {name}:"), format!("pub {name}:")]
                    .iter()
                    .any(|declaration| code.contains(declaration));
                assert!(is_declared, "{name} is not in {path}");
            }
        }
    }
}

/// Pages name files below the root, or below `crates/` and the folders of a few of them.
#[test]
fn every_file_that_the_pages_name_is_there() {
    let folders = [
        "",
        "crates",
        "crates/books/src",
        "crates/job/src",
        "edge/src",
        "host/src",
    ];
    let is_there = |name: &str| {
        let places = folders.iter().map(|folder| root().join(folder).join(name));
        places.into_iter().any(|place| place.exists())
    };
    let mut missing = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(page);
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            let files = names(line)
                .into_iter()
                .filter(|name| name.contains('/') && name.ends_with(".rs"));
            let missed = files.filter(|name| !name.contains('*') && !is_there(name));
            missing.extend(missed.map(|name| format!("{page}: {name}")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The value of a constant, as it is written in this file.
fn constant(file: &str, name: &str) -> String {
    let code = read(file);
    let (_, declaration) = code.split_once(&format!("const {name}: ")).unwrap();
    let (_, value) = declaration.split_once(" = ").unwrap();
    value.split(';').next().unwrap().to_owned()
}

/// The hours of a constant of the webhook.
fn hours(name: &str) -> String {
    let value = constant("crates/job/src/webhook.rs", name);
    let hours = value.strip_prefix("Duration::from_secs(").unwrap();
    hours.strip_suffix(" * 3600)").unwrap().to_owned()
}

/// The numbers between `before` and `after` in a text, as they are spelled there.
fn numbers<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let is_number = |c: char| c.is_ascii_digit() || c == ',';
    text.match_indices(before)
        .filter_map(|(at, _)| {
            let text = &text[at + before.len()..];
            let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
            (end > 0 && text[end..].starts_with(after)).then(|| &text[..end])
        })
        .collect()
}

#[test]
fn the_limits_that_texts_repeat_are_those_that_are_enforced() {
    let settings = job::Settings::resolve("local", "").unwrap();
    let (limits, edge) = (settings.limits, edge::Limits::default());
    let megabytes = |bytes: usize| (bytes >> 20).to_string();
    let (items, rows) = (limits.max_batch_items, limits.max_csv_rows);
    // What stands before a number, and after it.
    let phrases = [
        (" to ", " photos", limits.max_photos.to_string()),
        ("at most ", " MB each", megabytes(limits.max_photo_bytes)),
        (", ", " MB each", megabytes(limits.max_photo_bytes)),
        ("; ", " MB each", megabytes(limits.max_photo_bytes)),
        ("WebP, at most ", " MB.", megabytes(limits.max_photo_bytes)),
        ("at most ", " MB and ", megabytes(limits.max_csv_bytes)),
        ("(", " MB, ", megabytes(limits.max_csv_bytes)),
        ("and ", " rows", thousands(rows)),
        ("MB, ", " rows", thousands(rows)),
        ("of the two, at most ", ".", thousands(items)),
        ("job of up to ", ".", thousands(items)),
        (" to ", " ISBNs", thousands(items)),
        (" to ", " books", thousands(items)),
        (
            "at most ",
            " characters",
            constant("crates/api/src/request/parameters.rs", "MAX_CLIENT_REF"),
        ),
        (
            "1 to ",
            " visible ASCII",
            constant(
                "crates/api/src/request/parameters.rs",
                "MAX_IDEMPOTENCY_KEY",
            ),
        ),
        (", for ", " h: twice by the run", hours("TRIED_FOR")),
        ("up to ", " hours, for", hours("LONGEST_PAUSE")),
        (
            "a failed or canceled job is kept for ",
            " minutes",
            (settings.failed_retention.as_secs() / 60).to_string(),
        ),
        (
            "holds up to ",
            " answers for event streams",
            edge.upstream_streams.to_string(),
        ),
        (
            "answers for event streams and ",
            " for sockets",
            edge.upstream_sessions.to_string(),
        ),
    ];
    let mut texts = vec![
        "crates/api/openapi.json".to_owned(),
        "docs/api.md".to_owned(),
        "docs/clients.md".to_owned(),
        "docs/operations.md".to_owned(),
    ];
    for pattern in [
        "crates/api/src/*.rs",
        "crates/client/src/*.rs",
        "cli/src/*.rs",
        "clients/typescript/src/client.js",
        "clients/swift/Sources/*.swift",
    ] {
        texts.extend(files(pattern));
    }
    let mut repeated = BTreeMap::new();
    for text in &texts {
        let content = read(text);
        for (before, after, limit) in &phrases {
            for number in numbers(&content, before, after) {
                assert_eq!(number, limit, "{text}: {before}{number}{after}");
                *repeated.entry((*before, *after)).or_insert(0) += 1;
            }
        }
    }
    for (before, after, _) in &phrases {
        let times = repeated.get(&(*before, *after));
        assert!(times.is_some(), "nothing says {before:?}...{after:?}");
    }
}

#[test]
fn the_caps_of_the_edge_are_those_of_its_table() {
    let limits = edge::Limits::default();
    let page = read("docs/operations.md");
    let told: BTreeMap<&str, String> = table(&page, "### Streams and requests")
        .into_iter()
        .map(|row| {
            (
                row[0],
                row[3].replace("20,000", "20000").replace("32,768", "32768"),
            )
        })
        .collect();
    let pair = |all: usize, one: usize| match one {
        1_000.. => format!("{all}, {}", thousands(one)),
        _ => format!("{all}, {one}"),
    };
    for (cap, limit) in [
        ("event streams in all", limits.streams.to_string()),
        (
            "answers of the application that event streams are fed from",
            limits.upstream_streams.to_string(),
        ),
        (
            "of one client address",
            limits.streams_per_address.to_string(),
        ),
        (
            "of one job (one path with its `jobIds`)",
            limits.streams_per_target.to_string(),
        ),
        (
            "other requests under way in all",
            limits.requests.to_string(),
        ),
        ("of one address", limits.requests_per_address.to_string()),
        (
            "uploads over 64 KB, or of unknown length, that have not come whole",
            limits.uploads.to_string(),
        ),
        (
            "WebSockets in all, of one address",
            pair(limits.sockets, limits.sockets_per_address),
        ),
        (
            "streams that feed WebSockets",
            limits.upstream_sessions.to_string(),
        ),
        (
            "connections in all, of one address",
            pair(limits.connections, limits.connections_per_address),
        ),
        (
            "large messages and events (over 64 KB) on their way to clients",
            format!("{} MB", limits.event_room >> 20),
        ),
    ] {
        assert_eq!(told.get(cap), Some(&limit), "{cap}");
    }
}

/// `1,024`.
fn thousands(n: usize) -> String {
    format!("{},{:03}", n / 1000, n % 1000)
}

/// `0.1 s`, `45 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[test]
fn the_numbers_of_the_protocol_are_those_of_the_edge() {
    let (limits, times) = (edge::Limits::default(), edge::Times::default());
    let parking = |name| constant("edge/src/parking.rs", name);
    let duration = |name, unit: &str| {
        let value = parking(name);
        let (_, value) = value.split_once('(').unwrap();
        format!("{} {unit}", value.trim_end_matches(')'))
    };
    // The edge asks about so many streams, and the application answers about so many.
    let asked = parking("MAX_ASKED");
    assert_eq!(constant("crates/api/src/parked.rs", "MAX_ASKED"), asked);
    let page = read("edge/PROTOCOL.md");
    let text: Vec<&str> = page.split_whitespace().collect();
    let text = text.join(" ");
    for (before, value, after) in [
        (
            "a stream silent for ",
            seconds(times.session_silence),
            " counts as lost",
        ),
        (
            "at once, then after ",
            seconds(times.retry_first),
            ", doubling",
        ),
        (
            "doubling up to ",
            seconds(times.retry_longest),
            ", with jitter",
        ),
        (
            "or no answer in ",
            seconds(times.response_head),
            ": tried again",
        ),
        (
            "tried again. ",
            seconds(times.give_up_after),
            " after the loss",
        ),
        (
            "closed with 1013 after ",
            seconds(times.give_up_after),
            " |",
        ),
        (
            "cut short, silent for ",
            seconds(times.response_body),
            ", or ended",
        ),
        (
            "comments to the client every ",
            seconds(times.heartbeat),
            ";",
        ),
        ("; cut short after ", seconds(times.give_up_after), " |"),
        (
            "the edge waits up to ",
            seconds(times.linger),
            " for the client",
        ),
        (
            "Bodies are at most ",
            format!("{} KB", limits.message_bytes >> 10),
            ": the edge",
        ),
        (
            "a client has left ",
            limits.unread_messages.to_string(),
            " undroppable messages",
        ),
        (
            "A client that leaves ",
            thousands(limits.unread_events),
            " events unread",
        ),
        ("of at most ", asked, " texts"),
        (
            "milliseconds (",
            duration("LONGEST_PAUSE", "s"),
            " at most) the edge asks",
        ),
        (
            "one answer begin about ",
            duration("OPENING_INTERVAL", "ms"),
            " apart",
        ),
        ("no answer in ", seconds(times.handshake), " | asked again"),
        (
            "given up after ",
            seconds(times.give_up_after),
            " like lost ones",
        ),
        (
            "resumed, and for ",
            duration("SUSPENSION", "s"),
            " the edge offers nothing",
        ),
        (
            "twice in a row within ",
            seconds(times.retry_longest),
            " and has no news",
        ),
        (
            "if they have heard nothing for ",
            seconds(times.heartbeat),
            ".",
        ),
        (
            "At most ",
            parking("MAX_QUESTIONS"),
            " questions are under way",
        ),
    ] {
        let phrase = format!("{before}{value}{after}");
        assert!(text.contains(&phrase), "{phrase}");
    }
}

#[test]
fn the_flags_of_the_pages_are_flags_of_the_host() {
    let help_of = |command: &str| {
        let mut host = Command::new(program("host"));
        let help = host.args([command, "--help"]).output();
        String::from_utf8(help.unwrap().stdout).unwrap()
    };
    let help = ["up", "metrics"].map(help_of).concat();
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| word.len() > 3 && word.starts_with("--"))
            .map(str::to_owned)
            .collect()
    };
    let mut known = words(&help);
    // Of `cargo run`.
    known.insert("--release".to_owned());
    let described = words(&read("docs/host.md"));
    let unknown: Vec<_> = described.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let missing: Vec<_> = known
        .difference(&described)
        .filter(|flag| !["--help", "--version"].contains(&flag.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in docs/host.md");
}
