//! Output of a running job, for a person, a log or a program.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use client::{Accepted, Event, Snapshot, Transport, Update};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) enum View {
    /// A bar that moves, for a terminal.
    Bar { bar: ProgressBar, since: Instant },
    /// A line for each event.
    Lines { since: Instant },
    /// A JSON object for each event.
    Json,
}

impl View {
    pub(crate) fn new(json: bool) -> Self {
        let since = Instant::now();
        if json {
            Self::Json
        } else if io::stdout().is_terminal() && io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.set_style(waiting());
            bar.enable_steady_tick(Duration::from_millis(100));
            Self::Bar { bar, since }
        } else {
            Self::Lines { since }
        }
    }

    pub(crate) fn submitting(&self) {
        if let Self::Bar { bar, .. } = self {
            bar.set_prefix("uploading");
        }
    }

    pub(crate) fn accepted(&self, accepted: &Accepted) -> io::Result<()> {
        match self {
            Self::Json => line(&event("accepted", json!(accepted))),
            Self::Bar { .. } | Self::Lines { .. } => {
                self.print_line(&format!("Job {}", accepted.job_id))
            }
        }
    }

    /// Prints a note for people; programs do not need it.
    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Json => Ok(()),
            Self::Bar { .. } | Self::Lines { .. } => self.print_line(text),
        }
    }

    pub(crate) fn update(&self, update: &Update) -> io::Result<()> {
        match (self, update) {
            (Self::Json, Update::Event(said)) => {
                let data = match said {
                    Event::Progress(s) | Event::Completed(s) | Event::Failed(s) => json!(s),
                    Event::Timeout(value) | Event::Book(value) => value.clone(),
                };
                line(&event(said.name(), data))
            }
            (Self::Json, Update::Lost { reason, pause }) => line(&event(
                "disconnected",
                json!({"reason": reason, "retryInMs": pause.as_millis() as u64}),
            )),
            (Self::Json, Update::Using(transport)) => {
                line(&event("connected", json!({"transport": transport})))
            }
            (Self::Bar { bar, since }, Update::Event(Event::Progress(snapshot))) => {
                draw(bar, snapshot, since.elapsed());
                Ok(())
            }
            (Self::Lines { since }, Update::Event(Event::Progress(snapshot))) => {
                line(&describe(snapshot, since.elapsed()))
            }
            (_, Update::Event(said)) if said.is_last() => {
                if let Self::Bar { bar, .. } = self {
                    bar.finish_and_clear();
                }
                line(&conclude(said))
            }
            (Self::Bar { bar, .. }, Update::Lost { reason, pause }) => {
                bar.set_message(printable(&format!(
                    "{reason}; again in {}",
                    seconds(*pause)
                )));
                Ok(())
            }
            (Self::Lines { .. }, Update::Lost { reason, pause }) => line(&format!(
                "{}; again in {}",
                printable(reason),
                seconds(*pause)
            )),
            (_, Update::Using(Transport::Poll)) => {
                self.print_line("Streams do not get through or are not wanted: polling")
            }
            _ => Ok(()),
        }
    }

    /// Clears the bar, before something else is printed.
    pub(crate) fn clear(&self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }

    fn print_line(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Bar { bar, .. } => {
                bar.println(printable(text));
                Ok(())
            }
            Self::Lines { .. } | Self::Json => line(&printable(text)),
        }
    }
}

fn event(name: &str, data: Value) -> String {
    escaped(&json!({"event": name, "data": data}).to_string())
}

fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn style(template: &str) -> ProgressStyle {
    // The templates are fixed; a wrong one shows in the tests.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn waiting() -> ProgressStyle {
    style("{spinner} {prefix} {wide_msg}")
}

fn counting() -> ProgressStyle {
    style("{spinner} {prefix} [{bar:24}] {pos}/{len} {wide_msg}").progress_chars("=> ")
}

fn draw(bar: &ProgressBar, snapshot: &Snapshot, watched: Duration) {
    // Counts are known only when the upload has been read.
    if snapshot.total_count > 0 && bar.length() != Some(snapshot.total_count) {
        bar.set_style(counting());
        bar.set_length(snapshot.total_count);
    }
    bar.set_prefix(printable(snapshot.stage.as_deref().unwrap_or("running")));
    bar.set_position(snapshot.processed_count);
    bar.set_message(message(snapshot, watched));
}

/// The text beside a bar. Before there is anything to count, as while a photo is read, the bar has
/// no length, and the progress is told in percent.
fn message(snapshot: &Snapshot, watched: Duration) -> String {
    if snapshot.total_count == 0 {
        return format!("{}%", percent(snapshot));
    }
    let pace = Pace::of(snapshot, watched);
    let title = snapshot.current_title.as_deref().unwrap_or_default();
    printable(format!("{pace} {title}").trim())
}

fn percent(snapshot: &Snapshot) -> f64 {
    (snapshot.progress.clamp(0.0, 1.0) * 100.0).floor()
}

/// An estimate of a job's speed, and of the time that is left.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    /// Rate in books a second.
    rate: Option<f64>,
    left: Option<Duration>,
}

impl Pace {
    /// Estimates the pace, by the server's clock where it tells, so that it is right also for who
    /// joins late.
    fn of(snapshot: &Snapshot, watched: Duration) -> Self {
        let elapsed = snapshot
            .elapsed_ms
            .map_or(watched, Duration::from_millis)
            .as_secs_f64();
        let rate = snapshot.processed_count as f64 / elapsed;
        let rate = (rate.is_finite() && rate > 0.0).then_some(rate);
        let todo = snapshot
            .total_count
            .saturating_sub(snapshot.processed_count) as f64;
        let guess = || rate.and_then(|rate| Duration::try_from_secs_f64(todo / rate).ok());
        let running = !snapshot.status.is_terminal();
        Self {
            rate,
            left: snapshot
                .eta_ms
                .map(Duration::from_millis)
                .or_else(guess)
                .filter(|_| running),
        }
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.rate, self.left) {
            (Some(rate), Some(left)) => write!(f, "{rate:.1}/s, {} left", seconds(left)),
            (Some(rate), None) => write!(f, "{rate:.1}/s"),
            (None, _) => Ok(()),
        }
    }
}

/// The whole seconds of a duration, rounded up.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000);
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// Describes a job's progress in one line.
pub(crate) fn describe(snapshot: &Snapshot, watched: Duration) -> String {
    let Snapshot {
        processed_count,
        total_count,
        status,
        ..
    } = snapshot;
    let percent = percent(snapshot);
    let pace = Pace::of(snapshot, watched).to_string();
    let pace = if pace.is_empty() {
        pace
    } else {
        format!("  {pace}")
    };
    let message = match &snapshot.message {
        Some(message) => message.clone(),
        None => status.to_string(),
    };
    printable(&format!(
        "{percent:3}%  {processed_count}/{total_count}{pace}  {message}"
    ))
}

/// Describes a job's end in one line.
fn conclude(event: &Event) -> String {
    let said = match event {
        Event::Completed(snapshot) => {
            let took = snapshot
                .other
                .get("summary")
                .and_then(|summary| summary.get("duration"))
                .and_then(Value::as_u64);
            let took = took
                .map(|ms| format!(" in {}", seconds(Duration::from_millis(ms))))
                .unwrap_or_default();
            let message = snapshot.message.as_deref().unwrap_or("Completed");
            format!(
                "{message}{took}. To see them: bookstrack results {}",
                snapshot.job_id
            )
        }
        Event::Failed(snapshot) => match &snapshot.error {
            Some(error) if error.code == "E_CANCELED" => {
                format!("Canceled after {} books", snapshot.processed_count)
            }
            Some(error) => {
                format!(
                    "Failed: {} ({})",
                    error.user_message.as_deref().unwrap_or(&error.message),
                    error.code
                )
            }
            None => format!(
                "Failed: {}",
                snapshot.message.as_deref().unwrap_or("no reason given")
            ),
        },
        Event::Timeout(value) => {
            let message = value
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("No progress");
            format!("{message}. The job may go on; bookstrack watch looks again")
        }
        Event::Progress(_) | Event::Book(_) => String::new(),
    };
    printable(&said)
}

/// Replaces control characters: a title must not be able to command the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// JSON with DEL and the control characters of U+0080 to U+009F escaped, too: it means the same,
/// and commands no terminal.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() && c != '\n' {
            true => text += &format!("\\u{:04x}", u32::from(c)),
            false => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(extra: Value) -> Snapshot {
        let mut value = json!({"jobId": "j", "status": "processing", "progress": 0.5, "processedCount": 50, "totalCount": 100});
        if let (Value::Object(value), Value::Object(extra)) = (&mut value, extra) {
            value.extend(extra);
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn json_commands_no_terminal_and_means_the_same() {
        let said = json!({"title": "a\u{1b}]0;b\u{9b}2J\u{7f}c", "tab": "\t"});
        for text in [
            said.to_string(),
            serde_json::to_string_pretty(&said).unwrap(),
        ] {
            let text = escaped(&text);
            assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), said);
        }
    }

    #[test]
    fn the_servers_clock_counts_and_else_ones_own() {
        let watched = Duration::from_secs(10);
        let told = Pace::of(
            &snapshot(json!({"elapsedMs": 5000, "etaMs": 4200})),
            watched,
        );
        assert_eq!(told.to_string(), "10.0/s, 5 s left");
        assert_eq!(
            Pace::of(&snapshot(json!({})), watched).to_string(),
            "5.0/s, 10 s left"
        );
        assert_eq!(
            Pace::of(&snapshot(json!({"processedCount": 0})), Duration::ZERO).to_string(),
            ""
        );
        assert_eq!(
            Pace::of(&snapshot(json!({"etaMs": 61_000})), watched).to_string(),
            "5.0/s, 1 min 1 s left"
        );
    }

    #[test]
    fn a_photo_that_is_read_for_long_is_seen_to_progress() {
        let watched = Duration::from_secs(10);
        let reading = json!({"progress": 0.347, "processedCount": 0, "totalCount": 0});
        assert_eq!(message(&snapshot(reading), watched), "34%");
        let titled = json!({"currentTitle": "Babel\u{1b}[2J"});
        let counted = message(&snapshot(titled), watched);
        assert_eq!(counted, "5.0/s, 10 s left Babel[2J");
    }

    #[test]
    fn a_title_cannot_command_the_terminal() {
        let line = describe(
            &snapshot(json!({"message": "a\u{1b}[2Jb\r\nc\u{9b}d"})),
            Duration::from_secs(10),
        );
        assert_eq!(line, " 50%  50/100  5.0/s, 10 s left  a[2Jbcd");
    }

    #[test]
    fn an_end_is_told_in_the_readers_words() {
        let error = json!({"code": "E_CSV_EMPTY", "message": "0 rows", "userMessage": "This file has no books.", "retryable": false});
        let failed = Event::Failed(snapshot(json!({"status": "failed", "error": error})));
        assert_eq!(
            conclude(&failed),
            "Failed: This file has no books. (E_CSV_EMPTY)"
        );
    }
}
