//! Telling a client that has not logged in why it cannot.

use rolecall_protocol::SequenceId;
use rolecall_protocol::response::ErrPacket;

use crate::exchange::Exchange;

/// Sends `err`. In the greeting's place it goes without its SQLSTATE: nothing has been negotiated yet, and clients of
/// before 4.1 take the marker for text, as servers do not send it there either (MySQL Source Code Documentation,
/// "ERR_Packet"). The client may be gone; that ends the session all the same.
pub async fn refuse(leg: &mut Exchange<'_>, mut err: ErrPacket) {
    if leg.sequence == SequenceId(0) {
        err.sql_state = None;
    }
    let mut payload = Vec::new();
    err.put(&mut payload);
    let _ = leg.write(&payload).await;
}
