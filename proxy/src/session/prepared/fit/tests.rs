use std::sync::Arc;

use rolecall_protocol::Capabilities;
use rolecall_protocol::command::Command;
use rolecall_router::sql::{Flavour, Statement};

use super::{Fit, fit, fits_at_once};
use crate::backend::{BackendStatement, StatementContext, StatementKey, StatementTexts, Statements};
use crate::session::prepared::statements::Prepared;

const INTEGER: [u8; 2] = [0x08, 0];
const TEXT: [u8; 2] = [0xFD, 0];
const FLAVOURS: [Flavour; 2] = [Flavour::Mysql, Flavour::Mariadb];

/// A statement with one parameter: what the session knows, and what the server has.
struct Case {
    flavour: Flavour,
    own: Prepared,
    statements: Statements,
}

impl Case {
    fn new(flavour: Flavour) -> Self {
        let text = StatementTexts::default().intern(b"select ?", &Arc::<StatementContext>::default());
        let mut own = Prepared::new(StatementKey::new(text, 0), Statement::unknown("a test"));
        own.parameters = 1;
        let mut statements = Statements::default();
        statements.insert(own.key.clone(), 7);
        Self { flavour, own, statements }
    }

    /// Others have executed it with these types, one after the other.
    fn left_by_others(flavour: Flavour, types: &[[u8; 2]]) -> Self {
        let mut case = Self::new(flavour);
        for types in types {
            assert_eq!(case.execute(Some(types)), Fit::AsItIs);
        }
        case.own.types = None;
        case.statements.leave_session(10);
        case
    }

    fn known(&mut self) -> &mut BackendStatement {
        self.statements.use_statement(&self.own.key).expect("a statement that is there")
    }

    fn execute(&mut self, types: Option<&[u8]>) -> Fit {
        self.own.bind(types);
        let payload = execution(types);
        let known = self.statements.use_statement(&self.own.key).expect("a statement that is there");
        let layout = (Capabilities::empty(), self.flavour);
        fit(known, &mut self.own, &payload, Command::StmtExecute, layout).expect("well formed")
    }
}

/// COM_STMT_EXECUTE of statement 7 with a NULL.
fn execution(types: Option<&[u8]>) -> Vec<u8> {
    let bound = [u8::from(types.is_some())];
    [&b"\x17\x07\0\0\0\0\x01\0\0\0\x01"[..], &bound, types.unwrap_or_default()].concat()
}

#[test]
fn d4_types_given_once_hold() {
    for flavour in FLAVOURS {
        let mut case = Case::new(flavour);
        assert!(fits_at_once(case.statements.use_statement(&case.own.key).expect("there"), &case.own));
        assert_eq!(case.execute(Some(&TEXT)), Fit::AsItIs);
        assert_eq!(case.execute(None), Fit::AsItIs);
        assert!(fits_at_once(case.statements.use_statement(&case.own.key).expect("there"), &case.own));
        // Prepared anew: the server knows of none.
        case.statements.insert(case.own.key.clone(), 8);
        assert_eq!(case.execute(None), Fit::WithTypes(execution(Some(&TEXT))));
        assert_eq!(case.execute(None), Fit::AsItIs);
        case.known().is_doubtful = true;
        assert_eq!(case.execute(None), Fit::WithTypes(execution(Some(&TEXT))));
    }
}

#[test]
fn d4_the_same_types_of_another_session_are_as_good() {
    for flavour in FLAVOURS {
        let mut case = Case::left_by_others(flavour, &[TEXT, TEXT]);
        case.own.bind(Some(&TEXT));
        assert!(!fits_at_once(case.statements.use_statement(&case.own.key).expect("there"), &case.own));
        assert_eq!(case.execute(None), Fit::AsItIs);
        assert!(fits_at_once(case.statements.use_statement(&case.own.key).expect("there"), &case.own));
    }
}

#[test]
fn d4_mysql_keeps_what_others_have_bound() {
    for others in [&[INTEGER][..], &[INTEGER, TEXT], &[TEXT, INTEGER]] {
        let mut mysql = Case::left_by_others(Flavour::Mysql, others);
        assert_eq!(mysql.execute(Some(&TEXT)), Fit::Not, "{others:?}");
        let mut mariadb = Case::left_by_others(Flavour::Mariadb, others);
        mariadb.own.bind(Some(&TEXT));
        let is_told = others.last() == Some(&TEXT);
        let expected = if is_told { Fit::AsItIs } else { Fit::WithTypes(execution(Some(&TEXT))) };
        assert_eq!(mariadb.execute(None), expected, "{others:?}");
    }
}

#[test]
fn d4_types_that_only_others_have_bound_are_none() {
    for flavour in FLAVOURS {
        assert_eq!(Case::left_by_others(flavour, &[TEXT]).execute(None), Fit::Not);
        // Where nobody has bound any, the server says so.
        assert_eq!(Case::left_by_others(flavour, &[]).execute(None), Fit::AsItIs);
    }
}

#[test]
fn what_cannot_be_read_is_the_servers_to_refuse() {
    let mut case = Case::left_by_others(Flavour::Mysql, &[INTEGER]);
    let known = case.statements.use_statement(&case.own.key).expect("there");
    let layout = (Capabilities::empty(), Flavour::Mysql);
    assert_eq!(fit(known, &mut case.own, b"\x17\x07\0\0\0\0", Command::StmtExecute, layout), Ok(Fit::AsItIs));
    assert!(known.is_inherited, "it has executed nothing");
}
