//! Where statements go when servers are missing, and what a session has seen counts.

use std::sync::Arc;

use rolecall_protocol::StatusFlags;
use rolecall_protocol::response::OkPacket;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::consistency::{Board, Bounds, Causality, Consistency, Progress};
use rolecall_router::decide::{Action, DecisionInput, Mode, ReadsOnPrimary, decide};
use rolecall_router::session::{SessionState, View};
use rolecall_router::sql::cases::MYSQL;
use rolecall_router::sql::{Flavour, classify};
use rolecall_router::topology::{Address, Primary, Role, Server, ServerId, Topology};

const PRIMARY: ServerId = ServerId(1);
const REPLICA: ServerId = ServerId(2);
const SOURCE: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

struct Case {
    topology: Topology,
    session: SessionState,
    causality: Causality,
    board: Board,
    mode: Mode,
}

impl Case {
    /// Of these servers; the session has written transaction 7, and the replica has as many as it is given.
    fn new(servers: &[(ServerId, Role)], executed: u64, mode: Mode) -> Self {
        let server = |(id, role): &(ServerId, Role)| {
            Arc::new(Server {
                id: *id,
                address: Address::Unix("/nowhere".into()),
                name: String::new(),
                uuid: None,
                role: *role,
                why: String::new(),
                weight: 1,
                zone: None,
                is_near: false,
                outstanding: Arc::default(),
            })
        };
        let has_primary = servers.iter().any(|(_, role)| *role == Role::Primary);
        let primary = if has_primary { Primary::One(PRIMARY) } else { Primary::None("none here".into()) };
        let topology = Topology { servers: servers.iter().map(server).collect(), primary, ..Topology::empty() };
        let mut causality = Causality::default();
        causality.wrote_tracked(Flavour::Mysql, format!("{SOURCE}:7").as_bytes(), 10);
        let executed = format!("{SOURCE}:1-{executed}");
        let row = [Some(b"ON".as_slice()), Some(b"".as_slice()), Some(executed.as_bytes())];
        let progress = Progress::new(REPLICA, Bounds::read(Flavour::Mysql, &row), 20);
        let session = SessionState::new(Vec::new(), MYSQL, StatusFlags::AUTOCOMMIT);
        Self { topology, session, causality, board: Board::default().with(progress), mode }
    }

    fn of(&self, sql: &str) -> Action {
        let statement = classify(sql.as_bytes(), &MYSQL, &Catalogue::unknown());
        let input = DecisionInput {
            statement: &statement,
            session: &self.session,
            topology: &self.topology,
            mode: self.mode,
            reads_on_primary: ReadsOnPrimary::WhenNoReplica,
            rotation: 0,
            favourite: None,
            requirement: self.causality.needs(Consistency::Session),
            board: &self.board,
        };
        decide(&input).action
    }
}

#[test]
fn f1_without_a_primary_data_beside_what_differs_is_not_older_than_what_was_written() {
    let sql = "SELECT @@hostname, a FROM t";
    let replica = [(REPLICA, Role::Replica)];
    assert_eq!(Case::new(&replica, 7, Mode::Split).of(sql), Action::Forward(REPLICA));
    let late = Case::new(&replica, 6, Mode::Split);
    assert_eq!(late.of(sql), Action::After(REPLICA));
    assert_eq!(late.of("SHOW STATUS"), Action::Forward(REPLICA), "it shows no data");
}

#[test]
fn f2_in_a_listener_for_replicas_the_session_s_replica_must_have_what_it_needs() {
    let servers = [(PRIMARY, Role::Primary), (REPLICA, Role::Replica)];
    for (executed, expected) in [(7, Action::Forward(REPLICA)), (6, Action::After(REPLICA))] {
        let mut case = Case::new(&servers, executed, Mode::ReplicaOnly);
        let statement = classify(b"SELECT 1", &MYSQL, &Catalogue::unknown());
        let ok = OkPacket { status: StatusFlags::AUTOCOMMIT, ..OkPacket::default() };
        case.session.observe_ok(REPLICA, &mut View::default(), &ok, &statement, 0).expect("no changes");
        assert_eq!(case.of("SELECT a FROM t"), expected, "{executed}");
    }
}

#[test]
fn a_listener_for_replicas_never_sends_a_write_to_the_primary() {
    let alone = Case::new(&[(PRIMARY, Role::Primary)], 7, Mode::ReplicaOnly);
    assert_eq!(alone.of("SELECT a FROM t"), Action::Forward(PRIMARY), "reads, by policy");
    for sql in ["INSERT INTO t VALUES (1)", "BEGIN", "SELECT f()", "DROP TABLE t", "gibberish"] {
        assert!(matches!(alone.of(sql), Action::NoServer(_)), "{sql}: {:?}", alone.of(sql));
    }
    // With autocommit=0 a read begins a transaction, in which writes could follow it.
    let mut alone = alone;
    let statement = classify(b"SET autocommit=0", &MYSQL, &Catalogue::unknown());
    alone.session.observe_ok(PRIMARY, &mut View::default(), &OkPacket::default(), &statement, 0).expect("no changes");
    assert!(matches!(alone.of("SELECT a FROM t"), Action::NoServer(_)), "{:?}", alone.of("SELECT a FROM t"));
    // A replica refuses it in its own words, without a wait that could end at the primary.
    let late = Case::new(&[(PRIMARY, Role::Primary), (REPLICA, Role::Replica)], 6, Mode::ReplicaOnly);
    assert_eq!(late.of("INSERT INTO t VALUES (1)"), Action::Forward(REPLICA));
}
