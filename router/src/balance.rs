//! Replica choice: least outstanding requests among healthy replicas.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::topology::Server;

/// The server with the fewest statements under way; among equals the one that `rotation` (any number that changes from
/// call to call) points at, so that idle servers share the load.
#[must_use]
pub fn least_outstanding<'a>(
    servers: impl Iterator<Item = &'a Arc<Server>> + Clone,
    rotation: u32,
) -> Option<&'a Arc<Server>> {
    let count = servers.clone().count();
    if count == 0 {
        return None;
    }
    let start = rotation as usize % count;
    servers
        .clone()
        .skip(start)
        .chain(servers.take(start))
        .min_by_key(|server| server.outstanding.load(Ordering::Relaxed))
}
