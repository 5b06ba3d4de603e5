//! What the servers themselves counted.

use std::collections::BTreeMap;

use crate::Server;

/// A server's global status counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, i64>);

impl Counters {
    /// Reads them now.
    #[must_use]
    pub fn read(server: &Server) -> Self {
        let rows = server.run("show global status").rows();
        let pairs = rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// One counter, such as `Com_insert`; 0 where the server has none of that name.
    #[must_use]
    pub fn of(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// How much one counter has grown since `before`.
    #[must_use]
    pub fn since(&self, before: &Self, name: &str) -> i64 {
        self.of(name) - before.of(name)
    }
}

/// How many statements of each kind one account ran on a server, by its performance schema: the proxy's own probes run
/// under another account and do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementCounts(BTreeMap<String, i64>);

impl StatementCounts {
    /// Reads them now.
    #[must_use]
    pub fn read(server: &Server, user: &str) -> Self {
        let rows = server.run(&format!(
            "select event_name, count_star from performance_schema.events_statements_summary_by_user_by_event_name \
             where user = '{user}' and count_star > 0"
        ));
        let pairs = rows.rows().into_iter().filter_map(|row| {
            let mut row = row.into_iter().flatten();
            let name = row.next()?;
            let name = name.strip_prefix("statement/").unwrap_or(&name).to_owned();
            Some((name, row.next()?.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// Statements of one kind, such as `sql/select` or `com/Ping`.
    #[must_use]
    pub fn of(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// What was counted since `before`; kinds without any are left out.
    #[must_use]
    pub fn since(&self, before: &Self) -> BTreeMap<String, i64> {
        let grown = self.0.iter().map(|(name, count)| (name.clone(), count - before.of(name)));
        grown.filter(|(_, count)| *count != 0).collect()
    }
}
