//! The cases of the wire protocol, each straight at a server and through the proxy.

#[path = "wire/framing.rs"]
mod framing;
