//! What validation keeps while it walks: the mistakes found, and the files read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::auth::Password;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::at::At;
use super::mistake::{Mistake, Place};
use super::types::Identity;
use super::value::{Period, Size};

/// Collects mistakes; a value that is wrong becomes some harmless value, and the whole is refused at the end.
pub(super) struct Check {
    pub mistakes: Vec<Mistake>,
    /// Every file that was asked for, readable or not.
    pub files: Vec<PathBuf>,
    /// Paths in the file start here.
    base: PathBuf,
}

/// Larger files are no keys, certificates or passwords.
const FILE_MAX: u64 = 4 << 20;

/// No password of MySQL or MariaDB is longer (MySQL: 256 bytes over the wire with sha256 plugins).
const PASSWORD_MAX: usize = 4096;

impl Check {
    /// `base` is the folder of the configuration file.
    pub fn new(base: PathBuf) -> Self {
        Self { mistakes: Vec::new(), files: Vec::new(), base }
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, place: Place, path: impl Into<String>, message: impl Into<String>) {
        self.mistakes.push(Mistake::new(place, path, message));
    }

    /// Whether something inside of this section is wrong already, so that what it lacks is no news.
    pub fn is_wrong_inside(&self, section: &str) -> bool {
        let inside = |path: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        self.mistakes.iter().any(|mistake| inside(&mistake.path))
    }

    /// A duration within bounds (both included).
    pub fn period(&mut self, at: At<Period>, path: &str, least: Duration, most: Duration) -> Duration {
        let value = at.value.0;
        if value < least || value > most {
            let (least, most) = (Period(least), Period(most));
            self.wrong(at.place, path, format!("{} is out of range: write {least} to {most}", at.value));
        }
        value
    }

    /// A size within bounds (both included).
    pub fn size(&mut self, at: At<Size>, path: &str, least: u64, most: u64) -> u64 {
        if at.value.0 < least || at.value.0 > most {
            let (least, most) = (Size(least), Size(most));
            self.wrong(at.place, path, format!("{} is out of range: write {least} to {most}", at.value));
        }
        at.value.0
    }

    /// A number within bounds (both included).
    pub fn number(&mut self, at: At<u32>, path: &str, least: u32, most: u32) -> u32 {
        if at.value < least || at.value > most {
            self.wrong(at.place, path, format!("{} is out of range: write {least} to {most}", at.value));
        }
        at.value
    }

    /// A path of the configuration, seen from the configuration file's folder; of a flag, from the working directory.
    pub fn resolve(&self, at: &At<PathBuf>) -> PathBuf {
        match at.place {
            Place::Flag(_) => at.value.clone(),
            Place::File { .. } | Place::Nowhere => self.base.join(&at.value),
        }
    }

    /// A file's bytes; in zeroed memory, since most of them are secrets.
    pub fn read(&mut self, at: &At<PathBuf>, path: &str) -> Option<Zeroizing<Vec<u8>>> {
        let file = self.resolve(at);
        self.files.push(file.clone());
        match read_bounded(&file) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let message = format!("cannot read {}: {why}: name a file that the proxy may read", file.display());
                self.wrong(at.place, path, message);
                None
            }
        }
    }

    /// A password file.
    pub fn password(&mut self, at: &At<PathBuf>, path: &str) -> Option<Password> {
        let mut bytes = self.read(at, path)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        let file = self.resolve(at);
        let wrong = match bytes.as_slice() {
            [] => format!("{} is empty: write the password into it", file.display()),
            long if long.len() > PASSWORD_MAX => {
                format!("{} is too long for a password: write the password alone into it", file.display())
            }
            several if several.iter().any(|byte| matches!(byte, 0 | b'\n')) => {
                format!("{} has several lines or a NUL: write the password alone into it", file.display())
            }
            _ => return Some(Password::new(std::mem::take(&mut *bytes))),
        };
        self.wrong(at.place, path, wrong);
        None
    }

    /// A PEM file with at least one certificate.
    pub fn certificates(&mut self, at: &At<PathBuf>, path: &str) -> Option<Vec<CertificateDer<'static>>> {
        let bytes = self.read(at, path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        match read {
            Ok(list) if !list.is_empty() => return Some(list),
            Ok(_) | Err(_) => {}
        }
        let file = self.resolve(at);
        let message = format!(
            "{} holds no certificate: name a PEM file with `-----BEGIN CERTIFICATE-----` in it",
            file.display()
        );
        self.wrong(at.place, path, message);
        None
    }

    /// A certificate chain and its key, if both are named; `section` is the path of their mapping.
    pub fn identity(
        &mut self,
        certificate: Option<&At<PathBuf>>,
        key: Option<&At<PathBuf>>,
        section: &str,
    ) -> Option<Arc<Identity>> {
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return None,
            (Some(certificate), None) => {
                let path = format!("{section}.certificate");
                self.wrong(certificate.place, path, "has no private key beside it: add `key: FILE.pem`");
                return None;
            }
            (None, Some(key)) => {
                let path = format!("{section}.key");
                self.wrong(key.place, path, "has no certificate beside it: add `certificate: FILE.pem`");
                return None;
            }
        };
        let chain = self.certificates(certificate, &format!("{section}.certificate"));
        let private = self.private_key(key, &format!("{section}.key"));
        let identity = Identity { chain: chain?, key: private? };
        if let Err(why) = identity.certified() {
            let path = format!("{section}.key");
            let certificate = self.resolve(certificate);
            let message = format!(
                "is not the key of the certificate in {} ({why}): name the two of one pair",
                certificate.display()
            );
            self.wrong(key.place, path, message);
        }
        Some(Arc::new(identity))
    }

    fn private_key(&mut self, at: &At<PathBuf>, path: &str) -> Option<PrivateKeyDer<'static>> {
        let bytes = self.read(at, path)?;
        match PrivateKeyDer::from_pem_slice(&bytes) {
            Ok(key) => Some(key),
            Err(_) => {
                let file = self.resolve(at);
                let message = format!(
                    "{} holds no private key: name a PEM file with `-----BEGIN PRIVATE KEY-----` in it (no passphrase)",
                    file.display()
                );
                self.wrong(at.place, path, message);
                None
            }
        }
    }
}

fn read_bounded(file: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::{Error, ErrorKind, Read};
    let handle = std::fs::File::open(file)?;
    let metadata = handle.metadata()?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    // Room for the whole file from the start: growing would leave copies of a secret behind.
    let room = usize::try_from(metadata.len().min(FILE_MAX)).unwrap_or(0).max(PASSWORD_MAX) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    handle.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Error::new(ErrorKind::FileTooLarge, "it is larger than 4 MiB"));
    }
    Ok(bytes)
}
