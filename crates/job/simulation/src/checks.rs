//! The rules and their checks: on what is written, what every client is sent, and what is left.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use books::{Found, Near, NearReason, Record, Wanted};
use job::LeaseDoc;
use job::Notification;
use job::{FailureCode, Item, JobId, Pipeline, Root, Stage};
use job::{MAX_VALUE_BYTES, Part, PhotoState, PhotoStatus};
use job::{Position, Step};

use crate::provider;
use crate::scenario::{EPOCH, JobPlan, Scenario};
use crate::shelf;
use crate::store::{Store, Write};
use crate::world::{Micros, Pid};

/// Prefix of the messages that tell of a wait.
pub(crate) const WAITING: &str = "waiting ";
/// Largest number of keys that a job needs while it runs, apart from what dead runs have left.
const MAX_KEYS: usize = 25;
/// Largest number of documents that one fault, or a creator that was not the only one, may leave
/// behind until the job expires.
const MAX_ORPHANS: u64 = 5;
const MAX_ROOT_BYTES: usize = 8 << 10;
/// Longest time that a clock may be ahead after a jump.
const MAX_AHEAD: Micros = 3_700_000_000;
const MAX_KEY_BYTES: usize = 254;
/// The prefix of the keys of jobs that had expired before the schedule began.
pub(crate) const EXPIRED: &str = "job/expired-";

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the rule.
    pub rule: &'static str,
    /// The way in which the rule was broken.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
        }
    }
}

/// The parts of a job's outcome on which all observers must agree.
#[derive(Clone, Debug, PartialEq)]
struct JobOutcome {
    stage: Stage,
    code: Option<FailureCode>,
    seq: u64,
    succeeded: u32,
    failed: u32,
    total: u32,
}

impl JobOutcome {
    fn of(root: &Root) -> Self {
        Self {
            stage: root.stage,
            code: root.failure.as_ref().map(|failure| failure.code),
            seq: root.seq,
            succeeded: root.succeeded,
            failed: root.failed,
            total: root.total,
        }
    }
}

/// One job as it was asked for, and what has been seen of it.
struct TrackedJob {
    plan: usize,
    /// The job that this one retries.
    retries: Option<JobId>,
    /// Time at which a client was first told of the job.
    accepted: Option<Micros>,
    /// The root that was written last.
    root: Option<Root>,
    end: Option<Root>,
    /// Whether the job was expired early, to make room.
    is_evicted: bool,
    /// The chunks that a run's root has named.
    uploads: BTreeSet<String>,
    /// For a scan, the items to look up, once they are known.
    seen: Option<Vec<Wanted>>,
    outcome: Option<JobOutcome>,
    /// What the ends of the job delete. Beyond the assumption there can be two, of two runs.
    deleted_by_ends: BTreeSet<String>,
    /// Titles that somebody wanted to choose for a book, and whether one was answered to be chosen;
    /// an empty title is none of the books.
    chosen: BTreeMap<u32, (BTreeSet<String>, bool)>,
}

/// The state of one job as one client has seen it, over all its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientView {
    /// The last event's id, as the client has it.
    pub last_id: Option<String>,
    position: Position,
    seq: u64,
    progress: f64,
    processed: u32,
    total: u32,
    books: u32,
    /// Whether the client has seen the outcome.
    pub over: bool,
}

/// The times that a message to the webhook has come.
#[derive(Default)]
struct Deliveries {
    all: u64,
    /// The beginning of the last calm in which it has.
    in_calm: Option<Micros>,
}

/// The rules and their state.
pub(crate) struct Checks {
    bounded: bool,
    /// Whether a value may be lost or damaged: a job may then fail, and its books be cut short.
    may_be_damaged: bool,
    /// Whether there is room for few jobs only: ended ones may have to go.
    is_crowded: bool,
    plans: Vec<JobPlan>,
    /// Whether there is a webhook that is told of ended jobs.
    tells: bool,
    /// Names of the jobs that the webhook has been told of.
    told: BTreeSet<String>,
    /// The times that each message has come.
    messages: BTreeMap<String, Deliveries>,
    /// Names of the jobs that have waited for long.
    waited: BTreeSet<JobId>,
    /// The jobs whose ends were asked to be written: they may take effect later.
    ending: BTreeSet<JobId>,
    jobs: BTreeMap<JobId, TrackedJob>,
    /// Values written under names that are used once.
    parts: HashMap<String, Rc<[u8]>>,
    /// The first rule that was broken.
    pub violation: Option<Violation>,
    /// Number of breaches of each rule that only holds while the store keeps within its write
    /// delay.
    pub beyond: BTreeMap<&'static str, u64>,
    pub most_keys: usize,
    pub largest_root: usize,
    pub largest_value: usize,
}

/// Names of the rules that hold whatever a store does. A root that comes too late may name values
/// that are gone; what is there when everything is quiet may not.
const STORE_INDEPENDENT: &[&str] = &[
    "limits",
    "whole",
    "written-once",
    "counters",
    "items",
    "bounded",
];

impl Checks {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            bounded: scenario.bounded,
            may_be_damaged: scenario.damage.is_some(),
            is_crowded: scenario.settings.max_keys.is_some(),
            plans: scenario.jobs.clone(),
            tells: scenario.settings.webhook.is_some(),
            told: BTreeSet::new(),
            messages: BTreeMap::new(),
            waited: BTreeSet::new(),
            ending: BTreeSet::new(),
            jobs: BTreeMap::new(),
            parts: HashMap::new(),
            violation: None,
            beyond: BTreeMap::new(),
            most_keys: 0,
            largest_root: 0,
            largest_value: 0,
        }
    }

    pub(crate) fn broken(&mut self, rule: &'static str, message: impl Into<String>) {
        if !self.bounded && !STORE_INDEPENDENT.contains(&rule) {
            *self.beyond.entry(rule).or_default() += 1;
        } else if self.violation.is_none() {
            self.violation = Some(Violation::new(rule, message));
        }
    }

    /// Records that a job of this name is about to be made.
    pub(crate) fn expect_job(&mut self, id: &JobId, plan: usize) {
        self.jobs.entry(id.clone()).or_insert(TrackedJob {
            plan,
            retries: None,
            accepted: None,
            root: None,
            end: None,
            is_evicted: false,
            uploads: BTreeSet::new(),
            seen: None,
            outcome: None,
            deleted_by_ends: BTreeSet::new(),
            chosen: BTreeMap::new(),
        });
    }

    /// Records that a job of this name is about to be made that retries `ended`.
    pub(crate) fn expect_retry(&mut self, id: &JobId, ended: &JobId) {
        let Some(plan) = self.jobs.get(ended).map(|job| job.plan) else {
            return;
        };
        self.expect_job(id, plan);
        if let Some(job) = self.jobs.get_mut(id) {
            job.retries = Some(ended.clone());
        }
    }

    /// Records that somebody is about to choose this title for a book.
    pub(crate) fn choosing(&mut self, id: &JobId, index: u32, title: String) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.chosen.entry(index).or_default().0.insert(title);
        }
    }

    /// Records that somebody was answered that a choice is made.
    pub(crate) fn chose(&mut self, id: &JobId, index: u32) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.chosen.entry(index).or_default().1 = true;
        }
    }

    /// Checks that what was answered to be chosen for a job's books stands in the store.
    fn check_choices(&mut self, store: &Store, id: &JobId) {
        let Some(job) = self.jobs.get(id) else {
            return;
        };
        let Some(end) = &job.end else {
            return;
        };
        let mut lost = None;
        for (index, (titles, is_answered)) in &job.chosen {
            let mut items = vec![Item::wanted(Wanted::default()); *index as usize + 1];
            lay_choices(store, end, &mut items);
            let Some(item) = items.last().filter(|_| *is_answered) else {
                continue;
            };
            let title = item.record().map_or("", Record::title);
            if item.choice.is_none() || !titles.contains(title) {
                lost = Some(format!("book {index} is {title:?}, none of {titles:?}"));
            }
        }
        if let Some(message) = lost {
            self.broken("chosen", format!("{id}: {message}"));
        }
    }

    /// The jobs that have ended and of which clients have been told, each with its number of items.
    pub(crate) fn ended_jobs(&self) -> Vec<(JobId, usize)> {
        let told = self.jobs.iter();
        told.filter(|(_, job)| job.accepted.is_some() && job.end.is_some())
            .map(|(id, job)| (id.clone(), job.plan))
            .collect()
    }

    /// Number of messages that the webhook has got, and of those among them that it had before.
    pub(crate) fn messages(&self) -> [u64; 2] {
        let all = self.messages.values().map(|message| message.all);
        all.fold([0, 0], |[all, again], count| {
            [all + count, again + count - 1]
        })
    }

    /// Checks that a message comes once where its receiver answers, nothing is lost and nobody
    /// dies or is stopped, however many want to send it at the same time. `calm` is the time since
    /// which that is so, if it is.
    pub(crate) fn check_message_id(&mut self, id: &str, calm: Option<Micros>) {
        let message = self.messages.entry(id.to_owned()).or_default();
        message.all += 1;
        if calm.is_some() && std::mem::replace(&mut message.in_calm, calm) == calm {
            self.broken("told-once", format!("{id} comes again"));
        }
    }

    /// Checks a message that the webhook gets.
    pub(crate) fn check_message(&mut self, body: &[u8]) {
        let id = String::from_utf8_lossy(body).into_owned();
        if id.starts_with(WAITING) {
            self.told.insert(id);
            return;
        }
        let is_ending = JobId::parse(&id).is_ok_and(|id| self.ending.contains(&id));
        if !is_ending {
            self.broken("told", format!("{id} is told of before its end"));
        }
        self.told.insert(id);
    }

    /// Checks that the webhook has been told of an ended job, or is still to be.
    fn check_webhook(&mut self, store: &Store, id: &JobId) {
        let is_noted = store.latest(&job::keys::webhook(id)).is_some();
        if self.tells && !is_noted && !self.told.contains(id.as_str()) {
            self.broken("told", format!("nobody will tell of {id}"));
        }
        let is_noted = store.latest(&job::keys::webhook_wait(id)).is_some();
        let told = format!("{WAITING}{id}");
        if self.waited.contains(id) && !is_noted && !self.told.contains(&told) {
            self.broken("told", format!("nobody will tell of the wait of {id}"));
        }
    }

    /// Forgets a job that has expired: it is as if it had never been.
    pub(crate) fn forget(&mut self) {
        self.jobs.clear();
        self.waited.clear();
    }

    /// Checks that a client may be told that there is no room.
    pub(crate) fn check_refusal(&mut self, store: &Store) {
        if store.latest_keys(EXPIRED).next().is_some() {
            self.broken("room", "there is no room, but jobs that have expired");
        }
    }

    /// The items to look up, in order; of a scan, as its plan says. Beyond the assumption two runs
    /// may look at the same photo and see different things: then there is no answer.
    fn items(&self, id: &JobId) -> Option<&[Wanted]> {
        let job = self.jobs.get(id)?;
        let plan = &self.plans[job.plan];
        match plan.pipeline {
            // Two creators may have seen the ended job differently, too.
            _ if job.retries.is_some() && !self.bounded => None,
            _ if job.retries.is_some() => job.seen.as_deref(),
            Pipeline::AiScan if !self.bounded => None,
            Pipeline::AiScan => job.seen.as_deref(),
            Pipeline::CsvImport | Pipeline::BatchEnrichment => Some(&plan.items),
        }
    }

    /// Records that a client has been told of the job.
    pub(crate) fn accepted(&mut self, id: &JobId, now: Micros) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.accepted.get_or_insert(now);
        }
    }

    /// Records that a write was asked for.
    pub(crate) fn written(
        &mut self,
        store: &Store,
        now: Micros,
        pid: Pid,
        key: &str,
        value: Option<&[u8]>,
    ) {
        if key.len() > MAX_KEY_BYTES {
            self.broken("limits", format!("a key of {} bytes: {key}", key.len()));
        }
        let bytes = value.map_or(0, <[u8]>::len);
        self.largest_value = self.largest_value.max(bytes);
        if bytes > MAX_VALUE_BYTES {
            self.broken("limits", format!("{key}: {bytes} bytes"));
        }
        if value.is_some()
            && let Some(id) = job::keys::owner(key)
            && *key == *job::keys::end(&id)
        {
            self.ending.insert(id);
        }
        if is_written_once(key) {
            match value {
                Some(value) => self.part_written(key, value),
                None => self.part_deleted(store, now, pid, key),
            }
        }
    }

    /// Checks a write that takes effect.
    pub(crate) fn took_effect(&mut self, store: &Store, now: Micros, write: &Write) {
        let Some(id) = job::keys::owner(&write.key) else {
            return;
        };
        if *write.key == *job::keys::root(&id) {
            match &write.value {
                Some(value) => self.root_written(store, &id, value),
                None => self.root_deleted(&id, now, write.pid),
            }
        } else if *write.key == *job::keys::end(&id) {
            match &write.value {
                Some(value) => self.end_written(store, &id, value),
                None => {
                    if let Some(job) = self.jobs.get_mut(&id)
                        && !job.end.as_ref().is_some_and(|end| may_be_expired(end, now))
                    {
                        job.end = None;
                    }
                }
            }
        }
    }

    fn part_written(&mut self, key: &str, value: &[u8]) {
        match self.parts.get(key) {
            Some(old) if **old != *value => {
                self.broken("written-once", format!("{key} is written again"));
            }
            _ => {
                self.parts.insert(key.to_owned(), Rc::from(value));
            }
        }
    }

    fn part_deleted(&mut self, store: &Store, now: Micros, pid: Pid, key: &str) {
        let Some(id) = job::keys::owner(key) else {
            return;
        };
        let Some(root) = store.view(pid, &job::keys::root(&id)) else {
            return;
        };
        let document = store.view(pid, &job::keys::end(&id)).unwrap_or(root);
        if let Ok(root) = serde_json::from_slice::<Root>(document)
            && !may_be_expired(&root, now)
            && named(&root).any(|part| part.key == key)
        {
            self.broken("named", format!("{key} is deleted while the root names it"));
        }
    }

    fn root_deleted(&mut self, id: &JobId, now: Micros, pid: Pid) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let expired = job
            .root
            .as_ref()
            .is_some_and(|root| may_be_expired(root, now));
        job.root = None;
        // Two that look for room at once both delete the job that makes it.
        let evicted = job.is_evicted;
        if job.accepted.is_some() && !expired && !evicted {
            self.broken("lost", format!("#{pid} deletes {id}, which was accepted"));
        }
    }

    /// Whether an ended job is written only to expire at once: there is nothing to be said of it.
    fn is_eviction(&mut self, id: &JobId, root: &Root) -> bool {
        let evicts = self.is_crowded && root.stage.is_terminal();
        let job = self.jobs.get_mut(id).filter(|_| evicts);
        let Some(job) = job else {
            return false;
        };
        let is_earlier = (job.end.as_ref()).is_some_and(|end| root.expires < end.expires);
        job.is_evicted |= is_earlier;
        if is_earlier {
            job.root = Some(root.clone());
        }
        job.is_evicted
    }

    fn root_written(&mut self, store: &Store, id: &JobId, value: &[u8]) {
        self.largest_root = self.largest_root.max(value.len());
        if value.len() > MAX_ROOT_BYTES {
            self.broken("limits", format!("a root of {} bytes", value.len()));
        }
        let Ok(root) = serde_json::from_slice::<Root>(value) else {
            return self.broken("whole", format!("the root of {id} cannot be read"));
        };
        if self.is_eviction(id, &root) {
            return;
        }
        let keys = store.latest_keys(&job::keys::prefix(id)).count() + 1;
        self.most_keys = self.most_keys.max(keys);
        self.note_plan(store, id, &root);
        self.check_document(store, id, &root);
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        // Until its making is settled a root may name another creator's.
        for upload in root.uploads.iter().filter(|_| root.seq > 1) {
            (job.uploads).extend((0..upload.chunks).map(|chunk| upload.chunk(chunk)));
        }
        let old = job.root.replace(root.clone());
        let end = job.end.clone();
        if root.long_wait.is_some() {
            self.waited.insert(id.clone());
        }
        if let Some(old) = old
            // Until its making is settled a job of a contended name may be made again.
            && old.seq > 1
            && (root.seq < old.seq
                || root.progress() < old.progress()
                || root.stage < old.stage
                || (old.total > 0 && root.total != old.total)
                || !keeps_photos(&old, &root))
        {
            self.broken(
                "root-goes-back",
                format!("{} -> {}", brief(&old), brief(&root)),
            );
        }
        if root.stage.is_terminal() {
            match end {
                None => self.broken("end-first", format!("{} without an end", brief(&root))),
                Some(end) if JobOutcome::of(&end) != JobOutcome::of(&root) => {
                    let both = format!("end {}, root {}", brief(&end), brief(&root));
                    self.broken("one-outcome", both);
                }
                Some(_) => {}
            }
        } else if end.is_some() {
            self.broken("after-the-end", format!("{} is written", brief(&root)));
        }
    }

    /// Records the plan of a scan, and checks it: books that are on the photos, each once.
    fn note_plan(&mut self, store: &Store, id: &JobId, root: &Root) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let is_scan = self.plans[job.plan].pipeline == Pipeline::AiScan;
        let is_noted = is_scan || job.retries.is_some();
        if !is_noted || root.total == 0 || job.seen.is_some() || root.stage.is_terminal() {
            return;
        }
        let items: Vec<Wanted> = root
            .plan
            .iter()
            .filter_map(|part| store.written(&part.key))
            .filter_map(|value| serde_json::from_slice::<Vec<Item>>(value).ok())
            .flatten()
            .map(|item| item.wanted)
            .collect();
        if job.retries.is_some() {
            job.seen = Some(items);
            return;
        }
        let titles: BTreeSet<&str> = items.iter().map(|item| item.title.as_str()).collect();
        let invented = titles.iter().find(|title| !shelf::has(title));
        if titles.len() != items.len() || invented.is_some() {
            let message = format!("{} plans {titles:?}", brief(root));
            return self.broken("items", message);
        }
        job.seen = Some(items);
    }

    fn end_written(&mut self, store: &Store, id: &JobId, value: &[u8]) {
        let Ok(end) = serde_json::from_slice::<Root>(value) else {
            return self.broken("whole", format!("the end of {id} cannot be read"));
        };
        if self.is_eviction(id, &end) {
            return;
        }
        self.check_document(store, id, &end);
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        job.deleted_by_ends.extend(end.leftovers.iter().cloned());
        let kept: BTreeSet<String> = (end.uploads.iter())
            .flat_map(|upload| (0..upload.chunks).map(|chunk| upload.chunk(chunk)))
            .collect();
        let mut left = job
            .uploads
            .iter()
            .filter(|chunk| store.latest(chunk).is_some());
        if let Some(chunk) = left.find(|chunk| !kept.contains(*chunk)).cloned() {
            return self.broken("uploads", format!("{chunk} is still there at the end"));
        }
        let is_done = |at: usize| {
            let photo = end.photos.get(at);
            photo.is_some_and(|photo| photo.status == PhotoStatus::Complete)
        };
        // What a job had seen that ended too early, its retry has not.
        let is_new_loss = |at: usize| {
            let mut retry = end.retry.iter();
            retry.all(|retry| retry.photos.iter().any(|photo| *photo as usize == at))
        };
        if end.kept_photos().any(is_done)
            || (!kept.is_empty() && !end.uploaded.keep_failed)
            || (end.stage == Stage::Complete && end.lost_photos().any(is_new_loss))
                && end.uploaded.keep_failed
                && !self.may_be_damaged
        {
            return self.broken("uploads", format!("{} keeps other photos", brief(&end)));
        }
        if kept.iter().any(|chunk| store.latest(chunk).is_none()) && !self.may_be_damaged {
            return self.broken("uploads", format!("{} lacks a kept photo", brief(&end)));
        }
        let failure = end.failure.as_ref().map_or("", |failure| &failure.message);
        if end
            .failure
            .as_ref()
            .is_some_and(|failure| failure.code == FailureCode::EInternal)
            && job.accepted.is_some()
            && !self.may_be_damaged
            && !failure.contains("interrupted")
        {
            let message = format!("{} ends: {failure}", brief(&end));
            return self.broken("internal", message);
        }
        match &job.end {
            // The store damaged the first one before anybody saw it: whoever does the work again
            // comes to the same.
            Some(old) if self.may_be_damaged && JobOutcome::of(old) == JobOutcome::of(&end) => {
                job.end = Some(end);
            }
            Some(old) if *old != end => {
                let both = format!("{} and then {}", brief(old), brief(&end));
                if !self.bounded {
                    // It is the one that everybody reads from now on.
                    job.end = Some(end);
                }
                self.broken("one-end", both);
            }
            // It may be written again by whoever was not told that it has been.
            Some(_) | None => job.end = Some(end),
        }
    }

    /// Checks the rules for every root and every end: its counters add up, and what it names is
    /// whole.
    fn check_document(&mut self, store: &Store, id: &JobId, root: &Root) {
        let text = brief(root);
        if root.processed() > root.total || root.stored() != root.processed() {
            self.broken("counters", format!("{text}: {} stored", root.stored()));
        }
        if root.stage == Stage::Complete && root.processed() != root.total {
            self.broken("items", format!("{text} is complete"));
        }
        for part in named(root) {
            match store.written(&part.key) {
                Some(value) if value.len() == part.bytes as usize => {}
                Some(_) => self.broken("named", format!("{text}: {} has another size", part.key)),
                None => self.broken("named", format!("{text}: {} is missing", part.key)),
            }
        }
        if let Some(items) = self.items(id)
            && root.total > 0
            && root.total as usize != items.len()
        {
            let message = format!("{text}: {} are asked for", items.len());
            return self.broken("items", message);
        }
        let Some(plan) = self.jobs.get(id).map(|job| &self.plans[job.plan]) else {
            return;
        };
        let pending = root.photos.len() as u32 - root.processed_photos();
        if pending > 0 && (root.total > 0 || root.stage == Stage::Complete) {
            return self.broken("items", format!("{text}: {pending} photos are pending"));
        }
        let unread = matches!(
            root.stage,
            Stage::Receiving | Stage::Queued | Stage::Analyzing
        );
        if plan.pipeline == Pipeline::CsvImport
            && root.stage != Stage::Canceled
            && root.stage != Stage::Error
            && !unread
            && !plan.readable
        {
            self.broken("items", format!("{text}: the file is not a list of books"));
        }
    }

    /// Checks that the results of an ended job are the first items of what was asked for, each
    /// once, in order.
    fn check_results(&mut self, store: &Store, id: &JobId) {
        let Some(job) = self.jobs.get(id) else {
            return;
        };
        let deleted = job.deleted_by_ends.clone();
        // Of two ends the one that took effect last is believed.
        let believed = || serde_json::from_slice(store.latest(&job::keys::end(id))?).ok();
        let end = match self.bounded {
            true => job.end.clone(),
            false => job.end.as_ref().and_then(|_| believed()),
        };
        let Some(end): Option<Root> = end else {
            return;
        };
        let wanted = match self.items(id) {
            None if !self.bounded => return,
            wanted => wanted.map(<[Wanted]>::to_vec).unwrap_or_default(),
        };
        let mut at = 0;
        let mut unanswered = 0;
        for part in &end.segments {
            let items = store
                .latest(&part.key)
                .and_then(|value| serde_json::from_slice::<Vec<Item>>(value).ok());
            let Some(items) = items else {
                // The other end has merged it, and deleted it.
                let is_of_another = !self.bounded && deleted.contains(&part.key);
                let rule = if is_of_another { "one-end" } else { "whole" };
                return self.broken(rule, format!("{} cannot be read", part.key));
            };
            if items.len() != part.count as usize {
                self.broken("whole", format!("{} has {} items", part.key, items.len()));
            }
            for item in items {
                if wanted.get(at) != Some(&item.wanted) || item.found.is_none() {
                    self.broken("items", format!("result {at} is {:?}", item.wanted.title));
                }
                // Whoever waited for a provider, or remembered what another job was told.
                let isbn = item.wanted.isbn.map(|isbn| isbn.to_string());
                if item.found == Some(Found::NotFound)
                    && isbn.is_some_and(|isbn| provider::is_known(&isbn))
                {
                    self.broken("not-found", format!("result {at} is known"));
                }
                unanswered += u32::from(item.is_unanswered());
                at += 1;
            }
        }
        if end.stage == Stage::Complete && at != wanted.len() {
            self.broken("items", format!("{at} results of {} items", wanted.len()));
        }
        if end.unanswered != unanswered || end.remembered > end.total {
            let counted = (end.unanswered, end.remembered);
            self.broken("counts", format!("{counted:?} of {unanswered} unanswered"));
        }
    }

    /// Checks that the library of a retry is the other job's, item for item, and that what had an
    /// outcome that was not tried again still has it.
    fn check_library(&mut self, store: &Store, id: &JobId) {
        let Some(job) = self.jobs.get(id) else {
            return;
        };
        let (Some(end), Some(of)) = (&job.end, &job.retries) else {
            return;
        };
        let Some(ended) = self.jobs.get(of).and_then(|job| job.end.as_ref()) else {
            return;
        };
        let Some(retry) = end.retry.as_ref().filter(|_| !self.may_be_damaged) else {
            return;
        };
        let read = |parts: &[Part]| -> Option<Vec<Item>> {
            let mut items = Vec::new();
            for part in parts {
                let value = store.latest(&part.key)?;
                items.extend(serde_json::from_slice::<Vec<Item>>(value).ok()?);
            }
            Some(items)
        };
        let before = match &ended.retry {
            Some(retry) => read(&retry.library),
            None => read(&ended.segments).and_then(|mut items| {
                if ended.stage != Stage::Complete && !ended.plan.is_empty() {
                    // Those that nobody reached follow.
                    let planned = read(&ended.plan)?;
                    items.extend(planned.into_iter().skip(ended.stored() as usize));
                }
                Some(items)
            }),
        };
        let before = before.map(|mut items| {
            lay_choices(store, ended, &mut items);
            items
        });
        let (Some(before), Some(after), Some(own)) =
            (before, read(&retry.library), read(&end.segments))
        else {
            return self.broken(
                "library",
                format!("a library of {} cannot be read", brief(end)),
            );
        };
        if !self.bounded {
            return;
        }
        let mut own = own.into_iter();
        let mut expected = before.clone();
        if retry.photos.is_empty() && after.len() != before.len() {
            let message = format!("the library of {} has other books", brief(end));
            return self.broken("items", message);
        }
        // Then those of photos that were looked at again.
        expected.extend(after.iter().skip(before.len()).cloned().map(|item| Item {
            found: None,
            candidates: Vec::new(),
            ..item
        }));
        for item in &mut expected {
            // Those that nobody has reached once more stay as they are.
            if retry_tries(item)
                && let Some(tried) = own.next()
            {
                *item = tried;
            }
        }
        let counts = end.counts();
        let found = after.iter().filter(|item| item.succeeded()).count();
        let unanswered = after.iter().filter(|item| item.is_unanswered()).count();
        if expected != after {
            // What was chosen is certain to be read only where writes come as soon as is assumed.
            let choices =
                |items: &[Item]| -> Vec<_> { items.iter().map(|item| item.choice).collect() };
            let rule = match choices(&expected) == choices(&after) {
                true => "items",
                false => "chosen",
            };
            let message = format!("the library of {} is another", brief(end));
            self.broken(rule, message);
        } else if (counts.succeeded, counts.total, counts.unanswered)
            != (found as u32, after.len() as u32, unanswered as u32)
        {
            let message = format!("{}: {counts:?}, but {found} found", brief(end));
            self.broken("counts", message);
        }
    }

    /// Checks an outcome that a client is told.
    fn outcome(&mut self, root: &Root) {
        let told = JobOutcome::of(root);
        let Some(job) = self.jobs.get_mut(&root.id) else {
            return;
        };
        match &job.outcome {
            None => job.outcome = Some(told),
            Some(first) if *first != told => {
                let message = format!("told {first:?}, then {told:?}");
                self.broken("one-outcome", message);
            }
            Some(_) => {}
        }
    }

    fn snapshot(&mut self, who: &str, seen: &mut ClientView, root: &Root) {
        let text = brief(root);
        if root.progress() < seen.progress || root.processed() < seen.processed {
            let (progress, processed) = (seen.progress, seen.processed);
            let before = format!("{who} has seen {progress} ({processed})");
            self.broken("goes-back", format!("{before}, then {text}"));
        }
        // Until its making is settled a job of a contended name may be made again.
        let made_again = seen.seq <= 1 && root.seq <= 1;
        if !made_again && (root.seq < seen.seq || (seen.total > 0 && root.total != seen.total)) {
            self.broken(
                "goes-back",
                format!("{who} has seen {} items: {text}", seen.total),
            );
        }
        seen.seq = root.seq;
        seen.progress = root.progress();
        seen.processed = root.processed();
        seen.total = root.total;
        let terminal = root.stage.is_terminal();
        if seen.over && !terminal {
            self.broken("after-the-outcome", format!("{who} is told {text}"));
        }
        if terminal {
            self.outcome(root);
        }
    }

    /// Checks the response to a poll.
    pub(crate) fn check_poll(&mut self, who: &str, seen: &mut ClientView, root: &Root) {
        self.snapshot(who, seen, root);
        seen.over |= root.stage.is_terminal();
    }

    /// Checks an event of a stream.
    pub(crate) fn check_event(
        &mut self,
        who: &str,
        seen: &mut ClientView,
        with_books: bool,
        notification: &Notification,
    ) {
        let root = &notification.root;
        if seen.over && notification.step != Step::Heartbeat {
            self.broken(
                "after-the-outcome",
                format!("{who} is told {:?}", notification.step),
            );
        }
        let position = match notification.step {
            Step::Heartbeat => return,
            Step::TimedOut(at) => {
                if at < seen.position {
                    self.broken("goes-back", format!("{who} times out at {at:?}"));
                }
                return;
            }
            Step::Initialized(at) | Step::Processing(at) | Step::Book(at, _) | Step::Ended(at) => {
                at
            }
        };
        // Until its making is settled a job of a contended name may be made again.
        let made_again = seen.position.seq <= 1 && position.seq <= 1;
        if position <= seen.position && seen.last_id.is_some() && !made_again {
            let message = format!("{who} has {:?}, then {position:?}", seen.position);
            self.broken("goes-back", message);
        }
        seen.position = position;
        seen.last_id = Some(position.id(with_books));
        if let Step::Book(_, index) = notification.step {
            let wanted = self
                .items(&root.id)
                .and_then(|items| items.get(index as usize));
            let told: Option<&Wanted> = notification.item.as_ref().map(|item| &item.wanted);
            let known = self.items(&root.id).is_some();
            if index != seen.books || (known && told != wanted) {
                let message = format!("{who} has {} books, is told book {index}", seen.books);
                self.broken("books", message);
            }
            seen.books = index + 1;
            return;
        }
        self.snapshot(who, seen, root);
        if matches!(notification.step, Step::Ended(_)) {
            seen.over = true;
            if with_books && seen.books != root.processed() && !self.may_be_damaged {
                let message = format!("{who} has {} books of {}", seen.books, root.processed());
                self.broken("books", message);
            }
        }
    }

    /// Checks that a client may be told that there is no such job. `lag` is how late a store may
    /// agree.
    pub(crate) fn check_missing(&mut self, who: &str, id: &JobId, asked: Micros, lag: Micros) {
        let accepted = self.jobs.get(id).and_then(|job| job.accepted);
        if accepted.is_some_and(|at| asked > at + lag) && !self.may_be_evicted(id) {
            self.broken("lost", format!("{who} finds no {id}, which was accepted"));
        }
    }

    /// Whether a job may be gone because it has ended and its room was needed.
    pub(crate) fn may_be_evicted(&self, id: &JobId) -> bool {
        let has_ended = |job: &TrackedJob| job.end.is_some() || job.is_evicted;
        self.is_crowded && self.jobs.get(id).is_some_and(has_ended)
    }

    /// The jobs of which clients have been told.
    pub(crate) fn accepted_jobs(&self) -> Vec<JobId> {
        self.jobs
            .iter()
            .filter(|(_, job)| job.accepted.is_some())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Checks what is left of the accepted jobs when everything is quiet.
    ///
    /// `ahead` is how far the clocks have jumped ahead since everything began.
    pub(crate) fn check_quiet(&mut self, store: &Store, now: Micros, ahead: Micros, faults: u64) {
        for id in self.accepted_jobs() {
            if self.jobs.get(&id).is_some_and(|job| job.is_evicted) {
                continue;
            }
            let end = self.jobs.get(&id).and_then(|job| job.end.as_ref());
            // It took others so long to find room.
            if end.is_some_and(|end| may_be_expired(end, now)) {
                continue;
            }
            self.check_left(store, &id, faults);
            self.check_lease(store, &id, now + ahead);
            self.check_results(store, &id);
            self.check_library(store, &id);
            self.check_choices(store, &id);
            self.check_webhook(store, &id);
        }
    }

    fn check_left(&mut self, store: &Store, id: &JobId, faults: u64) {
        let end = store
            .latest(&job::keys::end(id))
            .and_then(|value| serde_json::from_slice::<Root>(value).ok());
        let root = store
            .latest(&job::keys::root(id))
            .and_then(|value| serde_json::from_slice::<Root>(value).ok());
        let (Some(end), Some(root)) = (end, root) else {
            return self.broken("ends", format!("{id} has no end"));
        };
        if JobOutcome::of(&end) != JobOutcome::of(&root) {
            let message = format!("end {}, root {}", brief(&end), brief(&root));
            self.broken("one-outcome", message);
        }
        // Both go with the job.
        let marks = [job::keys::choices(id), job::keys::survived(id)];
        let marks = marks.iter().filter(|key| store.latest(key).is_some());
        let kept: u32 = root.uploads.iter().map(|upload| upload.chunks).sum();
        let names = 1 + marks.count() + named(&root).count() + kept as usize;
        let prefix = job::keys::prefix(id);
        let keys = store.latest_keys(&prefix).count();
        let orphans = u64::try_from(keys.saturating_sub(names)).unwrap_or(u64::MAX);
        let creators = self
            .jobs
            .get(id)
            .map_or(1, |job| self.plans[job.plan].creators);
        // Those that lost, when the name was used before, too.
        let losers = 2 * (creators - 1);
        if orphans > MAX_ORPHANS * (faults + losers) {
            let all: Vec<_> = store.latest_keys(&prefix).collect();
            self.broken(
                "left",
                format!("{orphans} orphans after {faults} faults: {all:?}"),
            );
        }
        if faults == 0 && creators == 1 && self.plans.len() == 1 && self.most_keys > MAX_KEYS {
            self.broken("keys", format!("{} keys of one job", self.most_keys));
        }
    }

    /// Checks that the lease of an ended job is not held: that of a run that died has run out by
    /// now, only one that goes on renews it.
    fn check_lease(&mut self, store: &Store, id: &JobId, now: Micros) {
        let lease = store
            .latest(&job::keys::lease(id))
            .and_then(|value| serde_json::from_slice::<LeaseDoc>(value).ok());
        if let Some(lease) = lease
            && lease.expires.0 > (EPOCH + now) / 1_000
        {
            self.broken("leased", format!("{id} has ended, but {lease:?}"));
        }
    }

    /// Checks that nothing is left when all jobs have expired and the store has been swept.
    pub(crate) fn check_swept(&mut self, store: &Store) {
        let left: Vec<_> = store.latest_keys("job/").map(ToString::to_string).collect();
        if !left.is_empty() {
            self.broken("left", format!("after the sweep: {left:?}"));
        }
    }

    /// The state of each accepted job, for the message that it does not end.
    pub(crate) fn standing(&self) -> String {
        let lines: Vec<String> = self
            .jobs
            .values()
            .filter_map(|job| job.root.as_ref())
            .map(brief)
            .collect();
        lines.join("; ")
    }
}

/// Whether a clock may say that the job is no more.
fn may_be_expired(root: &Root, now: Micros) -> bool {
    (EPOCH + now + MAX_AHEAD) / 1_000 >= root.expires.0
}

/// Whether a photo that was looked at to the end stays so.
fn keeps_photos(old: &Root, new: &Root) -> bool {
    let ended = |photo: &&PhotoState| photo.status != PhotoStatus::Pending;
    let mut pairs = old.photos.iter().zip(&new.photos);
    new.stage.is_terminal() || pairs.all(|(old, new)| !ended(&old) || old == new)
}

/// Whether a key is one that is written only once.
pub(crate) fn is_written_once(key: &str) -> bool {
    ["/plan/", "/seg/", "/lib/", "/report/", "/up/"]
        .iter()
        .any(|part| key.contains(part))
}

/// The keys that a root names and that must still exist; uploads are named a little longer than
/// they exist.
fn named(root: &Root) -> impl Iterator<Item = &Part> {
    root.plan
        .iter()
        .chain(&root.segments)
        .chain(&root.report)
        .chain(root.retry.iter().flat_map(|retry| &retry.library))
        .chain(root.photos.iter().filter_map(|photo| photo.part.as_ref()))
}

fn brief(root: &Root) -> String {
    format!(
        "{} {:?} seq {} epoch {} {}+{}/{}",
        &root.id.as_str()[..root.id.as_str().len().min(8)],
        root.stage,
        root.seq,
        root.epoch,
        root.succeeded,
        root.failed,
        root.total
    )
}

/// Whether a retry of everything tries an item of its library.
fn retry_tries(item: &Item) -> bool {
    let is_looked_up = item.found.is_some();
    !item.succeeded() && item.choice.is_none() && !(is_looked_up && item.is_unaskable())
}

/// Changes items of an ended job to what was chosen for them, as the store holds it.
fn lay_choices(store: &Store, end: &Root, items: &mut [Item]) {
    let value = store.latest(&job::keys::choices(&end.id));
    let document = value.and_then(|value| {
        let document: serde_json::Value = serde_json::from_slice(value).ok()?;
        (document["epoch"] == serde_json::to_value(&end.epoch).ok()?).then_some(document)
    });
    let Some(document) = document else {
        return;
    };
    for (index, item) in items.iter_mut().enumerate() {
        let choice = &document["books"][index.to_string()];
        if choice.is_object() {
            // The book's own match can be taken back.
            if let Some(Found::Record(own)) = &item.found
                && !(item.candidates.iter()).any(|near| near.is_same_as(own))
            {
                item.candidates.push(Near {
                    record: (**own).clone(),
                    reason: NearReason::Unsure,
                });
            }
            let record = serde_json::from_value(choice["record"].clone()).ok();
            item.found = Some(record.map_or(Found::NotFound, Found::Record));
            item.choice = serde_json::from_value(choice["by"].clone()).ok();
        }
    }
}
