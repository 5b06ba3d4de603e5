//! How sessions end.

use rolecall_protocol::SequenceId;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::frame;
use rolecall_protocol::response::ErrPacket;

use super::Session;
use crate::buffer::Buffer;
use crate::registry::Summons;

/// Why a session ended; travels unchanged into logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// COM_QUIT.
    Quit,
    /// COMMIT or ROLLBACK with RELEASE.
    Released,
    /// The client closed its connection, or it broke.
    ClientGone,
    /// The client broke the protocol.
    ClientBroke,
    /// KILL.
    Killed,
    /// The process is ending.
    Drained,
    /// The server with the session's transaction or pinned state was lost.
    ServerLost,
    /// A server refused the session's login.
    ServerRefused,
    /// COM_CHANGE_USER was refused.
    ChangeUserRefused,
    /// wait_timeout.
    Idle,
    /// A replication stream ended.
    ReplicationEnded,
}

impl CloseReason {
    /// Its name for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Released => "released",
            Self::ClientGone => "client_gone",
            Self::ClientBroke => "client_broke",
            Self::Killed => "killed",
            Self::Drained => "drained",
            Self::ServerLost => "server_lost",
            Self::ServerRefused => "server_refused",
            Self::ChangeUserRefused => "change_user_refused",
            Self::Idle => "idle",
            Self::ReplicationEnded => "replication_ended",
        }
    }
}

impl From<Summons> for CloseReason {
    fn from(summons: Summons) -> Self {
        match summons {
            Summons::Killed => Self::Killed,
            Summons::Draining => Self::Drained,
        }
    }
}

impl Session {
    /// The process ends while the client is idle: it is told as a server would, with an unasked error (sequence id 0).
    pub(super) async fn say_goodbye(&mut self) -> CloseReason {
        let err = ErrPacket::new(ErrorCode::SERVER_SHUTDOWN, "Server shutdown in progress");
        let bytes = self.local(SequenceId(0)).err(&err);
        let _ = self.send(&bytes).await;
        CloseReason::Drained
    }

    /// The server that holds the session's transaction or state spoke unasked, or hung up: its last words are the
    /// client's (traps B23, E18), and the session ends as it would at the server.
    pub(super) async fn pass_on_last_words(&mut self, words: &Buffer) -> CloseReason {
        let err = frame(words.filled(), 4096).ok().flatten().and_then(|framed| ErrPacket::decode(&framed.payload).ok());
        if let Some(err) = err {
            let bytes = self.local(SequenceId(0)).err(&err);
            let _ = self.send(&bytes).await;
        }
        CloseReason::ServerLost
    }
}
