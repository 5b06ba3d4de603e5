//! What the kernel says of a process: CPU time, memory, threads.

use std::time::Duration;

/// A process by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// CPU time of all its threads, to the nanosecond where the kernel keeps it (`schedstat`; threads that have ended
    /// are missing then), else in ticks of 10 ms (`stat`). `None` where the process is gone.
    #[must_use]
    pub fn cpu_time(self) -> Option<Duration> {
        self.schedstat().or_else(|| self.ticks())
    }

    fn schedstat(self) -> Option<Duration> {
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.0)).ok()? {
            // A thread may end between the listing and the reading.
            let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
            nanoseconds += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }

    fn ticks(self) -> Option<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The command's name is in parentheses and may hold spaces; utime and stime are fields 14 and 15.
        let mut fields = text.rsplit_once(") ")?.1.split_whitespace().skip(11);
        let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn resident(self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/task", self.0)).ok()?.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let process = Process(std::process::id());
        assert!(process.cpu_time().is_some());
        assert!(process.ticks().is_some());
        assert!(process.resident().is_some_and(|bytes| bytes > 100_000));
        assert_eq!(Process(u32::MAX).cpu_time(), None);
    }
}
