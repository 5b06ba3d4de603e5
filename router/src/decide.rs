//! The one entry point of routing: `decide`.
