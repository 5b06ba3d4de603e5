//! Floods of wrong logins (threats.md 3): they get an error each, and leave nothing behind: no memory, no descriptors, no
//! connection at the server, no log that fills a disk; and other sessions go on meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rolecall_protocol::handshake::ChangeUser;
use rolecall_protocol::packet::put_packet;
use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, short_or_full, tell};

use crate::ground::{Ending, PASSWORD, USER, Witness, ground, grounds, proxy, right};

/// Clients that guess at the same time.
const GUESSERS: u32 = 8;

/// Guess number `number`: known and unknown names, wrong and empty passwords, in clear and inside TLS, old clients and new.
fn guess(number: u32) -> LoginOptions {
    let user = if number.is_multiple_of(3) { format!("nobody{}", number % 1000) } else { USER.to_owned() };
    let password = if number.is_multiple_of(7) { String::new() } else { format!("{PASSWORD}{number}") };
    let mut options = LoginOptions::new(&user, &password).database(USER);
    options.tls = number.is_multiple_of(10);
    if number.is_multiple_of(4) {
        options = options.without(Capabilities::PLUGIN_AUTH).plugin("mysql_native_password");
    }
    options
}

fn guess_all(proxy: &Proxy, range: std::ops::Range<u32>) {
    let next = AtomicU32::new(range.start);
    std::thread::scope(|scope| {
        for _ in 0..GUESSERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= range.end {
                        return;
                    }
                    let options = guess(number);
                    let error = Client::login(proxy.address(), &options).map(drop).expect_err("a wrong guess");
                    assert!([1045, 1251].contains(&error.code), "{options:?}: {error}");
                }
            });
        }
    });
}

fn descriptors(proxy: &Proxy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", proxy.pid())).expect("a running proxy").count()
}

/// How long each of a session's statements took until `enough`.
fn latencies(client: &mut Client, enough: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut taken = Vec::new();
    while !enough(taken.len()) {
        let started = Instant::now();
        assert_eq!(client.run("select 1").value(), "1");
        taken.push(started.elapsed());
        client.transcript.clear();
    }
    taken.sort_unstable();
    taken
}

fn refused(proxy: &Proxy) -> u64 {
    let (_, metrics) = proxy.admin("/metrics");
    let name = "rolecall_logins_total{outcome=\"refused\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).expect("a metric")
}

#[test]
fn a_flood_of_wrong_logins_leaves_nothing_behind() {
    let count = short_or_full(2000, 100_000);
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let mut other = proxy.login(&right());
    let quiet = latencies(&mut other, |count| count >= 1000);
    guess_all(&proxy, 0..400);
    let settled = |what: &str, before: usize| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while descriptors(&proxy) > before {
            assert!(Instant::now() < deadline, "{what}: {} descriptors, {before} before", descriptors(&proxy));
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    // The sessions of the warm-up have left once the count has been the same for a while.
    let mut before = (descriptors(&proxy), 0);
    while before.1 < 20 {
        std::thread::sleep(Duration::from_millis(10));
        let now = descriptors(&proxy);
        before = if now == before.0 { (now, before.1 + 1) } else { (now, 0) };
    }
    let (log, refused_before) = (proxy.log().len(), refused(&proxy));
    let memory = proxy.forget_peak();
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let flooded = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| latencies(&mut other, |_| over.load(Ordering::Relaxed)));
        guess_all(&proxy, 400..400 + count);
        over.store(true, Ordering::Relaxed);
        sampler.join().expect("the other session goes on")
    });
    let took = started.elapsed();
    let grown = proxy.memory().peak.saturating_sub(memory);
    let (median, slowest) = (flooded[flooded.len() / 2], flooded[flooded.len() - 1]);
    tell(&format!(
        "{count} wrong logins in {took:.1?}: {} KiB more memory at the peak, {} bytes of log; {} statements of another \
         session meanwhile, median {median:?} (quiet {:?}), 99 % within {:?} ({:?}), slowest {slowest:?}",
        grown >> 10,
        proxy.log().len() - log,
        flooded.len(),
        quiet[quiet.len() / 2],
        flooded[flooded.len() * 99 / 100],
        quiet[quiet.len() * 99 / 100],
    ));
    settled("after the flood", before.0);
    assert!(grown < 4 << 20, "{grown} bytes more memory");
    assert_eq!(refused(&proxy) - refused_before, u64::from(count), "each is counted");
    // Ten told each, a word at each power of ten; what the topology says meanwhile besides.
    assert!(proxy.log().len() - log < 16 << 10, "{} bytes of log", proxy.log().len() - log);
    assert!(proxy.log().contains("many logins are refused"), "{}", proxy.log());
    // 8 clients keep both cores busy with keys; what counts is that nothing waits for the flood's end.
    assert!(median < quiet[quiet.len() / 2] * 20 + Duration::from_millis(20), "{median:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    witness.goes_on();
}

/// What a stranger calls himself is no line of the log, and no colour of a terminal.
#[test]
fn a_name_cannot_forge_lines_of_the_log() {
    let proxy = proxy();
    let names = [
        "x\nERROR forged",
        "x\r\nERROR forged",
        "\u{1b}[31mforged\u{1b}[0m",
        "x\u{2028}ERROR forged",
        "x\u{85}ERROR forged",
    ];
    for name in names {
        let error = Client::login(proxy.address(), &LoginOptions::new(name, "wrong")).map(drop).expect_err("nobody");
        assert_eq!(error.code, 1045, "{error}");
        let error = proxy.login(&right()).change_user(&LoginOptions::new(name, "wrong")).expect_err("nobody");
        assert_eq!(error.code, 1045, "{error}");
    }
    let log = proxy.log();
    assert_eq!(log.matches("forged").count(), 2 * names.len(), "{log}");
    let separators = ['\n', '\r', '\u{2028}', '\u{85}'];
    let forged = log.split(separators).find(|line| line.contains("forged") && !line.contains("login refused"));
    assert_eq!(forged, None, "{log}");
    assert!(!log.contains('\u{1b}'), "{}", log.escape_debug());
}

/// COM_CHANGE_USER with a password that is wrong whatever the scramble.
fn wrong_change(client: &Client) -> Vec<u8> {
    let change = ChangeUser {
        user: USER.into(),
        auth_response: vec![7; 20].into(),
        database: Vec::new(),
        collation: Some(45),
        plugin: Some(b"mysql_native_password".to_vec()),
        attributes: Vec::new(),
    };
    change.encode(client.capabilities)
}

#[test]
fn a_wrong_change_of_user_is_answered_late_and_holds_nothing_meanwhile() {
    for ground in grounds() {
        ground.server.run(&format!("create or replace view {USER}.late as select 1"));
        ground.server.run(&format!("create table if not exists {USER}.locked (a int primary key)"));
        ground.server.run(&format!("insert ignore into {USER}.locked values (1)"));
        let mut other = ground.proxy.login(&right());
        let mut client = ground.proxy.login(&right());
        // The right password takes no time to speak of.
        let started = Instant::now();
        client.change_user(&right()).expect("the right password");
        let took = started.elapsed();
        assert!(took < Duration::from_millis(900), "{took:?}");
        client.run("begin");
        client.run("select * from locked for update");
        let started = Instant::now();
        let wrong = LoginOptions { password: "wrong".into(), ..right() };
        let (answered, error) = std::thread::scope(|scope| {
            let guess = scope.spawn(|| (client.change_user(&wrong).expect_err("a wrong password"), Instant::now()));
            // The lock of the session that is about to end is free long before the answer.
            other.run("set innodb_lock_wait_timeout = 20");
            other.run("select * from locked for update");
            let free = Instant::now();
            let (error, answered) = guess.join().expect("an answer");
            assert!(free < answered, "the lock was held until the answer");
            (answered, error)
        });
        assert_eq!(error.code, 1045, "{error}");
        let took = answered - started;
        assert!(took >= Duration::from_secs(1), "{took:?}");
        client.expect_close();
    }
}

#[test]
fn a_thousand_wrong_changes_of_user_in_one_write_get_one_answer_and_the_end() {
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let before = refused(&proxy);
    let mut client = proxy.login(&right());
    let change = wrong_change(&client);
    let mut bytes = Vec::new();
    (0..1000).for_each(|_| put_packet(&mut bytes, &mut SequenceId(0), &change));
    client.send_raw(&bytes, true);
    let ending = Ending::without_waiting(&mut client);
    ending.expect_no_ok("wrong changes");
    let answers = ending.packets.iter().filter(|packet| packet.first() == Some(&0xFF)).count();
    assert!(answers <= 1 && ending.packets.len() <= 3, "{ending:02x?}");
    let counted = refused(&proxy) - before;
    assert!(counted <= 1, "{counted} were looked at");
    witness.goes_on();
    ground().proxy.expect_no_panic();
}
