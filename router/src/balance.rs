//! Replica choice: least outstanding requests among healthy replicas.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::topology::{Server, ServerId};

/// The server with the fewest statements under way; among equals `favourite`, where one is named, else the one that
/// `rotation` (any number that changes from call to call) points at, so that idle servers share the load.
#[must_use]
pub fn least_outstanding<'a>(
    servers: impl Iterator<Item = &'a Arc<Server>> + Clone,
    rotation: u32,
    favourite: Option<ServerId>,
) -> Option<&'a Arc<Server>> {
    let count = servers.clone().count();
    if count == 0 {
        return None;
    }
    // Fibonacci hashing: callers count more than their reads, often in even steps, and must not meet the same server each time.
    let hash = rotation.wrapping_mul(0x9E37_79B9);
    let start = ((u64::from(hash) * count as u64) >> 32) as usize;
    servers
        .clone()
        .skip(start)
        .chain(servers.take(start))
        .min_by_key(|server| (server.outstanding.load(Ordering::Relaxed), Some(server.id) != favourite))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Address, Role};

    fn server(id: u32) -> Arc<Server> {
        Arc::new(Server {
            id: ServerId(id),
            address: Address::Tcp("host".into(), 3306),
            name: id.to_string(),
            uuid: None,
            role: Role::Replica,
            why: String::new(),
            outstanding: Arc::default(),
        })
    }

    #[test]
    fn a_favourite_is_chosen_among_equals_only() {
        let servers = [1, 2, 3].map(server);
        let chosen = |rotation| least_outstanding(servers.iter(), rotation, Some(ServerId(2))).expect("a server").id;
        assert!((0..20).all(|rotation| chosen(rotation) == ServerId(2)));
        servers[1].outstanding.store(1, Ordering::Relaxed);
        assert!((0..20).all(|rotation| chosen(rotation) != ServerId(2)));
    }

    #[test]
    fn idle_servers_share_the_load_however_far_apart_the_reads_are() {
        let servers = [1, 2, 3].map(server);
        for step in 1..=12 {
            let mut chosen = [0; 3];
            for read in 0..300 {
                let server = least_outstanding(servers.iter(), read * step, None).expect("a server");
                chosen[server.id.0 as usize - 1] += 1;
            }
            assert!(chosen.iter().all(|count| (60..=140).contains(count)), "every {step}: {chosen:?}");
        }
    }
}
