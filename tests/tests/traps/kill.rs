//! C17, H4: KILL reaches the session that its id names, and nobody else, whoever has which server connection.

use std::cmp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server, Stage, on_every_server};

use crate::rival::Narrow;

/// Query execution was interrupted; MariaDB's connection was killed.
const INTERRUPTED: u16 = 1317;

fn id(client: &Client) -> u32 {
    client.greeting.as_ref().expect("a greeting").connection_id
}

/// Waits until `server` runs so many of the user's statements like this.
fn wait_for_running(server: &Server, user: &str, like: &str, count: usize) {
    let sql =
        format!("select count(*) from information_schema.processlist where user = '{user}' and info like '{like}'");
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.value(&sql) != count.to_string() {
        assert!(Instant::now() < deadline, "{like}: not {count} of them");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_over(client: &mut Client) -> bool {
    let reply = client.query("select 1");
    reply.closed || reply.error().is_some()
}

on_every_server! {
    /// The connection of a session that is idle may run another one's statement.
    fn c17_a_kill_of_an_idle_session_leaves_who_has_its_connection(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c17").setup(&["create table t (a int)"]).run(|run| {
            let (mut idle, mut killer) = (run.another(), run.another());
            let told: u32 = idle.run("select connection_id()").value().parse().expect("a number");
            assert_eq!(told, id(&idle), "CONNECTION_ID() is the greeting's");
            idle.run("insert into t values (1)");
            for (kill, sql) in [("kill query", "select sleep(0.3), 1"), ("kill", "select sleep(0.3), 2"), ("kill query", "select sleep(0.3), 3 for update")] {
                run.client.send_query(sql);
                wait_for_running(&run.stage().set.primary, "trap_c17", "select sleep(0.3)%update", usize::from(sql.ends_with("update")));
                let code = killer.query(format!("{kill} {told}")).code();
                // It is gone after the second.
                assert!([0, 1094].contains(&code), "{kill}: {code}");
                assert_eq!(run.client.read_reply(Kind::Result).code(), 0, "{kill}: {sql}");
            }
            assert!(is_over(&mut idle));
            assert_eq!(run.run("select count(*) from t").value(), "1");
            // A statement that interrupts itself.
            let me = id(&run.client);
            assert_eq!(run.query(format!("kill query {me}")).code(), INTERRUPTED);
            assert_eq!(run.run("select row_count()").value(), "-1");
            run.client.transcript.clear();
        });
    }

    /// A session's ids are the same wherever its statement runs, and a KILL QUERY goes there.
    fn c17_a_kill_reaches_the_statement_wherever_it_runs(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c17_at").setup(&["create table t (a int)", "insert into t values (1)"]).run_proxied(|run| {
            let mut killer = run.another_with(|options| options.collation = 8);
            let me = id(&run.client);
            for (sql, server) in [("select sleep(30) from t", 1), ("select sleep(30) from t for update", 0), ("select sleep(30) from t", 1)] {
                run.client.send_query(sql);
                let server = run.stage().set.servers().nth(server).expect("a server");
                wait_for_running(server, "trap_c17_at", sql, 1);
                killer.run(&format!("kill query {me}"));
                let reply = run.client.read_reply(Kind::Result);
                // MySQL's SLEEP() says 1 where it was interrupted.
                assert!(reply.code() == INTERRUPTED || reply.rows() == [[Some("1".to_owned())]], "{sql}: {:?}", reply.error());
                assert_eq!(run.run("select 5").value(), "5");
            }
            run.client.transcript.clear();
        });
    }

    /// A connection that changes hands while its last session's statements are being killed.
    fn h4_a_kill_hits_no_statement_of_who_has_the_connection_next(stage) {
        let narrow = Narrow::new(stage);
        let options = {
            let account = stage.account("trap_h4", &[]);
            LoginOptions { database: Some("trap_h4".into()), ..account }
        };
        let proxy = &narrow.proxy;
        let other = LoginOptions { collation: 8, ..options.clone() };
        let (mut victim, mut bystander, mut killer) = (proxy.login(&options), proxy.login(&options), proxy.login(&other));
        let name = id(&victim);
        let over = AtomicBool::new(false);
        let (killed, hit) = std::thread::scope(|scope| {
            let killing = scope.spawn(|| {
                let mut kills = 0_u32;
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(killer.query(format!("kill query {name}")).code(), 0);
                    killer.transcript.clear();
                    kills += 1;
                }
                kills
            });
            let suffering = scope.spawn(|| {
                let mut interrupted = 0_u32;
                while !over.load(Ordering::Relaxed) {
                    let code = victim.query("update t set a = a + 1 where id = 1").code();
                    assert!([0, INTERRUPTED, 1927].contains(&code), "{code}");
                    interrupted += u32::from(code != 0);
                    victim.transcript.clear();
                }
                interrupted
            });
            let end = Instant::now() + Duration::from_secs(3);
            let mut hit = Vec::new();
            while Instant::now() < end {
                let reply = bystander.query("update t set a = a + 1 where id = 2");
                hit.extend(reply.error().map(|error| error.to_string()));
                bystander.transcript.clear();
            }
            over.store(true, Ordering::Relaxed);
            let interrupted = suffering.join().expect("the victim goes on");
            ((killing.join().expect("the killer goes on"), interrupted), hit)
        });
        assert!(hit.is_empty(), "{hit:?} among {killed:?} kills");
        assert!(killed.0 > 20, "{killed:?}");
        proxy.expect_no_panic();
    }
}

/// Two servers' worth of sessions of one account, each with a statement that takes long; who kills one by an id that it was told
/// must not hit another.
fn kill_and_look(victim: &mut Client, bystander: &mut Client, killer: &mut Client, id: u64) {
    let code = killer.query(format!("kill query {id}")).code();
    assert!([0, 1094].contains(&code), "{code}");
    bystander.stream.socket().set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out");
    let answered = bystander.stream.take(1);
    assert!(answered.is_err(), "the other session's statement was hit: {answered:?}");
    if code == 0 {
        let reply = victim.read_reply(Kind::Result);
        assert!(reply.code() == INTERRUPTED || reply.rows()[0][0].as_deref() == Some("1"), "{:?}", reply.error());
    }
}

/// Ids in the processlist are the server's; a session of the proxy may have the same number for itself.
#[test]
fn c17_a_kill_by_the_processlists_id_hits_the_statement_that_was_seen_there() {
    let stage = Stage::mysql();
    let options = stage.account("trap_c17_list", &[]);
    let proxy = Proxy::start([&stage.set.primary], &ProxyOptions::default());
    let (mut victim, mut killer) = (proxy.login(&options), proxy.login(&options));
    victim.send_query("select sleep(60), 1");
    wait_for_running(&stage.set.primary, "trap_c17_list", "select sleep(60), 1", 1);
    let seen: u64 = killer
        .run("select id from information_schema.processlist where info = 'select sleep(60), 1'")
        .value()
        .parse()
        .expect("a number");
    let mut bystander = loop {
        let client = proxy.login(&options);
        if u64::from(id(&client)) >= seen {
            break client;
        }
    };
    bystander.send_query("select sleep(60), 2");
    wait_for_running(&stage.set.primary, "trap_c17_list", "select sleep(60), 2", 1);
    kill_and_look(&mut victim, &mut bystander, &mut killer, seen);
}

/// An id that one proxy has told is sent to another one, as a client behind a service with several pods does.
#[test]
fn c17_a_kill_through_another_proxy_hits_no_other_session() {
    let stage = Stage::mysql();
    let options = stage.account("trap_c17_pods", &[]);
    let [first, second] = [0, 1].map(|_| Proxy::start([&stage.set.primary], &ProxyOptions::default()));
    let mut killer = second.login(&options);
    let mut victim = first.login(&options);
    let mut bystander = second.login(&options);
    // Where ids count from 1 they meet.
    for _ in 0..50 {
        match id(&bystander).cmp(&id(&victim)) {
            cmp::Ordering::Less => bystander = second.login(&options),
            cmp::Ordering::Equal => break,
            cmp::Ordering::Greater => victim = first.login(&options),
        }
    }
    let name = u64::from(victim.run("select connection_id()").value().parse::<u32>().expect("a number"));
    victim.send_query("select sleep(60), 1");
    bystander.send_query("select sleep(60), 2");
    wait_for_running(&stage.set.primary, "trap_c17_pods", "select sleep(60)%", 2);
    kill_and_look(&mut victim, &mut bystander, &mut killer, name);
}
