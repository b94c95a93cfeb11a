//! Reading the logs of an application that runs under plain Spin: files, or what a platform tells
//! of its containers.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Metrics;

/// Longest line of a component, in bytes; longer ones are passed over.
const LONGEST_LINE: usize = 1 << 20;

/// Counts the lines of an input until it ends. What a platform writes before a line, like the name
/// of its container, is passed over.
///
/// # Errors
/// When the input cannot be read.
pub fn read_to_end(mut input: impl BufRead, metrics: &Metrics) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = input.by_ref().take(LONGEST_LINE as u64);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if let Some(start) = line.iter().position(|byte| *byte == b'{') {
            metrics.observe(&line[start..]);
        }
    }
}

/// Number of bytes by which the beginning of a file is known again: a line begins with its time.
const BEGINNING: usize = 128;

/// The log files of one directory, `<component>_stderr.txt`, as Spin and `host` name them: read
/// from their beginnings, and on as they grow.
///
/// A file that is replaced (rotated) is read to its end first; one that is emptied and written anew
/// (`copytruncate`, `spin up --truncate-logs`) is read from its beginning.
pub struct Follower {
    directory: PathBuf,
    files: Vec<LogFile>,
    /// Files that could not be read, so that each is logged once.
    unreadable: BTreeSet<PathBuf>,
}

struct LogFile {
    path: PathBuf,
    inode: u64,
    reader: BufReader<File>,
    /// Number of bytes read, and the first of them.
    length: u64,
    beginning: Vec<u8>,
    line: Vec<u8>,
}

impl Follower {
    /// Makes a reader that has read nothing yet; the directory need not be there yet.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            files: Vec::new(),
            unreadable: BTreeSet::new(),
        }
    }

    /// Counts what has been written since the last call. A file that cannot be read is logged, and
    /// the others are read.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn read(&mut self, metrics: &Metrics) -> io::Result<()> {
        let mut outcomes = Vec::new();
        for followed in &mut self.files {
            outcomes.push((followed.path.clone(), followed.read(metrics)));
        }
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("_stderr.txt") {
                outcomes.push((path.clone(), self.open(path, metrics)));
            }
        }
        let mut unreadable = BTreeSet::new();
        for (path, outcome) in outcomes {
            if let Err(error) = outcome {
                if !self.unreadable.contains(&path) {
                    tracing::warn!("cannot read {}: {error}", path.display());
                }
                unreadable.insert(path);
            }
        }
        self.unreadable = unreadable;
        Ok(())
    }

    /// Reads a file that is new under its name.
    fn open(&mut self, path: PathBuf, metrics: &Metrics) -> io::Result<()> {
        let file = File::open(&path)?;
        let inode = file.metadata()?.ino();
        let known = self.files.iter_mut().find(|f| f.path == path);
        if known.as_ref().is_some_and(|f| f.inode == inode) {
            return Ok(());
        }
        let mut followed = LogFile {
            path,
            inode,
            reader: BufReader::new(file),
            length: 0,
            beginning: Vec::new(),
            line: Vec::new(),
        };
        let read = followed.read(metrics);
        match known {
            Some(known) => *known = followed,
            None => self.files.push(followed),
        }
        read
    }
}

impl LogFile {
    fn read(&mut self, metrics: &Metrics) -> io::Result<()> {
        if self.is_written_anew()? {
            self.reader.rewind()?;
            self.length = 0;
            self.beginning.clear();
            self.line.clear();
        }
        loop {
            let before = self.line.len();
            let read = self.reader.read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(());
            }
            self.length += read as u64;
            let missing = BEGINNING - self.beginning.len();
            let read = &self.line[before..];
            self.beginning
                .extend_from_slice(&read[..missing.min(read.len())]);
            if self.line.ends_with(b"\n") {
                metrics.observe(&self.line);
                self.line.clear();
            } else if self.line.len() > LONGEST_LINE {
                self.line.clear();
            }
        }
    }

    /// Whether the file is not what has been read of it, but emptied since.
    fn is_written_anew(&self) -> io::Result<bool> {
        let file = self.reader.get_ref();
        if file.metadata()?.len() < self.length {
            return Ok(true);
        }
        let mut beginning = vec![0; self.beginning.len()];
        file.read_exact_at(&mut beginning, 0)?;
        Ok(beginning != self.beginning)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ENDED: &[u8] = b"{\"component\":\"c\",\"event\":\"job-ended\",\"pipeline\":\"p\",\"outcome\":\"complete\"}\n";

    fn expect(metrics: &Metrics, count: u64) {
        let line = format!(
            "bookstrack_jobs_ended_total{{pipeline=\"p\",outcome=\"complete\",code=\"none\"}} {count}\n"
        );
        let text = metrics.text(None);
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }

    #[test]
    fn every_line_counts_once_however_it_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("enrichment_stderr.txt");
        let metrics = Metrics::default();
        let mut follower = Follower::new(directory.path());
        follower.read(&metrics).unwrap();
        let mut file = File::create(&path).unwrap();
        file.write_all(ENDED).unwrap();
        file.write_all(&ENDED[..40]).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 1);
        file.write_all(&ENDED[40..]).unwrap();
        follower.read(&metrics).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 2);
        // Rotated after one more line.
        file.write_all(ENDED).unwrap();
        std::fs::rename(&path, directory.path().join("enrichment_stderr.txt.1")).unwrap();
        std::fs::write(&path, ENDED).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 4);
        std::fs::write(directory.path().join("enrichment_stdout.txt"), ENDED).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 4);
    }

    #[test]
    fn the_lines_of_containers_count_whatever_is_before_them() {
        let metrics = Metrics::default();
        let ended = String::from_utf8_lossy(ENDED).into_owned();
        let long = "x".repeat(LONGEST_LINE + 10);
        let log = [
            ended.clone(),
            format!("[pod/bookstrack-1/bookstrack] {ended}"),
            format!("2026-01-01T00:00:00.000000000Z stderr F {ended}"),
            format!("Serving on {{0.0.0.0}}\n{long}\n\n"),
            ended.trim_end().to_owned(),
        ];
        read_to_end(log.concat().as_bytes(), &metrics).unwrap();
        expect(&metrics, 4);
    }

    /// As by `copytruncate`, `spin up --truncate-logs` and shells.
    #[test]
    fn a_file_that_is_emptied_is_read_from_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("enrichment_stderr.txt");
        let metrics = Metrics::default();
        let mut follower = Follower::new(directory.path());
        let line = |second: u32| {
            let at = format!("{{\"at\":\"2026-01-01T00:00:{second:02}Z\",");
            [at.as_bytes(), &ENDED[1..]].concat()
        };
        let written = [line(1), line(2), b"{\"half".to_vec()].concat();
        std::fs::write(&path, written).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 2);
        // Shorter than it was, and empty for a while.
        File::create(&path).unwrap();
        follower.read(&metrics).unwrap();
        std::fs::write(&path, line(3)).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 3);
        // Longer than it was.
        let written = [line(4), line(5), line(6)].concat();
        std::fs::write(&path, written).unwrap();
        follower.read(&metrics).unwrap();
        follower.read(&metrics).unwrap();
        expect(&metrics, 6);
    }

    #[test]
    fn a_file_that_cannot_be_read_stops_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["a", "c"] {
            std::fs::write(at(&format!("{name}_stderr.txt")), ENDED).unwrap();
        }
        std::fs::create_dir(at("b_stderr.txt")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("d_stderr.txt")).unwrap();
        let metrics = Metrics::default();
        let mut follower = Follower::new(directory.path());
        for _ in 0..2 {
            follower.read(&metrics).unwrap();
            expect(&metrics, 2);
        }
    }
}
