//! TLS that is required stays required (BACKRONYM, CVE-2015-3152), and a verified server is who it says.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rolecall_protocol::Capabilities;
use rolecall_protocol::handshake::Greeting;
use rolecall_tests::middle_box::{From, MiddleBox, Moment, Verdict};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server};
use time::OffsetDateTime;

use crate::ground::{Ending, greeted, ground, response, right, server, wrong};
use crate::unreachable::wait_for_line;

/// Clears CLIENT_SSL in the greeting: what a man in the middle does who wants to read along.
fn strip(moment: &Moment) -> Verdict {
    if moment.from == From::Client || moment.index > 0 {
        return Verdict::Pass;
    }
    match Greeting::decode(&moment.payload) {
        Ok(mut greeting) => {
            greeting.capabilities.remove(Capabilities::SSL);
            Verdict::Instead(moment.packet(&greeting.encode()))
        }
        Err(_) => Verdict::Pass,
    }
}

#[test]
fn stripping_on_the_clients_leg_leads_to_no_login_where_tls_is_required() {
    let ground = ground();
    let options = ProxyOptions { listener: Some("tls: {mode: required}".into()), ..ProxyOptions::default() };
    let proxy = Proxy::start([&ground.server], &options);
    let middle = MiddleBox::start(proxy.address(), strip);
    // A client that would have used TLS, and believes the greeting that it has none; the right password is no help.
    for _ in 0..2 {
        for options in [right(), wrong(), LoginOptions::new("nobody", "")] {
            let mut client = greeted(middle.address(), &options);
            assert!(!client.greeting.as_ref().expect("read").capabilities.contains(Capabilities::SSL));
            let login = response(&client, &options);
            client.send_packet(&login);
            let ending = Ending::without_waiting(&mut client);
            let error = ending.expect_refusal("without TLS");
            assert_eq!(error.code, 3159, "{error}");
            // Refused at once: nobody was asked for a password in clear.
            assert_eq!(ending.packets.len(), 1, "{ending:02x?}");
        }
        // It is known and believed now; that changes nothing.
        let mut options = right();
        options.tls = true;
        assert_eq!(proxy.login(&options).run("select 1").value(), "1");
    }
    proxy.expect_no_panic();
}

#[test]
fn stripping_on_the_servers_leg_leads_to_no_login_where_tls_is_required() {
    let ground = ground();
    let ca = Authority::new();
    in_parallel(["required", "verify-ca", "verify-identity"], |mode| {
        let middle = MiddleBox::start(ground.server.address(), strip);
        let options = ProxyOptions {
            backends: vec![middle.address()],
            configuration: format!("backend: {{tls: {{mode: {mode}, {}}}}}\n", ca.ca_line(mode)),
            unserved: true,
            ..ProxyOptions::default()
        };
        let proxy = Proxy::start([], &options);
        let error = no_login(&proxy);
        assert!(error.contains("1105"), "{mode}: {error}");
        let log = proxy.log();
        assert!(log.contains("TLS, which is required and which the server does not offer"), "{mode}: {log}");
        // Not a byte went out behind the stripped greeting, least of all a password's proof.
        assert!(middle.seen(From::Client).is_empty(), "{mode}");
        proxy.expect_no_panic();
    });
}

/// Each case waits some seconds for a server that does not come.
fn in_parallel<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let run = &run;
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || run(case));
        }
    });
}

/// The error that a client gets in the greeting's place, or for its login.
fn no_login(proxy: &Proxy) -> String {
    let mut client = Client::connect(proxy.address()).expect("a connection");
    client.log_in(&right()).expect_err("no server is usable").to_string()
}

/// A certificate authority of one's own, in a folder that goes with it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rolecall-tests-{}", std::process::id()));
        let folder = folder.join(format!("authority-{number}"));
        std::fs::create_dir_all(&folder).expect("writable");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        std::fs::write(folder.join("ca.pem"), issuer.pem()).expect("writable");
        Self { issuer, folder }
    }

    fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn ca_line(&self, mode: &str) -> String {
        if mode == "required" { String::new() } else { format!("ca: \"{}\"", self.ca().display()) }
    }

    /// A server's certificate and key for `name` that ends at `until`.
    fn issue(&self, name: &str, until: OffsetDateTime) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = until;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |kind: &str| self.folder.join(format!("{name}-{}.{kind}", until.unix_timestamp()));
        let paths = (file("pem"), file("key"));
        std::fs::write(&paths.0, certificate.pem()).expect("writable");
        std::fs::write(&paths.1, key.serialize_pem()).expect("writable");
        paths
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn present(server: &Server, authority: &Authority, (certificate, key): &(PathBuf, PathBuf)) {
    let ca = authority.ca();
    let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
    server.run(&format!("set global ssl_ca = '{ca}', global ssl_cert = '{certificate}', global ssl_key = '{key}'"));
    let loaded = server.try_run("alter instance reload tls");
    assert!(loaded.error().is_none(), "{certificate}: {:?}", loaded.error().map(|error| error.to_string()));
}

#[test]
fn a_server_is_verified_by_its_authority_its_dates_and_its_name() {
    let server = server();
    let (right, other) = (Authority::new(), Authority::new());
    let own_address = Ipv4Addr::LOCALHOST.to_string();
    let never = rcgen::date_time_ymd(2090, 1, 1);
    let good = right.issue(&own_address, never);
    let misnamed = right.issue("db.example.com", never);
    let certificates = [
        (
            &good,
            &[
                ("verify-ca", &right, None),
                ("verify-identity", &right, None),
                ("verify-ca", &other, UNKNOWN),
                ("verify-identity", &other, UNKNOWN),
            ][..],
        ),
        (&misnamed, &[("verify-ca", &right, None), ("verify-identity", &right, Some("not valid for name"))]),
    ];
    for (pair, cases) in certificates {
        present(&server, &right, pair);
        in_parallel(cases, |case| verified(&server, *case));
    }
    // A server loads no certificate that has ended: it ends while it is in use.
    let end = OffsetDateTime::now_utc() + Duration::from_secs(3);
    present(&server, &right, &right.issue(&own_address, end));
    while OffsetDateTime::now_utc() < end + Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    in_parallel(["verify-ca", "verify-identity"], |mode| verified(&server, (mode, &right, Some("expired"))));
}

/// A mode, the authority that is trusted, and what the log says of the refusal, if it is one.
type Case<'a> = (&'static str, &'a Authority, Option<&'static str>);

fn verified(server: &Server, (mode, authority, refusal): Case<'_>) {
    let configuration = format!("backend: {{tls: {{mode: {mode}, ca: \"{}\"}}}}\n", authority.ca().display());
    let proxy = Proxy::start([server], &ProxyOptions { configuration, unserved: true, ..ProxyOptions::default() });
    match refusal {
        None => assert_eq!(proxy.login(&right()).run("select 1").value(), "1"),
        Some(word) => {
            wait_for_line(&proxy, &["WARN", word, "look at backend.tls"]);
            wait_for_line(&proxy, &["admin endpoint listening"]);
            let (status, page) = proxy.admin("/readyz");
            assert_eq!(status, 503, "{mode}, {word}: {page}");
        }
    }
    proxy.expect_no_panic();
}

const UNKNOWN: Option<&str> = Some("UnknownIssuer");
