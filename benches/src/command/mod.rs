//! The command line.

mod compare;
mod demo;
mod load;
mod relay;
mod single;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Load generator and comparison runs for Rolecall.
#[derive(Debug, Parser)]
#[command(name = "rolecall-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a workload against one or several targets, interleaved in rounds
    Load(load::Arguments),
    /// Start servers, a relay and the proxy, and measure them against each other
    Compare(compare::Arguments),
    /// Show the proxy at work in front of real servers (see ./demo)
    Demo(demo::Arguments),
    /// Count the proxy's system calls per statement
    Syscalls(single::SyscallArguments),
    /// Count the proxy's instructions per statement, of one build or of several
    Instructions(single::InstructionArguments),
    /// Measure the memory of idle sessions
    Idle(single::IdleArguments),
    /// Let an instrumented proxy do what it does most (see ./release)
    Train(train::Arguments),
    /// Copy bytes between clients and a server: the yardstick that proxies are compared with
    Relay(relay::Arguments),
}

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Load(arguments) => load::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Syscalls(arguments) => single::syscalls(&arguments),
        Command::Instructions(arguments) => single::count_instructions(&arguments),
        Command::Idle(arguments) => single::idle_sessions(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Relay(arguments) => relay::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rolecall-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
