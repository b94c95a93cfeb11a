//! HTTP/1.1 by hand: tests look at chunk boundaries, cut bodies and half-sent requests, which
//! client libraries hide.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use serde_json::Value;

use crate::app::{TIME_LIMIT, try_connect};

/// A request that closes its connection.
pub(crate) struct Request {
    address: SocketAddr,
    from: Option<Ipv4Addr>,
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        Self {
            address,
            from: None,
            head,
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Asks the address for another name than its own.
    pub(crate) fn host(mut self, name: &str) -> Self {
        let own = format!("host: {}", self.address);
        self.head = self.head.replacen(&own, &format!("host: {name}"), 1);
        self
    }

    /// From another of this machine's own addresses.
    pub(crate) fn from(mut self, address: Ipv4Addr) -> Self {
        self.from = Some(address);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends one file in a form, as browsers do.
    pub(crate) fn form(self, part: &str, filename: &str, content: &[u8]) -> Self {
        self.form_with(part, filename, content, &[])
    }

    /// Sends one file in a form, with texts in parts of these names behind it.
    pub(crate) fn form_with(
        self,
        part: &str,
        filename: &str,
        content: &[u8],
        texts: &[(&str, &str)],
    ) -> Self {
        let kind = match filename.rsplit_once('.') {
            Some((_, "jpg")) => "image/jpeg",
            Some((_, "png")) => "image/png",
            _ => "text/csv",
        };
        let mut body = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"{part}\"; filename=\"{filename}\"\r\n\
             content-type: {kind}\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(content);
        for (name, text) in texts {
            let part = format!(
                "\r\n--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}"
            );
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(b"\r\n--edge--\r\n");
        self.body("multipart/form-data; boundary=edge", body)
    }

    /// Sends the request and reads its whole answer.
    pub(crate) fn send(self) -> Response {
        Response::of(self.open())
    }

    /// [`Self::send`] to a server that may die at any moment: `None` when no whole answer comes.
    pub(crate) fn try_send(self) -> Option<Response> {
        let answer = Response::of(self.try_open()?);
        answer.complete.then_some(answer)
    }

    /// Sends the request and reads the head of its answer.
    pub(crate) fn open(self) -> (Head, Body) {
        self.try_open().expect("an answer comes")
    }

    /// [`Self::open`] of a server that may die at any moment.
    pub(crate) fn try_open(self) -> Option<(Head, Body)> {
        let length = self.body.len();
        let has_body = length > 0 || self.head.starts_with("POST");
        let mut stream = self.connect_with(has_body.then_some(length)).ok()?;
        // A server may answer, and close, before it has read everything.
        let _ = stream.write_all(&self.body);
        read_head(stream)
    }

    /// Announces a body of `length` bytes, sends what there is of it, and leaves.
    pub(crate) fn leave_in_the_middle(self, length: usize) {
        assert!(self.body.len() < length);
        let mut stream = self.connect_with(Some(length)).unwrap();
        stream.write_all(&self.body).unwrap();
    }

    /// Announces a body of `length` bytes, sends what there is of it, and stays.
    pub(crate) fn stall(self, length: usize) -> Stalled {
        assert!(self.body.len() < length);
        let mut stream = self.connect_with(Some(length)).unwrap();
        stream.write_all(&self.body).unwrap();
        Stalled(stream)
    }

    fn connect_with(&self, length: Option<usize>) -> std::io::Result<TcpStream> {
        let mut stream = match self.from {
            None => TcpStream::connect(self.address)?,
            Some(from) => try_connect(from, self.address)?,
        };
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        stream.set_write_timeout(Some(TIME_LIMIT))?;
        let length = length.map_or_else(String::new, |n| format!("content-length: {n}\r\n"));
        stream.write_all(format!("{}{length}\r\n", self.head).as_bytes())?;
        Ok(stream)
    }
}

/// A request whose body stands still.
pub(crate) struct Stalled(TcpStream);

impl Stalled {
    /// The answer that comes all the same.
    pub(crate) fn answer(self) -> Response {
        Response::of(read_head(self.0).expect("an answer comes"))
    }
}

/// Status and headers.
#[derive(Debug)]
pub(crate) struct Head {
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub head: Head,
    pub body: Vec<u8>,
    /// Whether the body ended as it had announced.
    pub complete: bool,
}

impl Response {
    fn of((head, mut body): (Head, Body)) -> Self {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.chunk() {
            bytes.extend(chunk);
        }
        Self {
            complete: body.complete,
            head,
            body: bytes,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        assert!(self.complete, "the body is whole");
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status(), self.text()))
    }

    /// `data` of a success envelope with this status.
    pub(crate) fn data(&self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{}", self.text());
        let mut body = self.json();
        assert_eq!(body["success"], true);
        assert!(body["metadata"]["timestamp"].is_string(), "{body}");
        body["data"].take()
    }

    /// `error` of an error envelope with this status and code.
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status(), status, "{}", self.text());
        let mut body = self.json();
        assert_eq!(body["success"], false);
        assert!(body["data"].is_null() && body.get("data").is_some());
        assert!(body["metadata"]["timestamp"].is_string(), "{body}");
        let error = body["error"].take();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
        assert!(error["retryable"].is_boolean(), "{error}");
        assert!(error["details"].is_object(), "{error}");
        error
    }
}

/// A body as it comes.
pub(crate) struct Body {
    stream: TcpStream,
    buffer: Vec<u8>,
    framing: Framing,
    /// Whether it has ended as it had announced.
    pub complete: bool,
}

enum Framing {
    Chunked,
    /// This number of bytes is still to come.
    Length(usize),
}

fn read_head(mut stream: TcpStream) -> Option<(Head, Body)> {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(at) = find(&buffer, b"\r\n\r\n") {
            break at;
        }
        if !fill(&mut stream, &mut buffer) {
            return None;
        }
    };
    let text = std::str::from_utf8(&buffer[..end]).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let head = Head { status, headers };
    let framing = if head.header("transfer-encoding") == Some("chunked") {
        Framing::Chunked
    } else {
        let length = head.header("content-length");
        Framing::Length(length.map_or(0, |length| length.parse().unwrap()))
    };
    buffer.drain(..end + 4);
    let body = Body {
        stream,
        buffer,
        framing,
        complete: false,
    };
    Some((head, body))
}

impl Body {
    /// The next chunk as the server framed it; `None` at the end, the announced one or another.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        match self.framing {
            Framing::Length(0) => {
                self.complete = true;
                None
            }
            Framing::Length(left) => {
                if self.buffer.is_empty() && !fill(&mut self.stream, &mut self.buffer) {
                    return None;
                }
                let take = left.min(self.buffer.len());
                self.framing = Framing::Length(left - take);
                Some(self.buffer.drain(..take).collect())
            }
            Framing::Chunked => self.framed_chunk(),
        }
    }

    fn framed_chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.filled(|buffer| find(buffer, b"\r\n"))?;
        let size = std::str::from_utf8(&self.buffer[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let end = line + 2 + size + 2;
        self.filled(|buffer| (buffer.len() >= end).then_some(end))?;
        let chunk: Vec<u8> = self.buffer.drain(..end).skip(line + 2).take(size).collect();
        if size == 0 {
            self.complete = true;
            return None;
        }
        Some(chunk)
    }

    /// Reads on until `found` finds something.
    fn filled(&mut self, found: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        loop {
            if let Some(at) = found(&self.buffer) {
                return Some(at);
            }
            if !fill(&mut self.stream, &mut self.buffer) {
                return None;
            }
        }
    }
}

/// Reads what is there; `false` at the end of the connection.
fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let mut bytes = [0; 16 << 10];
    match stream.read(&mut bytes) {
        Ok(length) => {
            buffer.extend_from_slice(&bytes[..length]);
            length > 0
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("nothing came for {TIME_LIMIT:?}")
        }
        // A cut body may come with a reset connection.
        Err(_) => false,
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
