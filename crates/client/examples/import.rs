//! Imports a library, or goes on with a job that an earlier run began:
//!
//! ```sh
//! cargo run -p client --example import -- http://127.0.0.1:3000 library.csv
//! ```
//!
//! The job is kept in a file beside the library until it is over: kill this and start it again.

use std::error::Error;
use std::{env, fs};

use client::{Client, Event, Submission, Update};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [server, library] = &arguments[..] else {
        return Err("usage: import SERVER LIBRARY.csv".into());
    };
    let stored = format!("{library}.job");
    let client = Client::new(server)?;
    let (job, last) = match fs::read_to_string(&stored) {
        Ok(text) => {
            let (job, last) = text.split_once(' ').ok_or("the stored job is damaged")?;
            (
                job.parse()?,
                Some(last.to_owned()).filter(|last| !last.is_empty()),
            )
        }
        Err(_) => {
            let csv = fs::read(library)?.into();
            let submitted = client.submit(&Submission::Import(csv)).await?;
            (submitted.accepted.job_id, None)
        }
    };
    let mut watch = client.watch_books(&job);
    if let Some(last) = last {
        watch = watch.after(&last);
    }
    fs::write(&stored, format!("{job} "))?;
    while let Some(update) = watch.next().await.transpose()? {
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
