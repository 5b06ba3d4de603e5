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
    /// Why something failed: whose fault, and what.
    ErrorKind {
        /// The client went away, or its connection broke.
        ClientLost = "client-lost",
        /// The client sent what the protocol does not allow.
        ClientProtocol = "client-protocol",
        /// The client sent nothing for too long.
        ClientTimeout = "client-timeout",
        /// A server could not be reached or did not complete the login in time.
        BackendUnreachable = "backend-unreachable",
        /// A server refused the login of a session's account.
        BackendRefused = "backend-refused",
        /// A server's connection broke.
        BackendLost = "backend-lost",
        /// A server sent what the protocol does not allow, or lacks what the configuration demands.
        BackendProtocol = "backend-protocol",
        /// No server could take a statement within the hold timeout.
        NoServer = "no-server",
        /// The client got error 08007: whether its statement was executed is not known.
        OutcomeUnknown = "outcome-unknown",
        /// A limit of the configuration was reached.
        Limit = "limit",
        /// The client asked for what the proxy does not do.
        Unsupported = "unsupported",
        /// A fault of the proxy.
        Internal = "internal",
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
        /// No server is known yet, so there is no greeting.
        NoServer = "no-server",
        /// The proxy shuts down.
        Shutdown = "shutdown",
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
    /// A leg and a direction, as seen by the proxy.
    Traffic {
        /// From clients.
        ClientReceived = "client-received",
        /// To clients.
        ClientSent = "client-sent",
        /// From servers.
        BackendReceived = "backend-received",
        /// To servers.
        BackendSent = "backend-sent",
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
    /// How a probe of a server ended.
    ProbeOutcome {
        /// Answered.
        Answered = "answered",
        /// Failed or timed out.
        Failed = "failed",
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
const VERBS: [(Verb, &str); 16] = [
    (Verb::Select, "select"),
    (Verb::Show, "show"),
    (Verb::Dml, "dml"),
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
