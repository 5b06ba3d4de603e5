//! Reading a command from the client.

use rolecall_protocol::SequenceId;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{HEADER_LENGTH, PacketHeader};
use rolecall_protocol::response::ErrPacket;

use super::patience::Patience;
use super::{CloseReason, Session};
use crate::buffer::Buffer;

/// Bytes of a long statement that are looked at before it streams.
const LONG_STATEMENT_HEAD: usize = 4096;

/// A command at the front of the session's buffer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Incoming {
    /// All of it is there: `length` bytes of payload in one packet.
    Whole {
        /// Payload bytes.
        length: usize,
    },
    /// It is longer than the statement buffer: only its head is there, the rest will stream.
    Long,
}

impl Session {
    /// Reads until a command stands at the front of `buffer`; the caller has begun a new exchange.
    pub(super) async fn read_command(&mut self, buffer: &mut Buffer) -> Result<Incoming, CloseReason> {
        let limit = self.worker.with_settings(|settings| settings.statement_buffer);
        loop {
            if let Some(header) = PacketHeader::read(buffer.filled()) {
                if header.sequence != SequenceId(0) {
                    return Err(self.out_of_order().await);
                }
                let length = header.payload_length();
                if length <= limit && !header.is_continued() {
                    if buffer.len() >= HEADER_LENGTH + length {
                        return Ok(Incoming::Whole { length });
                    }
                } else if buffer.len() >= HEADER_LENGTH + LONG_STATEMENT_HEAD {
                    return Ok(Incoming::Long);
                }
            }
            // Boxed: the usual command is there as a whole.
            Box::pin(self.read_more(buffer)).await?;
        }
    }

    /// Reads the next bytes of a command that has begun. A client that stops in the middle of one is waited for within
    /// bounds (F10), and can be killed.
    pub(super) async fn read_more(&mut self, buffer: &mut Buffer) -> Result<(), CloseReason> {
        let patience = Patience::of(&self.worker, &self.handle);
        if patience.fill(&mut self.client, buffer).await? {
            return Ok(());
        }
        let err = ErrPacket::new(ErrorCode::NET_READ_INTERRUPTED, "Got timeout reading communication packets");
        let bytes = self.local(SequenceId(0)).err(&err);
        let _ = self.send(&bytes).await;
        Err(CloseReason::ClientBroke)
    }

    async fn out_of_order(&mut self) -> CloseReason {
        let err = ErrPacket::new(ErrorCode::NET_PACKETS_OUT_OF_ORDER, "Got packets out of order");
        // As servers send it: with the id of a first packet, whatever the client's was.
        let bytes = self.local(SequenceId(0)).err(&err);
        let _ = self.send(&bytes).await;
        CloseReason::ClientBroke
    }
}
