//! The headers that only the gateway may set, in every spelling.
//!
//! IIS shows a header to CGI, ISAPI and ASP.NET as `HTTP_` and its name in upper case with `-` replaced by `_`, so
//! `X_Remote_User` and `X-Remote-User` are one variable there. Names are therefore compared with every character except
//! letters and digits replaced by `-`. All identity sets are reserved, enabled or not: an application may begin to trust a
//! header long before an administrator enables it.

use super::hop_by_hop::is_hop_by_hop;
use super::identity_headers::IdentityHeaderSettings;
use http::HeaderName;

/// How headers are treated whose names have other characters than letters, digits and hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonstandardNames {
    /// They are removed and counted, as nginx does by default (`underscores_in_headers off`, `ignore_invalid_headers on`).
    #[default]
    Drop,
    /// They are kept, except for spellings of a reserved header.
    KeepUnlessReserved,
}

/// The headers that a client can never send to a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedHeaders {
    /// The configured names of identity headers, folded and sorted.
    configured: Vec<Box<str>>,
    nonstandard_names: NonstandardNames,
}

/// Why a name cannot be used for an identity header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    /// HTTP or the gateway uses it for another purpose.
    #[error("`{name}` is reserved and cannot be an identity header")]
    Reserved {
        /// The name.
        name: HeaderName,
    },
    /// Two identity headers of one backend have this name, if hyphens and underscores are not distinguished.
    #[error("`{name}` is used for two identity headers")]
    Twice {
        /// The name.
        name: HeaderName,
    },
}

/// The treatment of one header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderDisposition {
    Kept,
    HopByHop,
    Reserved,
    Nonstandard,
}

impl ReservedHeaders {
    /// Collects the identity headers of all backends: a name that is configured for one is reserved for all.
    ///
    /// # Errors
    /// Every name that has another meaning or is used twice within one backend.
    pub fn new<'a>(
        backends: impl IntoIterator<Item = &'a IdentityHeaderSettings>,
        nonstandard_names: NonstandardNames,
    ) -> Result<Self, Vec<HeaderNameError>> {
        let mut configured = Vec::new();
        let mut faults = Vec::new();
        for settings in backends {
            let mut of_this_backend: Vec<Box<str>> = Vec::new();
            for name in settings.configured_names() {
                let folded = fold(name.as_str());
                if has_other_meaning(&folded) {
                    faults.push(HeaderNameError::Reserved { name: name.clone() });
                } else if of_this_backend.contains(&folded) {
                    faults.push(HeaderNameError::Twice { name: name.clone() });
                }
                of_this_backend.push(folded);
            }
            configured.extend(of_this_backend);
        }
        configured.sort_unstable();
        configured.dedup();
        if faults.is_empty() { Ok(Self { configured, nonstandard_names }) } else { Err(faults) }
    }

    /// Whether `name` is a spelling of a header that only the gateway may set.
    pub fn is_reserved(&self, name: &HeaderName) -> bool {
        self.with_folded(name, is_reserved_by_design)
    }

    /// Whether `name` is a spelling of a header that names a user or carries a certificate.
    pub fn is_identity(&self, name: &HeaderName) -> bool {
        self.with_folded(name, is_identity_by_design)
    }

    pub(super) fn disposition(&self, name: &HeaderName) -> HeaderDisposition {
        if is_hop_by_hop(name.as_str()) {
            HeaderDisposition::HopByHop
        } else if self.is_reserved(name) {
            HeaderDisposition::Reserved
        } else if self.nonstandard_names == NonstandardNames::Drop && !is_plain(name.as_str()) {
            HeaderDisposition::Nonstandard
        } else {
            HeaderDisposition::Kept
        }
    }

    fn with_folded(&self, name: &HeaderName, by_design: impl Fn(&str) -> bool) -> bool {
        let either = |folded: &str| by_design(folded) || self.is_configured(folded);
        // Plain names are already folded, so they cost no allocation.
        if is_plain(name.as_str()) { either(name.as_str()) } else { either(&fold(name.as_str())) }
    }

    fn is_configured(&self, folded: &str) -> bool {
        self.configured.binary_search_by(|name| name.as_ref().cmp(folded)).is_ok()
    }
}

/// Whether a name, in lower case as in `HeaderName`, has only letters, digits and hyphens.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn fold(name: &str) -> Box<str> {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

/// Returns whether one of `prefixes` begins `name`. They are sorted and none begins another, so that only the last one that
/// is not greater than the name can begin it.
fn has_prefix_among(prefixes: &[&str], name: &str) -> bool {
    let after = prefixes.partition_point(|prefix| *prefix <= name);
    after.checked_sub(1).and_then(|last| prefixes.get(last)).is_some_and(|prefix| name.starts_with(prefix))
}

/// Prefixes after `x-` that servers, frameworks or other proxies trust.
const RESERVED_AFTER_X: [&str; 16] = [
    "arr-",              // IIS ARR, Azure App Service
    "client-ip",         // the client's address, set by many proxies
    "cluster-client-ip", // the same: Zeus, Rackspace
    "envoy-",            // -External-Address, -Internal, -Peer-Metadata
    "forwarded", // -For, -Proto, -Host, -Port, -User (oauth2-proxy), -Client-Cert (Envoy), -Tls-Client-Cert (Traefik)
    "http-method", // X-HTTP-Method and X-HTTP-Method-Override
    "iisnode-",  // IIS's server variables as iisnode passes them on, AUTH_USER among them
    "method-override", // would change an allowed method into another
    "ms-",       // X-MS-Proxy and its kin (MS-ADFSPIP 2.2.1), X-MS-CLIENT-PRINCIPAL* (App Service)
    "original-", // X-Original-URL (UrlRewrite), X-Original-For (ASP.NET Core)
    "originating-ip",
    "proxyuser-",
    "real-ip",
    "request-id",
    "rewrite-", // X-Rewrite-URL (ISAPI_Rewrite)
    "ssl",      // X-SSL, X-SSL-Client-DN and the rest of HAProxy's idioms
];

/// Whether a folded name is reserved in every configuration.
fn is_reserved_by_design(name: &str) -> bool {
    if is_identity_by_design(name) {
        return true;
    }
    if let Some(rest) = name.strip_prefix("x-") {
        return has_prefix_among(&RESERVED_AFTER_X, rest);
    }
    matches!(
        name,
        "aspfiltersessionid" // set by aspnet_filter.dll for a cookieless ASP.NET session
            | "cf-connecting-ip" | "client-ip" | "fastly-client-ip" | "true-client-ip" // the client's address
            | "depth" | "destination" | "if" | "lock-token" | "overwrite" // WebDAV (RFC 4918 10)
            | "forwarded"
            | "front-end-https"
            | "proxy" // CGI shows it as HTTP_PROXY, which libraries take for their proxy (CVE-2016-5385)
            | "translate" // `Translate: f` makes IIS return source code
            | "via"
    ) || name.starts_with("ms-aspnetcore-")
        || name.starts_with("proxy-client-") // WebLogic and Tomcat behind it: Proxy-Client-Cert
}

/// Prefixes, without `x-`, by which a proxy names a user or passes a certificate to its backend. For each, a server or an
/// application is documented to trust it.
const IDENTITY: [&str; 53] = [
    "amzn-mtls-", // AWS load balancers
    "amzn-oidc-",
    "anonymous-consumer", // Kong
    "arr-clientcert",     // IIS ARR
    "auth-cert",          // nginx idioms
    "auth-email",
    "auth-groups",
    "auth-name",
    "auth-request-", // oauth2-proxy
    "auth-type",     // the server variables AUTH_TYPE and AUTH_USER
    "auth-user",
    "authenticated-", // -User, -Userid, -Groups, -Scope
    "authentik-",
    "cas-user", // mod_auth_cas
    "cert-",    // IIS's server variables CERT_SUBJECT, CERT_ISSUER and their kin
    "certificate",
    "cf-access-",  // Cloudflare Access
    "client-cert", // RFC 9440; ASP.NET Core CertificateForwarding, YARP
    "client-dn",
    "client-fingerprint",
    "client-issuer",
    "client-s-dn",
    "client-serial",
    "client-subject",
    "client-verif",
    "clientcert",
    "consumer-",                 // Kong
    "credential-",               // Kong
    "ct-remote-",                // RSA Access Manager
    "forwarded-client-cert",     // Envoy
    "forwarded-tls-client-cert", // Traefik
    "forwarded-user",            // oauth2-proxy and many more
    "goog-authenticated-user-",  // Google IAP
    "goog-iap-",
    "impersonate-", // Kubernetes
    "iv-",          // IBM WebSEAL: -User, -Groups, -Creds
    "logon-user",   // the server variable LOGON_USER
    "mellon-",      // mod_auth_mellon
    "ms-aspnetcore-clientcert",
    "ms-aspnetcore-winauthtoken",
    "ms-client-principal", // Azure App Service
    "oam-",                // Oracle Access Manager
    "oidc-",               // mod_auth_openidc
    "osso-",               // Oracle Single Sign-On
    "pomerium-",
    "portcullis-",
    "remote-", // -User, -Groups, -Email: used by Authelia and many applications
    "shib-",   // Shibboleth
    "ssl-",    // Apache's, nginx's, HAProxy's and Tomcat's idioms
    "sso-user",
    "tailscale-user-",
    "tls-client-",
    "webauth-", // Grafana, Gitea
];

/// Whether a folded name carries an identity in every configuration.
fn is_identity_by_design(name: &str) -> bool {
    let bare = name.strip_prefix("x-").unwrap_or(name);
    has_prefix_among(&IDENTITY, bare)
        || bare.starts_with("sm-") // SiteMinder: SM_USER, SM_USERDN, SM_UNIVERSALID
        || name.starts_with("-ws") // WebSphere's plug-in: $WSRU, $WSCC
        || name.starts_with("wl-proxy-") // WebLogic's: -Client-Cert, -SSL
        || matches!(bare, "smuser" | "unmapped-remote-user" | "user" | "user-dn" | "user-name" | "username")
}

/// Whether a folded name has a meaning that an identity must not displace.
fn has_other_meaning(name: &str) -> bool {
    const STARTS: [&str; 7] =
        ["accept", "access-control-", "client-cert", "content-", "if-", "proxy-", "sec-"];
    is_hop_by_hop(name)
        || STARTS.iter().any(|start| name.starts_with(start))
        || matches!(
            name,
            "authorization"
                | "cache-control"
                | "cookie"
                | "date"
                | "expect"
                | "forwarded"
                | "host"
                | "max-forwards"
                | "origin"
                | "pragma"
                | "range"
                | "referer"
                | "set-cookie"
                | "soapaction"
                | "user-agent"
                | "via"
                | "www-authenticate"
                | "x-arr-clientcert"
                | "x-forwarded-client-cert"
                | "x-forwarded-for"
                | "x-forwarded-host"
                | "x-forwarded-proto"
                | "x-portcullis-assertion"
                | "x-request-id"
        )
}

#[cfg(test)]
mod tests {
    use super::super::identity_headers::AccountHeaderNames;
    use super::*;
    use crate::headers::secret_header::SecretHeader;

    fn with_user_header(name: &'static str) -> IdentityHeaderSettings {
        let names =
            AccountHeaderNames { user: HeaderName::from_static(name), ..AccountHeaderNames::default() };
        IdentityHeaderSettings { names, ..IdentityHeaderSettings::default() }
    }

    #[test]
    fn prefixes_are_sorted_and_none_begins_another() {
        for prefixes in [&IDENTITY[..], &RESERVED_AFTER_X] {
            for pair in prefixes.windows(2) {
                assert!(pair[0] < pair[1] && !pair[1].starts_with(pair[0]), "{pair:?}");
            }
        }
    }

    #[test]
    fn headers_of_ordinary_requests_are_not_reserved() {
        let reserved = ReservedHeaders::default();
        for name in [
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "accept-language",
            "content-type",
            "content-length",
            "soapaction",
            "cookie",
            "expect",
            "authorization",
            "cache-control",
            "origin",
            "sec-fetch-site",
            "if-match",
            "if-modified-since",
            "range",
            "x-requested-with",
            "x-auth-token",
            "x-csrf-token",
            "x-user-agent",
            "x-user-id",
            "x-client-version",
            "authentication",
            "dnt",
            "upgrade-insecure-requests",
            "x-vermeer-content-type",
        ] {
            assert_eq!(
                reserved.disposition(&HeaderName::from_static(name)),
                HeaderDisposition::Kept,
                "{name}"
            );
        }
    }

    #[test]
    fn identity_headers_of_other_products_are_reserved_in_every_spelling() {
        let reserved = ReservedHeaders::new([], NonstandardNames::KeepUnlessReserved).unwrap();
        for name in [
            "x-authenticated-user",
            "authenticated-user",
            "sm_user",
            "sm-user",
            "smuser",
            "sm_userdn",
            "x-sm-user",
            "x-auth-request-user",
            "x-auth-request-email",
            "x_auth_request_groups",
            "x-auth-user",
            "x-ms-client-principal",
            "x-ms-client-principal-name",
            "x-forwarded-user",
            "x-forwarded-user-groups",
            "remote_user",
            "remote-user",
            "x-webauth-user",
            "x_webauth_email",
            "x-ssl-client-s-dn",
            "ssl_client_verify",
            "ssl_cert",
            "x-client-cert",
            "x-client-certificate",
            "x-clientcert-subject",
            "x-client-verify",
            "x-arr-clientcert",
            "x-forwarded-client-cert",
            "x-forwarded-tls-client-cert-info",
            "x-goog-authenticated-user-email",
            "cf-access-authenticated-user-email",
            "x-amzn-oidc-identity",
            "oidc_claim_sub",
            "shib-session-id",
            "mellon_nameid",
            "iv-user",
            "oam_remote_user",
            "logon_user",
            "auth_user",
            "cert_subject",
            "$wsru",
            "wl-proxy-client-cert",
            "impersonate-user",
            "x-user",
            "username",
        ] {
            let name = HeaderName::from_static(name);
            assert!(reserved.is_reserved(&name) && reserved.is_identity(&name), "{name}");
        }
    }

    #[test]
    fn a_configured_name_is_reserved_in_every_spelling() {
        let reserved =
            ReservedHeaders::new([&with_user_header("site_login")], NonstandardNames::KeepUnlessReserved)
                .unwrap();
        for name in ["site_login", "site-login", "site.login"] {
            assert!(reserved.is_reserved(&HeaderName::from_static(name)), "{name}");
            assert!(reserved.is_identity(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!reserved.is_reserved(&HeaderName::from_static("site-logins")));
    }

    #[test]
    fn a_name_with_another_meaning_cannot_carry_an_identity() {
        for name in [
            "host",
            "content-length",
            "cookie",
            "connection",
            "forwarded",
            "x-forwarded-for",
            "client-cert",
            "content_type",
        ] {
            let fault = HeaderNameError::Reserved { name: HeaderName::from_static(name) };
            assert_eq!(
                ReservedHeaders::new([&with_user_header(name)], NonstandardNames::Drop),
                Err(vec![fault])
            );
        }
    }

    #[test]
    fn one_name_cannot_be_used_twice() {
        let fault = HeaderNameError::Twice { name: HeaderName::from_static("x-remote-upn") };
        assert_eq!(
            ReservedHeaders::new([&with_user_header("x_remote_upn")], NonstandardNames::Drop),
            Err(vec![fault])
        );
    }

    #[test]
    fn two_backends_may_use_one_name() {
        let settings = with_user_header("x-user");
        assert!(ReservedHeaders::new([&settings, &settings], NonstandardNames::Drop).is_ok());
    }

    #[test]
    fn the_name_of_a_secret_is_reserved_and_must_not_have_another_meaning() {
        let with = |name: &'static str| {
            let secret = SecretHeader::new(HeaderName::from_static(name), b"twenty-two-characters!").unwrap();
            IdentityHeaderSettings { secret: Some(secret), ..IdentityHeaderSettings::default() }
        };
        let reserved =
            ReservedHeaders::new([&with("x-gateway-secret")], NonstandardNames::KeepUnlessReserved).unwrap();
        assert!(reserved.is_reserved(&HeaderName::from_static("x_gateway_secret")));
        for name in ["authorization", "cookie", "x-portcullis-assertion"] {
            let fault = HeaderNameError::Reserved { name: HeaderName::from_static(name) };
            assert_eq!(ReservedHeaders::new([&with(name)], NonstandardNames::Drop), Err(vec![fault]));
        }
        let fault = HeaderNameError::Twice { name: HeaderName::from_static("x-remote-user") };
        assert_eq!(ReservedHeaders::new([&with("x-remote-user")], NonstandardNames::Drop), Err(vec![fault]));
    }
}
