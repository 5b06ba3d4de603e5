//! A worker: one thread, one current-thread runtime, its own sessions. Nothing of a session ever leaves it.

mod serve;
mod snapshot;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use arc_swap::Guard;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::consistency::Board;
use rolecall_router::sql::{ClientCharset, Lexing, SqlMode, Statement, Verdicts};
use rolecall_router::topology::{ServerId, Topology};
use tokio::sync::watch;

use crate::backend::{Identity, StatementTexts};
use crate::metrics::WorkerMetrics;
use crate::pool::Pool;
use crate::shared::{Settings, Shared};

use snapshot::Snapshot;

pub use serve::{Assignment, WorkerHandle, spawn};

/// The shortest time, in nanoseconds, between two things that a worker's sessions tell the board of positions.
const TELLING_PAUSE: u64 = 1_000_000;

/// What a worker's sessions share.
#[derive(Debug)]
pub struct Worker {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// What this worker counts.
    pub metrics: Arc<WorkerMetrics>,
    settings: Snapshot<Settings>,
    topology: Snapshot<Topology>,
    catalogue: Snapshot<Catalogue>,
    verdicts: RefCell<Verdicts>,
    board: Snapshot<Board>,
    rotation: Cell<u32>,
    /// Where a session of this worker has waited last in vain. Servers are few: a list.
    late: RefCell<Vec<ServerId>>,
    /// When one of its sessions has last told the board of positions what it waited for.
    told_positions_at: Cell<u64>,
    /// Server connections that its sessions share.
    pub pool: Pool,
    /// The texts of its sessions' prepared statements.
    pub statement_texts: RefCell<StatementTexts>,
    /// Each KILL under way holds a receiver.
    kills: watch::Sender<()>,
}

impl Worker {
    /// A worker over the shared parts.
    #[must_use]
    pub fn new(shared: Arc<Shared>, metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            settings: Snapshot::new(Arc::clone(&shared.settings)),
            topology: Snapshot::new(shared.topology.snapshots()),
            catalogue: Snapshot::new(Arc::clone(&shared.catalogue)),
            board: Snapshot::new(shared.topology.positions().board()),
            verdicts: RefCell::new(Verdicts::new(shared.catalogue.load_full())),
            shared,
            metrics,
            rotation: Cell::new(0),
            late: RefCell::default(),
            told_positions_at: Cell::new(0),
            pool: Pool::default(),
            statement_texts: RefCell::default(),
            kills: watch::Sender::default(),
        }
    }

    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> Guard<Arc<Settings>> {
        self.shared.settings.load()
    }

    /// The current settings, for what every statement asks. `look` must not ask for them again.
    pub fn with_settings<R>(&self, look: impl FnOnce(&Settings) -> R) -> R {
        self.settings.with(look)
    }

    /// What is believed about the servers now, likewise.
    pub fn with_topology<R>(&self, look: impl FnOnce(&Topology) -> R) -> R {
        self.topology.with(look)
    }

    /// How far the servers are, likewise.
    pub fn with_board<R>(&self, look: impl FnOnce(&Board) -> R) -> R {
        self.board.with(look)
    }

    /// What a statement's text does, by what is known now of stored routines and views.
    #[must_use]
    pub fn classify(&self, sql: &[u8], lexing: &Lexing) -> Statement {
        self.catalogue.with_shared(|catalogue| self.verdicts.borrow_mut().classify(sql, lexing, catalogue))
    }

    /// A number that changes from call to call, for the balance.
    #[must_use]
    pub fn rotation(&self) -> u32 {
        let rotation = self.rotation.get();
        self.rotation.set(rotation.wrapping_add(1));
        rotation
    }

    /// Whether the last wait at this server was in vain.
    #[must_use]
    pub fn is_late(&self, server: ServerId) -> bool {
        self.late.borrow().contains(&server)
    }

    /// How the last wait at this server has ended.
    pub fn note_late(&self, server: ServerId, is_late: bool) {
        let mut late = self.late.borrow_mut();
        late.retain(|known| *known != server);
        if is_late {
            late.push(server);
        }
    }

    /// Whether a session that has waited tells the board of positions, which counts as done: only some do, since each change of it
    /// is a copy of all of it, and probes tell of every server besides.
    #[must_use]
    pub fn takes_turn_to_tell(&self, now: u64) -> bool {
        let is_its_turn = now.saturating_sub(self.told_positions_at.get()) >= TELLING_PAUSE;
        if is_its_turn {
            self.told_positions_at.set(now);
        }
        is_its_turn
    }

    /// Keeps [`Self::kills_over`] waiting as long as it lives.
    #[must_use]
    pub fn count_kill(&self) -> watch::Receiver<()> {
        self.kills.subscribe()
    }

    /// Waits for the end of the KILLs that sessions which are gone have left behind.
    pub async fn kills_over(&self) {
        self.kills.closed().await;
    }

    /// How a fresh session of this identity is lexed.
    #[must_use]
    pub fn baseline_lexing(&self, identity: &Identity) -> Lexing {
        let topology = self.shared.topology.load();
        let Some(offer) = &topology.offer else {
            return Lexing { charset: ClientCharset::Unknown, ..Lexing::default() };
        };
        Lexing {
            mode: SqlMode::from_value(&offer.sql_mode),
            charset: ClientCharset::from_collation(identity.collation, offer.flavour),
            flavour: offer.flavour,
            version: offer.version,
        }
    }
}
