//! Against a real Kubernetes API server: pods are objects, and their addresses are those of real mysqld processes.

#[path = "kubernetes/deploy.rs"]
mod deploy;
#[path = "kubernetes/rights.rs"]
mod rights;
#[path = "kubernetes/roles.rs"]
mod roles;
#[path = "kubernetes/routing.rs"]
mod routing;
#[path = "kubernetes/topology.rs"]
mod topology;
#[path = "kubernetes/watched.rs"]
mod watched;
