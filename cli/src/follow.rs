//! Following a job until its end or Ctrl-C.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use client::{
    Cancellation, Client, Error, Event, JobId, Status, Submission, SubmitOptions, Submitted,
    Update, Watch,
};
use tokio::sync::mpsc;

use crate::files::Files;
use crate::outcome::CommandOutcome;
use crate::view::View;

/// Presses of Ctrl-C. From the first on, they no longer end the program by themselves.
pub(crate) struct Interrupts(mpsc::Receiver<()>);

impl Interrupts {
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).await.is_ok() {}
        });
        Self(receiver)
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

pub(crate) struct Follow<'a> {
    pub client: &'a Client,
    pub files: &'a Files,
    pub view: &'a View,
    pub interrupts: Interrupts,
}

impl Follow<'_> {
    /// Submits a job and follows it. One Ctrl-C during the upload cancels the job as soon as it has
    /// a name.
    pub(crate) async fn submit(
        mut self,
        submission: &Submission,
        options: &SubmitOptions,
    ) -> Result<CommandOutcome> {
        self.view.submitting();
        let mut canceled = false;
        let submitted = self.client.submit_with(submission, options);
        tokio::pin!(submitted);
        let submitted = loop {
            tokio::select! {
                submitted = &mut submitted => break submitted?,
                () = self.interrupts.next() => {
                    if canceled {
                        return Ok(CommandOutcome::Left);
                    }
                    canceled = true;
                    self.view.note("Canceling once the server has the job. Ctrl-C again leaves")?;
                }
            }
        };
        self.accepted(submitted, canceled).await
    }

    /// Keeps the token of a job that the server has just accepted, and follows the job; `canceled`
    /// says that it is to be canceled at once.
    pub(crate) async fn accepted(
        self,
        submitted: Submitted,
        canceled: bool,
    ) -> Result<CommandOutcome> {
        let Submitted { accepted, watch } = submitted;
        if let Err(error) = self.files.keep_token(self.client.origin(), &accepted) {
            self.view.clear();
            writeln!(
                std::io::stderr(),
                "bookstrack: {error:#}; `cancel` will not know this job"
            )?;
        }
        self.view.accepted(&accepted)?;
        self.job(watch, accepted.auth_token, canceled).await
    }

    /// Follows a job to its end; `canceled` says that it is to be canceled at once.
    pub(crate) async fn job(
        mut self,
        mut watch: Watch,
        token: Option<String>,
        mut canceled: bool,
    ) -> Result<CommandOutcome> {
        let job = watch.job().clone();
        let cancellation = cancel(self.client, &job, token.as_deref());
        tokio::pin!(cancellation);
        let mut answered = false;
        loop {
            tokio::select! {
                update = watch.next() => {
                    let Some(update) = update.transpose()? else { return Ok(CommandOutcome::Stalled) };
                    self.view.update(&update)?;
                    if let Some(outcome) = outcome(&update) {
                        return Ok(outcome);
                    }
                }
                () = self.interrupts.next() => {
                    if canceled {
                        return Ok(CommandOutcome::Left);
                    }
                    canceled = true;
                    self.view.note("Asking the server to cancel. Ctrl-C again leaves")?;
                }
                cancellation = &mut cancellation, if canceled && !answered => {
                    answered = true;
                    match cancellation {
                        // The watch brings the outcome.
                        Ok(Cancellation { status, .. }) if status.is_terminal() => {}
                        Ok(_) => self.view.note("The server is canceling the job")?,
                        Err(error) => self.view.note(&format!("Cannot cancel: {error}. Ctrl-C leaves"))?,
                    }
                }
            }
        }
    }
}

fn outcome(update: &Update) -> Option<CommandOutcome> {
    let Update::Event(event) = update else {
        return None;
    };
    match event {
        Event::Completed(snapshot) | Event::Failed(snapshot) => {
            Some(CommandOutcome::of_job(snapshot))
        }
        Event::Timeout(_) => Some(CommandOutcome::Stalled),
        Event::Progress(_) | Event::Book(_) => None,
    }
}

/// Cancels a job; repeats the request until the server has answered: it may be restarting.
async fn cancel(client: &Client, job: &JobId, token: Option<&str>) -> Result<Cancellation, Error> {
    loop {
        match client.cancel(job, token).await {
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_secs(1)).await,
            answer => return answer,
        }
    }
}

/// The message of `cancel` about the outcome.
pub(crate) fn describe_cancellation(cancellation: &Cancellation) -> String {
    let Cancellation { job_id, status, .. } = cancellation;
    match status {
        Status::Canceled => format!("Job {job_id} is canceled"),
        Status::Completed | Status::Failed => format!("Job {job_id} had already ended: {status}"),
        _ => format!("Job {job_id} is being canceled"),
    }
}
