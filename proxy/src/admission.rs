//! Limits on connections that have not logged in: what a flood of them may take.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::metrics::RefusedBy;

/// Counts connections that have not logged in, in all and by address.
#[derive(Debug, Clone)]
pub struct Admission {
    counts: Arc<Mutex<Counts>>,
    limits: Arc<ArcSwap<Limits>>,
}

/// How many connections may be in the connection phase at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub unauthenticated: usize,
    /// From one address.
    pub per_address: usize,
    /// Sessions in all, logged in or not.
    pub sessions: usize,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Admission {
    /// With these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { counts: Arc::default(), limits: Arc::new(ArcSwap::from_pointee(limits)) }
    }

    /// Other limits from now on; who is in stays in.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// Lets a connection in, unless a limit is reached. `sessions`: how many there are now.
    ///
    /// # Errors
    /// The limit.
    pub fn admit(&self, peer: Option<IpAddr>, sessions: u32) -> Result<Admitted, RefusedBy> {
        let limits = self.limits.load();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions as usize >= limits.sessions {
            return Err(RefusedBy::MaxSessions);
        }
        if counts.all >= limits.unauthenticated {
            return Err(RefusedBy::Unauthenticated);
        }
        if let Some(peer) = peer {
            let from_peer = counts.by_address.entry(peer).or_default();
            if *from_peer >= limits.per_address {
                return Err(RefusedBy::PerAddress);
            }
            *from_peer += 1;
        }
        counts.all += 1;
        Ok(Admitted { counts: Arc::clone(&self.counts), peer })
    }
}

/// Counts as one connection that has not logged in, until dropped.
#[derive(Debug)]
pub struct Admitted {
    counts: Arc<Mutex<Counts>>,
    peer: Option<IpAddr>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let Some(peer) = self.peer else { return };
        if let Some(from_peer) = counts.by_address.get_mut(&peer) {
            *from_peer -= 1;
            if *from_peer == 0 {
                counts.by_address.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let admission = Admission::new(Limits { unauthenticated: 3, per_address: 2, sessions: 100 });
        let flooder = Some(IpAddr::from([127, 0, 0, 1]));
        let first = admission.admit(flooder, 0).expect("room");
        let _second = admission.admit(flooder, 0).expect("room");
        assert!(admission.admit(flooder, 0).is_err());
        assert!(admission.admit(Some(IpAddr::from([127, 0, 0, 2])), 0).is_ok());
        drop(first);
        assert!(admission.admit(flooder, 0).is_ok());
        assert!(admission.admit(None, 100).is_err());
    }
}
