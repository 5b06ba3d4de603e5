//! A primary and two replicas.

use std::sync::{Mutex, PoisonError};

use crate::{Flavour, Server, ServerOptions};

/// A primary and its replicas, which accept no writes.
pub struct ReplicaSet {
    /// Its only writable server.
    pub primary: Server,
    /// Two replicas.
    pub replicas: Vec<Server>,
    /// The last position that all replicas were seen to have.
    reached: Mutex<String>,
}

impl ReplicaSet {
    /// Starts the servers and waits until the replicas follow.
    ///
    /// # Panics
    /// Where they do not.
    #[must_use]
    pub fn start(flavour: Flavour) -> Self {
        let ids = [1, 2, 3];
        let mut servers: Vec<_> = std::thread::scope(|scope| {
            let starting = ids.map(|id| {
                scope.spawn(move || Server::start(flavour, &ServerOptions { id, ..ServerOptions::default() }))
            });
            starting.into_iter().map(|thread| thread.join().expect("the server starts")).collect()
        });
        let replicas = servers.split_off(1);
        let primary = servers.pop().expect("three servers");
        let set = Self { primary, replicas, reached: Mutex::default() };
        set.replicas.iter().for_each(|replica| set.follow(replica));
        set.wait_until_replicated();
        set
    }

    fn follow(&self, replica: &Server) {
        let (host, port) = (self.primary.address().ip(), self.primary.address().port());
        let password = Server::PASSWORD.replace('\'', "''");
        if replica.flavour().is_mariadb() {
            replica.run(&format!(
                "change master to master_host='{host}', master_port={port}, master_user='repl', \
                 master_password='{password}', master_use_gtid=slave_pos, master_connect_retry=1"
            ));
            replica.run("start slave");
            replica.run("set global read_only=1");
        } else {
            replica.run(&format!(
                "change replication source to source_host='{host}', source_port={port}, source_user='repl', \
                 source_password='{password}', source_auto_position=1, get_source_public_key=1, source_connect_retry=1"
            ));
            replica.run("start replica");
            replica.run("set global super_read_only=1");
        }
    }

    /// Waits until the replicas have all that the primary has committed.
    ///
    /// # Panics
    /// After 30 s.
    pub fn wait_until_replicated(&self) {
        let (position, wait) = if self.primary.flavour().is_mariadb() {
            ("select @@gtid_binlog_pos", "master_gtid_wait")
        } else {
            ("select @@global.gtid_executed", "wait_for_executed_gtid_set")
        };
        let position = self.primary.value(position);
        if *self.reached.lock().unwrap_or_else(PoisonError::into_inner) == position {
            return;
        }
        for replica in &self.replicas {
            let waited = replica.value(&format!("select {wait}('{position}', 30)"));
            assert_eq!(waited, "0", "replica {} does not get to {position}:\n{}", replica.address(), replica.log());
        }
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// All servers, the primary first.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }
}
