//! Character sets as far as framing and tokenising need them.
