//! Binlog dumps: a dedicated connection, bytes in both directions until one end closes. Semi-synchronous
//! acknowledgements flow against the stream.

use rolecall_protocol::command::Command;
use rolecall_protocol::response::ReplyKind;
use rolecall_router::command::statement_of;
use rolecall_router::session::Pins;

use super::dispatch::Job;
use super::line::NoLink;
use super::{CloseReason, Session};
use crate::buffer::Buffer;

impl Session {
    /// COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID: ends the session.
    pub(super) async fn binlog_dump(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        let job = Job::new(command, ReplyKind::Rows, statement_of(command));
        let mut link = match self.take_link_in_line(&job, buffer).await {
            Ok(link) => link,
            Err(NoLink::Ends(reason)) => return Err(reason),
            Err(NoLink::Told(err)) => {
                buffer.consume(taken);
                return self.send_error(&err).await;
            }
        };
        self.state.pin(Pins::REPLICATION, link.server.id);
        self.handle.set_pins(self.state.pins());
        link.transport.new_exchange();
        let mut down = Buffer::borrow();
        loop {
            if !buffer.is_empty() {
                let written = self.handle.unless_summoned(link.transport.write_all(buffer.filled())).await?;
                written.map_err(|_| CloseReason::ReplicationEnded)?;
                buffer.consume(buffer.len());
            }
            if !down.is_empty() {
                self.send(down.filled()).await?;
                down.consume(down.len());
            }
            let ended = tokio::select! {
                read = link.transport.fill(&mut down) => !matches!(read, Ok(count) if count > 0),
                read = self.client.fill(buffer) => !matches!(read, Ok(count) if count > 0),
                summons = self.handle.summoned() => return Err(summons.into()),
            };
            if ended {
                return Err(CloseReason::ReplicationEnded);
            }
        }
    }
}
