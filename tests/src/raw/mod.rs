//! A client that speaks in packets: it chooses its capabilities bit by bit, sends any bytes, and keeps every packet
//! that it gets.

mod client;
mod commands;
mod compression;
mod login;
mod reply;
mod skim;
mod stream;
mod tls;

pub use client::Client;
pub use commands::{Attribute, Parameter, Prepared};
pub use login::{Compression, LoginOptions};
pub use reply::{Kind, Packet, Part, Reply};
pub use skim::Skimmed;
pub use stream::Stream;
pub use tls::{any_certificate, encrypt_with_pem};
