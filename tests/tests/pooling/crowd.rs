//! Many client sessions with short transactions over few server connections, beside as many with one each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_protocol::packet::{HEADER_LENGTH, SequenceId, put_packet};
use rolecall_protocol::statement::put_query;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, short_or_full, tell};

use crate::pool::connections;

/// Server connections that the shared mode may have.
const CONNECTIONS: usize = 50;
const ROUNDS: usize = 3;

fn proxy(server: &Server, pool: &str, mode: &str) -> Proxy {
    let configuration = format!("pool: {{{pool}}}\n");
    let listener = Some(format!("pooling: {mode}"));
    Proxy::start([server], &ProxyOptions { configuration, listener, ..ProxyOptions::default() })
}

/// A crowd's sessions.
struct Crowd {
    proxy: Proxy,
    clients: Vec<Client>,
    per_session: u64,
}

impl Crowd {
    /// Logs all in; each says USE, SET NAMES and one statement.
    fn new(proxy: Proxy, options: &LoginOptions, count: usize) -> Self {
        let open = |count: usize| {
            let next = AtomicUsize::new(0);
            let login = || {
                let mut clients = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let mut client = proxy.login(options);
                    client.run("use crowd");
                    client.run("set names utf8mb4");
                    client.run("select a from t where id = 1");
                    client.transcript.clear();
                    clients.push(client);
                }
                clients
            };
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(login)).collect();
                threads.into_iter().flat_map(|thread| thread.join().expect("logins")).collect::<Vec<_>>()
            })
        };
        let warm = open(100);
        let before = proxy.memory().now;
        let mut clients = open(count - warm.len());
        let per_session = proxy.memory().now.saturating_sub(before) / clients.len() as u64;
        clients.extend(warm);
        Self { proxy, clients, per_session }
    }

    /// Short transactions of all sessions at once, each as fast as it gets its answers; how many a second.
    fn run(&mut self, spell: Duration) -> f64 {
        let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let started = Instant::now();
        runtime.block_on(async {
            let sessions: Vec<_> = self
                .clients
                .iter()
                .enumerate()
                .map(|(number, client)| {
                    let transaction = Transaction::new(client, number);
                    let (over, done) = (Arc::clone(&over), Arc::clone(&done));
                    tokio::spawn(async move {
                        let mut transaction = transaction;
                        while !over.load(Ordering::Relaxed) {
                            transaction.run().await;
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            tokio::time::sleep(spell).await;
            over.store(true, Ordering::Relaxed);
            for session in sessions {
                session.await.expect("every transaction succeeds");
            }
        });
        done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
    }
}

/// One session's transactions, on its own row.
struct Transaction {
    stream: TcpStream,
    /// Statements as packets, and how many packets answer each.
    statements: [(Vec<u8>, usize); 4],
    inbox: Vec<u8>,
}

impl Transaction {
    fn new(client: &Client, number: usize) -> Self {
        let socket = client.stream.socket().try_clone().expect("another handle");
        socket.set_nonblocking(true).expect("non-blocking");
        let rows = if client.capabilities.contains(Capabilities::DEPRECATE_EOF) { 4 } else { 5 };
        let statements = [
            ("begin".to_owned(), 1),
            (format!("select a from t where id = {number}"), rows),
            (format!("update t set a = a + 1 where id = {number}"), 1),
            ("commit".to_owned(), 1),
        ];
        let statements = statements.map(|(sql, packets)| {
            let mut payload = Vec::new();
            put_query(&mut payload, sql.as_bytes(), client.capabilities);
            let mut packet = Vec::new();
            put_packet(&mut packet, &mut SequenceId(0), &payload);
            (packet, packets)
        });
        Self { stream: TcpStream::from_std(socket).expect("a socket"), statements, inbox: Vec::new() }
    }

    async fn run(&mut self) {
        for (packet, packets) in &self.statements {
            self.stream.write_all(packet).await.expect("written");
            for at in 0..*packets {
                let first = read_packet(&mut self.stream, &mut self.inbox).await;
                assert_ne!(first, 0xFF, "packet {at} of {packet:?} is an error");
            }
            assert!(self.inbox.is_empty(), "no more than that");
        }
    }
}

/// The first byte of the next packet, which is taken out.
async fn read_packet(stream: &mut TcpStream, inbox: &mut Vec<u8>) -> u8 {
    loop {
        if let Some([a, b, c, _]) = inbox.first_chunk() {
            let end = HEADER_LENGTH + u32::from_le_bytes([*a, *b, *c, 0]) as usize;
            if inbox.len() >= end {
                let first = inbox[HEADER_LENGTH];
                inbox.drain(..end);
                return first;
            }
        }
        assert!(stream.read_buf(inbox).await.expect("an answer") > 0, "the proxy hung up");
    }
}

#[test]
fn a_crowd_shares_few_connections() {
    let count = short_or_full(1000, 5000);
    let spell = Duration::from_millis(short_or_full(1500, 10_000));
    let more = vec![format!("--max-connections={}", count + 200), format!("--open-files-limit={}", 4 * count)];
    let server = Server::start(Flavour::Mysql, &ServerOptions { more, ..ServerOptions::default() });
    server.run("create schema crowd");
    server.run("create table crowd.t (id int primary key, a int)");
    let rows: Vec<_> = (0..count).map(|id| format!("({id}, 0)")).collect();
    server.run(&format!("insert into crowd.t values {}", rows.join(", ")));
    let [apart, shared] = ["apart", "shared"].map(|name| {
        server.run(&format!("create user {name} {}", server.flavour().identified("pw")));
        server.run(&format!("grant all on crowd.* to {name}"));
        LoginOptions::new(name, "pw")
    });
    let mut apart = Crowd::new(proxy(&server, &format!("max_connections: {}", count + 100), "session"), &apart, count);
    let few = format!("max_connections: {CONNECTIONS}, wait_timeout: 30s");
    let mut shared = Crowd::new(proxy(&server, &few, "transaction"), &shared, count);
    let (over, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut figures = [Vec::new(), Vec::new()];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(connections(&server, "shared").len(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..ROUNDS {
            figures[0].push(apart.run(spell));
            figures[1].push(shared.run(spell));
        }
        over.store(true, Ordering::Relaxed);
    });
    figures.iter_mut().for_each(|figures| figures.sort_by(f64::total_cmp));
    let [apart_median, shared_median] = [0, 1].map(|at| figures[at][ROUNDS / 2]);
    let waits = shared.proxy.metric("rolecall_pool_waits_total");
    let handovers = shared.proxy.metric("rolecall_pool_handovers_total");
    let most = most.load(Ordering::Relaxed);
    tell(&format!(
        "{count} sessions: {shared_median:.0} transactions a second over {most} shared connections, {apart_median:.0} with \
         one each; {waits} waits, {handovers} hand-overs; {} bytes a session shared, {} with one each",
        shared.per_session, apart.per_session
    ));
    // And those on which logins are proven, which is once a minute.
    assert!(most <= CONNECTIONS + 4, "{most} server connections");
    assert!(waits > 0, "{count} sessions over {CONNECTIONS}");
    assert_eq!(shared.proxy.metric("rolecall_pool_wait_timeouts_total"), 0);
    // Without optimisation futures are larger, and fewer sessions bear what connections take.
    assert!(shared.per_session <= short_or_full(12 << 10, 8 << 10), "{} bytes a session", shared.per_session);
    // A release build reaches 1.7 times as many with 5,000 sessions; one without optimisation, 0.6 of them with 1,000.
    let least = short_or_full(0.5, 1.0);
    assert!(shared_median >= least * apart_median, "{figures:?}");
    shared.proxy.expect_no_panic();
    apart.proxy.expect_no_panic();
}
