//! SIGTERM: nobody new comes in, what is open comes to its end, and the process ends by its deadline.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Kind};
use rolecall_tests::{Proxy, wait_until};

use crate::front::{account, proxy, server};

const SERVER_SHUTDOWN: u16 = 1053;

/// Sends SIGTERM and waits until the proxy has taken it.
fn terminate(proxy: &Proxy) {
    proxy.signal("TERM");
    proxy.wait_for_log("draining");
}

/// The proxy's last words to an idle client, unasked, and the close behind them.
fn expect_goodbye(client: &mut Client) {
    let packet = {
        client.sequence = rolecall_protocol::SequenceId(0);
        client.read_packet()
    };
    let packet = packet.expect("an error before the close");
    let code = u16::from_le_bytes([packet.payload[1], packet.payload[2]]);
    assert_eq!((packet.payload[0], code), (0xFF, SERVER_SHUTDOWN), "{:?}", String::from_utf8_lossy(&packet.payload));
    client.expect_close();
}

#[test]
fn idle_sessions_are_told_and_nobody_new_comes_in() {
    let (proxy, options) = (proxy(""), account("drain_idle"));
    let mut clients: Vec<_> = (0..3).map(|_| proxy.login(&options)).collect();
    // One has used a server, one is over TLS.
    assert_eq!(clients[0].run("select 1").value(), "1");
    let mut secret = options.clone();
    secret.tls = true;
    clients.push(proxy.login(&secret));
    let (address, began) = (proxy.address(), Instant::now());
    terminate(&proxy);
    clients.iter_mut().for_each(expect_goodbye);
    let (status, log) = proxy.wait();
    assert_eq!(status, Some(0), "{log}");
    assert!(began.elapsed() < Duration::from_secs(10), "it waited although nothing was open:\n{log}");
    assert!(TcpStream::connect(address).is_err(), "it still listens");
    assert!(!log.contains("cut off"), "{log}");
}

#[test]
fn a_running_statement_and_an_open_transaction_come_to_their_end() {
    let (proxy, options) = (proxy(""), account("drain_open"));
    // A lock that both wait for, so that the statement runs exactly as long as the test wants it to.
    let mut lock = server().root();
    lock.run("begin");
    lock.run("insert into drain_open.t values (1)");
    let mut running = proxy.login(&options);
    running.send_query("insert into t values (1), (2)");
    let mut transaction = proxy.login(&options);
    transaction.run("begin");
    transaction.run("insert into t values (3)");
    wait_until("the statement waits for the lock", || waits_for_lock("drain_open"));
    terminate(&proxy);
    assert!(TcpStream::connect(proxy.address()).is_err(), "it still listens");
    let (ready, _) = proxy.admin("/readyz");
    let (live, _) = proxy.admin("/livez");
    assert_eq!((ready, live), (503, 200));

    transaction.run("insert into t values (4)");
    transaction.run("commit");
    expect_goodbye(&mut transaction);
    lock.run("rollback");
    assert_eq!(running.read_reply(Kind::Result).ok().expect("an OK").affected_rows, 2);
    expect_goodbye(&mut running);
    let (status, log) = proxy.wait();
    assert_eq!(status, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    assert_eq!(server().value("select group_concat(a order by a) from drain_open.t"), "1,2,3,4");
}

#[test]
fn the_deadline_ends_what_is_still_open() {
    let (proxy, options) = (proxy("shutdown: {deadline: 1s}\n"), account("drain_deadline"));
    let mut transaction = proxy.login(&options);
    transaction.run("begin");
    transaction.run("insert into t values (1)");
    let began = Instant::now();
    terminate(&proxy);
    // Idle in its transaction: it is told, and nothing of it is left.
    expect_goodbye(&mut transaction);
    assert!(began.elapsed() >= Duration::from_millis(900), "the transaction was not given its time");
    let (status, log) = proxy.wait();
    assert_eq!(status, Some(0), "{log}");
    wait_until("the server has rolled back", || server().value("select count(*) from drain_deadline.t") == "0");
}

#[test]
fn a_second_signal_does_not_wait_for_the_deadline() {
    let (proxy, options) = (proxy("shutdown: {deadline: 1h}\n"), account("drain_second"));
    let mut lock = server().root();
    lock.run("begin");
    lock.run("insert into drain_second.t values (1)");
    let mut transaction = proxy.login(&options);
    transaction.run("begin");
    let mut running = proxy.login(&options);
    running.send_query("insert into t values (1)");
    wait_until("the statement waits for the lock", || waits_for_lock("drain_second"));
    terminate(&proxy);
    proxy.signal("TERM");
    expect_goodbye(&mut transaction);
    // In the middle of a statement there is nothing to say.
    running.expect_close();
    let (status, log) = proxy.wait();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("cut off"), "{log}");
}

fn waits_for_lock(schema: &str) -> bool {
    let waits = format!(
        "select count(*) from performance_schema.data_locks where object_schema='{schema}' and lock_status='WAITING'"
    );
    server().value(&waits) != "0"
}
