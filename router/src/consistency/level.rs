//! What a session's reads are promised.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How consistent reads outside transactions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Consistency {
    /// Any replica, whatever it has executed.
    Eventual,
    /// A read sees what its session wrote, and never less than the session has read before.
    #[default]
    Session,
    /// A read sees every transaction that the primary had committed when the statement arrived, whoever wrote it. Each
    /// read costs a question at the primary, which reads that arrive together may share.
    Global,
    /// Reads go to the primary.
    Strong,
}

/// No consistency has that name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no consistency is called that: eventual, session, global and strong are known")]
pub struct UnknownConsistency;

impl Consistency {
    /// All of them, weakest first.
    pub const ALL: [Self; 4] = [Self::Eventual, Self::Session, Self::Global, Self::Strong];

    /// Its name in configurations, session variables and hints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eventual => "eventual",
            Self::Session => "session",
            Self::Global => "global",
            Self::Strong => "strong",
        }
    }
}

impl FromStr for Consistency {
    type Err = UnknownConsistency;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name)).ok_or(UnknownConsistency)
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
