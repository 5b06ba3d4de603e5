//! Group C: temporary tables and named locks stay with their session.

use std::time::Instant;

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::Parameter;
use rolecall_tests::{Run, on_every_server};

use crate::rival::Narrow;

const ROWS: &[&str] = &["create table t (id int primary key, a int)", "insert into t values (1, 10), (2, 20), (3, 30)"];

on_every_server! {
    fn c13_temporary_tables_are_there_however_they_were_made(stage) {
        let narrow = Narrow::new(stage);
        let setup = [
            ROWS,
            &["create procedure makes() create temporary table x as select 7 as a", "create procedure makes_and_fails() begin create temporary table x (a int); insert into x values (8); signal sqlstate '45000'; end"],
        ].concat();
        const READ: &str = "select * from x";
        let mut cases: Vec<&[&str]> = vec![
            &["create temporary table x (a int)", READ, "insert into x values (1)", READ, "select a from t where id = 1", READ, "drop table x", READ],
            &["create temporary table if not exists x select 5 as a", READ, "create temporary table if not exists x select 6 as a", READ],
            &["create  temporary\ttable x (a int)", READ],
            &["CREATE /*c*/ TEMPORARY TABLE x (a int)", READ],
            &["/* c */ create -- x\n temporary table x (a int)", READ],
            &["create temporary table x like t", READ, "alter table x rename to y", "select * from y", READ],
            &["create temporary table `x` (a int) engine = memory", "insert into x values (3)", READ],
            &["call makes()", READ],
            &["call makes_and_fails()", READ],
            &["select 1; create temporary table x (a int); insert into x values (4)", READ],
            &["prepare p from 'create temporary table x (a int)'", "execute p", READ],
            // It hides the real one, until it goes.
            &["select count(*) from t", "create temporary table t (a int)", "select count(*) from t", "insert into t values (5)", "select a from t", "drop temporary table t", "select count(*) from t"],
            &["begin", "create temporary table x (a int)", "insert into x values (1)", "rollback", READ],
            &["/*!50000 create temporary table x (a int) */", READ],
            &["create temporary table x (a int)", "drop table x, nothing_like_this", READ],
            &["create temporary table x (a int)", "create temporary table y (a int)", "drop table x", "select * from y", "truncate table y", "select * from y"],
        ];
        if stage.flavour().is_mariadb() {
            const MORE: [&[&str]; 2] = [&["create or replace temporary table x (a int)", READ, "create or replace temporary table x select 9 as a", READ], &["create temporary sequence s", "select nextval(s)", "select lastval(s)"]];
            cases.extend(MORE);
        }
        let tally = narrow.follow_in(narrow.trial("trap_c13").setup(&setup).with(Capabilities::MULTI_STATEMENTS), &cases);
        assert!(tally.kept > 0, "{tally:?}");
    }

    /// By prepared statements of the protocol as well, and those that were prepared when the table was another one.
    fn c13_prepared_statements_find_temporary_tables(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c13_ps").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let before = run.prepare("select count(*) from t where id > ?").id;
            let reply = run.execute(before, &[Parameter::integer(0)]);
            rival.interfere(&run.client, &reply);
            let make = run.prepare("create temporary table t (id int)").id;
            let reply = run.execute(make, &[]);
            rival.interfere(&run.client, &reply);
            let after = run.prepare("select count(*) from t where id >= ?").id;
            for id in [before, after] {
                let reply = run.execute(id, &[Parameter::integer(0)]);
                rival.interfere(&run.client, &reply);
            }
            rival.after(&mut run.client, "drop temporary table t");
            for id in [before, after] {
                let reply = run.execute(id, &[Parameter::integer(0)]);
                rival.interfere(&run.client, &reply);
            }
        });
    }

    /// However the holder goes.
    fn c19_a_lock_is_free_as_soon_as_its_holder_is_gone(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c19").setup(ROWS).run_proxied(|run: &mut Run| {
            let mut waiting = stage.set.primary.root();
            for take in ["select get_lock('trap_c19', 0)", "do get_lock('trap_c19', 0), get_lock('trap_c19', 0)", "set @x = get_lock('trap_c19', 0)", "insert into t values (9, get_lock('trap_c19', 0))"] {
                for quits in [true, false] {
                    let mut holder = run.another();
                    for sql in ["select a from t where id = 1", take, "select a from t where id = 1"] {
                        holder.run(sql);
                    }
                    assert_eq!(waiting.run("select get_lock('trap_c19', 0)").value(), "0", "{take}");
                    if quits { holder.quit() } else { drop(holder) }
                    let gone = Instant::now();
                    assert_eq!(waiting.run("select get_lock('trap_c19', 10)").value(), "1", "{take}");
                    assert!(gone.elapsed().as_secs() < 3, "{take}: free after {:?}", gone.elapsed());
                    waiting.run("do release_lock('trap_c19')");
                    run.run("delete from t where id = 9");
                }
            }
        });
    }
}
