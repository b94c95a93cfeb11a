//! The rule which jobs are opened by their name, and which need their token.
//!
//! Status, stream and results of a job are read by its name. A token is needed to cancel a job and
//! for a socket. Shipped apps that choose the names of their jobs never send a token there; while
//! the operator allows it (`legacy_tokenless`), a name suffices for the jobs of their routes. A
//! token is never answered to somebody who shows only a name.

use job::{MadeBy, Root};

/// Whether a socket may follow a job, and the cancel routes of the first apps may end it, by its
/// name alone, where the operator allows that at all: apps choose the names of these jobs, and
/// connect to them without the token that they were answered.
pub fn name_suffices(root: &Root) -> bool {
    let is_named_by_apps = matches!(
        root.made_by,
        MadeBy::ScanBookshelf
            | MadeBy::ScanBookshelfBatch
            | MadeBy::CsvGemini
            | MadeBy::EnrichmentBatch
    );
    !root.token || is_named_by_apps
}

/// Whether a socket that shows no token and names no schema is told of this job in 2.0.0: the app
/// that sends several photos at once reads no other.
pub fn speaks_v2_without_token(root: &Root) -> bool {
    root.made_by == MadeBy::ScanBookshelfBatch
}
