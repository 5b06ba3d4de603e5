//! TCP's congestion control while figures are taken.
//!
//! BBR paces what it sends, on the loopback device too: a large result then comes in many small pieces or in few large ones,
//! as it happens for each connection, and costs whoever passes it on half or twice the CPU time (measured on Linux 6.18: ratios
//! from 0.3 to 2.0 in runs of the same build, all within 0.44 to 0.56 with cubic and with reno).

use crate::interrupt;

const SETTING: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
/// Linux's own default.
const STEADY: &str = "cubic";

/// Sets cubic for connections that are made from now on, as far as that is allowed; what was set before comes back on drop.
#[derive(Debug)]
pub struct CongestionControl {
    before: Option<String>,
    /// What new connections have now.
    pub name: String,
}

impl CongestionControl {
    /// For the time of a run.
    #[must_use]
    pub fn steady() -> Self {
        let before = read();
        if before != "bbr" || std::fs::write(SETTING, STEADY).is_err() {
            return Self { before: None, name: before };
        }
        // Else Ctrl-C would leave it set. Whoever has asked for signals already looks for them.
        let _ = interrupt::install();
        Self { before: Some(before), name: read() }
    }

    /// For the page.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.before {
            Some(before) => format!("TCP congestion control {} for the time of the run ({before} before)", self.name),
            None => format!("TCP congestion control {}", self.name),
        }
    }
}

impl Drop for CongestionControl {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Nothing more can be done about it.
            let _ = std::fs::write(SETTING, before);
        }
    }
}

fn read() -> String {
    let setting = std::fs::read_to_string(SETTING).unwrap_or_default();
    Some(setting.trim()).filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned()
}
