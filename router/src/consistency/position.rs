//! How far a server, or what a session knows, has come: in MySQL's words or in MariaDB's.

use std::fmt;

use thiserror::Error;

use super::gtid::{GtidError, GtidSet};
use super::mariadb::{MariadbGtidError, MariadbPosition};
use crate::sql::Flavour;

/// A set of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Position {
    /// No transaction: every server has it.
    #[default]
    Start,
    /// MySQL's.
    Mysql(GtidSet),
    /// MariaDB's.
    Mariadb(MariadbPosition),
    /// Nobody can say: lost, over a limit, or of two flavours. No server has it.
    Unknown,
}

/// Why a text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PositionError {
    /// As a GTID set.
    #[error(transparent)]
    Mysql(#[from] GtidError),
    /// As a list of MariaDB's GTIDs.
    #[error(transparent)]
    Mariadb(#[from] MariadbGtidError),
}

/// Two positions could not be joined: over a limit, of two flavours, or one of them unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the positions cannot be joined")]
pub struct Unjoinable;

impl Position {
    /// Reads what a server of this flavour, or its GTID tracker (MariaDB: `last_gtid`), said.
    ///
    /// # Errors
    /// [`PositionError`]
    pub fn parse(flavour: Flavour, text: &[u8]) -> Result<Self, PositionError> {
        let position = match flavour {
            Flavour::Mysql => Self::Mysql(GtidSet::parse(text)?),
            Flavour::Mariadb => Self::Mariadb(MariadbPosition::parse(text)?),
        };
        Ok(if position.is_start() { Self::Start } else { position })
    }

    /// Adds GTIDs in the words of a server of this flavour. The next number of a set's last interval, which is what a
    /// session's next write brings, does not allocate.
    ///
    /// # Errors
    /// [`Unjoinable`], also for a text that is none; then some of it has been added and some not.
    pub fn insert_text(&mut self, flavour: Flavour, text: &[u8]) -> Result<(), Unjoinable> {
        if matches!(self, Self::Start) {
            *self = match flavour {
                Flavour::Mysql => Self::Mysql(GtidSet::new()),
                Flavour::Mariadb => Self::Mariadb(MariadbPosition::default()),
            };
        }
        match (self, flavour) {
            (Self::Mysql(set), Flavour::Mysql) => set.insert_text(text).map_err(|_| Unjoinable),
            (Self::Mariadb(list), Flavour::Mariadb) => list.insert_text(text).map_err(|_| Unjoinable),
            _ => Err(Unjoinable),
        }
    }

    /// Whether it holds no transaction.
    #[must_use]
    pub fn is_start(&self) -> bool {
        match self {
            Self::Start => true,
            Self::Mysql(set) => set.is_empty(),
            Self::Mariadb(list) => list.is_empty(),
            Self::Unknown => false,
        }
    }

    /// Adds all of `other`; [`Self::Unknown`] where that cannot be done.
    pub fn merge(&mut self, other: &Self) {
        if self.try_merge(other).is_err() {
            *self = Self::Unknown;
        }
    }

    /// Adds all of `other`.
    ///
    /// # Errors
    /// [`Unjoinable`]; then this position is what it was, with some of `other` added and some not.
    pub fn try_merge(&mut self, other: &Self) -> Result<(), Unjoinable> {
        match (self, other) {
            (Self::Mysql(set), Self::Mysql(other)) => set.union(other).map_err(|_| Unjoinable),
            (Self::Mariadb(list), Self::Mariadb(other)) => list.merge(other).map_err(|_| Unjoinable),
            (Self::Unknown, _) | (_, Self::Unknown) => Err(Unjoinable),
            (_, other) if other.is_start() => Ok(()),
            (own, other) if own.is_start() => {
                *own = other.clone();
                Ok(())
            }
            _ => Err(Unjoinable),
        }
    }

    /// Whether a server that has executed `executed` has executed all of this.
    #[must_use]
    pub fn is_covered_by(&self, executed: &Self) -> bool {
        match (self, executed) {
            (Self::Mysql(wanted), Self::Mysql(executed)) => executed.contains(wanted),
            (Self::Mariadb(wanted), Self::Mariadb(executed)) => executed.covers(wanted),
            (wanted, _) => wanted.is_start(),
        }
    }

    /// How many transactions of this position `executed` lacks; None where they cannot be compared.
    #[must_use]
    pub fn missing_from(&self, executed: &Self) -> Option<u64> {
        match (self, executed) {
            (Self::Unknown, _) | (_, Self::Unknown) => None,
            (wanted, _) if wanted.is_start() => Some(0),
            (Self::Mysql(wanted), Self::Mysql(executed)) => Some(wanted.missing_from(executed)),
            (Self::Mariadb(wanted), Self::Mariadb(executed)) => Some(wanted.missing_from(executed)),
            (Self::Mysql(wanted), Self::Start) => Some(wanted.count()),
            (Self::Mariadb(wanted), Self::Start) => Some(wanted.missing_from(&MariadbPosition::default())),
            _ => None,
        }
    }
}

/// As servers write it; nothing for [`Position::Start`].
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Mysql(set) => set.fmt(f),
            Self::Mariadb(list) => list.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
