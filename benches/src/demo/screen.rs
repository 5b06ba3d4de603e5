//! What the demonstration prints.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::load::Table;

/// Standard output; colours and moving lines only on a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    terminal: bool,
    colour: bool,
}

/// Columns of the bar.
const BAR: usize = 32;

impl Screen {
    /// Looks at what standard output is; NO_COLOR is honoured.
    #[must_use]
    pub fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { terminal, colour: terminal && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Emphasised.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Of less weight.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A heading with an empty line above.
    pub fn heading(self, text: &str) {
        self.line(&format!("\n{}", self.bold(text)));
    }

    /// A line as it is.
    pub fn line(self, text: &str) {
        println!("{text}");
        let _ = std::io::stdout().flush();
    }

    /// Runs a step: its name while it runs, a tick and its time afterwards.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T>(self, name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let began = Instant::now();
        if self.terminal {
            print!("  {} {name} …", self.dim("·"));
            let _ = std::io::stdout().flush();
        }
        let result = work();
        if self.terminal {
            print!("\r\x1b[K");
        }
        let time = self.dim(&format!("{:.1} s", began.elapsed().as_secs_f64()));
        self.line(&format!("  {} {name}  {time}", if result.is_ok() { self.tick() } else { self.cross() }));
        result
    }

    fn tick(self) -> String {
        self.paint("32", "✓")
    }

    fn cross(self) -> String {
        self.paint("31", "✗")
    }

    /// Says whether something holds.
    pub fn verdict(self, holds: bool, text: &str) {
        self.line(&format!("  {} {text}", if holds { self.tick() } else { self.cross() }));
    }

    /// A table, set in.
    pub fn table(self, table: &Table) {
        for line in table.plain().lines() {
            self.line(&format!("  {}", if line.contains('─') { self.dim(line) } else { line.to_owned() }));
        }
    }

    /// Draws the state of something that runs; only on a terminal.
    pub fn progress(self, part: f64, text: &str) {
        if !self.terminal {
            return;
        }
        let full = ((part.clamp(0.0, 1.0) * BAR as f64).round() as usize).min(BAR);
        let bar = format!("{}{}", self.paint("36", &"━".repeat(full)), self.dim(&"━".repeat(BAR - full)));
        print!("\r\x1b[K  {bar}  {text}");
        let _ = std::io::stdout().flush();
    }

    /// Replaces what `progress` drew by a last line.
    pub fn progressed(self, text: &str) {
        if self.terminal {
            print!("\r\x1b[K");
        }
        self.line(&format!("  {text}"));
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// 12,345
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds with one digit.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(thousands).each_ref().map(String::as_str)
        );
    }
}
