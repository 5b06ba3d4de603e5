//! C7: collations whose ids a handshake has no room for.

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Trial, on_every_server};

on_every_server! {
    fn c7_a_collation_beyond_255_in_change_user(stage) {
        // Some of each server's own, one of an unknown id, and gbk's without padding, whose second bytes may be quotes.
        let ids: &[u16] = if stage.flavour().is_mariadb() { &[1052, 1069, 577, 4000] } else { &[255, 305, 323, 2047] };
        Trial::new(stage, "c7_beyond").run(|run| {
            let options = run.options().clone();
            for id in ids {
                run.change_user(&LoginOptions { collation: *id, ..options.clone() }).expect("the same user");
                run.run("select @@character_set_client, @@character_set_results, @@collation_connection");
                run.run("select hex('\u{e4}')");
                // Two characters of UTF-8; in gbk one that ends in a backslash, and the string ends behind it.
                run.query(b"select '\xBF\\', length('a -- ')");
                run.run("set @a = 1");
                run.run("select @@collation_connection");
            }
            run.change_user(&options).expect("back");
            run.run("select @@character_set_client, @@character_set_results, @@collation_connection");
        });
    }

    /// C7, E12: COM_RESET_CONNECTION goes to MySQL's global character sets, and to MariaDB's of the login.
    fn e12_character_sets_behind_a_reset(stage) {
        // latin1_swedish_ci, utf8mb3_general_ci, utf8mb4_bin, latin1_german2_ci, utf8mb4_0900_ai_ci. Behind a login with an id that
        // MariaDB does not know, like the last, its reset goes to what an earlier login on that thread had.
        let ids: &[u16] = if stage.flavour().is_mariadb() { &[8, 33, 46, 31] } else { &[8, 33, 46, 31, 255] };
        Trial::new(stage, "e12names").setup(&["create table t (a varchar(9)) charset utf8mb4", "insert into t values ('ä')"]).run(|run| {
            for collation in ids {
                for written in ["", "set @a = 1, autocommit = 0", "set names latin1 collate latin1_bin"] {
                    let mut client = run.another_with(|options| options.collation = *collation);
                    let mut seen = vec![names(&mut client)];
                    if !written.is_empty() {
                        client.run(written);
                    }
                    for _ in 0..2 {
                        client.reset_connection().expect_ok("reset");
                        seen.push(names(&mut client));
                        seen.push(format!("{:?}", client.run("select a, hex(a) from t").rows()));
                    }
                    client.quit();
                    run.note(format!("{collation} {written}: {seen:?}"));
                }
            }
        });
    }
}

fn names(client: &mut Client) -> String {
    let question =
        "select @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection";
    format!("{:?}", client.run(question).rows())
}
