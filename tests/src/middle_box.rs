//! A man in the middle: between the proxy and a real server, or between a client and the proxy. It passes everything
//! on, but for the packets that a test puts in place of others.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rolecall_protocol::handshake::FirstPacket;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::{Capabilities, PacketHeader, SequenceId};

use crate::free_port;

/// Who a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The side that connected to the box.
    Client,
    /// The side that the box connected to.
    Server,
}

/// A packet, and where in the conversation it stands.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Who sends it.
    pub from: From,
    /// The user of the login; empty before it was seen.
    pub user: String,
    /// Whether the server has said OK to the login.
    pub logged_in: bool,
    /// The client's last command; empty during the login.
    pub command: Vec<u8>,
    /// Packets of the server since that command, or since the start, without this one.
    pub index: usize,
    /// The packet's sequence id.
    pub sequence: u8,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// These bytes go instead, headers included.
    Instead(Vec<u8>),
    /// These bytes go instead, then both sides are closed.
    Last(Vec<u8>),
    /// Nothing goes any more in this direction, but both sides stay open.
    Silence,
}

/// A running box; it ends with the test process.
pub struct MiddleBox {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Moment>>>,
}

type Meddle = dyn Fn(&Moment) -> Verdict + Send + Sync;

#[derive(Clone)]
struct Conversation {
    moment: Arc<Mutex<Moment>>,
    tls: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Moment>>>,
    meddle: Arc<Meddle>,
}

impl MiddleBox {
    /// Listens in front of `server`; `meddle` decides about each packet. Once TLS starts, all bytes pass.
    ///
    /// # Panics
    /// Where it cannot listen.
    #[must_use]
    pub fn start(server: SocketAddr, meddle: impl Fn(&Moment) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = (0..5)
            .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST))).ok())
            .expect("a free port");
        Self::over(listener, server, meddle)
    }

    /// The same, with a listener that is there already.
    ///
    /// # Panics
    /// Where it has no address.
    #[must_use]
    pub fn over(
        listener: TcpListener,
        server: SocketAddr,
        meddle: impl Fn(&Moment) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (meddle, notes): (Arc<Meddle>, _) = (Arc::new(meddle), Arc::clone(&seen));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let conversation = Conversation {
                    moment: Arc::new(Mutex::new(Moment::start())),
                    tls: Arc::default(),
                    seen: Arc::clone(&notes),
                    meddle: Arc::clone(&meddle),
                };
                let Ok(server) = TcpStream::connect(server) else { continue };
                let _ = conversation.start(client, server);
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// All packets in clear that one side has sent so far.
    #[must_use]
    pub fn seen(&self, from: From) -> Vec<Moment> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|moment| moment.from == from).cloned().collect()
    }
}

impl Moment {
    const fn start() -> Self {
        Self {
            from: From::Server,
            user: String::new(),
            logged_in: false,
            command: Vec::new(),
            index: 0,
            sequence: 0,
            payload: Vec::new(),
        }
    }

    /// A packet with this payload in this packet's place.
    #[must_use]
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        packet(self.sequence, payload)
    }

    /// The text of the last command, as far as it is text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.command).into_owned()
    }
}

impl Conversation {
    fn start(self, client: TcpStream, server: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (up, down) = (self.clone(), self);
        let (client_in, server_out) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || up.carry(From::Client, client_in, server_out));
        thread::spawn(move || down.carry(From::Server, server, client));
        Ok(())
    }

    fn carry(&self, from: From, mut source: TcpStream, mut sink: TcpStream) {
        let outcome = self.pass_on(from, &mut source, &mut sink);
        if outcome.is_ok_and(|stays_open| stays_open) {
            return;
        }
        let _ = source.shutdown(Shutdown::Both);
        let _ = sink.shutdown(Shutdown::Both);
    }

    /// True where silence was asked for.
    fn pass_on(&self, from: From, source: &mut TcpStream, sink: &mut TcpStream) -> io::Result<bool> {
        loop {
            let mut header = [0; HEADER_LENGTH];
            source.read_exact(&mut header)?;
            // A TLS record: handshake or alert.
            if self.tls.load(Ordering::SeqCst) && matches!(header, [0x15 | 0x16, 0x03, ..]) {
                sink.write_all(&header)?;
                return io::copy(source, sink).map(|_| false);
            }
            let parsed = PacketHeader::read(&header).expect("four bytes");
            let mut payload = vec![0; parsed.payload_length()];
            source.read_exact(&mut payload)?;
            self.tls.fetch_or(from == From::Client && is_tls_request(&payload), Ordering::SeqCst);
            let moment = self.note(from, parsed.sequence, &payload);
            match (self.meddle)(&moment) {
                Verdict::Pass => sink.write_all(&[&header[..], &payload].concat())?,
                Verdict::Instead(bytes) => sink.write_all(&bytes)?,
                Verdict::Last(bytes) => {
                    sink.write_all(&bytes)?;
                    return Ok(false);
                }
                Verdict::Silence => return Ok(true),
            }
        }
    }

    fn moment(&self) -> std::sync::MutexGuard<'_, Moment> {
        self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the state of the conversation up to date with a packet.
    fn note(&self, from: From, sequence: SequenceId, payload: &[u8]) -> Moment {
        let mut state = self.moment();
        match from {
            From::Client if state.user.is_empty() => {
                if let Ok(FirstPacket::Login(response)) = FirstPacket::decode(payload, Capabilities::all()) {
                    state.user = String::from_utf8_lossy(&response.user).into_owned();
                }
            }
            From::Client if state.logged_in && sequence == SequenceId(0) => {
                state.command = payload.to_vec();
                state.index = 0;
            }
            From::Client | From::Server => {}
        }
        let moment = Moment { from, sequence: sequence.0, payload: payload.to_vec(), ..state.clone() };
        if from == From::Server {
            state.index += 1;
            // The greeting begins with the protocol's version, 10.
            state.logged_in |= payload.first() == Some(&0x00) && !state.user.is_empty();
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(moment.clone());
        moment
    }
}

fn is_tls_request(payload: &[u8]) -> bool {
    payload.len() == 32 && matches!(FirstPacket::decode(payload, Capabilities::all()), Ok(FirstPacket::Ssl(_)))
}

/// A whole packet.
#[must_use]
pub fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let header = PacketHeader { length: payload.len() as u32, sequence: SequenceId(sequence) };
    [&header.to_bytes()[..], payload].concat()
}
