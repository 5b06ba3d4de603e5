//! What a read asks of the server that serves it.

use super::{Position, Progress};
use crate::topology::ServerId;

/// Where a session's next read may go, as [`super::Causality::needs`] says. The primary may serve it in every case, under
/// [`super::Causality::needs_at_primary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement<'a> {
    /// To any server.
    Anything,
    /// To a server that has executed this.
    AtLeast(&'a Position),
    /// To `server`, where the session read last, once it has executed `at_least` ([`Position::Start`] where it has for
    /// sure). To another one only after `server` (or the primary, which knows all that replicas have) was asked for its
    /// [`super::Bounds`], or told them in a probe that began after `since`: then ask again what is needed.
    Stay {
        /// The replica of the session's last read.
        server: ServerId,
        /// What the session has learnt since.
        at_least: &'a Position,
        /// When that read ended.
        since: u64,
    },
    /// The position is not known: to the primary, or the primary is asked for its [`super::Bounds`] first.
    AskPrimaryFirst,
    /// To the primary: asking would not help.
    PrimaryOnly,
}

/// Whether a replica may serve a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission<'a> {
    /// It may.
    Admit,
    /// It may once it has executed this: [`Position::wait_statement`].
    Wait(&'a Position),
    /// Something must be asked first, or the read goes elsewhere.
    Ask,
    /// It may not.
    Refuse,
}

impl<'a> Requirement<'a> {
    /// What a replica must have executed, where that is known.
    #[must_use]
    pub const fn position(&self) -> Option<&'a Position> {
        match *self {
            Self::AtLeast(position) | Self::Stay { at_least: position, .. } => Some(position),
            Self::Anything | Self::AskPrimaryFirst | Self::PrimaryOnly => None,
        }
    }

    /// Whether replica `server` may serve the read, as far as its last answer tells.
    #[must_use]
    pub fn at_replica(&self, server: ServerId, progress: Option<&Progress>) -> Admission<'a> {
        match *self {
            Self::Anything => Admission::Admit,
            Self::AtLeast(position) => judge(position, server, progress),
            Self::Stay { server: home, at_least, .. } if home == server => judge(at_least, server, progress),
            Self::Stay { .. } | Self::AskPrimaryFirst => Admission::Ask,
            Self::PrimaryOnly => Admission::Refuse,
        }
    }
}

fn judge<'a>(position: &'a Position, server: ServerId, progress: Option<&Progress>) -> Admission<'a> {
    let covers = |progress: &Progress| progress.server == server && progress.covers(position);
    if position.is_start() || progress.is_some_and(covers) { Admission::Admit } else { Admission::Wait(position) }
}
