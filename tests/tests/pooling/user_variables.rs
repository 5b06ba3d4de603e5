//! User variables by value (C1, C2, C3): they go with their session from connection to connection, and nobody else sees them.

use rolecall_tests::raw::Client;
use rolecall_tests::{StatementCounts, on_every_server, wait_until};

use crate::pool::{NO_SERVER, Pool, row};

/// Ways to set @v, and what must be the same then whoever had the connection in between.
const ASSIGNMENTS: &[&str] = &[
    "set @v = 5",
    "set @v := -07, @w = 999999999999999999",
    "set @v = 1000000000000000000",
    "set @v = -9223372036854775808",
    "set @v = cast(7 as unsigned)",
    "set @v = 18446744073709551615",
    "set @v = 1.50",
    "set @v = cast(5 as decimal(10, 0))",
    "set @v = 0.1e0 + 0.2e0",
    "set @v = 1e300",
    "set @v = 'it''s'",
    "set @v = ''",
    "set @v = _latin1 x'E4' collate latin1_german1_ci",
    "set @v = _ucs2 x'00e4'",
    "set @v = x'00FF27'",
    "set @v = cast(null as signed)",
    "set @v = 'x', @v = null",
    "set @v = 2e0, @v = null",
    "set @v = now()",
    "set @v = repeat('long', 4000)",
    "select @v := a from t where id = 2",
    "select a, id into @v, @w from t where id = 3",
    "set @V = 'any case', @`w` = 1, @'x' = 2",
    "set @v = 7, @`odd name` = 'it'",
    "select count(*) into @v from t",
    "get diagnostics @v = row_count",
];

/// Everything of the variables that a statement can show.
const SIGHT: &str = "select @v, hex(@v), collation(@v), coercibility(@v), @v = 5, @w, @x, concat(@v, 'z'), @v / 3";

/// The same for their types, as the table has them that is made of them.
fn types(client: &mut Client) -> String {
    client.run("create temporary table seen select @v as v");
    let types = client.run("show create table seen").rows()[0][1].clone().expect("a text");
    client.run("drop temporary table seen");
    types
}

on_every_server! {
    fn c1_c2_variables_go_with_their_session(stage) {
        let pool = Pool::new(stage, "pool_vars", "max_connections: 1");
        let mut other = pool.login();
        for assignment in ASSIGNMENTS {
            let mut direct = Client::login(pool.server().address(), &pool.options).expect("a login");
            let mut session = pool.login();
            for client in [&mut direct, &mut session] {
                client.run("select id from t where id = 1");
                client.run(assignment);
            }
            // It takes the one connection, and does not see them.
            let strangers = row(&mut other, "select @v, @w, @x");
            assert_eq!(strangers, ["NULL", "NULL", "NULL"], "{assignment}");
            assert_eq!(row(&mut session, SIGHT), row(&mut direct, SIGHT), "{assignment}");
            other.run("set @v = 'another''s', @w = 1");
            assert_eq!(types(&mut session), types(&mut direct), "{assignment}");
            assert_eq!(row(&mut other, "select @v, @w"), ["another's", "1"], "{assignment}");
            assert_eq!(row(&mut session, SIGHT), row(&mut direct, SIGHT), "{assignment}");
            other.run("set @v = null, @w = null");
            session.quit();
            direct.quit();
        }
        pool.wait_for_connections(1);
        pool.proxy.expect_no_panic();
    }

    /// The text tells an integer: nothing is asked when the connection goes.
    fn c2_a_literal_integer_is_known_by_its_text(stage) {
        let pool = Pool::new(stage, "pool_varint", "max_connections: 1");
        let (mut session, mut other) = (pool.login(), pool.login());
        session.run("select 1 from t limit 1");
        session.run("set @v = 5, @w = -3");
        let selects = || StatementCounts::read(pool.server(), &pool.options.user).of("sql/select");
        let before = selects();
        // The second one comes when the server has counted what was before the first.
        other.run("do 1");
        other.run("do 1");
        assert_eq!(selects(), before, "the values were asked for");
        assert_eq!(row(&mut session, "select @v, @w"), ["5", "-3"]);
        session.run("set @v = @v + 1");
        assert_eq!(row(&mut other, "select @v, @w"), ["NULL"; 2]);
        assert_eq!(row(&mut session, "select @v, @w"), ["6", "-3"]);
        pool.proxy.expect_no_panic();
    }

    /// What no text names, or would cost more to carry than a connection, keeps the connection.
    fn c2_c3_what_is_not_carried_keeps_its_connection(stage) {
        let pool = Pool::new(stage, "pool_varpin", "max_connections: 1, wait_timeout: 200ms");
        let server = pool.server();
        server.run("create procedure pool_varpin.sets(out given int) begin set given = 7, @v = 8; end");
        let many: Vec<_> = (0..65).map(|number| format!("@v{number} = {number}, @v = 8")).collect();
        let many = format!("set {}", many.join(", "));
        let kept = [
            "call sets(@given)",
            "update t set a = (@v := 8) where id = 1",
            "set @v = 8, @`no\u{e4}me` = 1",
            "set @v = 8, @long = repeat('x', 16385)",
            &many,
        ];
        let mut other = pool.login();
        for assignment in kept {
            let mut session = pool.login();
            session.run(assignment);
            let refused = other.query("select 1 from t limit 1");
            assert_eq!(refused.code(), NO_SERVER, "{assignment:.60}");
            assert_eq!(session.run("select @v").value(), "8", "{assignment:.60}");
            session.quit();
            assert_eq!(row(&mut other, "select @v, @given, @long, @v3"), ["NULL"; 4], "{assignment:.60}");
        }
        pool.proxy.expect_no_panic();
    }

    /// What cannot be carried when its connection gets old stays there.
    fn c2_an_old_connection_with_what_is_not_carried_stays(stage) {
        let pool = Pool::new(stage, "pool_varold", "max_connections: 2, max_lifetime: 1s");
        let mut session = pool.login();
        session.run("set @long = repeat('x', 20000)");
        let since = std::time::Instant::now();
        // Its lifetime is spread out by a part of it.
        while since.elapsed() < std::time::Duration::from_millis(2500) {
            assert_eq!(session.run("select length(@long)").value(), "20000");
            expect_others_are_served(&pool);
        }
        pool.proxy.expect_no_panic();
    }

    /// COM_RESET_CONNECTION and COM_CHANGE_USER forget them, wherever they are.
    fn c10_a_reset_session_has_none(stage) {
        let pool = Pool::new(stage, "pool_varnone", "max_connections: 1");
        let (mut session, mut other) = (pool.login(), pool.login());
        for moved in [false, true] {
            session.run("set @v = 5");
            if moved {
                other.run("select 1 from t limit 1");
            }
            session.reset_connection();
            assert_eq!(session.run("select @v").value(), "NULL", "moved: {moved}");
            session.run("set @v = 6");
            if moved {
                other.run("select 1 from t limit 1");
            }
            assert!(session.change_user(&pool.options).is_ok());
            assert_eq!(session.run("select @v").value(), "NULL", "moved: {moved}");
        }
    }

    /// A session whose values went with their connection must not go on without them; one whose values are known does.
    fn values_that_were_lost_end_the_session(stage) {
        let pool = Pool::new(stage, "pool_varlost", "max_connections: 2");
        let mut session = pool.login();
        session.run("set @v = 5");
        pool.kill(pool.connection());
        assert_eq!(session.run("select @v").value(), "5");
        session.run("set @v = 5 + 1");
        pool.kill(pool.connection());
        let reply = session.query("select @v");
        assert_eq!(reply.code(), 1105, "{reply:?}");
        // One that is passed on as it arrives is told so at its end.
        let mut session = pool.login();
        session.run("set @v = 5 + 1");
        pool.kill(pool.connection());
        let reply = session.query(format!("select @v, '{}'", "x".repeat(400_000)));
        assert_eq!(reply.code(), 1105, "{reply:?}");
        let mut session = pool.login();
        session.run("set @v = 6");
        let mut others = pool.logins(2);
        others.iter_mut().for_each(|other| drop(other.run("begin")));
        others.iter_mut().for_each(|other| drop(other.run("select 1 from t limit 1")));
        drop(others);
        wait_until("their connections go", || pool.connections().len() < 2);
        for connection in pool.connections() {
            pool.kill(connection);
        }
        assert_eq!(session.run("select @v").value(), "6");
    }
}

/// A worker that tries for ever would serve nobody any more.
fn expect_others_are_served(pool: &Pool) {
    let mut other = pool.login();
    assert_eq!(other.run("select 7").value(), "7");
    other.quit();
}
