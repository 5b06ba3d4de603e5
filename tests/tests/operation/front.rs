//! One server for all tests, with an account for each, and proxies of their own in front of it.

use std::sync::OnceLock;

use rolecall_tests::raw::LoginOptions;
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions};

/// The server.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(Flavour::Mysql, &ServerOptions::default()))
}

/// A proxy with this YAML in its configuration.
pub fn proxy(configuration: &str) -> Proxy {
    Proxy::start([server()], &ProxyOptions { configuration: configuration.into(), ..ProxyOptions::default() })
}

/// An account and a schema of this name, with a table `t (a int primary key)`.
pub fn account(name: &str) -> LoginOptions {
    let server = server();
    server.run(&format!("create user {name} {}", server.flavour().identified("pw")));
    server.run(&format!("create schema {name}"));
    server.run(&format!("create table {name}.t (a int primary key)"));
    server.run(&format!("grant all on {name}.* to {name}"));
    LoginOptions::new(name, "pw").database(name)
}
