//! COM_STMT_SEND_LONG_DATA.

use rolecall_protocol::command::Command;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::ReplyKind;
use rolecall_protocol::statement::{LongDataRequest, read_statement_id};
use rolecall_router::session::Pins;

use super::malformed;
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::session::dispatch::Job;
use crate::session::line::NoLink;
use crate::session::{CloseReason, Session};

impl Session {
    /// COM_STMT_SEND_LONG_DATA: no reply; an error shows at the execution. Only one that is too short for its fields is
    /// answered, as COM_STMT_CLOSE is (MySQL 9.7, measured): passed on, that answer would belong to no command.
    pub(in crate::session) async fn long_data(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        if LongDataRequest::read(&buffer.filled()[HEADER_LENGTH..taken]).is_err() {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        }
        let Some((mut link, _)) = self.long_data_link(buffer, taken).await? else { return Ok(()) };
        if self.handle.unless_summoned(link.transport.write_all(&buffer.filled()[..taken])).await?.is_ok() {
            self.put_back(link);
        }
        Ok(())
    }

    /// A link for parameter data of the statement named at the front of `buffer`, whose id there becomes the server's.
    /// None: the data is dropped.
    pub(in crate::session) async fn long_data_link(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<Option<(Box<Connection>, u32)>, CloseReason> {
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else { return Ok(None) };
        let id = self.prepared.resolve(id, self.state.lexing().flavour);
        let Some(prepared) = self.prepared.by_id.get(&id) else {
            if let Some(own) = self.prepared.own_mut(id) {
                own.had_long_data = true;
            }
            return Ok(None);
        };
        let mut job = Job::new(Command::StmtSendLongData, ReplyKind::Nothing, prepared.statement.tied());
        job.statement_id = id;
        job.at = prepared.long_data.or(if prepared.sql().is_none() { prepared.last } else { None });
        let mut link = match self.take_ready_link_in_line(&job, buffer, taken).await {
            Ok((link, _)) => link,
            // No reply can tell why: the execution does.
            Err(NoLink::Told(_) | NoLink::Ends(CloseReason::ServerLost)) => {
                self.lose_long_data(id);
                return Ok(None);
            }
            Err(NoLink::Ends(reason)) => return Err(reason),
        };
        let target = link.server.id;
        link.transport.new_exchange();
        if let Some(prepared) = self.prepared.by_id.get_mut(&id) {
            prepared.long_data = Some(target);
        }
        self.state.pin(Pins::LONG_DATA, target);
        Ok(Some((link, id)))
    }

    fn lose_long_data(&mut self, id: u32) {
        if let Some(prepared) = self.prepared.by_id.get_mut(&id) {
            prepared.long_data_lost = true;
            prepared.long_data = None;
        }
    }
}
