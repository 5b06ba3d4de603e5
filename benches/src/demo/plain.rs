//! The demonstration with a static list of servers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::{Options, Screen, checks, stay, traffic};
use crate::cluster::{APPLICATION, Cluster, ClusterOptions, Folder, MONITOR, port_or_free};
use crate::compare::proxy::{self, Listening};
use crate::workload::SCHEMA;

pub(super) fn run(options: &Options, screen: Screen) -> anyhow::Result<bool> {
    let program = proxy::program(options.proxy.as_deref())?;
    let folder = Folder::new("demo")?;
    screen.heading("Servers");
    let mut cluster = start_servers(options, screen, &folder)?;
    let names: Vec<String> = cluster.servers.iter().map(|server| server.name.clone()).collect();

    screen.heading("Proxy");
    let started =
        start_proxy(options, screen, &program, &folder, "rolecall runs, and has found out who the primary is", || {
            let backends = cluster.servers.iter();
            backends.flat_map(|server| ["--backend".to_owned(), server.address.to_string()]).collect()
        })?;
    let Started { mut rolecall, listen, admin } = started;

    screen.heading("Load: three reads to one write, by one port");
    let time = options.time / 2;
    let mut load = traffic::direct(&cluster, options.clients)?;
    traffic::warm_up(&mut load)?;
    let name = format!("{} clients that split by themselves", options.clients);
    let direct = traffic::run(screen, &name, &mut cluster, &mut load, time, |_, _| Ok(()))?;
    let mut load = traffic::proxied(&listen.to_string(), options.clients)?;
    traffic::warm_up(&mut load)?;
    let name = format!("{} clients that leave it to the proxy", options.clients);
    let phase = traffic::run(screen, &name, &mut cluster, &mut load, time, |_, _| Ok(()))?;
    drop(load);

    screen.heading("Where the proxied statements went, by the servers' own counters");
    screen.table(&traffic::places(&cluster, &names, &phase));
    screen.heading("What it costs, after half a second of each load to warm up");
    screen.table(&traffic::latencies(&direct.round, &phase.round));
    screen.line("");
    let well = checks::check(screen, &phase, 0);
    finish(options, screen, &mut rolecall, listen, admin)?;
    let stopped = rolecall.child.stop(Duration::from_secs(10));
    screen.verdict(stopped.is_ok(), "the proxy ended in order");
    Ok(well && stopped.is_ok())
}

pub(super) fn start_servers(options: &Options, screen: Screen, folder: &Folder) -> anyhow::Result<Cluster> {
    let cluster_options =
        ClusterOptions { flavour: options.flavour, replicas: 2, max_connections: 300, counting: true, wide: false };
    let cluster = screen.step("a primary and two replicas, with data and accounts", || {
        let cluster = Cluster::start(&cluster_options, folder)?;
        cluster.warm_logins()?;
        Ok(cluster)
    })?;
    for server in &cluster.servers {
        screen.line(&format!("    {:<10} {}  {}", server.name, server.address, screen.dim(&cluster.version)));
    }
    Ok(cluster)
}

/// The proxy of a demonstration.
pub(super) struct Started {
    pub rolecall: Listening,
    pub listen: SocketAddr,
    pub admin: SocketAddr,
}

/// Starts the proxy with `source`, the flags that say where servers come from, and prints its command. Another
/// demonstration may take the same port in the same moment: then others are tried.
pub(super) fn start_proxy(
    options: &Options,
    screen: Screen,
    program: &Path,
    folder: &Folder,
    name: &str,
    source: impl Fn() -> Vec<String>,
) -> anyhow::Result<Started> {
    let mut arguments = Vec::new();
    let started = screen.step(name, || {
        let mut tries = 0;
        loop {
            let (listen, admin) = addresses(options)?;
            arguments = vec!["proxy".to_owned(), "--listen".to_owned(), listen.to_string()];
            arguments.extend(source());
            arguments.extend(common_arguments(admin, folder)?);
            match proxy::start(program, arguments.clone(), listen, &traffic::login(String::new()), folder) {
                Ok(rolecall) => break Ok(Started { rolecall, listen, admin }),
                Err(error) if tries < 5 && format!("{error:#}").contains("Address already in use") => tries += 1,
                Err(error) => break Err(error),
            }
        }
    })?;
    show_command(screen, &arguments);
    if started.listen.port() != options.port {
        screen.line(&screen.dim(&format!("    (port {} is taken)", options.port)));
    }
    Ok(started)
}

/// Where the proxy and its admin page listen.
fn addresses(options: &Options) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listen = SocketAddr::new(localhost, port_or_free(localhost, options.port)?);
    let admin = loop {
        let port = port_or_free(localhost, listen.port().wrapping_add(1).max(1024))?;
        if port != listen.port() {
            break SocketAddr::new(localhost, port);
        }
    };
    Ok((listen, admin))
}

/// Flags that do not depend on where servers come from.
fn common_arguments(admin: SocketAddr, folder: &Folder) -> anyhow::Result<Vec<String>> {
    let password = folder.join("monitor-password");
    std::fs::write(&password, MONITOR)?;
    let mut arguments = ["--admin", &admin.to_string(), "--monitor-user", MONITOR].map(str::to_owned).to_vec();
    arguments.extend(["--monitor-password-file".to_owned(), password.display().to_string()]);
    Ok(arguments)
}

/// Prints the command as one would type it.
fn show_command(screen: Screen, arguments: &[String]) {
    let mut line = String::from("    $ rolecall");
    for argument in arguments {
        if argument.starts_with("--") && line.lines().last().is_some_and(|last| last.chars().count() > 60) {
            line.push_str(" \\\n       ");
        }
        line.push(' ');
        line.push_str(argument);
    }
    screen.line(&screen.dim(&line));
}

/// How to go on by hand; stays until Ctrl-C unless it runs once.
pub(super) fn finish(
    options: &Options,
    screen: Screen,
    rolecall: &mut Listening,
    listen: SocketAddr,
    admin: SocketAddr,
) -> anyhow::Result<()> {
    if options.once {
        return Ok(());
    }
    screen.heading("Try it with any MySQL client");
    let client = crate::cluster::environment()
        .ok()
        .and_then(|mut found| {
            found.remove("ROLECALL_MYSQL_CLIENT").or_else(|| found.remove("ROLECALL_MARIADB_CLIENT_11_8"))
        })
        .unwrap_or_else(|| "mysql".to_owned());
    let (host, port) = (listen.ip(), listen.port());
    screen.line(&format!("    {client} -h {host} -P {port} -u {APPLICATION} -p{APPLICATION} {SCHEMA}"));
    screen.line(&format!("    mysql://{APPLICATION}:{APPLICATION}@{listen}/{SCHEMA}"));
    screen.line(&format!("\n    SELECT @@server_id, @@read_only;    {}", screen.dim("-- a replica answers")));
    screen.line(&format!("    UPDATE point SET k = k + 1 WHERE id = 1;    {}", screen.dim("-- the primary does it")));
    screen.heading("Look inside");
    for (path, what) in [
        ("topology", "who is primary, and why"),
        ("sessions", "who is connected, and to which servers"),
        ("metrics", "figures for Prometheus"),
    ] {
        screen.line(&format!("    curl -s http://{admin}/{path}    {}", screen.dim(what)));
    }
    stay(screen, &mut [&mut rolecall.child])
}
