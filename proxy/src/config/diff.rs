//! What a new configuration changes, and whether that can be done without a restart.

use super::types::{Config, Source};

/// A part of the configuration, by the name that it has in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `listeners`: addresses, modes, TLS modes.
    Listeners,
    /// Certificates and keys of the listeners; new connections use them.
    Certificates,
    /// `servers`, the list of addresses.
    Servers,
    /// `kubernetes`, or a change between it and `servers`.
    Kubernetes,
    /// `monitor`.
    Monitor,
    /// `users`.
    Users,
    /// `backend`.
    Backend,
    /// `zone`.
    Zone,
    /// `routing`.
    Routing,
    /// `pool`.
    Pool,
    /// `probe`.
    Probe,
    /// `catalogue_refresh`.
    CatalogueRefresh,
    /// `limits`.
    Limits,
    /// `workers`.
    Workers,
    /// `login`.
    Login,
    /// `admin`.
    Admin,
    /// `log.level`.
    LogLevel,
    /// `log.format`.
    LogFormat,
    /// `shutdown`.
    Shutdown,
    /// `tcp`.
    Tcp,
}

/// What differs between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reload {
    /// Parts that take effect at once, for new connections or statements.
    pub applies: Vec<Part>,
    /// Parts that only a restart changes. While there is one, nothing of the new configuration is applied.
    pub needs_restart: Vec<Part>,
}

// === impl Part ===

impl Part {
    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listeners => "listeners",
            Self::Certificates => "listeners.tls certificates",
            Self::Servers => "servers",
            Self::Kubernetes => "kubernetes",
            Self::Monitor => "monitor",
            Self::Users => "users",
            Self::Backend => "backend",
            Self::Zone => "zone",
            Self::Routing => "routing",
            Self::Pool => "pool",
            Self::Probe => "probe",
            Self::CatalogueRefresh => "catalogue_refresh",
            Self::Limits => "limits",
            Self::Workers => "workers",
            Self::Login => "login",
            Self::Admin => "admin",
            Self::LogLevel => "log.level",
            Self::LogFormat => "log.format",
            Self::Shutdown => "shutdown",
            Self::Tcp => "tcp",
        }
    }

    /// Whether a running proxy takes a change of this part.
    #[must_use]
    pub const fn applies_at_once(self) -> bool {
        matches!(
            self,
            Self::Certificates
                | Self::Servers
                | Self::Users
                | Self::Zone
                | Self::Routing
                | Self::Limits
                | Self::LogLevel
        )
    }
}

// === impl Reload ===

impl Reload {
    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.applies.is_empty() && self.needs_restart.is_empty()
    }
}

// === impl Config ===

impl Config {
    /// What differs from `old`.
    #[must_use]
    pub fn diff(&self, old: &Self) -> Reload {
        let (applies, needs_restart) = self.changed(old).into_iter().partition(|part: &Part| part.applies_at_once());
        Reload { applies, needs_restart }
    }

    fn changed(&self, old: &Self) -> Vec<Part> {
        let listening = |config: &Self| -> Vec<_> {
            let listeners = config.listeners.iter();
            listeners
                .map(|one| {
                    (
                        one.address.clone(),
                        (one.mode, one.consistency, one.pooling),
                        one.tls.mode,
                        one.tls.identity.is_some(),
                    )
                })
                .collect()
        };
        let identities =
            |config: &Self| -> Vec<_> { config.listeners.iter().map(|one| one.tls.identity.clone()).collect() };
        let (servers, kubernetes) = match (&self.source, &old.source) {
            (Source::Servers(new), Source::Servers(old)) => (new != old, false),
            (new, old) => (false, new != old),
        };
        let parts = [
            (Part::Listeners, listening(self) != listening(old)),
            (Part::Certificates, listening(self) == listening(old) && identities(self) != identities(old)),
            (Part::Servers, servers),
            (Part::Kubernetes, kubernetes),
            (Part::Monitor, self.monitor != old.monitor),
            (Part::Users, self.users != old.users),
            (Part::Backend, self.backend != old.backend),
            (Part::Zone, self.zone != old.zone),
            (Part::Routing, self.routing != old.routing),
            (Part::Pool, self.pool != old.pool),
            (Part::Probe, self.probe != old.probe),
            (Part::CatalogueRefresh, self.catalogue_refresh != old.catalogue_refresh),
            (Part::Limits, self.limits != old.limits),
            (Part::Workers, self.workers != old.workers),
            (Part::Login, self.login != old.login),
            (Part::Admin, self.admin != old.admin),
            (Part::LogLevel, self.log.level != old.log.level),
            (Part::LogFormat, self.log.format != old.log.format),
            (Part::Shutdown, self.shutdown != old.shutdown),
            (Part::Tcp, self.tcp != old.tcp),
        ];
        parts.into_iter().filter(|(_, changed)| *changed).map(|(part, _)| part).collect()
    }
}
