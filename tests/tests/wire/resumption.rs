//! TLS beyond its handshake: E9 of the traps. Sessions that are taken up again, and certificates of clients.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, LoginOptions, any_certificate};
use rolecall_tests::{Proxy, ProxyOptions, Stage, on_every_server};
use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::login::account;

/// A login inside TLS whose settings, and with them earlier sessions, are the caller's; whether one was taken up.
fn login(
    stage: &Stage,
    options: &LoginOptions,
    config: &std::sync::Arc<ClientConfig>,
) -> Result<(Client, bool), String> {
    let mut client = Client::connect(stage.front()).expect("a connection");
    let greeting = client.read_greeting().expect("a greeting");
    client.capabilities = options.capabilities | Capabilities::SSL;
    let head = client.head(options);
    client.send_packet(&head.encode());
    client.stream.start_tls(config.clone()).expect("a TLS handshake");
    let response = client.response(options, head, &greeting);
    client.send_packet(&response.encode());
    let outcome = client.finish_login(options, &greeting.plugin, &greeting.scramble);
    let resumed = client.stream.is_resumed();
    outcome.map(|()| (client, resumed)).map_err(|error| error.to_string())
}

on_every_server! {
    fn e9_a_resumed_tls_session_still_needs_its_own_login(stage) {
        let identified = stage.flavour().identified("p");
        account(stage, "e9_one", &identified);
        account(stage, "e9_other", &identified);
        let of = |user: &str, password: &str| {
            let mut options = LoginOptions::new(user, password);
            options.tls = true;
            options
        };
        let versions: [(&str, &'static SupportedProtocolVersion); 2] =
            [("TLSv1_2", &rustls::version::TLS12), ("TLSv1_3", &rustls::version::TLS13)];
        for (name, version) in versions {
            let config = any_certificate(&[version]);
            let (mut client, resumed) = login(stage, &of("e9_one", "p"), &config).expect("the first login");
            assert!(!resumed, "{name}: nothing to take up");
            assert_eq!(client.stream.tls_version().as_deref(), Some(name));
            // Tickets come with the first bytes behind the handshake.
            assert_eq!(client.run("select substring_index(user(), '@', 1)").value(), "e9_one");
            client.quit();
            let (mut client, resumed) = login(stage, &of("e9_one", "p"), &config).expect("the second login");
            assert!(resumed, "{name}: the session is taken up");
            assert_eq!(client.run("select substring_index(user(), '@', 1)").value(), "e9_one");
            // What was proven in the earlier session is proven of nobody in this one.
            let error = login(stage, &of("e9_one", "wrong"), &config).map(drop).expect_err("a wrong password");
            assert!(error.contains("1045"), "{name}: {error}");
            let error = login(stage, &of("e9_other", "wrong"), &config).map(drop).expect_err("a wrong password");
            assert!(error.contains("1045"), "{name}: {error}");
            let (mut client, resumed) = login(stage, &of("e9_other", "p"), &config).expect("another user's login");
            assert!(resumed, "{name}: the session is taken up");
            assert_eq!(client.run("select substring_index(user(), '@', 1)").value(), "e9_other");
            assert_eq!(client.run("select length(repeat('a', 1000000))").value(), "1000000");
        }
        stage.set.primary.run("drop user e9_one@'%', e9_other@'%'");
    }

    fn e9_certificates_of_clients_are_the_proxys_own(stage) {
        if stage.flavour().is_mariadb() {
            return; // MySQL makes a client's certificate with its own.
        }
        let server = &stage.set.primary;
        account(stage, "e9_x509", &format!("{} require x509", stage.flavour().identified("p")));
        let subject = format!(
            "/CN=MySQL_Server_{}_Auto_Generated_Client_Certificate",
            server.value("select substring_index(@@version, '-', 1)")
        );
        account(stage, "e9_subject", &format!("{} require subject '{subject}'", stage.flavour().identified("p")));
        account(stage, "e9_nobodys", &format!("{} require subject '/CN=nobody'", stage.flavour().identified("p")));
        let file = |name: &str| server.folder().join(name).display().to_string();
        let with = format!(
            "backend: {{tls: {{mode: verify-ca, ca: {}, certificate: {}, key: {}}}}}\n",
            file("ca.pem"), file("client-cert.pem"), file("client-key.pem")
        );
        let proxy_with = |configuration: &str| {
            Proxy::start([server], &ProxyOptions { configuration: configuration.into(), ..ProxyOptions::default() })
        };
        let (with, without) = (proxy_with(&with), proxy_with(""));
        // A client's own certificate goes no further than the proxy: what counts at the server is the proxy's.
        for (user, by_certificate) in [("e9_x509", true), ("e9_subject", true), ("e9_nobodys", false)] {
            for tls in [false, true] {
                let mut options = LoginOptions::new(user, "p");
                options.tls = tls;
                let outcome = Client::login(with.address(), &options).map(|mut client| client.run("select 1").value());
                assert_eq!(outcome.map_err(|error| error.code), if by_certificate { Ok("1".into()) } else { Err(1045) }, "{user}");
                let error = Client::login(without.address(), &options).map(drop).expect_err("no certificate");
                assert_eq!(error.code, 1045, "{user}: {error}");
            }
        }
        server.run("drop user e9_x509@'%', e9_subject@'%', e9_nobodys@'%'");
    }
}
