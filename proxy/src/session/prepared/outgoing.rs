//! A command about a prepared statement, as the server of its connection must get it.

use std::sync::Arc;

use rolecall_protocol::command::Command;
use rolecall_protocol::packet::{HEADER_LENGTH, SequenceId, put_packet};
use rolecall_protocol::statement::{ExecuteFlags, StatementId, rewrite_statement_id};
use rolecall_router::sql::Verb;

use super::again::link_error;
use super::fit::{Fit, fit, fits_at_once};
use super::malformed;
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::session::Session;
use crate::session::dispatch::Job;
use crate::session::links::LinkError;

impl Session {
    /// Makes the bytes at the front of `buffer` fit `link`: the statement's id there, its types where this server does not
    /// know them. Gives other bytes to send, where the client's do not do.
    pub(in crate::session) async fn outgoing(
        &mut self,
        link: &mut Connection,
        buffer: &mut Buffer,
        taken: usize,
        job: &Job,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        if link.statements.has_closing() {
            let handle = Arc::clone(&self.handle);
            // A link that broke is found out by the command itself.
            let sent = handle.unless_summoned(Box::pin(link.send_closing())).await;
            let _ = sent.map_err(|summons| LinkError::Ended(summons.into()))?;
        }
        link.statements.under_way = 0;
        if job.statement_id == 0 || job.command == Command::StmtPrepare {
            return Ok(None);
        }
        if self.state.expects_state_change() && self.sharing.is_on && matches!(job.statement.verb, Verb::Dml | Verb::Do)
        {
            // What the next OK reports must be told from the preparation: triggers may set user variables.
            let handle = Arc::clone(&self.handle);
            let pinged = handle.unless_summoned(Box::pin(link.ping())).await;
            pinged.map_err(|summons| LinkError::Ended(summons.into()))?.map_err(|error| link_error(link, error))?;
            self.state.doubt_state_change();
        }
        let payload = &mut buffer.filled_mut()[HEADER_LENGTH..taken];
        match self.address(link, payload, job)? {
            Some(Fit::AsItIs) => return Ok(None),
            Some(Fit::WithTypes(payload)) => return Ok(Some(packet(&payload))),
            Some(Fit::Not) | None => {}
        }
        let handle = Arc::clone(&self.handle);
        let again = Box::pin(self.prepare_again(link, job.statement_id));
        handle.unless_summoned(again).await.map_err(|summons| LinkError::Ended(summons.into()))??;
        Ok(match self.address(link, payload, job)? {
            Some(Fit::WithTypes(payload)) => Some(packet(&payload)),
            Some(Fit::AsItIs | Fit::Not) | None => None,
        })
    }

    /// Writes the server's id into `payload`; None where the connection does not have the statement.
    fn address(&mut self, link: &mut Connection, payload: &mut [u8], job: &Job) -> Result<Option<Fit>, LinkError> {
        let flavour = self.state.lexing().flavour;
        let on_malformed = |_| LinkError::Refused(malformed(flavour));
        let layout = (self.leg_capabilities(), flavour);
        let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) else { return Ok(Some(Fit::AsItIs)) };
        let Some(known) = link.statements.use_statement(&prepared.key) else { return Ok(None) };
        let id = known.id;
        rewrite_statement_id(payload, StatementId(id)).map_err(on_malformed)?;
        let was_inherited = known.is_inherited;
        known.had_cursor |= job.command == Command::StmtExecute && ExecuteFlags::of(payload).wants_cursor();
        let fit = match job.command {
            Command::StmtExecute | Command::StmtBulkExecute if fits_at_once(known, prepared) => Fit::AsItIs,
            Command::StmtExecute | Command::StmtBulkExecute => {
                fit(known, prepared, payload, job.command, layout).map_err(on_malformed)?
            }
            // Which types will go with the data, the execution tells only then.
            Command::StmtSendLongData if was_inherited && known.types.is_some() => Fit::Not,
            Command::StmtSendLongData => {
                known.has_long_data = true;
                Fit::AsItIs
            }
            _ => Fit::AsItIs,
        };
        if was_inherited && !known.is_inherited {
            self.worker.metrics.statements_reused.increment();
        }
        link.statements.under_way = id;
        Ok(Some(fit))
    }
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + HEADER_LENGTH);
    put_packet(&mut bytes, &mut SequenceId(0), payload);
    bytes
}
