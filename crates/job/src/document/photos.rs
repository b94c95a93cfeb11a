//! What a root knows of the photos of its scan: which are next, done, kept or lost.

use super::{FailureCode, PhotoState, PhotoStatus, PhotoStep, Pipeline, Root, Stage};

impl Root {
    /// The first photo that waits for this step.
    pub(crate) fn next_photo(&self, step: PhotoStep) -> Option<usize> {
        let waits = |photo: &PhotoState| photo.status == PhotoStatus::Pending && photo.step == step;
        self.photos.iter().position(waits)
    }

    /// Photos whose analysis has ended, well or not.
    #[must_use]
    pub fn processed_photos(&self) -> u32 {
        let ended = |photo: &&PhotoState| photo.status != PhotoStatus::Pending;
        u32::try_from(self.photos.iter().filter(ended).count()).unwrap_or(u32::MAX)
    }

    /// Number of books recognised so far: the sum over the photos that were looked at and, once all
    /// have been, without books that are on several.
    #[must_use]
    pub fn recognized_books(&self) -> u32 {
        if self.total > 0 {
            return self.total;
        }
        self.photos.iter().map(|photo| photo.found).sum()
    }

    /// Whether a photo that was uploaded is kept when the job has ended: the client wants those
    /// kept that were not looked at to the end. One that is no picture will be none later.
    #[must_use]
    pub(crate) fn keeps_photo(&self, index: usize) -> bool {
        let is_done = |photo: &PhotoState| photo.status == PhotoStatus::Complete;
        // Of a scan that ended before its first run no photo has a state.
        let is_broken = |photo: &PhotoState| photo.code == Some(FailureCode::EImageInvalid);
        let is_left =
            !(self.photos.get(index)).is_some_and(|photo| is_done(photo) || is_broken(photo));
        self.pipeline == Pipeline::AiScan && self.uploaded.keep_failed && is_left
    }

    /// Indices of the photos that a retry of this ended job can look at again.
    pub fn kept_photos(&self) -> impl Iterator<Item = usize> {
        let uploads = self.uploads.iter().enumerate();
        let kept = uploads.filter(|(at, upload)| upload.chunks > 0 && self.keeps_photo(*at));
        kept.map(|(at, _)| at)
    }

    /// Whether what was seen on a photo is lost, because the job ended before it was known which
    /// books are on all photos. What a retry has taken over is in its library.
    fn has_lost_detections(&self, index: usize) -> bool {
        let is_early = match self.stage {
            Stage::Canceled => true,
            // Of photos without a book nothing is lost.
            Stage::Error => !(self.failure.as_ref())
                .is_some_and(|failure| failure.code == FailureCode::ENoBooksFound),
            _ => false,
        };
        let is_unknown = is_early && self.pipeline == Pipeline::AiScan && self.total == 0;
        let retried = self.retry.as_ref().map(|retry| &retry.photos);
        is_unknown && retried.is_none_or(|all| all.iter().any(|photo| *photo as usize == index))
    }

    /// The photos of a retry of this ended job before any is looked at again: those of which
    /// nothing is known have failed.
    pub(crate) fn photos_of_retry(&self) -> Vec<PhotoState> {
        let mut photos = self.photos.clone();
        if self.pipeline == Pipeline::AiScan {
            let files = self.uploaded.files as usize;
            photos.resize(files.max(photos.len()), PhotoState::default());
        }
        let code = self.failure.as_ref().map(|failure| failure.code);
        for (at, photo) in photos.iter_mut().enumerate() {
            if self.has_lost_detections(at) && photo.status != PhotoStatus::Failed {
                *photo = PhotoState::failed(code.unwrap_or(FailureCode::EInternal));
            }
        }
        photos
    }

    /// Indices of the photos whose books are not known and that are not kept.
    pub fn lost_photos(&self) -> impl Iterator<Item = usize> {
        let is_kept = |at: usize| {
            self.keeps_photo(at) && self.uploads.get(at).is_some_and(|upload| upload.chunks > 0)
        };
        // Of a scan that ended at once none has been begun.
        let photos = self.photos.len().max(self.uploaded.files as usize);
        let has_failed = |at: usize| {
            let photo = self.photos.get(at);
            photo.is_some_and(|photo| photo.status == PhotoStatus::Failed)
        };
        let is_lost = move |at: usize| has_failed(at) || self.has_lost_detections(at);
        (0..photos).filter(move |at| is_lost(*at) && !is_kept(*at))
    }

    /// Forgets the uploads, unless one of them is kept.
    pub(crate) fn forget_uploads(&mut self) {
        if self.kept_photos().next().is_none() {
            self.uploads.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Component;
    use super::*;

    fn photo(status: PhotoStatus, step: PhotoStep, done: u8) -> PhotoState {
        PhotoState {
            status,
            step,
            done,
            ..PhotoState::default()
        }
    }

    #[test]
    fn each_component_has_its_turn_at_the_photos_once() {
        use PhotoStatus::{Complete, Failed, Pending};
        use PhotoStep::{Identify, Look, Read};
        let turns = [
            (vec![(Pending, Read), (Pending, Look)], Component::Scan),
            (
                vec![(Pending, Identify), (Pending, Read)],
                Component::Reader,
            ),
            (
                vec![(Failed, Look), (Pending, Identify)],
                Component::Enrichment,
            ),
            // What is left is to make one list of all.
            (vec![(Failed, Look), (Complete, Look)], Component::Scan),
        ];
        let stored = include_str!("../../tests/fixtures/stored.json");
        let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
        let stored = &stored["root ai_scan analyzing"]["value"];
        for (photos, component) in turns {
            let mut root: Root = serde_json::from_value(stored.clone()).unwrap();
            root.photos = photos
                .iter()
                .map(|(status, step)| photo(*status, *step, 0))
                .collect();
            assert_eq!(root.next_component(), component, "{photos:?}");
        }
    }

    #[test]
    fn progress_moves_while_a_photo_is_read() {
        let states = [
            photo(PhotoStatus::Pending, PhotoStep::Read, 0),
            photo(PhotoStatus::Pending, PhotoStep::Read, 50),
            photo(PhotoStatus::Pending, PhotoStep::Read, 255),
            photo(PhotoStatus::Pending, PhotoStep::Identify, 0),
            photo(PhotoStatus::Complete, PhotoStep::Look, 0),
        ];
        let progress: Vec<f64> = states.iter().map(PhotoState::progress).collect();
        assert_eq!(progress, [0.0, 0.4, 0.8, 0.8, 1.0]);
    }
}
