//! Commands by name.

use rolecall_protocol::Capabilities;
use rolecall_protocol::wire::{Put, Reader};

use super::client::Client;
use super::login::{LoginOptions, respond};
use super::reply::{Kind, Reply};

/// A prepared statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its id.
    pub id: u32,
    /// Parameters.
    pub parameters: u16,
    /// Columns.
    pub columns: u16,
    /// The whole reply.
    pub reply: Reply,
}

/// A parameter's type and value as they travel.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// enum_field_types
    pub kind: u8,
    /// 0x80: unsigned
    pub flags: u8,
    /// The value as it travels; `None` is NULL.
    pub value: Option<Vec<u8>>,
}

/// A query attribute: name and value.
pub type Attribute = (&'static str, Parameter);

impl Parameter {
    /// MYSQL_TYPE_VAR_STRING
    #[must_use]
    pub fn text(value: impl AsRef<[u8]>) -> Self {
        let mut encoded = Vec::new();
        encoded.put_bytes_lenenc(value.as_ref());
        Self { kind: 0xFD, flags: 0, value: Some(encoded) }
    }

    /// MYSQL_TYPE_LONGLONG
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self { kind: 0x08, flags: 0, value: Some(value.to_le_bytes().to_vec()) }
    }

    /// NULL
    #[must_use]
    pub const fn null() -> Self {
        Self { kind: 0x06, flags: 0, value: None }
    }

    /// A value of any type.
    #[must_use]
    pub fn of(kind: u8, flags: u8, value: &[u8]) -> Self {
        Self { kind, flags, value: Some(value.to_vec()) }
    }
}

impl Client {
    /// COM_QUERY
    pub fn query(&mut self, text: impl AsRef<[u8]>) -> Reply {
        self.send_query(&text);
        self.read_reply(Kind::Result)
    }

    /// COM_QUERY whose reply must not be an error.
    pub fn run(&mut self, text: &str) -> Reply {
        self.query(text).expect_ok(text)
    }

    /// Sends COM_QUERY and does not read the reply.
    pub fn send_query(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let mut payload = vec![0x03];
        if self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
            payload.put_lenenc(0);
            payload.put_lenenc(1);
        }
        payload.put_bytes(text);
        self.send_command(&String::from_utf8_lossy(&text[..text.len().min(200)]), &payload);
    }

    /// COM_QUERY with query attributes.
    pub fn query_with_attributes(&mut self, text: &str, attributes: &[Attribute]) -> Reply {
        let mut payload = vec![0x03];
        payload.put_lenenc(attributes.len() as u64);
        payload.put_lenenc(1);
        if !attributes.is_empty() {
            let named: Vec<_> = attributes.iter().map(|(name, value)| (Some(*name), value)).collect();
            put_parameters(&mut payload, &named, true);
        }
        payload.put_bytes(text.as_bytes());
        self.command(text, &payload, Kind::Result)
    }

    /// COM_STMT_PREPARE
    ///
    /// # Panics
    /// Where the server refuses it.
    pub fn prepare(&mut self, text: &str) -> Prepared {
        let reply = self.try_prepare(text).expect_ok(text);
        let mut reader = Reader::new(&reply.packets[0].payload[1..]);
        let id = reader.u32("id").expect("an id");
        let columns = reader.u16("columns").expect("a number");
        let parameters = reader.u16("parameters").expect("a number");
        Prepared { id, parameters, columns, reply }
    }

    /// COM_STMT_PREPARE that may fail.
    pub fn try_prepare(&mut self, text: &str) -> Reply {
        let payload = [&[0x16], text.as_bytes()].concat();
        self.command(&format!("prepare: {}", &text[..text.len().min(200)]), &payload, Kind::Prepare)
    }

    /// COM_STMT_EXECUTE without a cursor, with types.
    pub fn execute(&mut self, id: u32, parameters: &[Parameter]) -> Reply {
        self.execute_with(id, 0, parameters, true)
    }

    /// COM_STMT_EXECUTE
    pub fn execute_with(&mut self, id: u32, flags: u8, parameters: &[Parameter], with_types: bool) -> Reply {
        let payload = self.execute_payload(id, flags, parameters, with_types);
        // Large values would fill a failure's report.
        let shown: Vec<_> = parameters
            .iter()
            .map(|value| (value.kind, value.flags, value.value.as_ref().map(|bytes| &bytes[..bytes.len().min(64)])))
            .collect();
        self.command(&format!("execute, flags {flags} {shown:02x?}"), &payload, Kind::Result)
    }

    /// COM_STMT_EXECUTE's payload.
    #[must_use]
    pub fn execute_payload(&self, id: u32, flags: u8, parameters: &[Parameter], with_types: bool) -> Vec<u8> {
        let mut payload = vec![0x17];
        payload.put_u32(id);
        payload.put_u8(flags);
        payload.put_u32(1);
        if !parameters.is_empty() {
            let unnamed: Vec<_> = parameters.iter().map(|value| (None, value)).collect();
            put_parameters(&mut payload, &unnamed, with_types);
        }
        payload
    }

    /// COM_STMT_EXECUTE with query attributes behind the parameters (PARAMETER_COUNT_AVAILABLE).
    pub fn execute_with_attributes(&mut self, id: u32, parameters: &[Parameter], attributes: &[Attribute]) -> Reply {
        let mut payload = vec![0x17];
        payload.put_u32(id);
        payload.put_u8(0x08);
        payload.put_u32(1);
        let mut all: Vec<_> = parameters.iter().map(|value| (Some(""), value)).collect();
        all.extend(attributes.iter().map(|(name, value)| (Some(*name), value)));
        payload.put_lenenc(all.len() as u64);
        if !all.is_empty() {
            put_parameters(&mut payload, &all, true);
        }
        self.command("execute with attributes", &payload, Kind::Result)
    }

    /// COM_STMT_FETCH
    pub fn fetch(&mut self, id: u32, rows: u32) -> Reply {
        let mut payload = vec![0x1C];
        payload.put_u32(id);
        payload.put_u32(rows);
        self.command(&format!("fetch {rows}"), &payload, Kind::Rows)
    }

    /// COM_STMT_SEND_LONG_DATA
    pub fn send_long_data(&mut self, id: u32, parameter: u16, data: &[u8]) {
        let mut payload = vec![0x18];
        payload.put_u32(id);
        payload.put_u16(parameter);
        payload.put_bytes(data);
        self.command(&format!("long data: {} bytes", data.len()), &payload, Kind::Nothing);
    }

    /// COM_STMT_RESET
    pub fn reset_statement(&mut self, id: u32) -> Reply {
        let payload = [&[0x1A][..], &id.to_le_bytes()].concat();
        self.command("reset a statement", &payload, Kind::Single)
    }

    /// COM_STMT_CLOSE
    pub fn close_statement(&mut self, id: u32) {
        let payload = [&[0x19][..], &id.to_le_bytes()].concat();
        self.command("close a statement", &payload, Kind::Nothing);
    }

    /// COM_INIT_DB
    pub fn init_db(&mut self, name: &str) -> Reply {
        self.command(&format!("init db {name}"), &[&[0x02], name.as_bytes()].concat(), Kind::Single)
    }

    /// COM_PING
    pub fn ping(&mut self) -> Reply {
        self.command("ping", &[0x0E], Kind::Single)
    }

    /// COM_RESET_CONNECTION
    pub fn reset_connection(&mut self) -> Reply {
        self.command("reset connection", &[0x1F], Kind::Single)
    }

    /// COM_SET_OPTION: multi-statements on (0) or off (1)
    pub fn set_option(&mut self, option: u16) -> Reply {
        self.command(&format!("set option {option}"), &[&[0x1B][..], &option.to_le_bytes()].concat(), Kind::Single)
    }

    /// COM_QUIT, and the close that follows.
    pub fn quit(&mut self) {
        self.command("quit", &[0x01], Kind::Close);
    }

    /// COM_CHANGE_USER and its authentication exchange; the answer to the scramble is of the greeting's.
    ///
    /// # Errors
    /// The server's ERR packet.
    pub fn change_user(&mut self, options: &LoginOptions) -> Result<(), rolecall_protocol::response::ErrPacket> {
        let scramble = self.greeting.as_ref().map(|greeting| greeting.scramble).unwrap_or_default();
        let change = rolecall_protocol::handshake::ChangeUser {
            user: options.user.clone().into_bytes(),
            auth_response: zeroize::Zeroizing::new(respond(&options.plugin, &options.password, &scramble)),
            database: options.database.clone().unwrap_or_default().into_bytes(),
            collation: Some(options.collation),
            plugin: Some(options.plugin.clone().into_bytes()),
            attributes: Vec::new(),
        };
        self.send_command(&format!("change user to {}", options.user), &change.encode(self.capabilities));
        let start = self.transcript.len();
        let outcome = self.finish_login(options, options.plugin.as_bytes(), &scramble);
        // Which way the proof took is the proxy's own affair: it must learn the password, which servers keep (sessions.md
        // 7). What comes of it is compared; that the ids follow each other was checked.
        self.transcript.forget_but_last(start);
        outcome
    }
}

/// NULL bitmap, new_params_bound, types (and names where there are any), values.
fn put_parameters(payload: &mut Vec<u8>, parameters: &[(Option<&str>, &Parameter)], with_types: bool) {
    let mut nulls = vec![0_u8; parameters.len().div_ceil(8)];
    for (index, (_, parameter)) in parameters.iter().enumerate() {
        if parameter.value.is_none() {
            nulls[index / 8] |= 1 << (index % 8);
        }
    }
    payload.put_bytes(&nulls);
    payload.put_u8(with_types.into());
    if with_types {
        for (name, parameter) in parameters {
            payload.put_bytes(&[parameter.kind, parameter.flags]);
            if let Some(name) = name {
                payload.put_bytes_lenenc(name.as_bytes());
            }
        }
    }
    for (_, parameter) in parameters {
        payload.put_bytes(parameter.value.as_deref().unwrap_or_default());
    }
}
