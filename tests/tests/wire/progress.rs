//! MariaDB's progress reports: ERR packets in the middle of a reply that are none.
//!
//! <https://mariadb.com/docs/server/reference/clientserver-protocol/4-server-response-packets/err_packet>

use rolecall_protocol::MariadbCapabilities;
use rolecall_protocol::wire::Reader;
use rolecall_tests::Stage;
use rolecall_tests::raw::Client;

/// Runs a statement; the reports that came before its OK.
fn reports(client: &mut Client, sql: &str) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut reports = Vec::new();
    client.send_query(sql);
    loop {
        let packet = client.read_packet().expect("a packet");
        let Some(report) = packet.payload.strip_prefix(&[0xFF, 0xFF, 0xFF]) else {
            assert_eq!(packet.payload.first(), Some(&0), "{:?}", String::from_utf8_lossy(&packet.payload));
            return reports;
        };
        let mut reader = Reader::new(report);
        let _strings = reader.u8("strings").expect("a report");
        let [stage, stages] = [0, 1].map(|_| reader.u8("stage").expect("a report"));
        let done = reader.bytes(3, "progress").expect("a report");
        let done = u32::from_le_bytes([done[0], done[1], done[2], 0]);
        reports.push((stage, stages, done, reader.bytes_lenenc("stage's name").expect("a report").to_vec()));
    }
}

/// Who asked for reports gets them, whoever had its connection before, and who did not gets none.
#[test]
fn progress_reports_reach_who_asked_for_them() {
    let stage = Stage::mariadb();
    let options = stage.account("progress", &["create table filled (a int)"]);
    let mut asking = options.clone();
    asking.mariadb = MariadbCapabilities::PROGRESS;
    // Who says so is no MySQL client.
    asking.capabilities -= rolecall_protocol::Capabilities::LONG_PASSWORD;
    let (mut plain, mut client) = (stage.proxy().login(&options), stage.proxy().login(&asking));
    plain.run("set progress_report_time = 1");
    client.run("set progress_report_time = 1");
    let slow = "alter table filled add b char(128) as (sha2(repeat(a, 400000), 512)) persistent, algorithm = copy";
    // More and more rows, until it takes so long that the server reports.
    let mut rows = 500;
    let found = loop {
        assert!(rows < 1 << 20, "the server never reports");
        plain.run(&format!("insert into filled (a) select seq from seq_1_to_{rows}"));
        let found = reports(&mut client, slow);
        client.run("alter table filled drop b");
        if !found.is_empty() {
            break found;
        }
        rows *= 2;
    };
    for (stage, stages, done, name) in &found {
        assert!(stage <= stages && *done <= 100_000 && !name.is_empty(), "{found:?}");
    }
    assert_eq!(client.run("select count(*) > 0 from filled").value(), "1");
    // As slow for who did not ask.
    assert_eq!(reports(&mut plain, slow), []);
    assert_eq!(plain.run("select count(*) > 0 from filled").value(), "1");
    stage.proxy().expect_no_panic();
}
