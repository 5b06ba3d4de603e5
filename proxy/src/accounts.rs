//! What the proxy knows of accounts: configured or learnt credentials, and which logins servers have proven lately.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rolecall_protocol::auth::{Credential, Known};
use zeroize::Zeroizing;

/// Accounts that are remembered at most; beyond it the one proven longest ago is forgotten.
const REMEMBERED: usize = 10_000;

/// Credentials by user name, shared by all workers; touched at logins only.
#[derive(Debug)]
pub struct Accounts {
    belief: Duration,
    accounts: Mutex<HashMap<Vec<u8>, Account>>,
}

#[derive(Debug, Default)]
struct Account {
    credential: Option<Credential>,
    /// From the configuration: kept when a server refuses it, since the file is the operator's word.
    configured: bool,
    /// The configured mysql_native_password hash, SHA1(SHA1(password)).
    stored_hash: Option<Zeroizing<[u8; 20]>>,
    /// Schemas with which a server has accepted the login, and when.
    proven: HashMap<Vec<u8>, Instant>,
}

impl Accounts {
    /// `belief`: how long a proven login is believed without asking a server again.
    #[must_use]
    pub fn new(belief: Duration) -> Self {
        Self { belief, accounts: Mutex::default() }
    }

    /// Replaces the configured accounts; learnt ones stay.
    pub fn configure(&self, configured: impl IntoIterator<Item = (Vec<u8>, Known)>) {
        let mut accounts = self.lock();
        accounts.retain(|_, account| !account.configured);
        for (user, known) in configured {
            let mut account = Account { configured: true, ..Account::default() };
            match known {
                Known::Nothing => continue,
                Known::Credential(credential) => account.credential = Some(credential),
                Known::NativeStored(hash) => account.stored_hash = Some(hash),
            }
            accounts.insert(user, account);
        }
    }

    /// What is known of a user.
    #[must_use]
    pub fn known(&self, user: &[u8]) -> Known {
        let accounts = self.lock();
        match accounts.get(user) {
            None => Known::Nothing,
            Some(Account { credential: Some(credential), .. }) => Known::Credential(credential.clone()),
            Some(Account { stored_hash: Some(hash), .. }) => Known::NativeStored(hash.clone()),
            Some(_) => Known::Nothing,
        }
    }

    /// Any account that a server accepted lately; for probes when there is no monitor account.
    #[must_use]
    pub fn any_proven(&self) -> Option<(Vec<u8>, Credential)> {
        let accounts = self.lock();
        let proven = |account: &Account| Some((*account.proven.values().max()?, account.credential.clone()?));
        let found = accounts.iter().filter_map(|(user, account)| Some((user, proven(account)?)));
        let (user, (_, credential)) = found.max_by_key(|(_, (at, _))| *at)?;
        Some((user.clone(), credential))
    }

    /// Whether a server accepted this very login within the time of belief.
    #[must_use]
    pub fn is_proven(&self, user: &[u8], credential: &Credential, schema: &[u8], now: Instant) -> bool {
        self.lock().get(user).is_some_and(|account| {
            account.credential.as_ref() == Some(credential)
                && account.proven.get(schema).is_some_and(|at| now.saturating_duration_since(*at) < self.belief)
        })
    }

    /// A server accepted this login.
    pub fn prove(&self, user: &[u8], credential: &Credential, schema: &[u8], now: Instant) {
        let mut accounts = self.lock();
        if accounts.len() >= REMEMBERED && !accounts.contains_key(user) {
            forget_oldest(&mut accounts);
        }
        let account = accounts.entry(user.to_vec()).or_default();
        if account.credential.as_ref() != Some(credential) {
            account.credential = Some(credential.clone());
            account.proven.clear();
        }
        account.proven.retain(|_, at| now.saturating_duration_since(*at) < self.belief);
        account.proven.insert(schema.to_vec(), now);
    }

    /// A server refused this credential: it is not believed any more, and forgotten where it was learnt.
    pub fn disprove(&self, user: &[u8], credential: &Credential) {
        let mut accounts = self.lock();
        let Some(account) = accounts.get_mut(user) else { return };
        if account.credential.as_ref() != Some(credential) {
            return;
        }
        account.proven.clear();
        if !account.configured {
            accounts.remove(user);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Account>> {
        // The map is consistent after every statement above, so a panic elsewhere does not spoil it.
        self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn forget_oldest(accounts: &mut HashMap<Vec<u8>, Account>) {
    let oldest = accounts
        .iter()
        .filter(|(_, account)| !account.configured)
        .min_by_key(|(_, account)| account.proven.values().max().copied())
        .map(|(user, _)| user.clone());
    if let Some(user) = oldest {
        accounts.remove(&user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_protocol::auth::Password;

    fn credential(text: &str) -> Credential {
        Credential::Password(Password::new(text.into()))
    }

    #[test]
    fn a_proof_ends_with_its_time_with_another_password_and_with_a_refusal() {
        let accounts = Accounts::new(Duration::from_secs(60));
        let now = Instant::now();
        accounts.prove(b"app", &credential("a"), b"shop", now);
        assert!(accounts.is_proven(b"app", &credential("a"), b"shop", now + Duration::from_secs(59)));
        assert!(!accounts.is_proven(b"app", &credential("a"), b"other", now));
        assert!(!accounts.is_proven(b"app", &credential("b"), b"shop", now));
        assert!(!accounts.is_proven(b"app", &credential("a"), b"shop", now + Duration::from_secs(60)));
        accounts.disprove(b"app", &credential("a"));
        assert!(matches!(accounts.known(b"app"), Known::Nothing));
    }

    /// Probes log in with it every second: one that no server has accepted would be locked out.
    #[test]
    fn an_account_that_no_server_has_accepted_is_not_for_probes() {
        let accounts = Accounts::new(Duration::from_secs(60));
        let configured = [(b"other".to_vec(), Known::Credential(credential("b")))];
        accounts.configure(configured);
        assert!(accounts.any_proven().is_none());
        accounts.prove(b"app", &credential("a"), b"shop", Instant::now());
        assert_eq!(accounts.any_proven().map(|(user, _)| user), Some(b"app".to_vec()));
    }
}
