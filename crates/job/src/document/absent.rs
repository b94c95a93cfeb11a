//! What documents leave out: values that readers assume anyway.

/// Whether a value is its type's default.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
