//! Imports a library, or goes on with a job that an earlier run began:
//!
//! ```sh
//! cargo run -p client --example import -- http://127.0.0.1:3000 library.csv
//! ```
//!
//! The job is kept in a file beside the library until it is over: kill this and start it again.
//! Before there is a job it is the key, so that a kill in between does not import twice.

use std::error::Error;
use std::{env, fs};

use client::{Client, Event, Submission, SubmitOptions, Update};
use uuid::Uuid;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [server, library] = &arguments[..] else {
        return Err("usage: import SERVER LIBRARY.csv".into());
    };
    let stored = format!("{library}.job");
    let client = Client::new(server)?;
    let begun = fs::read_to_string(&stored).unwrap_or_else(|_| Uuid::new_v4().to_string());
    fs::write(&stored, &begun)?;
    let (job, last) = match begun.split_once(' ') {
        Some((job, last)) => (job.parse()?, last.to_owned()),
        None => {
            let csv = Submission::Import(fs::read(library)?.into());
            let options = SubmitOptions {
                key: Some(begun),
                ..SubmitOptions::default()
            };
            let submitted = client.submit_with(&csv, &options).await?;
            (submitted.accepted.job_id, String::new())
        }
    };
    let mut watch = client.watch_books(&job);
    if !last.is_empty() {
        watch = watch.after(&last);
    }
    fs::write(&stored, format!("{job} {last}"))?;
    while let Some(update) = watch.next().await {
        let update = match update {
            Err(gone) if gone.is_gone() => {
                println!("{gone}");
                break;
            }
            update => update?,
        };
        match update {
            Update::Event(Event::Progress(now)) => {
                println!("{} of {}", now.processed_count, now.total_count);
            }
            Update::Event(Event::Book(book)) => {
                println!("  {}: {}", book["index"], book["book"]["title"]);
            }
            Update::Event(Event::Completed(end)) => println!(
                "{} of {} books found",
                end.success_count.unwrap_or(0),
                end.total_count
            ),
            Update::Event(Event::Failed(end)) => {
                let why = end.error.and_then(|error| error.user_message);
                println!("{}", why.unwrap_or_else(|| end.status.to_string()));
            }
            Update::Event(Event::Timeout(stalled)) => println!("{}", stalled["message"]),
            Update::Using(transport) => println!("by {transport:?}"),
            Update::Lost { reason, pause } => println!("{reason}; again in {pause:?}"),
            _ => {}
        }
        fs::write(
            &stored,
            format!("{job} {}", watch.last_event_id().unwrap_or_default()),
        )?;
    }
    fs::remove_file(&stored)?;
    Ok(())
}
