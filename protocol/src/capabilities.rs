//! Capability flags of the connection phase.

use bitflags::bitflags;

bitflags! {
    /// Source: MySQL Source Code Documentation, "Capabilities Flags".
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub struct Capabilities: u32 {
        /// CLIENT_LONG_PASSWORD; MariaDB uses its absence (CLIENT_MYSQL) to announce extended capabilities.
        const LONG_PASSWORD = 1;
        /// Affected rows count found rows, not changed ones.
        const FOUND_ROWS = 1 << 1;
        /// Longer flags in column definitions.
        const LONG_FLAG = 1 << 2;
        /// A schema name comes with the handshake response.
        const CONNECT_WITH_DB = 1 << 3;
        /// `schema.table.column` is not allowed.
        const NO_SCHEMA = 1 << 4;
        /// zlib compression.
        const COMPRESS = 1 << 5;
        /// Set by ODBC; without effect.
        const ODBC = 1 << 6;
        /// LOAD DATA LOCAL INFILE.
        const LOCAL_FILES = 1 << 7;
        /// Spaces before `(` are ignored.
        const IGNORE_SPACE = 1 << 8;
        /// The 4.1 protocol; nothing older is spoken here.
        const PROTOCOL_41 = 1 << 9;
        /// interactive_timeout instead of wait_timeout.
        const INTERACTIVE = 1 << 10;
        /// TLS.
        const SSL = 1 << 11;
        /// Set by old clients; without effect.
        const IGNORE_SIGPIPE = 1 << 12;
        /// Status flags in EOF packets.
        const TRANSACTIONS = 1 << 13;
        /// Old name of the 4.1 protocol.
        const RESERVED = 1 << 14;
        /// 4.1 authentication (CLIENT_SECURE_CONNECTION).
        const SECURE_CONNECTION = 1 << 15;
        /// Several statements in one COM_QUERY.
        const MULTI_STATEMENTS = 1 << 16;
        /// Several results of one COM_QUERY.
        const MULTI_RESULTS = 1 << 17;
        /// Several results of one COM_STMT_EXECUTE.
        const PS_MULTI_RESULTS = 1 << 18;
        /// Authentication plugins.
        const PLUGIN_AUTH = 1 << 19;
        /// Connection attributes.
        const CONNECT_ATTRS = 1 << 20;
        /// The authentication response has a length-encoded length.
        const PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21;
        /// The client can change an expired password.
        const CAN_HANDLE_EXPIRED_PASSWORDS = 1 << 22;
        /// Session-state changes in OK packets.
        #[doc(alias = "CLIENT_SESSION_TRACK")]
        const SESSION_TRACK = 1 << 23;
        /// OK packets instead of EOF packets.
        #[doc(alias = "CLIENT_DEPRECATE_EOF")]
        const DEPRECATE_EOF = 1 << 24;
        /// Column definitions may be left out.
        const OPTIONAL_RESULTSET_METADATA = 1 << 25;
        /// zstd compression.
        const ZSTD_COMPRESSION_ALGORITHM = 1 << 26;
        /// Query attributes.
        const QUERY_ATTRIBUTES = 1 << 27;
        /// Multi-factor authentication.
        const MULTI_FACTOR_AUTHENTICATION = 1 << 28;
        /// More capabilities follow (never set).
        const CAPABILITY_EXTENSION = 1 << 29;
        /// The client verifies the server's certificate (client-side only).
        const SSL_VERIFY_SERVER_CERT = 1 << 30;
        /// Client-side only: keeps options after a failed connect.
        const REMEMBER_OPTIONS = 1 << 31;
    }
}

bitflags! {
    /// MariaDB's extended capabilities, in the last four reserved bytes of the greeting and of the response.
    /// Source: MariaDB documentation, "Connecting: Initial handshake packet, Capabilities".
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub struct MariadbCapabilities: u32 {
        /// Progress reports (an ERR packet with code 0xFFFF).
        const PROGRESS = 1;
        /// COM_MULTI, never released.
        const COM_MULTI = 1 << 1;
        /// COM_STMT_BULK_EXECUTE.
        const STMT_BULK_OPERATIONS = 1 << 2;
        /// Extended metadata in column definitions.
        const EXTENDED_METADATA = 1 << 3;
        /// Column definitions are left out when they are unchanged.
        const CACHE_METADATA = 1 << 4;
        /// COM_STMT_BULK_EXECUTE may return unit results.
        const BULK_UNIT_RESULTS = 1 << 5;
    }
}

/// Capabilities that shape packets or semantics on a server connection and that the proxy cannot translate: sessions
/// share a connection only where these are equal (architecture.md, "part of the key").
pub const SHAPING: Capabilities = Capabilities::FOUND_ROWS
    .union(Capabilities::NO_SCHEMA)
    .union(Capabilities::LOCAL_FILES)
    .union(Capabilities::IGNORE_SPACE)
    .union(Capabilities::INTERACTIVE)
    .union(Capabilities::MULTI_STATEMENTS)
    .union(Capabilities::MULTI_RESULTS)
    .union(Capabilities::PS_MULTI_RESULTS)
    .union(Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS)
    .union(Capabilities::OPTIONAL_RESULTSET_METADATA)
    .union(Capabilities::QUERY_ATTRIBUTES);
