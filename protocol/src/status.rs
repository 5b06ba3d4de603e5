//! Server status flags, sent with OK and EOF packets.

use bitflags::bitflags;

impl StatusFlags {
    /// The flags that tell of the session, not of one statement.
    pub const OF_SESSION: Self = Self::IN_TRANS
        .union(Self::AUTOCOMMIT)
        .union(Self::NO_BACKSLASH_ESCAPES)
        .union(Self::IN_TRANS_READONLY)
        .union(Self::ANSI_QUOTES);
}

bitflags! {
    /// Source: MySQL Source Code Documentation, `SERVER_STATUS_flags_enum`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct StatusFlags: u16 {
        /// A transaction is open.
        #[doc(alias = "SERVER_STATUS_IN_TRANS")]
        const IN_TRANS = 0x0001;
        /// autocommit=1.
        #[doc(alias = "SERVER_STATUS_AUTOCOMMIT")]
        const AUTOCOMMIT = 0x0002;
        /// Another result follows.
        #[doc(alias = "SERVER_MORE_RESULTS_EXISTS")]
        const MORE_RESULTS_EXISTS = 0x0008;
        /// The query used no good index.
        const NO_GOOD_INDEX_USED = 0x0010;
        /// The query used no index.
        const NO_INDEX_USED = 0x0020;
        /// A cursor was opened by COM_STMT_EXECUTE; rows are got by COM_STMT_FETCH.
        #[doc(alias = "SERVER_STATUS_CURSOR_EXISTS")]
        const CURSOR_EXISTS = 0x0040;
        /// The cursor's last row was sent.
        #[doc(alias = "SERVER_STATUS_LAST_ROW_SENT")]
        const LAST_ROW_SENT = 0x0080;
        /// A database was dropped.
        const DB_DROPPED = 0x0100;
        /// sql_mode has NO_BACKSLASH_ESCAPES.
        #[doc(alias = "SERVER_STATUS_NO_BACKSLASH_ESCAPES")]
        const NO_BACKSLASH_ESCAPES = 0x0200;
        /// Metadata of a prepared statement changed when it was prepared anew.
        const METADATA_CHANGED = 0x0400;
        /// The query was slow.
        const QUERY_WAS_SLOW = 0x0800;
        /// This result holds OUT parameters.
        #[doc(alias = "SERVER_PS_OUT_PARAMS")]
        const PS_OUT_PARAMS = 0x1000;
        /// The open transaction is READ ONLY.
        #[doc(alias = "SERVER_STATUS_IN_TRANS_READONLY")]
        const IN_TRANS_READONLY = 0x2000;
        /// Session-state changes follow the info text.
        #[doc(alias = "SERVER_SESSION_STATE_CHANGED")]
        const SESSION_STATE_CHANGED = 0x4000;
        /// MariaDB: sql_mode has ANSI_QUOTES.
        const ANSI_QUOTES = 0x8000;
    }
}
