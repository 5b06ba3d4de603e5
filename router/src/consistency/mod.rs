//! Reads that see what their session wrote and read before.

pub mod gtid;
