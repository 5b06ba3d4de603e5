//! A table of words, built at compile time, that is asked without allocation and without regard to case.

/// What is kept of a word's beginning: enough to tell most words apart in one comparison.
const PREFIX: usize = 16;

/// What the letters of a word of each length cover.
const MASKS: [u128; PREFIX + 1] = {
    let mut masks = [u128::MAX; PREFIX + 1];
    let mut length = 0;
    while length < PREFIX {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// The first letters of a word without regard to case, zeros behind a shorter one. Only for words of identifier bytes:
/// folding makes others alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded(u128);

impl Folded {
    /// Of the first `length` bytes of `text`.
    #[inline]
    pub(super) fn begin(text: &[u8], length: usize) -> Self {
        let mut letters = [0; PREFIX];
        match text.first_chunk() {
            // The usual case is one load, whatever stands behind the word.
            Some(chunk) => letters = *chunk,
            None => letters[..text.len()].copy_from_slice(text),
        }
        Self::fold(u128::from_le_bytes(letters), length)
    }

    /// Of a whole word.
    const fn of(word: &[u8]) -> Self {
        let mut letters = [0; PREFIX];
        let mut at = 0;
        while at < word.len() && at < PREFIX {
            letters[at] = word[at];
            at += 1;
        }
        Self::fold(u128::from_le_bytes(letters), word.len())
    }

    const fn fold(letters: u128, length: usize) -> Self {
        let mask = MASKS[if length < PREFIX { length } else { PREFIX }];
        Self((letters | u128::from_le_bytes([0x20; PREFIX])) & mask)
    }

    const fn hash(self) -> usize {
        let mixed = (self.0 as u64) ^ ((self.0 >> 64) as u64).rotate_left(31);
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }
}

/// Finds words of a list; `N` is a power of two, at least twice the list's length.
pub(super) struct WordIndex<const N: usize> {
    /// Position in the list, plus one; 0 for none.
    slots: [u16; N],
    words: [Folded; N],
}

impl<const N: usize> WordIndex<N> {
    /// Indexes the words of `list`, which are of identifier bytes.
    pub(super) const fn new(list: &[&str]) -> Self {
        assert!(N.is_power_of_two() && list.len() * 2 <= N, "the table needs room");
        let mut slots = [0; N];
        let mut words = [Folded(0); N];
        let mut position = 0;
        while position < list.len() {
            let word = Folded::of(list[position].as_bytes());
            let mut slot = word.hash() & (N - 1);
            while slots[slot] != 0 {
                slot = (slot + 1) & (N - 1);
            }
            position += 1;
            slots[slot] = position as u16;
            words[slot] = word;
        }
        Self { slots, words }
    }

    /// The position in `list` (the one that was indexed) of `word`, which is of identifier bytes.
    #[inline]
    pub(super) fn find(&self, list: &[&str], word: &[u8], folded: Folded) -> Option<usize> {
        let mut slot = folded.hash() & (N - 1);
        loop {
            let position = usize::from(self.slots[slot]).checked_sub(1)?;
            if self.words[slot] == folded
                && (word.len() < PREFIX || list[position].as_bytes().eq_ignore_ascii_case(word))
            {
                return Some(position);
            }
            slot = (slot + 1) & (N - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 5] = ["SELECT", "SET", "SQL_CALC_FOUND_ROWS", "SQL_CALC_FOUND_R", "A_B"];
    static INDEX: WordIndex<16> = WordIndex::new(&WORDS);

    fn find(word: &str) -> Option<usize> {
        INDEX.find(&WORDS, word.as_bytes(), Folded::begin(word.as_bytes(), word.len()))
    }

    #[test]
    fn words_are_found_in_any_case_and_only_whole() {
        for (position, word) in WORDS.iter().enumerate() {
            assert_eq!(find(word), Some(position), "{word}");
            assert_eq!(find(&word.to_ascii_lowercase()), Some(position), "{word}");
        }
        for other in ["", "S", "SE", "SELECTS", "SQL_CALC_FOUND_ROW", "SQL_CALC_FOUND_ROWS_", "SQL_CALC_FOUND_", "A$B"]
        {
            assert_eq!(find(other), None, "{other}");
        }
    }

    #[test]
    fn what_stands_behind_a_word_does_not_count() {
        let text = b"select*from t where id = 1";
        assert_eq!(Folded::begin(text, 6), Folded::of(b"SELECT"));
    }
}
