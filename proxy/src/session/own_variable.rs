//! `@@rolecall_consistency` and `@@rolecall_causal_token`, and the query attribute of the latter's name.

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{MariadbCapabilities, SequenceId};
use rolecall_router::consistency::{CausalToken, Consistency, Requirement};
use rolecall_router::sql::{OwnVariable, OwnVariableUse};
use rolecall_router::topology::Primary;

use super::links::Hold;
use super::{CloseReason, Session};
use crate::buffer::Buffer;

/// Why there is no token.
const NO_TOKEN: &str = "Rolecall cannot tell what this session has seen: the servers have no GTIDs, or the primary does not \
                        answer. Nothing was changed; a retry is safe";

/// The protocol of a reply's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowForm {
    /// COM_QUERY's.
    Text,
    /// COM_STMT_EXECUTE's.
    Binary,
}

impl Session {
    /// Answers a statement that is about one of the proxy's variables.
    pub(super) async fn own_variable(
        &mut self,
        usage: OwnVariableUse,
        form: RowForm,
        buffer: &mut Buffer,
    ) -> Result<(), CloseReason> {
        match usage {
            OwnVariableUse::Show(variable, column) => match self.own_value(variable, buffer).await? {
                Some(value) => {
                    let (extended, local) = (self.expects_extended_metadata(), self.local(SequenceId(1)));
                    let reply = match form {
                        RowForm::Text => local.text(&column, extended, value.as_bytes()),
                        RowForm::Binary => local.binary_text(&column, extended, value.as_bytes()),
                    };
                    self.note_own_answer(true);
                    self.send(&reply).await
                }
                None => self.fail(&ErrPacket::new(ErrorCode::NO_SERVER, NO_TOKEN)).await,
            },
            OwnVariableUse::Set(variable, value) => match self.set_own(variable, value.as_deref()) {
                Ok(()) => self.say_ok().await,
                Err(err) => self.fail(&err).await,
            },
            OwnVariableUse::Bind(variable) => self.fail(&refused(variable, b"?", "bind a text")).await,
        }
    }

    /// The proxy's own OK.
    pub(super) async fn say_ok(&mut self) -> Result<(), CloseReason> {
        let reply = self.local(SequenceId(1)).ok();
        self.note_own_answer(false);
        self.send(&reply).await
    }

    pub(super) const fn expects_extended_metadata(&self) -> bool {
        self.identity.mariadb.contains(MariadbCapabilities::EXTENDED_METADATA)
    }

    async fn own_value(&mut self, variable: OwnVariable, buffer: &mut Buffer) -> Result<Option<String>, CloseReason> {
        match variable {
            OwnVariable::Consistency => Ok(Some(self.reads.level.name().to_owned())),
            OwnVariable::CausalToken => self.causal_token(buffer).await,
        }
    }

    async fn causal_token(&mut self, buffer: &mut Buffer) -> Result<Option<String>, CloseReason> {
        let Self { worker, reads, .. } = self;
        worker.with_topology(|topology| {
            worker.with_board(|board| reads.settle(Consistency::Session, topology, board));
        });
        let owes =
            matches!(self.reads.causality.position(), Err(Requirement::Stay { .. } | Requirement::AskPrimaryFirst));
        if owes {
            // The primary knows all that replicas have.
            let primary = self.worker.with_topology(|topology| topology.primary.clone());
            let Primary::One(primary) = primary else { return Ok(None) };
            if self.ask_primary(primary, &mut Hold::default(), buffer).await? != Some(true) {
                return Ok(None);
            }
        }
        let token = self.reads.causality.position().ok().and_then(|position| CausalToken::new(position).ok());
        Ok(token.map(|token| token.as_str().to_owned()))
    }

    fn set_own(&mut self, variable: OwnVariable, value: Option<&[u8]>) -> Result<(), ErrPacket> {
        let refused = |value: &[u8], why: &str| refused(variable, value, why);
        match (variable, value) {
            (OwnVariable::Consistency, None) => self.reads.level = self.reads.default_level,
            (OwnVariable::Consistency, Some(value)) => {
                let level = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                self.reads.level = level.ok_or_else(|| refused(value, "write eventual, session, global or strong"))?;
            }
            (OwnVariable::CausalToken, None) => {}
            (OwnVariable::CausalToken, Some(token)) => {
                let position = CausalToken::parse(token).map_err(|error| refused(token, &error.to_string()))?;
                self.reads.causality.adopt(&position).map_err(|error| refused(token, &error.to_string()))?;
            }
        }
        Ok(())
    }

    /// The session's reads see from now on what the token's session had seen.
    ///
    /// # Errors
    /// Why it cannot be taken; nothing has changed then, and the statement it came with must not run.
    pub(super) fn adopt(&mut self, token: &[u8]) -> Result<(), ErrPacket> {
        self.set_own(OwnVariable::CausalToken, Some(token))
    }
}

fn refused(variable: OwnVariable, value: &[u8], why: &str) -> ErrPacket {
    let value = String::from_utf8_lossy(&value[..value.len().min(64)]).into_owned();
    let name = variable.name();
    let text = format!("Variable '{name}' can't be set to the value of '{value}': {why}");
    ErrPacket::new(ErrorCode::WRONG_VALUE_FOR_VARIABLE, text)
}
