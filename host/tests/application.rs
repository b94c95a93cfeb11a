//! The host from outside: a component that asks for everything, a client, and a provider on
//! loopback.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Time-out of every step of a test: none takes this long unless it is broken.
const TIME_LIMIT: Duration = Duration::from_secs(60);

fn guest() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        host::build::install_target("wasm32-wasip2", here).unwrap();
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--locked",
                "--target",
                "wasm32-wasip2",
            ])
            .arg("--manifest-path")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/guest/Cargo.toml"
            ))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the guest builds");
        target.join("wasm32-wasip2/release/guest.wasm")
    })
}

struct Host {
    child: Child,
    dir: Arc<tempfile::TempDir>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Host {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), arguments)
    }

    fn start_in(dir: Arc<tempfile::TempDir>, arguments: &[&str]) -> Self {
        let manifest = format!(
            r#"
            spin_manifest_version = 2
            [application]
            name = "guest"
            [variables]
            greeting = {{ default = "hello" }}
            port = {{ default = "1" }}
            [[trigger.http]]
            route = "/..."
            component = "guest"
            [[trigger.http]]
            route = "/echo/:id/..."
            component = "guest"
            [component.guest]
            source = "{}"
            environment = {{ COLOUR = "green" }}
            allowed_outbound_hosts = ["http://self", "http://127.0.0.1:{{{{ port }}}}"]
            key_value_stores = ["default"]
            [component.guest.variables]
            greeting = "{{{{ greeting }}}}!"
            "#,
            guest().display()
        );
        std::fs::write(dir.path().join("spin.toml"), manifest).unwrap();
        // Compiled once for all tests.
        let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        std::fs::create_dir_all(&compiled).unwrap();
        std::fs::create_dir_all(dir.path().join(".spin")).unwrap();
        let _ = symlink(&compiled, dir.path().join(".spin/compiled"));

        let mut child = Command::new(env!("CARGO_BIN_EXE_host"))
            .current_dir(dir.path())
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--local-name", "app", "--local-name", "books.example"])
            .args(arguments)
            .env_remove("SPIN_MAX_INSTANCE_COUNT")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut found = BTreeMap::new();
        for line in lines {
            let line = line.unwrap();
            for marker in ["Serving guest on http://", "Counters on http://"] {
                if let Some(rest) = line.strip_prefix(marker) {
                    let address = rest.split('/').next().unwrap();
                    found.insert(marker, address.parse::<SocketAddr>().unwrap());
                }
            }
            if found.len() == 2 {
                break;
            }
        }
        Self {
            child,
            dir,
            address: found["Serving guest on http://"],
            admin: found["Counters on http://"],
        }
    }

    fn get(&self, path: &str) -> Response {
        exchange(
            self.address,
            &format!("GET {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n"),
        )
    }

    fn text(&self, path: &str) -> String {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.complete, "{path}");
        response.body
    }

    fn counters(&self) -> Value {
        let request = "GET /counters HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        serde_json::from_str(&exchange(self.admin, request).body).unwrap()
    }

    /// The status of the answer to other faults.
    fn misbehave(&self, faults: &str) -> u16 {
        let request = format!(
            "PUT /faults HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{faults}",
            faults.len()
        );
        exchange(self.admin, &request).status
    }

    fn guest_counter(&self, name: &str) -> u64 {
        let counters = self.counters();
        let guest = counters["components"].get("guest");
        // Before its first request a component has no counters.
        guest.map_or(0, |guest| guest[name].as_u64().unwrap())
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        stream
    }

    /// Opens an endless response and reads its beginning.
    fn open_stream(&self) -> TcpStream {
        let mut stream = self.connect();
        stream
            .write_all(b"GET /ticks?count=100000&ms=10 HTTP/1.1\r\nhost: app\r\n\r\n")
            .unwrap();
        let mut seen = String::new();
        while !seen.contains("1\n") {
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the stream goes on");
            seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        stream
    }

    /// Tells the host to end, and waits until it has.
    fn end(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(told.success());
        let status = self.child.wait().unwrap();
        (status, start.elapsed())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Response {
    status: u16,
    body: String,
    /// Whether the body ended as it had announced.
    complete: bool,
}

/// Sends a request that asks for the connection to be closed, and reads the response.
fn exchange(address: SocketAddr, request: &str) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // A cut body may come with a reset connection; what was read before counts.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n").expect("a response");
    let head = head.to_ascii_lowercase();
    let (body, complete) = if head.contains("transfer-encoding: chunked") {
        unchunk(rest)
    } else {
        // What has no content announces none.
        let length = head.split("content-length: ").nth(1).unwrap_or("0");
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        (rest.to_owned(), rest.len() == length)
    };
    Response {
        status: head[9..12].parse().unwrap(),
        body,
        complete,
    }
}

fn unchunk(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        if tail.len() < size + 2 {
            body.push_str(&tail[..size.min(tail.len())]);
            return (body, false);
        }
        body.push_str(&tail[..size]);
        rest = &tail[size + 2..];
    }
    (body, false)
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIME_LIMIT, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A provider that answers every request with its path, and counts the connections it was reached
/// by.
fn provider() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(first)) = lines.next() {
                    let path = first.split(' ').nth(1).unwrap().to_owned();
                    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                    let length = path.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, connections)
}

#[test]
fn a_request_arrives_with_spins_headers_which_a_client_cannot_forge() {
    let host = Host::start(&[]);
    let response = exchange(
        host.address,
        "POST /echo/42/rest/?a=b HTTP/1.1\r\nhost: books.example\r\nconnection: close\r\n\
         spin-client-addr: 1.2.3.4:5\r\nspin-path-match-id: forged\r\nx-own: kept\r\n\
         x-edge-park: any\r\n\
         content-length: 4\r\n\r\nbody",
    );
    assert_eq!(response.status, 200);
    for line in [
        "spin-path-info: /rest/",
        "spin-full-url: http://books.example/echo/42/rest/?a=b",
        "spin-matched-route: /echo/:id/...",
        "spin-raw-component-route: /echo/:id/...",
        "spin-component-route: /echo/:id",
        "spin-base-path: /",
        "spin-path-match-id: 42",
        "x-own: kept",
        "authority: Some(\"books.example\")",
    ] {
        assert!(
            response.body.lines().any(|l| l == line),
            "{line} in\n{}",
            response.body
        );
    }
    assert!(
        response.body.contains("spin-client-addr: 127.0.0.1:"),
        "{}",
        response.body
    );
    assert_eq!(response.body.matches("spin-client-addr").count(), 1);
    assert!(!response.body.contains("x-edge-park"), "{}", response.body);
    assert!(response.body.ends_with("\n\nbody"));

    let without_host = exchange(host.address, "GET /echo/1 HTTP/1.0\r\n\r\n");
    let own = format!("spin-full-url: http://{}/echo/1", host.address);
    assert_eq!(without_host.status, 200);
    assert!(without_host.body.contains(&own), "{}", without_host.body);
    let health = host.get("/.well-known/spin/health");
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));
}

/// As at the edge: a proxy in front may see another end of its body.
#[test]
fn nothing_follows_a_chunked_body_on_its_connection() {
    let host = Host::start(&[]);
    let chunked =
        "POST /echo/1 HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let next = "GET /echo/2 HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n";
    let mut stream = host.connect();
    stream
        .write_all(format!("{chunked}{next}").as_bytes())
        .unwrap();
    let mut answers = Vec::new();
    // What is left unread may reset the connection.
    let _ = stream.read_to_end(&mut answers);
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let host = Host::start(&[]);
    let mut stream = host.connect();
    stream
        .write_all(b"POST /upper HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    for word in ["one", "two", "three"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        stream.write_all(chunk.as_bytes()).unwrap();
        // The next chunk is not sent before this one has come back.
        while line.trim() != word.to_uppercase() {
            line.clear();
            assert_ne!(
                answers.read_line(&mut line).unwrap(),
                0,
                "{word} comes back"
            );
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    while line.trim() != "0" {
        line.clear();
        assert_ne!(
            answers.read_line(&mut line).unwrap(),
            0,
            "the response ends"
        );
    }
}

#[test]
fn a_handler_goes_on_after_its_response() {
    let host = Host::start(&[]);
    assert_eq!(host.text("/after?key=late&until=go"), "accepted");
    assert_eq!(host.text("/kv?op=text&key=late"), "Ok(None)");
    host.text("/kv?op=set&key=go&bytes=1");
    eventually("the work is done", || {
        host.text("/kv?op=text&key=late") == "Ok(Some(\"done\"))"
    });
}

#[test]
fn stored_values_outlive_the_host() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let host = Host::start_in(dir.clone(), &[]);
    assert_eq!(host.text("/kv?op=get&key=a"), "Ok(None)");
    assert_eq!(host.text("/kv?op=exists&key=a"), "Ok(false)");
    assert_eq!(host.text("/kv?op=set&key=a&bytes=1000000"), "Ok(())");
    assert_eq!(host.text("/kv?op=set&key=b&bytes=0"), "Ok(())");
    assert_eq!(host.text("/kv?op=delete&key=never"), "Ok(())");
    assert_eq!(host.text("/denied"), "Some(Error::AccessDenied)");
    let storage = host.counters()["components"]["guest"]["storage"].clone();
    assert_eq!(storage["sets"], 2);
    assert_eq!(storage["largest_value"], 1_000_000);
    assert_eq!(host.counters()["keys_peak"], 2);
    drop(host);

    let host = Host::start_in(dir, &[]);
    assert_eq!(host.text("/kv?op=get&key=a"), "Ok(Some(1000000))");
    assert_eq!(host.text("/kv?op=keys"), r#"Ok(["a", "b"])"#);
    assert_eq!(host.text("/kv?op=delete&key=a"), "Ok(())");
    assert_eq!(host.text("/kv?op=get&key=a"), "Ok(None)");
}

#[test]
fn variables_and_environment_reach_the_component() {
    let host = Host::start(&["--variable", "greeting=hi"]);
    assert_eq!(host.text("/variable?name=greeting"), r#"Ok("hi!")"#);
    assert!(
        host.text("/variable?name=port")
            .starts_with("Err(Error::Undefined")
    );
    assert!(
        host.text("/variable?name=Bad")
            .starts_with("Err(Error::InvalidName")
    );
    assert_eq!(host.text("/environment"), r#"[("COLOUR", "green")]"#);
}

#[test]
fn outbound_requests_go_only_where_the_manifest_allows_and_reuse_connections() {
    let (port, connections) = provider();
    let (other, _) = provider();
    let host = Host::start(&["--variable", &format!("port={port}")]);
    let asked = AtomicUsize::new(0);
    // A connection is free a moment after its answer has been read.
    eventually("a connection is used again", || {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        let path = format!("/fetch?url=http://127.0.0.1:{port}/{n}");
        assert_eq!(host.text(&path), format!("200\n/{n}"));
        connections.load(Ordering::SeqCst) <= n
    });
    for refused in [
        format!("http://127.0.0.1:{other}/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
    ] {
        let answer = host.text(&format!("/fetch?url={refused}"));
        assert_eq!(answer, "Http(ErrorCode::HttpRequestDenied)", "{refused}");
    }
    let counters = host.counters();
    let asked = asked.into_inner();
    assert!(
        asked <= 10,
        "{asked} requests until a connection was used again"
    );
    assert_eq!(counters["outbound"][format!("127.0.0.1:{port}")], asked);
    assert_eq!(counters["outbound_refused"], 3);
}

#[test]
fn an_unreachable_provider_is_an_error_that_says_so() {
    // Nobody listens, and nobody else gets the port.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    taken.bind(&loopback.into()).unwrap();
    let free = taken.local_addr().unwrap().as_socket().unwrap().port();
    let host = Host::start(&["--variable", &format!("port={free}")]);
    let answer = host.text(&format!("/fetch?url=http://127.0.0.1:{free}/"));
    assert_eq!(answer, "Http(ErrorCode::ConnectionRefused)");
}

#[test]
fn a_component_can_call_its_own_application() {
    let host = Host::start(&[]);
    let answer = host.text("/call-self");
    assert!(answer.starts_with("200\n"), "{answer}");
    assert!(answer.contains("spin-path-info: /self\n"), "{answer}");
    let url = format!(
        "spin-full-url: http://{}/echo/from/self?x=y\n",
        host.address
    );
    assert!(answer.contains(&url), "{answer}");
    assert_eq!(host.counters()["outbound"]["self"], 1);
}

#[test]
fn a_body_that_is_dropped_unfinished_is_cut() {
    let host = Host::start(&[]);
    let cut = host.get("/cut");
    assert_eq!((cut.status, cut.body.as_str()), (200, "the beginning"));
    assert!(!cut.complete);
    let whole = host.get("/ticks?count=3&ms=1");
    assert_eq!((whole.body.as_str(), whole.complete), ("0\n1\n2\n", true));
}

#[test]
fn a_component_that_fails_is_answered_for_and_does_no_harm() {
    let host = Host::start(&[]);
    assert_eq!(host.get("/trap").status, 500);
    assert_eq!(host.get("/silent").status, 500);
    assert_eq!(host.text("/variable?name=greeting"), r#"Ok("hello!")"#);
    assert_eq!(host.guest_counter("requests"), 3);
    // An instance ends a moment after its answer.
    eventually("all have ended", || {
        host.guest_counter("instances_live") == 0
    });
    assert_eq!(host.guest_counter("failed"), 2);
}

#[test]
fn busy_components_let_others_have_their_turn() {
    let host = Host::start(&[]);
    let busy = thread::available_parallelism().unwrap().get() + 1;
    let ended = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..busy {
            scope.spawn(|| {
                host.text("/busy?ms=3000");
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        eventually("all are busy", || {
            host.guest_counter("instances_live") == busy as u64
        });
        host.text("/variable?name=greeting");
        assert_eq!(
            ended.load(Ordering::SeqCst),
            0,
            "the short request was answered while the long ones computed"
        );
    });
}

#[test]
fn a_handler_is_stopped_at_the_limit_before_and_after_its_response() {
    // Long enough for an answer on a busy machine.
    let host = Host::start(&["--limit", "handler=2s"]);
    assert_eq!(host.get("/busy?ms=100000").status, 500);
    assert_eq!(host.text("/after?key=late&ms=100000"), "accepted");
    eventually("both are stopped", || {
        host.guest_counter("failed") == 2 && host.guest_counter("instances_live") == 0
    });
    assert_eq!(host.text("/kv?op=text&key=late"), "Ok(None)");
}

#[test]
fn a_platforms_limits_are_kept() {
    let (port, _) = provider();
    let host = Host::start(&[
        "--variable",
        &format!("port={port}"),
        "--platform",
        "fermyon-cloud",
        "--limit",
        "keys=3",
        "--limit",
        "outbound-per-hour=2",
        "--limit",
        "response-body=100000",
        "--limit",
        "request-body=10",
        "--limit",
        "memory=16777216",
    ]);
    assert_eq!(host.text("/kv?op=set&key=a&bytes=1000000"), "Ok(())");
    assert!(
        host.text("/kv?op=set&key=a&bytes=1000001")
            .contains("1000000 are allowed")
    );
    assert_eq!(
        host.text(&format!("/kv?op=set&bytes=1&key={}", "k".repeat(255))),
        "Ok(())"
    );
    assert!(
        host.text(&format!("/kv?op=set&bytes=1&key={}", "k".repeat(256)))
            .contains("255 are allowed")
    );
    assert_eq!(host.text("/kv?op=set&key=c&bytes=1"), "Ok(())");
    assert!(
        host.text("/kv?op=set&key=d&bytes=1")
            .contains("3 are allowed")
    );
    assert_eq!(
        host.text("/kv?op=set&key=c&bytes=2"),
        "Ok(())",
        "not a new key"
    );
    assert_eq!(host.text("/kv?op=delete&key=c"), "Ok(())");
    assert_eq!(
        host.text("/kv?op=set&key=d&bytes=1"),
        "Ok(())",
        "room again"
    );

    let url = format!("/fetch?url=http://127.0.0.1:{port}/x");
    assert_eq!(host.text(&url), "200\n/x");
    assert_eq!(host.text(&url), "200\n/x");
    assert_eq!(host.text(&url), "Http(ErrorCode::ConnectionLimitReached)");

    assert!(host.get("/bytes?count=100000").complete);
    let long = host.get("/bytes?count=300000");
    assert!(
        !long.complete && long.body.len() <= 100_000,
        "{} bytes",
        long.body.len()
    );

    let post = |head: &str, body: &str| {
        let head =
            format!("POST /echo/1 HTTP/1.1\r\nhost: app\r\nconnection: close\r\n{head}\r\n\r\n");
        exchange(host.address, &(head + body))
    };
    assert_eq!(post("content-length: 11", "12345678901").status, 413);
    assert!(
        post("content-length: 10", "1234567890")
            .body
            .ends_with("1234567890")
    );
    let chunked = post(
        "transfer-encoding: chunked",
        "b\r\n12345678901\r\n0\r\n\r\n",
    );
    assert!(chunked.body.contains("body error"), "{}", chunked.body);

    assert_eq!(host.get("/grow?bytes=8000000").status, 200);
    assert_eq!(host.get("/grow?bytes=32000000").status, 500);
}

#[test]
fn writes_are_limited_per_second() {
    let host = Host::start(&["--limit", "writes-per-second=5"]);
    let (done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let write = || {
        let counted = match &*host.text("/kv?op=set&key=k&bytes=1") {
            "Ok(())" => &done,
            answer if answer.contains("5 key-value writes") => &refused,
            answer => panic!("{answer}"),
        };
        counted.fetch_add(1, Ordering::SeqCst);
    };
    // At once, and again where even so six took longer than a second.
    eventually("a write is refused", || {
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(write);
            }
        });
        refused.load(Ordering::SeqCst) > 0
    });
    let done = done.into_inner();
    let most = 5 * (began.elapsed().as_secs() + 2);
    assert!(done >= 5 && done as u64 <= most, "{done} of at most {most}");
    let storage = host.counters()["components"]["guest"]["storage"].clone();
    assert_eq!(storage["errors"], refused.into_inner());
}

#[test]
fn faults_are_injected() {
    let host = Host::start(&[
        "--fault",
        "store-read-only",
        "--fault",
        "outbound-fail=1",
        "--variable",
        "port=9",
    ]);
    assert!(host.text("/kv?op=set&key=a&bytes=1").contains("read-only"));
    assert_eq!(host.text("/kv?op=get&key=a"), "Ok(None)");
    let answer = host.text("/fetch?url=http://127.0.0.1:9/");
    assert_eq!(answer, "Http(ErrorCode::ConnectionTerminated)");

    let slow = Host::start(&["--fault", "store-delay=200ms"]);
    let start = Instant::now();
    assert_eq!(slow.text("/kv?op=get&key=a"), "Ok(None)");
    assert!(start.elapsed() >= Duration::from_millis(200));

    let failing = Host::start(&["--fault", "store-fail=0.5"]);
    let failed = (0..100)
        .filter(|_| failing.text("/kv?op=get&key=a").contains("injected"))
        .count();
    assert!((30..=70).contains(&failed), "{failed} of 100");
}

#[test]
fn faults_come_and_go_while_the_host_runs() {
    let host = Host::start(&[]);
    let set = || host.text("/kv?op=set&key=a&bytes=1");
    assert_eq!(set(), "Ok(())");
    assert_eq!(host.misbehave("store-full\n outbound-delay=1ms"), 204);
    assert!(set().contains("full"));
    assert_eq!(host.text("/kv?op=delete&key=a"), "Ok(())");
    assert_eq!(host.misbehave("store-read-only"), 204);
    assert!(host.text("/kv?op=delete&key=a").contains("read-only"));
    assert_eq!(host.misbehave("store-full nonsense"), 400);
    assert!(set().contains("read-only"), "nothing has changed");
    assert_eq!(host.misbehave(""), 204);
    assert_eq!(set(), "Ok(())");
}

#[test]
fn instances_are_limited_and_a_lost_client_frees_one() {
    let host = Host::start(&["--max-instances", "2"]);
    let one = host.open_stream();
    let two = host.open_stream();
    assert_eq!(host.get("/echo/1").status, 503);
    assert_eq!(host.guest_counter("instances_peak"), 2);
    drop(one);
    eventually("there is room again", || host.get("/echo/1").status == 200);
    drop(two);
}

#[test]
fn output_is_kept_per_component() {
    let host = Host::start(&[]);
    host.text("/log?mark=a");
    host.text("/log?mark=b");
    let read = |name: &str| std::fs::read_to_string(host.dir.path().join(".spin/logs").join(name));
    assert_eq!(
        read("guest_stdout.txt").unwrap(),
        "to stdout a\nto stdout b\n"
    );
    assert_eq!(
        read("guest_stderr.txt").unwrap(),
        "to stderr a\nto stderr b\n"
    );
}

#[test]
fn it_ends_cleanly_and_soon_even_with_a_stream_open() {
    // Whatever else the machine does, one of some does not take as long as is waited for streams.
    let is_soon = (0..5).any(|_| {
        let host = Host::start(&[]);
        host.text("/echo/1");
        let (status, took) = host.end();
        assert!(status.success(), "{status}");
        took < Duration::from_secs(2)
    });
    assert!(is_soon, "there is nothing to wait for");

    let host = Host::start(&[]);
    let stream = host.open_stream();
    let (status, took) = host.end();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(stream);
}

#[test]
fn work_after_a_response_is_waited_for_at_the_end() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let host = Host::start_in(dir.clone(), &[]);
    assert_eq!(host.text("/after?key=late&ms=500"), "accepted");
    let (status, _) = host.end();
    assert!(status.success(), "{status}");
    let host = Host::start_in(dir, &[]);
    assert_eq!(host.text("/kv?op=text&key=late"), "Ok(Some(\"done\"))");
}

#[test]
fn work_that_asks_for_more_at_the_end_is_told_at_once_that_it_is_the_end() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let host = Host::start_in(dir.clone(), &[]);
    assert_eq!(host.text("/after?key=late&ms=500&ask=/echo/1"), "accepted");
    let (status, _) = host.end();
    assert!(status.success(), "{status}");
    let host = Host::start_in(dir, &[]);
    let answer = host.text("/kv?op=text&key=late");
    assert!(answer.starts_with("Ok(Some(\"503"), "{answer}");
    assert!(answer.contains("shutting down"), "{answer}");
}

#[test]
fn what_cannot_start_says_why() {
    let fails = |dir: &Path, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_host"))
            .current_dir(dir)
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    assert!(fails(dir.path(), &[]).contains("cannot read spin.toml"));

    let text = "spin_manifest_version = 2\n[application]\nname = 'x'\n[trigger]\n\
                [variables]\nneeded = { required = true }\n[component.c]\nsource = 'missing.wasm'\n";
    std::fs::write(dir.path().join("spin.toml"), text).unwrap();
    assert!(fails(dir.path(), &[]).contains("SPIN_VARIABLE_NEEDED"));
    let given = ["--variable", "needed=1", "--listen", "127.0.0.1:0"];
    assert!(fails(dir.path(), &given).contains("missing.wasm"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(
        fails(
            dir.path(),
            &["--variable", "needed=1", "--listen", &address]
        )
        .contains("--listen")
    );
}
