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
use crate::session::links::LinkError;
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
        let id = self.prepared.resolve(id);
        let Some(prepared) = self.prepared.by_id.get(&id) else { return Ok(None) };
        let mut job = Job::new(Command::StmtSendLongData, ReplyKind::Nothing, prepared.statement.tied());
        job.statement_id = id;
        job.at = prepared.long_data.or(if prepared.sql().is_none() { prepared.last } else { None });
        let link = match self.take_link_in_line(&job, buffer).await {
            Ok(mut link) => match self.outgoing(&mut link, buffer, taken, &job).await {
                Ok(_) => Ok(link),
                Err(error) => {
                    if matches!(error, LinkError::Refused(_)) {
                        self.put_back(link);
                    }
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
        let mut link = match link {
            Ok(link) => link,
            Err(LinkError::Ended(reason)) => return Err(reason),
            Err(_) => {
                self.lose_long_data(id);
                return Ok(None);
            }
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
