//! Where statements, literals and comments end: S of the wire cases, A13 to A16 of the traps. What the proxy makes of
//! them shows in the result: a misread statement goes to a server that refuses it or does not know its state.

use rolecall_protocol::Capabilities;
use rolecall_tests::{Trial, on_every_server};

scripts! {
    fn s1_quotes_follow_the_mode {
        setup: ["create table t (a int, `select` int)", "insert into t values (1, 2)"],
        steps: [
            "select \"a\" from t", "set sql_mode = 'ANSI_QUOTES'", "select \"a\", \"select\" from t", "insert into t values (3, 4)", "select \"a;b\"", "set sql_mode = ''", "select \"a;b\"",
            "select 'it''s', \"say \"\"so\"\"\", `a` from t", "select '\\'; delete from t; -- '", "select 'a' 'b' \"c\"",
        ],
    }

    fn s2_backslashes_follow_the_mode {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "select 'a\\'; delete from t where ''=''", "set sql_mode = 'NO_BACKSLASH_ESCAPES'", "select 'a\\'", "select 'a\\' ; delete from t where ''=''", "select * from t",
            "select 'a\\' /* ' */ , 'b'", "set sql_mode = ''", "select 'a\\\\'", "select '\\\\\\''", "select * from t",
        ],
    }

    fn s4_s5_s6_s7_s21_dashes_hashes_and_comments {
        setup: ["create table t (a int)"],
        steps: [
            "select 5--1", "select 5-- 1", "select 5--\t1", "select 5 --", "select 1 # select 2", "select 1 # x\n + 1", "select 1 # x\r + 1", "select 1 /* a /* b */ + 1", "select 1 /* a", "select /**/ 1",
            "select 1 /*! + 1 */", "select 1 /*!50000 + 1 */", "select 1 /*!99999 + 1 */", "select 1 /*!999999 + 1 */", "select 1 /*M! + 1 */", "select 1 /*M!100100 + 1 */", "select 1 /*!50000 + 1 /* x */ + 1 */",
            "/*!50000 insert */ into t values (1)", "/*!99999 insert into t values (2) */ select 1", "/*! insert into t values (3) */", "/*M! insert into t values (4) */ select 1", "select * from t", "/* a */ -- b\n # c\n select 1",
            "((select 1))", "(select 1) union (select 2)", "/*! select */ * from t for update", "select 1 /*!80000 into @x */", "select @x", "select 1 /*!*/", "/*!80000*/ select 1", "SEL/**/ECT 1", "select/**/1", "select/*! 1 */",
        ],
    }

    fn s12_literals_with_introducers {
        setup: [],
        steps: [
            "select _latin1'a', _utf8mb4 x'c3a4', N'ä', X'41', 0x41, b'1000001', 0b1, x'4'", "select _utf8mb4'a;b', _latin1\"c;d\"", "select n'a' 'b'", "select 0x, 0b", "select 1e5, 1.e5, .5, 1e+5, -1, - -1, +-+1",
            "select @@version_comment is null, @`a;b`, @'c', @\"d\"", "select 1.5e, 1e5e5", "select 1_a from (select 1 as 1_a) x", "select `a`.`b` from (select 1 as b) a", "select true, null, \\N",
        ],
    }

    fn s16_dollar_quotes {
        setup: [],
        steps: ["select $$a;b$$", "select $tag$ 'x' ; $tag$", "select $a from (select 1 as $a) x", "select a$b from (select 1 as a$b) x"],
    }

    fn s17_bodies_with_semicolons {
        setup: ["create table t (a int)"],
        steps: [
            "create procedure p() begin insert into t values (1); insert into t values (2); select 'a;b'; end", "call p()", "select * from t", "create function f() returns int deterministic return 5", "select f()",
            "create trigger g before insert on t for each row begin set new.a = new.a + 1; set @g = 1; end", "insert into t values (5)", "select * from t", "select @g", "drop procedure p", "create event e on schedule every 1 year do begin end", "drop event if exists e",
        ],
    }

    fn s19_words_that_are_keywords_somewhere {
        setup: ["create table t (`rank` int, `groups` int, `library` int, `end` int, `begin` int, `update` int)", "insert into t values (1, 2, 3, 4, 5, 6)"],
        steps: [
            "select rank from t", "select groups from t", "select library from t", "select end from t", "select begin from t", "select `update` from t", "with `update` as (select 1 as a) select * from `update`",
            "select 'update', \"delete\" from t", "select t.update from t", "select sql_no_cache 1", "select insert('abc', 1, 1, 'x')", "select replace('abc', 'a', 'b')", "select 1 as truncate", "values row(1, 2), row(3, 4)", "table t",
        ],
    }

    fn a22_writes_behind_with {
        setup: ["create table t (a int)", "insert into t values (1), (2)"],
        steps: [
            "with c as (select 1 as a) update t, c set t.a = 5 where t.a = c.a", "select * from t", "with c as (select 2 as a) delete from t where a in (select a from c)", "select * from t", "with c as (select 1) select 'update' from c",
            "insert into t with c as (select 7) select * from c", "replace into t with c as (select 8) select * from c", "select * from t", "insert into t values (9) on duplicate key update a = 1", "explain update t set a = 1",
            "(with c as (select 1) select * from c)",
        ],
    }

    fn a11_maintenance_statements {
        setup: ["create table t (a int)"],
        steps: ["check table t", "analyze table t", "optimize table t", "repair table t", "checksum table t", "show create table t", "desc t", "describe t a", "explain t", "show columns from t", "show tables", "show index from t", "show full tables", "help 'select'"],
    }

    fn a15_ignore_space_and_pipes {
        setup: ["create table t (a int)"],
        steps: ["select count (*) from t", "set sql_mode = 'IGNORE_SPACE'", "select count (*) from t", "select now () > 0", "set sql_mode = 'PIPES_AS_CONCAT'", "select 'a' || 'b'", "set sql_mode = 'HIGH_NOT_PRECEDENCE'", "select not 1 between -5 and 5"],
    }
}

on_every_server! {
    fn a16_s14_character_sets_with_backslashes_inside_characters(stage) {
        Trial::new(stage, "a16_charsets").setup(&["create table t (a int)", "insert into t values (1)"]).with(Capabilities::MULTI_STATEMENTS).run(|run| {
            for charset in ["gbk", "sjis", "big5", "utf8mb4", "latin1"] {
                run.run(&format!("set names {charset}"));
                // 0x5C as a second byte: the end of a character in some of these sets, an escape in others.
                run.query(b"select hex('\x95\x5c'), '; delete from t where ''='' -- '");
                run.query(b"select hex('\xb3\x5c'); select 2");
                run.query(b"select '\x81\x5c', 1 from t");
                run.query(b"select hex('\x95\x27'), 1");
                run.query(b"select '\x95\x27; select 3");
            }
            run.run("set names utf8mb4");
            run.run("select * from t");
        });
    }

    fn s15_a_character_set_changed_in_a_multi_statement(stage) {
        Trial::new(stage, "s15").setup(&["create table t (a int)"]).with(Capabilities::MULTI_STATEMENTS).run(|run| {
            run.query(b"set names gbk; select '\xb3\x5c'; select 2");
            run.query(b"select '\xb3\x5c'; insert into t values (1)");
            run.query(b"set names utf8mb4; select 'a\\'; select 3'");
            run.query("set sql_mode = 'ANSI_QUOTES'; select \"a\" from t; select 4");
            run.query("select \"a\" from t");
        });
    }

    fn s10_first_words_behind_odd_bytes(stage) {
        Trial::new(stage, "s10").setup(&["create table t (a int)"]).run(|run| {
            let statements: [&[u8]; 10] = [
                b"\x0binsert into t values (1)", b"\x0c insert into t values (2)", b"\xc2\xa0insert into t values (3)", b"\xef\xbb\xbfinsert into t values (4)", b"\0insert into t values (5)",
                b"\r\n insert into t values (6)", b"(((insert into t values (7))))", b"/**//**/insert into t values (8)", b"insert\x00into t values (9)", b";insert into t values (10)",
            ];
            for statement in statements {
                run.query(statement);
                run.run("select * from t");
            }
        });
    }
}
