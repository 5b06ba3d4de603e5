//! The greeting: A1, A2, E25; and what comes before a login is done: F9, A3, A22, A23.

use std::collections::HashSet;

use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Trial, on_every_server};

on_every_server! {
    fn a1_scrambles_are_fresh_and_printable_as_the_protocol_wants(stage) {
        let mut seen = HashSet::new();
        for _ in 0..50 {
            let mut client = Client::connect(stage.front()).expect("a connection");
            let greeting = client.read_greeting().expect("a greeting");
            assert!(greeting.scramble.iter().all(|byte| *byte != 0 && *byte != b'$'), "{:02x?}", greeting.scramble);
            assert!(seen.insert(greeting.scramble), "a scramble came twice");
        }
    }

    fn a2_e25_the_greeting_offers_what_both_do(stage) {
        let server = Client::connect(stage.set.primary.address()).expect("a connection").read_greeting().expect("a greeting");
        let proxy = Client::connect(stage.front()).expect("a connection").read_greeting().expect("a greeting");
        let own = Capabilities::SSL | Capabilities::COMPRESS | Capabilities::ZSTD_COMPRESSION_ALGORITHM;
        let beyond = proxy.capabilities - server.capabilities - own;
        assert!(beyond.is_empty(), "the proxy offers {beyond:?}, which the servers do not");
        let withheld = server.capabilities - proxy.capabilities - own;
        let may = Capabilities::MULTI_FACTOR_AUTHENTICATION | Capabilities::SSL_VERIFY_SERVER_CERT | Capabilities::REMEMBER_OPTIONS | Capabilities::CAPABILITY_EXTENSION;
        assert!((withheld - may).is_empty(), "the proxy withholds {withheld:?}");
        assert!(proxy.capabilities.contains(Capabilities::SSL | Capabilities::COMPRESS));
        let (server_version, proxy_version) = (String::from_utf8_lossy(&server.server_version), String::from_utf8_lossy(&proxy.server_version));
        assert_eq!(proxy_version.split('-').next(), server_version.split('-').next());
        assert_eq!(proxy_version.contains("MariaDB"), stage.flavour().is_mariadb());
        assert_eq!((proxy.collation, proxy.status), (server.collation, server.status));
    }

    fn a2_a_bit_that_was_not_offered_counts_as_not_set(stage) {
        Trial::new(stage, "a2_more").run_proxied(|run| {
            let options = run.options().clone();
            let mut client = Client::connect(run.address()).expect("a connection");
            let greeting = client.read_greeting().expect("a greeting");
            client.capabilities = (options.capabilities | Capabilities::CONNECT_WITH_DB | Capabilities::CAPABILITY_EXTENSION | Capabilities::MULTI_FACTOR_AUTHENTICATION) - Capabilities::SSL;
            let response = client.response(&options, client.head(&options), &greeting);
            client.send_packet(&response.encode());
            client.finish_login(&options, &greeting.plugin, &greeting.scramble).expect("a login");
            assert_eq!(client.run("select 1").value(), "1");
        });
    }

    fn f9_a_wrong_sequence_id_in_the_response(stage) {
        Trial::new(stage, "f9").run(|run| {
            let options = run.options().clone();
            let (mut client, greeting) = run.greeted(&options);
            let response = client.response(&options, client.head(&options), &greeting);
            client.sequence = SequenceId(5);
            client.send_packet(&response.encode());
            run.note_refusal("a wrong sequence id", &mut client);
        });
    }

    fn a3_a_client_without_the_41_protocol(stage) {
        let mut client = Client::connect(stage.front()).expect("a connection");
        client.read_greeting().expect("a greeting");
        // The 3.20 protocol's response: two bytes of capabilities, three of the packet size, the user's name.
        client.send_packet(&[0x05, 0x00, 0xFF, 0xFF, 0xFF, b'r', b'o', b'o', b't', 0, b'x', 0]);
        let answer = client.stream.take_until_close().expect("a close");
        assert!(answer.get(4) == Some(&0xFF), "{answer:02x?}");
        let code = u16::from_le_bytes([answer[5], answer[6]]);
        assert!([1043, 1251].contains(&code), "{code}");
        stage.expect_no_panic();
    }

    fn a22_a23_nothing_but_an_answer_counts_before_the_login_is_done(stage) {
        for second in [&b"\x03select 1"[..], b"\x03drop database a22", b"\x0e", b"\x01", b"", b"\xff\xff\xff\xff"] {
            Trial::new(stage, "a22").run(|run| {
                let mut options = run.options().clone();
                options.password = "not yet right".into();
                let (mut client, greeting) = run.greeted(&options);
                let response = client.response(&options, client.head(&options), &greeting).encode();
                client.send_packet(&response);
                client.send_packet(if second.is_empty() { &response } else { second });
                client.stream.shutdown(std::net::Shutdown::Write);
                let answer = client.stream.take_until_close().expect("a close");
                // No OK at all: the payloads of this phase begin with 01, fe or ff.
                let mut rest = &answer[..];
                while rest.len() > 4 {
                    assert_ne!(rest[4], 0x00, "an OK for {second:02x?}");
                    let length = u32::from_le_bytes([rest[0], rest[1], rest[2], 0]) as usize;
                    rest = &rest[(4 + length).min(rest.len())..];
                }
                let mut other = run.another();
                assert_eq!(other.run("select 1").value(), "1");
            });
        }
    }

    fn a6_user_names_of_every_length(stage) {
        Trial::new(stage, "a6").run(|run| {
            for name in [String::new(), "a6x".into(), "u".repeat(32), "u".repeat(33), "a6".to_owned() + &"x".repeat(253), "u".repeat(60_000), "a6\u{fffd}".into()] {
                let options = LoginOptions { user: name.clone(), database: None, ..run.options().clone() };
                let error = run.try_login(&options).map(drop).expect_err("no such user");
                assert_eq!(error.code, 1045, "{} bytes: {error}", name.len());
            }
        });
    }
}
