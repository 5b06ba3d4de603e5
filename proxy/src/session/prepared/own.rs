//! Prepared statements about the proxy's own variables, of which no server knows: drivers that prepare whatever they run read
//! and set these, too.

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::statement::{ExecuteRequest, StatementId, read_statement_id};
use rolecall_router::sql::{OwnVariableUse, own_variable};

use super::{malformed, too_many_statements};
use crate::buffer::Buffer;
use crate::session::own_variable::RowForm;
use crate::session::{CloseReason, Session};

/// One of them.
#[derive(Debug)]
pub(super) struct OwnStatement {
    sql: Box<[u8]>,
    /// The types that the client bound last.
    types: Box<[u8]>,
}

impl OwnStatement {
    pub const fn text_length(&self) -> usize {
        self.sql.len()
    }
}

impl Session {
    /// COM_STMT_PREPARE of a statement that is about one of the proxy's variables.
    pub(super) async fn prepare_own(&mut self, sql: Box<[u8]>) -> Result<(), CloseReason> {
        let (params, column) = match own_variable(&sql, self.state.lexing()) {
            Some(OwnVariableUse::Show(_, column)) => (0, Some(column)),
            Some(OwnVariableUse::Bind(_)) => (1, None),
            Some(OwnVariableUse::Set(..)) | None => (0, None),
        };
        if self.prepared.is_full() || !self.prepared.keeps(sql.len()) {
            return self.send_error(&too_many_statements()).await;
        }
        let id = self.prepared.next_id();
        let extended = self.expects_extended_metadata();
        let reply = self.local(SequenceId(1)).prepared(StatementId(id), params, column, extended);
        self.prepared.insert_own(id, OwnStatement { sql, types: Box::default() });
        self.send(&reply).await
    }

    /// COM_STMT_EXECUTE or COM_STMT_RESET of such a statement, at the front of `buffer`. None: it is another statement's.
    pub(super) async fn continue_own(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Option<Result<(), CloseReason>> {
        let payload = &buffer.filled()[HEADER_LENGTH..taken];
        let id = self.prepared.resolve(read_statement_id(payload).ok()?);
        let (capabilities, flavour) = (self.leg_capabilities(), self.state.lexing().flavour);
        let own = self.prepared.own(id)?;
        let sql = own.sql.clone();
        let usage = own_variable(&sql, self.state.lexing());
        match (command, usage) {
            (Command::StmtReset, _) => return Some(self.say_ok().await),
            (Command::StmtExecute, Some(_)) => {}
            _ => return Some(self.send_error(&not_here()).await),
        }
        let params = u16::from(matches!(usage, Some(OwnVariableUse::Bind(_))));
        let Ok(request) = ExecuteRequest::read(payload, params, capabilities) else {
            return Some(self.send_error(&malformed(flavour)).await);
        };
        let types: Box<[u8]> = request.types().map_or_else(|| own.types.clone(), Into::into);
        let value = request.text(0, &types, &|_| false).map(<[u8]>::to_vec);
        if let Some(own) = self.prepared.own_mut(id) {
            own.types = types;
        }
        let usage = match (usage?, &value) {
            (OwnVariableUse::Bind(variable), Some(value)) => OwnVariableUse::Set(variable, Some(value)),
            (usage, _) => usage,
        };
        Some(self.own_variable(usage, RowForm::Binary, buffer).await)
    }
}

fn not_here() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NOT_SUPPORTED_YET,
        "Rolecall answers this prepared statement itself, and neither in bulk nor by a cursor: execute it with COM_STMT_EXECUTE",
    )
}
