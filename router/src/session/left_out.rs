//! What a test has the proxy forget, to see that the loss is found out. No release build has this.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::Pins;

static LEFT_OUT: OnceLock<BTreeSet<String>> = OnceLock::new();

/// Leaves out these items from now on: names with commas between them, as [`crate::left_out!`] and [`Pins::names`] (behind
/// `pin-`) have them. The first call counts.
pub fn leave_out(items: &str) {
    let _ = LEFT_OUT.set(items.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect());
}

/// Whether an item is left out.
#[must_use]
pub fn is_left_out(item: &str) -> bool {
    LEFT_OUT.get().is_some_and(|items| !items.is_empty() && items.contains(item))
}

/// `pins` without those left out.
pub(super) fn without_left_out(pins: Pins) -> Pins {
    match LEFT_OUT.get() {
        Some(items) if !items.is_empty() => {
            pins.iter().filter(|pin| !pin.names().any(|name| items.contains(&format!("pin-{name}")))).collect()
        }
        _ => pins,
    }
}
