#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rolecall_protocol_fuzz::targets::run("client_handshake", input));
