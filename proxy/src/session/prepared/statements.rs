//! A session's prepared statements, by the client's ids for them.

use std::collections::HashMap;
use std::sync::Arc;

use rolecall_protocol::statement::StatementId;
use rolecall_router::session::SessionState;
use rolecall_router::sql::{Flavour, Statement};
use rolecall_router::topology::ServerId;

use super::STATEMENTS_PER_SESSION;
use super::own::OwnStatement;
use crate::backend::{StatementContext, StatementKey, StatementText, StatementTexts};

/// Bytes of their texts that are kept for one session, so that another server can be given them. Beyond it a statement
/// lives on the primary alone.
const TEXTS_PER_SESSION: usize = 16 << 20;
/// Bytes of attributes' names that are kept with a statement's types.
const NAMES_LIMIT: usize = 4096;
/// MariaDB's name for the statement that was prepared last.
const LAST_PREPARED: u32 = u32::MAX;

/// The proxy chooses the ids: the usual hash, made for keys that an attacker chooses, would cost an execution more than the
/// way through the rest of the proxy's tables.
type ById = HashMap<u32, Prepared, foldhash::fast::RandomState>;

/// A prepared statement, as the client knows it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What it is to connections.
    pub key: StatementKey,
    pub statement: Statement,
    /// The collation that it leaves behind, where it is a SET NAMES … COLLATE, and whether it sets nothing else.
    pub collation: Option<(Box<[u8]>, bool)>,
    pub parameters: u16,
    /// The types that the client bound last.
    pub types: Option<Arc<[u8]>>,
    /// Where parameter data was sent ahead.
    pub long_data: Option<ServerId>,
    /// Parameter data was lost on its way.
    pub long_data_lost: bool,
    /// Where its cursor is open.
    pub cursor: Option<ServerId>,
    /// Where it ran last, or was prepared.
    pub last: Option<ServerId>,
}

/// A session's prepared statements.
#[derive(Debug, Default)]
pub(in crate::session) struct PreparedStatements {
    pub(super) by_id: ById,
    /// Those that no server knows. Few: a list.
    own: Vec<(u32, OwnStatement)>,
    last_id: u32,
    /// What MariaDB's id for the statement that was prepared last means; 0: nothing, since that preparation failed.
    last_made: u32,
    /// Bytes of all texts.
    texts: usize,
    /// Statements whose text is not kept.
    without_text: usize,
    /// The statement that a prepare under way will become.
    pub(super) pending: Option<Prepared>,
    /// Of the statement that was prepared last, and the session's revision then.
    context: Option<(u64, Arc<StatementContext>)>,
}

// === impl Prepared ===

impl Prepared {
    pub(super) const fn new(key: StatementKey, statement: Statement) -> Self {
        Self {
            key,
            statement,
            collation: None,
            parameters: 0,
            types: None,
            long_data: None,
            long_data_lost: false,
            cursor: None,
            last: None,
        }
    }

    /// Its text; None where it was too long to keep, so that it lives on one server only.
    pub(super) fn sql(&self) -> Option<&[u8]> {
        self.key.text().sql()
    }

    /// The client binds these types, if any: most send the same ones each time.
    pub(super) fn bind(&mut self, types: Option<&[u8]>) {
        if let Some(types) = types
            && self.types.as_deref() != Some(types)
            // Where the text is not kept, no other server will ever ask for them.
            && self.sql().is_some()
            // Each parameter is a byte of the text, which is counted; names of attributes are not.
            && types.len() <= 3 * usize::from(self.parameters) + NAMES_LIMIT
        {
            self.types = Some(types.into());
        }
    }

    fn text_length(&self) -> usize {
        self.sql().map_or(0, <[u8]>::len)
    }
}

// === impl PreparedStatements ===

impl PreparedStatements {
    /// The text of a statement.
    pub(in crate::session) fn text(&self, id: u32) -> Option<&[u8]> {
        self.by_id.get(&id)?.sql()
    }

    /// Whether another connection can be given all of them.
    pub(in crate::session) const fn can_move(&self) -> bool {
        self.without_text == 0
    }

    pub(in crate::session) fn clear(&mut self) {
        self.without_text = 0;
        self.by_id.clear();
        self.own.clear();
        self.last_made = 0;
        self.texts = 0;
        self.context = None;
    }

    /// Whether it has as many as a session may have.
    pub(super) fn is_full(&self) -> bool {
        self.by_id.len() + self.own.len() >= STATEMENTS_PER_SESSION
    }

    /// Whether there are any that no server knows.
    pub(super) const fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// One of them.
    pub(super) fn own(&self, id: u32) -> Option<&OwnStatement> {
        self.own.iter().find(|(known, _)| *known == id).map(|(_, own)| own)
    }

    /// The same, to be changed.
    pub(super) fn own_mut(&mut self, id: u32) -> Option<&mut OwnStatement> {
        self.own.iter_mut().find(|(known, _)| *known == id).map(|(_, own)| own)
    }

    pub(super) fn insert_own(&mut self, id: u32, own: OwnStatement) {
        self.texts += own.text_length();
        self.own.push((id, own));
        (self.last_id, self.last_made) = (id, id);
    }

    pub(super) fn remove_own(&mut self, id: u32) {
        if let Some(at) = self.own.iter().position(|(known, _)| *known == id) {
            self.texts -= self.own.swap_remove(at).1.text_length();
        }
    }

    /// Whether a text of this length is kept.
    pub(super) const fn keeps(&self, length: usize) -> bool {
        self.texts + length <= TEXTS_PER_SESSION
    }

    /// What a statement is that the client prepares now.
    pub(super) fn key_of(
        &mut self,
        sql: Option<&[u8]>,
        state: &SessionState,
        texts: &mut StatementTexts,
    ) -> StatementKey {
        let context = match &self.context {
            Some((revision, context)) if *revision == state.revision() => Arc::clone(context),
            _ => Arc::new(StatementContext { schema: state.schema().into(), variables: state.variables().clone() }),
        };
        let text = match sql {
            Some(sql) => texts.intern(sql, &context),
            None => StatementText::not_kept(context),
        };
        // Other sessions' copy of the context, where they have one.
        self.context = Some((state.revision(), Arc::clone(text.context())));
        let ordinal = self.free_ordinal(&text);
        StatementKey::new(text, ordinal)
    }

    /// The first ordinal that none of the statements with this text has.
    fn free_ordinal(&self, text: &Arc<StatementText>) -> u32 {
        let alike = self.by_id.values().filter(|prepared| prepared.key.text() == text);
        let mut taken: Vec<_> = alike.map(|prepared| prepared.key.ordinal()).collect();
        taken.sort_unstable();
        (0..).zip(&taken).find(|(free, taken)| free != *taken).map_or(taken.len() as u32, |(free, _)| free)
    }

    pub(super) fn insert(&mut self, id: u32, prepared: Prepared) {
        self.texts += prepared.text_length();
        self.without_text += usize::from(prepared.sql().is_none());
        self.by_id.insert(id, prepared);
        (self.last_id, self.last_made) = (id, id);
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Prepared> {
        let removed = self.by_id.remove(&id)?;
        self.texts -= removed.text_length();
        self.without_text -= usize::from(removed.sql().is_none());
        Some(removed)
    }

    /// A preparation begins, and until it ends there is no last one: an execution behind one that failed must run nothing else.
    pub(super) const fn begin(&mut self) {
        self.last_made = 0;
    }

    pub(super) const fn resolve(&self, id: StatementId, flavour: Flavour) -> u32 {
        let is_last = id.0 == LAST_PREPARED && matches!(flavour, Flavour::Mariadb) && self.last_made != 0;
        if is_last { self.last_made } else { id.0 }
    }

    /// An id for the next statement.
    pub(super) fn next_id(&self) -> u32 {
        let mut id = match self.last_id.wrapping_add(1) {
            0 | LAST_PREPARED => 1,
            id => id,
        };
        while self.by_id.contains_key(&id) || self.own(id).is_some() {
            id = id.wrapping_add(1).max(1);
        }
        id
    }
}
