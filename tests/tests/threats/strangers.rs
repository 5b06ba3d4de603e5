//! What scanners, other protocols and line noise send to the port (threats.md 5: one packet that ends the process).

use rolecall_tests::raw::Client;

use crate::ground::{Ending, SERVER_MAX_PACKET, Witness, greeted, grounds, proxy, response, right, wrong};

/// The start of what speaks otherwise.
fn strangers() -> Vec<(&'static str, Vec<u8>)> {
    let client_hello =
        b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x02\x13\x01\x01\x00";
    vec![
        ("a TLS hello without SSLRequest", client_hello.to_vec()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: db\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("X protocol: CapabilitiesGet", b"\x01\0\0\0\x01".to_vec()),
        ("X protocol: AuthenticateStart", b"\x12\0\0\0\x04\x0a\x05PLAIN\x12\x07\0root\0\0".to_vec()),
        ("PostgreSQL's StartupMessage", b"\0\0\0\x11\0\x03\0\0user\0root\0\0".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("Redis", b"*1\r\n$4\r\nPING\r\n".to_vec()),
        ("PROXY, version 1", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n".to_vec()),
        ("PROXY, version 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02".to_vec()),
        ("RDP", b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0".to_vec()),
        ("line ends", b"\r\n\r\n".to_vec()),
        ("NULs", vec![0; 1 << 20]),
        ("ones", vec![0xFF; 1 << 20]),
    ]
}

#[test]
fn other_protocols_at_the_port_are_refused() {
    for ground in grounds() {
        let mut witness = Witness::new(&ground.proxy);
        for (what, bytes) in strangers() {
            let mut client = Client::connect(ground.proxy.address()).expect("a connection");
            client.send_raw(&bytes, true);
            client.read_greeting().expect("a greeting");
            Ending::of(&mut client).expect_no_ok(what);
            witness.goes_on();
        }
    }
}

/// xorshift64*: the same bytes in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
        })
        .collect()
}

#[test]
fn line_noise_instead_of_a_login() {
    for ground in grounds() {
        let mut witness = Witness::new(&ground.proxy);
        for seed in 1..=200 {
            let length = 1 + (seed as usize * 37) % 3000;
            let bytes = noise(seed, length);
            let mut client = greeted(ground.proxy.address(), &wrong());
            if seed % 2 == 0 {
                client.send_packet(&bytes);
            } else {
                client.send_raw(&bytes, true);
            }
            Ending::of(&mut client).expect_no_ok(&format!("seed {seed}"));
        }
        witness.goes_on();
    }
}

#[test]
fn line_noise_inside_a_login_and_instead_of_commands() {
    for ground in grounds() {
        let mut witness = Witness::new(&ground.proxy);
        for seed in 1..=150_u64 {
            // A login with some bytes wrong.
            let mut client = greeted(ground.proxy.address(), &wrong());
            let mut login = response(&client, &wrong());
            for byte in noise(seed, 1 + seed as usize % 5).chunks(2) {
                let at = usize::from(byte[0]) % login.len();
                login[at] ^= byte.get(1).copied().unwrap_or(0x80) | 1;
            }
            client.send_packet(&login);
            Ending::of(&mut client).expect_no_ok(&format!("seed {seed}"));
            // Commands of noise, each with its own right header.
            let mut client = ground.proxy.login(&right());
            for number in 0..20 {
                let mut payload = noise(seed << 8 | number, 1 + (seed as usize * 7 + number as usize) % 60);
                payload[0] %= 0x20;
                client.sequence.0 = 0;
                client.send_packet(&payload);
            }
            client.stream.shutdown(std::net::Shutdown::Write);
            let _ = client.stream.take_until_close().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        witness.goes_on();
    }
}

#[test]
fn nobody_unknown_gets_memory_for_a_large_packet() {
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let before = proxy.memory().now;
    let mut held = Vec::new();
    for _ in 0..50 {
        // A header alone: told at once, before a byte of what it announces.
        let mut client = greeted(proxy.address(), &wrong());
        client.send_raw(&[0xFF, 0xFF, 0xFF, 1], true);
        let error = Ending::without_waiting(&mut client).expect_refusal("16 MiB");
        assert_eq!(error.code, 1153);
        // As much as is allowed, all but the last byte.
        let mut client = greeted(proxy.address(), &wrong());
        let packet = rolecall_tests::middle_box::packet(1, &noise(1, 66 * 1024));
        client.send_raw(&packet[..packet.len() - 1], true);
        held.push(client);
    }
    let grown = proxy.memory().now.saturating_sub(before);
    assert!(grown < 50 * 256 * 1024, "50 clients that have not logged in hold {grown} bytes");
    witness.goes_on();
}

#[test]
fn f17_a_large_packet_that_is_announced_takes_no_memory_until_it_comes() {
    let proxy = proxy();
    let clients: Vec<_> = (0..50).map(|_| proxy.login(&right())).collect();
    let before = proxy.memory().now;
    for mut client in clients.into_iter().map(std::mem::ManuallyDrop::new) {
        client.send_raw(&[0xFF, 0xFF, 0xFF, 0, 0x03], true);
    }
    let mut witness = Witness::new(&proxy);
    witness.goes_on();
    let grown = proxy.memory().now.saturating_sub(before);
    assert!(grown < SERVER_MAX_PACKET as u64, "50 headers of 16 MiB packets: {grown} bytes");
}
