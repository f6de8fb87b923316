//! Takes a header name, says whether only the gate may set it.
//!
//! IIS shows a header to CGI, ISAPI and ASP.NET as `HTTP_` and its name in capitals with `-` turned into `_`, so
//! `X_Remote_User` and `X-Remote-User` are one variable there. Names are compared here with everything but letters and
//! digits turned into `-`. Every identity set is owned whether it is switched on or not: what is off today is believed
//! by an application tomorrow.

use super::hop_by_hop::is_hop_by_hop;
use super::identity_headers::IdentityHeaderSettings;
use http::HeaderName;

/// What happens to a header whose name holds anything but letters, digits and hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonstandardNames {
    /// It is dropped and counted, as nginx does by default (`underscores_in_headers off`, `ignore_invalid_headers on`).
    #[default]
    Drop,
    /// It is kept, unless it is a spelling of a header that the gate owns.
    KeepUnlessReserved,
}

/// The headers that a client can never send to a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedHeaders {
    /// The names that operators chose for identity headers, folded and sorted.
    configured: Vec<Box<str>>,
    nonstandard_names: NonstandardNames,
}

/// Why a name cannot be that of an identity header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    /// HTTP or the gate itself gives it another meaning.
    #[error("`{name}` has a meaning of its own and cannot carry an identity")]
    Reserved {
        /// The name.
        name: HeaderName,
    },
    /// Two identity headers of one backend have this name, hyphen or underscore aside.
    #[error("`{name}` is the name of two identity headers")]
    Twice {
        /// The name.
        name: HeaderName,
    },
}

/// What becomes of one header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Kept,
    HopByHop,
    Reserved,
    Nonstandard,
}

impl ReservedHeaders {
    /// Takes the identity headers of every backend: a name chosen for one is owned on the way to all.
    ///
    /// # Errors
    ///
    /// Names every name that is reserved or used twice within one backend.
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

    /// Whether `name` is a spelling of a header that only the gate sets.
    pub fn is_reserved(&self, name: &HeaderName) -> bool {
        self.with_folded(name, is_reserved_by_design)
    }

    /// Whether `name` is a spelling of a header that names a person or shows a certificate.
    pub fn is_identity(&self, name: &HeaderName) -> bool {
        self.with_folded(name, is_identity_by_design)
    }

    pub(super) fn disposition(&self, name: &HeaderName) -> Disposition {
        if is_hop_by_hop(name.as_str()) {
            Disposition::HopByHop
        } else if self.is_reserved(name) {
            Disposition::Reserved
        } else if self.nonstandard_names == NonstandardNames::Drop && !is_plain(name.as_str()) {
            Disposition::Nonstandard
        } else {
            Disposition::Kept
        }
    }

    fn with_folded(&self, name: &HeaderName, by_design: impl Fn(&str) -> bool) -> bool {
        let either = |folded: &str| by_design(folded) || self.is_configured(folded);
        // Ordinary names are folded as they are, so that they cost no allocation.
        if is_plain(name.as_str()) { either(name.as_str()) } else { either(&fold(name.as_str())) }
    }

    fn is_configured(&self, folded: &str) -> bool {
        self.configured.binary_search_by(|name| name.as_ref().cmp(folded)).is_ok()
    }
}

/// Whether a name, in lower case as `HeaderName` keeps it, holds only letters, digits and hyphens.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn fold(name: &str) -> Box<str> {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

/// After `x-`: beginnings of names that servers, frameworks or other proxies believe.
const RESERVED_AFTER_X: [&str; 16] = [
    "arr-",              // IIS ARR, Azure App Service
    "client-ip",         // the client's address, by many a proxy
    "cluster-client-ip", // the same: Zeus, Rackspace
    "envoy-",            // -External-Address, -Internal, -Peer-Metadata
    "forwarded", // -For, -Proto, -Host, -Port, -User (oauth2-proxy), -Client-Cert (Envoy), -Tls-Client-Cert (Traefik)
    "iisnode-",  // IIS's server variables as iisnode passes them on, AUTH_USER among them
    "originating-ip",
    "proxyuser-",
    "http-method",     // X-HTTP-Method and X-HTTP-Method-Override
    "method-override", // would turn an admitted method into another
    "ms-",             // X-MS-Proxy and its kin (MS-ADFSPIP 2.2.1), X-MS-CLIENT-PRINCIPAL* (App Service)
    "original-",       // X-Original-URL (UrlRewrite), X-Original-For (ASP.NET Core)
    "real-ip",
    "request-id",
    "rewrite-", // X-Rewrite-URL (ISAPI_Rewrite)
    "ssl",      // X-SSL, X-SSL-Client-DN and the rest of HAProxy's idioms
];

/// Takes a folded name.
fn is_reserved_by_design(name: &str) -> bool {
    if is_identity_by_design(name) {
        return true;
    }
    if let Some(rest) = name.strip_prefix("x-") {
        return RESERVED_AFTER_X.iter().any(|start| rest.starts_with(start));
    }
    matches!(
        name,
        "aspfiltersessionid" // aspnet_filter.dll's word to ASP.NET for a cookieless session
            | "cf-connecting-ip" | "client-ip" | "fastly-client-ip" | "true-client-ip" // the client's address
            | "depth" | "destination" | "if" | "lock-token" | "overwrite" // WebDAV (RFC 4918 10)
            | "forwarded"
            | "front-end-https"
            | "proxy" // CGI shows it as HTTP_PROXY, which libraries take for their proxy (CVE-2016-5385)
            | "translate" // `Translate: f` gives IIS's sources away
            | "via"
    ) || name.starts_with("ms-aspnetcore-")
        || name.starts_with("proxy-client-") // WebLogic and Tomcat behind it: Proxy-Client-Cert
}

/// Beginnings of names, without `x-`, by which some proxy names a person or shows a certificate to the server behind.
/// Each stands here because a server or an application is documented to believe it.
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
    "remote-", // -User, -Groups, -Email: what Authelia and many an application agree on
    "shib-",   // Shibboleth
    "sso-user",
    "ssl-", // Apache's, nginx's, HAProxy's and Tomcat's idioms
    "tailscale-user-",
    "tls-client-",
    "webauth-", // Grafana, Gitea
];

/// Takes a folded name.
fn is_identity_by_design(name: &str) -> bool {
    let bare = name.strip_prefix("x-").unwrap_or(name);
    IDENTITY.iter().any(|start| bare.starts_with(start))
        || bare.starts_with("sm-") // SiteMinder: SM_USER, SM_USERDN, SM_UNIVERSALID
        || name.starts_with("-ws") // WebSphere's plug-in: $WSRU, $WSCC
        || name.starts_with("wl-proxy-") // WebLogic's: -Client-Cert, -SSL
        || matches!(bare, "smuser" | "unmapped-remote-user" | "user" | "user-dn" | "user-name" | "username")
}

/// Whether a folded name means something that an identity must not displace.
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
    fn headers_of_ordinary_requests_are_not_owned() {
        let owned = ReservedHeaders::default();
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
            assert_eq!(owned.disposition(&HeaderName::from_static(name)), Disposition::Kept, "{name}");
        }
    }

    #[test]
    fn names_by_which_others_tell_a_person_are_owned_in_every_spelling_and_do_not_come_back() {
        let owned = ReservedHeaders::new([], NonstandardNames::KeepUnlessReserved).unwrap();
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
            assert!(owned.is_reserved(&name) && owned.is_identity(&name), "{name}");
        }
    }

    #[test]
    fn a_configured_name_is_owned_in_every_spelling() {
        let owned =
            ReservedHeaders::new([&with_user_header("site_login")], NonstandardNames::KeepUnlessReserved)
                .unwrap();
        for name in ["site_login", "site-login", "site.login"] {
            assert!(owned.is_reserved(&HeaderName::from_static(name)), "{name}");
            assert!(owned.is_identity(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!owned.is_reserved(&HeaderName::from_static("site-logins")));
    }

    #[test]
    fn a_name_with_a_meaning_of_its_own_cannot_carry_an_identity() {
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
    fn one_name_cannot_carry_two_facts() {
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
    fn the_name_of_a_secret_is_owned_and_may_not_have_a_meaning_of_its_own() {
        let with = |name: &'static str| {
            let secret = SecretHeader::new(HeaderName::from_static(name), b"twenty-two-characters!").unwrap();
            IdentityHeaderSettings { secret: Some(secret), ..IdentityHeaderSettings::default() }
        };
        let owned =
            ReservedHeaders::new([&with("x-gate-secret")], NonstandardNames::KeepUnlessReserved).unwrap();
        assert!(owned.is_reserved(&HeaderName::from_static("x_gate_secret")));
        for name in ["authorization", "cookie", "x-portcullis-assertion"] {
            let fault = HeaderNameError::Reserved { name: HeaderName::from_static(name) };
            assert_eq!(ReservedHeaders::new([&with(name)], NonstandardNames::Drop), Err(vec![fault]));
        }
        let fault = HeaderNameError::Twice { name: HeaderName::from_static("x-remote-user") };
        assert_eq!(ReservedHeaders::new([&with("x-remote-user")], NonstandardNames::Drop), Err(vec![fault]));
    }
}
