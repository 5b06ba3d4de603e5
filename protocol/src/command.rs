//! The command phase's commands, of MySQL 9 and MariaDB 11.
//!
//! Source: `include/my_command.h` of MySQL 9 and MariaDB 11.

/// The first byte of a command's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// COM_SLEEP (0x00), internal
    Sleep,
    /// COM_QUIT (0x01)
    Quit,
    /// COM_INIT_DB (0x02)
    InitDb,
    /// COM_QUERY (0x03)
    Query,
    /// COM_FIELD_LIST (0x04)
    FieldList,
    /// COM_CREATE_DB (0x05)
    CreateDb,
    /// COM_DROP_DB (0x06)
    DropDb,
    /// COM_REFRESH (0x07)
    Refresh,
    /// COM_SHUTDOWN (0x08)
    Shutdown,
    /// COM_STATISTICS (0x09)
    Statistics,
    /// COM_PROCESS_INFO (0x0A)
    ProcessInfo,
    /// COM_CONNECT (0x0B), internal
    Connect,
    /// COM_PROCESS_KILL (0x0C)
    ProcessKill,
    /// COM_DEBUG (0x0D)
    Debug,
    /// COM_PING (0x0E)
    Ping,
    /// COM_TIME (0x0F), internal
    Time,
    /// COM_DELAYED_INSERT (0x10), internal
    DelayedInsert,
    /// COM_CHANGE_USER (0x11)
    ChangeUser,
    /// COM_BINLOG_DUMP (0x12)
    BinlogDump,
    /// COM_TABLE_DUMP (0x13), removed
    TableDump,
    /// COM_CONNECT_OUT (0x14), internal
    ConnectOut,
    /// COM_REGISTER_SLAVE (0x15)
    RegisterReplica,
    /// COM_STMT_PREPARE (0x16)
    StmtPrepare,
    /// COM_STMT_EXECUTE (0x17)
    StmtExecute,
    /// COM_STMT_SEND_LONG_DATA (0x18)
    StmtSendLongData,
    /// COM_STMT_CLOSE (0x19)
    StmtClose,
    /// COM_STMT_RESET (0x1A)
    StmtReset,
    /// COM_SET_OPTION (0x1B)
    SetOption,
    /// COM_STMT_FETCH (0x1C)
    StmtFetch,
    /// COM_DAEMON (0x1D), internal
    Daemon,
    /// COM_BINLOG_DUMP_GTID (0x1E)
    BinlogDumpGtid,
    /// COM_RESET_CONNECTION (0x1F)
    ResetConnection,
    /// COM_CLONE (0x20)
    Clone,
    /// COM_SUBSCRIBE_GROUP_REPLICATION_STREAM (0x21)
    SubscribeGroupReplicationStream,
    /// MariaDB: COM_STMT_BULK_EXECUTE (0xFA)
    StmtBulkExecute,
    /// A byte that names no command; answered with error 1047.
    Unknown(u8),
}

impl Command {
    /// The command that a payload's first byte names.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x00 => Self::Sleep,
            0x01 => Self::Quit,
            0x02 => Self::InitDb,
            0x03 => Self::Query,
            0x04 => Self::FieldList,
            0x05 => Self::CreateDb,
            0x06 => Self::DropDb,
            0x07 => Self::Refresh,
            0x08 => Self::Shutdown,
            0x09 => Self::Statistics,
            0x0A => Self::ProcessInfo,
            0x0B => Self::Connect,
            0x0C => Self::ProcessKill,
            0x0D => Self::Debug,
            0x0E => Self::Ping,
            0x0F => Self::Time,
            0x10 => Self::DelayedInsert,
            0x11 => Self::ChangeUser,
            0x12 => Self::BinlogDump,
            0x13 => Self::TableDump,
            0x14 => Self::ConnectOut,
            0x15 => Self::RegisterReplica,
            0x16 => Self::StmtPrepare,
            0x17 => Self::StmtExecute,
            0x18 => Self::StmtSendLongData,
            0x19 => Self::StmtClose,
            0x1A => Self::StmtReset,
            0x1B => Self::SetOption,
            0x1C => Self::StmtFetch,
            0x1D => Self::Daemon,
            0x1E => Self::BinlogDumpGtid,
            0x1F => Self::ResetConnection,
            0x20 => Self::Clone,
            0x21 => Self::SubscribeGroupReplicationStream,
            0xFA => Self::StmtBulkExecute,
            other => Self::Unknown(other),
        }
    }
}

/// What COM_SET_OPTION's payload asks for: multi-statements on or off; None where it asks for something else.
#[must_use]
pub fn set_option_multi_statements(payload: &[u8]) -> Option<bool> {
    match payload {
        [0x1B, 0, 0] => Some(true),
        [0x1B, 1, 0] => Some(false),
        _ => None,
    }
}

/// COM_PROCESS_KILL's connection id.
#[must_use]
pub fn process_kill_id(payload: &[u8]) -> Option<u32> {
    match payload {
        [0x0C, id @ ..] => id.first_chunk::<4>().map(|id| u32::from_le_bytes(*id)),
        _ => None,
    }
}

/// COM_INIT_DB's payload.
#[must_use]
pub fn init_db(schema: &[u8]) -> Vec<u8> {
    [b"\x02", schema].concat()
}

/// COM_STMT_PREPARE's payload.
#[must_use]
pub fn stmt_prepare(sql: &[u8]) -> Vec<u8> {
    [b"\x16", sql].concat()
}

/// COM_STMT_CLOSE's payload.
#[must_use]
pub const fn stmt_close(id: u32) -> [u8; 5] {
    let [a, b, c, d] = id.to_le_bytes();
    [0x19, a, b, c, d]
}

/// COM_SET_OPTION's payload, which turns multi-statements on or off.
#[must_use]
pub fn set_option(multi_statements: bool) -> [u8; 3] {
    [0x1B, u8::from(!multi_statements), 0]
}

/// COM_PING's payload.
pub const PING: [u8; 1] = [0x0E];

/// COM_RESET_CONNECTION's payload.
pub const RESET_CONNECTION: [u8; 1] = [0x1F];
