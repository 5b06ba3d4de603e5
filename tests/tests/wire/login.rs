//! Authentication: A4, A7 to A19, E9, E10.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, LoginOptions, any_certificate};
use rolecall_tests::{Stage, Trial, on_every_server, without_host};

/// The error of a login that must fail, with the host hidden.
pub fn refusal(address: std::net::SocketAddr, options: &LoginOptions) -> String {
    without_host(&Client::login(address, options).map(drop).expect_err("this login must fail"))
}

/// A login straight at the primary and one through the proxy must come to the same: in, or this error.
fn same(stage: &Stage, options: &LoginOptions) -> Option<String> {
    let outcomes = [stage.set.primary.address(), stage.front()].map(|address| match Client::login(address, options) {
        Ok(mut client) => {
            assert_eq!(client.run("select 1").value(), "1");
            None
        }
        Err(error) => Some(without_host(&error)),
    });
    let [direct, proxied] = outcomes;
    assert_eq!(direct, proxied, "{} by {}, TLS: {}", options.user, options.plugin, options.tls);
    direct
}

pub fn account(stage: &Stage, name: &str, identified: &str) {
    stage.set.primary.run(&format!("drop user if exists {name}@'%'"));
    stage.set.primary.run(&format!("create user {name}@'%' {identified}"));
    stage.set.wait_until_replicated();
}

on_every_server! {
    fn a7_an_unknown_schema_is_told_after_the_login(stage) {
        Trial::new(stage, "a7").run(|run| {
            let right = run.options().clone().database("nothing_like_this");
            let wrong = LoginOptions { password: "wrong".into(), ..right.clone() };
            for (options, code) in [(right, [1049, 1044]), (wrong, [1045, 1045])] {
                let error = run.try_login(&options).map(drop).expect_err("no such schema");
                assert!(code.contains(&error.code), "{error}");
            }
        });
    }

    fn a8_connection_attributes(stage) {
        // What the server was told of the client.
        let kept = "select attr_name, attr_value from performance_schema.session_account_connect_attrs where processlist_id = connection_id() order by attr_name";
        Trial::new(stage, "a8").run(|run| {
            for size in [0, 10, 1000, 60_000] {
                let mut options = run.options().clone();
                options.attributes = vec![("_client_name".into(), "rolecall-tests".into()), ("filler".into(), "x".repeat(size))];
                let mut client = Client::login(run.address(), &options).unwrap_or_else(|error| panic!("{size}: {error}"));
                assert_eq!(client.run("select 1").value(), "1");
                client.transcript.clear();
                assert_ne!(client.run(kept).rows().len(), 0);
                run.client.transcript.append(&mut client.transcript);
            }
            // An odd number of strings, and lengths that lie: servers take some of them.
            let odd: &[&[u8]] = if run.proxied { &[b"\x01a", b"\x01a\x05b", b"\xfd\xff\xff\xffa", b"\xfb"] } else { &[] };
            for attributes in odd {
                let options = run.options().clone();
                let (mut client, greeting) = run.greeted(&options);
                let mut response = client.response(&options, client.head(&options), &greeting);
                response.attributes = attributes.to_vec();
                client.send_packet(&response.encode());
                let error = client.finish_login(&options, &greeting.plugin, &greeting.scramble).expect_err("malformed");
                assert_eq!(error.code, 1043, "{attributes:02x?}");
            }
            let mut options = run.options().clone();
            options.attributes = vec![("filler".into(), "x".repeat(70_000))];
            let (mut client, greeting) = run.greeted(&options);
            let response = client.response(&options, client.head(&options), &greeting).encode();
            client.send_packet(&response);
            // The servers call it a bad handshake; to the proxy it is a packet that no login can be.
            let answer = client.stream.take_until_close().expect("a close");
            assert!(answer.get(4) == Some(&0xFF), "{answer:02x?}");
            let mut other = run.another();
            assert_eq!(other.run("select 1").value(), "1");
        });
    }

    fn a9_e9_tls_and_its_versions(stage) {
        Trial::new(stage, "a9").login(|options| options.tls = true).run(|run| {
            run.run("select 1");
            run.run("select repeat('a', 100000)");
            assert_eq!(run.client.stream.tls_version().as_deref(), Some("TLSv1_3"));
        });
    }

    fn e9_tls_1_2(stage) {
        Trial::new(stage, "e9_old").run(|run| {
            let options = LoginOptions { tls: true, ..run.options().clone() };
            let (mut client, greeting) = run.greeted(&options);
            client.capabilities |= Capabilities::SSL;
            let head = client.head(&options);
            client.send_packet(&head.encode());
            client.stream.start_tls(any_certificate(&[&rustls::version::TLS12])).expect("TLS 1.2");
            let response = client.response(&options, head, &greeting);
            client.send_packet(&response.encode());
            client.finish_login(&options, &greeting.plugin, &greeting.scramble).expect("a login");
            client.transcript.clear();
            client.run("select 1");
            run.note(client.stream.tls_version().expect("TLS"));
            run.client.transcript.append(&mut client.transcript);
        });
    }

    fn a9_bytes_behind_the_tls_request_are_never_taken_for_inside(stage) {
        Trial::new(stage, "a9_behind").run_proxied(|run| {
            let options = run.options().clone();
            let mut client = Client::connect(run.address()).expect("a connection");
            let greeting = client.read_greeting().expect("a greeting");
            client.capabilities = options.capabilities | Capabilities::SSL | Capabilities::CONNECT_WITH_DB;
            let mut bytes = Vec::new();
            let mut sequence = client.sequence;
            rolecall_protocol::packet::put_packet(&mut bytes, &mut sequence, &client.head(&options).encode());
            let response = client.response(&options, client.head(&options), &greeting).encode();
            rolecall_protocol::packet::put_packet(&mut bytes, &mut sequence, &response);
            client.send_raw(&bytes, true);
            client.stream.shutdown(std::net::Shutdown::Write);
            let answer = client.stream.take_until_close().expect("a close");
            // A TLS alert or nothing, never a packet of a login.
            assert!(answer.is_empty() || answer[0] == 0x15 || answer.get(4) == Some(&0xFF), "{answer:02x?}");
        });
    }

    fn e9_garbage_where_tls_should_start(stage) {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0x16, 3, 1, 0xFF, 0xFF, 1, 0, 0]] {
            let mut client = Client::connect(stage.front()).expect("a connection");
            client.read_greeting().expect("a greeting");
            let options = LoginOptions::new("nobody", "");
            client.capabilities = options.capabilities | Capabilities::SSL;
            let head = client.head(&options).encode();
            client.send_packet(&head);
            client.send_raw(garbage, true);
            client.stream.shutdown(std::net::Shutdown::Write);
            let _ = client.stream.take_until_close().expect("a close");
            stage.expect_no_panic();
        }
    }

    fn a11_a_client_that_starts_with_native(stage) {
        Trial::new(stage, "a11").login(|options| options.plugin = "mysql_native_password".into()).run(|run| {
            run.run("select 1");
        });
    }

    fn a11_a_client_that_starts_with_caching_sha2(stage) {
        Trial::new(stage, "a11_sha2").login(|options| options.plugin = "caching_sha2_password".into()).run_proxied(|run| {
            run.run("select 1");
        });
    }

    fn a12_a13_a14_every_way_through_caching_sha2(stage) {
        Trial::new(stage, "a12").login(|options| options.plugin = "caching_sha2_password".into()).run(|run| {
            for tls in [false, true, false, true] {
                let mut client = run.another_with(|options| options.tls = tls);
                assert_eq!(client.run("select 1").value(), "1");
                // The servers' caches are emptied; what the proxy knows is proven anew or believed.
                run.stage().set.primary.run("flush privileges");
            }
        });
    }

    fn a16_accounts_without_a_password(stage) {
        account(stage, "a16", "identified by ''");
        for plugin in ["caching_sha2_password", "mysql_native_password"] {
            for tls in [false, true] {
                let mut options = LoginOptions::new("a16", "").plugin(plugin);
                options.tls = tls;
                assert_eq!(same(stage, &options), None);
                options.password = "some".into();
                assert!(same(stage, &options).is_some_and(|error| error.contains("1045")));
            }
        }
        stage.set.primary.run("drop user a16@'%'");
    }

    fn a17_sha256_accounts(stage) {
        if stage.flavour().is_mariadb() {
            return; // It has no such plugin.
        }
        if stage.set.primary.try_run("create user a17@'%' identified with sha256_password by 'p'").error().is_some() {
            return; // Nor has MySQL from 9.7 on.
        }
        stage.set.wait_until_replicated();
        let mut options = LoginOptions::new("a17", "p");
        options.tls = true;
        assert_eq!(same(stage, &options), None);
        stage.set.primary.run("drop user a17@'%'");
    }

    fn a18_clear_passwords_only_inside_tls(stage) {
        Trial::new(stage, "a18").run(|run| {
            let mut options = run.options().clone().plugin("mysql_clear_password");
            options.tls = true;
            // Inside TLS both may switch to a better way; either leads in.
            let mut client = run.try_login(&options).expect("inside TLS");
            assert_eq!(client.run("select 1").value(), "1");
        });
    }

    fn a19_ed25519_accounts(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own.
        }
        account(stage, "a19", "identified via ed25519 using password('p')");
        for plugin in ["caching_sha2_password", "mysql_native_password"] {
            assert_eq!(same(stage, &LoginOptions::new("a19", "p").plugin(plugin)), None);
        }
        assert!(same(stage, &LoginOptions::new("a19", "q").plugin("mysql_native_password")).is_some_and(|error| error.contains("1045")));
        stage.set.primary.run("drop user a19@'%'");
    }

    fn a4_a_client_without_plugins(stage) {
        Trial::new(stage, "a4").run(|run| {
            let options = run.options().clone().without(Capabilities::PLUGIN_AUTH).plugin("mysql_native_password");
            let outcome = Client::login(run.address(), &options);
            match outcome {
                // Once the proxy knows the password it can check a native answer, which MySQL cannot.
                Ok(mut client) => assert_eq!(client.run("select 1").value(), "1"),
                Err(error) => assert_eq!(error.code, 1251, "{error}"),
            }
        });
    }
}
