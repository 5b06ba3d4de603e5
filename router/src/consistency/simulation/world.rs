//! A primary and three replicas, each with its own idea of which transactions are visible.

use crate::consistency::gtid::{GtidSet, Interval, Source, Tag};
use crate::consistency::{Bounds, Position, Progress};
use crate::topology::ServerId;

/// splitmix64 (public domain, Sebastiano Vigna): enough for histories, and the same everywhere.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// A set of transactions, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bits([u64; 4]);

impl Bits {
    pub(super) const LIMIT: usize = 256;

    pub(super) fn add(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    fn remove(&mut self, number: usize) {
        self.0[number / 64] &= !(1 << (number % 64));
    }

    pub(super) fn has(self, number: usize) -> bool {
        self.0[number / 64] & 1 << (number % 64) != 0
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    pub(super) fn contains(self, other: Self) -> bool {
        other.without(self) == Self::default()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        })
    }

    /// One of the first few.
    fn pick(self, random: &mut Random, few: u64) -> Option<usize> {
        let skipped = usize::try_from(random.below(few)).expect("few");
        self.iter().take(skipped + 1).last()
    }

    /// In the words of the servers. The second quarter of all transactions has a tag.
    pub(super) fn position(self) -> Position {
        let mut set = GtidSet::new();
        for (word, mut bits) in self.0.into_iter().enumerate() {
            let tag = if word == 1 { Tag::parse(b"second").expect("a tag") } else { Tag::NONE };
            while bits != 0 {
                let first = bits.trailing_zeros();
                let length = (bits >> first).trailing_ones();
                bits = bits.checked_add(1 << first).unwrap_or(0) & bits;
                let first = u64::from(first) + word as u64 * 64 + 1;
                let interval = Interval::new(first, first + u64::from(length) - 1).expect("a number");
                set.insert(&Source { uuid: [7; 16], tag }, interval).expect("small");
            }
        }
        if set.is_empty() { Position::Start } else { Position::Mysql(set) }
    }
}

/// A transaction's way through a server: owned, then visible too, then executed and no longer owned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Server {
    pub owned: Bits,
    pub visible: Bits,
    pub executed: Bits,
}

impl Server {
    fn advance(&mut self, random: &mut Random) {
        if let Some(number) = self.owned.pick(random, 4) {
            self.advance_one(number);
        }
    }

    pub(super) fn advance_one(&mut self, number: usize) {
        if self.visible.has(number) {
            self.owned.remove(number);
            self.executed.add(number);
        } else {
            self.visible.add(number);
        }
    }
}

/// A probe under way.
struct Probe {
    server: usize,
    asked_at: u64,
    owned: Option<Bits>,
}

pub(super) struct World {
    pub random: Random,
    pub now: u64,
    /// The first is the primary.
    pub servers: [Server; World::SERVERS],
    pub count: usize,
    pub progress: [Option<Progress>; World::SERVERS],
    /// Replicas may show what the primary does not show yet: semi-synchronous replication, AFTER_SYNC.
    pub replicas_run_ahead: bool,
    /// Whether `gtid_owned` is asked for.
    pub asks_owned: bool,
    /// Steps in a tick of the clock.
    tick: u64,
    probes: Vec<Probe>,
}

impl World {
    pub(super) const SERVERS: usize = 4;

    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            now: 0,
            servers: [Server::default(); Self::SERVERS],
            count: 0,
            progress: std::array::from_fn(|_| None),
            replicas_run_ahead: false,
            asks_owned: true,
            tick: [1, 8, 64][usize::try_from(seed % 3).expect("small")],
            probes: Vec::new(),
        }
    }

    /// The clock is coarse.
    pub(super) fn clock(&self) -> u64 {
        self.now / self.tick
    }

    pub(super) fn steps(&mut self, most: u64) {
        for _ in 0..self.random.below(most + 1) {
            self.step();
        }
    }

    /// A new transaction at the primary, numbered and not yet visible.
    pub(super) fn begin(&mut self) -> Option<usize> {
        let number = self.count;
        if number >= Bits::LIMIT {
            return None;
        }
        self.count += 1;
        self.servers[0].owned.add(number);
        Some(number)
    }

    fn step(&mut self) {
        self.now += 1;
        match self.random.below(24) {
            0 => {
                self.begin();
            }
            1..=4 => self.servers[0].advance(&mut self.random),
            5..=16 => {
                // The first replica is quick, the last one far behind.
                let index = [1, 1, 1, 1, 1, 2, 2, 3][usize::try_from(self.random.below(8)).expect("small")];
                self.replicate(index);
            }
            17 | 18 => self.probe(),
            _ => self.advance_probe(),
        }
    }

    fn replicate(&mut self, index: usize) {
        let [primary, ..] = self.servers;
        let binlog = if self.replicas_run_ahead { primary.owned.union(primary.executed) } else { primary.visible };
        let replica = &mut self.servers[index];
        let missing = binlog.without(replica.owned.union(replica.executed));
        match missing.pick(&mut self.random, 3) {
            // In about the primary's order, as with several applier threads.
            Some(number) if self.random.below(2) == 0 => replica.owned.add(number),
            _ => replica.advance(&mut self.random),
        }
    }

    fn probe(&mut self) {
        let server = usize::try_from(self.random.below(Self::SERVERS as u64)).expect("small");
        self.probes.push(Probe { server, asked_at: self.clock(), owned: None });
    }

    /// First `gtid_owned` is read, at a later step `gtid_executed`.
    fn advance_probe(&mut self) {
        if self.probes.is_empty() {
            return;
        }
        let at = usize::try_from(self.random.below(self.probes.len() as u64)).expect("small");
        let Probe { server, asked_at, owned } = self.probes[at];
        let Some(owned) = owned else {
            self.probes[at].owned = Some(self.servers[server].owned);
            return;
        };
        self.probes.swap_remove(at);
        let bounds = self.bounds(owned, self.servers[server].executed);
        if self.progress[server].as_ref().is_none_or(|older| older.asked_at <= asked_at) {
            self.progress[server] = Some(Progress::new(id(server), bounds, asked_at));
        }
    }

    /// A wait for `position` at `server` was reached, as it seems.
    pub(super) fn note_reached(&mut self, server: usize, position: &Position) {
        let Some(progress) = &self.progress[server] else { return };
        if !progress.note_reached(position) {
            self.progress[server] = Some(progress.reached(position));
        }
    }

    /// A question of a session's own.
    pub(super) fn ask(&mut self, server: usize) -> Bounds {
        self.steps(6);
        let owned = self.servers[server].owned;
        self.steps(2);
        let bounds = self.bounds(owned, self.servers[server].executed);
        self.steps(6);
        bounds
    }

    fn bounds(&self, owned: Bits, executed: Bits) -> Bounds {
        let visible = if self.asks_owned { owned.union(executed) } else { executed };
        match visible.position() {
            Position::Start => Bounds::UNKNOWN,
            visible => Bounds { executed: executed.position(), visible },
        }
    }
}

pub(super) fn id(server: usize) -> ServerId {
    ServerId(u32::try_from(server).expect("small"))
}
