//! C4, C7, C25: every setting of one session behind every other setting of another one, on one connection to each server.

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Stage, on_every_server};

use crate::minds::minds;
use crate::rival::Narrow;

/// Settings beside [`minds`], whose way in, or out, may be another's trap.
const MORE: &[&[&str]] = &[
    &["set session sql_mode = ''"],
    &["set session sql_mode = 'ALLOW_INVALID_DATES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,STRICT_ALL_TABLES'"],
    &["set names big5"],
    &["set names cp932"],
    &["set names eucjpms collate eucjpms_bin"],
    &["set names ascii"],
    &["set session character_set_client = latin1, session character_set_results = utf8mb4"],
    &["set session default_storage_engine = 'MyISAM', session optimizer_switch = 'index_merge=off'"],
    &["set session foreign_key_checks = 0, session unique_checks = 0"],
    &["set session transaction isolation level serializable"],
    &["set session collation_connection = latin1_german1_ci, session sql_select_limit = 3"],
    &["use information_schema"],
];

const MARIADB_MORE: &[&[&str]] = &[
    &["set session sql_mode = 'EMPTY_STRING_IS_NULL'"],
    &["set session sql_mode = 'SIMULTANEOUS_ASSIGNMENT,TIME_ROUND_FRACTIONAL'"],
    &["set session character_set_client = big5"],
    &["set session use_stat_tables = 'never', session sql_mode = 'ORACLE,ANSI_QUOTES'"],
];

const ASK: &str = "select @@sql_mode, @@time_zone, @@character_set_client, @@character_set_results, @@collation_connection, @@sql_select_limit, @@lc_time_names, \
                   @@default_storage_engine, @@foreign_key_checks, @@max_error_count, database(), @@group_concat_max_len, @@autocommit";

/// What a session sees of itself, and of a text.
fn sight(client: &mut Client, schema: &str) -> Vec<String> {
    let asked = [
        ASK.to_owned(),
        format!("select hex(concat('a', a)), '\u{e4}', now() > '2001-01-01' from {schema}.t where id = 1"),
    ];
    let told = asked.map(|sql| {
        let reply = client.query(&sql);
        format!("{:?} {:?}", reply.error().map(|error| error.to_string()), reply.rows())
    });
    client.transcript.clear();
    told.to_vec()
}

fn in_mind(mut client: Client, mind: &[&str]) -> Client {
    mind.iter().for_each(|sql| drop(client.run(sql)));
    client
}

fn all_minds(stage: &Stage) -> Vec<&'static [&'static str]> {
    let own = if stage.flavour().is_mariadb() { MARIADB_MORE } else { &[] };
    minds(stage).into_iter().chain(MORE.iter().copied()).chain(own.iter().copied()).collect()
}

on_every_server! {
    fn c4_c7_c25_every_setting_behind_every_other(stage) {
        let narrow = Narrow::new(stage);
        let options: LoginOptions = stage.account("trap_pairs", &["drop table t", "create table t (id int primary key, a varchar(20) character set utf8mb4)", "insert into t values (1, '\u{e4}')", "/*!80000 grant session_variables_admin on *.* to trap_pairs */"]);
        let (mut minds, mut sessions) = (all_minds(stage), Vec::new());
        let all = minds.len();
        // What pins its session meets no other one.
        minds.retain(|mind| {
            let mut session = in_mind(narrow.proxy.login(&options), mind);
            sight(&mut session, "trap_pairs");
            session.ping().expect_ok("ping");
            let is_free = !narrow.is_pinned(&session);
            if is_free { sessions.push(session) } else { session.quit() }
            is_free
        });
        assert!(minds.len() + 8 > all, "{} of {all}", minds.len());
        let expected: Vec<_> = minds.iter().map(|mind| {
            let direct = Client::login(stage.set.primary.address(), &options).expect("a login");
            sight(&mut in_mind(direct, mind), "trap_pairs")
        }).collect();
        let mut wrong = Vec::new();
        let pairs = (0..minds.len()).flat_map(|first| (0..minds.len()).map(move |second| (first, second)));
        for (first, second) in pairs {
            // More would tell nothing new.
            if wrong.len() < 20 {
                for at in [first, second] {
                    let found = sight(&mut sessions[at], "trap_pairs");
                    if found != expected[at] {
                        wrong.push(format!("{:?} between {:?}: {found:?}, not {:?}", minds[at], minds[if at == first { second } else { first }], expected[at]));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * minds.len() * minds.len(), wrong[..wrong.len().min(20)].join("\n"));
        for server in stage.set.servers().take(2) {
            assert_eq!(server.value("select count(*) from information_schema.processlist where user = 'trap_pairs'"), "1", "one connection served all");
        }
        narrow.proxy.expect_no_panic();
    }
}
