//! Replies: OK, ERR, EOF, and where a reply ends.
//!
//! [`ReplyScanner`] walks over the bytes of a reply as they arrive, looks at packet headers and first bytes only, and
//! says which bytes pass to the client as they are and which packets need a look.

mod kind;
mod local;
mod packets;
mod scanner;
#[cfg(test)]
mod scanner_tests;
pub mod text;

pub use kind::ReplyKind;
pub use local::{LocalReply, UnsignedColumn};
pub use packets::{EofPacket, ErrPacket, OkHeader, OkPacket};
pub use scanner::{ReplyContext, ReplyScanner, Scan, Then};
