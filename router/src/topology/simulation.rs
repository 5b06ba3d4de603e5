//! Random histories of labels, probes, silences and reports against the fusion. Each seed is one history; a failing one
//! is printed and becomes a named test.

use std::time::Duration;

use super::tests::{pod, read_only, writable};
use super::*;

const SEEDS: u64 = 3_000;
const EVENTS: usize = 120;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// splitmix64 (public domain, Sebastiano Vigna): enough for histories, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// What is true in the world, and what the fusion was last told.
struct World {
    random: Random,
    endpoints: Vec<Endpoint>,
    writable: [bool; NAMES.len()],
    frozen: [bool; NAMES.len()],
    incarnation: [u32; NAMES.len()],
    told_writable: [Option<bool>; NAMES.len()],
    silent: [bool; NAMES.len()],
    fusion: Fusion,
    now: Duration,
    trace: Vec<String>,
}

impl World {
    fn new(seed: u64, labelled: bool) -> Self {
        let mut random = Random(seed);
        let label = |random: &mut Random| if labelled { random_label(random) } else { Label::Unlabelled };
        let endpoints = NAMES.iter().map(|name| pod(name, label(&mut random))).collect();
        let writable = std::array::from_fn(|_| random.below(3) == 0);
        let mut world = Self {
            random,
            endpoints,
            writable,
            frozen: [false; NAMES.len()],
            incarnation: [0; NAMES.len()],
            told_writable: [None; NAMES.len()],
            silent: [false; NAMES.len()],
            fusion: Fusion::new(Settings::default()),
            now: Duration::ZERO,
            trace: Vec::new(),
        };
        world.list();
        world
    }

    fn list(&mut self) {
        let step = self.fusion.set_endpoints(self.endpoints.clone(), self.now);
        self.note(step);
    }

    fn note(&mut self, step: Step) {
        self.trace.extend(step.changes.iter().map(|change| format!("{:?} {change}", self.now)));
    }

    fn event(&mut self, labelled: bool) {
        self.now += Duration::from_millis(self.random.below(300));
        let at = self.random.below(NAMES.len() as u64) as usize;
        match self.random.below(12) {
            0 => self.writable[at] = !self.writable[at],
            1 => self.frozen[at] = !self.frozen[at],
            2 if labelled => {
                self.endpoints[at].label = random_label(&mut self.random);
                self.list();
            }
            3 if labelled && self.random.below(3) == 0 => {
                self.endpoints[at].epoch = Some(RoleEpoch(self.random.below(6)));
                self.list();
            }
            4 if self.random.below(4) == 0 => {
                self.incarnation[at] += 1;
                self.told_writable[at] = None;
                self.endpoints[at].key = EndpointKey(format!("{}-{}", NAMES[at], self.incarnation[at]));
                self.list();
            }
            5 => self.report(at),
            _ => self.probe(at),
        }
    }

    fn id(&self, at: usize) -> ServerId {
        self.fusion.topology().servers.iter().find(|server| server.name == NAMES[at]).expect("listed").id
    }

    fn report(&mut self, at: usize) {
        let kinds = [Report::ConnectFailed, Report::ConnectionLost, Report::Demoted];
        let kind = kinds[self.random.below(3) as usize];
        let step = self.fusion.on_report(self.id(at), kind, self.now);
        self.note(step);
    }

    fn probe(&mut self, at: usize) {
        let uuid = format!("{}-{}", NAMES[at], self.incarnation[at]);
        self.silent[at] = self.frozen[at];
        let outcome = if self.frozen[at] {
            ProbeOutcome::Failed("no answer".into())
        } else {
            self.told_writable[at] = Some(self.writable[at]);
            ProbeOutcome::Facts(Box::new(if self.writable[at] { writable(&uuid) } else { read_only(&uuid) }))
        };
        let started = self.now;
        self.now += Duration::from_millis(self.random.below(20));
        let step = self.fusion.on_probe(self.id(at), started, outcome, self.now);
        self.note(step);
    }

    /// What must hold after every event.
    fn check(&self, previous: &Topology) -> Result<(), String> {
        let topology = self.fusion.topology();
        let primaries: Vec<_> = topology.servers.iter().filter(|server| server.role == Role::Primary).collect();
        match (&topology.primary, primaries.as_slice()) {
            (Primary::None(why), []) if !why.is_empty() => {}
            (Primary::One(id), [one]) if one.id == *id => self.check_primary(&one.name)?,
            (primary, several) => return Err(format!("{primary:?} with {} servers of that role", several.len())),
        }
        if topology.generation < previous.generation {
            return Err("the generation fell".into());
        }
        for server in &topology.servers {
            let at = NAMES.iter().position(|known| *known == server.name).ok_or("an unknown server")?;
            if server.why.is_empty() {
                return Err(format!("{} has no reason", server.name));
            }
            if self.silent[at] && server.role != Role::Unroutable {
                return Err(format!("{} is silent and {}", server.name, server.role));
            }
        }
        Ok(())
    }

    fn check_primary(&self, name: &str) -> Result<(), String> {
        let at = NAMES.iter().position(|known| *known == name).ok_or("an unknown server")?;
        let endpoint = &self.endpoints[at];
        let newest =
            self.endpoints.iter().filter(|other| other.label == Label::Primary).filter_map(|other| other.epoch).max();
        if self.told_writable[at] != Some(true) {
            Err(format!("{name} gets writes and said last: writable {:?}", self.told_writable[at]))
        } else if !matches!(endpoint.label, Label::Primary | Label::Unlabelled) {
            Err(format!("{name} gets writes and is labelled {:?}", endpoint.label))
        } else if endpoint.epoch < newest {
            Err(format!("{name} gets writes with epoch {:?}, there is {newest:?}", endpoint.epoch))
        } else {
            Ok(())
        }
    }
}

fn random_label(random: &mut Random) -> Label {
    [Label::Primary, Label::Replica, Label::Replica, Label::Absent][random.below(4) as usize]
}

/// Runs one history; its trace, or what was wrong.
fn run(seed: u64) -> Result<Vec<String>, String> {
    let labelled = seed.is_multiple_of(2);
    let mut world = World::new(seed, labelled);
    for number in 0..EVENTS {
        let previous = world.fusion.topology().clone();
        world.event(labelled);
        if let Err(why) = world.check(&previous) {
            return Err(format!("seed {seed}, event {number}: {why}\n{}", world.trace.join("\n")));
        }
    }
    Ok(world.trace)
}

#[test]
fn at_most_one_writable_target_and_never_a_read_only_one() {
    println!("seeds 0..{SEEDS}");
    let mut with_primary = 0_u64;
    for seed in 0..SEEDS {
        match run(seed) {
            Ok(trace) => with_primary += u64::from(trace.iter().any(|line| line.contains("primary: none -> "))),
            Err(error) => panic!("{error}"),
        }
    }
    // Histories without any primary would prove nothing.
    assert!(with_primary > SEEDS / 2, "only {with_primary} of {SEEDS} histories had a primary");
}

#[test]
fn the_same_history_gives_the_same_result() {
    for seed in 0..200 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
