//! A table of words, built at compile time, that is asked without allocation and without regard to case.

use super::literal::{HASH_SEED, hash};

/// Finds words of a list; `N` is a power of two, at least twice the list's length.
pub(super) struct WordIndex<const N: usize> {
    /// Position in the list, plus one; 0 for none.
    slots: [u16; N],
}

impl<const N: usize> WordIndex<N> {
    /// Indexes the words of `list`, which are ASCII.
    pub(super) const fn new(list: &[&str]) -> Self {
        assert!(N.is_power_of_two() && list.len() * 2 <= N, "the table needs room");
        let mut slots = [0; N];
        let mut position = 0;
        while position < list.len() {
            let mut slot = hash_of(list[position].as_bytes()) as usize & (N - 1);
            while slots[slot] != 0 {
                slot = (slot + 1) & (N - 1);
            }
            position += 1;
            slots[slot] = position as u16;
        }
        Self { slots }
    }

    /// The position in `list` (the one that was indexed) of `word`, whose hash is given.
    pub(super) fn find(&self, list: &[&str], word: &[u8], hash: u32) -> Option<usize> {
        let mut slot = hash as usize & (N - 1);
        loop {
            let position = usize::from(self.slots[slot]).checked_sub(1)?;
            if list[position].as_bytes().eq_ignore_ascii_case(word) {
                return Some(position);
            }
            slot = (slot + 1) & (N - 1);
        }
    }
}

/// The hash of a word, as [`super::literal::word`] finds it.
pub(super) const fn hash_of(word: &[u8]) -> u32 {
    let mut sum = HASH_SEED;
    let mut at = 0;
    while at < word.len() {
        sum = hash(sum, word[at]);
        at += 1;
    }
    sum
}
