//! Group A of the traps on real servers: what looks like a read and is not.
//!
//! Every statement of `router/tests/cases` runs straight at a primary, and what may leave it also at a replica that takes
//! no writes. The servers say what each has written, locked and left behind; the classifier must have said so before.

#[path = "group_a/fixture.rs"]
mod fixture;
#[path = "group_a/observer.rs"]
mod observer;
#[path = "group_a/rules.rs"]
mod rules;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rolecall_router::catalogue::Catalogue;
use rolecall_router::refusal::refuses_writes;
use rolecall_router::sql::cases::{self, Case};
use rolecall_router::sql::{Access, Effects, Lexing, Statement, Verb, classify};
use rolecall_tests::{Server, Stage, on_every_server};

use fixture::Fixture;
use observer::Observer;

/// A statement, as one session of one flavour of server sends it.
struct Trap {
    case: Case,
    /// What the classifier says, knowing this server's version and its routines.
    verdict: Statement,
    /// Whether the case was written for this flavour.
    native: bool,
}

/// What the classifier missed, and what the run was worth.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
    runs: BTreeMap<&'static str, usize>,
}

impl Report {
    fn count(&mut self, what: &'static str) {
        *self.runs.entry(what).or_default() += 1;
    }

    fn blame(&mut self, trap: &Trap, what: &str) {
        let Trap { case, verdict, .. } = trap;
        let text = case.sql.escape_ascii();
        self.wrong.push(format!("{}: {text}\n    {:?} {:?}: {what}", case.id, verdict.access, verdict.effects));
    }

    fn finish(self) {
        println!("{:?}", self.runs);
        let of = |what| self.runs.get(what).copied().unwrap_or_default();
        assert!(of("ran") > 2 * of("refused"), "most statements show nothing: {:?}", self.runs);
        assert!(self.wrong.is_empty(), "{} statements:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

on_every_server! {
    fn what_a_statement_leaves_at_the_primary_is_known_before(stage) {
        let scene = Scene::new(stage, &stage.set.primary);
        let mut report = Report::default();
        for trap in scene.traps() {
            scene.leaves_what_is_known(&trap, &mut report);
        }
        report.finish();
    }

    fn a_replica_takes_what_may_leave_the_primary(stage) {
        let scene = Scene::new(stage, &stage.set.replicas[0]);
        stage.set.wait_until_replicated();
        let mut report = Report::default();
        for trap in scene.traps().iter().filter(|trap| trap.verdict.access != Access::Primary) {
            scene.leaves_what_is_known(trap, &mut report);
        }
        report.finish();
    }

    /// A3: a stored function may have a built-in one's name, and some spellings call it.
    fn no_stored_function_hides_behind_a_built_in_name(stage) {
        let scene = Scene::new(stage, &stage.set.primary);
        let lexing = scene.fixture.lexing;
        let mut client = scene.fixture.login(scene.server, &lexing);
        client.run("set sql_log_bin = 0");
        let mut hidden = Vec::new();
        for name in cases::built_in_functions(lexing.flavour, lexing.version) {
            client.run(&format!("create function `{name}` (x int) returns int deterministic begin set @called = 1; return x; end"));
            for call in ["NAME()", "NAME(1)", "NAME(1, 1)", "NAME (1)", "NAME (1, 1)", "`NAME`(1)", "`NAME` (1, 1)", "NAME/**/(1)"] {
                let sql = format!("select {}", call.replace("NAME", name));
                let verdict = classify(sql.as_bytes(), &lexing, &Catalogue::unknown());
                if verdict.access == Access::Primary {
                    continue;
                }
                // ER_SP_WRONG_NO_OF_ARGS: the stored one was meant.
                let called = client.query(&sql).code() == 1318 || client.run("select @called").value() != "NULL";
                if called {
                    client.run("set @called = null");
                    hidden.push(sql);
                }
            }
        }
        assert!(hidden.is_empty(), "{hidden:?}");
        client.quit();
    }

    fn rows_are_locked_by_what_is_said_to_lock_them(stage) {
        let scene = Scene::new(stage, &stage.set.primary);
        let mut report = Report::default();
        for trap in scene.traps() {
            let locks = trap.verdict.effects.contains(Effects::LOCKS_ROWS);
            // EXPLAIN ANALYZE runs the statement, but locks nothing on MySQL.
            let is_plan = trap.verdict.verb == Verb::Show && locks;
            if (locks && !is_plan) || matches!(trap.verdict.access, Access::Read | Access::Node) {
                scene.locks_in_a_transaction(&trap, locks, &mut report);
            }
        }
        report.finish();
    }
}

/// A server with the fixture, that no other test uses meanwhile.
struct Scene<'a> {
    server: &'a Server,
    fixture: Fixture,
    observer: Observer,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Arc<Stage>, server: &'a Server) -> Self {
        static ALONE: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
        let alone = &ALONE[usize::from(stage.flavour().is_mariadb())];
        let alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
        Self { server, fixture: Fixture::new(stage), observer: Observer::new(server), _alone: alone }
    }

    fn traps(&self) -> Vec<Trap> {
        let Fixture { lexing: own, catalogue, .. } = &self.fixture;
        let mut seen = HashSet::new();
        let mut traps = Vec::new();
        for case in cases::all() {
            let lexing = Lexing { mode: case.lexing.mode, charset: case.lexing.charset, ..*own };
            let known = (case.sql.clone(), format!("{:?} {:?}", lexing.mode, lexing.charset));
            if rules::is_dangerous(&case.sql) || !fixture::can_be_set(&lexing) || !seen.insert(known) {
                continue;
            }
            let verdict = classify(&case.sql, &lexing, catalogue);
            traps.push(Trap { native: case.lexing.flavour == own.flavour, case, verdict });
        }
        traps
    }

    /// Runs a statement; compares what it has left behind with what was said of it.
    fn leaves_what_is_known(&self, trap: &Trap, report: &mut Report) {
        let mut client = self.fixture.login(self.server, &trap.case.lexing);
        let before = self.observer.look(&mut client).expect("an open session");
        let reply = client.query(&trap.case.sql);
        report.count(if reply.code() == 0 { "ran" } else { "refused" });
        let refusal = reply.error();
        if let Some(error) = refusal.as_ref().filter(|error| refuses_writes(error))
            && trap.verdict.access != Access::Primary
        {
            report.blame(trap, &format!("a replica refuses it: {error}"));
        }
        let is_shown = !trap.native || rules::is_known_to_be_refused(&trap.case.sql);
        if let Some(error) = refusal.filter(|_| trap.verdict.access == Access::Read && !is_shown) {
            report.blame(trap, &format!("a read that the server refuses shows nothing: {error}"));
        }
        let Some(after) = self.observer.look(&mut client) else { return };
        let left = before.changes(&after);
        if let Some(fault) = rules::fault(&trap.case.sql, &trap.verdict, &left, &reply) {
            report.blame(trap, &fault);
        }
        client.quit();
        if left.data && rules::takes_away(&trap.case.sql) {
            self.fixture.make();
        }
    }

    /// Runs a statement that begins a transaction by itself, and looks for locks.
    fn locks_in_a_transaction(&self, trap: &Trap, expected: bool, report: &mut Report) {
        let mut client = self.fixture.login(self.server, &trap.case.lexing);
        client.run("set autocommit = 0");
        let reply = client.query(&trap.case.sql);
        report.count(if reply.code() == 0 { "ran" } else { "refused" });
        if reply.code() == 0 && self.observer.rows_are_locked() != expected {
            report.blame(trap, if expected { "no row is locked" } else { "rows are locked" });
        }
        client.run("rollback");
        client.quit();
    }
}
