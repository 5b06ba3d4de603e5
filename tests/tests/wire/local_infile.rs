//! LOAD DATA LOCAL INFILE: Q14, E7.

use rolecall_protocol::Capabilities;
use rolecall_tests::{Trial, on_every_server};

const LOAD: &str = "load data local infile '/nowhere/at all' into table t";

fn trial(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str) -> Trial {
    let setup = [
        "create table t (a varchar(20))",
        "create table refuses (a int)",
        "create trigger refuses before insert on refuses for each row begin if new.a = 3 then signal sqlstate '45000' set message_text = 'no 3'; end if; end",
    ];
    Trial::new(stage, name).setup(&setup).with(Capabilities::LOCAL_FILES | Capabilities::MULTI_STATEMENTS)
}

on_every_server! {
    fn q14_files_of_several_sizes(stage) {
        trial(stage, "q14").run(|run| {
            let files: [Vec<Vec<u8>>; 5] = [
                vec![], vec![b"1\n2\n".to_vec()], vec![b"a\n".to_vec(), b"b\nc".to_vec(), b"c\n".to_vec(), b"d".to_vec()], vec![vec![b'\n'; 1000]], vec![b"no end".to_vec()],
            ];
            for file in files {
                run.local_file = file;
                run.run(LOAD);
                run.run("select count(*), min(a), max(a) from t");
                run.run("truncate table t");
            }
            run.ping();
        });
    }

    fn q14_a_part_of_exactly_a_packet(stage) {
        trial(stage, "q14_large").run(|run| {
            let mut line = vec![b'x'; 15];
            line.push(b'\n');
            let file = line.repeat(1 << 20);
            // 16 MiB in packets of 0xFFFFFF bytes, whose trailers are not the end of the file.
            run.local_file = vec![file[..0xFF_FFFF].to_vec(), file[0xFF_FFFF..].to_vec(), line.clone()];
            run.run(LOAD);
            assert_eq!(run.run("select count(*) from t for update").value(), ((1 << 20) + 1).to_string());
        });
    }

    fn q14_the_server_fails_in_the_middle(stage) {
        trial(stage, "q14_fails").run(|run| {
            run.local_file = vec![b"1\n2\n3\n4\n".to_vec(), b"5\n".repeat(20_000), b"6\n".to_vec()];
            assert_ne!(run.query("load data local infile 'x' into table refuses").code(), 0);
            run.run("select count(*) from refuses");
            assert_ne!(run.query("load data local infile 'x' into table nothing").code(), 0);
            run.local_file = vec![b"7\n".to_vec()];
            run.run(LOAD);
            run.run("select * from t");
        });
    }

    fn e7_two_in_one_multi_statement(stage) {
        trial(stage, "e7").run(|run| {
            run.local_file = vec![b"1\n".to_vec()];
            run.run(&format!("{LOAD}; select 1; {LOAD}; select count(*) from t"));
            run.local_file = vec![b"2\n".to_vec()];
            run.run("begin");
            run.run(LOAD);
            run.run("rollback");
            run.run("select * from t");
        });
    }

    fn e7_a_client_that_does_not_ask_gets_no_request(stage) {
        Trial::new(stage, "e7_off").setup(&["create table t (a int)"]).run(|run| {
            assert_ne!(run.query(LOAD).code(), 0);
            run.ping();
        });
    }
}
