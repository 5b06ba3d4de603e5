//! Causal tokens: what one session has seen, another one sees.

use rolecall_protocol::Capabilities;
use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Client, Parameter, Part};

use crate::field::Field;

on_every_server! {
    /// F2: from session to session, through another proxy, and to one that was started later.
    fn a_token_carries_what_was_written(stage) {
        let field = Field::new(stage, "cons_token");
        let other = field.another_proxy("");
        let mut writer = field.session();
        assert_eq!(writer.run("select @@rolecall_causal_token").value(), "rc1:");
        let held = field.hold_all_back();
        writer.run("insert into t values (10, 1)");
        let token = writer.run("select @@rolecall_causal_token").value();
        assert!(token.starts_with("rc1:") && token.len() > 6, "{token}");
        let later = field.another_proxy("");
        for (front, mut reader) in
            [("same", field.session()), ("other", other.login(&field.options)), ("later", later.login(&field.options))]
        {
            assert_eq!(reader.run("select count(*) from t where id = 10").value(), "0", "{front}");
            reader.run(&format!("set rolecall_causal_token = '{token}'"));
            assert_eq!(reader.run("select count(*) from t where id = 10").value(), "1", "{front}");
        }
        drop(held);
    }

    /// Drivers that prepare all that they run: no server knows the proxy's variables.
    fn a_token_is_read_and_brought_by_prepared_statements(stage) {
        let mut field = Field::new(stage, "cons_prepared_token");
        for capabilities in [Capabilities::empty(), Capabilities::DEPRECATE_EOF, Capabilities::OPTIONAL_RESULTSET_METADATA] {
            field.options = field.options.clone().with(capabilities);
            let (mut writer, mut reader) = (field.session(), field.session());
            writer.run("delete from t where id = 10");
            stage.set.wait_until_replicated();
            let held = field.hold_all_back();
            let ask = writer.prepare("select @@rolecall_causal_token as token");
            assert_eq!((ask.parameters, ask.columns), (0, 1));
            writer.run("insert into t values (10, 1)");
            let told = writer.execute(ask.id, &[]).expect_ok("the token");
            assert_eq!(told.count(Part::Row), 1);
            let token = told.packets.iter().find_map(|packet| {
                let at = packet.payload.windows(4).position(|part| part == b"rc1:")?;
                String::from_utf8(packet.payload[at..].to_vec()).ok()
            });
            let token = token.expect("a token");
            assert_eq!(writer.run("select @@rolecall_causal_token").value(), token);
            // Between others of its own: their ids are apart.
            let read = reader.prepare("select count(*) from t where id = 10");
            let bring = reader.prepare("set rolecall_causal_token = ?");
            let level = reader.prepare("set rolecall_consistency = strong");
            assert_eq!((bring.parameters, bring.columns, level.parameters), (1, 0, 0));
            assert_eq!(reader.execute(bring.id, &[Parameter::text("nonsense")]).code(), 1231);
            assert_eq!(reader.execute(bring.id, &[Parameter::null()]).code(), 1231);
            reader.execute(bring.id, &[Parameter::text(&token)]).expect_ok("the token");
            reader.execute_with(bring.id, 0, &[Parameter::text(&token)], false).expect_ok("types are known");
            assert_eq!(reader.run("select count(*) from t where id = 10").value(), "1");
            assert_eq!(reader.execute(read.id, &[]).expect_ok("others run on").count(Part::Row), 1);
            reader.execute(level.id, &[]).expect_ok("the level");
            assert_eq!(reader.run("select @@rolecall_consistency").value(), "strong");
            // What it does not take, it refuses and forgets.
            reader.send_long_data(bring.id, 0, token.as_bytes());
            assert_eq!(reader.execute(bring.id, &[Parameter::text("")]).code(), 1235);
            assert_eq!(reader.execute_with(bring.id, 0, &[Parameter::null()], false).code(), 1231);
            assert_eq!(reader.fetch(bring.id, 1).code(), 1235);
            reader.reset_statement(bring.id).expect_ok("nothing to reset");
            assert_eq!(reader.run("select @@rolecall_consistency").value(), "strong");
            let ask_too = ask_of(&mut reader);
            reader.execute_with(ask_too, 1, &[], true).expect_ok("no cursor, but all of it");
            reader.run("insert ignore into t values (1, 1)");
            assert_eq!(reader.execute(bring.id, &[Parameter::text("x")]).code(), 1231);
            assert_eq!(reader.run("show warnings").rows()[0][1].as_deref(), Some("1231"));
            reader.close_statement(bring.id);
            assert_eq!(reader.execute(bring.id, &[Parameter::text(&token)]).code(), 1243);
            reader.reset_connection().expect_ok("reset");
            assert_eq!(reader.execute(level.id, &[]).code(), 1243);
            drop(held);
        }
        // What mentions more is the servers' to refuse.
        let mut client = field.session();
        assert_eq!(client.try_prepare("select @@rolecall_causal_token, 1").code(), 1193);
        assert_eq!(client.query("set rolecall_causal_token = ?").code(), 1064);
    }

    /// F2: what was read at a replica, or at the primary, is in the token as well.
    fn a_token_carries_what_was_read(stage) {
        let field = Field::new(stage, "cons_read_token");
        let mut root = stage.set.primary.root();
        root.init_db("cons_read_token").expect_ok("schema");
        let held = field.hold_back(1);
        root.run("insert into t values (10, 1)");
        let mut reader = field.session();
        assert_eq!(reader.run("/* rolecall: strong */ select count(*) from t where id = 10").value(), "1");
        let token = reader.run("select @@rolecall_causal_token").value();
        let mut follower = field.session();
        follower.run(&format!("set rolecall_causal_token = '{token}'"));
        for _ in 0..10 {
            assert_eq!(follower.run("select count(*) from t where id = 10").value(), "1");
        }
        drop(held);
    }

    /// F2: a token that comes in the middle of a transaction at a replica counts from the transaction's end on.
    fn a_token_that_comes_in_a_read_only_transaction_is_not_lost(stage) {
        let field = Field::new(stage, "cons_late_token");
        let (mut writer, mut reader) = (field.session(), field.session());
        let held = field.hold_all_back();
        writer.run("insert into t values (10, 1)");
        let token = writer.run("select @@rolecall_causal_token").value();
        let count = "select count(*) from t where id = 10";
        reader.run("start transaction read only");
        assert_eq!(reader.run(count).value(), "0");
        reader.run(&format!("set rolecall_causal_token = '{token}'"));
        assert_eq!(reader.run(count).value(), "0", "the transaction's snapshot");
        reader.run("commit");
        assert_eq!(reader.run(count).value(), "1");
        drop(held);
    }

    /// A token of transactions that never were costs its own session time, and nobody else anything.
    fn a_made_up_token_does_no_harm(stage) {
        let field = Field::new(stage, "cons_fake");
        let token = if field.flavour().is_mariadb() {
            "rc1:7-7-700000000"
        } else {
            "rc1:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-700000000"
        };
        let mut client = field.session();
        client.run(&format!("set rolecall_causal_token = '{token}'"));
        assert_eq!(client.run("select a from t where id = 1").value(), "1");
        client.run("insert into t values (10, 1)");
        assert_eq!(client.run("select a from t where id = 10").value(), "1");
    }
}

fn ask_of(client: &mut Client) -> u32 {
    client.prepare("select @@session.rolecall_causal_token").id
}

#[test]
fn a_token_comes_as_a_query_attribute() {
    let stage = rolecall_tests::Stage::mysql();
    let mut field = Field::new(&stage, "cons_token_attribute");
    field.options = field.options.clone().with(Capabilities::QUERY_ATTRIBUTES);
    let (mut writer, mut reader) = (field.session(), field.session());
    let held = field.hold_all_back();
    writer.run("insert into t values (10, 1)");
    let token = writer.run("select @@rolecall_causal_token").value();
    let count = "select count(*) from t where id = 10";
    assert_eq!(reader.run(count).value(), "0");
    let attribute = [("rolecall_causal_token", Parameter::text(&token))];
    assert_eq!(reader.query_with_attributes(count, &attribute).value(), "1");
    let wrong = [("rolecall_causal_token", Parameter::text("nonsense"))];
    assert_eq!(reader.query_with_attributes(count, &wrong).code(), 1231);
    let mut another = field.session();
    let read = another.prepare(count).id;
    let reply = another.execute_with_attributes(read, &[], &attribute).expect_ok("execute");
    assert_eq!(reply.count(Part::Row), 1);
    // The proxy's own answers take it, too.
    let mut fourth = field.session();
    let ask = ask_of(&mut fourth);
    fourth.execute_with_attributes(ask, &[], &attribute).expect_ok("execute");
    assert_eq!(fourth.run(count).value(), "1");
    drop(held);
    // Q16: what is asked for the token's sake must not come between a statement and the question about it.
    let mut third = field.session();
    third.run("update t set a = a + 1 where id in (1, 2)");
    assert_eq!(third.query_with_attributes("select row_count()", &attribute).value(), "2");
}
