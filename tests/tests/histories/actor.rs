//! One session, and how it takes a step.

use std::time::{Duration, Instant};

use rolecall_protocol::StatusFlags;
use rolecall_protocol::response::OkPacket;
use rolecall_tests::raw::{Client, Parameter, Part, Reply};

/// The proxy's own error where no connection is free: nothing was executed.
const NONE_FREE: u16 = 1105;
/// The proxy's own error where a question about the last statement comes too late.
pub const TOO_LATE: u16 = 1235;

/// XAER_DUPID
const SAME_XID: &str = "error 1440";

/// Ids that tables give begin here; those below were named by statements.
const GIVEN_IDS: u64 = 1_000_000;

/// What one step brought, as a client sees it.
pub type Outcome = String;

/// A session at the server or at the proxy.
pub struct Actor {
    pub client: Client,
    /// Prepared statements by slot: ids and parameters.
    statements: [Option<(u32, u16)>; 4],
    /// Whether types were bound to each: an execution without is malformed else.
    is_bound: [bool; 4],
    /// Whether data of the first parameter was sent ahead: its value is left out then.
    has_long_data: [bool; 4],
    /// The last id that a table gave: the server's own word.
    given: Option<u64>,
}

impl Actor {
    pub fn new(client: Client) -> Self {
        Self { client, statements: [None; 4], is_bound: [false; 4], has_long_data: [false; 4], given: None }
    }

    /// Takes a step: SQL, or a command behind an exclamation mark. None: no connection was free, and nothing has happened.
    pub fn take(&mut self, step: &str) -> Option<Outcome> {
        self.client.transcript.clear();
        let reply = match step.strip_prefix('!') {
            Some(command) => self.command(command),
            None => Some(self.client.query(step)),
        };
        let Some(reply) = reply else { return Some("-".into()) };
        if reply.code() == NONE_FREE && !reply.closed {
            return None;
        }
        Some(self.outcome(&reply))
    }

    /// Takes a step, however long others keep the connection.
    pub fn take_patiently(&mut self, step: &str) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.take(step) {
                // The session before has not gone yet that had the same name.
                Some(outcome) if outcome == SAME_XID && Instant::now() < deadline => {}
                Some(outcome) => return outcome,
                None if Instant::now() > deadline => return "no connection within 5 s".into(),
                None => {}
            }
        }
    }

    fn command(&mut self, command: &str) -> Option<Reply> {
        let mut words = command.split(' ');
        let name = words.next().unwrap_or_default();
        let rest = words.clone().collect::<Vec<_>>().join(" ");
        let argument = words.next().unwrap_or_default();
        match name {
            "init_db" => return Some(self.client.init_db(argument)),
            "ping" => return Some(self.client.ping()),
            "set_option" => return Some(self.client.set_option(argument.parse().expect("a number"))),
            "reset_connection" => {
                self.statements = [None; 4];
                return Some(self.client.reset_connection());
            }
            _ => {}
        }
        let slot: usize = argument.parse().expect("a slot");
        if name == "prepare" {
            let reply = self.client.try_prepare(rest.split_once(' ').expect("a text").1);
            let number =
                |at: usize| reply.packets[0].payload.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
            let id = reply
                .packets
                .first()
                .filter(|packet| packet.part == Part::PrepareOk)
                .map(|packet| u32::from_le_bytes(packet.payload[1..5].try_into().expect("four bytes")));
            // The statement that was in the slot goes on existing, as with careless clients.
            if let Some(id) = id {
                (self.is_bound[slot], self.has_long_data[slot]) = (false, false);
                self.statements[slot] = Some((id, number(7).unwrap_or_default()));
            }
            return Some(reply);
        }
        let (id, parameters) = self.statements[slot]?;
        match name {
            "execute" | "again" | "cursor" => {
                let mut values: Vec<_> = words.map(parameter).collect();
                values.truncate(parameters.into());
                values.resize_with(parameters.into(), || Parameter::integer(4));
                if std::mem::take(&mut self.has_long_data[slot]) {
                    values[0] = Parameter::of(0xFC, 0, &[]);
                }
                let with_types = name != "again" || !self.is_bound[slot];
                let reply = self.client.execute_with(id, u8::from(name == "cursor"), &values, with_types);
                // A refused one may have bound them, or not.
                self.is_bound[slot] = reply.code() == 0;
                Some(reply)
            }
            "fetch" => Some(self.client.fetch(id, 1)),
            "long_data" => {
                if parameters == 0 {
                    return None;
                }
                self.client.send_long_data(id, 0, b"long data");
                self.has_long_data[slot] = true;
                // Its type is another one than before.
                self.is_bound[slot] = false;
                None
            }
            "reset" => {
                self.has_long_data[slot] = false;
                Some(self.client.reset_statement(id))
            }
            "close" => {
                self.client.close_statement(id);
                self.statements[slot] = None;
                None
            }
            _ => panic!("no such command: {name}"),
        }
    }

    fn outcome(&mut self, reply: &Reply) -> Outcome {
        if reply.closed {
            return "closed".into();
        }
        let oks = reply.packets.iter().filter(|packet| packet.part == Part::Ok);
        let ids =
            oks.filter_map(|packet| Some(OkPacket::decode(&packet.payload, reply.capabilities).ok()?.last_insert_id));
        self.given = ids.rev().find(|id| *id >= GIVEN_IDS).or(self.given);
        if let Some(error) = reply.error() {
            // The code alone: texts name accounts.
            return format!("error {}", error.code);
        }
        if reply.packets.first().is_some_and(|packet| packet.part == Part::PrepareOk) {
            return "prepared".into();
        }
        let mut told = String::new();
        let binary =
            reply.packets.iter().filter(|packet| packet.part == Part::Row).any(|row| row.payload.first() == Some(&0));
        for packet in &reply.packets {
            match packet.part {
                Part::Column => told.push_str(&format!("column {:02x?} ", column_type(&packet.payload))),
                Part::Row if binary => told.push_str(&format!("{:?} ", String::from_utf8_lossy(&packet.payload))),
                _ => {}
            }
        }
        if !binary {
            let rows = reply.rows();
            told.push_str(&format!("{rows:?} "));
        }
        if let Some(given) = self.given {
            told = told.replace(&given.to_string(), "the last id given");
        }
        // The accounts at the server and at the proxy differ by name.
        told = told.replace("_at`@", "`@");
        let status = reply
            .status()
            .intersection(StatusFlags::IN_TRANS | StatusFlags::AUTOCOMMIT | StatusFlags::NO_BACKSLASH_ESCAPES);
        told.push_str(&format!("{status:?}"));
        told
    }
}

/// Collation and type of a result's column.
fn column_type(payload: &[u8]) -> Vec<u8> {
    // SHOW WARNINGS behind a hand-over tells its Code as BIGINT (no expression of MySQL's is an INT), and its texts in the
    // connection's character set where character_set_results is NULL.
    if [b"\x04Code".as_slice(), b"\x05Level", b"\x07Message"]
        .iter()
        .any(|name| payload.windows(name.len()).any(|part| part == *name))
    {
        return Vec::new();
    }
    // They are in the thirteen bytes at the end (Protocol::ColumnDefinition41).
    let fixed = &payload[payload.len().saturating_sub(12)..];
    fixed[..2].iter().chain(&fixed[6..7]).copied().collect()
}

fn parameter(word: &str) -> Parameter {
    match word.parse() {
        Ok(number) => Parameter::integer(number),
        Err(_) if word == "NULL" => Parameter::null(),
        Err(_) => Parameter::text(word),
    }
}
