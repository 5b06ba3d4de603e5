//! Buffers that sessions borrow from their worker while they have something to read.

use std::cell::RefCell;

/// What a buffer starts with.
const SMALL: usize = 16 * 1024;
/// What a buffer grows to while a large result passes.
const LARGE: usize = 128 * 1024;
/// Room for a short reply that is written anew.
const WRITTEN_ROOM: usize = 1024;
/// Idle buffers that a worker keeps, of either kind.
const KEPT: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static WRITTEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes read and not consumed yet, with room behind them. Goes back to its worker on drop.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Borrows a buffer from this thread's store.
    #[must_use]
    pub fn borrow() -> Self {
        Self { bytes: stored(), start: 0, end: 0 }
    }

    /// A buffer that is borrowed when something is read into it: for who may never send anything.
    #[must_use]
    pub const fn later() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0 }
    }

    /// The bytes that were read and not consumed.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The same, to be changed in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Number of bytes that were read and not consumed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Drops `count` bytes from the front.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Overwrites what was consumed: it held a secret.
    pub fn wipe_consumed(&mut self) {
        use zeroize::Zeroize;
        self.bytes[..self.start].zeroize();
        self.bytes[self.end..].zeroize();
    }

    /// Room for reading: at least one byte. Grows to the large size when the small one was filled at once, and beyond
    /// it only by doubling while unconsumed bytes fill it: the caller bounds what it leaves unconsumed.
    pub fn room(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            if self.bytes.is_empty() {
                self.bytes = stored();
            } else if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.bytes.resize((self.bytes.len() * 2).max(SMALL), 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// A large result is passing: fewer, larger reads. Only while nothing is unconsumed.
    pub fn enlarge(&mut self) {
        if self.is_empty() && self.bytes.len() < LARGE {
            self.bytes.resize(LARGE, 0);
        }
    }

    /// Whether the last read filled all the room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// `count` bytes were read into [`Self::room`].
    pub fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Moves what stands behind the first `keep` bytes to the end of `other`.
    pub fn move_tail(&mut self, keep: usize, other: &mut Self) {
        let at = (self.start + keep).min(self.end);
        other.extend(&self.bytes[at..self.end]);
        self.end = at;
    }

    /// Appends bytes that came from elsewhere (TLS, compression).
    pub fn extend(&mut self, bytes: &[u8]) {
        let needed = self.end + bytes.len();
        if needed > self.bytes.len() {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
        self.bytes[self.end..needed].copy_from_slice(bytes);
        self.end = needed;
    }
}

/// Bytes that are written anew, as few are: room for them is borrowed from the thread's store with the first one.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

impl Scratch {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What was written.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.0
    }

    /// To be written to.
    pub fn out(&mut self) -> &mut Vec<u8> {
        if self.0.capacity() == 0 {
            self.0 = WRITTEN.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(WRITTEN_ROOM));
        }
        &mut self.0
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !(1..=SMALL).contains(&self.0.capacity()) {
            return;
        }
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        // The thread's store may be gone while the thread ends.
        let _ = WRITTEN.try_with(|written| {
            let mut written = written.borrow_mut();
            if written.len() < KEPT {
                written.push(bytes);
            }
        });
    }
}

fn stored() -> Vec<u8> {
    FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; SMALL])
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() || bytes.len() > LARGE {
            return;
        }
        // The thread's store may be gone while the thread ends.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                if bytes.len() > SMALL {
                    bytes.truncate(SMALL);
                    bytes.shrink_to_fit();
                }
                free.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_consumed_can_be_wiped_and_the_rest_stays() {
        let mut buffer = Buffer::borrow();
        buffer.extend(b"secret, and more");
        buffer.consume(8);
        buffer.wipe_consumed();
        assert_eq!(buffer.filled(), b"and more");
        assert!(!buffer.bytes.windows(6).any(|window| window == b"secret"));
        buffer.consume(8);
        buffer.wipe_consumed();
        assert!(buffer.bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_was_written_for_one_is_not_there_for_the_next() {
        let mut first = Scratch::new();
        first.out().extend_from_slice(b"of the first");
        let at = first.filled().as_ptr();
        drop(first);
        let mut second = Scratch::new();
        assert!(second.filled().is_empty() && second.out().is_empty());
        assert_eq!(second.out().as_ptr(), at, "its room is used again");
    }

    #[test]
    fn unconsumed_bytes_stay_in_front_of_new_room() {
        let mut buffer = Buffer::borrow();
        let room = buffer.room();
        let size = room.len();
        room[..3].copy_from_slice(b"abc");
        buffer.advance(size);
        buffer.consume(size - 2);
        assert!(!buffer.room().is_empty());
        assert_eq!(buffer.len(), 2);
    }
}
