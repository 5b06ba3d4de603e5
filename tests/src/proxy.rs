//! The `rolecall` binary in front of servers.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::raw::{Client, LoginOptions};
use crate::{GuardedProcess, Server, free_port};

/// How a proxy differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// Addresses of its servers.
    pub backends: Vec<SocketAddr>,
    /// YAML that is appended to its configuration.
    pub configuration: String,
    /// What its configuration says of `limits`, in YAML's `{}` form; empty: limits that no test comes near.
    pub limits: String,
    /// What its listener has besides its address, such as `tls: {…}`.
    pub listener: Option<String>,
    /// More options for its command line.
    pub more: Vec<String>,
    /// A program that starts it, with its arguments; the proxy's own program and arguments follow. The process must stay
    /// the same.
    pub wrapper: Vec<String>,
    /// None of its servers can be used: it is not waited for a greeting.
    pub unserved: bool,
}

/// Memory of a process in RAM, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// The most so far.
    pub peak: u64,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    admin: SocketAddr,
    folder: PathBuf,
    // Open all the time: at the process's end its folder goes.
    log: File,
    process: GuardedProcess,
}

impl Proxy {
    /// Starts a proxy in front of `servers` and waits until it greets clients.
    ///
    /// # Panics
    /// Where it does not, with its log.
    #[must_use]
    pub fn start<'a>(servers: impl IntoIterator<Item = &'a Server>, options: &ProxyOptions) -> Self {
        let mut options = options.clone();
        options.backends.extend(servers.into_iter().map(Server::address));
        for _ in 0..5 {
            if let Some(proxy) = Self::try_start(&options) {
                return proxy;
            }
        }
        panic!("five ports were taken just before the proxy started");
    }

    fn try_start(options: &ProxyOptions) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rolecall-tests-{}", std::process::id()));
        let folder = folder.join(format!("proxy-{number}"));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let password_file = folder.join("monitor-password");
        std::fs::write(&password_file, Server::PASSWORD).expect("the folder is writable");
        let configuration = folder.join("rolecall.yaml");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)));
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)));
        let mut arguments = vec![
            "proxy".to_owned(),
            format!("--config={}", configuration.display()),
            format!("--admin={admin}"),
            "--monitor-user=monitor".to_owned(),
            format!("--monitor-password-file={}", password_file.display()),
        ];
        let limits = if options.limits.is_empty() { LIMITS } else { &options.limits };
        let mut text = format!("limits: {limits}\n{}", options.configuration);
        match &options.listener {
            Some(more) => text.push_str(&format!("listeners: [{{address: '{address}', {more}}}]\n")),
            None => arguments.push(format!("--listen={address}")),
        }
        std::fs::write(&configuration, text).expect("writable");
        arguments.extend(options.backends.iter().map(|backend| format!("--backend={backend}")));
        arguments.extend(options.more.iter().cloned());
        let path = folder.join("log");
        let log = File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("writable");
        let mut command = options.wrapper.clone();
        command.push(binary().display().to_string());
        command.append(&mut arguments);
        let process = GuardedProcess::start(Path::new(&command[0]), &command[1..], &path, &folder);
        let proxy = Self { address, admin, folder, log, process };
        proxy.wait_until_ready(!options.unserved).then_some(proxy)
    }

    fn wait_until_ready(&self, for_greeting: bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if TcpStream::connect(self.address).is_ok() {
                if for_greeting {
                    // It comes once the servers were asked; an ERR in its place is a test's business.
                    let mut client = Client::connect(self.address).expect("the proxy listens");
                    let _ = client.read_greeting();
                }
                return true;
            }
            let log = self.log();
            if !self.process.is_running() && log.contains("in use") {
                return false;
            }
            assert!(self.process.is_running(), "the proxy ended:\n{log}");
            assert!(Instant::now() < deadline, "the proxy does not listen on {}:\n{log}", self.address);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its memory in RAM.
    ///
    /// # Panics
    /// Where the process is gone.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running proxy");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or_default()
        };
        Memory { now: of("VmRSS:") * 1024, peak: of("VmHWM:") * 1024 }
    }

    /// Begins its [`Memory::peak`] anew; its memory now.
    ///
    /// # Panics
    /// Where the system does not allow that.
    pub fn forget_peak(&self) -> u64 {
        // 5: the peak resident set size (proc(5)).
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("one's own process");
        self.memory().now
    }

    /// All of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let mut bytes = vec![0; self.log.metadata().map_or(0, |metadata| metadata.len() as usize)];
        let count = self.log.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    /// Waits until its log has a line with `text`.
    ///
    /// # Panics
    /// Where there is none within 20 s.
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "nothing of {text:?} in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its configuration file; what stands there first is the harness's own.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("rolecall.yaml")
    }

    /// Checks that nothing in it has panicked.
    ///
    /// # Panics
    /// Where something has.
    pub fn expect_no_panic(&self) {
        let log = self.log();
        if let Some(at) = log.find("panicked") {
            panic!("the proxy panicked: {}", &log[at.saturating_sub(300)..(at + 1000).min(log.len())]);
        }
        assert!(self.process.is_running(), "the proxy ended:\n{log}");
    }

    /// A page of the admin address.
    ///
    /// # Panics
    /// Where there is no answer.
    #[must_use]
    pub fn admin(&self, path: &str) -> (u16, String) {
        use std::io::{Read, Write};
        let mut socket = TcpStream::connect(self.admin).expect("the admin address answers");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        (status, body.to_owned())
    }

    /// A page of the admin address as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn admin_json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.admin(path);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path} ({status}): {error}: {body}"))
    }

    /// Logs in through it.
    ///
    /// # Panics
    /// Where that fails.
    #[must_use]
    pub fn login(&self, options: &LoginOptions) -> Client {
        Client::login(self.address, options)
            .unwrap_or_else(|error| panic!("{} through the proxy: {error}\n{}", options.user, self.log()))
    }

    /// The sum of a metric over its labels, or of those whose labels begin like this (`name{reason="x"}`); 0 where there is none.
    ///
    /// # Panics
    /// Where the admin address does not answer.
    #[must_use]
    pub fn metric(&self, name: &str) -> u64 {
        let (_, page) = self.admin("/metrics");
        let values = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
            rest.rsplit_once(' ')?.1.parse::<f64>().ok()
        });
        values.sum::<f64>() as u64
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Ends it by SIGTERM; its exit status and its log.
    #[must_use]
    pub fn stop(self) -> (Option<i32>, String) {
        self.process.signal("TERM");
        self.wait()
    }

    /// Waits for its end; its exit status and its log.
    ///
    /// # Panics
    /// Where it still runs after 40 s.
    #[must_use]
    pub fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while self.process.is_running() {
            assert!(Instant::now() < deadline, "the proxy does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = self.process.wait();
        (status, self.log())
    }
}

/// The proxy's program: `ROLECALL_BIN`, or what this build has made.
///
/// # Panics
/// Where it was not built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os("ROLECALL_BIN") {
        return binary.into();
    }
    let own = std::env::current_exe().expect("a program");
    let folder = own.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps");
    let binary = folder.join("rolecall");
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build -p rolecall`, or name the binary in ROLECALL_BIN",
        binary.display()
    );
    binary
}

// Tests run in parallel from one address, and log in by plain connections whose server side is TLS.
const LIMITS: &str = "{unauthenticated_per_address: 512}";
