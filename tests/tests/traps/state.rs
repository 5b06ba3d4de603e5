//! Group C: what a session has set follows it, whoever had its connections in between.

use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Packet, Part};

use crate::rival::Narrow;

const ROWS: &[&str] = &["create table t (id int primary key, a int)", "insert into t values (1, 10), (2, 20), (3, 30)"];

on_every_server! {
    /// Also where the session was at a replica before, and is at the primary afterwards.
    fn c1_user_variables_are_there_wherever_the_session_goes(stage) {
        let narrow = Narrow::new(stage);
        // MariaDB tells a variable that another session has had by its column's length from one that never was.
        let is_mariadb = stage.flavour().is_mariadb();
        let hide = move |packet: &mut Packet| {
            if is_mariadb && packet.part == Part::Column {
                packet.payload.clear();
            }
        };
        narrow.follow_in(narrow.trial("trap_c1").setup(ROWS).mask(hide), &[
            &["select a from t where id = 1", "set @a = 1", "select @a", "select @a, a from t where id = 2", "insert into t values (4, @a)",
              "select a from t where id = 4", "set @a = @a + 1", "select @a", "select @b is null, @a"],
            &["set @b = (select max(a) from t)", "select @b", "begin", "select @b", "commit", "select @b, count(*) from t"],
            &["select @nothing", "select 1 from t limit 1", "select @a, @b"],
        ]);
    }

    /// Each way on a session of its own: the first one to pin would hide that another does not.
    fn c2_variables_that_statements_assign_are_there(stage) {
        let narrow = Narrow::new(stage);
        narrow.follow("trap_c2", ROWS, &[
            &["select @a := id from t where id = 2", "select @a"],
            &["set @n = 0", "update t set a = (@n := @n + 1) order by id", "select @n", "select a from t order by id"],
            &["update t set a = (@m := a + 1) where id = 1", "select @m"],
            &["select count(*) into @c from t", "select @c"],
            &["select id, a from t where id = 3 into @d, @e", "select @d, @e"],
            &["select a from t where (@f := id) = 2", "select @f"],
            &["do @g := 5", "select @g"],
            &["insert into t values (9, @h := 90)", "select @h"],
            &["prepare p from 'select @i := 7'", "execute p", "select @i"],
            &["select a from t where id = 1 union select @j := 8", "select @j"],
        ]);
    }

    fn c3_variables_that_stored_code_sets_are_there(stage) {
        let narrow = Narrow::new(stage);
        let setup = [
            ROWS,
            &[
                "create table watched (a int)",
                "create procedure sets() set @p = 5",
                "create procedure gives(out x int, inout y int) begin set x = 7; set y = y + 1; end",
                "create procedure nested() call sets()",
                "create function f_sets(x int) returns int deterministic no sql begin set @f = x; return x; end",
                "create trigger sees before insert on watched for each row set @t = new.a",
                "create view through as select f_sets(id) as n from t where id = 1",
            ],
        ].concat();
        narrow.follow("trap_c3", &setup, &[
            &["call sets()", "select @p"],
            &["call nested()", "select @p"],
            &["set @y = 1", "call gives(@x, @y)", "select @x, @y", "call gives(@x, @y)", "select @y"],
            &["call gives(@x, @z)", "select @x, @z"],
            &["select f_sets(3)", "select @f"],
            &["select n from through", "select @f"],
            &["insert into watched values (6)", "select @t"],
            &["insert into watched select a from t", "select @t"],
            &["prepare p from 'call gives(@v, @w)'", "execute p", "select @v, @w"],
        ]);
    }

    /// The values that the server made of them, not their texts.
    fn c4_computed_assignments_follow_the_session(stage) {
        let narrow = Narrow::new(stage);
        let ask = "select @@sql_mode, @@sort_buffer_size = @@global.sort_buffer_size, @@time_zone";
        let tally = narrow.follow("trap_c4", ROWS, &[
            &["set session sql_mode = concat(@@sql_mode, ',ANSI_QUOTES')", ask, "select \"id\" from t where \"a\" = 20", "set session sql_mode = default", ask, "select \"a\" from t limit 1"],
            &["set sql_mode = (select 'PIPES_AS_CONCAT')", ask, "select 'a' || id from t where id = 1"],
            &["set sql_mode = (select concat('PIPES_AS_', 'CONCAT') from t where id = 2)", "select id || a from t where id = 1"],
            &["set @@session.sort_buffer_size = @@global.sort_buffer_size * 2", ask, "set session sort_buffer_size = @@global.sort_buffer_size", ask],
            &["set session time_zone = concat('+0', 3, ':00')", "select from_unixtime(id) from t where id = 1", "set time_zone = default", ask],
            &["set session div_precision_increment = 1 + 5, session group_concat_max_len = 4 * 2", "select id / 3 from t where id = 1", "select group_concat(a) from t"],
            &["set session sql_mode = '', session time_zone = if(@@sql_mode = '', '+01:00', '+02:00')", ask, "select from_unixtime(id) from t where id = 1"],
            &["set session sql_select_limit = 2, @@session.sql_mode = replace(@@sql_mode, 'STRICT_TRANS_TABLES', '')", "select id from t order by id", "insert into t values (4, 'not a number')", "select a from t where id = 4"],
        ]);
        assert!(tally.taken > 20, "{tally:?}");
    }

    fn c6_what_a_procedure_sets_stays_set(stage) {
        let narrow = Narrow::new(stage);
        let setup = [
            ROWS,
            &[
                "create procedure sets_mode() set session sql_mode = 'PIPES_AS_CONCAT', time_zone = '+03:00'",
                "create procedure sets_and_reads() begin set session sql_select_limit = 1; select id from t order by id; end",
                "create procedure begins() begin set autocommit = 0; end",
                "create procedure sets_names() set names latin1 collate latin1_german1_ci",
            ],
        ].concat();
        let ask = "select @@time_zone, @@sql_mode, @@sql_select_limit, @@autocommit, @@collation_connection";
        narrow.follow("trap_c6", &setup, &[
            &["call sets_mode()", ask, "select 'a' || id from t where id = 1", "select from_unixtime(id) from t where id = 1"],
            &["call sets_and_reads()", ask, "select id from t order by id"],
            &["call begins()", "insert into t values (5, 5)", "rollback", "select count(*) from t", ask],
            &["call sets_names()", ask, "select 'a' = 'A' from t where id = 1"],
            &["prepare p from 'call sets_mode()'", "execute p", ask, "select from_unixtime(id) from t where id = 1"],
        ]);
    }

    fn c8_the_time_zone_follows(stage) {
        let narrow = Narrow::new(stage);
        let setup = ["create table t (id int, a timestamp null, d datetime)", "set time_zone = '+00:00'", "insert into t values (1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"];
        let ask = "select a, d, timestampdiff(hour, utc_timestamp(), now() + interval 1 second), from_unixtime(0) from t where id = 1";
        let tally = narrow.follow("trap_c8", &setup, &[
            &["set session time_zone = '+05:00'", ask, "insert into t values (2, '2026-01-01 00:00:00', null)", "select unix_timestamp(a) from t where id = 2", "begin", ask, "commit", ask,
              "set session time_zone = '-03:30'", ask, "set session time_zone = default", "select @@time_zone"],
        ]);
        assert!(tally.taken >= 8, "{tally:?}");
    }

    fn c20_timeouts_follow_the_session(stage) {
        let narrow = Narrow::new(stage);
        let limit = if stage.flavour().is_mariadb() { "max_statement_time = 0.2" } else { "max_execution_time = 200" };
        let ask = "select @@wait_timeout, @@interactive_timeout, @@net_write_timeout, @@net_read_timeout, @@lock_wait_timeout, @@innodb_lock_wait_timeout";
        let set = format!("set session {limit}");
        // What is stopped takes its time, at either server.
        let slow = "select count(*) from t a, t b, t c, t d, t e, t f, t g, t h, t i, t j, t k, t l, t m, t n, t o, t p, t q, t r, t s, t u, t v, t w where sleep(0.001) = 0";
        let tally = narrow.follow("trap_c20", ROWS, &[
            &["set session wait_timeout = 777, session interactive_timeout = 778, session net_write_timeout = 79, session net_read_timeout = 78", ask, "select a from t where id = 1", ask],
            &["set session lock_wait_timeout = 7, session innodb_lock_wait_timeout = 6", ask],
            &[&set, "select a from t where id = 1", slow, "select a from t where id = 2"],
        ]);
        assert!(tally.taken >= 6, "{tally:?}");
    }
}
