//! A component that does, on request, everything that a component can ask of the host.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use spin_sdk::http::{
    Headers, IncomingRequest, IncomingResponse, Method, OutgoingBody, OutgoingResponse, Request,
    RequestBuilder, ResponseOutparam, send,
};
use spin_sdk::key_value::Store;
use spin_sdk::{http_component, variables};
use wasi::clocks::monotonic_clock;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path_and_query = request.path_with_query().unwrap_or_default();
    let (path, query) = path_and_query.split_once('?').unwrap_or((&path_and_query, ""));
    let query: HashMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let number = |name: &str| text(name).parse::<u64>().unwrap_or_default();
    match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "echo" => echo(request, out).await,
        "upper" => upper(request, out).await,
        "ticks" => ticks(out, number("count"), number("ms")).await,
        "after" => after(out, &text).await,
        "kv" => answer(out, kv(&text("op"), &text("key"), number("bytes"))).await,
        "denied" => answer(out, format!("{:?}", Store::open("other").err())).await,
        "variable" => answer(out, format!("{:?}", variables::get(&text("name")))).await,
        "environment" => answer(out, format!("{:?}", std::env::vars().collect::<Vec<_>>())).await,
        "fetch" => answer(out, fetch(&text("url")).await).await,
        "call-self" => answer(out, fetch("/echo/from/self?x=y").await).await,
        "cut" => cut(out),
        "trap" => panic!("asked to trap"),
        "silent" => {}
        "busy" => answer(out, busy(number("ms"))).await,
        "grow" => answer(out, vec![1u8; number("bytes") as usize].len().to_string()).await,
        "bytes" => bytes(out, number("count")).await,
        "log" => {
            println!("to stdout {}", text("mark"));
            eprintln!("to stderr {}", text("mark"));
            answer(out, String::new()).await;
        }
        _ => panic!("unknown path {path}"),
    }
}

fn start(out: ResponseOutparam) -> OutgoingBody {
    let response = OutgoingResponse::new(Headers::new());
    let body = response.body().expect("taken once");
    out.set(response);
    body
}

async fn answer(out: ResponseOutparam, text: String) {
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    let _ = body.send(text.into_bytes()).await;
}

async fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let mut text = String::new();
    let mut headers: Vec<_> = request.headers().entries();
    headers.sort();
    for (name, value) in headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    let authority = request.authority();
    let body = request.into_body().await;
    text += &format!("authority: {authority:?}\n");
    match body {
        Ok(body) => text += &format!("\n{}", String::from_utf8_lossy(&body)),
        Err(error) => text += &format!("body error: {error:?}"),
    }
    answer(out, text).await;
}

/// Answers each chunk as it comes.
async fn upper(request: IncomingRequest, out: ResponseOutparam) {
    let mut chunks = request.into_body_stream();
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    while let Some(Ok(chunk)) = chunks.next().await {
        if body.send(chunk.to_ascii_uppercase()).await.is_err() {
            return;
        }
    }
}

async fn ticks(out: ResponseOutparam, count: u64, ms: u64) {
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    for tick in 0..count {
        if body.send(format!("{tick}\n").into_bytes()).await.is_err() {
            return;
        }
        pause(ms);
    }
}

async fn bytes(out: ResponseOutparam, count: u64) {
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    let mut left = count;
    while left > 0 {
        let chunk = left.min(64 * 1024);
        if body.send(vec![b'x'; chunk as usize]).await.is_err() {
            return;
        }
        left -= chunk;
    }
}

/// Goes on after its answer for so long, until a key is there, if one is named, and asks the
/// application itself, if a path is.
async fn after(out: ResponseOutparam, text: &impl Fn(&str) -> String) {
    answer(out, "accepted".to_owned()).await;
    pause(text("ms").parse().unwrap_or_default());
    let store = Store::open_default().expect("allowed");
    while !text("until").is_empty() && !store.exists(&text("until")).expect("asked") {
        pause(5);
    }
    let done = match text("ask") {
        path if path.is_empty() => "done".to_owned(),
        path => fetch(&path).await,
    };
    store.set(&text("key"), done.as_bytes()).expect("set");
}

fn pause(ms: u64) {
    monotonic_clock::subscribe_duration(ms * 1_000_000).block();
}

fn kv(op: &str, key: &str, bytes: u64) -> String {
    let store = match Store::open_default() {
        Ok(store) => store,
        Err(error) => return format!("open: {error:?}"),
    };
    match op {
        "set" => format!("{:?}", store.set(key, &vec![7; bytes as usize])),
        "get" => format!("{:?}", store.get(key).map(|value| value.map(|v| v.len()))),
        "text" => format!(
            "{:?}",
            store.get(key).map(|value| value.map(|v| String::from_utf8_lossy(&v).into_owned()))
        ),
        "delete" => format!("{:?}", store.delete(key)),
        "exists" => format!("{:?}", store.exists(key)),
        "keys" => format!("{:?}", store.get_keys().map(|mut keys| {
            keys.sort();
            keys
        })),
        // Many operations in one request, to measure them.
        "many" => {
            let start = Instant::now();
            for n in 0..bytes {
                store.set(key, &n.to_le_bytes()).expect("set");
            }
            let sets = start.elapsed();
            for _ in 0..bytes {
                store.get(key).expect("get");
            }
            let gets = start.elapsed() - sets;
            format!("set {:?} get {:?}", sets / bytes as u32, gets / bytes as u32)
        }
        _ => panic!("unknown operation {op}"),
    }
}

async fn fetch(url: &str) -> String {
    let request: Request = RequestBuilder::new(Method::Get, url).build();
    let response: Result<IncomingResponse, _> = send(request).await;
    match response {
        Ok(response) => {
            let status = response.status();
            let mut text = format!("{status}\n");
            let mut chunks = response.take_body_stream();
            while let Some(chunk) = chunks.next().await {
                match chunk {
                    Ok(chunk) => text += &String::from_utf8_lossy(&chunk),
                    Err(error) => return format!("{text}body error: {}", error.to_debug_string()),
                }
            }
            text
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Ends a response without saying that it has ended.
fn cut(out: ResponseOutparam) {
    let body = start(out);
    let stream = body.write().expect("taken once");
    stream.blocking_write_and_flush(b"the beginning").expect("written");
    pause(100);
    drop(stream);
    drop(body);
}

fn busy(ms: u64) -> String {
    let start = Instant::now();
    let mut turns = 0u64;
    while start.elapsed() < Duration::from_millis(ms) {
        turns += 1;
    }
    turns.to_string()
}
