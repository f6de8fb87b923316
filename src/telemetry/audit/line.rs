//! The line of an audit record: one JSON object of at most [`LINE_BYTES`].

use super::AuditRecord;
use super::record::{AccountFacts, CertificateFacts, MappingFacts, RequestDuration, TlsFacts};
use crate::clock::UnixTime;
use crate::telemetry::{BoundedText, cut, json_length, prefix};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// The most bytes of one line, including its line feed, whatever the client sends.
pub(crate) const LINE_BYTES: usize = 1536;

/// Bounds for each text of a line that would be too long; the first that makes it short enough is used.
const SHORTER_TEXTS: [usize; 4] = [256, 128, 64, 32];

/// Appends the record as JSON and a line feed. With an `earlier` record of the same connection, the line refers to it in
/// `same_as` and omits the fields with equal values, except those that people search for.
pub(super) fn append(record: &AuditRecord, earlier: Option<&AuditRecord>, lines: &mut Vec<u8>) {
    let start = lines.len();
    for text_limit in std::iter::once(usize::MAX).chain(SHORTER_TEXTS) {
        lines.truncate(start);
        Object::write(lines, text_limit, |line| write_record(line, record, earlier));
        lines.push(b'\n');
        if lines.len() - start <= LINE_BYTES {
            return;
        }
    }
}

fn write_record(line: &mut Object<'_>, record: &AuditRecord, earlier: Option<&AuditRecord>) {
    /// Whether this field is omitted.
    macro_rules! same {
        ($($field:ident).+) => {
            earlier.is_some_and(|earlier| earlier.$($field).+ == record.$($field).+)
        };
    }
    line.time("time", record.time);
    line.exact_text("request_id", record.request_id.as_str());
    if let Some(earlier) = earlier {
        line.exact_text("same_as", earlier.request_id.as_str());
    }
    if !same!(site) {
        line.optional_text("site", record.site.as_ref());
    }
    if !same!(listener) {
        line.text("listener", &record.listener);
    }
    line.text("client", &record.client);
    if !same!(tls) {
        line.optional_object("tls", record.tls.as_deref(), write_tls);
    }
    if !same!(protocol) {
        line.exact_text("protocol", record.protocol);
    }
    line.text("method", &record.method);
    if !same!(host) {
        line.optional_text("host", record.host.as_ref());
    }
    if !same!(received_path) {
        let (all, longest) = (&record.received_path.received_path, line.text_limit);
        let written = prefix(all, longest);
        line.exact_text("received_path", written);
        let is_cut = record.received_path.received_path_truncated || written.len() < all.len();
        line.exact("received_path_truncated", &is_cut);
    }
    line.optional_text("path", record.path.as_ref());
    if !same!(rule) {
        line.optional_text("rule", record.rule.as_ref());
    }
    if !same!(certificate) {
        line.optional_object("certificate", record.certificate.as_deref(), write_certificate);
    }
    if !same!(authentication) {
        line.exact("authentication", &record.authentication);
    }
    if !same!(account) {
        line.optional_object("account", record.account.as_deref(), write_account);
    }
    if !same!(mapping) {
        line.optional_object("mapping", record.mapping.as_deref(), write_mapping);
    }
    line.exact_text("decision", record.decision);
    if !same!(sub_status) {
        line.exact("sub_status", &record.sub_status);
    }
    if !same!(detail) {
        line.optional_text("detail", record.detail.as_ref());
    }
    line.exact("status", &record.status);
    if !same!(backend) {
        line.optional_text("backend", record.backend.as_ref());
    }
    if !same!(bytes_in) {
        line.exact("bytes_in", &record.bytes_in);
    }
    if !same!(bytes_out) {
        line.exact("bytes_out", &record.bytes_out);
    }
    line.optional_object("duration_ms", Some(&record.duration), write_duration);
}

fn write_tls(object: &mut Object<'_>, tls: &TlsFacts) {
    object.exact_text("version", tls.version);
    object.exact("resumed", &tls.resumed);
    object.text("cipher", &tls.cipher);
    object.optional_text("alpn", tls.alpn.as_ref());
    object.exact_text("certificate", tls.certificate.name());
}

fn write_certificate(object: &mut Object<'_>, certificate: &CertificateFacts) {
    object.exact_text("sha256", certificate.sha256.as_str());
    object.text("subject", &certificate.subject);
    object.text("issuer", &certificate.issuer);
    object.text("serial", &certificate.serial);
    object.time("not_after", certificate.not_after);
}

fn write_account(object: &mut Object<'_>, account: &AccountFacts) {
    object.text("user", &account.user);
    object.optional_text("upn", account.upn.as_ref());
    object.optional_text("sid", account.sid.as_ref());
}

fn write_mapping(object: &mut Object<'_>, mapping: &MappingFacts) {
    object.text("method", &mapping.method);
    object.text("strength", &mapping.strength);
    object.exact("stale", &mapping.stale);
}

fn write_duration(object: &mut Object<'_>, duration: &RequestDuration) {
    object.exact("total", &in_millis(duration.total));
    object.exact("authentication", &duration.authentication.map(in_millis));
    object.exact("backend", &duration.backend.map(in_millis));
}

/// Milliseconds with three decimals. Rounded as a whole number of microseconds, so that no binary fraction such as
/// 0.30000000000000004 appears.
fn in_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Writes one JSON object.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    text_limit: usize,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn write(out: &'a mut Vec<u8>, text_limit: usize, fields: impl FnOnce(&mut Self)) {
        out.push(b'{');
        let mut object = Self { out, text_limit, is_empty: true };
        fields(&mut object);
        object.out.push(b'}');
    }

    fn key(&mut self, key: &'static str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        serde_json::to_writer(&mut *self.out, value).expect("a Vec takes all bytes, and no value is a map");
    }

    /// A value with a bound of its own, which must not be cut.
    fn exact(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) {
        self.key(key);
        self.value(value);
    }

    /// A text with a bound of its own, which must not be cut.
    fn exact_text(&mut self, key: &'static str, text: &str) {
        self.key(key);
        self.string(text);
    }

    fn time(&mut self, key: &'static str, time: UnixTime) {
        self.key(key);
        write!(self.out, "\"{time}\"").expect("a Vec takes all bytes");
    }

    fn text<const N: usize>(&mut self, key: &'static str, text: &BoundedText<N>) {
        self.key(key);
        self.string(&cut(text.as_str(), self.text_limit));
    }

    fn string(&mut self, text: &str) {
        // Nearly every text needs no escape.
        if json_length(text) > text.len() {
            return self.value(text);
        }
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    fn optional_text<const N: usize>(&mut self, key: &'static str, text: Option<&BoundedText<N>>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.exact(key, &()),
        }
    }

    fn optional_object<T>(
        &mut self,
        key: &'static str,
        value: Option<&T>,
        fields: impl FnOnce(&mut Object<'_>, &T),
    ) {
        let Some(value) = value else { return self.exact(key, &()) };
        self.key(key);
        Object::write(self.out, self.text_limit, |object| fields(object, value));
    }
}
