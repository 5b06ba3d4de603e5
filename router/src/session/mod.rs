//! What a session is, as far as a fresh connection would have to be told.
