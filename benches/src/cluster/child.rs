//! A process that this program started, and that ends with it.

use std::ffi::OsStr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::interrupt;
use crate::process::Process;

/// A running process; dropping it kills it. It is also killed when this program itself dies, whatever the cause.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `program`, in a process group of its own (so that a terminal's Ctrl-C reaches only this program, which
    /// then ends the others in order), with its output in `log`. `name` is for messages.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start<I>(name: &str, program: impl AsRef<OsStr>, arguments: I, log: &Path) -> anyhow::Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let file = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let program = program.as_ref();
        // setpriv ties the new process to this one's life, which Rust cannot do without unsafe code.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", program.display()))?;
        Ok(Self { name: name.to_owned(), process, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn process(&self) -> Process {
        Process(self.process.id())
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The process has ended, or the time is over: with the end of its output. The user has interrupted the wait.
    pub fn wait_until(&mut self, time: Duration, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + time;
        while !ready() {
            self.check()?;
            ensure!(!interrupt::requested(), "interrupted");
            if Instant::now() > deadline {
                bail!("{} is not ready after {} s\n{}", self.name, time.as_secs(), self.last_lines());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It has ended: with the end of its output.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended ({})\n{}", self.name, describe(status), self.last_lines()),
        }
    }

    /// Asks it to end (SIGTERM) and waits; kills it when the time is over.
    ///
    /// # Errors
    /// It had to be killed, or its exit status is not 0.
    pub fn stop(mut self, time: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + time;
        if let Some(id) = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // Fails where it has ended already, which is what is wanted.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        loop {
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended badly ({})\n{}", self.name, describe(status), self.last_lines()),
                None if Instant::now() > deadline => {
                    bail!("{} did not end within {} s of SIGTERM", self.name, time.as_secs())
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].iter().map(|line| format!("    {line}\n")).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}
