//! The certificates whose holders were authenticated recently. The first request on a new connection counts towards the limits
//! of the account, although its certificate is not validated yet. Authentication does not use this.

use super::AccountKey;
use moka::sync::Cache;
use std::fmt;
use std::time::Duration;

/// How long a certificate is kept after its last use: a working day.
const REMEMBERED: Duration = Duration::from_secs(10 * 3600);

/// The maximum number of certificates.
const CAPACITY: u64 = 65_536;

/// The accounts of certificates, by the SHA-256 of the certificate.
pub(crate) struct KnownHolders(Cache<[u8; 32], AccountKey>);

impl Default for KnownHolders {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_idle(REMEMBERED).build())
    }
}

impl KnownHolders {
    /// Records that the certificate holder was authenticated as this account.
    pub(crate) fn authenticated(&self, certificate: [u8; 32], account: AccountKey) {
        self.0.insert(certificate, account);
    }

    /// Removes a certificate that was rejected.
    pub(crate) fn rejected(&self, certificate: &[u8; 32]) {
        self.0.invalidate(certificate);
    }

    /// Returns the account as which the certificate holder was authenticated last.
    pub(crate) fn account(&self, certificate: &[u8; 32]) -> Option<AccountKey> {
        self.0.get(certificate)
    }
}

impl fmt::Debug for KnownHolders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownHolders").field("certificates", &self.0.entry_count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::AccountRates;
    use super::*;

    #[test]
    fn a_certificate_is_known_until_it_is_rejected() {
        let (holders, rates) = (KnownHolders::default(), AccountRates::default());
        let [alice, mallory] = [[1; 32], [2; 32]];
        holders.authenticated(alice, rates.key("alice"));
        assert_eq!(holders.account(&alice), Some(rates.key("alice")));
        assert_eq!(holders.account(&mallory), None);
        holders.rejected(&mallory);
        assert!(holders.account(&alice).is_some());
        holders.rejected(&alice);
        assert_eq!(holders.account(&alice), None);
    }
}
