//! Reading the log files of an application that runs under plain Spin.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Metrics;

/// Longest line of a component, in bytes; longer ones are passed over.
const LONGEST_LINE: usize = 1 << 20;

/// The log files of one directory, `<component>_stderr.txt`, as Spin and `host` name them: read
/// from their beginnings, and on as they grow.
///
/// A file that is replaced (rotated) is read to its end first.
pub struct Follower {
    directory: PathBuf,
    files: Vec<LogFile>,
}

struct LogFile {
    path: PathBuf,
    inode: u64,
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Follower {
    /// Makes a reader that has read nothing yet; the directory need not be there yet.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            files: Vec::new(),
        }
    }

    /// Counts what has been written since the last call.
    ///
    /// # Errors
    /// When the directory or a file cannot be read.
    pub fn read(&mut self, metrics: &Metrics) -> io::Result<()> {
        for followed in &mut self.files {
            followed.read(metrics)?;
        }
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if !path.to_string_lossy().ends_with("_stderr.txt") {
                continue;
            }
            let file = File::open(&path)?;
            let inode = file.metadata()?.ino();
            let known = self.files.iter_mut().find(|f| f.path == path);
            let is_new = known.as_ref().is_none_or(|f| f.inode != inode);
            if is_new {
                let mut followed = LogFile {
                    path,
                    inode,
                    reader: BufReader::new(file),
                    line: Vec::new(),
                };
                followed.read(metrics)?;
                match known {
                    Some(known) => *known = followed,
                    None => self.files.push(followed),
                }
            }
        }
        Ok(())
    }
}

impl LogFile {
    fn read(&mut self, metrics: &Metrics) -> io::Result<()> {
        loop {
            if self.reader.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(());
            }
            if self.line.ends_with(b"\n") {
                metrics.observe(&self.line);
                self.line.clear();
            } else if self.line.len() > LONGEST_LINE {
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ENDED: &[u8] = b"{\"component\":\"c\",\"event\":\"job-ended\",\"pipeline\":\"p\",\"outcome\":\"complete\"}\n";

    #[test]
    fn every_line_counts_once_however_it_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("enrichment_stderr.txt");
        let metrics = Metrics::default();
        let mut follower = Follower::new(directory.path());
        follower.read(&metrics).unwrap();
        let mut file = File::create(&path).unwrap();
        let expect = |count: u64| {
            let line = format!(
                "bookstrack_jobs_ended_total{{pipeline=\"p\",outcome=\"complete\",code=\"none\"}} {count}\n"
            );
            let text = metrics.text(None);
            assert!(text.contains(&line), "{line} is not in\n{text}");
        };
        file.write_all(ENDED).unwrap();
        file.write_all(&ENDED[..40]).unwrap();
        follower.read(&metrics).unwrap();
        expect(1);
        file.write_all(&ENDED[40..]).unwrap();
        follower.read(&metrics).unwrap();
        follower.read(&metrics).unwrap();
        expect(2);
        // Rotated after one more line.
        file.write_all(ENDED).unwrap();
        std::fs::rename(&path, directory.path().join("enrichment_stderr.txt.1")).unwrap();
        std::fs::write(&path, ENDED).unwrap();
        follower.read(&metrics).unwrap();
        expect(4);
        std::fs::write(directory.path().join("enrichment_stdout.txt"), ENDED).unwrap();
        follower.read(&metrics).unwrap();
        expect(4);
    }
}
