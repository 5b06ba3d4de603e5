//! A new configuration while sessions go on: taken whole, or not at all.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, wait_until};

use crate::front::{account, proxy, server};

/// A Secret as kubelet mounts it: `tls.crt -> ..data/tls.crt`, `..data -> ..1`. Removed at the end.
struct Secret(PathBuf);

impl Secret {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rolecall-tests-{}-{name}", std::process::id()));
        let secret = Self(folder);
        std::fs::create_dir_all(&secret.0).expect("the temporary folder is writable");
        secret.swap("..1");
        for file in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(file), secret.0.join(file)).expect("a link");
        }
        secret
    }

    /// A new certificate and key, both at once.
    fn swap(&self, version: &str) {
        let (certificate, key) = identity();
        std::fs::create_dir(self.0.join(version)).expect("a folder");
        std::fs::write(self.0.join(version).join("tls.crt"), certificate).expect("writable");
        std::fs::write(self.0.join(version).join("tls.key"), key).expect("writable");
        symlink(version, self.0.join("..data_tmp")).expect("a link");
        std::fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).expect("a rename");
    }

    fn proxy(&self) -> Proxy {
        let folder = self.0.display();
        let listener = format!("tls: {{mode: required, certificate: {folder}/tls.crt, key: {folder}/tls.key}}");
        Proxy::start([server()], &ProxyOptions { listener: Some(listener), ..ProxyOptions::default() })
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate and its key in PEM form.
fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn certificate(client: &Client) -> Vec<u8> {
    client.stream.peer_certificate().expect("the session is over TLS")
}

fn over_tls(name: &str) -> LoginOptions {
    let mut options = account(name);
    options.tls = true;
    options
}

/// The lines of /metrics that begin with `name`.
fn metric(proxy: &Proxy, name: &str) -> String {
    let (_, page) = proxy.admin("/metrics");
    page.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
}

/// Replaces the proxy's configuration, as an editor that writes the file anew.
fn rewrite(proxy: &Proxy, text: &str) {
    let file = proxy.configuration();
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("writable");
    std::fs::rename(new, file).expect("a rename");
}

#[test]
fn certificates_are_renewed_while_sessions_go_on() {
    let (secret, options) = (Secret::new("renewed"), over_tls("renewed"));
    let proxy = secret.proxy();
    let mut before = proxy.login(&options);
    before.run("begin");
    before.run("insert into t values (1)");
    let old = certificate(&before);
    secret.swap("..2");
    let mut after = proxy.login(&options);
    wait_until("new connections see the new certificate", || {
        after = proxy.login(&options);
        certificate(&after) != old
    });
    assert_eq!(after.run("select count(*) from t").value(), "0");
    before.run("insert into t values (2)");
    before.run("commit");
    assert_eq!(after.run("select count(*) from t").value(), "2");
    assert!(proxy.log().contains("configuration applied parts=\"listeners.tls certificates\""), "{}", proxy.log());
    // And once more: the folder that was first is gone, as kubelet leaves it.
    let old = certificate(&after);
    std::fs::remove_dir_all(secret.0.join("..1")).expect("a folder");
    secret.swap("..3");
    wait_until("the next certificate is seen, too", || certificate(&proxy.login(&options)) != old);
    assert_eq!(before.run("select 1").value(), "1");
    proxy.expect_no_panic();
}

#[test]
fn a_certificate_without_its_key_leaves_the_old_pair() {
    let (secret, options) = (Secret::new("half"), over_tls("half"));
    let proxy = secret.proxy();
    let old = certificate(&proxy.login(&options));
    let (new, key) = identity();
    std::fs::write(secret.0.join("..1/tls.crt"), new).expect("writable");
    proxy.wait_for_log("configuration not applied");
    assert_eq!(certificate(&proxy.login(&options)), old);
    let log = proxy.log();
    let line = log.lines().find(|line| line.contains("not applied")).unwrap_or_default();
    assert!(line.contains("tls.key") || line.contains("listeners[0].tls"), "which file? {line}");
    std::fs::write(secret.0.join("..1/tls.key"), key).expect("writable");
    wait_until("the pair is whole and used", || certificate(&proxy.login(&options)) != old);
}

#[test]
fn a_wrong_file_changes_nothing_and_every_mistake_is_told() {
    let (proxy, options) = (proxy(""), account("wrong_file"));
    let mut first = proxy.login(&options);
    assert_eq!(metric(&proxy, "rolecall_config_last_reload_successful"), "rolecall_config_last_reload_successful 1");
    rewrite(&proxy, "limits:\n  max_sessions: 1\n  max_packet: huge\nlog: {level: loud}\n");
    proxy.wait_for_log("max_packet");
    let log = proxy.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("configuration not applied")).collect();
    for (line, path) in [("rolecall.yaml:3", "max_packet"), ("rolecall.yaml:4", "level")] {
        assert!(told.iter().any(|told| told.contains(line) && told.contains(path)), "{line} {path}:\n{log}");
    }
    assert_eq!(metric(&proxy, "rolecall_config_last_reload_successful"), "rolecall_config_last_reload_successful 0");
    // max_sessions was right, but stood beside what was wrong.
    let mut second = proxy.login(&options);
    assert_eq!((first.run("select 1").value(), second.run("select 1").value()), ("1".into(), "1".into()));

    let text = std::fs::read_to_string(proxy.configuration()).expect("the configuration");
    let text = text.replace("huge", "64MiB").replace("loud", "info");
    std::fs::write(proxy.configuration(), text).expect("writable");
    proxy.wait_for_log("configuration applied");
    assert_eq!(metric(&proxy, "rolecall_config_last_reload_successful"), "rolecall_config_last_reload_successful 1");
    let refused = Client::login(proxy.address(), &options).map(drop).expect_err("two sessions are more than one");
    assert_eq!(refused.code, 1040);
    assert_eq!(first.run("select 1").value(), "1", "who is in stays");
}

#[test]
fn what_needs_a_restart_is_named() {
    let proxy = proxy("");
    rewrite(&proxy, "limits: {max_sessions: 1}\nworkers: 3\n");
    proxy.wait_for_log("these parts need a restart");
    let log = proxy.log();
    assert!(log.lines().any(|line| line.contains("need a restart") && line.contains("workers")), "{log}");
    let options = account("needs_restart");
    let (_first, _second) = (proxy.login(&options), proxy.login(&options));
}

#[test]
fn sighup_reads_the_configuration_again() {
    let proxy = proxy("");
    let unchanged = || metric(&proxy, "rolecall_config_reloads_total{outcome=\"unchanged\"}");
    let before = unchanged();
    proxy.signal("HUP");
    wait_until("the reload is counted", || unchanged() != before);
    proxy.expect_no_panic();
}
