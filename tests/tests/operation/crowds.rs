//! Many clients at once, and greedy ones: H8 and H10 of the traps. On one worker, so that nothing but its own order keeps
//! them apart.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rolecall_protocol::SequenceId;
use rolecall_protocol::packet::put_packet;
use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, latencies, short_or_full, tell};

use crate::front::{account, proxy, server};

/// Clients that connect at the same time.
const CONNECTING: u32 = 16;
/// What a statement of a modest session may take, whatever the others do: nine of ten of them. A busy machine alone lets
/// some wait for longer.
const PATIENCE: Duration = Duration::from_millis(25);

/// A modest session's statements while `meanwhile` runs: how many, and how long half and 90 % of them took at most.
fn modest(proxy: &Proxy, options: &LoginOptions, meanwhile: impl FnOnce()) -> (usize, Duration, Duration) {
    let taken = latencies(&mut [proxy.login(options)], Duration::from_millis(1), meanwhile);
    (taken.len(), taken[taken.len() / 2], taken[taken.len() * 9 / 10])
}

#[test]
fn h10_a_storm_of_connects_is_served_whole() {
    let (proxy, options) = (proxy("workers: 1\n"), account("h10"));
    let count = short_or_full(2000, 50_000);
    let aborted = || server().run("show global status like 'Aborted_connects'").rows()[0][1].clone();
    let before = aborted();
    let next = AtomicU32::new(0);
    let started = Instant::now();
    let connect = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            if number == count / 2 {
                // As after a failover: the server knows nobody's password any more.
                server().run("flush privileges");
            }
            // Every eighth inside TLS.
            let options = LoginOptions { tls: number.is_multiple_of(8), ..options.clone() };
            let mut client = proxy.login(&options);
            assert_eq!(client.run("select 1").value(), "1");
            client.quit();
        }
    };
    let (statements, median, most) = modest(&proxy, &options, || {
        std::thread::scope(|scope| (0..CONNECTING).for_each(|_| drop(scope.spawn(connect))));
    });
    let took = started.elapsed();
    tell(&format!(
        "{count} logins, each with a statement, in {took:.1?} ({:.0} a second, {CONNECTING} at a time, one worker); another \
         session's statements meanwhile: {statements}, {median:?}, 90 % within {most:?}",
        f64::from(count) / took.as_secs_f64()
    ));
    assert_eq!(aborted(), before, "the server counts no broken connects");
    assert!(most < PATIENCE, "{most:?}");
    let sessions = proxy.admin_json("/sessions").to_string().matches("\"h10\"").count();
    assert!(sessions <= 1, "{sessions} sessions are left");
    proxy.expect_no_panic();
}

/// Sends `command` again and again, thousands in a write, and reads `replies` until told to stop.
fn greedy(client: &mut Client, command: &[u8], replies: Option<Kind>, over: &AtomicBool) -> u64 {
    let mut bytes = Vec::new();
    let batch = if replies.is_some() { 200 } else { 20_000 };
    (0..batch).for_each(|_| put_packet(&mut bytes, &mut SequenceId(0), command));
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        client.send_raw(&bytes, true);
        for _ in 0..if replies.is_some() { batch } else { 0 } {
            client.sequence = SequenceId(1);
            assert!(!client.read_reply(replies.unwrap_or(Kind::Single)).closed);
        }
        client.transcript.clear();
        sent += batch;
    }
    sent
}

#[test]
fn h8_greedy_sessions_leave_the_others_their_share() {
    let (proxy, options) = (proxy("workers: 1\n"), account("h8"));
    let spell = Duration::from_millis(short_or_full(1000, 10_000));
    let quiet = modest(&proxy, &options, || std::thread::sleep(spell));
    // Commands that go to a server, that the proxy answers, that nobody answers; a result that never ends.
    let ping: (&str, &[u8], _) = ("pings", b"\x0e", Some(Kind::Single));
    let commands = [
        ping,
        ("statements", b"\x03select 1", Some(Kind::Result)),
        ("closes of statements that are none", b"\x19\x01\x02\x03\x04", None),
        ("long data of statements that are none", b"\x18\x01\x02\x03\x04\0\0some data", None),
        ("statements that are wrong", b"\x03nonsense", Some(Kind::Result)),
    ];
    // A busy machine may spoil a measurement, but hardly three of them.
    let fair = |what: &str, greed: &(dyn Fn(&AtomicBool) -> u64 + Sync)| {
        let fine = (0..3).any(|_| {
            let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
            let busy = modest(&proxy, &options, || {
                std::thread::scope(|scope| {
                    (0..2).for_each(|_| drop(scope.spawn(|| count.fetch_add(greed(&over), Ordering::Relaxed))));
                    std::thread::sleep(spell);
                    over.store(true, Ordering::Relaxed);
                });
            });
            tell(&format!(
                "{} {what} of two greedy sessions in {spell:?}: another session's statements take {:?}, 90 % within {:?} \
                 (quiet {:?} and {:?})",
                count.load(Ordering::Relaxed),
                busy.1,
                busy.2,
                quiet.1,
                quiet.2
            ));
            busy.2 < PATIENCE
        });
        assert!(fine, "{what}: they leave the others no share");
    };
    for (what, command, replies) in commands {
        fair(what, &|over| greedy(&mut proxy.login(&options), command, replies, over));
    }
    let large = "with recursive n (a) as (select 1 union all select a + 1 from n where a < 900) select repeat('x', 100000) from n";
    fair("rows of large results", &|over| {
        let (mut client, mut rows) = (proxy.login(&options), 0);
        while !over.load(Ordering::Relaxed) {
            client.send_query(large);
            rows += client.skim(b'x', |_| ()).unwrap_or_else(|error| panic!("{error}")).rows;
        }
        rows
    });
    proxy.expect_no_panic();
}
