//! The headers by which a backend learns the user's identity. The only place that sets them.
//!
//! Values are never truncated: part of a list of groups is a different list, so a value that is too long is an error. A
//! request without an identity has none of these headers, even if an earlier step failed to remove the client's.

use super::secret_header::SecretHeader;
use super::value_encoding::{
    IN_LIST, arr_client_cert, client_cert, client_cert_chain, encode, forwarded_client_cert, header_value,
    push_encoded,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The most bytes of one value. http.sys allows 16 KiB for the whole head (KB 820129).
pub const MAX_VALUE_BYTES: usize = 8 * 1024;
/// The most bytes of all identity headers together, names included.
pub const MAX_IDENTITY_BYTES: usize = 16 * 1024;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
const ARR_CLIENT_CERT: HeaderName = HeaderName::from_static("x-arr-clientcert");
const ASSERTION: HeaderName = HeaderName::from_static("x-portcullis-assertion");

/// The sets of identity headers that a backend gets, and their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaderSettings {
    /// User, UPN, SID, groups, mapping, authentication and the certificate's SHA-256, in one header each.
    pub account: bool,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    pub rfc9440: bool,
    /// `X-Forwarded-Client-Cert` as Envoy writes it, with the keys Hash, Cert and Subject.
    pub xfcc: bool,
    /// Also Envoy's key Chain, which has the whole chain and rarely fits beside Cert into [`MAX_VALUE_BYTES`].
    pub xfcc_chain: bool,
    /// `X-ARR-ClientCert`, as IIS ARR and Azure App Service write it.
    pub arr: bool,
    /// `X-Portcullis-Assertion`: a signed assertion for each request.
    pub assertion: bool,
    /// The secret by which this backend recognizes the gateway, on every request.
    pub secret: Option<SecretHeader>,
    /// The names of the account set.
    pub names: AccountHeaderNames,
    /// The groups that are sent if the account is in them, compared without ASCII letter case. An empty list sends none.
    pub send_groups: Vec<String>,
}

impl Default for IdentityHeaderSettings {
    /// The account set only, with its default names and without groups.
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
    /// Whether the backend must trust these headers because of their sender: no signature protects them.
    pub fn depends_on_sender(&self) -> bool {
        self.account || self.rfc9440 || self.xfcc || self.arr
    }

    /// The header names that are configured.
    pub fn configured_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.all().into_iter().chain(self.secret.as_ref().map(SecretHeader::name))
    }

    /// The groups that are sent to this backend, selected by name or by SID, in the account's order.
    pub fn sent_groups<'a>(&self, groups: &'a [NamedGroup<'a>]) -> impl Iterator<Item = &'a NamedGroup<'a>> {
        let is_named = |named: &str, sent: &String| sent.eq_ignore_ascii_case(named);
        groups.iter().filter(move |group| {
            let named = [Some(group.name), group.sid];
            self.send_groups.iter().any(|sent| named.iter().flatten().any(|named| is_named(named, sent)))
        })
    }
}

/// The header names of the account set. [`super::ReservedHeaders::new`] refuses names that cannot carry an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHeaderNames {
    /// `X-Remote-User`: `DOMAIN\sam`, else the UPN.
    pub user: HeaderName,
    /// `X-Remote-Upn`
    pub upn: HeaderName,
    /// `X-Remote-Sid`
    pub sid: HeaderName,
    /// `X-Remote-Groups`: comma-separated.
    pub groups: HeaderName,
    /// `X-Remote-Mapping`: the method and its strength, as `upn; weak`.
    pub mapping: HeaderName,
    /// `X-Remote-Authentication`: `certificate` or `password`.
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
    /// All seven names.
    pub fn all(&self) -> [&HeaderName; 7] {
        let Self { user, upn, sid, groups, mapping, authentication, certificate_sha256 } = self;
        [user, upn, sid, groups, mapping, authentication, certificate_sha256]
    }
}

/// The account that a request is forwarded as, and the client certificate that proved it.
#[derive(Clone, Copy, Debug)]
pub struct ForwardedIdentity<'a> {
    /// `DOMAIN\sam`, else the UPN.
    pub user: &'a str,
    /// The user principal name.
    pub upn: Option<&'a str>,
    /// The security identifier, `S-1-5-21-…`.
    pub sid: Option<&'a str>,
    /// All of the account's groups; the settings choose among them.
    pub groups: &'a [NamedGroup<'a>],
    /// The mapping method.
    pub mapping: &'a str,
    /// The strength of the mapping.
    pub strength: &'a str,
    /// `certificate` or `password`.
    pub authentication: &'a str,
    /// The client certificate, if one was presented and authenticated.
    pub card: Option<ProvenCertificate<'a>>,
    /// The signed assertion, if the settings ask for one.
    pub assertion: Option<&'a str>,
}

/// A group, with its name and security identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedGroup<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its security identifier, if it has one.
    pub sid: Option<&'a str>,
}

/// The client certificate that proved an identity.
#[derive(Clone, Copy, Debug)]
pub struct ProvenCertificate<'a> {
    /// The leaf in DER.
    pub leaf: &'a [u8],
    /// The other certificates in DER, in the order of TLS.
    pub chain: &'a [&'a [u8]],
    /// SHA-256 of the leaf in lower-case hexadecimal.
    pub certificate_sha256: &'a str,
    /// The leaf's subject as RFC 4514 writes it.
    pub subject: &'a str,
}

/// An identity that does not fit into its headers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityTooLarge {
    /// One header is too long.
    #[error("header `{header}` would have {bytes} bytes; the limit is {limit}")]
    Header {
        /// Its name.
        header: HeaderName,
        /// The length of its value.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// All headers together are too long.
    #[error("the identity headers would have {bytes} bytes; the limit is {limit}")]
    Whole {
        /// Names and values together.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Removes every identity header of `settings`, then sets those of `identity` and, with or without an identity, the
/// backend's secret.
///
/// # Errors
/// If one header, or all together, would exceed the limits. No identity header is then set.
pub fn set(
    headers: &mut HeaderMap,
    settings: &IdentityHeaderSettings,
    identity: Option<&ForwardedIdentity<'_>>,
) -> Result<(), IdentityTooLarge> {
    let rendered = identity.map(|identity| RenderedIdentity::new(settings, identity)).transpose();
    set_rendered(headers, settings, rendered.as_ref().ok().and_then(Option::as_ref));
    rendered.map(drop)
}

/// As [`set`], for an identity that was rendered before with the same settings.
pub fn set_rendered(
    headers: &mut HeaderMap,
    settings: &IdentityHeaderSettings,
    identity: Option<&RenderedIdentity>,
) {
    for name in settings.names.all() {
        headers.remove(name);
    }
    for name in [CLIENT_CERT, CLIENT_CERT_CHAIN, FORWARDED_CLIENT_CERT, ARR_CLIENT_CERT, ASSERTION] {
        headers.remove(name);
    }
    if let Some(secret) = &settings.secret {
        headers.insert(secret.name(), secret.value().clone());
    }
    if let Some(identity) = identity {
        headers.extend(identity.0.iter().cloned());
    }
}

/// The identity headers of one identity for one backend.
#[derive(Debug)]
pub struct RenderedIdentity(Box<[(HeaderName, HeaderValue)]>);

impl RenderedIdentity {
    /// Writes the headers of `identity`.
    ///
    /// # Errors
    /// If one header, or all together, would exceed the limits.
    pub fn new(
        settings: &IdentityHeaderSettings,
        identity: &ForwardedIdentity<'_>,
    ) -> Result<Self, IdentityTooLarge> {
        let mut writer = HeaderWriter::default();
        if settings.account {
            write_account(&mut writer, settings, identity)?;
        }
        if let Some(card) = &identity.card {
            write_certificate(&mut writer, settings, card)?;
        }
        if let (true, Some(assertion)) = (settings.assertion, identity.assertion) {
            writer.push(&ASSERTION, assertion.to_owned())?;
            writer.mark_last_sensitive();
        }
        Ok(Self(writer.lines.into()))
    }
}

fn write_account(
    writer: &mut HeaderWriter,
    settings: &IdentityHeaderSettings,
    identity: &ForwardedIdentity<'_>,
) -> Result<(), IdentityTooLarge> {
    let names = &settings.names;
    writer.push(&names.user, encode(identity.user))?;
    if let Some(upn) = identity.upn {
        writer.push(&names.upn, encode(upn))?;
    }
    if let Some(sid) = identity.sid {
        writer.push(&names.sid, encode(sid))?;
    }
    let groups = group_list(settings, identity);
    if !groups.is_empty() {
        writer.push(&names.groups, groups)?;
    }
    writer.push(&names.mapping, format!("{}; {}", encode(identity.mapping), encode(identity.strength)))?;
    writer.push(&names.authentication, encode(identity.authentication))?;
    match &identity.card {
        Some(card) => writer.push(&names.certificate_sha256, encode(card.certificate_sha256)),
        None => Ok(()),
    }
}

fn write_certificate(
    writer: &mut HeaderWriter,
    settings: &IdentityHeaderSettings,
    card: &ProvenCertificate<'_>,
) -> Result<(), IdentityTooLarge> {
    let ProvenCertificate { leaf, chain, certificate_sha256, subject } = *card;
    if settings.rfc9440 {
        writer.push(&CLIENT_CERT, client_cert(leaf))?;
        if !chain.is_empty() {
            writer.push(&CLIENT_CERT_CHAIN, client_cert_chain(chain))?;
        }
    }
    if settings.xfcc {
        let chain = settings.xfcc_chain.then_some(chain);
        let element = forwarded_client_cert(certificate_sha256, leaf, chain, subject);
        writer.push(&FORWARDED_CLIENT_CERT, element)?;
    }
    if settings.arr {
        writer.push(&ARR_CLIENT_CERT, arr_client_cert(leaf))?;
    }
    Ok(())
}

fn group_list(settings: &IdentityHeaderSettings, identity: &ForwardedIdentity<'_>) -> String {
    let mut list = String::new();
    for group in settings.sent_groups(identity.groups) {
        if !list.is_empty() {
            list.push(',');
        }
        push_encoded(&mut list, group.name, IN_LIST);
    }
    list
}

/// The headers written so far, and their length.
#[derive(Default)]
struct HeaderWriter {
    lines: Vec<(HeaderName, HeaderValue)>,
    bytes: usize,
}

impl HeaderWriter {
    fn push(&mut self, header: &HeaderName, value: String) -> Result<(), IdentityTooLarge> {
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

    /// Keeps the last value out of `{:?}`: it is a credential.
    fn mark_last_sensitive(&mut self) {
        if let Some((_, value)) = self.lines.last_mut() {
            value.set_sensitive(true);
        }
    }
}

#[cfg(test)]
mod tests;
