//! The cases of the wire protocol, each straight at a server and through the proxy; the packets must be the same.

#[macro_use]
#[path = "wire/script.rs"]
mod script;

#[path = "wire/administration.rs"]
mod administration;
#[path = "wire/binary.rs"]
mod binary;
#[path = "wire/change_user.rs"]
mod change_user;
#[path = "wire/clients.rs"]
mod clients;
#[path = "wire/collations.rs"]
mod collations;
#[path = "wire/commands.rs"]
mod commands;
#[path = "wire/compression.rs"]
mod compression;
#[path = "wire/cursors.rs"]
mod cursors;
#[path = "wire/executions.rs"]
mod executions;
#[path = "wire/framing.rs"]
mod framing;
#[path = "wire/greeting.rs"]
mod greeting;
#[path = "wire/local_infile.rs"]
mod local_infile;
#[path = "wire/login.rs"]
mod login;
#[path = "wire/losses.rs"]
mod losses;
#[path = "wire/metadata.rs"]
mod metadata;
#[path = "wire/parameters.rs"]
mod parameters;
#[path = "wire/progress.rs"]
mod progress;
#[path = "wire/reads.rs"]
mod reads;
#[path = "wire/refusals.rs"]
mod refusals;
#[path = "wire/results.rs"]
mod results;
#[path = "wire/resumption.rs"]
mod resumption;
#[path = "wire/sessions.rs"]
mod sessions;
#[path = "wire/sockets.rs"]
mod sockets;
#[path = "wire/tokens.rs"]
mod tokens;
#[path = "wire/transactions.rs"]
mod transactions;
