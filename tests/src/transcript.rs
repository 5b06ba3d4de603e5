//! What a client saw, and how two such records differ.

use std::fmt;

use rolecall_protocol::StatusFlags;

use crate::raw::{Packet, Part};

/// The flags that are known before a statement's own.
const EARLY_FLAGS: StatusFlags = StatusFlags::OF_SESSION
    .difference(StatusFlags::IN_TRANS.union(StatusFlags::IN_TRANS_READONLY))
    .union(StatusFlags::CURSOR_EXISTS)
    .union(StatusFlags::PS_OUT_PARAMS);

/// One thing that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A command was sent.
    Sent(String),
    /// A payload was received.
    Received(Packet),
    /// The peer closed.
    Closed,
    /// What a test has found out otherwise.
    Noted(String),
}

/// All that happened on a connection, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    events: Vec<Event>,
}

impl Transcript {
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Forgets what happened so far, such as a login.
    pub fn clear(&mut self) {
        self.events.clear();
    }

    /// Forgets what happened since there were `start` events, but for the last of them.
    pub(crate) fn forget_but_last(&mut self, start: usize) {
        let end = self.events.len().saturating_sub(1);
        if start < end {
            self.events.drain(start..end);
        }
        if let Some(Event::Received(packet)) = self.events.last_mut() {
            (packet.first, packet.last) = (0, 0);
        }
    }

    /// Appends another connection's record.
    pub fn append(&mut self, other: &mut Self) {
        self.events.append(&mut other.events);
    }

    pub(crate) fn received_since(&self, start: usize) -> Vec<Packet> {
        let received = self.events[start..].iter().filter_map(|event| match event {
            Event::Received(packet) => Some(packet.clone()),
            _ => None,
        });
        received.collect()
    }

    /// Changes each received payload.
    pub fn mask(&mut self, mask: impl Fn(&mut Packet)) {
        for event in &mut self.events {
            if let Event::Received(packet) = event {
                mask(packet);
            }
        }
    }

    /// Hides what nobody can know at the EOF behind column definitions who has a server that sends none there (the
    /// proxy always speaks DEPRECATE_EOF to servers): the warnings, the flags of the statement itself, and whether it
    /// has begun or ended a transaction. They are compared at the end of the result; the session's flags are compared
    /// here too.
    pub(crate) fn hide_early_status(&mut self) {
        let mut before = Part::Other;
        for event in &mut self.events {
            let Event::Received(packet) = event else { continue };
            if packet.part == Part::Eof
                && matches!(before, Part::Column | Part::ColumnCount)
                && packet.payload.len() == 5
            {
                let flags = u16::from_le_bytes([packet.payload[3], packet.payload[4]]);
                let known = flags & EARLY_FLAGS.bits();
                packet.payload = [&[0xFE, 0, 0][..], &known.to_le_bytes()].concat();
            }
            before = packet.part;
        }
    }

    /// Numbers prepared statements in their order, here and in errors that name one: MariaDB counts on in a
    /// thread that it uses for another connection, MySQL counts those that failed too.
    pub(crate) fn number_statements(&mut self) {
        let mut ids: Vec<u32> = Vec::new();
        for event in &mut self.events {
            let Event::Received(packet) = event else { continue };
            match packet.part {
                Part::PrepareOk => {
                    ids.push(u32::from_le_bytes(packet.payload[1..5].try_into().expect("four bytes")));
                    packet.payload[1..5].copy_from_slice(&(ids.len() as u32).to_le_bytes());
                }
                Part::Err => {
                    let text = String::from_utf8_lossy(&packet.payload);
                    if !text.contains("handler (") && !text.contains("The statement (") {
                        continue;
                    }
                    let Some((before, rest)) = text.split_once('(') else { continue };
                    let Some((id, after)) = rest.split_once(')') else { continue };
                    let number = ids.iter().rposition(|known| id == known.to_string());
                    let name = number.map_or("unknown".to_owned(), |index| format!("number {}", index + 1));
                    packet.payload = format!("{before}({name}){after}").into_bytes();
                }
                _ => {}
            }
        }
    }

    /// Where this record differs from `other`, for people; `None` where it does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut sent = "";
        for (index, mine) in self.events.iter().enumerate() {
            if let Event::Sent(what) = mine {
                sent = what;
            }
            let theirs = other.events.get(index);
            if theirs != Some(mine) {
                let theirs = theirs.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                return Some(format!("after {sent:?} (event {index})\n  direct:  {mine}\n  proxied: {theirs}"));
            }
        }
        Some(format!("after {sent:?}\n  direct:  nothing\n  proxied: {}", other.events[self.events.len()]))
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.events.len().saturating_sub(30);
        if skipped > 0 {
            writeln!(f, "… {skipped} events")?;
        }
        self.events[skipped..].iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(what) => write!(f, "-> {what}"),
            Self::Closed => f.write_str("<- closed"),
            Self::Noted(what) => write!(f, "== {what}"),
            Self::Received(packet) => {
                let ids = (packet.first, packet.last, packet.payload.len());
                write!(f, "<- {:?} ids {}..{} length {}: ", packet.part, ids.0, ids.1, ids.2)?;
                let shown = &packet.payload[..packet.payload.len().min(160)];
                if packet.part != Part::Err {
                    write!(f, "{} ", shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>())?;
                }
                write!(f, "\"{}\"", shown.escape_ascii())
            }
        }
    }
}
