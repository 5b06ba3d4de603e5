//! Where `tests/setup/install` has put the servers.

use std::path::PathBuf;

use crate::Flavour;

/// A flavour's server program and the data folder to copy for each server.
///
/// # Panics
/// Where it is not installed; the message says how to install it.
#[must_use]
pub fn server_program(flavour: Flavour) -> (PathBuf, PathBuf) {
    let (program, template, default_program, default_template) = match flavour {
        Flavour::Mysql => ("ROLECALL_MYSQLD", "ROLECALL_MYSQL_TEMPLATE", "bin/mysqld", "mysql-data-template"),
        Flavour::Mariadb10 => (
            "ROLECALL_MARIADBD_10_11",
            "ROLECALL_MARIADB_TEMPLATE_10_11",
            "bin/mariadbd-10.11",
            "mariadb-data-template-10.11",
        ),
        Flavour::Mariadb11 => (
            "ROLECALL_MARIADBD_11_8",
            "ROLECALL_MARIADB_TEMPLATE_11_8",
            "bin/mariadbd-11.8",
            "mariadb-data-template-11.8",
        ),
    };
    let path = |variable: &str, default: &str| {
        let path = std::env::var_os(variable).map_or_else(|| cache().join(default), PathBuf::from);
        assert!(path.exists(), "{} is missing: run tests/setup/install, or set {variable}", path.display());
        path
    };
    (path(program, default_program), path(template, default_template))
}

/// A program of the API server: `etcd` or `kube-apiserver`, in `KUBEBUILDER_ASSETS` or where they were installed.
///
/// # Panics
/// Where it is not installed; the message says how to install it.
#[must_use]
pub fn kubernetes_program(name: &str) -> PathBuf {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(installed_kubernetes, PathBuf::from);
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing: run tests/setup/install kubernetes", program.display());
    program
}

/// The newest of the installed versions.
fn installed_kubernetes() -> PathBuf {
    let entries = std::fs::read_dir(cache()).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("kubernetes-"));
    named.map(|entry| entry.path()).max().unwrap_or_else(|| cache().join("kubernetes"))
}

/// The folder `tests/` of the checkout.
#[must_use]
pub fn tests_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn cache() -> PathBuf {
    if let Some(cache) = std::env::var_os("ROLECALL_CACHE") {
        return cache.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    base.unwrap_or_else(home).join("rolecall")
}
