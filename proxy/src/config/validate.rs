//! From the raw structs to [`Config`]: everything that one value alone cannot tell.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use rolecall_protocol::auth::Password;
use rolecall_router::topology::{Address, Endpoint};

use super::at::At;
use super::check::Check;
use super::mistake::Place;
use super::raw::*;
use super::types::*;
use super::value::ServerAddress;

/// The environment variable that stands in for `monitor.password_file`.
pub const MONITOR_PASSWORD_VARIABLE: &str = "ROLECALL_MONITOR_PASSWORD";

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Names of accounts have at most 32 characters in MySQL and 128 in MariaDB.
const ACCOUNT_NAME_MAX: usize = 128;

/// Workers beyond this are a slip of the pen.
const WORKERS_MAX: u32 = 1024;

/// Parts that were found wrong already, so that their absence is no news.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub listeners: bool,
    pub source: bool,
}

/// Validates; the result counts only if `check` holds no mistake in the end.
pub(super) fn validate(raw: RawConfig, lost: Lost, check: &mut Check) -> Config {
    Config {
        listeners: listeners(raw.listeners, lost, check),
        source: source(raw.servers, raw.kubernetes, lost, check),
        monitor: raw.monitor.and_then(|at| monitor(at, check)),
        users: users(raw.users, check),
        backend: backend(raw.backend, check),
        zone: raw.zone.and_then(|at| zone(at, "zone", check)),
        routing: Routing {
            reads_on_primary: raw.routing.reads_on_primary,
            max_lag: raw.routing.max_lag.map(|lag| check.period(lag, "routing.max_lag", MILLISECOND, DAY)),
            reads_in_zone: raw.routing.reads_in_zone,
            hold_timeout: check.period(raw.routing.hold_timeout, "routing.hold_timeout", Duration::ZERO, HOUR),
            catch_up_timeout: check.period(raw.routing.catch_up_timeout, "routing.catch_up_timeout", MILLISECOND, HOUR),
        },
        pool: pool(raw.pool, check),
        probe: Probe {
            interval: check.period(raw.probe.interval, "probe.interval", 10 * MILLISECOND, 60 * SECOND),
            timeout: check.period(raw.probe.timeout, "probe.timeout", 10 * MILLISECOND, 60 * SECOND),
        },
        catalogue_refresh: check.period(
            At { value: raw.catalogue_refresh.value.0, place: raw.catalogue_refresh.place },
            "catalogue_refresh",
            SECOND,
            DAY,
        ),
        limits: limits(raw.limits, check),
        workers: workers(raw.workers, check),
        login: Login { belief: check.period(raw.login.belief, "login.belief", Duration::ZERO, 60 * SECOND) },
        admin: raw.admin.address,
        log: log(raw.log, check),
        shutdown: Shutdown { deadline: check.period(raw.shutdown.deadline, "shutdown.deadline", Duration::ZERO, DAY) },
        tcp: Tcp {
            keepalive: zero_is_off(raw.tcp.keepalive, "tcp.keepalive", check),
            user_timeout: zero_is_off(raw.tcp.user_timeout, "tcp.user_timeout", check),
        },
        files: std::mem::take(&mut check.files),
    }
}

fn pool(raw: RawPool, check: &mut Check) -> Pool {
    let (limit, of_user) = (raw.max_connections.value, raw.max_connections_per_user.value);
    let min_idle = check.number(raw.min_idle, "pool.min_idle", 0, 10_000);
    let most = [limit, of_user].into_iter().filter(|limit| *limit > 0).min().unwrap_or(u32::MAX);
    if min_idle > most {
        let message = format!("{min_idle} is more than the {most} connections that may exist: write at most that");
        check.wrong(raw.min_idle.place, "pool.min_idle", message);
    }
    Pool {
        max_connections: limit,
        max_connections_per_user: of_user,
        max_prepared_statements: raw.max_prepared_statements.value,
        max_lifetime: check.period(raw.max_lifetime, "pool.max_lifetime", SECOND, 365 * DAY),
        wait_timeout: check.period(raw.wait_timeout, "pool.wait_timeout", MILLISECOND, HOUR),
        idle_timeout: check.period(raw.idle_timeout, "pool.idle_timeout", SECOND, DAY),
        min_idle,
    }
}

fn listeners(raw: At<Listeners>, lost: Lost, check: &mut Check) -> Vec<Listener> {
    if raw.value.0.is_empty() && !lost.listeners {
        check.wrong(raw.place, "listeners", "is empty, so that no client could connect: add `- address: 0.0.0.0:3306`");
    }
    let mut seen = Seen::default();
    let validated = raw.value.0.into_iter().enumerate().map(|(index, At { value, .. })| {
        let path = format!("listeners[{index}].address");
        let address = value.address.value;
        // Port 0 asks the system for a port, a new one each time.
        if !matches!(address.0, Address::Tcp(_, 0)) {
            seen.note(address.to_string(), value.address.place, &path, check);
        }
        let tls = value.tls.value;
        let section = format!("listeners[{index}].tls");
        let identity = check.identity(tls.certificate.as_ref(), tls.key.as_ref(), &section);
        Listener {
            address: address.0,
            mode: value.mode,
            consistency: value.consistency,
            pooling: value.pooling,
            tls: ListenerTls { mode: tls.mode, identity },
        }
    });
    validated.collect()
}

fn source(
    servers: Option<At<Vec<At<RawServer>>>>,
    kubernetes: Option<At<RawKubernetes>>,
    lost: Lost,
    check: &mut Check,
) -> Source {
    match (servers, kubernetes) {
        (Some(servers), None) => named(servers, lost, check),
        (None, Some(kubernetes)) => Source::Kubernetes(pods(kubernetes, check)),
        (Some(servers), Some(kubernetes)) => {
            let message = "stands beside `servers`: keep the one that says where the servers are, delete the other";
            check.wrong(kubernetes.place, "kubernetes", message);
            pods(kubernetes, check);
            named(servers, lost, check)
        }
        (None, None) => {
            if !lost.source {
                let message = "nothing says where the servers are: add `servers:` with their addresses, or \
                               `kubernetes:` with `selector` and `role` (flags: --backend, or --kube-selector and \
                               --kube-role)";
                check.wrong(Place::Nowhere, "", message);
            }
            Source::Servers(Vec::new())
        }
    }
}

fn named(servers: At<Vec<At<RawServer>>>, lost: Lost, check: &mut Check) -> Source {
    if servers.value.is_empty() && !lost.source {
        check.wrong(servers.place, "servers", "is empty: add `- address: db0.example.com:3306`");
    }
    let (mut addresses, mut names) = (Seen::default(), Seen::default());
    let validated = servers.value.into_iter().enumerate().map(|(index, At { value, .. })| {
        let address: ServerAddress = value.address.value;
        let text = address.to_string();
        addresses.note(text.clone(), value.address.place, &format!("servers[{index}].address"), check);
        let name = match value.name {
            None => text,
            Some(name) => {
                let path = format!("servers[{index}].name");
                if name.value.is_empty() || name.value.len() > 253 || name.value.contains(char::is_control) {
                    check.wrong(name.place, &path, "is not a name: write 1 to 253 characters, such as `db0`");
                }
                names.note(name.value.clone(), name.place, &path, check);
                name.value
            }
        };
        let weight = check.number(value.weight, &format!("servers[{index}].weight"), 0, Endpoint::WEIGHT_MAX);
        let zone = value.zone.and_then(|at| zone(at, &format!("servers[{index}].zone"), check));
        Server { address: address.0, name, weight, zone }
    });
    Source::Servers(validated.collect())
}

/// A zone's name: a label's value, as Kubernetes has it.
fn zone(at: At<String>, path: &str, check: &mut Check) -> Option<String> {
    let name = &at.value;
    if name.is_empty() || name.len() > 253 || name.contains(char::is_control) {
        check.wrong(at.place, path, "is not a zone's name: write 1 to 253 characters, such as `eu-west-1a`");
        return None;
    }
    Some(at.value)
}

/// The key of a label or an annotation.
fn pod_key(at: At<String>, path: &str, example: &str, check: &mut Check) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    if at.value.is_empty() || at.value.len() > 317 || !at.value.bytes().all(fits) {
        let message = format!("`{}` is not a label's key: write one such as `{example}`", at.value);
        check.wrong(at.place, path, message);
    }
    at.value
}

fn pods(At { value, .. }: At<RawKubernetes>, check: &mut Check) -> Kubernetes {
    let selector = value.selector.value.trim();
    if selector.is_empty() || selector.contains(char::is_control) {
        let message = "selects every pod of the namespace: write a label selector such as `app=mysql`";
        check.wrong(value.selector.place, "kubernetes.selector", message);
    }
    if value.port.value == 0 {
        check.wrong(value.port.place, "kubernetes.port", "0 is no port: write the servers' port, such as 3306");
    }
    if let Some(namespace) = &value.namespace {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = &namespace.value;
        if name.is_empty() || name.len() > 63 || !name.bytes().all(fits) {
            let message = format!("`{name}` is not a namespace: write lower-case letters, digits and `-`");
            check.wrong(namespace.place, "kubernetes.namespace", message);
        }
    }
    let kubeconfig = value.kubeconfig.map(|file| {
        check.read(&file, "kubernetes.kubeconfig");
        check.resolve(&file)
    });
    Kubernetes {
        selector: selector.to_owned(),
        role: value.role,
        namespace: value.namespace.map(|at| at.value),
        port: value.port.value,
        zone_key: pod_key(value.zone_key, "kubernetes.zone_key", "topology.kubernetes.io/zone", check),
        weight_key: pod_key(value.weight_key, "kubernetes.weight_key", "rolecall-weight", check),
        kubeconfig,
    }
}

fn monitor(At { value, place }: At<RawMonitor>, check: &mut Check) -> Option<Monitor> {
    account_name(&value.user, "monitor.user", check);
    let password = match &value.password_file {
        Some(file) => check.password(file, "monitor.password_file"),
        None => match std::env::var(MONITOR_PASSWORD_VARIABLE) {
            Ok(password) if !password.is_empty() => Some(Password::new(password.into_bytes())),
            _ if check.is_wrong_inside("monitor") => None,
            _ => {
                let message = format!(
                    "has no password: add `password_file: FILE` (flag: --monitor-password-file), or set \
                     {MONITOR_PASSWORD_VARIABLE} in the environment"
                );
                check.wrong(place, "monitor", message);
                None
            }
        },
    };
    Some(Monitor { user: value.user.value, password: password? })
}

fn users(raw: Vec<At<RawUser>>, check: &mut Check) -> Vec<User> {
    let mut seen = Seen::default();
    let validated = raw.into_iter().enumerate().map(|(index, At { value, place })| {
        let path = format!("users[{index}]");
        account_name(&value.name, &format!("{path}.name"), check);
        seen.note(value.name.value.clone(), value.name.place, &format!("{path}.name"), check);
        let secret = match (&value.password_file, &value.password_hash) {
            (Some(file), None) => check.password(file, &format!("{path}.password_file")).map(Secret::Password),
            (None, Some(hash)) => native_stored(hash, &format!("{path}.password_hash"), check),
            (Some(_), Some(hash)) => {
                let message = "stands beside `password_file`: keep one of the two";
                check.wrong(hash.place, format!("{path}.password_hash"), message);
                None
            }
            (None, None) if value.pooling.is_some() || check.is_wrong_inside(&path) => None,
            (None, None) => {
                let message = "says nothing of the account: add `password_file: FILE`, `password_hash: \"*…\"` or \
                               `pooling: session`";
                check.wrong(place, &path, message);
                None
            }
        };
        User { name: value.name.value, secret, pooling: value.pooling }
    });
    validated.collect()
}

fn native_stored(at: &At<String>, path: &str, check: &mut Check) -> Option<Secret> {
    let digits = at.value.strip_prefix('*').unwrap_or_default();
    let mut stored = zeroize::Zeroizing::new([0; 20]);
    if digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (byte, index) in stored.iter_mut().zip((0..40).step_by(2)) {
            // 40 hexadecimal digits were found above, so every pair of them is a byte.
            *byte = digits.get(index..index + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
        }
        return Some(Secret::NativeStored(NativeStored(stored)));
    }
    // The value is not repeated: it may be a password.
    let message = "is not what mysql_native_password stores: write `\"*` and 40 hexadecimal digits`\"`, as in \
                   mysql.user.authentication_string";
    check.wrong(at.place, path, message);
    None
}

fn account_name(at: &At<String>, path: &str, check: &mut Check) {
    let name = &at.value;
    if name.is_empty() || name.len() > ACCOUNT_NAME_MAX || name.contains('\0') {
        let message = format!("is not an account's name: write 1 to {ACCOUNT_NAME_MAX} bytes, without a host");
        check.wrong(at.place, path, message);
    }
}

fn backend(raw: RawBackend, check: &mut Check) -> Backend {
    let tls = raw.tls.value;
    let ca = match &tls.ca {
        Some(file) => check.certificates(file, "backend.tls.ca").unwrap_or_default(),
        None => {
            if matches!(tls.mode, ServerTlsMode::VerifyCa | ServerTlsMode::VerifyIdentity) {
                let message = "verifies certificates, but no authority is trusted: add `ca: FILE.pem`";
                check.wrong(raw.tls.place, "backend.tls", message);
            }
            Vec::new()
        }
    };
    let identity = check.identity(tls.certificate.as_ref(), tls.key.as_ref(), "backend.tls");
    Backend {
        tls: BackendTls { mode: tls.mode, ca, identity },
        connect_timeout: check.period(raw.connect_timeout, "backend.connect_timeout", 10 * MILLISECOND, HOUR),
        public_key: public_key(raw.public_key, check),
        compression: raw.compression,
    }
}

fn public_key(At { value, place }: At<RawPublicKey>, check: &mut Check) -> PublicKey {
    let path = "backend.public_key";
    match (&value.file, value.ask) {
        (None, false) => PublicKey::Refuse,
        (None, true) => PublicKey::Ask,
        (Some(_), true) => {
            check.wrong(place, path, "names a key and asks for one: keep `file` or `ask: true`");
            PublicKey::Refuse
        }
        (Some(file), false) => {
            let Some(bytes) = check.read(file, "backend.public_key.file") else { return PublicKey::Refuse };
            if !bytes.windows(10).any(|part| part == b"PUBLIC KEY") {
                let message = "holds no public key: name a PEM file with `-----BEGIN PUBLIC KEY-----` in it";
                check.wrong(file.place, "backend.public_key.file", message);
            }
            PublicKey::Pinned(bytes.to_vec())
        }
    }
}

fn limits(raw: RawLimits, check: &mut Check) -> Limits {
    let unauthenticated = check.number(raw.unauthenticated, "limits.unauthenticated", 1, 1_000_000);
    let per_address = raw.unauthenticated_per_address;
    let path = "limits.unauthenticated_per_address";
    let statement_buffer = check.size(raw.statement_buffer, "limits.statement_buffer", 4 << 10, 64 << 20);
    let max_packet = check.size(raw.max_packet, "limits.max_packet", 4 << 10, 1 << 30);
    if statement_buffer > max_packet {
        let message = "is larger than `limits.max_packet`: write at most that";
        check.wrong(raw.statement_buffer.place, "limits.statement_buffer", message);
    }
    Limits {
        max_sessions: check.number(raw.max_sessions, "limits.max_sessions", 1, 10_000_000),
        // At most 64 MiB, which fits every platform's usize.
        statement_buffer: usize::try_from(statement_buffer).unwrap_or(usize::MAX),
        handshake_timeout: check.period(raw.handshake_timeout, "limits.handshake_timeout", 100 * MILLISECOND, HOUR),
        read_timeout: check.period(raw.read_timeout, "limits.read_timeout", 100 * MILLISECOND, HOUR),
        unauthenticated,
        unauthenticated_per_address: match per_address.place {
            // The default follows a smaller `unauthenticated`.
            Place::Nowhere => per_address.value.min(unauthenticated),
            _ => check.number(per_address, path, 1, unauthenticated),
        },
        max_packet,
    }
}

fn workers(raw: Option<At<u32>>, check: &mut Check) -> NonZeroU32 {
    let count = match raw {
        Some(at) => check.number(at, "workers", 1, WORKERS_MAX),
        None => {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
            u32::try_from(cores).unwrap_or(WORKERS_MAX).min(WORKERS_MAX)
        }
    };
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

fn log(raw: RawLog, check: &mut Check) -> Log {
    let level = raw.level;
    // `Targets` would take any word for a module whose every event is wanted; a bare word must be a level.
    let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let fits = level.value.split(',').all(|part| match part.split_once('=') {
        Some((module, word)) => !module.is_empty() && is_level(word),
        None => is_level(part),
    });
    if !fits || level.value.parse::<tracing_subscriber::filter::Targets>().is_err() {
        let message = format!(
            "`{}` is not a level: write `error`, `warn`, `info`, `debug` or `trace`, or by module \
             `info,rolecall::topology=debug`",
            level.value
        );
        check.wrong(level.place, "log.level", message);
    }
    Log { level: level.value, format: raw.format }
}

fn zero_is_off(at: At<super::value::Period>, path: &str, check: &mut Check) -> Option<Duration> {
    (!at.value.0.is_zero()).then(|| check.period(at, path, SECOND, HOUR))
}

/// Values that must not stand twice, with the place of the first.
#[derive(Default)]
struct Seen(HashMap<String, Place>);

impl Seen {
    fn note(&mut self, value: String, place: Place, path: &str, check: &mut Check) {
        match self.0.get(&value) {
            Some(Place::File { line, .. }) => {
                check.wrong(place, path, format!("`{value}` stands in line {line} already: delete one of the two"));
            }
            Some(_) => check.wrong(place, path, format!("`{value}` is given twice: delete one of the two")),
            None => {
                self.0.insert(value, place);
            }
        }
    }
}
