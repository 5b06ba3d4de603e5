//! The MySQL client/server protocol without IO: bytes in, events out.
//!
//! ```text
//!   bytes ──► packet (framing) ──► handshake │ command │ response ──► events
//!               ▲                      │
//!          compression               auth
//! ```
//!
//! Nothing here knows a socket, a clock or a thread. Decoders return [`ProtocolError`] for whatever they do not
//! understand, never panic, and never size an allocation by a length that a peer claimed and did not send.
//!
//! Source for all packets: the "Client/Server Protocol" part of the MySQL Source Code Documentation, and MariaDB's
//! "Clients & Utilities / Server protocol" pages where the two differ.

pub mod auth;
pub mod capabilities;
pub mod charset;
pub mod command;
pub mod compression;
pub mod error_code;
pub mod handshake;
pub mod packet;
pub mod passage;
pub mod recut;
pub mod response;
pub mod session_track;
pub mod statement;
pub mod status;
pub mod wire;

mod error;

pub use capabilities::{Capabilities, MariadbCapabilities};
pub use error::ProtocolError;
pub use packet::{PacketHeader, SequenceId};
pub use status::StatusFlags;
