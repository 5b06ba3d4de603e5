//! The library behind the `rolecall` binary: sockets, clocks, randomness and Kubernetes live here and only here.
