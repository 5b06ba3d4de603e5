//! What only a connection knows of its session is asked for before it goes.

use rolecall_protocol::response::ErrPacket;

use super::Session;
use crate::backend::{Connection, QueryError};
use crate::registry::SessionHandle;

/// Why something is still known to the connection alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsaved {
    /// It cannot be carried.
    Never,
    /// The server did not tell this time, in its own words.
    Refused(ErrPacket),
    /// The connection does not answer.
    Lost,
}

/// The answer to one of the proxy's own questions, unless the session has to end first.
pub(super) async fn asked<T>(
    handle: &SessionHandle,
    question: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, Unsaved> {
    match handle.unless_summoned(question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(QueryError::Refused(err))) => Err(Unsaved::Refused(err)),
        Ok(Err(QueryError::Leg(_))) | Err(_) => Err(Unsaved::Lost),
    }
}

impl Session {
    /// All that the connection alone knows.
    pub(super) async fn save(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        self.save_answers(link).await?;
        self.save_insert_id(link).await?;
        self.save_values(link).await
    }
}
