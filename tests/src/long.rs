//! Tests of a size, short by default.

/// `short`, or `full` where `ROLECALL_TESTS_LONG` is set: the size that the threat names, which takes minutes.
#[must_use]
pub fn short_or_full<T>(short: T, full: T) -> T {
    if std::env::var_os("ROLECALL_TESTS_LONG").is_some() { full } else { short }
}
