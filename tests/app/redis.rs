//! A Redis server of a test's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use redis::Commands;

use crate::app::eventually;

/// A running `redis-server`, which ends with this.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    arguments: Vec<String>,
    /// The directory of its files.
    _dir: tempfile::TempDir,
}

impl Server {
    /// Starts a server that keeps everything in memory only; `None` where no `redis-server` is
    /// installed, unless `REDIS_TESTS=required` says that one must be.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&["--appendonly", "no"])
    }

    /// [`Self::start`] with one that has written to its disk what it has answered.
    pub(crate) fn start_durable() -> Option<Self> {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// [`Self::start`] with one that has so many MB, and refuses what does not fit.
    pub(crate) fn start_small(megabytes: usize) -> Option<Self> {
        let most = format!("{megabytes}mb");
        Self::start_with(&["--maxmemory", &most, "--maxmemory-policy", "noeviction"])
    }

    fn start_with(how: &[&str]) -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        if !super::can_run("redis-server", version.is_ok(), "REDIS_TESTS") {
            return None;
        }
        // Another process may take a port between its choice and its use.
        (0..5).find_map(|_| Self::start_at(free_port(), how))
    }

    fn start_at(port: u16, how: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let (port_text, dir_text) = (port.to_string(), dir.path().display().to_string());
        let fixed = [
            ["--bind", "127.0.0.1"],
            ["--port", &port_text],
            ["--dir", &dir_text],
            ["--save", ""],
        ];
        let all = fixed.as_flattened().iter().chain(how);
        let mut server = Self {
            child: None,
            port,
            arguments: all.map(|argument| (*argument).to_owned()).collect(),
            _dir: dir,
        };
        server.run().then_some(server)
    }

    /// Starts it again on what it has kept.
    pub(crate) fn start_again(&mut self) {
        assert!(self.run(), "it starts again at its port");
    }

    /// Runs it until it answers; false when it ends instead.
    fn run(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut is_up = false;
        eventually("Redis answers", || {
            is_up = self.ask().is_some_and(|mut c| c.ping::<String>().is_ok());
            is_up || child.try_wait().unwrap().is_some()
        });
        self.child = Some(child);
        is_up
    }

    /// Kills the server, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal: `STOP` makes it hang, unnoticed by itself, until a `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// A connection for the test itself.
    pub(crate) fn client(&self) -> redis::Connection {
        self.ask().expect("it answers")
    }

    fn ask(&self) -> Option<redis::Connection> {
        let client = redis::Client::open(self.url()).unwrap();
        client
            .get_connection_with_timeout(Duration::from_secs(1))
            .ok()
    }

    /// The names of all keys like `pattern`.
    pub(crate) fn keys(&self, pattern: &str) -> Vec<String> {
        self.client().keys(pattern).unwrap()
    }
}

/// A way to a server that takes what it is to carry, and can keep it for a while.
pub(crate) struct Way {
    address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opens: Condvar,
}

impl Way {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, port) = (Arc::new(Gate::default()), server.port);
        let gates = gate.clone();
        thread::spawn(move || {
            for here in listener.incoming() {
                let (Ok(here), Ok(there)) = (here, TcpStream::connect((Ipv4Addr::LOCALHOST, port)))
                else {
                    return;
                };
                let (back, forth) = (here.try_clone().unwrap(), there.try_clone().unwrap());
                let gate = gates.clone();
                thread::spawn(move || carry(here, forth, &gate));
                thread::spawn(move || carry(there, back, &Gate::default()));
            }
        });
        Self { address, gate }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Holds back everything that is sent.
    pub(crate) fn shut(&self) {
        *self.gate.is_shut.lock().unwrap() = true;
    }

    /// Lets everything through that was held back.
    pub(crate) fn open(&self) {
        *self.gate.is_shut.lock().unwrap() = false;
        self.gate.opens.notify_all();
    }
}

/// Carries everything to its end, or to an error's.
fn carry(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut buffer = [0; 4096];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        let shut = gate.is_shut.lock().unwrap();
        drop(gate.opens.wait_while(shut, |is_shut| *is_shut).unwrap());
        if to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
