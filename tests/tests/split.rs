//! Where statements go, by the servers' own counters: a primary and two replicas behind the proxy.

#[path = "split/counted.rs"]
mod counted;
#[path = "split/hints.rs"]
mod hints;
#[path = "split/policy.rs"]
mod policy;
#[path = "split/prepared.rs"]
mod prepared;
#[path = "split/refused.rs"]
mod refused;
#[path = "split/routines.rs"]
mod routines;
#[path = "split/sessions.rs"]
mod sessions;
#[path = "split/statements.rs"]
mod statements;
#[path = "split/transactions.rs"]
mod transactions;
#[path = "split/zones.rs"]
mod zones;
