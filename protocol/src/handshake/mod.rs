//! The connection phase, both sides.
//!
//! Source: MySQL Source Code Documentation, "Connection Phase".

mod client;
mod greeting;
mod response;

pub use client::{ClientHandshake, ClientStep, Established, Login, RsaEncrypt, ServerKey, TlsWish};
pub use greeting::Greeting;
pub use response::{ChangeUser, FirstPacket, HandshakeResponse, SslRequest};
