//! The client: packets in and out.

use std::io;
use std::net::SocketAddr;

use rolecall_protocol::handshake::Greeting;
use rolecall_protocol::packet::{HEADER_LENGTH, MAX_PAYLOAD_LENGTH, put_packet};
use rolecall_protocol::wire::Reader;
use rolecall_protocol::{Capabilities, PacketHeader, SequenceId, StatusFlags};

use super::reply::{Kind, Packet, Part, Reply, status_of};
use super::stream::Stream;
use crate::transcript::{Event, Transcript};

/// A connection to a server or to the proxy.
pub struct Client {
    /// The connection below.
    pub stream: Stream,
    /// What holds on this connection.
    pub capabilities: Capabilities,
    /// The server's first packet, once it was read.
    pub greeting: Option<Greeting>,
    /// Everything that was received, for comparison.
    pub transcript: Transcript,
    /// What a LOCAL INFILE request is answered with: each part a packet, the empty packet behind them is added.
    pub local_file: Vec<Vec<u8>>,
    /// The next packet's sequence id, in either direction.
    pub sequence: SequenceId,
    /// Takes whatever sequence id the next packet has: inside compressed frames servers number packets by the frames.
    pub any_sequence: bool,
    before_command: Option<Box<dyn FnMut() + Send>>,
}

impl Client {
    /// Connects and does nothing else.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Stream::connect(address)?))
    }

    /// A client over a connected stream.
    #[must_use]
    pub fn over(stream: Stream) -> Self {
        Self {
            stream,
            capabilities: Capabilities::empty(),
            greeting: None,
            transcript: Transcript::default(),
            local_file: Vec::new(),
            sequence: SequenceId(0),
            any_sequence: false,
            before_command: None,
        }
    }

    /// Runs `hook` before each command.
    pub fn before_command(&mut self, hook: impl FnMut() + Send + 'static) {
        self.before_command = Some(Box::new(hook));
    }

    /// Sends `payload` as a command and reads its reply; `what` names it in transcripts.
    pub fn command(&mut self, what: &str, payload: &[u8], kind: Kind) -> Reply {
        self.send_command(what, payload);
        self.read_reply(kind)
    }

    /// Sends `payload` as a command.
    pub fn send_command(&mut self, what: &str, payload: &[u8]) {
        if let Some(hook) = &mut self.before_command {
            hook();
        }
        self.transcript.push(Event::Sent(what.to_owned()));
        self.sequence = SequenceId(0);
        let mut bytes = Vec::new();
        put_packet(&mut bytes, &mut self.sequence, payload);
        self.send_raw(&bytes, true);
    }

    /// Sends `payload` as the next packet of the exchange.
    pub fn send_packet(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        put_packet(&mut bytes, &mut self.sequence, payload);
        self.send_raw(&bytes, false);
    }

    /// Sends any bytes. A peer that has closed is found out by the next read.
    pub fn send_raw(&mut self, bytes: &[u8], new_command: bool) {
        let _ = self.stream.send(bytes, new_command);
    }

    /// Reads one payload and checks that its sequence ids follow; `None` where the peer closed.
    ///
    /// # Panics
    /// On a time-out and on a wrong sequence id.
    pub fn read_packet(&mut self) -> Option<Packet> {
        let mut payload = Vec::new();
        let mut first = None;
        loop {
            let header = self.take(HEADER_LENGTH)?;
            let header = PacketHeader::read(&header).expect("four bytes");
            payload.extend_from_slice(&self.take(header.payload_length())?);
            if self.any_sequence {
                self.sequence = header.sequence;
            }
            first.get_or_insert(header.sequence.0);
            assert_eq!(
                header.sequence,
                self.sequence,
                "sequence id of {:?}\n{}",
                String::from_utf8_lossy(&payload),
                self.transcript
            );
            self.sequence = self.sequence.next();
            if header.payload_length() < MAX_PAYLOAD_LENGTH {
                let first = first.unwrap_or_default();
                return Some(Packet { part: Part::Other, first, last: header.sequence.0, payload });
            }
        }
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        self.stream
            .take(count)
            .unwrap_or_else(|error| panic!("waiting for {count} bytes: {error}\n{}", self.transcript))
    }

    /// Reads the whole reply of a command that was sent.
    pub fn read_reply(&mut self, kind: Kind) -> Reply {
        let start = self.transcript.len();
        let whole = self.read_parts(kind).is_some();
        if kind == Kind::Close {
            self.expect_close();
        } else if !whole {
            self.transcript.push(Event::Closed);
        }
        let packets = self.transcript.received_since(start);
        Reply { packets, closed: !whole, capabilities: self.capabilities }
    }

    /// Checks that the peer closes without another byte.
    ///
    /// # Panics
    /// Where it does otherwise.
    pub fn expect_close(&mut self) {
        let rest = self.stream.take_until_close().unwrap_or_else(|error| panic!("expected a close: {error}"));
        assert!(rest.is_empty(), "bytes before the close: {rest:02x?}");
        self.transcript.push(Event::Closed);
    }

    /// Reads a packet and notes it as `part`, or as ERR where it is one.
    fn next(&mut self, part: impl FnOnce(&[u8]) -> Part) -> Option<Packet> {
        let mut packet = self.read_packet()?;
        packet.part = if packet.payload.first() == Some(&0xFF) { Part::Err } else { part(&packet.payload) };
        self.transcript.push(Event::Received(packet.clone()));
        Some(packet)
    }

    fn read_parts(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Kind::Nothing | Kind::Close => Some(()),
            Kind::Single => self.next(single).map(drop),
            Kind::Rows => self.read_rows().map(drop),
            Kind::Columns => self.read_until_end(Part::Column).map(drop),
            Kind::Prepare => self.read_prepare(),
            Kind::Result => loop {
                if !self.read_result()?.contains(StatusFlags::MORE_RESULTS_EXISTS) {
                    return Some(());
                }
            },
        }
    }

    /// One result; its last status flags (none after ERR).
    fn read_result(&mut self) -> Option<StatusFlags> {
        let first = self.next(|payload| match payload.first() {
            Some(0x00) => Part::Ok,
            Some(0xFB) => Part::LocalInfile,
            _ => Part::ColumnCount,
        })?;
        match first.part {
            Part::Ok => return Some(status_of(&first, self.capabilities)),
            Part::Err => return Some(StatusFlags::empty()),
            Part::LocalInfile => {
                self.send_local_file();
                let end = self.next(single)?;
                return Some(status_of(&end, self.capabilities));
            }
            _ => {}
        }
        let mut reader = Reader::new(&first.payload);
        let columns = reader.lenenc("columns").expect("a number of columns");
        let with_metadata = !self.capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA)
            || reader.u8("metadata follows").expect("a byte") == 1;
        if with_metadata {
            for _ in 0..columns {
                if self.next(|_| Part::Column)?.part == Part::Err {
                    return Some(StatusFlags::empty());
                }
            }
        }
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            let end = self.next(|_| Part::Eof)?;
            let status = status_of(&end, self.capabilities);
            if end.part == Part::Err || status.contains(StatusFlags::CURSOR_EXISTS) {
                return Some(status);
            }
            // MySQL says here alone that CALL's last OK follows the OUT parameters; the EOF behind them does not.
            if status.contains(StatusFlags::PS_OUT_PARAMS) {
                return Some(self.read_rows()? | StatusFlags::MORE_RESULTS_EXISTS);
            }
        }
        self.read_rows()
    }

    fn send_local_file(&mut self) {
        for part in std::mem::take(&mut self.local_file) {
            self.send_packet(&part);
        }
        self.send_packet(&[]);
    }

    fn read_rows(&mut self) -> Option<StatusFlags> {
        self.read_until_end(Part::Row)
    }

    /// Packets of kind `part` until OK, EOF or ERR.
    fn read_until_end(&mut self, part: Part) -> Option<StatusFlags> {
        let deprecated = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
        loop {
            let packet = self.next(|payload| match payload.first() {
                Some(0xFE) if deprecated && payload.len() < MAX_PAYLOAD_LENGTH => Part::Ok,
                Some(0xFE) if !deprecated && payload.len() < 9 => Part::Eof,
                _ => part,
            })?;
            match packet.part {
                Part::Err => return Some(StatusFlags::empty()),
                Part::Ok | Part::Eof => return Some(status_of(&packet, self.capabilities)),
                _ => {}
            }
        }
    }

    fn read_prepare(&mut self) -> Option<()> {
        let first = self.next(|_| Part::PrepareOk)?;
        if first.part == Part::Err {
            return Some(());
        }
        let mut reader = Reader::new(&first.payload[1..]);
        let _id = reader.u32("statement id").expect("an id");
        let columns = reader.u16("columns").expect("a number");
        let parameters = reader.u16("parameters").expect("a number");
        let with_metadata =
            !self.capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA) || first.payload.get(12) != Some(&0);
        for count in [parameters, columns] {
            for _ in 0..if with_metadata { count } else { 0 } {
                if self.next(|_| Part::Column)?.part == Part::Err {
                    return Some(());
                }
            }
            // The EOF comes even where the definitions were left out.
            if count > 0 && !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
                self.next(|_| Part::Eof)?;
            }
        }
        Some(())
    }
}

fn single(payload: &[u8]) -> Part {
    match payload.first() {
        Some(0x00) => Part::Ok,
        Some(0xFE) if payload.len() < 9 => Part::Eof,
        _ => Part::Other,
    }
}
