//! Replica choice: the proxy's own zone first, and there the fewest statements under way for a server's weight.
//!
//! - A server's load is `(outstanding + 1) / weight`: what it would have with one statement more. Least load wins, so under
//!   saturation servers get shares in proportion to their weights, and a slow one gets less by itself. (HAProxy's `leastconn`
//!   and nginx' `least_conn` weigh so; MaxScale counts operations without weights; ProxySQL draws by weight, blind to load.)
//! - Idle servers are equals, whatever their weights, and are drawn in proportion to these: by load alone the heaviest would
//!   get all reads of a quiet proxy.
//! - Weight 0 is the last resort: taken where no server with a weight may serve.
//! - Zones: Envoy keeps as much in its zone as evens out the requests per host, which it foresees from how proxies and hosts
//!   are spread over zones. A proxy that sees nobody but itself cannot, and need not: statements under way show it when its
//!   zone is too small. Reads leave the zone while its least busy server has `BUSY` statements under way *and* more than
//!   `MARKED` times the load of the least busy one elsewhere. So a quiet zone is never left (each read elsewhere costs a
//!   round trip between zones, and money), and a zone that is too small keeps two thirds.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::topology::{Server, ServerId};

/// Statements of one proxy that any server of a size runs at a time without queueing.
const BUSY: u32 = 16;
/// How many times the load elsewhere.
const MARKED: u64 = 2;

/// The server that a read goes to, see the module's head. Among equals it is `favourite`, where one is named, else the one
/// that `rotation` (any number that changes from call to call) points at. One pass, and another one where there is nothing
/// but last resorts.
#[must_use]
pub fn least_busy<'a>(
    servers: impl Iterator<Item = &'a Arc<Server>> + Clone,
    rotation: u32,
    favourite: Option<ServerId>,
) -> Option<&'a Arc<Server>> {
    let weighted = servers.clone().filter(|server| server.weight > 0);
    choose(weighted, rotation, favourite).or_else(|| choose(servers, rotation, favourite))
}

fn choose<'a>(
    servers: impl Iterator<Item = &'a Arc<Server>>,
    rotation: u32,
    favourite: Option<ServerId>,
) -> Option<&'a Arc<Server>> {
    let (mut near, mut far) = (Least::new(rotation), Least::new(rotation));
    for server in servers {
        let least = if server.is_near { &mut near } else { &mut far };
        least.offer(server, favourite);
    }
    let chosen = match (near.best(), far.best()) {
        (Some(near), Some(far)) if near.is_much_busier_than(far) => Some(far),
        (near, far) => near.or(far),
    };
    chosen.map(|load| load.server)
}

/// A server as it was when it was looked at: others change its count meanwhile.
#[derive(Debug, Clone, Copy)]
struct Load<'a> {
    server: &'a Arc<Server>,
    outstanding: u32,
    weight: u32,
}

impl Load<'_> {
    /// `(outstanding + 1) / weight` of both, over one denominator.
    fn against(self, other: Self) -> (u64, u64) {
        let over = |one: Self, other: Self| (u64::from(one.outstanding) + 1) * u64::from(other.weight);
        (over(self, other), over(other, self))
    }

    fn is_much_busier_than(self, other: Self) -> bool {
        let (own, others) = self.against(other);
        self.outstanding >= BUSY && own > others.saturating_mul(MARKED)
    }
}

/// The least loaded of those that were offered, in one zone.
#[derive(Debug)]
struct Least<'a> {
    idle: Draw<'a>,
    /// The greatest weight of an idle one: that one's load is the least that they have.
    heaviest: u32,
    busy: Draw<'a>,
}

impl<'a> Least<'a> {
    const fn new(rotation: u32) -> Self {
        Self { idle: Draw::new(rotation), heaviest: 0, busy: Draw::new(rotation) }
    }

    fn offer(&mut self, server: &'a Arc<Server>, favourite: Option<ServerId>) {
        let load =
            Load { server, outstanding: server.outstanding.load(Ordering::Relaxed), weight: server.weight.max(1) };
        if load.outstanding == 0 {
            self.heaviest = self.heaviest.max(load.weight);
            return self.idle.equal(load, favourite);
        }
        match self.busy.chosen.map(|chosen| load.against(chosen)) {
            Some((new, old)) if new > old => {}
            Some((new, old)) if new == old => self.busy.equal(load, favourite),
            _ => self.busy.start(load),
        }
    }

    fn best(self) -> Option<Load<'a>> {
        match (self.idle.chosen, self.busy.chosen) {
            (Some(idle), Some(busy)) => {
                let (busy_load, least) = busy.against(Load { weight: self.heaviest, ..idle });
                Some(if busy_load < least { busy } else { idle })
            }
            (idle, busy) => idle.or(busy),
        }
    }
}

/// One of equals, drawn by their weights.
#[derive(Debug)]
struct Draw<'a> {
    chosen: Option<Load<'a>>,
    /// Weights so far.
    total: u64,
    /// Where in these the choice falls: a fraction of [`ONE`], as good as new after each draw.
    point: u64,
}

const ONE: u64 = 1 << 32;

impl<'a> Draw<'a> {
    const fn new(rotation: u32) -> Self {
        // Fibonacci hashing: callers count more than their reads, often in even steps, and must not meet the same server
        // each time.
        Self { chosen: None, total: 0, point: rotation.wrapping_mul(0x9E37_79B9) as u64 }
    }

    /// It is better than all so far.
    fn start(&mut self, load: Load<'a>) {
        self.chosen = Some(load);
        self.total = u64::from(load.weight);
    }

    /// It is as good as those so far, if there are any.
    fn equal(&mut self, load: Load<'a>, favourite: Option<ServerId>) {
        let Some(chosen) = self.chosen else { return self.start(load) };
        if Some(chosen.server.id) != favourite && (Some(load.server.id) == favourite || self.draws(load.weight)) {
            self.chosen = Some(load);
        }
    }

    /// Whether one more, of `weight`, is drawn.
    fn draws(&mut self, weight: u32) -> bool {
        self.total += u64::from(weight);
        let share = (u64::from(weight) << 32) / self.total;
        let is_drawn = self.point < share;
        // What is left of the point is spread over the whole again.
        self.point = if is_drawn { (self.point << 32) / share } else { ((self.point - share) << 32) / (ONE - share) };
        is_drawn
    }
}

#[cfg(test)]
mod tests;
