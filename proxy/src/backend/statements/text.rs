//! What a prepared statement is, whoever prepared it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use rolecall_router::session::Variables;

/// What a statement's text means something in (trap D3).
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct StatementContext {
    /// The default schema; empty: none.
    pub schema: Box<[u8]>,
    /// All that the session had changed: sql_mode, character sets, time zone …
    pub variables: Variables,
}

/// A text in its context. One copy of it serves all sessions of a worker that have prepared it.
#[derive(Debug)]
pub struct StatementText {
    hash: u64,
    /// None where it was too long to keep: then it is like no other.
    sql: Option<Box<[u8]>>,
    context: Arc<StatementContext>,
}

/// A statement of one session, as connections know it. Other sessions have the same ones.
#[derive(Debug, Clone)]
pub struct StatementKey {
    hash: u64,
    text: Arc<StatementText>,
    /// Which of the session's statements with this text it is: none of them shares the server's with another, so that the
    /// cursor or the long data of one never is the other's.
    ordinal: u32,
}

/// The texts of one worker's sessions and connections, each once.
#[derive(Debug, Default)]
pub struct StatementTexts {
    /// Of two texts with one hash, the younger: the older is kept twice, which is all that comes of it.
    by_hash: HashMap<u64, Weak<StatementText>, Precomputed>,
    /// Those that nobody has any more are taken out when there are this many.
    sweep_at: usize,
}

/// For keys that are hashes already.
pub type Precomputed = BuildHasherDefault<AsItIs>;

/// Hashes a hash.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

// === impl StatementText ===

impl StatementText {
    /// One that is too long to keep.
    #[must_use]
    pub fn not_kept(context: Arc<StatementContext>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let hash = HASHES.hash_one(NEXT.fetch_add(1, Ordering::Relaxed));
        Arc::new(Self { hash, sql: None, context })
    }

    /// The text, where it is kept.
    #[must_use]
    pub fn sql(&self) -> Option<&[u8]> {
        self.sql.as_deref()
    }

    /// What it means something in.
    #[must_use]
    pub const fn context(&self) -> &Arc<StatementContext> {
        &self.context
    }

    fn is(&self, sql: &[u8], context: &Arc<StatementContext>) -> bool {
        self.sql() == Some(sql) && (Arc::ptr_eq(&self.context, context) || self.context == *context)
    }
}

impl PartialEq for StatementText {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.hash == other.hash && self.sql().is_some_and(|sql| other.is(sql, &self.context)))
    }
}

// === impl StatementKey ===

impl StatementKey {
    /// The `ordinal`-th statement of a session with this text, from 0.
    #[must_use]
    pub fn new(text: Arc<StatementText>, ordinal: u32) -> Self {
        // An odd factor: no two ordinals come to the same.
        let hash = text.hash ^ u64::from(ordinal).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { hash, text, ordinal }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &Arc<StatementText> {
        &self.text
    }

    /// Which of its session's statements with this text it is.
    #[must_use]
    pub const fn ordinal(&self) -> u32 {
        self.ordinal
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether both have the very same copy of the text.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal && Arc::ptr_eq(&self.text, &other.text)
    }
}

impl PartialEq for StatementKey {
    fn eq(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal && self.text == other.text
    }
}

// === impl StatementTexts ===

impl StatementTexts {
    /// The one copy of a text in its context.
    pub fn intern(&mut self, sql: &[u8], context: &Arc<StatementContext>) -> Arc<StatementText> {
        let hash = HASHES.hash_one((sql, &**context));
        if let Some(known) = self.by_hash.get(&hash).and_then(Weak::upgrade)
            && known.is(sql, context)
        {
            return known;
        }
        if self.by_hash.len() >= self.sweep_at {
            self.by_hash.retain(|_, text| text.strong_count() > 0);
            self.sweep_at = (self.by_hash.len() * 2).max(SWEEP_AT_LEAST);
        }
        let text = Arc::new(StatementText { hash, sql: Some(sql.into()), context: Arc::clone(context) });
        self.by_hash.insert(hash, Arc::downgrade(&text));
        text
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }
}

// === impl AsItIs ===

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are numbers of 64 bits; anything else would still be hashed, badly.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Clients choose the texts: by a key that they do not know, none can be made that hash alike. One for all workers, since
/// connections move between them.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);
/// Fewer dead texts than this are not worth a look.
const SWEEP_AT_LEAST: usize = 64;
