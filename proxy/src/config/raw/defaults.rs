//! What holds where the configuration says nothing.

use super::*;

impl Default for Listeners {
    fn default() -> Self {
        let address = rolecall_router::topology::Address::Tcp("0.0.0.0".into(), crate::config::value::MYSQL_PORT);
        let listener = RawListener {
            address: ListenAddress(address).into(),
            mode: ListenerMode::default(),
            consistency: ReadConsistency::default(),
            pooling: Pooling::default(),
            tls: RawListenerTls::default().into(),
        };
        Self(vec![listener.into()])
    }
}

impl Default for CatalogueRefresh {
    fn default() -> Self {
        Self(seconds(30))
    }
}

impl Default for RawBackend {
    fn default() -> Self {
        Self {
            tls: RawBackendTls::default().into(),
            connect_timeout: seconds(5).into(),
            public_key: RawPublicKey::default().into(),
            compression: Compression::default(),
        }
    }
}

impl Default for RawRouting {
    fn default() -> Self {
        Self {
            reads_on_primary: ReadsOnPrimary::default(),
            max_lag: None,
            reads_in_zone: ReadsInZone::default(),
            hold_timeout: seconds(5).into(),
            catch_up_timeout: CATCH_UP.into(),
        }
    }
}

impl Default for RawPool {
    fn default() -> Self {
        Self {
            max_connections: 0.into(),
            max_connections_per_user: 0.into(),
            wait_timeout: seconds(10).into(),
            idle_timeout: seconds(300).into(),
            min_idle: 0.into(),
            max_prepared_statements: 100.into(),
            max_lifetime: seconds(3600).into(),
        }
    }
}

impl Default for RawProbe {
    fn default() -> Self {
        Self { interval: seconds(1).into(), timeout: seconds(2).into() }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            max_sessions: 16_384.into(),
            statement_buffer: Size(256 << 10).into(),
            handshake_timeout: seconds(10).into(),
            read_timeout: seconds(30).into(),
            unauthenticated: 512.into(),
            unauthenticated_per_address: 64.into(),
            max_packet: Size(1 << 30).into(),
        }
    }
}

impl Default for RawLogin {
    fn default() -> Self {
        Self { belief: seconds(60).into() }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self { level: String::from("info").into(), format: LogFormat::default() }
    }
}

impl Default for RawShutdown {
    fn default() -> Self {
        Self { deadline: seconds(30).into() }
    }
}

impl Default for RawTcp {
    fn default() -> Self {
        Self { keepalive: seconds(30).into(), user_timeout: seconds(30).into() }
    }
}
