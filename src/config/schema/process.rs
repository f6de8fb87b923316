//! `[log]`, `[audit]`, `[admin]`, `[caches]` and `[assertion]`: the settings of the process rather than of a site.

use crate::config::parse::{
    Spanned, TableReader, ValueError, ValueType, choice, duration, file, line, parse_file, section, size,
    socket_address, string, text,
};
use crate::telemetry::audit::AuditTarget;
use crate::telemetry::logging::LogFormat;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

section! {
    /// `[log]`: the log on standard error.
    struct LogSection with head checked by check {
        /// Lines for people, or one JSON object per line.
        format: Spanned<LogFormat> = choice([("human", LogFormat::Human), ("json", LogFormat::Json)]).or("human"),
        /// The least severe events that are logged.
        level: Spanned<&'static str> = choice(["error", "warn", "info", "debug", "trace"].map(|level| (level, level))).or("info"),
        /// Instead of `level`: which events are logged, in the syntax of `tracing-subscriber`, such as
        /// `"warn,portcullis::proxy=debug"`.
        filter: Option<Spanned<String>> = log_filter().optional("by `level`"),
    }
}

impl LogSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (Some(span), Some(filter)) = (self.head.written("level"), &self.filter) {
            let error = reader.error(span, "level", "`level` does nothing: `filter` specifies the levels");
            error.label(filter.span, "the filter").help("keep one of them");
        }
    }

    /// Returns the logged events, in the syntax of `tracing-subscriber`.
    pub(crate) fn directives(&self) -> String {
        self.filter.as_ref().map_or_else(|| self.level.value.to_owned(), |filter| filter.value.clone())
    }
}

fn log_filter() -> ValueType<String> {
    line("text", "texts", |directives| match EnvFilter::try_new(directives) {
        Ok(_) => Ok(directives.to_owned()),
        Err(error) => Err(ValueError::new(format!("{directives:?} is not a log filter: {error}"))
            .help("such as \"info\" or \"warn,portcullis::proxy=debug\"")),
    })
}

section! {
    /// `[audit]`: the record of each request.
    struct AuditSection {
        /// The file to which the record of each request is appended, one JSON object per line.
        file: Spanned<AuditTarget> = audit_file().or("stdout"),
        /// Memory for records that wait to be written. Each request in progress reserves 1,600 bytes for its record. If
        /// there is no room, requests are rejected with 503 `audit-unavailable`.
        max_queue_bytes: Spanned<usize> = size("1MiB", "1GiB").or("32MiB"),
    }
}

/// Returns the type of a file relative to the folder of proxy.toml, or standard output.
fn audit_file() -> ValueType<AuditTarget> {
    string("file, or `\"stdout\"`", "files", |text| match text {
        "stdout" => Ok(AuditTarget::Stdout),
        "stderr" => Err(ValueError::new("standard error is for the log, not for audit records")
            .help("write a file name, or \"stdout\"")),
        name => parse_file(name).map(AuditTarget::File),
    })
}

section! {
    /// `[admin]`: health, metrics and control.
    struct AdminSection checked by check {
        /// The addresses that serve `/livez`, `/readyz`, `/metrics`, `/jwks.json` and
        /// [`/purge`](operations.md#health-and-metrics), without authentication. `[]`: none.
        listen: Vec<Spanned<SocketAddr>> = socket_address().list().or(["127.0.0.1:9090"]),
    }
}

impl AdminSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        for address in self.listen.iter().filter(|address| !address.value.ip().is_loopback()) {
            let risk = format!("all clients that reach {} can read metrics and use /purge", address.value);
            let message = format!("the admin listener has no authentication: {risk}");
            let help = "listen on 127.0.0.1, or restrict access to this address by a firewall";
            reader.warning(address.span, "listen", message).help(help);
        }
    }
}

section! {
    /// `[caches]`: memory for the results of earlier work.
    struct CachesSection {
        /// Validated chains, about 15 KB per certificate. Rejected chains get a sixteenth of this in addition, the
        /// certificates of CAs an eighth.
        certificates: Spanned<u64> = size("1MiB", "64GiB").or("128MiB"),
        /// Revocation status by CRL, about 1 KB per certificate.
        revocation: Spanned<u64> = size("1MiB", "64GiB").or("32MiB"),
        /// Accounts of certificates, about 8 KB for an account with fifty groups.
        accounts: Spanned<u64> = size("1MiB", "64GiB").or("128MiB"),
        /// Accounts whose password was accepted.
        passwords: Spanned<u64> = size("1MiB", "64GiB").or("16MiB"),
        /// OCSP responses, per realm; about 2 KB per certificate.
        ocsp: Spanned<u64> = size("1MiB", "64GiB").or("32MiB"),
        /// Kerberos tickets, per backend; 12 KB per account.
        tickets: Spanned<u64> = size("1MiB", "64GiB").or("128MiB"),
        /// User certificates, per backend; about 6 KB per account.
        issued_certificates: Spanned<u64> = size("1MiB", "64GiB").or("32MiB"),
    }
}

section! {
    /// `[assertion]`: the keys that sign assertions.
    struct AssertionSection with head {
        /// Private keys in PKCS #8: P-256 (signs `ES256`, the fastest to sign and to verify), Ed25519 (`EdDSA`) or RSA of
        /// 2048 to 4096 bits (`RS256`, twenty times slower). The first one signs, all are published.
        keys: Vec<Spanned<PathBuf>> = file().list().required("keys = [\"/run/secrets/assertion.key\"]"),
        /// The gateway's name, the claim `iss`.
        issuer: Option<Spanned<String>> = text().required("issuer = \"https://gateway.corp.example\""),
        /// How long an assertion is valid.
        lifetime: Spanned<Duration> = duration("1s", "5m").or("1m"),
    }
}
