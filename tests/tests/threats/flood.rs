//! Connections that never log in: their number is bounded in all and by address, their time is bounded, and sessions
//! do not feel them (threats.md 5: handshake flood, slowloris).

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Stream};
use rolecall_tests::{Proxy, ProxyOptions};

use crate::ground::{Ending, Witness, greeted, ground, right};

fn strict(limits: &str) -> Proxy {
    Proxy::start([&ground().server], &ProxyOptions { limits: limits.into(), ..ProxyOptions::default() })
}

/// A connection from one of this machine's own addresses.
fn from_address(source: Ipv4Addr, proxy: SocketAddr) -> Client {
    let socket = connect_from(source, proxy);
    Client::over(Stream::over(socket).expect("a stream"))
}

fn connect_from(source: Ipv4Addr, proxy: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((source, 0)).into()).expect("an address of this machine");
    socket.connect(&proxy.into()).expect("a connection");
    socket.into()
}

/// Error 1040 in the greeting's place, and without a SQLSTATE: nothing has been negotiated.
fn expect_too_many(client: &mut Client) {
    let ending = Ending::without_waiting(client);
    let error = ending.expect_refusal("over the limit");
    assert_eq!((error.code, error.sql_state), (1040, None), "{error}");
}

/// Waits until the proxy has noticed that connections have gone.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn connections_without_a_login_are_counted_by_address_and_in_all() {
    let proxy = strict("{unauthenticated: 12, unauthenticated_per_address: 8}");
    let mut witness = Witness::new(&proxy);
    let [one, two] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
    // What came before has logged in or left, and counts no more.
    eventually("a login finds room", || from_address(two, proxy.address()).read_greeting().is_ok());
    let greet = |source| {
        let mut client = from_address(source, proxy.address());
        client.read_greeting().map(|_| client)
    };
    let mut held = Vec::new();
    eventually("eight from one address", || {
        held.extend(greet(one));
        held.len() == 8
    });
    expect_too_many(&mut from_address(one, proxy.address()));
    // Another address still gets in, until all places are taken.
    eventually("four from another address", || {
        held.extend(greet(two));
        held.len() == 12
    });
    expect_too_many(&mut from_address(two, proxy.address()));
    expect_too_many(&mut from_address(Ipv4Addr::new(127, 0, 0, 3), proxy.address()));
    // Who has logged in is not concerned, nor counted.
    witness.goes_on();
    held.clear();
    eventually("room again", || Client::login(proxy.address(), &right()).is_ok());
    let (_, metrics) = proxy.admin("/metrics");
    for (reason, least) in [("unauthenticated-per-address", 1), ("unauthenticated", 2)] {
        let name = format!("rolecall_clients_refused_total{{reason=\"{reason}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok());
        assert!(count.is_some_and(|count| count >= least), "{reason}: {count:?}");
    }
    witness.goes_on();
}

#[test]
fn a_login_that_takes_too_long_is_ended_however_it_dawdles() {
    let proxy = strict("{handshake_timeout: 1s}");
    let mut witness = Witness::new(&proxy);
    let started = Instant::now();
    let mut silent = greeted(proxy.address(), &right());
    let mut dawdling = greeted(proxy.address(), &right());
    let mut in_tls = {
        let mut options = right();
        options.tls = true;
        let mut client = greeted(proxy.address(), &options);
        let request = client.head(&options).encode();
        client.send_packet(&request);
        // A TLS hello that never ends.
        client.send_raw(b"\x16\x03\x01\x02\x00\x01", true);
        client
    };
    // Slowloris: a byte now and then of a packet that would be right.
    let writer = dawdling.stream.socket().try_clone().expect("a second handle");
    let slow = std::thread::spawn(move || {
        use std::io::Write;
        let mut writer = &writer;
        for byte in rolecall_tests::middle_box::packet(1, &[0; 4000]) {
            if writer.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    for (what, client) in [("silent", &mut silent), ("dawdling", &mut dawdling)] {
        let ending = Ending::without_waiting(client);
        assert_eq!(ending.expect_refusal(what).code, 1159, "{what}");
    }
    let _ = in_tls.stream.take_until_close().expect("a close");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    slow.join().expect("the slow writer ends");
    witness.goes_on();
}

#[test]
fn max_sessions_is_told_in_the_greetings_place() {
    let proxy = strict("{max_sessions: 4}");
    let mut witness = Witness::new(&proxy);
    let mut held = Vec::new();
    eventually("all places taken", || {
        held.extend(Client::login(proxy.address(), &right()));
        held.len() == 3
    });
    expect_too_many(&mut Client::connect(proxy.address()).expect("a connection"));
    witness.goes_on();
    held.pop();
    eventually("a place again", || Client::login(proxy.address(), &right()).is_ok());
}
