//! Takes who a request was permitted as, sets the headers that tell a backend so. The only place that does.
//!
//! Never cuts a value: half a list of groups is another list, so what does not fit is an error. A request without an
//! identity carries none of these headers, also where an earlier step forgot to remove the client's.

use super::certificate_headers::{arr_client_cert, client_cert, client_cert_chain, forwarded_client_cert};
use super::encoded_value::{IN_LIST, encode, header_value, push_encoded};
use super::secret_header::SecretHeader;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The greatest length of one value. http.sys stops at 16 KiB for the whole head (KB 820129).
pub const MAX_VALUE_BYTES: usize = 8 * 1024;
/// The greatest length of all identity headers together, names included.
pub const MAX_IDENTITY_BYTES: usize = 16 * 1024;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
const ARR_CLIENT_CERT: HeaderName = HeaderName::from_static("x-arr-clientcert");
const ASSERTION: HeaderName = HeaderName::from_static("x-portcullis-assertion");

/// Which sets of identity headers a backend gets, and under which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaderSettings {
    /// User, UPN, SID, groups, mapping, authentication and the certificate's SHA-256, each in a header of its own.
    pub account: bool,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    pub rfc9440: bool,
    /// `X-Forwarded-Client-Cert` as Envoy writes it, with the keys Hash, Cert and Subject.
    pub xfcc: bool,
    /// Also Envoy's key Chain, which holds the whole chain and seldom fits beside Cert into [`MAX_VALUE_BYTES`].
    pub xfcc_chain: bool,
    /// `X-ARR-ClientCert`, as IIS ARR and Azure App Service write it.
    pub arr: bool,
    /// `X-Portcullis-Assertion`: a signed statement for each request.
    pub assertion: bool,
    /// What the gate is known by to this backend, on every request.
    pub secret: Option<SecretHeader>,
    /// The names of the account set.
    pub names: AccountHeaderNames,
    /// The groups that are sent to those in them, compared without ASCII letter case. An empty list sends none.
    pub send_groups: Vec<String>,
}

impl Default for IdentityHeaderSettings {
    /// The account set alone, under its own names, without groups.
    fn default() -> Self {
        Self {
            account: true,
            rfc9440: false,
            xfcc: false,
            xfcc_chain: false,
            arr: false,
            assertion: false,
            secret: None,
            names: AccountHeaderNames::default(),
            send_groups: Vec::new(),
        }
    }
}

impl IdentityHeaderSettings {
    /// Whether a server that gets these headers has to believe them because of who sends them.
    pub fn depends_on_sender(&self) -> bool {
        self.account || self.rfc9440 || self.xfcc || self.arr
    }

    /// The names that operators may choose.
    pub fn configured_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.all().into_iter().chain(self.secret.as_ref().map(SecretHeader::name))
    }

    /// Those of `groups` that this backend is told, by name or by SID, in their order.
    pub fn sent_groups<'a>(&self, groups: &'a [NamedGroup<'a>]) -> impl Iterator<Item = &'a NamedGroup<'a>> {
        let is_named = |named: &str, sent: &String| sent.eq_ignore_ascii_case(named);
        groups.iter().filter(move |group| {
            let named = [Some(group.name), group.sid];
            self.send_groups.iter().any(|sent| named.iter().flatten().any(|named| is_named(named, sent)))
        })
    }
}

/// The names of the account set. [`super::ReservedHeaders::new`] refuses those that cannot carry an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHeaderNames {
    /// `X-Remote-User`: `DOMAIN\sam`, else the UPN.
    pub user: HeaderName,
    /// `X-Remote-Upn`
    pub upn: HeaderName,
    /// `X-Remote-Sid`
    pub sid: HeaderName,
    /// `X-Remote-Groups`: separated by commas.
    pub groups: HeaderName,
    /// `X-Remote-Mapping`: the method and its strength, as `upn; weak`.
    pub mapping: HeaderName,
    /// `X-Remote-Authentication`: `card` or `password`.
    pub authentication: HeaderName,
    /// `X-Remote-Certificate-Sha256`: in lower-case hexadecimal.
    pub certificate_sha256: HeaderName,
}

impl Default for AccountHeaderNames {
    fn default() -> Self {
        Self {
            user: HeaderName::from_static("x-remote-user"),
            upn: HeaderName::from_static("x-remote-upn"),
            sid: HeaderName::from_static("x-remote-sid"),
            groups: HeaderName::from_static("x-remote-groups"),
            mapping: HeaderName::from_static("x-remote-mapping"),
            authentication: HeaderName::from_static("x-remote-authentication"),
            certificate_sha256: HeaderName::from_static("x-remote-certificate-sha256"),
        }
    }
}

impl AccountHeaderNames {
    /// All of them.
    pub fn all(&self) -> [&HeaderName; 7] {
        let Self { user, upn, sid, groups, mapping, authentication, certificate_sha256 } = self;
        [user, upn, sid, groups, mapping, authentication, certificate_sha256]
    }
}

/// Whom a request is forwarded as, and the card that says so.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// `DOMAIN\sam`, else the UPN.
    pub user: &'a str,
    /// The user principal name.
    pub upn: Option<&'a str>,
    /// The security identifier, `S-1-5-21-…`.
    pub sid: Option<&'a str>,
    /// All of the account's groups; the settings choose among them.
    pub groups: &'a [NamedGroup<'a>],
    /// How the card was mapped to the account.
    pub mapping: &'a str,
    /// How strongly the card names it.
    pub strength: &'a str,
    /// `card` or `password`.
    pub authentication: &'a str,
    /// The card, where one proved who it is.
    pub card: Option<ProvenCertificate<'a>>,
    /// The signed statement of all this, where the settings ask for one.
    pub assertion: Option<&'a str>,
}

/// A group, by its name and its security identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedGroup<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its security identifier, where it has one.
    pub sid: Option<&'a str>,
}

/// The card that proved an identity.
#[derive(Clone, Copy, Debug)]
pub struct ProvenCertificate<'a> {
    /// The card's certificate in DER.
    pub leaf: &'a [u8],
    /// The other certificates in DER, in the order of TLS.
    pub chain: &'a [&'a [u8]],
    /// SHA-256 of the leaf in lower-case hexadecimal.
    pub certificate_sha256: &'a str,
    /// The leaf's subject as RFC 4514 writes it.
    pub subject: &'a str,
}

/// An identity that cannot be told whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityTooLarge {
    /// One header is too long.
    #[error("`{header}` would have {bytes} bytes, more than {limit}")]
    Header {
        /// Its name.
        header: HeaderName,
        /// The length of its value.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
    /// All together are too long.
    #[error("the identity headers would have {bytes} bytes, more than {limit}")]
    Whole {
        /// Names and values together.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
}

/// Removes every identity header of `settings`, then sets those of `identity` and, whoever asks, the gate's own secret.
///
/// # Errors
///
/// Sets none where one header, or all together, would be longer than the limits.
pub fn set(
    headers: &mut HeaderMap,
    settings: &IdentityHeaderSettings,
    identity: Option<&Identity<'_>>,
) -> Result<(), IdentityTooLarge> {
    for name in settings.names.all() {
        headers.remove(name);
    }
    for name in [CLIENT_CERT, CLIENT_CERT_CHAIN, FORWARDED_CLIENT_CERT, ARR_CLIENT_CERT, ASSERTION] {
        headers.remove(name);
    }
    if let Some(secret) = &settings.secret {
        headers.insert(secret.name(), secret.value().clone());
    }
    let Some(identity) = identity else { return Ok(()) };
    let mut told = Told::default();
    if settings.account {
        tell_account(&mut told, settings, identity)?;
    }
    if let Some(card) = &identity.card {
        tell_certificate(&mut told, settings, card)?;
    }
    if let (true, Some(assertion)) = (settings.assertion, identity.assertion) {
        told.line(&ASSERTION, assertion.to_owned())?;
        told.hide_last();
    }
    headers.extend(told.lines);
    Ok(())
}

fn tell_account(
    told: &mut Told,
    settings: &IdentityHeaderSettings,
    identity: &Identity<'_>,
) -> Result<(), IdentityTooLarge> {
    let names = &settings.names;
    told.line(&names.user, encode(identity.user))?;
    if let Some(upn) = identity.upn {
        told.line(&names.upn, encode(upn))?;
    }
    if let Some(sid) = identity.sid {
        told.line(&names.sid, encode(sid))?;
    }
    let groups = groups_sent(settings, identity);
    if !groups.is_empty() {
        told.line(&names.groups, groups)?;
    }
    told.line(&names.mapping, format!("{}; {}", encode(identity.mapping), encode(identity.strength)))?;
    told.line(&names.authentication, encode(identity.authentication))?;
    match &identity.card {
        Some(card) => told.line(&names.certificate_sha256, encode(card.certificate_sha256)),
        None => Ok(()),
    }
}

fn tell_certificate(
    told: &mut Told,
    settings: &IdentityHeaderSettings,
    card: &ProvenCertificate<'_>,
) -> Result<(), IdentityTooLarge> {
    let ProvenCertificate { leaf, chain, certificate_sha256, subject } = *card;
    if settings.rfc9440 {
        told.line(&CLIENT_CERT, client_cert(leaf))?;
        if !chain.is_empty() {
            told.line(&CLIENT_CERT_CHAIN, client_cert_chain(chain))?;
        }
    }
    if settings.xfcc {
        let chain = settings.xfcc_chain.then_some(chain);
        let element = forwarded_client_cert(certificate_sha256, leaf, chain, subject);
        told.line(&FORWARDED_CLIENT_CERT, element)?;
    }
    if settings.arr {
        told.line(&ARR_CLIENT_CERT, arr_client_cert(leaf))?;
    }
    Ok(())
}

fn groups_sent(settings: &IdentityHeaderSettings, identity: &Identity<'_>) -> String {
    let mut list = String::new();
    for group in settings.sent_groups(identity.groups) {
        if !list.is_empty() {
            list.push(',');
        }
        push_encoded(&mut list, group.name, IN_LIST);
    }
    list
}

/// The lines so far, and their length.
#[derive(Default)]
struct Told {
    lines: Vec<(HeaderName, HeaderValue)>,
    bytes: usize,
}

impl Told {
    fn line(&mut self, header: &HeaderName, value: String) -> Result<(), IdentityTooLarge> {
        if value.len() > MAX_VALUE_BYTES {
            let (header, bytes) = (header.clone(), value.len());
            return Err(IdentityTooLarge::Header { header, bytes, limit: MAX_VALUE_BYTES });
        }
        self.bytes += header.as_str().len() + value.len();
        if self.bytes > MAX_IDENTITY_BYTES {
            return Err(IdentityTooLarge::Whole { bytes: self.bytes, limit: MAX_IDENTITY_BYTES });
        }
        self.lines.push((header.clone(), header_value(value)));
        Ok(())
    }

    /// Whoever sees this value can use it.
    fn hide_last(&mut self) {
        if let Some((_, value)) = self.lines.last_mut() {
            value.set_sensitive(true);
        }
    }
}

#[cfg(test)]
mod tests;
