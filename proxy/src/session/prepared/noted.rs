//! What finished commands mean for prepared statements.

use rolecall_protocol::command::Command;
use rolecall_router::session::Pins;
use rolecall_router::topology::ServerId;

use crate::backend::BackendStatement;
use crate::session::Session;
use crate::session::dispatch::Job;
use crate::session::relay::Outcome;

impl Session {
    /// What a finished job means for prepared statements.
    pub(in crate::session) fn note_prepared(&mut self, job: &Job, server: ServerId, outcome: &Outcome) {
        if job.statement_id == 0 {
            return;
        }
        match job.command {
            Command::StmtPrepare => self.note_made(job.statement_id, server, outcome),
            Command::StmtExecute | Command::StmtBulkExecute => {
                let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) else { return };
                prepared.last = Some(server);
                let is_refused = outcome.err.is_some();
                let had_data = prepared.long_data.is_some();
                // Data for a parameter that there is not is an error of every execution until COM_STMT_RESET.
                prepared.long_data = prepared.long_data.filter(|_| is_refused);
                let held = had_data || prepared.cursor.is_some();
                let is_typed = prepared.types.is_some();
                prepared.cursor = outcome.cursor_open.then_some(server);
                if let Some((collation, is_alone)) = prepared.collation.clone() {
                    self.note_collation(outcome.err.is_none().then_some(server), &collation, is_alone);
                }
                if is_refused
                    && is_typed
                    && let Some(known) = self.known_at(server, job.statement_id)
                {
                    known.is_doubtful = true;
                }
                // The usual execution held nothing and holds nothing: no look at all the others.
                if held || outcome.cursor_open {
                    if had_data && !is_refused {
                        self.note_no_long_data(server, job.statement_id);
                    }
                    self.update_statement_pins();
                }
            }
            Command::StmtFetch if outcome.last_row_sent => {
                if let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) {
                    prepared.cursor = None;
                }
                self.update_statement_pins();
            }
            Command::StmtReset => {
                if let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) {
                    prepared.cursor = None;
                    prepared.long_data = None;
                }
                if outcome.err.is_none() {
                    self.note_no_long_data(server, job.statement_id);
                }
                self.update_statement_pins();
            }
            _ => {}
        }
    }

    fn note_made(&mut self, id: u32, server: ServerId, outcome: &Outcome) {
        let (Some(mut prepared), Some(ok)) = (self.prepared.pending.take(), outcome.prepared) else { return };
        prepared.parameters = ok.params;
        prepared.last = Some(server);
        let limit = self.statement_limit();
        if let Some(link) = self.links.iter_mut().find(|link| link.server.id == server) {
            // Whoever had prepared it there before: its own answer and metadata are the client's.
            link.statements.insert(prepared.key.clone(), ok.statement.0);
            self.worker.metrics.statements_closed.add(link.statements.close_others(limit) as u64);
        }
        self.prepared.insert(id, prepared);
        self.state.expect_state_change();
    }

    fn note_no_long_data(&mut self, server: ServerId, id: u32) {
        if let Some(known) = self.known_at(server, id) {
            known.has_long_data = false;
        }
    }

    fn known_at(&mut self, server: ServerId, id: u32) -> Option<&mut BackendStatement> {
        let key = &self.prepared.by_id.get(&id)?.key;
        self.links.iter_mut().find(|link| link.server.id == server)?.statements.of(key)
    }

    pub(super) fn update_statement_pins(&mut self) {
        if !self.state.pins().intersects(Pins::CURSOR | Pins::LONG_DATA) && self.prepared.by_id.is_empty() {
            return;
        }
        let cursor = self.prepared.by_id.values().find_map(|prepared| prepared.cursor);
        let long_data = self.prepared.by_id.values().find_map(|prepared| prepared.long_data);
        for (pin, holder) in [(Pins::CURSOR, cursor), (Pins::LONG_DATA, long_data)] {
            match holder {
                Some(server) => self.state.pin(pin, server),
                None => self.state.unpin(pin),
            }
        }
    }
}
