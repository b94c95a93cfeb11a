//! Files that one call of the command leaves for the next: tokens of its jobs (state), and whether
//! a server's streams get through (cache), in the places that the XDG base directory specification
//! names.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use client::{Accepted, JobId, StreamSupport};
use etcetera::BaseStrategy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Time for which the tokens of earlier calls stay on this disk. Whether one still opens its job is
/// the server's to say.
const TOKENS_KEPT: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(crate) struct Files {
    jobs: PathBuf,
    stream_support: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Job {
    server: String,
    token: String,
}

impl Files {
    pub(crate) fn of_user() -> Result<Self> {
        let base = etcetera::choose_base_strategy().context("no home directory")?;
        // Platforms without a directory for state keep it with the data.
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Ok(Self {
            jobs: state.join("bookstrack").join("jobs"),
            stream_support: base.cache_dir().join("bookstrack").join("transports.json"),
        })
    }

    fn job(&self, job: &JobId) -> PathBuf {
        self.jobs.join(format!("{job}.json"))
    }

    /// Keeps the token of a job of `server`, if it has one, readable by the user alone.
    pub(crate) fn keep_token(&self, server: &str, accepted: &Accepted) -> Result<()> {
        let Some(token) = accepted.auth_token.clone() else {
            return Ok(());
        };
        self.forget_old_tokens();
        write(
            &self.job(&accepted.job_id),
            &Job {
                server: server.to_owned(),
                token,
            },
        )
    }

    /// The token of a job of `server`, if it was started here.
    pub(crate) fn token(&self, server: &str, job: &JobId) -> Option<String> {
        read::<Job>(&self.job(job))
            .filter(|job| job.server == server)
            .map(|job| job.token)
    }

    pub(crate) fn forget_token(&self, job: &JobId) {
        // Nothing depends on it: it dies of age otherwise.
        let _ = fs::remove_file(self.job(job));
    }

    fn forget_old_tokens(&self) {
        let Ok(entries) = fs::read_dir(&self.jobs) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > TOKENS_KEPT) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    pub(crate) fn stream_support(&self, server: &str) -> Option<StreamSupport> {
        read::<BTreeMap<String, StreamSupport>>(&self.stream_support)?.remove(server)
    }

    pub(crate) fn keep_stream_support(
        &self,
        server: &str,
        stream_support: StreamSupport,
    ) -> Result<()> {
        let mut known: BTreeMap<String, StreamSupport> =
            read(&self.stream_support).unwrap_or_default();
        known.retain(|_, stream_support| stream_support.until > SystemTime::now());
        known.insert(server.to_owned(), stream_support);
        write(&self.stream_support, &known)
    }
}

/// Reads a file; `None` also when it is damaged: all of this can be found out again.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a file whole or not at all, readable by the user alone: temporary files are created with
/// mode 600.
fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let keep = || -> io::Result<()> {
        let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        create_private(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.persist(path)?;
        Ok(())
    };
    keep().with_context(|| format!("cannot write {}", path.display()))
}

fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
