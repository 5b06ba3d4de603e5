//! Questions about a session's last statement, when another session has had the connection in between.

use rolecall_tests::on_every_server;
use rolecall_tests::raw::Part;

use crate::pool::Pool;

/// Not supported yet.
const REFUSED: u16 = 1235;

on_every_server! {
    /// sql_select_limit holds for the SELECT in its place, not for SHOW WARNINGS.
    fn q16_warnings_are_shown_whatever_limits_selects(stage) {
        let pool = Pool::new(stage, "pool_diaglim", "max_connections: 1");
        let [mut first, mut second] = [0, 1].map(|_| pool.login());
        for (limit, read, count) in [(1, "select 'x' + id from t order by id limit 3", 3), (0, "select 'x' + id from t order by id limit 1", 1)] {
            first.run(&format!("set sql_select_limit = {limit}"));
            first.run(read);
            second.run("select 1 from t limit 1");
            assert_eq!(first.run("show warnings").rows().len(), count);
        }
        assert_eq!(pool.connections().len(), 1);
    }

    /// C15: LAST_INSERT_ID() goes with its session.
    fn c15_the_insert_id_is_ones_own(stage) {
        let pool = Pool::new(stage, "pool_id", "max_connections: 1");
        pool.server().run("create table pool_id.auto (id int primary key auto_increment, a int)");
        let mut sessions = pool.logins(3);
        let mut expected = [0, 0, 0];
        for round in 0..4 {
            for (at, session) in sessions.iter_mut().enumerate() {
                if (round + at) % 2 == 0 {
                    expected[at] = session.run("insert into auto (a) values (1), (2)").ok().expect("an OK").last_insert_id;
                }
            }
            for (session, expected) in sessions.iter_mut().zip(expected) {
                assert_eq!(session.run("select last_insert_id()").value(), expected.to_string());
                session.run("insert into auto (a) values (last_insert_id())");
                let a = session.run("select a from auto order by id desc limit 1").value();
                assert_eq!(a, expected.to_string());
                session.run(&format!("set last_insert_id = {expected}"));
                session.reset_connection().expect_ok("set last_insert_id pins");
                session.run("select 1");
            }
            expected = [0, 0, 0];
        }
        pool.proxy.expect_no_panic();
    }

    /// Q16, C15: a connection that broke takes the answers with it; those of the next one are another session's.
    fn q16_a_lost_connection_is_not_replaced_by_anothers_answers(stage) {
        let pool = Pool::new(stage, "pool_gone", "max_connections: 2");
        pool.server().run("create table pool_gone.auto (id int primary key auto_increment, a int)");
        // Refused, where 0 would be a lie.
        for (question, code) in [("show warnings", 0), ("select last_insert_id()", 1105)] {
            let (mut first, mut second) = (pool.login(), pool.login());
            second.run("begin");
            // An expression has the server's own id.
            let mine = first.run("select connection_id() + 0").value().parse().expect("a number");
            first.run("insert into auto (a) values (1)");
            second.run("insert into auto (a) values (2)");
            second.run("commit");
            second.query("select nothing from nowhere");
            second.quit();
            pool.kill(mine);
            let reply = first.query(question);
            assert_eq!((reply.code(), reply.count(Part::Row)), (code, 0), "{question}");
            // The next INSERT's is known.
            first.run("insert into auto (a) values (3)");
            assert_ne!(first.run("select last_insert_id()").value(), "0");
            first.quit();
        }
    }

    /// Q16: in a prepared statement there is no place for an answer. Never another session's comes.
    fn q16_a_prepared_question_comes_too_late(stage) {
        let pool = Pool::new(stage, "pool_asks", "max_connections: 1");
        let (mut first, mut second) = (pool.login(), pool.login());
        let question = first.prepare("select row_count()").id;
        first.run("update t set a = 9 where id = 1");
        second.run("select * from t");
        assert_eq!(first.execute(question, &[]).code(), REFUSED);
        // The next statement has answers again.
        first.run("update t set a = a + 1 where id = 1");
        assert_eq!(first.execute(question, &[]).rows().len(), 1);
        first.quit();
        second.quit();
    }

    /// A25: a count that outlives the statements of the one before is not the next one's.
    fn a25_a_count_of_another_session_is_nobodys(stage) {
        let pool = Pool::new(stage, "pool_count", "max_connections: 1");
        for prepared in [false, true] {
            let (mut first, mut second) = (pool.login(), pool.login());
            let id = prepared.then(|| first.prepare("select found_rows()").id);
            second.run("select 1 union select 2 union select 3");
            first.run("set sql_notes = 1");
            match id {
                // There is no place for the answer.
                Some(id) => assert_eq!(first.execute(id, &[]).code(), REFUSED),
                None => assert_eq!(first.run("select found_rows()").value(), "0"),
            }
            first.run("select * from t where a < 0");
            assert_eq!(first.run("select found_rows(), row_count()").rows(), [[Some("0".to_owned()), Some("-1".to_owned())]]);
            first.quit();
            second.quit();
        }
    }
}
