//! Test of the costs of ten thousand idle sockets. Not part of the ordinary run: it wants 10,500
//! file descriptors and a release build.
//!
//!     cargo test --release -p edge --test capacity -- --ignored --nocapture

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::{
    process::{Child, Command},
    sync::atomic::Ordering::SeqCst,
};
use support::*;
use tokio::net::{TcpListener, TcpStream};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident memory in kB, and processor time in ticks of 10 ms.
fn usage(process: &Process) -> (u64, u64) {
    let read =
        |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", process.0.id())).unwrap();
    let status = read("status");
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let stat = read("stat");
    let ticks: u64 = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    (
        resident.trim().trim_end_matches(" kB").parse().unwrap(),
        ticks,
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn ten_thousand_idle_sockets_on_a_hundred_streams() {
    const SOCKETS: usize = 10_000;
    let app = App::start().await;
    for n in 0..100 {
        app.world.topic(&n.to_string()).say("state", "0");
    }
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let edge = Command::new(env!("CARGO_BIN_EXE_bookstrack-edge"))
        .args([
            "--upstream",
            &format!("http://{}", app.address),
            "--listen",
            &address.to_string(),
        ])
        .args(["--max-sockets-per-address", "20000"])
        .spawn()
        .unwrap();
    let edge = Process(edge);
    within(async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    let connect = async |n: usize| {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!(
            "ws://{address}/ws/progress?topic={0}&key={0}&token=0123456789abcdef",
            n % 100
        );
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        assert_eq!(text(&mut socket).await, "0");
        socket
    };
    let mut sockets = Vec::new();
    for n in 0..100 {
        sockets.push(connect(n).await);
    }
    let (before, _) = usage(&edge);
    for n in 100..SOCKETS {
        sockets.push(connect(n).await);
    }
    until(|| app.world.streams.load(SeqCst) == 100).await;
    let (after, ticks) = usage(&edge);
    println!(
        "{SOCKETS} sockets: {} kB, {:.1} kB each beyond the first 100; upstream streams: {}; processor time so far: {} ms",
        after,
        (after - before) as f64 / (SOCKETS - 100) as f64,
        app.world.streams.load(SeqCst),
        ticks * 10
    );
    const ROUNDS: usize = 5;
    for round in 1..=ROUNDS {
        for n in 0..100 {
            app.world
                .topic(&n.to_string())
                .say("message", round.to_string());
        }
    }
    for socket in &mut sockets {
        for round in 1..=ROUNDS {
            assert_eq!(text(socket).await, round.to_string());
        }
    }
    let (_, later) = usage(&edge);
    println!(
        "{} messages delivered, none lost: {} ms of processor time",
        SOCKETS * ROUNDS,
        (later - ticks) * 10
    );
    while let Some(socket) = sockets.pop() {
        drop(socket.into_inner());
    }
    assert!(after < 400_000, "memory has grown: {after} kB");
}
