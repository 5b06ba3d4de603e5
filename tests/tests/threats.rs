//! Bad input and hostile peers, against the built proxy with a real server behind it: whatever is sent, it is refused
//! with a clear error, nothing is lost, nobody gets in, and the other sessions go on.

#[path = "threats/ground.rs"]
mod ground;

#[path = "threats/flood.rs"]
mod flood;
#[path = "threats/framing.rs"]
mod framing;
#[path = "threats/guessing.rs"]
mod guessing;
#[path = "threats/half_open.rs"]
mod half_open;
#[path = "threats/matrix.rs"]
mod matrix;
#[path = "threats/packets.rs"]
mod packets;
#[path = "threats/resources.rs"]
mod resources;
#[path = "threats/rogue.rs"]
mod rogue;
#[path = "threats/rogue_login.rs"]
mod rogue_login;
#[path = "threats/secrets.rs"]
mod secrets;
#[path = "threats/strangers.rs"]
mod strangers;
#[path = "threats/tls.rs"]
mod tls;
#[path = "threats/truncated.rs"]
mod truncated;
#[path = "threats/unreachable.rs"]
mod unreachable;
#[path = "threats/wrong_logins.rs"]
mod wrong_logins;
