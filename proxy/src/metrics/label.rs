//! Label values as enums: an index into an array on the hot path, a name at the scrape.

use rolecall_router::session::Pins;
use rolecall_router::sql::Verb;

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// All values, in the order of [`Label::index`].
    const ALL: &'static [Self];
    /// Its place in arrays.
    fn index(self) -> usize;
    /// Its text in metrics and logs.
    fn name(self) -> &'static str;
}

macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn index(self) -> usize {
                self as usize
            }
            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

label! {
    /// Who answered a statement.
    Target {
        /// The primary.
        Primary = "primary",
        /// A replica.
        Replica = "replica",
        /// The proxy itself.
        Proxy = "proxy",
    }
}

label! {
    /// Why a connection was closed instead of being handed on.
    Destroyed {
        /// Its session ended in a transaction, or with state that only a connection has.
        NotClean = "not-clean",
        /// It broke, or the server closed it.
        Broken = "broken",
        /// What its last session set could not be taken back.
        NotRestored = "not-restored",
        /// A replica had not executed in time what the read behind a wait had to show, or the read was killed there.
        BehindAWait = "behind-a-wait",
    }
}

label! {
    /// How a statement failed for reasons that are not its own.
    ErrorKind {
        /// No server could take it within the hold timeout; it was not executed.
        NoServer = "no-server",
        /// The server was lost under it, with the transaction or state of its session, or while it only read.
        BackendLost = "backend-lost",
        /// The server was lost under it, and whether it was executed is not known.
        OutcomeUnknown = "outcome-unknown",
    }
}

label! {
    /// What it took to let a read see what its session wrote or read before.
    CatchUp {
        /// A replica had executed it, or did within `routing.catch_up_timeout`.
        Reached = "reached",
        /// No replica had in time: the primary served the read.
        TooLate = "too-late",
        /// The primary was asked for its position first.
        Asked = "asked",
        /// The primary itself does not have what a session has seen: transactions that were lost with another primary,
        /// or a causal token that is not this cluster's.
        MissingAtPrimary = "missing-at-primary",
    }
}

label! {
    /// How a login ended.
    LoginOutcome {
        /// Accepted; a server had accepted it within `login.belief`.
        Believed = "believed",
        /// Accepted; a server was asked.
        Proven = "proven",
        /// Refused.
        Refused = "refused",
        /// Not completed within `limits.handshake_timeout`.
        TimedOut = "timed-out",
        /// The client left, or sent what is no login.
        Aborted = "aborted",
    }
}

label! {
    /// Why a client was turned away before its login.
    RefusedBy {
        /// `limits.max_sessions`.
        MaxSessions = "max-sessions",
        /// `limits.unauthenticated`.
        Unauthenticated = "unauthenticated",
        /// `limits.unauthenticated_per_address`.
        PerAddress = "unauthenticated-per-address",
    }
}

label! {
    /// How a connection attempt to a server ended.
    ConnectOutcome {
        /// Logged in.
        Connected = "connected",
        /// No connection.
        Unreachable = "unreachable",
        /// Not within `backend.connect_timeout`.
        TimedOut = "timed-out",
        /// The server refused the login.
        Refused = "refused",
        /// The server's protocol, TLS or certificate does not do.
        Incompatible = "incompatible",
    }
}

label! {
    /// How a reload of the configuration ended.
    ReloadOutcome {
        /// Applied.
        Applied = "applied",
        /// Nothing had changed.
        Unchanged = "unchanged",
        /// Refused: it has mistakes.
        Invalid = "invalid",
        /// Refused: it changes what needs a restart.
        NeedsRestart = "needs-restart",
    }
}

label! {
    /// Roles in the topology.
    ServerRole {
        /// Receives writes.
        Primary = "primary",
        /// Serves reads.
        Replica = "replica",
        /// Receives nothing.
        Unroutable = "unroutable",
    }
}

/// All verbs, by index; `verb_index` must agree.
const VERBS: [(Verb, &str); 17] = [
    (Verb::Select, "select"),
    (Verb::Show, "show"),
    (Verb::Dml, "dml"),
    (Verb::Do, "do"),
    (Verb::Ddl, "ddl"),
    (Verb::Set, "set"),
    (Verb::Use, "use"),
    (Verb::Begin, "begin"),
    (Verb::Commit, "commit"),
    (Verb::Rollback, "rollback"),
    (Verb::Savepoint, "savepoint"),
    (Verb::Prepared, "prepared"),
    (Verb::Administration, "administration"),
    (Verb::Kill, "kill"),
    (Verb::Empty, "empty"),
    (Verb::Several, "several"),
    (Verb::Unknown, "unknown"),
];

/// What kind of statement: the router's verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbLabel(pub Verb);

impl Label for VerbLabel {
    const ALL: &'static [Self] = &{
        let mut all = [Self(Verb::Unknown); VERBS.len()];
        let mut index = 0;
        while index < VERBS.len() {
            all[index] = Self(VERBS[index].0);
            index += 1;
        }
        all
    };

    fn index(self) -> usize {
        self.0 as usize
    }

    fn name(self) -> &'static str {
        VERBS[self.index()].1
    }
}

/// How many reasons for pins there are.
pub const PINS: usize = 15;

/// The names of pins by bit, as `/sessions` shows them.
#[must_use]
pub fn pin_names() -> [String; PINS] {
    std::array::from_fn(|bit| Pins::from_bits_truncate(1 << bit).names().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_stand_at_their_index() {
        for (index, (verb, _)) in VERBS.iter().enumerate() {
            assert_eq!(*verb as usize, index, "{verb:?}");
        }
    }

    #[test]
    fn every_pin_has_a_counter() {
        assert_eq!(Pins::all().bits().count_ones() as usize, PINS);
        assert!(pin_names().iter().all(|name| !name.is_empty()));
    }
}
