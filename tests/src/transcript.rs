//! What a client saw, and how two such records differ.

use std::fmt;

use crate::raw::{Packet, Part};

/// One thing that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A command was sent.
    Sent(String),
    /// A payload was received.
    Received(Packet),
    /// The peer closed.
    Closed,
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
