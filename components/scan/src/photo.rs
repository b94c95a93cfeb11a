//! Check of a photo's header while it arrives: a photo that cannot be used is refused before it is
//! stored, and long before it is decoded.

use std::time::Duration;

use api::error::ApiError;
use vision::ImageError;

/// Bytes of a photo that its header may need: everything before the first scan of a JPEG.
const HEAD: usize = 512 << 10;

/// The beginning of a photo being received.
#[derive(Default)]
pub(crate) struct Header {
    number: u32,
    head: Vec<u8>,
    checked: bool,
    /// Estimated time to decode the photo.
    takes: Duration,
}

impl Header {
    /// Begins the next photo. Call [`Self::end`] for the one before.
    pub(crate) fn next(&mut self) {
        self.number += 1;
        self.head.clear();
        self.checked = false;
    }

    /// Takes the next bytes of the photo.
    ///
    /// # Errors
    /// As soon as it is clear that the photo cannot be used.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if self.checked {
            return Ok(());
        }
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        if self.head.len() == HEAD {
            return self.check();
        }
        Ok(())
    }

    /// The photo has come to its end: checks what there is of a header that is shorter than usual.
    /// Returns about how long decoding takes.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(crate) fn end(&mut self) -> Result<Duration, ApiError> {
        if self.number > 0 && !self.checked {
            self.check()?;
        }
        Ok(self.takes)
    }

    fn check(&mut self) -> Result<(), ApiError> {
        self.checked = true;
        let result = vision::probe(&self.head);
        self.head = Vec::new();
        match result {
            Ok(probe) => {
                let pixels = u64::from(probe.width) * u64::from(probe.height);
                self.takes = job::QueueTurn::time_to_decode(pixels);
                Ok(())
            }
            Err(error) => Err(self.refused(&error)),
        }
    }

    fn refused(&self, error: &ImageError) -> ApiError {
        let message = format!("Photo {}: {error}. {}", self.number, error.user_message());
        match error {
            ImageError::TooLarge { .. } => ApiError::too_many_pixels(message),
            _ => ApiError::unsupported_media_type(message),
        }
    }
}
