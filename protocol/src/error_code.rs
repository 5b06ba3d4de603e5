//! Error codes and SQLSTATEs that the proxy sends or understands.
//!
//! Source: MySQL Error Message Reference.

/// A server error code with the SQLSTATE that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The number that clients match on.
    pub code: u16,
    /// Five characters of SQLSTATE.
    pub sql_state: [u8; 5],
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $state:literal;)*) => {
        impl ErrorCode { $($(#[$doc])* pub const $name: Self = Self { code: $code, sql_state: *$state };)* }
    };
}

error_codes! {
    /// Too many connections.
    CON_COUNT_ERROR = 1040, b"08004";
    /// Bad handshake.
    HANDSHAKE_ERROR = 1043, b"08S01";
    /// Access denied for user (using password).
    ACCESS_DENIED = 1045, b"28000";
    /// Unknown command.
    UNKNOWN_COM_ERROR = 1047, b"08S01";
    /// Server shutdown in progress.
    SERVER_SHUTDOWN = 1053, b"08S01";
    /// Query was empty.
    EMPTY_QUERY = 1065, b"42000";
    /// Unknown thread id.
    NO_SUCH_THREAD = 1094, b"HY000";
    /// You are not owner of thread.
    KILL_DENIED = 1095, b"HY000";
    /// Unknown error.
    UNKNOWN_ERROR = 1105, b"HY000";
    /// Got a packet bigger than max_allowed_packet bytes.
    NET_PACKET_TOO_LARGE = 1153, b"08S01";
    /// Got packets out of order.
    NET_PACKETS_OUT_OF_ORDER = 1156, b"08S01";
    /// Got timeout reading communication packets.
    NET_READ_INTERRUPTED = 1159, b"08S01";
    /// Variable can't be set to the value.
    WRONG_VALUE_FOR_VARIABLE = 1231, b"42000";
    /// Access denied; privilege needed.
    SPECIFIC_ACCESS_DENIED = 1227, b"42000";
    /// Client does not support authentication protocol.
    NOT_SUPPORTED_AUTH_MODE = 1251, b"08004";
    /// The server is running with an option that prevents this statement.
    OPTION_PREVENTS_STATEMENT = 1290, b"HY000";
    /// This version of MySQL does not yet support it.
    NOT_SUPPORTED_YET = 1235, b"42000";
    /// A number is out of its type's range.
    DATA_OUT_OF_RANGE = 1690, b"22003";
    /// Can't create more than max_prepared_stmt_count statements.
    MAX_PREPARED_STMT_COUNT_REACHED = 1461, b"42000";
    /// Unknown prepared statement handler.
    UNKNOWN_STMT_HANDLER = 1243, b"HY000";
    /// Query execution was interrupted.
    QUERY_INTERRUPTED = 1317, b"70100";
    /// Cannot execute statement in a READ ONLY transaction.
    CANT_EXECUTE_IN_READ_ONLY_TRANSACTION = 1792, b"25006";
    /// Malformed communication packet.
    MALFORMED_PACKET = 1835, b"HY000";
    /// Connections using insecure transport are prohibited.
    SECURE_TRANSPORT_REQUIRED = 3159, b"HY000";
    /// The client was disconnected by the server because of inactivity.
    CLIENT_INTERACTION_TIMEOUT = 4031, b"HY000";
    /// Outcome of the statement unknown; the documented error of this proxy (SQLSTATE 08007).
    OUTCOME_UNKNOWN = 1105, b"08007";
    /// No server may take the statement now; the documented error of this proxy. Nothing was executed: a retry is safe.
    NO_SERVER = 1105, b"08S01";
    /// Connection to the server was lost while the statement ran.
    CONNECTION_LOST = 1105, b"08S01";
}
