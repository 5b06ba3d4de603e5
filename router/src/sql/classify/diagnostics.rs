//! GET DIAGNOSTICS: which user variables it sets, and to what.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::{Kind, Token};

/// One GET DIAGNOSTICS into user variables.
pub(super) struct Diagnostics<'a> {
    /// The number behind CONDITION, or the variable that holds it.
    pub condition: Option<Token<'a>>,
    /// Variables and the names of what they are set to.
    pub items: Vec<(Token<'a>, Token<'a>)>,
}

/// Reads it from its GET on; None for anything else.
pub(super) fn read_diagnostics<'a>(reader: &mut Reader<'a>) -> Option<Diagnostics<'a>> {
    if !reader.take(K::Get) {
        return None;
    }
    reader.take(K::Current);
    if !reader.take(K::Diagnostics) {
        return None;
    }
    let mut condition = None;
    if reader.peek().text.eq_ignore_ascii_case(b"CONDITION") {
        reader.next();
        condition = Some(reader.next());
        if !matches!(condition?.kind, Kind::Number | Kind::UserVariable) {
            return None;
        }
    }
    let mut items = Vec::new();
    loop {
        let variable = reader.next();
        let assigns = variable.kind == Kind::UserVariable && reader.take_punctuation(b'=');
        let item = reader.next();
        if !assigns || !matches!(item.kind, Kind::Word(_)) {
            return None;
        }
        items.push((variable, item));
        if !reader.take_punctuation(b',') {
            return Some(Diagnostics { condition, items });
        }
    }
}
