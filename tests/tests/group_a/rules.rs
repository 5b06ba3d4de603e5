//! What a verdict allows a statement to leave behind.

use rolecall_protocol::StatusFlags;
use rolecall_protocol::response::OkPacket;
use rolecall_protocol::session_track::SessionStateChange;
use rolecall_router::sql::{Access, Effects, Statement};
use rolecall_tests::raw::{Part, Reply};

use crate::observer::Changes;

/// Whether a statement would end the server, its replication, or another's session.
pub fn is_dangerous(sql: &[u8]) -> bool {
    let text = String::from_utf8_lossy(sql).to_uppercase();
    let begins = ["SHUTDOWN", "RESTART", "KILL", "RESET", "PURGE", "CHANGE", "START ", "STOP", "CLONE"];
    (begins.iter().any(|word| text.starts_with(word)) && !text.starts_with("START TRANSACTION"))
        || text.starts_with("SET PASSWORD")
        || text.contains("@@GLOBAL.READ_ONLY =")
}

/// Whether a statement takes something away that others need.
pub fn takes_away(sql: &[u8]) -> bool {
    let begins = ["drop", "truncate", "rename", "alter user", "create procedure", "create function"];
    begins.iter().any(|word| sql.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes())))
}

/// Whether a statement is a read as far as it is one: servers cannot parse it, or it has parameters.
pub fn is_known_to_be_refused(sql: &[u8]) -> bool {
    const REFUSED: &[&str] = &[
        "SELECT rank, groups, library, vector, end, begin FROM t",
        "SELECT FO/**/R UPDATED FROM t",
        "SELECT t.FOR.UPDATE FROM t",
        "SELECT a FROM t WHERE id = ? LIMIT ?",
    ];
    REFUSED.iter().any(|text| text.as_bytes() == sql)
}

/// What is wrong with a verdict, given what the statement has left.
pub fn fault(sql: &[u8], verdict: &Statement, left: &Changes, reply: &Reply) -> Option<String> {
    let sql = String::from_utf8_lossy(sql).to_lowercase();
    let mut left_over = Vec::new();
    for (kind, names) in &left.of {
        // What the sys schema's functions remember of its configuration is read again elsewhere.
        if kind == "user variable" && names.iter().all(|name| name.starts_with("sys.")) {
            continue;
        }
        let explained = match kind.as_str() {
            "position" => verdict.access == Access::Primary,
            "global" => verdict.effects.intersects(Effects::GLOBAL_VARIABLES | Effects::UNKNOWN_ROUTINE),
            "user variable" => verdict.effects.intersects(Effects::USER_VARIABLES | Effects::UNKNOWN_ROUTINE),
            "prepared" => verdict.effects.intersects(Effects::TEXT_PREPARED),
            "temporary table" => verdict.effects.intersects(Effects::TEMPORARY_TABLE | Effects::UNKNOWN_ROUTINE),
            // They end otherwise than table locks: with a reset, as far as the pin goes.
            "lock"
                if (sql.starts_with("backup ") || names.iter().all(|name| name.starts_with("BACKUP")))
                    && verdict.effects.contains(Effects::OPAQUE_STATE) =>
            {
                true
            }
            "lock" => verdict.effects.intersects(
                Effects::NAMED_LOCK | Effects::TABLE_LOCK | Effects::HANDLER | Effects::XA | Effects::UNKNOWN_ROUTINE,
            ),
            "transaction" => reply.status().contains(StatusFlags::IN_TRANS),
            // LAST_INSERT_ID() is asked at the primary.
            "insert id" => verdict.access == Access::Primary,
            "schema" => verdict.effects.contains(Effects::CHANGES_SCHEMA),
            "role" => verdict.effects.intersects(Effects::SETS_ROLE | Effects::OPAQUE_STATE | Effects::UNKNOWN_ROUTINE),
            "variable" => {
                verdict.effects.intersects(Effects::OPAQUE_STATE | Effects::ONE_SHOT | Effects::UNKNOWN_ROUTINE)
                    || (verdict.effects.contains(Effects::SETS_VARIABLES)
                        && names.iter().all(|name| is_told(name, reply) || is_known(name, &sql, verdict, reply)))
            }
            _ => verdict.effects.intersects(Effects::OPAQUE_STATE | Effects::UNKNOWN_ROUTINE),
        };
        if !explained {
            let silent: Vec<_> = names.iter().filter(|name| !is_told(name, reply)).collect();
            left_over.push(format!("{kind} {names:?}, silently {silent:?}"));
        }
    }
    (!left_over.is_empty()).then(|| format!("left {} (error {})", left_over.join(", "), reply.code()))
}

/// Whether a session knows of a variable that a reply has changed: it is named there, or follows from one that is.
fn is_known(name: &str, sql: &str, verdict: &Statement, reply: &Reply) -> bool {
    match name {
        "autocommit" => true,
        // Each has two names.
        "tx_isolation" => is_told("transaction_isolation", reply),
        "tx_read_only" => is_told("transaction_read_only", reply),
        // COLLATE is read in the text; without it SET NAMES, or the assignment, is said again.
        "collation_connection" => {
            let names = ["character_set_client", "character_set_connection", "character_set_results"];
            verdict.effects.contains(Effects::SETS_COLLATION)
                || names.iter().all(|name| is_told(name, reply))
                || sql.contains("character_set_connection")
        }
        _ => false,
    }
}

/// Whether a reply's session-state changes name this variable.
fn is_told(name: &str, reply: &Reply) -> bool {
    let oks = reply.packets.iter().filter(|packet| packet.part == Part::Ok);
    oks.filter_map(|packet| OkPacket::decode(&packet.payload, reply.capabilities).ok()).any(|ok| {
        ok.changes().flatten().any(|change| {
            matches!(change, SessionStateChange::SystemVariable { name: told, .. } if told.eq_ignore_ascii_case(name.as_bytes()))
        })
    })
}
