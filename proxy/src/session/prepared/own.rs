//! Prepared statements about the proxy's own variables, of which no server knows: drivers that prepare whatever they run read
//! and set these, too.

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::statement::{ExecuteRequest, StatementId, read_statement_id};
use rolecall_router::sql::{OwnVariable, OwnVariableUse};

use super::{malformed, too_many_statements};
use crate::buffer::Buffer;
use crate::session::own_variable::RowForm;
use crate::session::{CloseReason, Session};

/// One of them.
#[derive(Debug)]
pub(super) struct OwnStatement {
    usage: OwnVariableUse,
    /// The type of its parameter that the client bound last.
    kind: Option<u8>,
    /// Parameter data came ahead of the execution, and was dropped.
    pub had_long_data: bool,
}

impl OwnStatement {
    pub const fn new(usage: OwnVariableUse) -> Self {
        Self { usage, kind: None, had_long_data: false }
    }

    /// Bytes that are kept of its text.
    pub fn text_length(&self) -> usize {
        match &self.usage {
            OwnVariableUse::Show(_, column) => column.len(),
            OwnVariableUse::Set(_, value) => value.as_ref().map_or(0, |value| value.len()),
            OwnVariableUse::Bind(_) => 0,
        }
    }
}

impl Session {
    /// COM_STMT_PREPARE of a statement that is about one of the proxy's variables.
    pub(super) async fn prepare_own(&mut self, own: OwnStatement) -> Result<(), CloseReason> {
        self.prepared.begin();
        if self.prepared.is_full() || !self.prepared.keeps(own.text_length()) {
            return self.fail(&too_many_statements()).await;
        }
        let (params, column) = match &own.usage {
            OwnVariableUse::Show(_, column) => (0, Some(&**column)),
            OwnVariableUse::Set(..) => (0, None),
            OwnVariableUse::Bind(_) => (1, None),
        };
        let id = self.prepared.next_id();
        let extended = self.expects_extended_metadata();
        let reply = self.local(SequenceId(1)).prepared(StatementId(id), params, column, extended);
        self.prepared.insert_own(id, own);
        self.note_own_preparation();
        self.send(&reply).await
    }

    /// A command about such a statement, at the front of `buffer`. None: it is about another one.
    pub(super) async fn continue_own(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Option<Result<(), CloseReason>> {
        let payload = &buffer.filled()[HEADER_LENGTH..taken];
        let (capabilities, flavour) = (self.leg_capabilities(), self.state.lexing().flavour);
        let id = self.prepared.resolve(read_statement_id(payload).ok()?, flavour);
        let own = self.prepared.own_mut(id)?;
        let had_long_data = std::mem::take(&mut own.had_long_data);
        if command == Command::StmtReset {
            return Some(self.say_ok().await);
        }
        if command != Command::StmtExecute || had_long_data {
            return Some(self.fail(&not_here()).await);
        }
        let usage = own.usage.clone();
        let params = u16::from(matches!(usage, OwnVariableUse::Bind(_)));
        let Ok(request) = ExecuteRequest::read(payload, params, capabilities) else {
            return Some(self.fail(&malformed(flavour)).await);
        };
        own.kind = request.first_type().filter(|_| params > 0).or(own.kind);
        let value = match (params, own.kind) {
            (0, _) => Ok(None),
            (_, Some(kind)) => request.first_text(kind).map(|value| value.map(Into::into)),
            (_, None) => return Some(self.fail(&malformed(flavour)).await),
        };
        let Ok(value) = value else { return Some(self.fail(&malformed(flavour)).await) };
        let token = request.attribute(OwnVariable::CausalToken.name().as_bytes(), &|_| false).map(<[u8]>::to_vec);
        if let Some(token) = token
            && let Err(err) = self.adopt(&token)
        {
            return Some(self.fail(&err).await);
        }
        let usage = match (usage, value) {
            (OwnVariableUse::Bind(variable), value @ Some(_)) => OwnVariableUse::Set(variable, value),
            (usage, _) => usage,
        };
        Some(self.own_variable(usage, RowForm::Binary, buffer).await)
    }
}

/// What a client is told who wants more of such a statement than its execution.
pub(super) fn not_here() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NOT_SUPPORTED_YET,
        "Rolecall itself answers this prepared statement: execute it by itself, with its value in the execution, not in bulk, by a \
         cursor, or with data sent ahead. Nothing was changed",
    )
}
