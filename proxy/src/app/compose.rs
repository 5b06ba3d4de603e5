//! From the configuration's types to those of the parts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rolecall_protocol::auth::Known;
use rolecall_protocol::compression::Algorithm;
use rolecall_protocol::handshake::ServerKey;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::decide::ReadsOnPrimary;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::admission::{Admission, Limits};
use crate::backend::Connector;
use crate::client::Refusals;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::crypto::OwnKey;
use crate::net::Liveness;
use crate::pool::Gates;
use crate::registry::Sessions;
use crate::shared::{Phase, Settings, Shared};
use crate::tls::ServerTls;
use crate::topology::{Controls, TopologyHandle, TopologyThread};

/// zstd's own default level.
const ZSTD_LEVEL: u8 = 3;

pub(super) fn shared(config: &Config, phase: watch::Receiver<Phase>) -> anyhow::Result<(Arc<Shared>, TopologyThread)> {
    let accounts = Arc::new(Accounts::new(config.login.belief));
    accounts.configure(known_users(config));
    let catalogue = Arc::new(ArcSwap::from_pointee(Catalogue::unknown()));
    let clock = Clock::start().context("starting the clock thread")?;
    let connector = connector(config, clock.clone())?;
    let (handle, publisher) = TopologyHandle::new();
    let topology = TopologyThread::start(
        Controls::new(config, connector.clone()),
        (handle.clone(), publisher),
        Arc::clone(&accounts),
        Arc::clone(&catalogue),
    )
    .context("starting the topology thread")?;
    let shared = Shared {
        clock,
        topology: handle,
        catalogue,
        accounts,
        connector,
        own_key: OwnKey::generate().ok().context("generating an RSA key")?,
        sessions: Arc::new(Sessions::new(random()?)),
        gates: Arc::new(Gates::new(config.pool.max_connections, config.pool.max_connections_per_user)),
        admission: Admission::new(limits(config)),
        refusals: Refusals::default(),
        settings: Arc::new(ArcSwap::from_pointee(settings(config))),
        phase,
    };
    Ok((Arc::new(shared), topology))
}

pub(super) fn settings(config: &Config) -> Settings {
    Settings {
        reads_on_primary: match config.routing.reads_on_primary {
            config::ReadsOnPrimary::WhenNoReplica => ReadsOnPrimary::WhenNoReplica,
            config::ReadsOnPrimary::Never => ReadsOnPrimary::Never,
            config::ReadsOnPrimary::Always => ReadsOnPrimary::Always,
        },
        hold_timeout: config.routing.hold_timeout,
        catch_up_timeout: config.routing.catch_up_timeout,
        wait_timeout: config.pool.wait_timeout,
        max_prepared_statements: config.pool.max_prepared_statements as usize,
        max_lifetime: config.pool.max_lifetime,
        idle_timeout: config.pool.idle_timeout,
        min_idle: config.pool.min_idle.div_ceil(config.workers.get()) as usize,
        shares_by_user: config
            .users
            .iter()
            .filter_map(|user| Some((user.name.clone().into_bytes(), user.pooling? == config::Pooling::Transaction)))
            .collect(),
        statement_buffer: config.limits.statement_buffer,
        max_packet: usize::try_from(config.limits.max_packet).unwrap_or(usize::MAX),
        handshake_timeout: config.limits.handshake_timeout,
        read_timeout: config.limits.read_timeout,
        liveness: liveness(config),
    }
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        unauthenticated: config.limits.unauthenticated as usize,
        per_address: config.limits.unauthenticated_per_address as usize,
        sessions: config.limits.max_sessions as usize,
    }
}

pub(super) fn known_users(config: &Config) -> Vec<(Vec<u8>, Known)> {
    let known = |user: &config::User| Some((user.name.clone().into_bytes(), Known::from(user.secret.as_ref()?)));
    config.users.iter().filter_map(known).collect()
}

fn connector(config: &Config, clock: Clock) -> anyhow::Result<Connector> {
    Ok(Connector {
        clock,
        tls: ServerTls::new(&config.backend.tls)?,
        server_key: match &config.backend.public_key {
            config::PublicKey::Refuse => ServerKey::Refuse,
            config::PublicKey::Pinned(pem) => ServerKey::Pinned(pem.clone()),
            config::PublicKey::Ask => ServerKey::Ask,
        },
        compression: match config.backend.compression {
            config::Compression::None => None,
            config::Compression::Zlib => Some(Algorithm::Zlib),
            config::Compression::Zstd => Some(Algorithm::Zstd(ZSTD_LEVEL)),
        },
        timeout: config.backend.connect_timeout,
        liveness: liveness(config),
        outages: Arc::default(),
    })
}

fn liveness(config: &Config) -> Liveness {
    const OFF: Duration = Duration::from_secs(24 * 60 * 60);
    Liveness {
        keepalive: config.tcp.keepalive.unwrap_or(OFF),
        user_timeout: config.tcp.user_timeout.unwrap_or(Duration::ZERO),
    }
}

fn random() -> anyhow::Result<u32> {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("the operating system has no randomness")?;
    Ok(u32::from_le_bytes(bytes))
}
