//! The levels: by the session's variable, by a hint, by a query attribute.

use rolecall_protocol::Capabilities;
use rolecall_tests::on_every_server;
use rolecall_tests::raw::Parameter;

use crate::field::Field;

on_every_server! {
    fn a_session_chooses_what_it_is_promised(stage) {
        let field = Field::new(stage, "cons_levels");
        let mut client = field.session();
        assert_eq!(client.run("select @@rolecall_consistency").value(), "session");
        let held = field.hold_all_back();
        client.run("set rolecall_consistency = eventual");
        client.run("insert into t values (10, 1)");
        assert_eq!(client.run("select count(*) from t where id = 10").value(), "0", "stale is what was asked for");
        assert_eq!(client.run("/* rolecall: session */ select count(*) from t where id = 10").value(), "1");
        assert_eq!(client.run("/* rolecall: strong */ select count(*) from t where id = 10").value(), "1");
        client.run("set session rolecall_consistency = 'strong'");
        assert_eq!(client.run("select @@session.rolecall_consistency as l").value(), "strong");
        assert_eq!(client.run("select count(*) from t where id = 10").value(), "1");
        assert_eq!(client.run("/* rolecall: eventual */ select count(*) from t where id = 10").value(), "0");
        client.run("set @@rolecall_consistency = default");
        assert_eq!(client.run("select @@rolecall_consistency").value(), "session");
        drop(held);
    }

    /// What others committed before the statement came is seen at `global`, and not asked for at `session`.
    fn global_sees_what_others_wrote(stage) {
        let field = Field::new(stage, "cons_global");
        let (mut writer, mut reader) = (field.session(), field.session());
        let held = field.hold_all_back();
        writer.run("insert into t values (10, 1)");
        assert_eq!(reader.run("select count(*) from t where id = 10").value(), "0");
        assert_eq!(reader.run("/* rolecall: global */ select count(*) from t where id = 10").value(), "1");
        // It has been seen: from now on it is part of what the session must see.
        assert_eq!(reader.run("select count(*) from t where id = 10").value(), "1");
        drop(held);
    }

    fn values_that_mean_nothing_are_refused(stage) {
        let field = Field::new(stage, "cons_wrong");
        let mut client = field.session();
        for sql in ["set rolecall_consistency = often", "set rolecall_causal_token = 'rc9:1-2-3'", "set rolecall_causal_token = 'x'"] {
            let error = client.query(sql).error().expect("an error");
            assert_eq!(error.code, 1231, "{sql}: {error}");
        }
        // Not the proxy's: the server says that it does not know it.
        assert_eq!(client.query("set rolecall_other = 1").code(), 1193);
        assert_eq!(client.query("set rolecall_consistency = strong, autocommit = 1").code(), 1193);
    }

    /// The session that another client gets from a pool has the listener's level.
    fn a_reset_session_begins_anew(stage) {
        let field = Field::new(stage, "cons_reset");
        let mut client = field.session();
        client.run("set rolecall_consistency = strong");
        client.reset_connection().expect_ok("reset");
        assert_eq!(client.run("select @@rolecall_consistency").value(), "session");
    }
}

#[test]
fn query_attributes_choose_the_level() {
    let stage = rolecall_tests::Stage::mysql();
    let mut field = Field::new(&stage, "cons_attribute");
    field.options = field.options.clone().with(Capabilities::QUERY_ATTRIBUTES);
    let mut client = field.session();
    let held = field.hold_all_back();
    client.run("set rolecall_consistency = eventual");
    client.run("insert into t values (10, 1)");
    let count = "select count(*) from t where id = 10";
    assert_eq!(client.query_with_attributes(count, &[("rolecall", Parameter::text("strong"))]).value(), "1");
    assert_eq!(client.query_with_attributes(count, &[("rolecall", Parameter::text("eventual"))]).value(), "0");
    drop(held);
}
