//! Digest of what a job was made of: a repeated request is the same job only with the same content.

use sha2::{Digest, Sha256};

use crate::document::Item;

/// A digest of the files of a request, taken as they arrive.
#[derive(Clone, Debug, Default)]
pub struct ContentDigest {
    files: Sha256,
    current: Option<Sha256>,
}

impl ContentDigest {
    /// The digest of a single value.
    #[must_use]
    pub fn of(bytes: &[u8]) -> String {
        let mut digest = Self::default();
        digest.file();
        digest.update(bytes);
        digest.finish()
    }

    /// The digest of a request that names its items.
    #[must_use]
    pub fn of_items(items: &[Item]) -> String {
        Self::of(&serde_json::to_vec(items).unwrap_or_default())
    }

    /// Begins the next file.
    pub fn file(&mut self) {
        if let Some(file) = self.current.replace(Sha256::new()) {
            self.files.update(file.finalize());
        }
    }

    /// Takes the next bytes of the current file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.current.get_or_insert_with(Sha256::new).update(bytes);
    }

    /// The digest, in hexadecimal digits.
    #[must_use]
    pub fn finish(mut self) -> String {
        use std::fmt::Write as _;
        self.file();
        let mut text = String::new();
        for byte in &self.files.finalize()[..16] {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(files: &[&[&[u8]]]) -> String {
        let mut digest = ContentDigest::default();
        for file in files {
            digest.file();
            file.iter().for_each(|part| digest.update(part));
        }
        digest.finish()
    }

    #[test]
    fn how_a_file_arrives_does_not_matter_but_where_it_ends_does() {
        let whole = digest(&[&[b"title,isbn"]]);
        assert_eq!(whole, digest(&[&[b"title", b",isbn"]]));
        assert_eq!(whole, ContentDigest::of(b"title,isbn"));
        assert_eq!(whole.len(), 32);
        assert_ne!(whole, digest(&[&[b"title"], &[b",isbn"]]));
        assert_ne!(whole, digest(&[&[b"title,isbn"], &[]]));
        assert_ne!(digest(&[]), digest(&[&[]]));
    }
}
