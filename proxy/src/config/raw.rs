//! The configuration as it is written: what serde reads, and what the JSON Schema and the reference are made from.
//!
//! Every doc comment here is text for users. A default stands in exactly one place: the `Default` of its section.

mod defaults;

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use super::value::{AdminAddress, ListenAddress, Period, RoleLabel, ServerAddress, Size};

/// Rolecall's configuration. Exactly one of `servers` and `kubernetes` says where the servers are; everything else has a
/// default.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping of options such as `servers:`")]
pub struct RawConfig {
    /// Where clients connect.
    pub listeners: At<Listeners>,
    /// The servers, named one by one. Which of them is the primary is found out by asking them.
    pub servers: Option<At<Vec<At<RawServer>>>>,
    /// The servers are pods, found through the Kubernetes API.
    pub kubernetes: Option<At<RawKubernetes>>,
    /// The account that watches the servers: lag, group membership and the catalogue of stored routines, views and
    /// triggers. Without it the proxy works with less, and `/readyz` says what is missing.
    pub monitor: Option<At<RawMonitor>>,
    /// Accounts of which something is said here: their credentials, so that the proxy knows them from the start, or how they
    /// share connections. Nobody needs to stand here: the proxy learns a password when its user logs in, and proves it at a
    /// server.
    pub users: Vec<At<RawUser>>,
    /// The connections to the servers.
    pub backend: RawBackend,
    /// The zone that this proxy runs in, such as `eu-west-1a`: its reads stay there, see `routing.reads_in_zone`. Also by the
    /// environment variable `ROLECALL_ZONE`.
    pub zone: Option<At<String>>,
    /// Where statements go.
    pub routing: RawRouting,
    /// How sessions share connections to the servers.
    pub pool: RawPool,
    /// How the servers are watched.
    pub probe: RawProbe,
    /// How often the catalogue of stored routines, views and triggers is read again.
    pub catalogue_refresh: At<CatalogueRefresh>,
    /// Bounds on what clients may use up.
    pub limits: RawLimits,
    /// Threads that serve sessions; by default one for each CPU that the process may use. A session stays on its worker.
    pub workers: Option<At<u32>>,
    /// Logins of clients.
    pub login: RawLogin,
    /// Health, metrics and state over HTTP. Off unless an address is given.
    pub admin: RawAdmin,
    /// The log.
    pub log: RawLog,
    /// What SIGTERM does.
    pub shutdown: RawShutdown,
    /// TCP settings of both legs.
    pub tcp: RawTcp,
}

/// A list of listeners that is not empty by default.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Listeners(pub Vec<At<RawListener>>);

/// A listening address.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as `address: 0.0.0.0:3306`")]
pub struct RawListener {
    /// `host:port`, `/path/to.sock` or `unix:/path/to.sock`.
    pub address: At<ListenAddress>,
    /// Where this listener's sessions go.
    #[serde(default)]
    pub mode: ListenerMode,
    /// What reads outside transactions are promised. A session (`SET rolecall_consistency`) or a statement
    /// (`/* rolecall: strong */`) may say otherwise.
    #[serde(default)]
    pub consistency: ReadConsistency,
    /// How long its sessions keep a server connection.
    #[serde(default)]
    pub pooling: Pooling,
    /// TLS towards clients.
    #[serde(default)]
    pub tls: At<RawListenerTls>,
}

/// How long a session keeps a server connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Until it ends.
    Session,
    /// While a statement or a transaction runs, or something ties the session to its connection (temporary tables, locks, user
    /// variables …). Then other sessions of the same account may have it.
    #[default]
    Transaction,
}

/// Where a listener's sessions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerMode {
    /// Writes to the primary, reads to the replicas.
    #[default]
    Split,
    /// Everything to the primary.
    Primary,
    /// Everything to a replica; statements that write are refused by the server.
    Replica,
}

/// What reads outside transactions are promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadConsistency {
    /// Nothing: any replica, however far behind.
    Eventual,
    /// What this session wrote, and never less than it has read before.
    #[default]
    Session,
    /// Everything that was committed when the statement came, by whomever.
    Global,
    /// Reads go to the primary.
    Strong,
}

/// TLS towards clients.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `mode: required`")]
pub struct RawListenerTls {
    /// `off`: never; `preferred`: for clients that ask for it; `required`: others are refused.
    pub mode: ClientTlsMode,
    /// PEM file with the certificate and its chain. Without one the proxy makes a certificate for itself at start.
    pub certificate: Option<At<PathBuf>>,
    /// PEM file with the certificate's private key.
    pub key: Option<At<PathBuf>>,
}

/// Whether clients use TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientTlsMode {
    /// Never.
    Off,
    /// Those that ask for it.
    #[default]
    Preferred,
    /// All; others are refused.
    Required,
}

/// A server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as `address: db0.example.com:3306`")]
pub struct RawServer {
    /// `host[:port]` (port 3306 by default), `/path/to.sock` or `unix:/path/to.sock`.
    pub address: At<ServerAddress>,
    /// Its name in logs, metrics and `/topology`; by default the address.
    #[serde(default)]
    pub name: Option<At<String>>,
    /// Its share of reads beside the other servers' weights, 0 to 10000; 0: only where no other may serve them.
    #[serde(default = "usual_weight")]
    pub weight: At<u32>,
    /// The zone that it is in.
    #[serde(default)]
    pub zone: Option<At<String>>,
}

/// Servers that are pods.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as `selector: app=mysql`")]
pub struct RawKubernetes {
    /// Label selector of the servers' pods, such as `app=mysql`.
    pub selector: At<String>,
    /// The label that the primary's pod has, such as `role=primary`. Pods with another value are replicas. A server gets
    /// writes only if its own word agrees with the label.
    pub role: RoleLabel,
    /// The pods' namespace; by default the proxy's own, or the kubeconfig's.
    #[serde(default)]
    pub namespace: Option<At<String>>,
    /// The servers' port.
    #[serde(default = "mysql_port")]
    pub port: At<u16>,
    /// The label, or else annotation, of the pods that tells their zone.
    #[serde(default = "zone_key")]
    pub zone_key: At<String>,
    /// The label, or else annotation, of the pods that tells their weight (see `servers[].weight`). Pods without it, or with
    /// what is no weight, have weight 1.
    #[serde(default = "weight_key")]
    pub weight_key: At<String>,
    /// A kubeconfig file; by default the pod's service account, then `$KUBECONFIG` and `~/.kube/config`.
    #[serde(default)]
    pub kubeconfig: Option<At<PathBuf>>,
}

/// The monitoring account.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as `user: rolecall`")]
pub struct RawMonitor {
    /// Its name. It needs REPLICATION CLIENT (MariaDB: REPLICA MONITOR too), and SHOW_ROUTINE (MySQL), SHOW VIEW, TRIGGER and
    /// SELECT for the catalogue; `deploy/monitor.sql` makes it.
    pub user: At<String>,
    /// File with its password; a line break at its end does not count. Without it the environment variable
    /// `ROLECALL_MONITOR_PASSWORD` is read.
    #[serde(default)]
    pub password_file: Option<At<PathBuf>>,
}

/// An account: at most one of `password_file` and `password_hash`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping such as `name: app`")]
pub struct RawUser {
    /// Its name, without a host.
    pub name: At<String>,
    /// File with its password; a line break at its end does not count.
    #[serde(default)]
    pub password_file: Option<At<PathBuf>>,
    /// The hash that mysql_native_password stores (`*` and 40 hexadecimal digits, from mysql.user). Good for accounts of
    /// that plugin only.
    #[serde(default)]
    pub password_hash: Option<At<String>>,
    /// How long its sessions keep a server connection, whatever the listener says; a change counts for new sessions.
    #[serde(default)]
    pub pooling: Option<Pooling>,
}

/// The connections to the servers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `connect_timeout: 5s`")]
pub struct RawBackend {
    /// TLS towards the servers.
    pub tls: At<RawBackendTls>,
    /// How long connecting and logging in may take.
    pub connect_timeout: At<Period>,
    /// How the proxy gets a server's RSA key where a password must be sent without TLS.
    pub public_key: At<RawPublicKey>,
    /// Compression towards the servers. What clients use is their own affair.
    pub compression: Compression,
}

/// TLS towards servers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `mode: verify-identity`")]
pub struct RawBackendTls {
    /// `off`: never; `preferred`: where a server offers it; `required`: always, with any certificate; `verify-ca`: the
    /// certificate must come from `ca`; `verify-identity`: and name the host.
    pub mode: ServerTlsMode,
    /// PEM file with the certificates of the authorities that are trusted.
    pub ca: Option<At<PathBuf>>,
    /// PEM file with the proxy's own certificate, for servers that ask for one.
    pub certificate: Option<At<PathBuf>>,
    /// PEM file with that certificate's private key.
    pub key: Option<At<PathBuf>>,
}

/// How strictly servers are asked for TLS; the words of the client programs' `--ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerTlsMode {
    /// Never.
    Off,
    /// Where a server offers it.
    #[default]
    Preferred,
    /// Always, with any certificate.
    Required,
    /// Always, and the certificate comes from a trusted authority.
    VerifyCa,
    /// Always, from a trusted authority, and the certificate names the host.
    VerifyIdentity,
}

/// A server's RSA key.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `file: /etc/rolecall/server-public-key.pem`")]
pub struct RawPublicKey {
    /// PEM file with the servers' public key.
    pub file: Option<At<PathBuf>>,
    /// Ask the server for its key. Whoever can stand between proxy and server can then read passwords.
    pub ask: bool,
}

/// Compression of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// zlib, as all servers know it.
    Zlib,
    /// zstd, as MySQL knows it since 8.0.18.
    Zstd,
}

/// Where statements go.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `reads_on_primary: never`")]
pub struct RawRouting {
    /// Whether the primary serves reads: `when-no-replica` may, `never` (reads wait, then fail), or `always` like a
    /// replica.
    pub reads_on_primary: ReadsOnPrimary,
    /// A replica that lags behind further than this gets no reads until it has been near again for a second. Lag is told
    /// by the servers' GTIDs from probe to probe, where they have any, else by their own word, which needs `monitor`.
    /// Without it lag does not matter.
    pub max_lag: Option<At<Period>>,
    /// Whether reads stay in the proxy's `zone` while it has servers that may serve them: `prefer`, unless these are much busier
    /// than the others, or `ignore`.
    pub reads_in_zone: ReadsInZone,
    /// How long a statement waits for a server that may run it, before it fails.
    pub hold_timeout: At<Period>,
    /// How long a read waits for a replica to execute what its session wrote or read, before it goes to the primary.
    pub catch_up_timeout: At<Period>,
}

/// Whether the primary serves reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadsOnPrimary {
    /// When no replica may.
    #[default]
    WhenNoReplica,
    /// Never.
    Never,
    /// Like a replica.
    Always,
}

/// Whether zones matter for reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadsInZone {
    /// Servers in the proxy's zone come first.
    #[default]
    Prefer,
    /// They do not matter.
    Ignore,
}

/// How sessions share connections to the servers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `max_connections: 100`")]
pub struct RawPool {
    /// Connections that the sessions of this proxy have to one server, all workers together; 0: no limit. Logins that are
    /// being checked, probes and KILLs come on top.
    pub max_connections: At<u32>,
    /// The same for each user at each server; 0: no limit.
    pub max_connections_per_user: At<u32>,
    /// How long a statement waits for a connection where the limit is reached, before it fails.
    pub wait_timeout: At<Period>,
    /// A shared connection that no session has used for this long is closed.
    pub idle_timeout: At<Period>,
    /// So many idle connections of each account to each server that it uses are kept all the same, and opened in advance where
    /// there are fewer, until the account had no session for an hour. Rounded up to the same number for each worker.
    pub min_idle: At<u32>,
    /// Prepared statements that a shared connection keeps for the sessions that have it next; those go first that were not used
    /// for longest. 0: none is kept. Servers' max_prepared_stmt_count (16382 by default) is for all connections together.
    pub max_prepared_statements: At<u32>,
    /// A shared connection is replaced between two sessions when it is this old, or up to a tenth younger.
    pub max_lifetime: At<Period>,
}

/// How the servers are watched.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `interval: 1s`")]
pub struct RawProbe {
    /// How often each server is asked for its role; after an error, or when it hangs up, it is asked at once.
    pub interval: At<Period>,
    /// How long an answer may take.
    pub timeout: At<Period>,
}

/// How often the catalogue is read: a duration with a default of its own.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct CatalogueRefresh(pub Period);

/// Bounds on what clients may use up.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `max_sessions: 10000`")]
pub struct RawLimits {
    /// Sessions at one time; further clients get error 1040.
    pub max_sessions: At<u32>,
    /// Statements up to this size are read whole before they are routed; longer ones go to the primary as they arrive.
    pub statement_buffer: At<Size>,
    /// How long a client's login may take.
    pub handshake_timeout: At<Period>,
    /// How long a client that has sent a part of a command may keep silent before its session ends, like the servers'
    /// net_read_timeout.
    pub read_timeout: At<Period>,
    /// Clients at one time that have not logged in yet.
    pub unauthenticated: At<u32>,
    /// The same for one client address.
    pub unauthenticated_per_address: At<u32>,
    /// The largest command that a client may send; the servers' max_allowed_packet counts besides.
    pub max_packet: At<Size>,
}

/// Logins of clients.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `belief: 60s`")]
pub struct RawLogin {
    /// How long a login that a server has accepted is believed before it is proven again: so long may a changed
    /// password or a locked account go unnoticed.
    pub belief: At<Period>,
}

/// The admin endpoint.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `address: 127.0.0.1:9104`")]
pub struct RawAdmin {
    /// `host:port`, or a port alone for 127.0.0.1. It has no password: let only those reach it who may see it.
    pub address: Option<AdminAddress>,
}

/// The log.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `level: info`")]
pub struct RawLog {
    /// `error`, `warn`, `info`, `debug` or `trace`; also by module, such as `info,rolecall::topology=debug`. SQL text
    /// appears at `debug` and below only.
    pub level: At<String>,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The log's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object in each line.
    Json,
}

/// What SIGTERM does.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `deadline: 30s`")]
pub struct RawShutdown {
    /// How long statements and transactions under way may go on after SIGTERM. Idle sessions are closed at once.
    pub deadline: At<Period>,
}

/// TCP settings of both legs.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `keepalive: 30s`")]
pub struct RawTcp {
    /// An idle connection is checked this often; `0s` turns it off.
    pub keepalive: At<Period>,
    /// Sent data that is not acknowledged for so long ends the connection (TCP_USER_TIMEOUT); `0s` leaves it to the
    /// system.
    pub user_timeout: At<Period>,
}

// === defaults of single keys; those of sections are in raw/defaults.rs ===

/// Replication on healthy servers is quicker; a read that waits longer is served sooner by the primary.
const CATCH_UP: Period = Period(Duration::from_millis(100));

const fn seconds(seconds: u64) -> Period {
    Period(Duration::from_secs(seconds))
}

fn mysql_port() -> At<u16> {
    super::value::MYSQL_PORT.into()
}

fn usual_weight() -> At<u32> {
    rolecall_router::topology::Endpoint::WEIGHT.into()
}

/// The well-known label of nodes; Kubernetes copies it to pods since 1.35.
fn zone_key() -> At<String> {
    String::from("topology.kubernetes.io/zone").into()
}

fn weight_key() -> At<String> {
    String::from("rolecall-weight").into()
}

impl RawServer {
    /// A server of which nothing but its address is said.
    pub(super) fn new(address: At<ServerAddress>) -> Self {
        Self { address, name: None, weight: usual_weight(), zone: None }
    }
}

impl RawKubernetes {
    /// Pods of which nothing else is said.
    pub(super) fn new(selector: At<String>, role: RoleLabel) -> Self {
        Self {
            selector,
            role,
            namespace: None,
            port: mysql_port(),
            zone_key: zone_key(),
            weight_key: weight_key(),
            kubeconfig: None,
        }
    }
}
