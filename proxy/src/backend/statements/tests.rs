use std::sync::Arc;

use super::{StatementContext, StatementKey, StatementText, StatementTexts, Statements};

fn context(schema: &str, variables: &[(&str, &str)]) -> Arc<StatementContext> {
    let variables = variables.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
    Arc::new(StatementContext { schema: schema.as_bytes().into(), variables })
}

fn key(texts: &mut StatementTexts, sql: &str) -> StatementKey {
    StatementKey::new(texts.intern(sql.as_bytes(), &context("s", &[])), 0)
}

/// The ids in COM_STMT_CLOSE packets.
fn closed(statements: &mut Statements) -> Vec<u32> {
    let bytes = statements.take_closing();
    let (packets, []) = bytes.as_chunks::<9>() else { panic!("{bytes:?}") };
    let ids = packets.iter().map(|packet| {
        assert_eq!(packet[..5], [5, 0, 0, 0, 0x19]);
        u32::from_le_bytes(packet[5..].try_into().expect("four bytes"))
    });
    ids.collect()
}

#[test]
fn d3_a_text_is_the_same_in_the_same_context_alone() {
    let (mut here, mut elsewhere) = (StatementTexts::default(), StatementTexts::default());
    let in_mode = |mode: &str| context("s", &[("sql_mode", mode)]);
    let text = here.intern(b"select 1", &in_mode(""));
    assert!(Arc::ptr_eq(&text, &here.intern(b"select 1", &in_mode(""))));
    assert_eq!(text, elsewhere.intern(b"select 1", &in_mode("")));
    for (sql, context) in [
        ("select 2", in_mode("")),
        ("select 1", in_mode("ANSI")),
        ("select 1", context("s", &[])),
        ("select 1", context("t", &[("sql_mode", "")])),
    ] {
        assert_ne!(text, here.intern(sql.as_bytes(), &context), "{sql} {context:?}");
    }
    assert_ne!(StatementKey::new(Arc::clone(&text), 0), StatementKey::new(text, 1));
    let lengthy = StatementText::not_kept(in_mode(""));
    assert_ne!(lengthy, StatementText::not_kept(in_mode("")));
    assert_eq!(lengthy, lengthy);
}

#[test]
fn texts_that_nobody_has_are_taken_out() {
    let mut texts = StatementTexts::default();
    let kept: Vec<_> =
        (0..10).map(|number| texts.intern(format!("kept {number}").as_bytes(), &context("", &[]))).collect();
    for number in 0..100_000 {
        texts.intern(format!("{number}").as_bytes(), &context("", &[]));
        assert!(texts.len() < 100, "{}", texts.len());
    }
    assert!(Arc::ptr_eq(&kept[3], &texts.intern(b"kept 3", &context("", &[]))));
}

#[test]
fn what_is_prepared_anew_closes_what_was_there() {
    let (mut texts, mut statements) = (StatementTexts::default(), Statements::default());
    let one = key(&mut texts, "one");
    statements.insert(one.clone(), 7);
    assert_eq!(statements.use_statement(&one).map(|known| (known.id, known.is_inherited)), Some((7, false)));
    statements.insert(one.clone(), 8);
    assert_eq!((closed(&mut statements), statements.use_statement(&one).map(|known| known.id)), (vec![7], Some(8)));
    assert!(statements.close(&one) && !statements.close(&one));
    assert_eq!(closed(&mut statements), [8]);
    assert!(statements.use_statement(&one).is_none() && statements.is_empty());
}

#[test]
fn a_connection_from_another_worker_has_its_statements() {
    let (mut texts, mut elsewhere) = (StatementTexts::default(), StatementTexts::default());
    let mut statements = Statements::default();
    statements.insert(key(&mut elsewhere, "one"), 7);
    drop(elsewhere);
    let own = key(&mut texts, "one");
    assert_eq!(statements.use_statement(&own).map(|known| known.id), Some(7));
    assert!(statements.of(&own).is_some_and(|known| known.is_known_as(&own)));
}

#[test]
fn who_leaves_takes_what_holds_something_and_what_is_too_much() {
    let (mut texts, mut statements) = (StatementTexts::default(), Statements::default());
    let keys: Vec<_> = (0..6).map(|number| key(&mut texts, &format!("{number}"))).collect();
    (0..6).for_each(|at| statements.insert(keys[at].clone(), at as u32));
    statements.use_statement(&keys[0]);
    statements.use_statement(&keys[4]).expect("known").has_long_data = true;
    assert_eq!(statements.close_others(0), 0, "all are its own");
    assert_eq!(statements.leave_session(3), 2);
    assert_eq!(closed(&mut statements), [4, 1, 2]);
    // The next one has used one of three, and needs one more.
    assert!(statements.use_statement(&keys[3]).expect("known").is_inherited);
    statements.insert(keys[1].clone(), 11);
    assert_eq!(statements.close_others(3), 1);
    assert_eq!(closed(&mut statements), [5]);
    assert_eq!(statements.make_room(), 1);
    assert_eq!((closed(&mut statements), statements.make_room()), (vec![0], 0));
    assert_eq!(statements.leave_session(0), 2);
}
