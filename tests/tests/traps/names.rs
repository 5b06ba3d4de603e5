//! C7: character sets and collations, the same bytes both ways whoever had the connections in between.

use rolecall_tests::raw::{LoginOptions, Packet, Part};
use rolecall_tests::{Run, on_every_server};

use crate::rival::Narrow;

const ROWS: &[&str] = &[
    "create table t (id int primary key, a varchar(20) character set utf8mb4, b varbinary(20))",
    "insert into t values (1, '\u{e4}\u{20ac}', x'e4ff'), (2, 'A', 'a'), (3, 'a', null)",
];

/// What shows in which form texts come and go.
const ASK: &str = "select @@character_set_client, @@character_set_results, @@collation_connection, hex('\u{e4}'), '\u{e4}', 'a' = 'A'";
const READ: &str = "select a, b, '\u{e4}', hex('\u{20ac}') from t where id = 1";

on_every_server! {
    fn c7_names_and_collations_follow_the_session(stage) {
        let narrow = Narrow::new(stage);
        let tally = narrow.follow("trap_c7", ROWS, &[
            &["set names latin1 collate latin1_german2_ci", ASK, READ, "select id from t where a = 'a' order by id", ASK],
            &["set names utf8mb4 collate utf8mb4_bin", ASK, READ, "select id from t where a = 'a' order by id", "set names utf8mb4", ASK],
            &["set names utf8mb4 collate utf8mb4_0900_ai_ci", ASK, READ, "select id from t where a = 'a' order by id"],
            &["set character_set_results = null", READ, ASK, "set character_set_results = utf8mb4", READ],
            &["set character_set_results = latin1", READ, "begin", READ, "commit", READ],
            &["set character set latin1", ASK, READ, "set names default", ASK, READ],
            &["set session character_set_client = latin1, session character_set_results = utf8mb4", ASK, READ, "insert into t values (4, '\u{e4}', '\u{e4}')", "select hex(a), hex(b) from t where id = 4"],
            &["set session collation_connection = latin1_german1_ci", ASK, READ, "set session collation_connection = utf8mb4_bin", ASK],
            &["set names gbk", ASK, "select a from t where id = 1"],
            &["set names binary", ASK, READ],
        ]);
        assert!(tally.taken > 30, "{tally:?}");
    }

    /// Ids of one byte and of two, of MySQL's and of MariaDB's own, those of the other, and one that is none.
    fn c7_collations_of_the_handshake_count(stage) {
        let narrow = Narrow::new(stage);
        for collation in [8, 45, 46, 63, 192, 224, 255, 305, 309, 323, 576, 1052, 2048, 2304, 4000] {
            // Of one that it does not know, MariaDB's columns name another collation of the same character set.
            let is_unknown = stage.flavour().is_mariadb() && collation > 255;
            let hide = move |packet: &mut Packet| {
                if is_unknown && packet.part == Part::Column {
                    packet.payload.clear();
                }
            };
            narrow.trial("trap_c7_id").setup(ROWS).mask(hide).login(|options| options.collation = collation).run(|run| {
                let mut rival = narrow.rival(run);
                for sql in [ASK, READ, "insert into t values (4, '\u{e4}', '\u{e4}')", "select hex(a), hex(b) from t where id = 4", ASK] {
                    rival.after(&mut run.client, sql);
                }
            });
        }
    }

    /// As above, when it comes with COM_CHANGE_USER.
    fn c7_collations_of_a_change_of_user_count(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c7_user").setup(ROWS).run(|run: &mut Run| {
            for collation in [8, 46, 255, 45] {
                let options = LoginOptions { collation, ..run.options().clone() };
                run.change_user(&options).expect("the same user");
                run.transcript.clear();
                run.query(ASK);
                run.query(READ);
                run.query(ASK);
            }
        });
    }
}
