//! The demonstration with roles from pod labels: the primary's role moves to another pod under load.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::plain::{Started, finish, start_proxy, start_servers};
use super::{Options, Screen, checks, interrupt, seconds, traffic};
use crate::cluster::{Cluster, Folder, Kubernetes};
use crate::compare::proxy;
use crate::load::Table;

/// What the proxy is told.
const SELECTOR: &str = "app=mysql";
const ROLE: &str = "role=primary";

pub(super) fn run(options: &Options, screen: Screen) -> anyhow::Result<bool> {
    let program = proxy::program(options.proxy.as_deref())?;
    let folder = Folder::new("demo")?;
    screen.heading("Servers");
    let mut cluster = start_servers(options, screen, &folder)?;
    let names: Vec<String> = (0..cluster.servers.len()).map(|number| format!("mysql-{number}")).collect();

    screen.heading("Kubernetes");
    let kubernetes = screen.step("etcd and kube-apiserver", || Kubernetes::start(&folder))?;
    screen.step("a pod for each server, labelled with its role", || {
        for (number, (server, name)) in cluster.servers.iter().zip(&names).enumerate() {
            let role = if number == 0 { "primary" } else { "replica" };
            kubernetes.make_pod(name, &[("app", "mysql"), ("role", role)], server.address)?;
        }
        Ok(())
    })?;

    screen.heading("Proxy");
    let source = || {
        let mut flags = ["--kube-selector", SELECTOR, "--kube-role", ROLE, "--kube-port"].map(str::to_owned).to_vec();
        flags.push(cluster.servers[0].address.port().to_string());
        flags.extend(["--kubeconfig".to_owned(), kubernetes.kubeconfig().display().to_string()]);
        flags
    };
    let name = "rolecall runs, and has found the pods and their roles";
    let Started { mut rolecall, listen, admin } = start_proxy(options, screen, &program, &folder, name, source)?;

    let time = options.time / 3;
    let mut load = traffic::proxied(&listen.to_string(), options.clients)?;
    screen.heading("Load while mysql-0 is the primary");
    let before = traffic::run(screen, "before", &mut cluster, &mut load, time, |_, _| Ok(()))?;
    screen.table(&traffic::places(&cluster, &names, &before));

    screen.heading("The role moves to mysql-1, under load");
    let mut steps = Vec::new();
    let moving =
        traffic::run(screen, "meanwhile", &mut cluster, &mut load, time.max(Duration::from_secs(3)), |cluster, _| {
            interrupt::sleep(Duration::from_millis(500));
            move_primary(cluster, &kubernetes, &mut steps)
        })?;
    show_steps(screen, &steps);
    screen.table(&traffic::places(&cluster, &names, &moving));

    screen.heading("Load while mysql-1 is the primary");
    let after = traffic::run(screen, "after", &mut cluster, &mut load, time, |_, _| Ok(()))?;
    screen.table(&traffic::places(&cluster, &names, &after));
    drop(load);

    screen.line(&format!("\n  {}", screen.bold("Before")));
    let well_before = checks::check(screen, &before, 0);
    screen.line(&format!("  {}", screen.bold("After")));
    let well_after = checks::check(screen, &after, 1);
    if moving.round.errors > 0 {
        let note = format!(
            "{} statements failed while no server was primary (the first: {}).",
            moving.round.errors,
            moving.round.first_error.as_deref().unwrap_or_default()
        );
        screen.line(&format!("  {}", screen.dim(&note)));
    }
    finish(options, screen, &mut rolecall, listen, admin)?;
    let stopped = rolecall.child.stop(Duration::from_secs(10));
    screen.verdict(stopped.is_ok(), "the proxy ended in order");
    Ok(well_before && well_after && stopped.is_ok())
}

/// What was done, and when, counted from the first step.
type Steps = Vec<(Duration, String)>;

fn show_steps(screen: Screen, steps: &Steps) {
    let mut table = Table::new(&["what was done", "done after"]);
    for (time, text) in steps {
        table.row([text.clone(), seconds(*time)]);
    }
    screen.table(&table);
}

/// A switchover as an operator does it: the old primary stops writing, the new one catches up and starts, labels follow.
fn move_primary(cluster: &mut Cluster, kubernetes: &Kubernetes, steps: &mut Steps) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut done = |text: &str| steps.push((began.elapsed(), text.to_owned()));
    let flavour = cluster.flavour;
    let (old, rest) = cluster.servers.split_first_mut().context("no servers")?;
    let (new, others) = rest.split_first_mut().context("no replica")?;
    old.execute([flavour.step_down()])?;
    done(&format!("mysql-0: {}", flavour.step_down()));
    kubernetes.kubectl(&["label", "pod", "mysql-0", "role=replica", "--overwrite"])?;
    done("kubectl label pod mysql-0 role=replica --overwrite");
    new.catch_up(old)?;
    new.execute(flavour.lead())?;
    done(&format!("mysql-1: {}", flavour.lead().join("; ")));
    kubernetes.kubectl(&["label", "pod", "mysql-1", ROLE, "--overwrite"])?;
    done(&format!("kubectl label pod mysql-1 {ROLE} --overwrite"));
    let (host, port) = (new.address.ip().to_string(), new.address.port());
    for server in others.iter_mut() {
        server.execute(flavour.unfollow())?;
        server.execute(flavour.follow(&host, port))?;
    }
    old.execute(flavour.follow(&host, port))?;
    done("mysql-0 and mysql-2 follow mysql-1");
    Ok(())
}
