//! What must hold for any bytes: one function per parser, which panics where it does not hold. Driven by proptest in
//! `arbitrary_bytes.rs`, and by libFuzzer in `protocol/fuzz/`.
//!
//! The first eight bytes of an input choose options; a parser reads what follows.

mod framing;
mod handshake;
mod statements;

/// A named target.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Target] = &[
    ("auth_exchange", handshake::auth_exchange),
    ("change_user", handshake::change_user),
    ("client_handshake", handshake::client_handshake),
    ("compression", framing::compression),
    ("compression_round_trip", framing::compression_round_trip),
    ("execute_request", statements::execute_request),
    ("greeting", handshake::greeting),
    ("handshake_response", handshake::handshake_response),
    ("ok_packet", framing::ok_packet),
    ("packets", framing::packets),
    ("prepare_ok", statements::prepare_ok),
    ("query_request", statements::query_request),
    ("reply_scanner", framing::reply_scanner),
];

/// Runs the target called `name`.
///
/// # Panics
/// Where there is none of that name, or where what must hold does not.
#[allow(dead_code, reason = "the fuzz targets' entry; the proptest driver walks over ALL")]
pub fn run(name: &str, input: &[u8]) {
    let (_, target) = ALL.iter().find(|(known, _)| *known == name).expect("a target's name");
    target(input);
}

/// The options, zeros where the input is shorter, and the rest.
fn options(input: &[u8]) -> ([u8; 8], &[u8]) {
    let (front, rest) = input.split_at(input.len().min(8));
    let mut options = [0; 8];
    options[..front.len()].copy_from_slice(front);
    (options, rest)
}

/// Capabilities from the last four options; all of them where these are zero, so that plain inputs reach most code.
fn capabilities(options: [u8; 8]) -> rolecall_protocol::Capabilities {
    match u32::from_le_bytes([options[4], options[5], options[6], options[7]]) {
        0 => rolecall_protocol::Capabilities::all(),
        bits => rolecall_protocol::Capabilities::from_bits_retain(bits),
    }
}

/// The next of several messages: a byte for its length, which is often one that a plugin answers with, and the message.
fn message<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first()?;
    let length = match length % 8 {
        0 => 0,
        1 => 1,
        2 => 20,
        3 | 4 => 32,
        5 => 64,
        _ => usize::from(*length),
    };
    let (message, behind) = behind.split_at(length.min(behind.len()));
    *rest = behind;
    Some(message)
}
