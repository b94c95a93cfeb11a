//! The command as a person at a terminal sees it.

use std::time::Duration;

use crate::support::{Home, JOB, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Terminal {
    pty: pty_process::Pty,
    screen: vt100::Parser,
    child: tokio::process::Child,
}

impl Terminal {
    fn start(home: &Home, args: &[&str]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(12, 100)).unwrap();
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_bookstrack"));
        let command = command
            .args(args)
            .envs(home.environment())
            .current_dir(home.path(""))
            .kill_on_drop(true);
        let child = command.spawn(pts).unwrap();
        Self {
            pty,
            screen: vt100::Parser::new(12, 100, 0),
            child,
        }
    }

    /// Reads until the screen shows `needle`.
    async fn shows(&mut self, needle: &str) -> String {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let contents = self.screen.screen().contents();
            if contents.contains(needle) {
                return contents;
            }
            let mut bytes = [0; 4096];
            let read = tokio::time::timeout_at(deadline, self.pty.read(&mut bytes)).await;
            match read {
                Ok(Ok(n)) if n > 0 => self.screen.process(&bytes[..n]),
                other => panic!("no {needle:?} ({other:?}) on\n{contents}"),
            }
        }
    }

    async fn ctrl_c(&mut self) {
        self.pty.write_all(b"\x03").await.unwrap();
    }

    async fn code(mut self) -> i32 {
        // A terminal nobody reads would hold the command up.
        let mut bytes = [0; 4096];
        while matches!(self.pty.read(&mut bytes).await, Ok(n) if n > 0) {}
        self.child.wait().await.unwrap().code().unwrap()
    }
}

/// A server, and the command as it imports a library there.
async fn import() -> (Server, Home, Terminal) {
    let server = Server::start().await;
    let home = Home::new(&server);
    let terminal = Terminal::start(&home, &["import", "library.csv"]);
    (server, home, terminal)
}

#[tokio::test]
async fn a_bar_with_stage_rate_and_time_left_gives_way_to_the_result() {
    let (server, _home, mut terminal) = import().await;
    terminal.shows("queued").await;
    server.advance();
    server.advance();
    let middle = terminal.shows("100/150").await;
    assert!(middle.contains(&format!("Job {JOB}")), "{middle}");
    assert!(middle.contains("enriching [================>"), "{middle}");
    assert!(
        middle.contains("8.2/s, 6 s left Cien años de soledad"),
        "{middle}"
    );
    server.advance();
    let end = terminal.shows("bookstrack results").await;
    assert!(end.contains("145 of 150 books found in 42 s."), "{end}");
    assert!(!end.contains("[==="), "{end}");
    assert_eq!(terminal.code().await, 0);
}

#[tokio::test]
async fn a_lost_server_shows_in_the_bar() {
    let (mut server, _home, mut terminal) = import().await;
    terminal.shows("0/150").await;
    server.stop().await;
    terminal.shows("cannot reach").await;
    server.restart().await;
    server.finish();
    terminal.shows("145 of 150 books found").await;
    assert_eq!(terminal.code().await, 0);
}

#[tokio::test]
async fn ctrl_c_typed_once_cancels() {
    let (_server, _home, mut terminal) = import().await;
    terminal.shows("0/150").await;
    terminal.ctrl_c().await;
    terminal.shows("Canceled after 0 books").await;
    assert_eq!(terminal.code().await, 4);
}

#[tokio::test]
async fn ctrl_c_typed_twice_leaves() {
    let (mut server, _home, mut terminal) = import().await;
    terminal.shows("0/150").await;
    server.stop().await;
    terminal.shows("cannot reach").await;
    terminal.ctrl_c().await;
    terminal.shows("Asking the server to cancel").await;
    terminal.ctrl_c().await;
    assert_eq!(terminal.code().await, 130);
}
