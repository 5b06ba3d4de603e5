//! Single values as they are written: durations, sizes, addresses, labels. Each reads itself and says what to write.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use rolecall_router::topology::Address;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration such as `5s`, `250ms`, `1m 30s`; `0s` is the only one without a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// A number of bytes such as `256KiB`, `1GiB`, or plain digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Where to listen for clients: `host:port`, `/path/to.sock` or `unix:/path/to.sock`. A port must be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(pub Address);

/// Where a server listens: `host[:port]` (port 3306 by default), `/path/to.sock` or `unix:/path/to.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress(pub Address);

/// Where the admin endpoint listens: `host:port`, or a port alone, which means 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminAddress {
    /// IP address or host name.
    pub host: String,
    /// Port; 0 lets the system choose one.
    pub port: u16,
}

/// The label that names the primary: `role=primary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLabel {
    /// The label's key, such as `role` or `mysql.example.com/role`.
    pub key: String,
    /// The value that the primary's pod has.
    pub value: String,
}

/// The port of the MySQL client/server protocol.
pub const MYSQL_PORT: u16 = 3306;

/// sun_path has 108 bytes, the last of which is NUL (unix(7)).
const UNIX_PATH_MAX: usize = 107;

// === impl Period ===

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map(Self).map_err(|_| {
            format!("`{text}` is not a duration: write a number with a unit, such as `5s`, `250ms` or `1m 30s`")
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

// === impl Size ===

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<bytesize::ByteSize>().map(|size| Self(size.as_u64())).map_err(|_| {
            format!("`{text}` is not a size: write a number with a unit, such as `256KiB`, `64MiB` or `1GiB`")
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

// === impl ListenAddress ===

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write `0.0.0.0:3306` (all interfaces), `127.0.0.1:3306` (this machine) or `/path/to.sock`";
        if let Some(path) = socket_path(text)? {
            return Ok(Self(path));
        }
        let (host, port) = host_and_port(text, help)?;
        let port = port.ok_or_else(|| format!("`{text}` names no port: {help}"))?;
        Ok(Self(Address::Tcp(host, port)))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(&self.0, f)
    }
}

// === impl ServerAddress ===

impl FromStr for ServerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write `db0.example.com:3306`, `10.0.0.1:3306` or `/path/to.sock`";
        if let Some(path) = socket_path(text)? {
            return Ok(Self(path));
        }
        let (host, port) = host_and_port(text, help)?;
        match port {
            Some(0) => Err(format!("`{text}` has port 0, on which no server listens: {help}")),
            port => Ok(Self(Address::Tcp(host, port.unwrap_or(MYSQL_PORT)))),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(&self.0, f)
    }
}

// === impl AdminAddress ===

impl FromStr for AdminAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write `127.0.0.1:9104` (this machine), `0.0.0.0:9104` (all interfaces) or a port alone";
        if let Ok(port) = text.parse() {
            return Ok(Self { host: "127.0.0.1".into(), port });
        }
        if text.starts_with('/') || text.starts_with("unix:") {
            return Err(format!("`{text}` is a socket's path, but the admin endpoint listens on TCP only: {help}"));
        }
        let (host, port) = host_and_port(text, help)?;
        let port = port.ok_or_else(|| format!("`{text}` names no port: {help}"))?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tcp(&self.host, self.port, f)
    }
}

// === impl RoleLabel ===

impl FromStr for RoleLabel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write the label that the primary's pod has, such as `role=primary`";
        let Some((key, value)) = text.split_once('=') else {
            return Err(format!("`{text}` is not KEY=VALUE: {help}"));
        };
        let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
        let name_fits = |name: &str| {
            let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            name.len() <= 63 && edge(name.bytes().next()) && edge(name.bytes().last()) && name.bytes().all(inner)
        };
        let prefix_fits = |prefix: &str| !prefix.is_empty() && prefix.len() <= 253 && prefix.split('.').all(name_fits);
        if !name_fits(name) || !prefix.is_none_or(prefix_fits) {
            return Err(format!("`{key}` is not the key of a Kubernetes label: {help}"));
        }
        if !name_fits(value) {
            return Err(format!("`{value}` is not the value of a Kubernetes label: {help}"));
        }
        Ok(Self { key: key.into(), value: value.into() })
    }
}

impl fmt::Display for RoleLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

// === helpers ===

/// The address as `host:port`, `[v6]:port` or the socket's path.
pub fn write_address(address: &Address, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match address {
        Address::Tcp(host, port) => write_tcp(host, *port, f),
        Address::Unix(path) => write!(f, "{}", path.display()),
    }
}

fn write_tcp(host: &str, port: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

fn socket_path(text: &str) -> Result<Option<Address>, String> {
    let path = match text.strip_prefix("unix:") {
        Some(path) => path,
        None if text.starts_with('/') => text,
        None => return Ok(None),
    };
    let help = "write the whole path, such as `/run/rolecall/mysql.sock`";
    if !path.starts_with('/') {
        return Err(format!("`{text}` is not a socket's path: {help}"));
    }
    if path.len() > UNIX_PATH_MAX || path.contains('\0') || path.ends_with('/') {
        return Err(format!("`{path}` cannot be a socket's path (at most {UNIX_PATH_MAX} bytes): {help}"));
    }
    Ok(Some(Address::Unix(Path::new(path).to_owned())))
}

fn host_and_port(text: &str, help: &str) -> Result<(String, Option<u16>), String> {
    let wrong = || format!("`{text}` is not an address: {help}");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            match (rest, rest.strip_prefix(':')) {
                ("", _) => (host, None),
                (_, Some(port)) => (host, Some(port)),
                (_, None) => return Err(wrong()),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(format!("`{text}` is an IPv6 address without brackets: write `[{text}]:3306`"));
    }
    let port = match port {
        None => None,
        Some(port) => Some(port.parse::<u16>().map_err(|_| wrong())?),
    };
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(host_byte) || host.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

// === serde and schema ===

macro_rules! written_as_text {
    ($type:ident, $expecting:literal, $integer:expr, $schema:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TextVisitor;
                impl Visitor<'_> for TextVisitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        let read: fn(u64) -> Option<$type> = $integer;
                        read(number).ok_or_else(|| E::invalid_type(de::Unexpected::Unsigned(number), &self))
                    }
                }
                deserializer.deserialize_any(TextVisitor)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

written_as_text!(Period, "a duration with a unit, such as `5s` or `250ms`",
    |number| (number == 0).then_some(Period(Duration::ZERO)),
    { "type": "string", "format": "duration", "examples": ["5s", "250ms", "1m 30s"] });
written_as_text!(Size, "a size such as `256KiB`", |number| Some(Size(number)),
    { "type": ["string", "integer"], "format": "size", "examples": ["256KiB", "1GiB", 65536] });
written_as_text!(ListenAddress, "an address such as `0.0.0.0:3306` or `/path/to.sock`", |_| None,
    { "type": "string", "format": "address", "examples": ["0.0.0.0:3306", "/run/rolecall/mysql.sock"] });
written_as_text!(ServerAddress, "an address such as `db0.example.com:3306` or `/path/to.sock`", |_| None,
    { "type": "string", "format": "address", "examples": ["db0.example.com:3306", "/run/mysqld/mysqld.sock"] });
written_as_text!(AdminAddress, "an address such as `127.0.0.1:9104`, or a port",
    |number| u16::try_from(number).ok().map(|port| AdminAddress { host: "127.0.0.1".into(), port }),
    { "type": ["string", "integer"], "format": "address or port", "examples": ["127.0.0.1:9104", 9104] });
written_as_text!(RoleLabel, "a label such as `role=primary`", |_| None,
    { "type": "string", "format": "KEY=VALUE", "examples": ["role=primary"] });
