//! A worker's own view of what is swapped as a whole: a look costs one comparison instead of a protected load.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

/// The newest value, held by one thread.
#[derive(Debug)]
pub(super) struct Snapshot<T>(RefCell<Cache<Arc<ArcSwap<T>>, Arc<T>>>);

impl<T> Snapshot<T> {
    pub(super) fn new(source: Arc<ArcSwap<T>>) -> Self {
        Self(RefCell::new(Cache::new(source)))
    }

    /// Looks at the newest value. `look` must not look at this snapshot again.
    pub(super) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.with_shared(|value| look(value))
    }

    /// The same, for who keeps the value.
    pub(super) fn with_shared<R>(&self, look: impl FnOnce(&Arc<T>) -> R) -> R {
        look(self.0.borrow_mut().load())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_swapped_is_seen_at_the_next_look() {
        let source = Arc::new(ArcSwap::from_pointee(1));
        let snapshot = Snapshot::new(Arc::clone(&source));
        assert_eq!(snapshot.with(|value| *value), 1);
        source.store(Arc::new(2));
        assert_eq!(snapshot.with(|value| *value), 2);
    }
}
