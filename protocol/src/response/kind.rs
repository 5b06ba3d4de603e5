//! The shape of a reply.

use crate::command::Command;

/// The shape of a command's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// No reply at all.
    Nothing,
    /// One OK, ERR or EOF packet.
    Single,
    /// One packet of text (COM_STATISTICS), or ERR.
    Text,
    /// Results, one or several (COM_QUERY, COM_STMT_EXECUTE).
    Results,
    /// COM_STMT_PREPARE's OK and definitions.
    Prepare,
    /// Rows and a terminator (COM_STMT_FETCH).
    Rows,
    /// Column definitions and a terminator (COM_FIELD_LIST).
    Fields,
}

impl ReplyKind {
    /// The shape of `command`'s reply; None where it is an exchange of its own (COM_CHANGE_USER, binlog dumps).
    #[must_use]
    pub const fn of(command: Command) -> Option<Self> {
        Some(match command {
            Command::Quit | Command::StmtClose | Command::StmtSendLongData => Self::Nothing,
            Command::Query | Command::StmtExecute | Command::StmtBulkExecute | Command::ProcessInfo => Self::Results,
            Command::StmtPrepare => Self::Prepare,
            Command::StmtFetch => Self::Rows,
            Command::FieldList => Self::Fields,
            Command::Statistics => Self::Text,
            Command::ChangeUser
            | Command::BinlogDump
            | Command::BinlogDumpGtid
            | Command::Clone
            | Command::SubscribeGroupReplicationStream
            | Command::TableDump => return None,
            Command::Sleep
            | Command::InitDb
            | Command::CreateDb
            | Command::DropDb
            | Command::Refresh
            | Command::Shutdown
            | Command::Connect
            | Command::ProcessKill
            | Command::Debug
            | Command::Ping
            | Command::Time
            | Command::DelayedInsert
            | Command::ConnectOut
            | Command::RegisterReplica
            | Command::StmtReset
            | Command::SetOption
            | Command::Daemon
            | Command::ResetConnection
            | Command::Unknown(_) => Self::Single,
        })
    }
}
