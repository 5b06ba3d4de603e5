//! What goes to a server: a command, and in front of it what it does not answer.

use std::io;

use rolecall_protocol::packet::{SequenceId, put_packet};

use super::Connection;
use crate::exchange::LegError;

impl Connection {
    /// Sends a command, in one write with the COM_STMT_CLOSE packets that wait. Not cancel safe.
    pub(super) async fn send(&mut self, payload: &[u8]) -> Result<(), LegError> {
        // The numbers of compressed packets start anew with each command.
        if self.transport.is_compressed() {
            self.send_closing().await?;
        }
        let mut bytes = self.statements.take_closing();
        put_packet(&mut bytes, &mut SequenceId(0), payload);
        self.transport.new_exchange();
        Ok(self.transport.write_all(&bytes).await?)
    }

    /// Sends the COM_STMT_CLOSE packets that wait. Not cancel safe.
    ///
    /// # Errors
    /// The socket's; the connection must be closed then.
    pub async fn send_closing(&mut self) -> io::Result<()> {
        if !self.statements.has_closing() {
            return Ok(());
        }
        let bytes = self.statements.take_closing();
        self.transport.new_exchange();
        self.transport.write_all(&bytes).await
    }
}
