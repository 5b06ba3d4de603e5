//! How many prepared statements stay on connections, and what happens where a server has no room for more.

use rolecall_tests::raw::{Client, LoginOptions, Parameter};
use rolecall_tests::{
    Flavour, Proxy, ProxyOptions, Server, ServerOptions, StatementCounts, on_every_server, wait_until,
};

use crate::pool::{Pool, proxy};
use crate::prepared::text;
use crate::statements::at_server;

const TOO_MANY_STATEMENTS: u16 = 1461;

fn prepare(client: &mut Client, name: &str, count: usize) -> Vec<u32> {
    (0..count).map(|number| client.prepare(&format!("select concat(?, '{name}{number}')")).id).collect()
}

fn expect_all(client: &mut Client, name: &str, ids: &[u32]) {
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(text(&client.execute(*id, &[Parameter::text("x")])), format!("x{name}{number}"));
    }
}

fn prepares(server: &Server, user: &str) -> i64 {
    StatementCounts::read(server, user).of("com/Prepare")
}

/// A server that allows so few prepared statements, with accounts.
struct Small {
    server: Server,
    options: Vec<LoginOptions>,
}

impl Small {
    fn start(flavour: Flavour, limit: usize, accounts: &[&str]) -> Self {
        let more = vec![format!("--max-prepared-stmt-count={limit}")];
        let server = Server::start(flavour, &ServerOptions { more, ..ServerOptions::default() });
        let options = accounts.iter().map(|name| {
            server.run(&format!("create user {name} {}", flavour.identified("p4ss")));
            let options = LoginOptions::new(name, "p4ss");
            if flavour.is_mariadb() { options.plugin("mysql_native_password") } else { options }
        });
        let options = options.collect();
        Self { server, options }
    }

    fn count(&self) -> i64 {
        rolecall_tests::Counters::read(&self.server).of("Prepared_stmt_count")
    }
}

on_every_server! {
    /// D2: those go first that were not used for longest.
    fn d2_a_connection_keeps_what_was_used_last(stage) {
        let pool = Pool::new(stage, "limit_last", "max_connections: 1, max_prepared_statements: 3");
        let [mut first, mut second] = [pool.login(), pool.login()];
        let ids = prepare(&mut first, "a", 5);
        expect_all(&mut first, "a", &ids);
        assert_eq!(at_server(&pool), 5, "as many as the session wants while it has the connection");
        first.execute(ids[0], &[Parameter::text("x")]).expect_ok("used last");
        second.run("select 1");
        assert_eq!(at_server(&pool), 3);
        let before = prepares(pool.server(), "limit_last");
        for at in [3, 4, 0] {
            assert_eq!(text(&first.execute(ids[at], &[Parameter::text("x")])), format!("xa{at}"));
        }
        assert_eq!(prepares(pool.server(), "limit_last"), before);
        // One more than fits: what the other one has left goes, and nothing of its own.
        second.run("select 1");
        let own = prepare(&mut second, "b", 2);
        expect_all(&mut second, "b", &own);
        assert_eq!(at_server(&pool), 3);
        expect_all(&mut first, "a", &ids);
        assert_eq!(prepares(pool.server(), "limit_last"), before + 2 + 4);
        second.run("select 1");
        assert_eq!(at_server(&pool), 3);
        assert_eq!(pool.metric("rolecall_pool_statements_closed_total"), 2 + 2 + 4);
        assert_eq!(pool.metric("rolecall_pool_statements_prepared_total"), 4);
        // Nobody has the connection any more: what is too much does not wait for the next one.
        prepare(&mut second, "c", 5);
        second.quit();
        wait_until("three are left", || at_server(&pool) == 3);
    }

    /// COM_STMT_CLOSE has no answer, and the numbers of compressed packets start anew with each command.
    fn compressed_connections_keep_in_step(stage) {
        let pool = Pool::new(stage, "limit_zlib", "max_connections: 1");
        let proxy = started(pool.server(), "workers: 1\nbackend: {compression: zlib}\npool: {max_connections: 1, max_prepared_statements: 2}\n");
        let mut sessions: Vec<_> = ["a", "b"].into_iter().map(|name| {
            let mut client = proxy.login(&pool.options);
            let ids = prepare(&mut client, name, 4);
            (client, name, ids)
        }).collect();
        for _ in 0..3 {
            sessions.iter_mut().for_each(|(client, name, ids)| expect_all(client, name, ids));
        }
        sessions[0].0.run("select 1");
        assert_eq!(at_server(&pool), 2);
        proxy.expect_no_panic();
    }

    fn none_is_kept_where_none_may_be(stage) {
        let pool = Pool::new(stage, "limit_none", "max_connections: 1, max_prepared_statements: 0");
        let [mut first, mut second] = [pool.login(), pool.login()];
        let ids = prepare(&mut first, "a", 2);
        second.run("select 1");
        assert_eq!(at_server(&pool), 0);
        expect_all(&mut first, "a", &ids);
        assert_eq!(at_server(&pool), 2);
        first.quit();
        second.run("select 1");
        assert_eq!(at_server(&pool), 0);
    }

    /// D2: max_prepared_stmt_count is reached by what sessions that do not run have left.
    fn d2_a_full_server_is_made_room_at(stage) {
        let small = Small::start(stage.flavour(), 6, &["full_a", "full_b"]);
        let proxy = proxy(&small.server, "", "transaction");
        let [a, b] = [0, 1].map(|at| &small.options[at]);
        // On the session's own connection: what another session has left there.
        let limited = self::proxy(&small.server, "max_connections: 1", "transaction");
        let [mut first, mut second] = [limited.login(a), limited.login(a)];
        let ids = prepare(&mut first, "a", 4);
        let others = prepare(&mut second, "b", 4);
        expect_all(&mut first, "a", &ids);
        expect_all(&mut second, "b", &others);
        assert!(small.count() <= 6);
        drop((first, second, limited));
        wait_until("the server has none", || small.count() == 0);
        // On a connection that nobody has, of another account.
        let mut gone = proxy.login(a);
        prepare(&mut gone, "a", 6);
        gone.quit();
        wait_until("the session is gone", || proxy.metric("rolecall_sessions") == 0);
        assert_eq!(small.count(), 6);
        let mut next = proxy.login(b);
        let ids = prepare(&mut next, "b", 6);
        expect_all(&mut next, "b", &ids);
        // Where there is nothing to close, the client is told.
        next.run("begin");
        assert_eq!(next.try_prepare("select 7").code(), TOO_MANY_STATEMENTS);
        assert_eq!(proxy.login(a).try_prepare("select 7").code(), TOO_MANY_STATEMENTS);
        expect_all(&mut next, "b", &ids);
        next.close_statement(ids[0]);
        next.try_prepare("select 7").expect_ok("there is room");
        proxy.expect_no_panic();
    }

    /// Connections that move between workers take their statements along.
    fn statements_move_between_workers(stage) {
        let account = Pool::new(stage, "limit_moves", "max_connections: 1");
        let proxy = started(account.server(), "workers: 2\npool: {max_connections: 1}\n");
        let mut sessions: Vec<_> = (0..4).map(|_| {
            let mut client = proxy.login(&account.options);
            let ids = prepare(&mut client, "m", 3);
            (client, ids)
        }).collect();
        let mut round = || sessions.iter_mut().for_each(|(client, ids)| expect_all(client, "m", ids));
        round();
        let before = prepares(account.server(), "limit_moves");
        (0..5).for_each(|_| round());
        assert_eq!(prepares(account.server(), "limit_moves"), before);
        assert_eq!(at_server(&account), 3);
        assert!(proxy.metric("rolecall_pool_statements_reused_total") >= 5 * 4 * 3);
        proxy.expect_no_panic();
    }
}

fn started(server: &Server, configuration: &str) -> Proxy {
    let (configuration, listener) = (configuration.to_owned(), Some("pooling: transaction".to_owned()));
    Proxy::start([server], &ProxyOptions { configuration, listener, ..ProxyOptions::default() })
}
