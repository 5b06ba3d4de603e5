//! What differs between MySQL and MariaDB when servers are set up.

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavour {
    /// MySQL 9.7, or the mysqld that ROLECALL_MYSQLD names.
    Mysql,
    /// MariaDB 11.8.
    #[value(name = "mariadb-11.8")]
    Mariadb,
}

impl Flavour {
    /// What `tests/setup/serve` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb-11.8",
        }
    }

    /// Options for a small member of a replicated set. Nothing is flushed to disk at each commit: the data is thrown
    /// away, and a disk's speed is not the subject.
    #[must_use]
    pub fn options(self, number: usize, max_connections: usize) -> Vec<String> {
        let mut options: Vec<String> = [
            "--innodb-flush-log-at-trx-commit=0",
            "--sync-binlog=0",
            "--innodb-log-buffer-size=1M",
            "--table-open-cache=200",
            "--skip-name-resolve=OFF",
        ]
        .map(str::to_owned)
        .into();
        options.push(format!("--server-id={}", number + 1));
        options.push(format!("--max-connections={max_connections}"));
        options.push("--log-bin=binlog".to_owned());
        match self {
            Self::Mysql => {
                options.extend(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"].map(str::to_owned));
                options.extend(["--table-definition-cache=400", "--binlog-expire-logs-seconds=0"].map(str::to_owned));
            }
            Self::Mariadb => options.extend(["--gtid-strict-mode=ON", "--log-slave-updates=ON"].map(str::to_owned)),
        }
        if number > 0 {
            options.push("--read-only=ON".to_owned());
            if self == Self::Mysql {
                options.push("--super-read-only=ON".to_owned());
            }
        }
        options
    }

    /// Statements that make a server a replica of the one at this address.
    #[must_use]
    pub fn follow(self, host: &str, port: u16) -> Vec<String> {
        match self {
            Self::Mysql => vec![
                format!(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port}, SOURCE_USER='replicator', \
                     SOURCE_PASSWORD='replicator', SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1"
                ),
                "START REPLICA".to_owned(),
            ],
            Self::Mariadb => vec![
                format!(
                    "CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='replicator', \
                     MASTER_PASSWORD='replicator', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
                ),
                "START SLAVE".to_owned(),
            ],
        }
    }

    /// Statements that stop following a server, for another one to follow.
    #[must_use]
    pub const fn unfollow(self) -> &'static [&'static str] {
        match self {
            Self::Mysql => &["STOP REPLICA"],
            Self::Mariadb => &["STOP SLAVE"],
        }
    }

    /// Statements that make a replica a primary.
    #[must_use]
    pub const fn lead(self) -> &'static [&'static str] {
        match self {
            Self::Mysql => {
                &["STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only=OFF, GLOBAL read_only=OFF"]
            }
            Self::Mariadb => &["STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=OFF"],
        }
    }

    /// The statement that makes a server refuse writes.
    #[must_use]
    pub const fn step_down(self) -> &'static str {
        match self {
            Self::Mysql => "SET GLOBAL super_read_only=ON",
            Self::Mariadb => "SET GLOBAL read_only=ON",
        }
    }

    /// The expression for all transactions that a server has.
    #[must_use]
    pub const fn position(self) -> &'static str {
        match self {
            Self::Mysql => "@@GLOBAL.gtid_executed",
            Self::Mariadb => "@@GLOBAL.gtid_binlog_pos",
        }
    }

    /// A statement that waits (at most 20 s) until a server has all transactions of `position`; gives 0 for success.
    #[must_use]
    pub fn wait_for(self, position: &str) -> String {
        match self {
            Self::Mysql => format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', 20)", position.replace('\n', "")),
            Self::Mariadb => format!("SELECT MASTER_GTID_WAIT('{position}', 20)"),
        }
    }

    /// What turns on counting statements by user, beyond options that are there at start.
    #[must_use]
    pub const fn counting(self) -> Option<&'static str> {
        match self {
            Self::Mysql => None,
            Self::Mariadb => Some("SET GLOBAL userstat=ON"),
        }
    }

    /// A query for the number of reads and of writes that this server has executed for `user`.
    #[must_use]
    pub fn counted(self, user: &str) -> String {
        match self {
            Self::Mysql => format!(
                "SELECT CAST(SUM(IF(event_name = 'statement/sql/select', count_star, 0)) AS SIGNED), \
                 CAST(SUM(IF(event_name IN ('statement/sql/update', 'statement/sql/insert', 'statement/sql/delete'), \
                 count_star, 0)) AS SIGNED) FROM performance_schema.events_statements_summary_by_user_by_event_name \
                 WHERE user = '{user}'"
            ),
            Self::Mariadb => format!(
                "SELECT SUM(select_commands), SUM(update_commands) FROM information_schema.user_statistics \
                 WHERE user = '{user}'"
            ),
        }
    }
}
