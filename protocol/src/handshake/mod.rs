//! The connection phase, both sides.
//!
//! Source: MySQL Source Code Documentation, "Connection Phase".

mod attributes;
mod change_user;
mod client;
mod greeting;
mod response;

pub use attributes::MAX_ATTRIBUTES_LENGTH;
pub use change_user::ChangeUser;
pub use client::{ClientHandshake, ClientStep, Established, Login, RsaEncrypt, ServerChannel, ServerKey, TlsWish};
pub use greeting::Greeting;
pub use response::{FirstPacket, HandshakeResponse, MAX_LOGIN_LENGTH, SslRequest, is_user_name};
