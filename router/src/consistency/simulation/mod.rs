//! Random histories of sessions against servers with lag: what every read returned is held against what its session had
//! written and read before. Each seed is one history. With any one rule off, violations are found.

mod world;

use self::world::{Bits, World, id};
use super::{Admission, Causality, Consistency, Requirement};
use crate::sql::Flavour;
use crate::topology::Role;

const SEEDS: u64 = 600;
const COMMANDS: usize = 90;

/// What can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// GTIDs of the session's writes are kept.
    TrackedWrites,
    /// Writes without GTIDs are reported.
    LostWrites,
    /// Reads on the primary are reported.
    PrimaryReads,
    /// Reads on replicas are reported.
    ReplicaReads,
    /// A read counts from its end, not from its begin.
    ReadsEnd,
    /// A probe must have begun after the read, not only have ended.
    LaterProbes,
    /// Not in the same tick of a coarse clock, either.
    StrictTicks,
    /// `gtid_owned` is asked for, too.
    OwnedGtids,
    /// A token is adopted.
    Tokens,
    /// A server that must be waited for is waited for.
    Waits,
    /// A wait is noted for others where it was reached, and only there.
    NotesReached,
    /// The replica of the last read must have what was learnt since.
    LevelHome,
}

/// How careful the caller is, and what is promised.
#[derive(Debug, Clone, Copy)]
struct Setting {
    level: Consistency,
    off: Option<Rule>,
    replicas_run_ahead: bool,
    /// The sessions are told so.
    sessions_know: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    lost_writes: u32,
    went_back: u32,
    lost_causes: u32,
    /// Reads at `global` that missed what the primary had committed before.
    missed_commits: u32,
    on_replicas: u32,
    on_primary: u32,
    asked: u32,
}

#[derive(Default)]
struct Session {
    causality: Causality,
    /// What the model knows.
    wrote: Bits,
    seen: Bits,
    /// What a token brought.
    told: Bits,
}

struct History {
    world: World,
    setting: Setting,
    sessions: [Session; 3],
    outcome: Outcome,
}

impl Setting {
    const SESSION: Self =
        Self { level: Consistency::Session, off: None, replicas_run_ahead: false, sessions_know: false };

    fn has(self, rule: Rule) -> bool {
        self.off != Some(rule)
    }
}

impl Outcome {
    fn violations(&self) -> u32 {
        self.lost_writes + self.went_back + self.lost_causes + self.missed_commits
    }
}

impl History {
    fn run(seed: u64, setting: Setting) -> Outcome {
        let mut world = World::new(seed);
        world.replicas_run_ahead = setting.replicas_run_ahead;
        world.asks_owned = setting.has(Rule::OwnedGtids);
        let mut history = Self { world, setting, sessions: Default::default(), outcome: Outcome::default() };
        for session in &mut history.sessions {
            session.causality = Causality::new(setting.sessions_know);
        }
        for _ in 0..COMMANDS {
            let who = history.world.random.below(3) as usize;
            match history.world.random.below(12) {
                0 | 1 => history.write(who),
                2 => {
                    history.read_on_primary(who);
                }
                3 => history.pass_token(who),
                _ => history.read(who),
            }
            history.world.steps(10);
        }
        history.outcome
    }

    fn write(&mut self, who: usize) {
        let Some(number) = self.world.begin() else { return };
        for _ in 0..2 {
            self.world.steps(3);
            if !self.world.servers[0].executed.has(number) {
                self.world.servers[0].advance_one(number);
            }
        }
        self.world.steps(3);
        let session = &mut self.sessions[who];
        session.wrote.add(number);
        let now = self.world.clock();
        let mut only = Bits::default();
        only.add(number);
        if self.world.random.below(5) == 0 {
            if self.setting.has(Rule::LostWrites) {
                session.causality.wrote_untracked(now);
            }
        } else if self.setting.has(Rule::TrackedWrites) {
            let gtids = only.position().to_string();
            session.causality.wrote_tracked(Flavour::Mysql, gtids.as_bytes(), now);
        }
    }

    fn pass_token(&mut self, from: usize) {
        let mut position = self.sessions[from].causality.position().cloned().ok();
        if position.is_none() {
            let bounds = self.world.ask(0);
            self.sessions[from].causality.learnt(&bounds);
            position = self.sessions[from].causality.position().cloned().ok();
        }
        let to = (from + 1) % self.sessions.len();
        let Some(position) = position else { return };
        if self.setting.has(Rule::Tokens) {
            self.sessions[to].causality.adopt(&position).expect("one flavour");
        }
        let Session { wrote, seen, told, .. } = self.sessions[from];
        self.sessions[to].told = self.sessions[to].told.union(wrote).union(seen).union(told);
    }

    fn read(&mut self, who: usize) {
        self.sessions[who].causality.arrive(self.world.clock());
        let committed = self.world.servers[0].executed;
        for _ in 0..3 {
            match self.choose(who) {
                (server, Admission::Admit) => return self.read_on_replica(who, server, committed),
                (server, Admission::Wait(position)) => {
                    let position = position.clone();
                    self.world.steps(100);
                    let reached = position.is_covered_by(&self.world.servers[server].executed.position());
                    if reached || !self.setting.has(Rule::NotesReached) {
                        self.world.note_reached(server, &position);
                    }
                    if reached || !self.setting.has(Rule::Waits) {
                        return self.read_on_replica(who, server, committed);
                    }
                    break;
                }
                (_, Admission::Ask) => self.pay(who),
                (_, Admission::Refuse) => break,
            }
        }
        let result = self.read_on_primary(who);
        self.check_commits(result, committed);
    }

    /// A replica that may serve at once, else any; mostly the one of the last read, which sometimes is not to be had.
    fn choose(&mut self, who: usize) -> (usize, Admission<'_>) {
        let first = self.world.random.below(3) as usize;
        let away = self.world.random.below(3) == 0;
        let causality = &self.sessions[who].causality;
        let needs = causality.needs(self.setting.level);
        if let Requirement::Stay { server: home, .. } = needs {
            let home = home.0 as usize;
            return match needs.at_replica(id(home), self.world.progress[home].as_ref()) {
                _ if away => (home, Admission::Ask),
                _ if !self.setting.has(Rule::LevelHome) => (home, Admission::Admit),
                admission => (home, admission),
            };
        }
        let servers = (0..3).map(|turn| 1 + (first + turn) % 3);
        let judged = servers.map(|server| (server, needs.at_replica(id(server), self.world.progress[server].as_ref())));
        let order = |admission: &Admission<'_>| u32::from(*admission != Admission::Admit);
        judged.min_by_key(|(_, admission)| order(admission)).expect("three replicas")
    }

    /// Learns from a probe if one will do, else asks.
    fn pay(&mut self, who: usize) {
        let causality = &mut self.sessions[who].causality;
        for (index, progress) in self.world.progress.iter().enumerate() {
            let Some(progress) = progress else { continue };
            let asked_at = match self.setting.off {
                Some(Rule::LaterProbes) => u64::MAX,
                Some(Rule::StrictTicks) => progress.asked_at + 1,
                _ => progress.asked_at,
            };
            let role = if index == 0 { Role::Primary } else { Role::Replica };
            let mut probe = progress.clone();
            probe.asked_at = asked_at;
            if causality.settle(&probe, role) {
                return;
            }
        }
        self.outcome.asked += 1;
        if let Requirement::Stay { server, .. } = causality.needs(self.setting.level)
            && self.world.random.below(2) == 0
        {
            let bounds = self.world.ask(server.0 as usize);
            self.sessions[who].causality.learnt_from_replica(server, &bounds);
        } else {
            let bounds = self.world.ask(0);
            self.sessions[who].causality.learnt(&bounds);
        }
    }

    fn read_on_replica(&mut self, who: usize, server: usize, committed: Bits) {
        self.outcome.on_replicas += 1;
        let (begin, result, end) = self.serve(server);
        self.check(who, result);
        self.check_commits(result, committed);
        if self.setting.has(Rule::ReplicaReads) && self.setting.level != Consistency::Eventual {
            let at = if self.setting.has(Rule::ReadsEnd) { end } else { begin };
            self.sessions[who].causality.read_on_replica(id(server), at);
        }
    }

    fn read_on_primary(&mut self, who: usize) -> Bits {
        self.outcome.on_primary += 1;
        self.wait_on_primary(who);
        let (_, result, end) = self.serve(0);
        self.check(who, result);
        if self.setting.has(Rule::PrimaryReads) {
            self.sessions[who].causality.read_on_primary(end);
        }
        result
    }

    /// The server evaluates the read somewhere between its begin and its end.
    fn serve(&mut self, server: usize) -> (u64, Bits, u64) {
        let begin = self.world.clock();
        self.world.steps(60);
        let result = self.world.servers[server].visible;
        self.world.steps(12);
        (begin, result, self.world.clock())
    }

    fn wait_on_primary(&mut self, who: usize) {
        loop {
            let executed = self.world.servers[0].executed.position();
            match self.sessions[who].causality.needs_at_primary(self.setting.level) {
                Requirement::AskPrimaryFirst => {
                    let bounds = self.world.ask(0);
                    self.sessions[who].causality.learnt(&bounds);
                }
                Requirement::AtLeast(position) if !position.is_covered_by(&executed) => self.world.steps(12),
                Requirement::AtLeast(_) => return self.sessions[who].causality.confirmed_by_primary(),
                _ => return,
            }
        }
    }

    fn check(&mut self, who: usize, result: Bits) {
        let session = &mut self.sessions[who];
        self.outcome.lost_writes += u32::from(!result.contains(session.wrote));
        self.outcome.went_back += u32::from(!result.contains(session.seen));
        self.outcome.lost_causes += u32::from(!result.contains(session.told));
        session.seen = session.seen.union(result);
    }

    fn check_commits(&mut self, result: Bits, committed: Bits) {
        let missed = self.setting.level == Consistency::Global && !result.contains(committed);
        self.outcome.missed_commits += u32::from(missed);
    }
}

/// Sums of all histories.
fn all(setting: Setting) -> Outcome {
    let mut sum = Outcome::default();
    for seed in 0..SEEDS {
        let outcome = History::run(seed, setting);
        assert!(
            setting.level == Consistency::Eventual || setting.replicas_run_ahead || outcome.violations() == 0,
            "seed {seed}: {outcome:?}"
        );
        sum.lost_writes += outcome.lost_writes;
        sum.went_back += outcome.went_back;
        sum.lost_causes += outcome.lost_causes;
        sum.missed_commits += outcome.missed_commits;
        sum.on_replicas += outcome.on_replicas;
        sum.on_primary += outcome.on_primary;
        sum.asked += outcome.asked;
    }
    println!("seeds 0..{SEEDS}, {setting:?}: {sum:?}");
    sum
}

#[test]
fn f3_session_keeps_its_promises_and_most_reads_on_replicas() {
    let sum = all(Setting::SESSION);
    assert!(sum.on_replicas > sum.on_primary, "{sum:?}");
}

#[test]
fn f3_eventual_breaks_each_of_them() {
    let sum = all(Setting { level: Consistency::Eventual, ..Setting::SESSION });
    assert!(sum.lost_writes > 0 && sum.went_back > 0 && sum.lost_causes > 0, "{sum:?}");
}

#[test]
fn global_sees_what_the_primary_had_committed() {
    let sum = all(Setting { level: Consistency::Global, ..Setting::SESSION });
    assert!(sum.on_replicas > 0, "{sum:?}");
}

#[test]
fn f3_every_rule_is_needed() {
    for rule in [
        Rule::TrackedWrites,
        Rule::LostWrites,
        Rule::PrimaryReads,
        Rule::ReplicaReads,
        Rule::ReadsEnd,
        Rule::LaterProbes,
        Rule::StrictTicks,
        Rule::OwnedGtids,
        Rule::Tokens,
        Rule::Waits,
        Rule::NotesReached,
        Rule::LevelHome,
    ] {
        let setting = Setting { off: Some(rule), ..Setting::SESSION };
        let found =
            (0..2000).map(|seed| (seed, History::run(seed, setting))).find(|(_, outcome)| outcome.violations() > 0);
        println!("without {rule:?}: {found:?}");
        assert!(found.is_some(), "without {rule:?} nothing is violated");
    }
}

/// A replica may show a transaction that the primary, waiting for acknowledgements, does not show yet.
#[test]
fn f3_where_replicas_run_ahead_the_primary_is_asked_and_waited_for() {
    let ahead = Setting { replicas_run_ahead: true, ..Setting::SESSION };
    let careless = all(ahead);
    assert!(careless.went_back > 0, "{careless:?}");
    let careful = all(Setting { sessions_know: true, ..ahead });
    assert_eq!(careful.violations(), 0, "{careful:?}");
}

#[test]
fn a_seed_is_one_history() {
    for seed in 0..20 {
        assert_eq!(History::run(seed, Setting::SESSION), History::run(seed, Setting::SESSION), "seed {seed}");
    }
}
