//! The bookstrack command: a client of the public API for the terminal.
//!
//! Start at `args`, which says what the command can do, then `command` here. Requests and the
//! following of jobs are the crate `client`'s; `view` draws progress, the other modules print what
//! comes back. The exit status is an `outcome`.

mod args;
mod choose;
mod files;
mod follow;
mod outcome;
mod preview;
mod results;
mod view;

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use client::{Client, Options, Photo, Submission, SubmitOptions, Submitted};

use args::{Args, Command, Format};
use files::Files;
use follow::{Follow, Interrupts};
use outcome::CommandOutcome;
use view::View;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(outcome) => outcome.into(),
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => CommandOutcome::Done.into(),
        Err(error) => {
            let message = view::printable(&format!("{error:#}"));
            // Nobody is left to be told when this fails.
            let _ = writeln!(io::stderr(), "bookstrack: {message}");
            CommandOutcome::of_error(&error).into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn run(args: Args) -> Result<CommandOutcome> {
    match &args.command {
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut Args::command(),
                "bookstrack",
                &mut io::stdout(),
            );
            return Ok(CommandOutcome::Done);
        }
        Command::Man => {
            clap_mangen::Man::new(Args::command()).render(&mut io::stdout())?;
            return Ok(CommandOutcome::Done);
        }
        _ => {}
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run_command(args))
}

async fn run_command(args: Args) -> Result<CommandOutcome> {
    let files = Files::of_user()?;
    let client = Client::with(
        &args.server,
        Options {
            mode: args.transport.into(),
            ..Options::default()
        },
    )?;
    if let Some(stream_support) = files.stream_support(client.origin()) {
        client.assume_stream_support(stream_support);
    }
    let outcome = command(&args, &client, &files).await;
    if let Some(stream_support) = client.stream_support()
        && let Err(error) = files.keep_stream_support(client.origin(), stream_support)
        && args.verbose
    {
        writeln!(
            io::stderr(),
            "bookstrack: {}",
            view::printable(&format!("{error:#}"))
        )?;
    }
    if args.verbose {
        writeln!(
            io::stderr(),
            "transports: {}",
            serde_json::to_string(&client.counters())?
        )?;
    }
    outcome
}

async fn command(args: &Args, client: &Client, files: &Files) -> Result<CommandOutcome> {
    match &args.command {
        Command::Import {
            file,
            dry_run,
            mapping,
        } => {
            let file = read(file)?.into();
            let mapping = mapping.iter().cloned().collect();
            if *dry_run {
                let preview = client.preview(&file, &mapping).await?;
                return preview::print(&preview, args.json);
            }
            let submission = match mapping.is_empty() {
                true => Submission::Import(file),
                false => Submission::MappedImport { file, mapping },
            };
            submit(args, client, files, submission).await
        }
        Command::Scan {
            photos,
            keep_failed_photos,
        } => {
            let photo = |path: &std::path::PathBuf| {
                read(path).map(|bytes| Photo {
                    bytes: bytes.into(),
                })
            };
            let photos = photos.iter().map(photo).collect::<Result<_>>()?;
            let options = SubmitOptions {
                keep_failed_photos: *keep_failed_photos,
                ..SubmitOptions::default()
            };
            let submission = Submission::Scan(photos);
            follow(args, client, files, async |follow| {
                follow.submit(&submission, &options).await
            })
            .await
        }
        Command::Enrich { isbns } => {
            submit(args, client, files, Submission::Enrich(isbns.clone())).await
        }
        Command::Watch { job } => {
            let (watch, token) = (client.watch(job), files.token(client.origin(), job));
            follow(args, client, files, async |follow| {
                follow.job(watch, token, false).await
            })
            .await
        }
        Command::Status { job } => {
            let snapshot = client.status(job).await?;
            let line = match args.json {
                true => view::escaped(&serde_json::to_string(&snapshot)?),
                false => view::describe(&snapshot, Duration::ZERO),
            };
            writeln!(io::stdout(), "{line}")?;
            Ok(CommandOutcome::of_job(&snapshot))
        }
        Command::Results { job, format, only } => {
            let format = match format {
                _ if args.json => Some(Format::Json),
                format => *format,
            };
            results::show(client, job, format, only.as_deref()).await?;
            Ok(CommandOutcome::Done)
        }
        Command::Retry { job, only } => {
            let token = files.token(client.origin(), job);
            let only: Vec<&str> = only.iter().map(|retried| retried.name()).collect();
            let accepted = client.retry(job, token.as_deref(), &only).await;
            let accepted = accepted.map_err(whose(token.as_deref()))?;
            let watch = client.watch(&accepted.job_id);
            let submitted = Submitted { accepted, watch };
            follow(args, client, files, async |follow| {
                follow.accepted(submitted, false).await
            })
            .await
        }
        Command::Choose {
            job, book: None, ..
        } => {
            let results = client.results(job).await?;
            choose::list(&results, args.json)?;
            Ok(CommandOutcome::Done)
        }
        Command::Choose {
            job,
            book: Some(number),
            which,
            title,
            author,
        } => {
            let choice = choose::read(which.as_deref(), title.as_deref(), author.as_deref())?;
            let token = files.token(client.origin(), job);
            let index = u64::from(*number) - 1;
            let book = client.choose(job, token.as_deref(), index, &choice).await;
            let book = book.map_err(whose(token.as_deref()))?;
            choose::print(*number, &book, args.json)?;
            Ok(CommandOutcome::Done)
        }
        Command::Cancel { job } => {
            let token = files.token(client.origin(), job);
            let cancellation = client.cancel(job, token.as_deref()).await;
            let cancellation = cancellation.map_err(whose(token.as_deref()))?;
            if cancellation.status.is_terminal() {
                files.forget_token(job);
            }
            let line = match args.json {
                true => view::escaped(&serde_json::to_string(&cancellation)?),
                false => view::printable(&follow::describe_cancellation(&cancellation)),
            };
            writeln!(io::stdout(), "{line}")?;
            Ok(CommandOutcome::Done)
        }
        // Answered before anything is connected.
        Command::Completions { .. } | Command::Man => Ok(CommandOutcome::Done),
    }
}

/// Says of an error that the job was not started here, where its token is not known.
fn whose(token: Option<&str>) -> impl FnOnce(client::Error) -> anyhow::Error {
    let is_unknown = token.is_none();
    move |error| {
        let error = anyhow::Error::new(error);
        match is_unknown {
            true => error.context("this job was not started here, so its token is not known"),
            false => error,
        }
    }
}

async fn submit(
    args: &Args,
    client: &Client,
    files: &Files,
    submission: Submission,
) -> Result<CommandOutcome> {
    follow(args, client, files, async |follow| {
        follow.submit(&submission, &SubmitOptions::default()).await
    })
    .await
}

/// Runs something that follows a job, then clears the job's view, also after an error.
async fn follow(
    args: &Args,
    client: &Client,
    files: &Files,
    work: impl AsyncFnOnce(Follow<'_>) -> Result<CommandOutcome>,
) -> Result<CommandOutcome> {
    let view = View::new(args.json);
    let outcome = work(Follow {
        client,
        files,
        view: &view,
        interrupts: Interrupts::listen(),
    })
    .await;
    view.clear();
    outcome
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
