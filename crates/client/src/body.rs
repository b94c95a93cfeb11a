//! Request bodies, handed to the connection in slices, so that the progress of an upload can be
//! seen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use uuid::Uuid;

use crate::Photo;

const SLICE: usize = 64 << 10;

/// Bytes that the connection has taken so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    pieces: VecDeque<Bytes>,
    taken: Taken,
}

impl Body {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            pieces: pieces
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .collect(),
            taken: Taken::default(),
        }
    }

    pub(crate) fn taken(&self) -> Taken {
        self.taken.clone()
    }

    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// A body of photos as `multipart/form-data` (RFC 7578), and its content type.
    pub(crate) fn multipart(photos: &[Photo]) -> (Self, String) {
        // Random, so it cannot occur in a photo.
        let boundary = Uuid::new_v4().simple().to_string();
        let mut pieces = Vec::new();
        for (index, photo) in photos.iter().enumerate() {
            pieces.push(Bytes::from(format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"photos\"; filename=\"photo-{index}\"\r\ncontent-type: {}\r\n\r\n",
                photo.media_type()
            )));
            pieces.push(photo.bytes.clone());
            pieces.push(Bytes::from_static(b"\r\n"));
        }
        pieces.push(Bytes::from(format!("--{boundary}--\r\n")));
        (
            Self::new(pieces),
            format!("multipart/form-data; boundary={boundary}"),
        )
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Poll::Ready(None);
        };
        if piece.len() > SLICE {
            let rest = piece.split_off(SLICE);
            self.pieces.push_front(rest);
        }
        self.taken
            .0
            .fetch_add(piece.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
