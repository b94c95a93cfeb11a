//! Hand-over of a job from one run to the next, and from the request that created it to its first
//! run.

use crate::document::{HandOver, Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::keys;
use crate::lease::{self, Lease, LeaseDoc, Liveness};
use crate::storage::{delete_parts_missing_from, encode_root, read_root};

/// An accepted job, for the invocation that created it.
#[derive(Debug)]
pub struct Created {
    /// The job's root.
    pub root: Root,
    /// The job's lease. Under a contended name it is tentative until [`Created::settle`].
    pub(crate) lease: Lease,
    pub(crate) contended: bool,
}

impl Created {
    /// The hand-over by which another run takes the job from the invocation that created it.
    pub(crate) fn hand_over(&self) -> HandOver {
        HandOver {
            epoch: self.lease.epoch().clone(),
            seq: self.root.seq,
            made: self.contended.then(|| Box::new(self.root.clone())),
        }
    }

    /// The root and the lease, once it is certain that no other creation has the name; `None` when
    /// one has. Costs nothing for names that the application made up.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn settle<E: Effects>(
        self,
        engine: Engine<'_, E>,
    ) -> Result<Option<(Root, Lease)>, StoreError> {
        if !self.contended {
            return Ok(Some((self.root, self.lease)));
        }
        let lease = match engine.settle(&self.root).await? {
            Settlement::Ours => self.lease,
            Settlement::Under(lease) => lease,
            Settlement::Theirs => return Ok(None),
        };
        let lease = lease.settled(engine).await?;
        Ok(lease.map(|lease| (self.root, lease)))
    }
}

/// The decision which of several jobs created under one name has the name.
pub(crate) enum Settlement {
    /// The given job has the name.
    Ours,
    /// The given job has the name; its root was written again under this lease, because its own was
    /// overwritten.
    Under(Lease),
    /// Another job has the name, or a run already works on the given one.
    Theirs,
}

impl<E: Effects> Engine<'_, E> {
    /// Waits until it is certain whether the job `made` has its name, which other creations may
    /// have used at the same moment. When another creation overwrote the root without being
    /// accepted, the root of `made` is written again: the other creator may be dead.
    ///
    /// # Errors
    /// When the store goes on failing for four times as long as a lease usually lasts.
    pub(crate) async fn settle(&self, made: &Root) -> Result<Settlement, StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let until = effects.monotonic() + settings.lease * 4;
        let mut claimed: Option<Lease> = None;
        loop {
            effects.sleep(settings.write_delay * 2).await;
            let read = async || read_root(effects, &made.id).await;
            match self.retry_briefly(read).await? {
                Some(root) if root.epoch == made.epoch => {
                    return Ok(claimed.map_or(Settlement::Ours, Settlement::Under));
                }
                Some(root) if root.stage != Stage::Receiving => {
                    let _ = delete_parts_missing_from(effects, made, Some(&root)).await;
                    return Ok(Settlement::Theirs);
                }
                Some(_) | None => {}
            }
            if let Err(error) = self.write_again(made, &mut claimed).await
                && effects.monotonic() >= until
            {
                return Err(error);
            }
        }
    }

    /// Writes the root of `made` again if nobody else can be writing it; else claims its lease for
    /// the next attempt, unless another process holds it.
    async fn write_again(
        &self,
        made: &Root,
        claimed: &mut Option<Lease>,
    ) -> Result<(), StoreError> {
        let Engine {
            effects, settings, ..
        } = *self;
        let epoch = claimed.as_ref().map_or(&made.epoch, Lease::epoch);
        let doc = self
            .read_fresh(async || lease::read(effects, &made.id).await)
            .await?;
        let now = effects.now();
        let may_write = |doc: &LeaseDoc| match doc.epoch == *epoch {
            true => now.plus(settings.write_delay * 2) < doc.expires,
            // The lease of another creation, which also checks the root before it goes on.
            false => {
                doc.epoch.term == made.epoch.term && doc.liveness(now, settings) == Liveness::Live
            }
        };
        if doc.as_ref().is_some_and(may_write) {
            // The look before this one may have been long ago, and the other's run may have begun.
            let standing = self
                .read_fresh(async || read_root(effects, &made.id).await)
                .await?;
            if standing.is_some_and(|root| root.stage != Stage::Receiving) {
                return Ok(());
            }
            return effects
                .set(&keys::root(&made.id), &encode_root(made)?)
                .await;
        }
        if let Some(lease) = Lease::claim(*self, &made.id, made.epoch.term).await? {
            *claimed = Some(lease);
        }
        Ok(())
    }
}
