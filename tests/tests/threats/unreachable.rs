//! Servers that cannot be reached, and accounts that are not let in: a clear word to the client, one to the operator,
//! and the rest goes on.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rolecall_tests::raw::Client;
use rolecall_tests::{Proxy, ProxyOptions, Server, ServerOptions, free_port};

use crate::ground::{Witness, ground, right};

/// Where nobody listens.
fn refused() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)))
}

/// Where nobody answers: the queue of connections is full, and what comes is dropped.
struct BlackHole {
    address: SocketAddr,
    _held: (socket2::Socket, Vec<TcpStream>),
}

impl BlackHole {
    fn dig() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let address = refused();
        socket.bind(&address.into()).expect("a free port");
        socket.listen(0).expect("a queue");
        let held =
            (0..3).filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()).collect();
        Self { address, _held: (socket, held) }
    }
}

pub fn wait_for_line(proxy: &Proxy, words: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_there = |log: &str| log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    while !is_there(&proxy.log()) {
        assert!(Instant::now() < deadline, "no line with {words:?}:\n{}", proxy.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn servers_that_cannot_be_reached_are_named_once_and_the_others_serve() {
    let (hole, closed) = (BlackHole::dig(), refused());
    let options = ProxyOptions {
        backends: vec![closed, hole.address],
        configuration: "backend: {connect_timeout: 1s}\n".into(),
        more: vec!["--backend=no-such-host.invalid:3306".into(), "--backend=/nowhere/mysql.sock".into()],
        ..ProxyOptions::default()
    };
    let proxy = Proxy::start([&ground().server], &options);
    let mut witness = Witness::new(&proxy);
    let advice = [
        (closed.to_string(), "is it running, and is that its port?"),
        (hole.address.to_string(), "does a firewall or a NetworkPolicy drop the packets"),
        ("no-such-host.invalid".into(), "does its name resolve"),
        ("/nowhere/mysql.sock".into(), "is the path of its socket right?"),
    ];
    for (server, advice) in &advice {
        wait_for_line(&proxy, &["WARN", server, advice]);
        witness.goes_on();
    }
    // They are asked many times by now; each was mentioned once.
    let log = proxy.log();
    for (server, advice) in &advice {
        let count = log.lines().filter(|line| line.contains(server.as_str()) && line.contains(advice)).count();
        assert_eq!(count, 1, "{server}:\n{log}");
    }
    let (status, page) = proxy.admin("/topology");
    assert_eq!(status, 200);
    assert!(page.contains("no-such-host.invalid"), "{page}");
}

#[test]
fn without_any_server_a_client_is_told_before_the_greeting_where_to_look() {
    let options = ProxyOptions { backends: vec![refused()], unserved: true, ..ProxyOptions::default() };
    let proxy = Proxy::start([], &options);
    let mut client = Client::connect(proxy.address()).expect("a connection");
    let error = client.read_greeting().expect_err("nobody to greet for");
    // Nothing has been negotiated: no SQLSTATE, as servers send it.
    assert_eq!((error.code, error.sql_state), (1105, None), "{error}");
    let text = String::from_utf8_lossy(&error.message).into_owned();
    assert!(text.contains("/readyz") && text.contains("Nothing was executed"), "{text}");
    let (status, page) = proxy.admin("/readyz");
    assert_eq!(status, 503, "{page}");
    proxy.expect_no_panic();
}

#[test]
fn a_monitor_account_that_is_refused_is_named_with_what_to_do() {
    let server = Server::start(rolecall_tests::Flavour::Mysql, &ServerOptions::default());
    server.run("alter user monitor@'%' identified by 'changed behind the proxy'");
    let proxy = Proxy::start([&server], &ProxyOptions { unserved: true, ..ProxyOptions::default() });
    wait_for_line(&proxy, &["WARN", "monitor.user and monitor.password_file", "Access denied for user 'monitor'"]);
    // Put right, it is noticed without a restart.
    server.run(&format!("alter user monitor@'%' identified by '{}'", Server::PASSWORD.replace('\'', "''")));
    wait_for_line(&proxy, &["INFO", "accepts the account that watches it again"]);
    proxy.expect_no_panic();
}

#[test]
fn a_server_that_is_lost_is_an_error_that_says_so() {
    let server = crate::ground::server();
    let options = ProxyOptions { configuration: "routing: {hold_timeout: 300ms}\n".into(), ..ProxyOptions::default() };
    let proxy = Proxy::start([&server], &options);
    let mut client = proxy.login(&right());
    assert_eq!(client.run("select 1").value(), "1");
    server.signal("KILL");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = client.query("insert into nothing values (1)");
        if reply.closed {
            client = match Client::connect(proxy.address()) {
                Ok(mut client) => match client.log_in(&right()) {
                    Ok(()) => client,
                    Err(error) => {
                        let text = String::from_utf8_lossy(&error.message).into_owned();
                        assert!(text.contains("Nothing was executed"), "{text}");
                        break;
                    }
                },
                Err(error) => panic!("the proxy is gone: {error}"),
            };
            continue;
        }
        let error = reply.error().expect("no server is there");
        let text = String::from_utf8_lossy(&error.message).into_owned();
        assert!(error.code == 1105 || error.code == 1146, "{error}");
        if text.contains("Nothing was executed; a retry is safe") {
            break;
        }
        assert!(Instant::now() < deadline, "{error}");
    }
    wait_for_line(&proxy, &["WARN", "no connection to the server"]);
    proxy.expect_no_panic();
}
