//! The catalogue of stored functions and views: what it believes to be harmless.

use rolecall_router::catalogue::{Catalogue, Routine, Trigger, View};
use rolecall_router::sql::cases::MYSQL;
use rolecall_router::sql::{Effects, classify};

fn function(name: &str, body: &str) -> Routine {
    Routine { name: name.into(), body: Some(body.into()) }
}

fn view(name: &str, definition: &str) -> View {
    View { name: name.into(), definition: Some(definition.into()) }
}

fn is_harmless(body: &str) -> bool {
    Catalogue::build(&[function("f", body)], &[], &[], &MYSQL).is_harmless_function(b"f")
}

#[test]
fn a_body_that_only_reads_is_harmless() {
    for body in [
        "RETURN 1",
        "RETURN (SELECT COUNT(*) FROM t WHERE id = x)",
        "BEGIN DECLARE a, b INT DEFAULT 0; DECLARE c CURSOR FOR SELECT id FROM t; SET a = 1, b = a + (1, 2); RETURN a; END",
        "BEGIN DECLARE n INT; SELECT COUNT(*), MAX(id) INTO n, `m` FROM t; RETURN n; END",
        "BEGIN DECLARE done INT; DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1; l: LOOP SET done = 2; LEAVE l; END LOOP; RETURN done; END",
        "BEGIN IF (x > 1) THEN RETURN REPLACE('a', 'b', 'c'); END IF; WHILE x < 3 DO SET @b = 1; END WHILE; RETURN 1; END",
        "BEGIN IF x < 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; RETURN CASE x WHEN 1 THEN 2 ELSE 3 END; END",
        "RETURN 'INSERT INTO t'",
    ] {
        // The one that sets a user variable is the exception that shows the test sees failure.
        assert_eq!(is_harmless(body), !body.contains("@b"), "{body}");
    }
}

#[test]
fn a_body_that_writes_locks_or_leaves_state_is_not() {
    for body in [
        "BEGIN INSERT INTO t (a) VALUES (x); RETURN x; END",
        "BEGIN UPDATE t SET a = 1; RETURN x; END",
        "BEGIN DELETE FROM t; RETURN x; END",
        "BEGIN REPLACE INTO t (a) VALUES (1); RETURN x; END",
        "BEGIN TRUNCATE TABLE t; RETURN 1; END",
        "BEGIN CALL p(); RETURN x; END",
        "BEGIN CREATE TEMPORARY TABLE t (a INT); RETURN x; END",
        "BEGIN DROP TEMPORARY TABLE t; RETURN x; END",
        "BEGIN SET @a = 1; RETURN x; END",
        "BEGIN SELECT 1 INTO @a; RETURN x; END",
        "BEGIN DECLARE a INT; SELECT 1, 2 INTO a, @b; RETURN x; END",
        "BEGIN SELECT @a := 1 INTO x; RETURN x; END",
        "BEGIN SET sql_mode = ''; RETURN x; END",
        "BEGIN SET SESSION sql_mode = ''; RETURN x; END",
        "BEGIN SET @@sql_mode = ''; RETURN x; END",
        "BEGIN DECLARE a INT; SELECT id INTO a FROM t FOR UPDATE; RETURN a; END",
        "BEGIN DECLARE c CURSOR FOR SELECT id FROM t FOR UPDATE; RETURN 1; END",
        "BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION INSERT INTO t (a) VALUES (1); RETURN 1; END",
        "BEGIN IF x THEN DO GET_LOCK('a', 1); END IF; RETURN 1; END",
        "RETURN GET_LOCK('a', 1)",
        "RETURN LAST_INSERT_ID(x)",
        "RETURN @@server_id",
        "RETURN (SELECT COUNT(*) FROM information_schema.tables)",
        "RETURN unknown_function(x)",
        "RETURN other.f2(x)",
        "RETURN '",
        "RETURN 1 /*!99999 + f2(1) */",
    ] {
        assert!(!is_harmless(body), "{body}");
    }
}

#[test]
fn a_body_must_be_harmless_under_every_sql_mode() {
    // Under ANSI_QUOTES the string is a name, in which a backslash escapes nothing.
    assert!(!is_harmless(r#"RETURN "a\" + f2(1) + \"b""#));
    // With NO_BACKSLASH_ESCAPES the string ends at the second quote.
    assert!(!is_harmless(r"RETURN CONCAT('\', f2(1), '')"));
}

#[test]
fn harm_spreads_along_calls_and_recursion_alone_does_none() {
    let functions = [
        function("writes", "BEGIN INSERT INTO t (a) VALUES (1); RETURN 1; END"),
        function("calls", "RETURN writes()"),
        function("calls_calls", "RETURN calls () + 1"),
        function("even", "RETURN IF(x = 0, 1, odd(x - 1))"),
        function("odd", "RETURN IF(x = 0, 0, even(x - 1))"),
        function("through_view", "RETURN (SELECT n FROM v_writes LIMIT 1)"),
        Routine { name: "hidden".into(), body: None },
    ];
    let views = [
        view("v_writes", "select `db`.`calls`() AS `n`"),
        view("v_reads", "select `db`.`even`(`t`.`id`) AS `n` from `db`.`t`"),
        view("v_node", "select @@server_id AS `id`"),
        view("v_over", "select `db`.`v_writes`.`n` AS `n` from `db`.`v_writes`"),
        View { name: "v_hidden".into(), definition: None },
    ];
    let catalogue = Catalogue::build(&functions, &views, &[], &MYSQL);
    for name in ["writes", "calls", "calls_calls", "through_view", "hidden", "never_heard_of"] {
        assert!(!catalogue.is_harmless_function(name.as_bytes()), "{name}");
    }
    for name in ["even", "ODD"] {
        assert!(catalogue.is_harmless_function(name.as_bytes()), "{name}");
    }
    for name in ["v_writes", "V_OVER", "v_hidden", "v_node"] {
        assert!(catalogue.is_writing_view(name.as_bytes()), "{name}");
    }
    for name in ["v_reads", "t", ""] {
        assert!(!catalogue.is_writing_view(name.as_bytes()), "{name}");
    }
}

#[test]
fn names_count_in_every_schema_and_as_servers_compare_them() {
    let harmless = |others: &[Routine]| {
        let mut functions = vec![function("cafe", "RETURN 1")];
        functions.extend_from_slice(others);
        Catalogue::build(&functions, &[], &[], &MYSQL).is_harmless_function(b"cafe")
    };
    assert!(harmless(&[]));
    assert!(!harmless(&[function("CAFE", "BEGIN DELETE FROM t; RETURN 1; END")]), "another schema's");
    assert!(!harmless(&[function("café", "BEGIN DELETE FROM t; RETURN 1; END")]), "accents do not tell names apart");
    assert!(harmless(&[function("thé", "BEGIN DELETE FROM t; RETURN 1; END")]));

    let views = [view("vué", "select f()"), view("a`b", "select f()")];
    let catalogue = Catalogue::build(&[], &views, &[], &MYSQL);
    assert!(catalogue.is_writing_view(b"vu\xE9"), "the same name in latin1");
    assert!(catalogue.is_writing_view(b"a``b"), "as it stands in a text");
    assert!(!catalogue.is_writing_view(b"ab"));
}

#[test]
fn an_empty_catalogue_trusts_no_function_and_knows_no_view() {
    let catalogue = Catalogue::unknown();
    assert!(!catalogue.is_harmless_function(b"f") && !catalogue.is_writing_view(b"v"));
}

fn trigger(table: &str, body: &str) -> Trigger {
    Trigger { table: table.into(), body: Some(body.into()) }
}

/// What it does shows in no statement's text: locks and temporary tables would be the next session's.
#[test]
fn tables_whose_triggers_may_leave_something_are_known() {
    let triggers = [
        trigger(
            "quiet",
            "BEGIN DECLARE n INT; SET n = 1, NEW.a = n, @seen = NEW.id; INSERT INTO log (a) VALUES (NOW()); UPDATE log SET a = 2; END",
        ),
        trigger("locks", "DO GET_LOCK('x', 0)"),
        trigger("calls", "BEGIN IF NEW.a THEN CALL p(); END IF; END"),
        trigger("sets", "SET SESSION timestamp = 1"),
        trigger("also_sets", "SET NEW.a = 1, @@sort_buffer_size = 1"),
        trigger("makes", "CREATE TEMPORARY TABLE x (a INT)"),
        trigger("counts", "SET NEW.id = NEXTVAL(s)"),
        trigger("unknown", "SET NEW.id = f_unknown(1)"),
        trigger("follows", "INSERT INTO `locks` VALUES (1)"),
        trigger("follows_view", "DELETE FROM over_locks"),
        Trigger { table: "hidden".into(), body: None },
    ];
    let views =
        [view("over_locks", "select `locks`.`a` AS `a` from `locks`"), view("over_quiet", "select 1 from quiet")];
    let catalogue = Catalogue::build(&[], &views, &triggers, &MYSQL);
    for name in
        ["locks", "calls", "sets", "also_sets", "makes", "unknown", "follows", "FOLLOWS_VIEW", "over_locks", "hidden"]
    {
        assert!(catalogue.is_leaving_table(name.as_bytes()), "{name}");
    }
    for name in ["quiet", "over_quiet", "log", ""] {
        assert!(!catalogue.is_leaving_table(name.as_bytes()), "{name}");
    }
    let ties = |sql: &str| classify(sql.as_bytes(), &MYSQL, &catalogue).effects.contains(Effects::UNKNOWN_ROUTINE);
    for sql in [
        "insert into locks values (1)",
        "replace db.locks set a = 1",
        "update quiet, `locks` set a = 1",
        "delete from LOCKS",
        "load data infile 'x' into table locks",
        "insert into over_locks values (1)",
        "select 1; delete from locks",
        "with c as (select 1) delete from locks",
    ] {
        assert!(ties(sql), "{sql}");
    }
    for sql in [
        "select * from locks",
        "select * from locks for update",
        "insert into quiet values (1)",
        "insert into t select a from quiet",
    ] {
        assert!(!ties(sql), "{sql}");
    }
}
