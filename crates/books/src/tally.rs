//! Counts of what is done, for tests of what must not be done again and again.

use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static COUNTS: RefCell<HashMap<&'static str, usize>> = RefCell::default();
}

/// Counts one of these.
pub(crate) fn count(what: &'static str) {
    COUNTS.with_borrow_mut(|counts| *counts.entry(what).or_default() += 1);
}

/// Number of these that this thread has counted so far.
pub(crate) fn counted(what: &'static str) -> usize {
    COUNTS.with_borrow(|counts| counts.get(what).copied().unwrap_or_default())
}
