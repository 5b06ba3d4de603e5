//! Replies: OK, ERR, EOF, and where a reply ends.

mod packets;

pub use packets::{EofPacket, ErrPacket, OkHeader, OkPacket};
