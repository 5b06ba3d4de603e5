//! Servers by name (H9 of the traps, X12 of the wire cases): a name may have several addresses, of which one answers, and
//! may move to another one; and servers and listeners of IPv6.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, free_port, tell, wait_until};

const NAME: &str = "db-primary.shop.svc";

/// A file that stands in /etc/hosts' place for one process, in a mount namespace of its own.
struct Hosts(PathBuf);

impl Hosts {
    fn new(addresses: &[Ipv4Addr]) -> Self {
        let hosts = Self(std::env::temp_dir().join(format!("rolecall-hosts-{}", std::process::id())));
        hosts.set(addresses);
        hosts
    }

    /// The name's addresses from now on. The file stays the same one: it is mounted.
    fn set(&self, addresses: &[Ipv4Addr]) {
        let line = |address| format!("{address} {NAME}\n");
        let text: String =
            std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(addresses.iter().map(line)).collect();
        std::fs::write(&self.0, text).expect("the temporary folder is writable");
    }

    fn wrapper(&self) -> Vec<String> {
        let mount = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
        ["unshare", "--mount", "sh", "-c", mount, "sh", &self.0.display().to_string()].map(str::to_owned).to_vec()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn server_at(address: Ipv4Addr, port: u16, more: &[&str]) -> Server {
    let more = more.iter().map(ToString::to_string).collect();
    let options = ServerOptions { address: Some(address), port: Some(port), more, ..ServerOptions::default() };
    let server = Server::start(Flavour::Mysql, &options);
    server.run(&format!("create user named {}", server.flavour().identified("pw")));
    server.run("create schema named");
    server.run("create table named.t (a int)");
    server.run("grant all on named.* to named");
    server
}

fn options() -> LoginOptions {
    LoginOptions::new("named", "pw").database("named")
}

#[test]
fn h9_x12_a_name_that_moves_is_followed() {
    let [nobody, old, new] = [2, 31, 32].map(|last| Ipv4Addr::new(127, 0, 0, last));
    let port = free_port(old);
    let first = server_at(old, port, &[]);
    // An address at which nobody listens comes first (by RFC 6724 the one nearest to ours): the other one is tried.
    let hosts = Hosts::new(&[nobody, old]);
    let options_of = ProxyOptions {
        more: vec![format!("--backend={NAME}:{port}")],
        wrapper: hosts.wrapper(),
        ..ProxyOptions::default()
    };
    let proxy = Proxy::start([], &options_of);
    let mut before = proxy.login(&options());
    before.run("insert into t values (1)");
    assert_eq!(first.value("select count(*) from named.t"), "1");
    // The server is started again elsewhere, as a pod is, and the name follows it.
    let second = server_at(new, port, &[]);
    first.signal("KILL");
    hosts.set(&[new]);
    let moved = Instant::now();
    let mut tries = 0;
    let mut client = None;
    wait_until("the name's new address is found", || {
        tries += 1;
        client = Client::login(proxy.address(), &options()).ok();
        client.as_mut().is_some_and(|client| client.query("insert into t values (2)").ok().is_some())
    });
    tell(&format!("a name that moved was followed after {:.1?}, at login {tries}", moved.elapsed()));
    assert_eq!(second.value("select count(*) from named.t"), "1", "written once");
    // The session of before goes on as well, or has been told.
    let reply = before.query("select count(*) from t");
    assert!(reply.closed || reply.error().is_some() || reply.value() == "1", "{reply:?}");
    proxy.expect_no_panic();
}

#[test]
fn h9_ipv6_on_both_sides() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        tell("no IPv6 on this machine: not tried");
        return;
    }
    let port = free_port(Ipv4Addr::LOCALHOST);
    let server = server_at(Ipv4Addr::LOCALHOST, port, &["--bind-address=127.0.0.1,::1"]);
    let listening = free_port(Ipv4Addr::LOCALHOST);
    let more = vec![format!("--backend=[::1]:{port}"), format!("--listen=[::1]:{listening}")];
    let proxy = Proxy::start([], &ProxyOptions { more, ..ProxyOptions::default() });
    for tls in [false, true] {
        let options = LoginOptions { tls, ..options() };
        let address = (Ipv6Addr::LOCALHOST, listening).into();
        let mut client = Client::login(address, &options).unwrap_or_else(|error| panic!("{error}"));
        client.run("insert into t values (6)");
        assert_eq!(client.run("select substring_index(host, ':', -1) > 0, host like '%::1%' from information_schema.processlist where id = connection_id()").rows().len(), 1);
    }
    assert_eq!(server.value("select count(*) from named.t"), "2");
    let wrong = LoginOptions { password: "wrong".into(), ..options() };
    let error = Client::login((Ipv6Addr::LOCALHOST, listening).into(), &wrong).map(drop).expect_err("a wrong password");
    assert_eq!(error.code, 1045, "{error}");
    proxy.expect_no_panic();
}
