//! The prepared statements that a server has on one connection.

use std::collections::HashMap;
use std::sync::Arc;

use rolecall_protocol::command;
use rolecall_protocol::packet::{SequenceId, put_packet};

use super::text::{Precomputed, StatementKey};

/// A prepared statement on one connection.
#[derive(Debug)]
pub struct BackendStatement {
    key: StatementKey,
    /// The server's id for it.
    pub id: u32,
    /// The parameters' types that the server was told last; None: none yet.
    pub types: Option<Arc<[u8]>>,
    /// The execution that brought these was refused: the server may not have taken them.
    pub is_doubtful: bool,
    /// The server has been told others before.
    pub is_mixed: bool,
    /// Another session has executed it, and the one that has the connection now has not.
    pub is_inherited: bool,
    /// It may have long data, which is nobody else's.
    pub has_long_data: bool,
    /// It was executed with a cursor. MySQL (9.7, measured) answers the next execution without one by a reply that has no
    /// proper end.
    pub had_cursor: bool,
    used: u64,
}

/// The prepared statements that a server has on one connection: those of the session that has it now, and what earlier ones
/// left there.
#[derive(Debug, Default)]
pub struct Statements {
    known: HashMap<u64, BackendStatement, Precomputed>,
    /// Counts executions.
    clock: u64,
    /// The clock when the session that has the connection now got it: what was used before then, others have used.
    mine_since: u64,
    /// COM_STMT_CLOSE packets that go in front of the next command.
    closing: Vec<u8>,
    /// The server's id of the statement that the command under way is about; 0: none.
    pub under_way: u32,
}

#[cfg(test)]
impl BackendStatement {
    /// Whether one look tells that it is `key`.
    pub(super) fn is_known_as(&self, key: &StatementKey) -> bool {
        self.key.is_one_with(key)
    }
}

// === impl Statements ===

impl Statements {
    /// Whether the server has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// A statement that is about to be used.
    pub fn use_statement(&mut self, key: &StatementKey) -> Option<&mut BackendStatement> {
        let known = self.known.get_mut(&key.hash())?;
        if !known.key.is_one_with(key) {
            if known.key != *key {
                return None;
            }
            // From another worker: from now on one look will do.
            known.key = key.clone();
        }
        self.clock += 1;
        if known.used <= self.mine_since {
            known.is_inherited = true;
        }
        known.used = self.clock;
        Some(known)
    }

    /// The statement, to note something about it.
    pub fn of(&mut self, key: &StatementKey) -> Option<&mut BackendStatement> {
        self.known.get_mut(&key.hash()).filter(|known| known.key == *key)
    }

    /// The server has prepared a statement. An older one of the same kind is closed.
    pub fn insert(&mut self, key: StatementKey, id: u32) {
        self.clock += 1;
        let made = BackendStatement {
            id,
            types: None,
            is_doubtful: false,
            is_mixed: false,
            is_inherited: false,
            has_long_data: false,
            had_cursor: false,
            used: self.clock,
            key,
        };
        if let Some(older) = self.known.insert(made.key.hash(), made) {
            self.put_close(older.id);
        }
    }

    /// Its session closes a statement; false where the server does not have it.
    pub fn close(&mut self, key: &StatementKey) -> bool {
        let closed = if self.of(key).is_some() { self.known.remove(&key.hash()) } else { None };
        if let Some(closed) = &closed {
            self.put_close(closed.id);
        }
        closed.is_some()
    }

    /// The session gives the connection up: what another one must not find is closed, and what is more than `limit`, those
    /// first that were not used for longest. Gives how many the limit closed.
    pub fn leave_session(&mut self, limit: usize) -> usize {
        let is_private = |known: &&BackendStatement| known.has_long_data || known.had_cursor;
        let private: Vec<_> = self.known.values().filter(is_private).map(|known| known.key.clone()).collect();
        for key in &private {
            self.close(key);
        }
        self.mine_since = self.clock;
        self.close_others(limit)
    }

    /// Closes statements that others have used, until there are no more than `limit` or none of those is left; those first
    /// that were not used for longest. Gives how many.
    pub fn close_others(&mut self, limit: usize) -> usize {
        if self.known.len() <= limit {
            return 0;
        }
        let others = self.known.values().filter(|known| known.used <= self.mine_since);
        let mut others: Vec<_> = others.map(|known| (known.used, known.key.hash())).collect();
        others.sort_unstable();
        others.truncate(self.known.len() - limit);
        for (_, hash) in &others {
            if let Some(closed) = self.known.remove(hash) {
                self.put_close(closed.id);
            }
        }
        others.len()
    }

    /// Closes half of the statements that others have used, and at least one where there is any: the server has no room for
    /// more. Gives how many.
    pub fn make_room(&mut self) -> usize {
        let others = self.known.values().filter(|known| known.used <= self.mine_since).count();
        self.close_others(self.known.len() - others.div_ceil(2))
    }

    /// The server has none any more.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// Whether packets wait for [`Self::take_closing`].
    #[must_use]
    pub const fn has_closing(&self) -> bool {
        !self.closing.is_empty()
    }

    /// What goes in front of the next command. Servers do not answer it.
    #[must_use]
    pub fn take_closing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.closing)
    }

    fn put_close(&mut self, id: u32) {
        put_packet(&mut self.closing, &mut SequenceId(0), &command::stmt_close(id));
    }
}
