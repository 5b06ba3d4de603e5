//! A history: what a session does, and what happens to its connection.

use rolecall_tests::Flavour;

use crate::items::{Item, items, pick};
use crate::random::Random;

/// All of it follows from a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub seed: u64,
    /// What the session does.
    pub steps: Vec<String>,
    /// What another one does with its connection.
    pub others: Vec<String>,
    /// Whether that one leaves.
    pub other_leaves: bool,
    /// What the session does next.
    pub first: String,
}

/// Questions about the statement before, and other first statements.
const FIRST: &[&str] = &[
    "select a from t where id = 1",
    "select a from t where id = 1",
    "select a from t where id = 1",
    "start transaction",
    "commit",
    "show warnings",
    "select row_count()",
    "select found_rows()",
    "select @@warning_count",
    "select last_insert_id()",
    "insert into auto (a) values (last_insert_id())",
    "do 1; do 2",
];

const CALCULATES: &str = "sql_calc_found_rows";

impl History {
    /// One for an account whose schemas are `own` and `{own}_other`; `focus`: an item that it is about.
    pub fn new(seed: u64, flavour: Flavour, focus: Option<&str>) -> Self {
        let random = &mut Random::new(seed);
        let items = items(flavour);
        let mut steps = sequence(random, &items, focus, 1, 6);
        // In the middle, too, its connection goes to others.
        while random.once_in(3) {
            let at = random.below(steps.len() + 1);
            if steps.get(at).is_none_or(|step| !asks_previous(step)) {
                steps.insert(at, "!others".into());
            }
        }
        leave_out_data_of_numbers(&mut steps);
        let mut others = sequence(random, &items, focus, 1, 3);
        leave_out_deadlocks(&mut steps);
        leave_out_deadlocks(&mut others);
        // A server may still be rolling back what the session of the history before had begun.
        for step in steps.iter_mut().chain(&mut others).filter(|step| step.starts_with("xa ")) {
            *step = step.replace("{own}", &format!("{{own}}_{seed}"));
        }
        let mut first = random.of(FIRST).to_owned();
        if steps.iter().any(|step| step.starts_with("set transaction")) {
            first = "start transaction".into();
        } else if steps.last().is_some_and(|step| step.contains(CALCULATES)) {
            first = "select found_rows()".into();
        } else if first.contains("found_rows") && !steps.last().is_some_and(|step| step.starts_with("select * from")) {
            // See the README: what no statement of the session's own has set.
            first = "commit".into();
        } else if flavour.is_mariadb() && first.contains("warning") && steps.iter().any(|step| step == "!others") {
            // SET keeps warnings there: known, and not mended.
            first = "commit".into();
        } else if first.contains("row_count") && steps.iter().any(|step| step.starts_with("!reset_connection")) {
            first = "select @@warning_count".into();
        }
        Self { seed, steps, others, other_leaves: random.once_in(2), first }
    }

    /// Whether it ends with a question that pins: its answer is never refused.
    pub fn asks_for_all_rows(&self) -> bool {
        self.first.contains("found_rows") && self.steps.last().is_some_and(|step| step.contains(CALCULATES))
    }

    /// As for people.
    pub fn told(&self, own: &str) -> String {
        let list = |steps: &[String]| {
            steps.iter().map(|step| format!("    {}", filled(step, own))).collect::<Vec<_>>().join("\n")
        };
        let leaves = if self.other_leaves { " and leaves" } else { "" };
        format!(
            "seed {}\n  the session does\n{}\n  another one does{leaves}\n{}\n  the session goes on with\n    {}",
            self.seed,
            list(&self.steps),
            list(&self.others),
            self.first
        )
    }

    /// The same without each of its steps in turn.
    pub fn smaller(&self) -> Vec<Self> {
        let without = |steps: &[String], at: usize| {
            let mut steps = steps.to_vec();
            steps.remove(at);
            steps
        };
        let mut all: Vec<_> =
            (0..self.steps.len()).map(|at| Self { steps: without(&self.steps, at), ..self.clone() }).collect();
        all.extend((0..self.others.len()).map(|at| Self { others: without(&self.others, at), ..self.clone() }));
        all
    }
}

/// With the account's own names.
pub fn filled(step: &str, own: &str) -> String {
    if step.contains('{') {
        step.replace("{own}", own).replace("{other}", &format!("{own}_other"))
    } else {
        step.to_owned()
    }
}

/// Whether a step asks about the one before: refused where another session had the connection in between.
fn asks_previous(step: &str) -> bool {
    ["show warnings", "get diagnostics", "found_rows()"].iter().any(|asking| step.starts_with(asking))
}

/// Data that is sent for a parameter bound to a number before others had the connection: it keeps its type at a server, where a client binds none for the data
/// (docs/pooling.md).
fn leave_out_data_of_numbers(steps: &mut Vec<String>) {
    let mut executed = std::collections::BTreeMap::new();
    steps.retain(|step| {
        let mut words = step.split(' ');
        let (command, slot) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        match command {
            "!prepare" => drop(executed.remove(&slot)),
            "!execute" => drop(executed.insert(slot, false)),
            "!others" => executed.values_mut().for_each(|is_elsewhere| *is_elsewhere = true),
            "!long_data" => return executed.get(&slot) != Some(&true),
            _ => {}
        }
        true
    });
}

/// Two that hold the backup lock wait for each other where both change tables, be it one that is not there: error 1213 for one of the histories that run at a time.
fn leave_out_deadlocks(steps: &mut Vec<String>) {
    let mut is_held = false;
    steps.retain(|step| {
        is_held = step == "lock instance for backup" || is_held && step != "unlock instance";
        !is_held || !["drop table", "alter table"].iter().any(|change| step.starts_with(change))
    });
}

fn sequence(random: &mut Random, items: &[Item], focus: Option<&str>, least: usize, most: usize) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for _ in 0..least + random.below(most - least + 1) {
        let name = focus.filter(|_| random.once_in(2));
        steps.extend(pick(random, items, name).iter().map(|step| (*step).to_owned()));
    }
    steps
}
