//! LOAD DATA LOCAL INFILE: the client's file on its way to the server.

use rolecall_protocol::SequenceId;
use rolecall_protocol::passage::{Passage, PassageEnd};

use super::CloseReason;
use super::patience::Patience;
use crate::buffer::Buffer;
use crate::transport::Transport;

/// Passes the client's packets on until its empty one. `first`: the sequence id that the client uses first; ids are
/// lowered by `raised` for the server. Gives the last id as the server saw it; None when the server was lost. A client that
/// stops in the middle is waited for within bounds, and can be killed.
pub(super) async fn send_file(
    client: &mut Transport,
    server: &mut Transport,
    buffer: &mut Buffer,
    taken: usize,
    (first, raised): (SequenceId, u8),
    patience: Patience<'_>,
) -> Result<Option<SequenceId>, CloseReason> {
    let mut passage = Passage::new(PassageEnd::EmptyPacket, first, raised);
    // Behind the command stands what was read ahead: it is the file's beginning.
    let mut file = Buffer::borrow();
    buffer.move_tail(taken, &mut file);
    let mut server_lost = false;
    loop {
        let ready = passage.pass(file.filled_mut()).map_err(|_| CloseReason::ClientBroke)?;
        // A server that ended early has said why: what follows of the file is read and dropped.
        if ready > 0 && !server_lost {
            server_lost = !patience.write(server, &file.filled()[..ready]).await?;
        }
        file.consume(ready);
        if passage.is_done() {
            break;
        }
        if !patience.fill(client, &mut file).await? {
            return Err(CloseReason::ClientBroke);
        }
    }
    buffer.extend(file.filled());
    Ok((!server_lost).then(|| passage.last()))
}
