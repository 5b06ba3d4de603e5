//! How sessions end that are in the middle of something: by KILL, or by the end of the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{From, MiddleBox, Moment, Verdict};
use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, wait_until};

use crate::front::{account, proxy, server};

/// A result that no socket's buffers hold.
const LARGE_RESULT: &str = "select repeat('x', 1000000) from information_schema.columns";

/// Sessions of this user that the proxy has.
pub fn sessions(proxy: &Proxy, user: &str) -> usize {
    let sessions = proxy.admin_json("/sessions");
    let all = sessions.as_array().or_else(|| sessions["sessions"].as_array()).expect("a list");
    all.iter().filter(|session| session["user"] == user).count()
}

/// Statements of this user that the server runs; not those that the proxy puts in front.
fn running(user: &str) -> String {
    server().value(&format!(
        "select count(*) from information_schema.processlist where user='{user}' and command='Query' \
         and info not like 'SET %' and info not like 'SHOW SESSION %'"
    ))
}

fn bytes_sent(user: &str) -> u64 {
    let sql = format!(
        "select coalesce(sum(variable_value), 0) from performance_schema.status_by_thread join performance_schema.threads \
         using (thread_id) where variable_name='Bytes_sent' and processlist_user='{user}' and processlist_command='Query'"
    );
    server().value(&sql).parse::<f64>().expect("a number") as u64
}

/// A client that has asked for a large result and reads nothing of it; everything on the way is full.
fn blocked(proxy: &Proxy, options: &LoginOptions) -> (Client, u32) {
    let mut client = proxy.login(options);
    let id = client.greeting.as_ref().expect("a greeting").connection_id;
    client.send_query(LARGE_RESULT);
    let mut last = (0, 0);
    wait_until("nothing moves any more", || {
        let now = bytes_sent(&options.user);
        std::thread::sleep(Duration::from_millis(50));
        // The same at three looks.
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        now > 0 && last.1 >= 2
    });
    (client, id)
}

/// KILL ends a session whose client has stopped reading, as it does at the server.
fn kill_reaches_a_blocked_session(options: &LoginOptions) {
    let proxy = proxy("");
    let (mut client, id) = blocked(&proxy, options);
    let mut killer = proxy.login(options);
    assert_eq!(killer.query(format!("kill {id}")).code(), 0);
    wait_until("the session is gone", || sessions(&proxy, &options.user) == 1);
    wait_until("its query is gone", || running(&options.user) == "0");
    // What was on its way may still be read; then comes the end.
    assert!(client.stream.take_until_close().is_ok());
    proxy.expect_no_panic();
}

#[test]
fn c17_kill_ends_a_session_whose_client_has_stopped_reading() {
    kill_reaches_a_blocked_session(&account("kill_blocked"));
}

#[test]
fn c17_kill_ends_a_session_whose_client_has_stopped_reading_over_tls() {
    let mut options = account("kill_blocked_tls");
    options.tls = true;
    kill_reaches_a_blocked_session(&options);
}

#[test]
fn e16_what_runs_at_the_shutdown_deadline_is_killed_at_its_server() {
    let (proxy, options) = (proxy("shutdown: {deadline: 500ms}\n"), account("deadline_kill"));
    let mut waiting = proxy.login(&options);
    // The server does not look at its client while it waits for this.
    waiting.send_query("select benchmark(1000000000000, sha2('x', 512))");
    wait_until("it runs", || running("deadline_kill") == "1");
    let (blocked, _) = blocked(&proxy, &options);
    proxy.signal("TERM");
    let began = Instant::now();
    let (status, log) = proxy.wait();
    assert_eq!(status, Some(0), "{log}");
    assert!(began.elapsed() < Duration::from_secs(8), "the end took {:?}:\n{log}", began.elapsed());
    wait_until("neither runs on", || running("deadline_kill") == "0");
    waiting.expect_close();
    drop(blocked);
}

/// What passed the box in front of the server, and a barrier for KILL.
#[derive(Default)]
struct Passed {
    events: Mutex<Vec<&'static str>>,
    open: AtomicBool,
}

impl Passed {
    fn note(&self, event: &'static str) {
        self.events.lock().expect("no panic").push(event);
    }

    fn has(&self, event: &str) -> bool {
        self.events.lock().expect("no panic").contains(&event)
    }

    fn watch(&self, moment: &Moment) -> Verdict {
        let kills = moment.command.windows(11).any(|part| part == b"KILL QUERY ");
        match moment.from {
            From::Client if kills => {
                self.note("kill");
                wait_until("the test lets KILL pass", || self.open.load(Ordering::SeqCst));
            }
            From::Server if kills => self.note("kill answered"),
            From::Client if moment.command == b"\x1F" => self.note("reset"),
            From::Client | From::Server => {}
        }
        Verdict::Pass
    }
}

/// A KILL QUERY that is on its way when its statement ends must not meet what the proxy itself sends next.
#[test]
fn h4_a_kill_under_way_meets_no_command_of_the_proxys_own() {
    let options = account("kill_reset");
    let passed = Arc::new(Passed::default());
    let watching = Arc::clone(&passed);
    let middle = MiddleBox::start(server().address(), move |moment| watching.watch(moment));
    let configuration = "backend: {tls: {mode: off}, public_key: {ask: true}}\n".into();
    let backends = vec![middle.address()];
    let proxy = Proxy::start([], &ProxyOptions { backends, configuration, ..ProxyOptions::default() });
    let mut lock = server().root();
    lock.run("begin");
    lock.run("insert into kill_reset.t values (1)");
    let (mut victim, mut killer) = (proxy.login(&options), proxy.login(&options));
    // It keeps its connection, so that COM_RESET_CONNECTION goes there.
    victim.run("select get_lock('kill_reset', 0)");
    let id = victim.greeting.as_ref().expect("a greeting").connection_id;
    victim.send_query("select * from t where a = 1 for update");
    wait_until("it runs", || running("kill_reset") == "1");
    killer.send_query(format!("kill query {id}"));
    wait_until("KILL is on its way", || passed.has("kill"));
    lock.run("rollback");
    assert_eq!(victim.read_reply(Kind::Result).code(), 0);
    victim.send_command("reset", &[0x1F]);
    // Time to do it wrong.
    std::thread::sleep(Duration::from_millis(200));
    passed.open.store(true, Ordering::SeqCst);
    assert_eq!(victim.read_reply(Kind::Single).code(), 0);
    assert_eq!(victim.run("select 1").value(), "1");
    assert_eq!(killer.read_reply(Kind::Result).code(), 0);
    assert_eq!(*passed.events.lock().expect("no panic"), ["kill", "kill answered", "reset"]);
}

/// A client that has begun to change its user, and owes the proof.
fn owes_a_proof(proxy: &Proxy, options: &LoginOptions) -> (Client, u32) {
    let mut client = proxy.login(options);
    let change = rolecall_protocol::handshake::ChangeUser {
        user: options.user.clone().into_bytes(),
        auth_response: Vec::new().into(),
        database: Vec::new(),
        collation: Some(45),
        plugin: Some(b"caching_sha2_password".to_vec()),
        attributes: Vec::new(),
    };
    client.send_command("change user", &change.encode(client.capabilities));
    assert_eq!(client.read_packet().expect("an AuthSwitchRequest").payload[0], 0xFE);
    let id = client.greeting.as_ref().expect("a greeting").connection_id;
    (client, id)
}

/// A26, H2: COM_CHANGE_USER has the time that a login has, and KILL reaches it.
#[test]
fn a26_a_client_that_owes_the_proof_of_its_new_user_is_not_waited_for_forever() {
    let options = account("owes_proof");
    let limits = "{handshake_timeout: 1s, unauthenticated_per_address: 512}".into();
    let impatient = Proxy::start([server()], &ProxyOptions { limits, ..ProxyOptions::default() });
    let (mut client, _) = owes_a_proof(&impatient, &options);
    let packet = client.read_packet().expect("an error");
    assert_eq!((packet.payload[0], u16::from_le_bytes([packet.payload[1], packet.payload[2]])), (0xFF, 1159));
    client.expect_close();

    let patient = proxy("");
    let (mut client, id) = owes_a_proof(&patient, &options);
    assert_eq!(patient.login(&options).query(format!("kill {id}")).code(), 0);
    client.expect_close();
}

/// A server that does not answer what goes in front of a statement does not keep a session that was killed.
#[test]
fn c17_kill_ends_a_session_whose_connection_is_being_prepared() {
    const TRACKERS: &[u8] = b"session_track_system_variables";
    let options = account("kill_preparing");
    let sets_trackers = |moment: &Moment| {
        moment.user == "kill_preparing" && moment.command.windows(TRACKERS.len()).any(|part| part == TRACKERS)
    };
    let middle = MiddleBox::start(server().address(), move |moment| {
        if moment.from == From::Server && sets_trackers(moment) { Verdict::Silence } else { Verdict::Pass }
    });
    let configuration = "backend: {tls: {mode: off}, public_key: {ask: true}}\n".into();
    let backends = vec![middle.address()];
    let proxy = Proxy::start([], &ProxyOptions { backends, configuration, ..ProxyOptions::default() });
    let mut victim = proxy.login(&options);
    let id = victim.greeting.as_ref().expect("a greeting").connection_id;
    victim.send_query("select 1");
    wait_until("its connection is prepared", || middle.seen(From::Client).iter().any(sets_trackers));
    let mut killer = proxy.login(&options);
    assert_eq!(killer.query(format!("kill {id}")).code(), 0);
    victim.expect_close();
    wait_until("the session is gone", || sessions(&proxy, "kill_preparing") == 1);
}
