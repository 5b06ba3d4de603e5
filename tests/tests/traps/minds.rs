//! C1, C15 and Q16 in sessions whose settings change what the proxy's own questions and assignments mean: it carries values and
//! answers through limits, modes and character sets that were set by their client.

use rolecall_tests::raw::Reply;
use rolecall_tests::{Run, Stage, on_every_server};

use crate::rival::Narrow;

const TABLES: &[&str] = &[
    "create table t (id int primary key, a varchar(20) character set utf8mb4)",
    "insert into t values (1, '\u{e4}\u{20ac}'), (2, 'two'), (3, 'three')",
    "create table auto (id int primary key auto_increment, a bigint)",
    "insert into auto (a) values (1), (2)",
];

/// Settings in which a client may leave its session.
const MINDS: &[&[&str]] = &[
    &[],
    &["set session sql_select_limit = 0"],
    &["set session sql_select_limit = 1, session max_error_count = 0"],
    &["set session max_error_count = 1"],
    &["set session character_set_results = ucs2"],
    &["set session character_set_results = utf16"],
    &["set session character_set_results = null"],
    &["set session character_set_results = latin1"],
    &["set names latin1"],
    &["set names gbk"],
    &["set names sjis"],
    &["set names binary"],
    &["set names utf8mb4 collate utf8mb4_bin", "set session character_set_results = latin1"],
    &["set session sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"],
    &["set session sql_mode = 'ANSI,IGNORE_SPACE,PAD_CHAR_TO_FULL_LENGTH'"],
    &["set session sql_mode = 'NO_UNSIGNED_SUBTRACTION,HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT'"],
    &["set session sql_mode = ''", "set session sql_safe_updates = 1, session big_tables = 1"],
    &["set session sql_auto_is_null = 1"],
    &["set session group_concat_max_len = 4, session div_precision_increment = 0, session max_sort_length = 4"],
    &["set session sql_notes = 0, session sql_warnings = 1"],
    &["set session transaction read only"],
    &["set session lc_messages = 'de_DE', session lc_time_names = 'de_DE', session time_zone = '+13:00'"],
    &["set session max_join_size = 1, session sql_big_selects = 0"],
];

/// Of MariaDB alone.
const MARIADB_MINDS: &[&[&str]] = &[
    &["set session sql_mode = 'ORACLE'"],
    &["set session sql_mode = 'EMPTY_STRING_IS_NULL,NO_FIELD_OPTIONS'"],
    &["set session sql_mode = 'MSSQL'"],
    &["set session old_mode = ''"],
];

/// Those in which LAST_INSERT_ID() is lost; the last two on MariaDB alone.
const DEFECT: [&[&str]; 3] = [
    &["set session sql_select_limit = 0"],
    &["set session character_set_results = ucs2"],
    &["set session character_set_results = utf16"],
];

/// Back to what can be read.
pub const CLEAR: &[&str] =
    &["set session sql_select_limit = default", "set session sql_mode = default", "set names utf8mb4"];

/// What a client reads of a reply, in whichever form it comes.
fn told(reply: &Reply) -> String {
    let error = reply.error().map(|error| error.to_string());
    format!("{error:?} {:?}", reply.rows())
}

/// All of them, for a kind of servers.
pub fn minds(stage: &Stage) -> Vec<&'static [&'static str]> {
    let own = if stage.flavour().is_mariadb() { MARIADB_MINDS } else { &[] };
    MINDS.iter().chain(own).copied().collect()
}

/// Runs `steps` in every mind, the rival behind each of them, and `ask` at the end as well when the mind is clear again.
fn in_minds(narrow: &Narrow, name: &str, minds: &[&[&str]], steps: &[&str], ask: &[&str]) {
    // MySQL wants a right for some of them; MariaDB does not know it.
    let right = format!("/*!80000 grant session_variables_admin on *.* to {name}@'%' */");
    narrow.trial(name).setup(&[TABLES, &[&right]].concat()).run(|run: &mut Run| {
        let mut rival = narrow.rival(run);
        for mind in minds {
            let mut client = run.another();
            for sql in mind.iter().chain(steps).chain(ask).chain(CLEAR).chain(ask) {
                let reply = rival.after(&mut client, sql);
                run.note(format!("{mind:?} {sql}: {}", told(&reply)));
            }
            client.quit();
        }
        // What is not valid in gbk keeps its connection.
        let is_kept = minds == [["set names gbk"]] && steps.contains(&SET);
        assert!(!run.proxied || is_kept || rival.tally().taken > 5 * minds.len() as u32, "{:?}", rival.tally());
    });
    narrow.proxy.expect_no_panic();
}

const SET: &str = "set @a = '\u{e4}\u{20ac}''x', @b = x'00ff275c22', @n = -5, @d = 1.50, @f = 1e-7, @z = null, @e = ''";
const VALUES: [&str; 3] = [
    "select hex(@a), collation(@a), coercibility(@a), hex(@b), collation(@b), @n - 1, @d, @f, @z, @e",
    "select @a, @d / 3, id from t where id = 1",
    "select hex(@x), collation(@x)",
];
const INSERT_ID: [&str; 5] = [
    "select last_insert_id()",
    "insert into auto (a) select last_insert_id() + 1000",
    "select a from t where id = 1",
    "select @@identity",
    "select last_insert_id(), id from t where id = 2",
];
const ANSWERS: [&str; 10] = [
    "select 'x' + 1, 'y\u{e4}' + 1 from t where id = 1",
    "show warnings",
    "show count(*) warnings",
    "select nothing from t",
    "show errors",
    "select @@error_count",
    "select a from t where id < 3",
    "select found_rows()",
    "insert into auto (a) values (1), (2), (3)",
    "select row_count()",
];

on_every_server! {
    fn c1_variables_are_carried_in_every_mind(stage) {
        let narrow = Narrow::new(stage);
        let minds: Vec<_> = minds(stage).into_iter().filter(|mind| *mind != ["set names gbk"]).collect();
        in_minds(&narrow, "trap_c1_minds", &minds, &[SET, "select @x := a from t where id = 1"], &VALUES);
    }

    fn c15_insert_ids_are_carried_in_every_mind(stage) {
        let narrow = Narrow::new(stage);
        let is_defect = |mind: &&[&str]| DEFECT.contains(mind) && (stage.flavour().is_mariadb() || *mind == DEFECT[0]);
        let minds: Vec<_> = minds(stage).into_iter().filter(|mind| !is_defect(mind)).collect();
        in_minds(&narrow, "trap_c15_minds", &minds, &["insert into auto (a) values (5), (6)"], &INSERT_ID);
    }

    fn q16_answers_are_carried_in_every_mind(stage) {
        let narrow = Narrow::new(stage);
        in_minds(&narrow, "trap_q16_minds", &minds(stage), &[], &ANSWERS);
    }
}

on_every_server! {
    /// In which the servers read literals of the proxy's own.
    fn c7_wide_character_sets_of_a_connection_are_nobody_elses(stage) {
        let narrow = Narrow::new(stage);
        const WIDE: &[&[&str]] = &[&["set session character_set_connection = ucs2"], &["set session collation_connection = utf16_bin"], &["set session character_set_connection = utf32"]];
        in_minds(&narrow, "trap_c7_wide", WIDE, &["select @@collation_connection"], &["select a, hex('x') from t where id = 1", "select @@collation_connection"]);
    }

    fn c15_insert_ids_are_carried_under_a_limit_and_in_wide_results(stage) {
        let narrow = Narrow::new(stage);
        in_minds(&narrow, "trap_c15_limit", &DEFECT, &["insert into auto (a) values (5), (6)"], &INSERT_ID);
    }

    fn c1_variables_with_invalid_characters_are_carried_or_keep_their_connection(stage) {
        let narrow = Narrow::new(stage);
        in_minds(&narrow, "trap_c1_gbk", &[&["set names gbk"]], &[SET, "select @x := a from t where id = 1"], &VALUES);
    }
}
