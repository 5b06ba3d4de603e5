//! Stored functions and views, read again and again, so that reads which write are known as such.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::sql::{Lexing, SqlMode};
use rolecall_router::topology::{Answer, Rows, Server, Topology, inventory};

use super::handle::TopologyHandle;
use super::probe::ProbeClient;

/// A catalogue that takes longer to read than this is left as it was.
const BOUND: Duration = Duration::from_secs(30);
/// A server that refuses or breaks off is asked again after this time at the earliest.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps `catalogue` up to date for ever: every `interval`, and at once when another server becomes primary.
pub async fn keep<C: ProbeClient>(
    client: C,
    topology: TopologyHandle,
    catalogue: Arc<ArcSwap<Catalogue>>,
    interval: Duration,
) {
    let mut said = BTreeSet::new();
    loop {
        let (server, generation, lexing) = choose(&topology.load());
        let Some(server) = server else {
            topology.newer_than(generation).await;
            continue;
        };
        let read = tokio::time::timeout(BOUND, read(&client, &server, &lexing)).await;
        let pause = match read.unwrap_or_else(|_| Err(format!("not read within {BOUND:?}"))) {
            Ok(new) => {
                if **catalogue.load() != new {
                    catalogue.store(Arc::new(new));
                }
                interval
            }
            Err(error) => {
                // Until it is read, every routine that is not built in goes to the primary: slower, never wrong.
                if said.insert(error.clone()) {
                    tracing::warn!(server = %server.name, error, "stored functions and views cannot be read; reads through them go to the primary");
                }
                interval.min(AGAIN)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = another_primary(&topology, &server) => {}
        }
    }
}

/// The primary has the newest definitions; without one any replica's are better than none.
fn choose(topology: &Topology) -> (Option<Arc<Server>>, u64, Lexing) {
    let server = topology.primary().or_else(|| topology.replicas().next()).cloned();
    let lexing = topology.offer.as_ref().map_or_else(Lexing::default, |offer| Lexing {
        mode: SqlMode::from_value(&offer.sql_mode),
        flavour: offer.flavour,
        version: offer.version,
        ..Lexing::default()
    });
    (server, topology.generation, lexing)
}

async fn another_primary(topology: &TopologyHandle, server: &Arc<Server>) {
    loop {
        let generation = {
            let now = topology.load();
            if now.primary().is_some_and(|primary| primary.id != server.id) {
                return;
            }
            now.generation
        };
        topology.newer_than(generation).await;
    }
}

async fn read<C: ProbeClient>(client: &C, server: &Arc<Server>, lexing: &Lexing) -> Result<Catalogue, String> {
    let (mut connection, _) = client.connect(server).await.map_err(|error| error.to_string())?;
    let functions = ask::<C>(&mut connection, inventory::FUNCTIONS).await?;
    let views = ask::<C>(&mut connection, inventory::VIEWS).await?;
    let triggers = ask::<C>(&mut connection, inventory::TRIGGERS).await?;
    let (functions, views) = (inventory::functions(&functions), inventory::views(&views));
    Ok(Catalogue::build(&functions, &views, &inventory::triggers(&triggers), lexing))
}

async fn ask<C: ProbeClient>(connection: &mut C::Connection, sql: &str) -> Result<Rows, String> {
    match C::query(connection, sql).await.map_err(|error| error.to_string())? {
        Answer::Rows(rows) => Ok(rows),
        Answer::Refused { code, message } => Err(format!("error {code}: {message}")),
    }
}
