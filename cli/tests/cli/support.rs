//! Running the real binary, in a home of its own, against a server that the test controls.

#[path = "../../../crates/client/tests/server/mod.rs"]
mod server;

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

pub(crate) use server::{JOB, Server, Streams, TOKEN, fixture};

pub(crate) struct Home {
    directory: TempDir,
    server: String,
}

impl Home {
    pub(crate) fn new(server: &Server) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("library.csv"),
            "Title,Author\nBabel,R. F. Kuang\n",
        )
        .unwrap();
        Self {
            directory,
            server: server.url(),
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        let path = |relative: &str| self.path(relative).to_str().unwrap().to_owned();
        [
            ("HOME", path("")),
            ("XDG_STATE_HOME", path("state")),
            ("XDG_CACHE_HOME", path("cache")),
            ("BOOKSTRACK_SERVER", self.server.clone()),
            ("TERM", "xterm".to_owned()),
        ]
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookstrack"));
        command
            .args(args)
            .envs(self.environment())
            .current_dir(self.directory.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the command.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = child.stderr.take().unwrap();
        Running {
            child,
            out: Some(out),
            err,
        }
    }

    /// Runs the command to its end: exit code, standard output, standard error.
    pub(crate) async fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

pub(crate) struct Running {
    child: Child,
    out: Option<Lines<BufReader<ChildStdout>>>,
    err: ChildStderr,
}

impl Running {
    /// The next line of standard output.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        self.out.as_mut()?.next_line().await.unwrap()
    }

    /// Stops reading, as `head` does.
    pub(crate) fn close_output(&mut self) {
        self.out = None;
    }

    /// The next line that contains `needle`.
    pub(crate) async fn line(&mut self, needle: &str) -> String {
        let mut seen = Vec::new();
        while let Some(line) = self.next_line().await {
            if line.contains(needle) {
                return line;
            }
            seen.push(line);
        }
        panic!("no {needle:?} in {seen:#?}")
    }

    /// Sends the signal that Ctrl-C sends in a terminal.
    pub(crate) async fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .await
                .unwrap()
                .success()
        );
    }

    /// Waits for the end: exit code, what was left on standard output, standard error.
    pub(crate) async fn end(mut self) -> (i32, Vec<String>, String) {
        let mut rest = Vec::new();
        while let Some(line) = self.next_line().await {
            rest.push(line);
        }
        let mut error = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut self.err, &mut error)
            .await
            .unwrap();
        (
            self.child.wait().await.unwrap().code().unwrap(),
            rest,
            error,
        )
    }
}
