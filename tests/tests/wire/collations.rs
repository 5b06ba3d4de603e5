//! C7: collations whose ids a handshake has no room for.

use rolecall_tests::raw::LoginOptions;
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
}
