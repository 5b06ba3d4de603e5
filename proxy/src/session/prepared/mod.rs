//! Prepared statements of the binary protocol: the client's ids stay, the servers' differ.
//!
//! What the client has prepared is the session's ([`PreparedStatements`]); what a server has of it is its connection's
//! ([`crate::backend::Statements`]), and stays there when the session gives the connection up.

mod again;
mod commands;
mod fit;
mod long_data;
mod noted;
mod outgoing;
mod own;
mod room;
mod statements;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::sql::Flavour;

pub(in crate::session) use statements::PreparedStatements;

/// Prepared statements that one session may have: servers' max_prepared_stmt_count is 16382 for all sessions together, and
/// no single one may take all of it.
const STATEMENTS_PER_SESSION: usize = 8000;

fn too_many_statements() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::MAX_PREPARED_STMT_COUNT_REACHED,
        format!("Can't create more than max_prepared_stmt_count statements (current value: {STATEMENTS_PER_SESSION})"),
    )
}

fn malformed(flavour: Flavour) -> ErrPacket {
    // The flavours differ by a full stop.
    let text = match flavour {
        Flavour::Mysql => "Malformed communication packet.",
        Flavour::Mariadb => "Malformed communication packet",
    };
    ErrPacket::new(ErrorCode::MALFORMED_PACKET, text)
}

fn unknown_statement(id: u32, function: &str, flavour: Flavour) -> ErrPacket {
    // MySQL 9.7 checks all commands in one function; MariaDB names the command's own.
    let function = if flavour == Flavour::Mysql { "mysql_stmt_precheck" } else { function };
    ErrPacket::new(
        ErrorCode::UNKNOWN_STMT_HANDLER,
        format!("Unknown prepared statement handler ({id}) given to {function}"),
    )
}
