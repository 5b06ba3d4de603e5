//! Errors by which a server says that it does not take writes, is going away, or lacks what a session has.
//!
//! Source: MySQL Error Message Reference; failover.md 1.

use rolecall_protocol::StatusFlags;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;

use crate::sql::Flavour;

/// Whether `err` says that this server takes no writes: read-only, offline, a secondary, or shutting down. Error 1290 is
/// generic, so its text is looked at (secure_file_priv gives 1290 as well).
#[must_use]
pub fn refuses_writes(err: &ErrPacket) -> bool {
    match err.code {
        // ER_OPTION_PREVENTS_STATEMENT
        1290 => contains(&err.message, b"read-only") || contains(&err.message, b"read_only"),
        // ER_READ_ONLY_MODE, ER_SERVER_OFFLINE_MODE, ER_RUN_HOOK_ERROR (Group Replication), ER_SERVER_SHUTDOWN,
        // and Group Replication's refusal while a primary is being elected
        1836 | 3032 | 3100 | 4094 | 1053 => true,
        _ => false,
    }
}

/// What the client of an open transaction with this status is told in `err`'s place: a server that takes no writes at all
/// says so first, but for the author of a READ ONLY transaction its own promise is the reason (trap B6: 1792).
#[must_use]
pub fn in_read_only_transaction(err: &ErrPacket, status: StatusFlags, flavour: Flavour) -> Option<ErrPacket> {
    let text = match flavour {
        Flavour::Mysql => "Cannot execute statement in a READ ONLY transaction.",
        Flavour::Mariadb => "Cannot execute statement in a READ ONLY transaction",
    };
    (status.contains(StatusFlags::IN_TRANS_READONLY) && err.code == 1290 && refuses_writes(err))
        .then(|| ErrPacket::new(ErrorCode::CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, text))
}

/// The variable that a server does not know, where `err` says so (ER_UNKNOWN_SYSTEM_VARIABLE).
#[must_use]
pub fn unknown_variable(err: &ErrPacket) -> Option<&[u8]> {
    let quoted = err.message.splitn(3, |byte| *byte == b'\'').nth(1);
    quoted.filter(|name| err.code == 1193 && !name.is_empty())
}

/// Whether `err` says that the session's schema is gone, or closed to it (ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR).
#[must_use]
pub const fn is_about_schema(err: &ErrPacket) -> bool {
    matches!(err.code, 1044 | 1049)
}

/// Whether `err` says that a role is not the account's (any more): ER_ROLE_NOT_GRANTED (MySQL), ER_INVALID_ROLE (MariaDB).
#[must_use]
pub const fn is_about_role(err: &ErrPacket) -> bool {
    matches!(err.code, 3530 | 1959)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c23_error_1193_names_the_variable() {
        let err = |code, text: &str| ErrPacket::new(ErrorCode { code, ..ErrorCode::NO_SERVER }, text);
        let unknown = err(1193, "Unknown system variable 'optimizer_where_cost'");
        assert_eq!(unknown_variable(&unknown), Some(b"optimizer_where_cost".as_slice()));
        assert_eq!(unknown_variable(&err(1193, "Unbekannte Systemvariable")), None);
        assert_eq!(unknown_variable(&err(1231, "Variable 'x' can't be set")), None);
    }

    #[test]
    fn error_1290_counts_only_with_its_read_only_text() {
        let refusal = |text: &str| refuses_writes(&ErrPacket::new(ErrorCode::OPTION_PREVENTS_STATEMENT, text));
        assert!(refusal(
            "The MySQL server is running with the --super-read-only option so it cannot execute this statement"
        ));
        assert!(!refusal(
            "The MySQL server is running with the --secure-file-priv option so it cannot execute this statement"
        ));
    }
}
