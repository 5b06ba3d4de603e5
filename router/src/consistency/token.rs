//! A position as a text that a client carries to another session, perhaps at another proxy.

use std::fmt;

use thiserror::Error;

use super::gtid::GtidSet;
use super::mariadb::MariadbPosition;
use super::{Position, PositionError};

/// `rc1:` and GTIDs in the words of the servers' flavour, without blanks: `rc1:3e11fa47-…:1-5`, `rc1:0-1-7`, or `rc1:`
/// alone for a session that saw nothing yet. Clients treat it as opaque.
///
/// It is no secret and no proof: who makes one up makes only his own reads wait, within the limit that every read has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CausalToken(String);

/// Why a token cannot be made or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Longer than [`CausalToken::MAX_LENGTH`]: the servers' GTIDs have too many gaps or sources.
    #[error("the causal token is longer than {} bytes", CausalToken::MAX_LENGTH)]
    TooLong,
    /// The position is not known.
    #[error("the position for a causal token is not known")]
    Unknown,
    /// It does not begin with a version that this proxy knows.
    #[error("not a causal token: it must begin with {:?}", CausalToken::PREFIX)]
    Version,
    /// What follows the version is no position.
    #[error("not a causal token: {0}")]
    Position(#[from] PositionError),
}

impl CausalToken {
    /// What every token of this version begins with.
    pub const PREFIX: &str = "rc1:";
    /// The longest token, in bytes.
    pub const MAX_LENGTH: usize = 4096;

    /// The token of `position`.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], [`TokenError::TooLong`]
    pub fn new(position: &Position) -> Result<Self, TokenError> {
        let mut text = Self::PREFIX.to_owned();
        let written = match position {
            Position::Start => Ok(()),
            Position::Mysql(set) => set.put_compact(&mut text),
            Position::Mariadb(list) => list.put(&mut text),
            Position::Unknown => Err(std::fmt::Error),
        };
        written.map_err(|_| TokenError::Unknown)?;
        if text.len() > Self::MAX_LENGTH { Err(TokenError::TooLong) } else { Ok(Self(text)) }
    }

    /// Reads a client's token. Nothing is allocated for one that is too long or of another version.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn parse(text: &[u8]) -> Result<Position, TokenError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(TokenError::TooLong);
        }
        let gtids = text.strip_prefix(Self::PREFIX.as_bytes()).ok_or(TokenError::Version)?;
        // A UUID is followed by a colon; MariaDB's GTIDs have none.
        let position = if gtids.is_empty() {
            Position::Start
        } else if gtids.contains(&b':') {
            Position::Mysql(GtidSet::parse(gtids).map_err(PositionError::from)?)
        } else {
            Position::Mariadb(MariadbPosition::parse(gtids).map_err(PositionError::from)?)
        };
        Ok(if position.is_start() { Position::Start } else { position })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CausalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
