//! Random histories of statements on a session whose server connection others take again and again: it must stay what it
//! would be at a server alone. Asked of the servers, never of the proxy.
//!
//! `ROLECALL_TESTS_SEED=17` runs that one history; what fails prints its seed.

#[path = "histories/actor.rs"]
mod actor;
#[path = "histories/field.rs"]
mod field;
#[path = "histories/history.rs"]
mod history;
#[path = "histories/items.rs"]
mod items;
#[path = "histories/left_out.rs"]
mod left_out;
#[path = "histories/property.rs"]
mod property;
#[path = "histories/random.rs"]
mod random;
#[path = "histories/sight.rs"]
mod sight;
