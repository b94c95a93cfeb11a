//! Deliberate mistakes of the engine, made where it touches the world: the engine's own code stays
//! as it is. Each is found by some schedule, or the simulation is worth nothing.

use job::{HandOver, LeaseDoc, Time};

use crate::world::Role;

/// A deliberate mistake of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mutation {
    /// A commit without a fence: the looks at end, root and lease before it show what the run
    /// itself wrote last.
    SkipFence,
    /// A claim does not read back what it wrote.
    ClaimUnchecked,
    /// A claim does not wait before it reads back what it wrote.
    ClaimWithoutWait,
    /// A lease lasts for hours and is not given up.
    KeepLease,
    /// A holder's clock stands still, so its lease never seems to run out.
    StoppedClock,
    /// Epochs have a term only, so two claims of the same term are one.
    EpochsWithoutNonce,
    /// The names of segments do not say whose they are.
    ReuseSegmentNames,
    /// A segment is written after the root that names it.
    RootBeforeSegment,
    /// Merged segments are deleted before the root that no longer names them is written.
    DeleteBeforeRoot,
    /// The end is not written.
    ForgetEnd,
    /// The end is not read.
    IgnoreEnd,
    /// Uploads are not deleted.
    KeepUploads,
    /// A stream forgets what its client has had.
    ForgetPosition,
    /// A run takes a job over as it finds it, whatever the giver wrote.
    HandOverWithoutSeq,
    /// A job of a contended name is not settled before it is worked on.
    SkipSettling,
    /// A failure for which the application is to blame is not written down.
    ForgetFailure,
    /// A choice is answered without waiting for whoever chooses at the same time.
    ChooseWithoutWait,
    /// A retry does not look at what was chosen.
    RetryWithoutChoices,
    /// The message to the webhook about an end is not written down.
    ForgetMessage,
    /// A claim of a message to the webhook does not read back what it wrote.
    ClaimMessageUnchecked,
}

impl Mutation {
    /// All mistakes.
    pub const ALL: [Self; 20] = [
        Self::SkipFence,
        Self::ClaimUnchecked,
        Self::ClaimWithoutWait,
        Self::KeepLease,
        Self::StoppedClock,
        Self::EpochsWithoutNonce,
        Self::ReuseSegmentNames,
        Self::RootBeforeSegment,
        Self::DeleteBeforeRoot,
        Self::ForgetEnd,
        Self::IgnoreEnd,
        Self::KeepUploads,
        Self::ForgetPosition,
        Self::HandOverWithoutSeq,
        Self::SkipSettling,
        Self::ForgetFailure,
        Self::ChooseWithoutWait,
        Self::RetryWithoutChoices,
        Self::ForgetMessage,
        Self::ClaimMessageUnchecked,
    ];
}

/// A key and what is written under it; `None` deletes.
pub(crate) type Op = (String, Option<Vec<u8>>);

/// The kind of document under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Root,
    End,
    Lease,
    Segment,
    Upload,
    Choices,
    Message,
    Other,
}

fn kind(key: &str) -> Kind {
    let Some(rest) = key.strip_prefix("job/") else {
        return Kind::Other;
    };
    match rest.split_once('/').map(|(_, rest)| rest) {
        None => Kind::Root,
        Some("end") => Kind::End,
        Some("lease") => Kind::Lease,
        Some("choices") => Kind::Choices,
        Some("webhook") => Kind::Message,
        Some(rest) if rest.starts_with("seg/") => Kind::Segment,
        Some(rest) if rest.starts_with("up/") => Kind::Upload,
        Some(_) => Kind::Other,
    }
}

/// The effects of a process, changed by at most one mistake.
pub(crate) struct Tampering {
    mutation: Option<Mutation>,
    /// Whether the process makes a choice.
    chooses: bool,
    own_root: Option<Vec<u8>>,
    own_lease: Option<Vec<u8>>,
    own_message: Option<Vec<u8>>,
    /// The last two looks: the fence is the look at a lease after those at end and root.
    looks: [Kind; 2],
    held_back: Vec<Op>,
}

impl Tampering {
    /// The mutation as it acts on a process of this role. Only processes that work on jobs are
    /// mutated; [`Mutation::IgnoreEnd`] alone acts on all.
    pub(crate) fn new(mutation: Option<Mutation>, role: Role) -> Self {
        let works = matches!(role, Role::Creator | Role::Run | Role::Chooser);
        Self {
            mutation: mutation.filter(|&it| works || it == Mutation::IgnoreEnd),
            chooses: role == Role::Chooser,
            own_root: None,
            own_lease: None,
            own_message: None,
            looks: [Kind::Other; 2],
            held_back: Vec::new(),
        }
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// The key that is used instead of `key`.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.is(Mutation::ReuseSegmentNames) {
            without_epochs(key)
        } else {
            key.to_owned()
        }
    }

    /// The value that the engine is told that it has read.
    pub(crate) fn read(&mut self, key: &str, seen: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let kind = kind(key);
        let before = self.looks;
        self.looks = [before[1], kind];
        let in_fence = match kind {
            Kind::Root => before[1] == Kind::End,
            Kind::Lease => before == [Kind::End, Kind::Root],
            _ => false,
        };
        match (self.mutation, kind) {
            (Some(Mutation::SkipFence | Mutation::IgnoreEnd), Kind::End) => None,
            (Some(Mutation::RetryWithoutChoices), Kind::Choices) if !self.chooses => None,
            (Some(Mutation::SkipFence), Kind::Root) if in_fence => self.own_root.clone().or(seen),
            (Some(Mutation::SkipFence), Kind::Lease) if in_fence => self.own_lease.clone().or(seen),
            (Some(Mutation::ClaimUnchecked), Kind::Lease) if !in_fence => {
                self.own_lease.clone().or(seen)
            }
            (Some(Mutation::ClaimMessageUnchecked), Kind::Message) => {
                self.own_message.clone().or(seen)
            }
            _ => seen,
        }
    }

    /// The value that is written when the engine writes `value` under `key`.
    pub(crate) fn write(&mut self, key: &str, value: Option<&[u8]>) -> Vec<Op> {
        let kind = kind(key);
        let op = (self.key(key), value.map(<[u8]>::to_vec));
        match kind {
            Kind::Root => self.own_root.clone_from(&op.1),
            Kind::Lease => self.own_lease.clone_from(&op.1),
            Kind::Message => self.own_message.clone_from(&op.1),
            _ => {}
        }
        match (self.mutation, kind, value) {
            (Some(Mutation::ForgetEnd), Kind::End, Some(_))
            | (Some(Mutation::ForgetMessage), Kind::Message, Some(_))
            | (Some(Mutation::KeepUploads), Kind::Upload, None)
            | (Some(Mutation::KeepLease), Kind::Lease, None) => Vec::new(),
            (Some(Mutation::ForgetFailure), Kind::Root | Kind::End, Some(value))
                if has_internal_failure(value) =>
            {
                Vec::new()
            }
            (Some(Mutation::KeepLease), Kind::Lease, Some(lease)) => {
                vec![(op.0, Some(for_hours(lease)))]
            }
            (Some(Mutation::ReuseSegmentNames), Kind::Root | Kind::End, Some(value)) => {
                let text = String::from_utf8_lossy(value);
                vec![(op.0, Some(without_epochs(&text).into_bytes()))]
            }
            (Some(Mutation::RootBeforeSegment), Kind::Segment, Some(_)) => {
                self.held_back.push(op);
                Vec::new()
            }
            (Some(Mutation::DeleteBeforeRoot), Kind::Root, Some(root)) if has_segments(root) => {
                self.held_back.push(op);
                Vec::new()
            }
            (Some(Mutation::DeleteBeforeRoot), Kind::Segment, None) => vec![op],
            (Some(Mutation::RootBeforeSegment), Kind::Root, _) => {
                let mut ops = vec![op];
                ops.append(&mut self.held_back);
                ops
            }
            (Some(Mutation::DeleteBeforeRoot), ..) => {
                let mut ops = std::mem::take(&mut self.held_back);
                ops.push(op);
                ops
            }
            _ => vec![op],
        }
    }

    /// The hand-over that is sent when the engine starts a run.
    pub(crate) fn hand_over(&self, given: Option<&HandOver>) -> Option<HandOver> {
        let mut given = given.cloned()?;
        if self.is(Mutation::HandOverWithoutSeq) {
            given.seq = 0;
        }
        if self.is(Mutation::SkipSettling) {
            given.made = None;
        }
        Some(given)
    }

    /// Whether the clock of a process that has written a lease stands still.
    pub(crate) fn stops_clock(&self) -> bool {
        self.is(Mutation::StoppedClock)
    }

    /// Whether a claim goes on at once.
    pub(crate) fn skips_wait(&self) -> bool {
        self.is(Mutation::ClaimWithoutWait)
    }

    /// Whether a choice is answered at once.
    pub(crate) fn chooses_at_once(&self) -> bool {
        self.chooses && self.is(Mutation::ChooseWithoutWait)
    }

    /// Whether all random bytes are the same.
    pub(crate) fn stops_dice(&self) -> bool {
        self.is(Mutation::EpochsWithoutNonce)
    }
}

/// Eight hours, in ms.
const HOURS: u64 = 8 * 3_600_000;

/// A lease that expires hours later.
fn for_hours(lease: &[u8]) -> Vec<u8> {
    let Ok(mut doc) = serde_json::from_slice::<LeaseDoc>(lease) else {
        return lease.to_vec();
    };
    doc.expires = Time(doc.expires.0 + HOURS);
    serde_json::to_vec(&doc).unwrap_or_default()
}

fn has_internal_failure(root: &[u8]) -> bool {
    root.windows(12).any(|part| part == b"\"E_INTERNAL\"")
}

fn has_segments(root: &[u8]) -> bool {
    root.windows(5).any(|five| five == b"/seg/")
}

/// All names of segments in `text`, without the epochs in them.
fn without_epochs(text: &str) -> String {
    let mut parts = text.split("/seg/");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let number = part.split_once('.').map_or(part, |(_, rest)| rest);
        all.push_str("/seg/");
        all.push_str(number);
    }
    all
}
