//! Processes that end with the test process, however that ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process under a shell that kills it, and removes its folder, when this value is dropped or the test process is
/// gone: the shell waits for the end of its standard input, which only this process holds open.
#[derive(Debug)]
pub struct GuardedProcess {
    shell: Child,
    pid: u32,
}

impl GuardedProcess {
    /// Starts `program` with its output in `log`; `folder` is removed at the end.
    ///
    /// # Panics
    /// Where there is no shell.
    #[must_use]
    pub fn start<S: AsRef<OsStr>>(program: &Path, arguments: &[S], log: &Path, folder: &Path) -> Self {
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(GUARD)
            .arg("guard")
            .arg(program)
            .args(arguments)
            .env("GUARD_LOG", log)
            .env("GUARD_FOLDER", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut line = String::new();
        let output = shell.stdout.take().expect("standard output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the guard prints a process id");
        let pid = line.trim().parse().expect("a process id");
        Self { shell, pid }
    }

    /// The process's own id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal by its name, such as `KILL` or `STOP`.
    pub fn signal(&self, signal: &str) {
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(self.pid.to_string()).status();
    }

    /// Whether the process still runs (a zombie does not).
    #[must_use]
    pub fn is_running(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        status.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_some_and(|state| state != 'Z')
    }

    /// The exit status, once the process has ended; the guard passes it on.
    pub fn wait(&mut self) -> Option<i32> {
        self.shell.wait().ok()?.code()
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

// A signal to the whole group, such as Ctrl-C's, must not end the guard before its work is done. Whichever ends first, the process or standard input, ends the other.
// An instrumented program (./release) writes its profile at an end of its own: it gets five seconds where that is asked for.
const GUARD: &str = r#"
trap : TERM INT HUP
"$@" >"$GUARD_LOG" 2>&1 </dev/null & pid=$!
exec 3<&0
end_gently() { kill $pid; for i in $(seq 50); do kill -0 $pid || break; sleep 0.1; done; }
{ cat <&3 >/dev/null; [ -z "$ROLECALL_TESTS_END_GENTLY" ] || end_gently; kill -9 $pid; } 2>/dev/null >/dev/null & watch=$!
echo $pid; exec >/dev/null
while :; do
    wait $pid 2>/dev/null; status=$?
    kill -0 $pid 2>/dev/null || break
done
kill $watch 2>/dev/null
[ -n "$ROLECALL_TESTS_KEEP" ] || { rm -rf "$GUARD_FOLDER" "$GUARD_FOLDER.tmp"; rmdir "${GUARD_FOLDER%/*}" 2>/dev/null; }
exit $status
"#;
