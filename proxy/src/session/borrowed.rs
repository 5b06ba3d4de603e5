//! User variables that GET DIAGNOSTICS sets on a replica, and their way to the primary.

use std::sync::Arc;

use rolecall_protocol::command::Command;
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_router::decide::Mode;
use rolecall_router::session::{BorrowedVariables, Pins};
use rolecall_router::sql::{Access, Effects, Statement};
use rolecall_router::topology::Role;

use super::dispatch::Job;
use super::links::{LinkError, no_server, unreachable};
use super::sharing::no_connection;
use super::{CloseReason, Session};
use crate::backend::{Connection, QueryError, TextResult};
use crate::buffer::Buffer;
use crate::topology::ServerError;

impl Session {
    /// The variables that this question about the previous statement would set on a replica.
    pub(super) fn would_borrow(&self, sql: &[u8], statement: &Statement) -> Option<BorrowedVariables> {
        let asks = statement.access == Access::Previous && statement.effects == Effects::USER_VARIABLES;
        if !asks || self.mode != Mode::Split || self.state.tied_to().is_some() {
            return None;
        }
        let last = self.state.last()?;
        let topology = self.worker.shared.topology.load();
        topology.server(last).filter(|server| server.role == Role::Replica)?;
        let link = self.links.iter().find(|link| link.server.id == last)?;
        BorrowedVariables::read(sql, self.state.lexing(), last, link.thread_id)
    }

    /// Runs such a question without a tie to the replica.
    pub(super) async fn borrow_variables(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
        mut statement: Statement,
        variables: BorrowedVariables,
    ) -> Result<(), CloseReason> {
        statement.effects.remove(Effects::USER_VARIABLES);
        self.state.expect_state_change();
        let job = Job::new(Command::Query, ReplyKind::Results, statement);
        if self.run_observed(buffer, taken, job).await? == Some(variables.server) {
            match &mut self.borrowed {
                Some(borrowed) if borrowed.thread_id == variables.thread_id => borrowed.extend(variables),
                borrowed => *borrowed = Some(Box::new(variables)),
            }
        }
        Ok(())
    }

    /// Before anything but such questions runs, borrowed variables move to the primary.
    ///
    /// # Errors
    /// What the client is told instead of running its statement. The variables stay where they are, for the next attempt.
    pub(super) async fn return_variables(
        &mut self,
        statement: &Statement,
    ) -> Result<Result<(), ErrPacket>, CloseReason> {
        if statement.access == Access::Previous {
            return Ok(Ok(()));
        }
        let Some(borrowed) = self.borrowed.take() else { return Ok(Ok(())) };
        let handle = Arc::clone(&self.handle);
        match handle.unless_summoned(self.move_variables(&borrowed)).await? {
            Ok(()) => Ok(Ok(())),
            Err(LinkError::TieLost) => Err(CloseReason::ServerLost),
            Err(LinkError::Ended(reason)) => Err(reason),
            Err(LinkError::NoneFree) => {
                self.borrowed = Some(borrowed);
                Ok(Err(no_connection(self.worker.shared.gates.limits())))
            }
            Err(LinkError::Refused(err)) => {
                self.borrowed = Some(borrowed);
                Ok(Err(err))
            }
            Err(LinkError::Unreachable(reason)) => {
                self.borrowed = Some(borrowed);
                Ok(Err(unreachable(&reason)))
            }
        }
    }

    async fn move_variables(&mut self, borrowed: &BorrowedVariables) -> Result<(), LinkError> {
        let Some(primary) = self.worker.shared.topology.load().primary().map(|server| server.id) else {
            return Err(LinkError::Refused(no_server("no primary, which a user variable needs")));
        };
        if primary == borrowed.server {
            // It was promoted meanwhile.
            self.state.pin(Pins::USER_VARIABLE, primary);
            return Ok(());
        }
        let mut link = self.take_link(borrowed.server).await?;
        if link.thread_id != borrowed.thread_id {
            self.put_back(link);
            return Err(LinkError::TieLost);
        }
        let answer = link.query(&borrowed.question()).await;
        let answer = match self.after_query(link, answer) {
            Err(LinkError::Unreachable(_)) => return Err(LinkError::TieLost),
            answer => answer?,
        };
        let values = answer.rows.first().ok_or(LinkError::TieLost)?;
        let mut link = self.take_link(primary).await?;
        let answer = link.query(&borrowed.assignment(values)).await;
        self.after_query(link, answer)?;
        self.state.pin(Pins::USER_VARIABLE, primary);
        self.handle.set_pins(self.state.pins());
        Ok(())
    }

    /// A refusal leaves a connection, and what it holds, as they were; only a connection that broke is gone.
    fn after_query(
        &mut self,
        link: Box<Connection>,
        answer: Result<TextResult, QueryError>,
    ) -> Result<TextResult, LinkError> {
        match answer {
            Ok(answer) => {
                self.put_back(link);
                Ok(answer)
            }
            Err(QueryError::Refused(err)) => {
                self.put_back(link);
                Err(LinkError::Refused(err))
            }
            Err(QueryError::Leg(error)) => {
                let server = Arc::clone(&link.server);
                drop(link);
                self.publish_links();
                self.worker.shared.topology.report(server.id, ServerError::Lost);
                Err(LinkError::Unreachable(format!("server {}: {error}", server.name)))
            }
        }
    }
}
