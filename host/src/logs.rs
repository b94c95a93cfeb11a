//! Logs of components: standard output and error go line by line to the host's standard error,
//! marked with the component's name, and unmarked to a file of its own, as Spin keeps them.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::metrics::Metrics;
use crate::traces::Span;

/// Length, in bytes, at which longer lines are broken.
const LONGEST_LINE: usize = 64 * 1024;

/// One of a component's two output streams; all its instances share it.
#[derive(Clone)]
pub struct Log(Arc<Destination>);

struct Destination {
    component: String,
    file: Option<Mutex<LogFile>>,
    metrics: Option<Arc<Metrics>>,
}

/// Size in bytes at which a file becomes `<name>.1`, in place of the one before, and a new one is
/// begun.
const LARGEST_FILE: u64 = 10 << 20;

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    largest: u64,
}

impl LogFile {
    fn open(path: PathBuf, largest: u64) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            size,
            largest,
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size + line.len() as u64 > self.largest && self.size > 0 {
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            std::fs::rename(&self.path, before)?;
            *self = Self::open(std::mem::take(&mut self.path), self.largest)?;
        }
        self.size += line.len() as u64;
        self.file.write_all(line)
    }
}

impl Log {
    /// Opens a log that appends to `<dir>/<component>_<stream>.txt`, which is made if need be;
    /// without `dir` only to standard error. Every line is shown to `metrics`.
    pub fn open(
        dir: Option<&Path>,
        component: &str,
        stream: &str,
        metrics: Option<Arc<Metrics>>,
    ) -> io::Result<Self> {
        let file = match dir {
            None => None,
            Some(dir) => {
                std::fs::create_dir_all(dir)?;
                let path = dir.join(format!("{component}_{stream}.txt"));
                Some(Mutex::new(LogFile::open(path, LARGEST_FILE)?))
            }
        };
        Ok(Self(Arc::new(Destination {
            component: component.to_owned(),
            file,
            metrics,
        })))
    }

    /// A stream for one instance: its lines are never mixed with another's. `span` is told of them.
    pub(crate) fn lines(&self, span: Span) -> Lines {
        Lines(Arc::new(Mutex::new(Partial {
            log: self.clone(),
            line: Vec::new(),
            span,
        })))
    }

    /// Writes a line to both destinations, best effort: a full disk must not fail a request.
    fn line(&self, line: &[u8]) {
        if let Some(metrics) = &self.0.metrics {
            metrics.observe(line);
        }
        if let Some(file) = &self.0.file {
            let mut whole = line.to_vec();
            whole.push(b'\n');
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = file.write(&whole);
        }
        let mut marked = format!("[{}] ", self.0.component).into_bytes();
        marked.extend_from_slice(line);
        marked.push(b'\n');
        let _ = io::stderr().write_all(&marked);
    }
}

/// The output of one instance, cut into lines.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Partial>>);

/// A line that has not ended yet. It ends at the latest with its instance.
pub(crate) struct Partial {
    log: Log,
    line: Vec<u8>,
    span: Span,
}

impl Lines {
    fn take(&self, bytes: &[u8]) {
        let mut partial = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Partial { log, line, span } = &mut *partial;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = piece.ends_with(b"\n");
            line.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            if ended || line.len() >= LONGEST_LINE {
                log.line(line);
                span.log(line);
                line.clear();
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.log.line(&self.line);
            self.span.log(&self.line);
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST_LINE)
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_whole_and_the_last_needs_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(Some(dir.path()), "books", "stdout", None).unwrap();
        let (one, two) = (log.lines(Span::default()), log.lines(Span::default()));
        one.take(b"{\"a\":");
        two.take(b"other\nunfinished");
        one.take(b"1}\n\n");
        drop((one, two));
        let text = std::fs::read_to_string(dir.path().join("books_stdout.txt")).unwrap();
        assert_eq!(text, "other\n{\"a\":1}\n\nunfinished\n");
    }

    #[test]
    fn a_file_that_has_grown_makes_room_for_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.txt");
        let mut log = LogFile::open(path.clone(), 100).unwrap();
        for n in 0..100 {
            log.write(format!("line {n:02}\n").as_bytes()).unwrap();
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (before, now) = (read(&dir.path().join("log.txt.1")), read(&path));
        assert!(before.len() <= 100 && now.len() <= 100);
        assert!(before.ends_with("line 95\n"), "{before}");
        assert!(
            now.starts_with("line 96\n") && now.ends_with("line 99\n"),
            "{now}"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
