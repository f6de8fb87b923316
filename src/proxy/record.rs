//! The record of one request: filled in along the pipeline, written exactly once, also if the client disconnects.
//!
//! This is the only place that writes the audit record, the log line and the counters of a request.

use super::request_log::RequestLog;
use crate::backend::UploadProgress;
use crate::clock::UnixTime;
use crate::identity::Account;
use crate::policy::{AuthenticatedBy, Denial, DenialId, Evidence, Permit};
use crate::request::RequestId;
use crate::telemetry::audit::{
    AccountFacts, AuditRecord, AuditSlot, CertificateFacts, MappingFacts, ReceivedPath, RecordSeries,
    RequestDuration, TlsFacts,
};
use crate::telemetry::{BoundedText, DecisionMetrics, SiteMetrics};
use http::{StatusCode, Version};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The fields that all records of a connection have in common.
#[derive(Clone, Debug)]
pub(super) struct ConnectionFacts {
    pub(super) listener: BoundedText<64>,
    pub(super) peer: BoundedText<64>,
    pub(super) tls: Option<Arc<TlsFacts>>,
    pub(super) series: Rc<RecordSeries>,
    pub(super) accounts: Rc<RecordedAccount>,
    pub(super) log: RequestLog,
}

/// The account of the last record of a connection, as records contain it. A connection rarely has another one, so it is
/// rendered once.
#[derive(Debug, Default)]
pub(super) struct RecordedAccount(RefCell<Option<(Arc<Account>, RenderedAccount)>>);

type RenderedAccount = (Arc<AccountFacts>, Arc<MappingFacts>);

impl RecordedAccount {
    fn facts(&self, account: &Arc<Account>) -> RenderedAccount {
        let mut last = self.0.borrow_mut();
        if let Some((known, rendered)) = &*last
            && Arc::ptr_eq(known, account)
        {
            return rendered.clone();
        }
        let facts = Arc::new(AccountFacts {
            user: BoundedText::of_str(&account.user),
            upn: account.upn.as_deref().map(BoundedText::of_str),
            sid: account.sid.as_deref().map(BoundedText::of_str),
        });
        let mapping = Arc::new(MappingFacts {
            method: BoundedText::of(&account.mapping),
            strength: BoundedText::of(account.strength),
            stale: account.stale,
        });
        let rendered = (facts, mapping);
        *last = Some((Arc::clone(account), rendered.clone()));
        rendered
    }
}

/// The record of one request. If it is dropped unfinished, it is written as `client-disconnected`, unless the request was
/// denied before.
pub(super) struct RequestRecord {
    started: Instant,
    /// Taken when the record is written. Boxed, since the record moves with the body.
    open: Option<Box<OpenRecord>>,
}

struct OpenRecord {
    slot: AuditSlot,
    record: AuditRecord,
    series: Rc<RecordSeries>,
    accounts: Rc<RecordedAccount>,
    log: RequestLog,
    decisions: DecisionMetrics,
    site: Option<SiteMetrics>,
    denial: Option<DenialId>,
    upload: Option<Rc<UploadProgress>>,
}

/// The properties of a request that its head contains.
pub(super) struct RequestHead<'a> {
    pub(super) time: UnixTime,
    pub(super) id: RequestId,
    pub(super) version: Version,
    pub(super) method: &'a str,
    pub(super) target: String,
    pub(super) host: Option<&'a str>,
}

impl RequestRecord {
    pub(super) fn begin(
        slot: AuditSlot,
        connection: &ConnectionFacts,
        head: &RequestHead<'_>,
        decisions: DecisionMetrics,
    ) -> Self {
        let record = AuditRecord {
            time: head.time,
            request_id: BoundedText::of(head.id),
            site: None,
            listener: connection.listener.clone(),
            client: connection.peer.clone(),
            tls: connection.tls.clone(),
            protocol: version_name(head.version),
            method: BoundedText::of_str(head.method),
            host: head.host.map(BoundedText::of_str),
            received_path: ReceivedPath::new(head.target.as_bytes()),
            path: None,
            rule: None,
            certificate: None,
            authentication: None,
            account: None,
            mapping: None,
            decision: DenialId::ClientDisconnected.id(),
            sub_status: None,
            detail: None,
            status: None,
            backend: None,
            bytes_in: 0,
            bytes_out: 0,
            duration: RequestDuration { total: Duration::ZERO, authentication: None, backend: None },
        };
        let open = OpenRecord {
            slot,
            record,
            series: Rc::clone(&connection.series),
            accounts: Rc::clone(&connection.accounts),
            log: connection.log.clone(),
            decisions,
            site: None,
            denial: None,
            upload: None,
        };
        Self { started: Instant::now(), open: Some(Box::new(open)) }
    }

    pub(super) fn site(&mut self, name: &Arc<str>, metrics: &SiteMetrics) {
        if let Some(open) = &mut self.open {
            open.record.site = Some(BoundedText::of_str(name));
            open.site = Some(metrics.clone());
        }
    }

    pub(super) fn path(&mut self, canonical: &str) {
        self.fill(|record| record.path = Some(BoundedText::of_str(canonical)));
    }

    pub(super) fn rule(&mut self, name: &str) {
        self.fill(|record| record.rule = Some(BoundedText::of_str(name)));
    }

    pub(super) fn certificate(&mut self, facts: &Arc<CertificateFacts>) {
        self.fill(|record| record.certificate = Some(Arc::clone(facts)));
    }

    pub(super) fn account(&mut self, account: &Arc<Account>) {
        if let Some(open) = &mut self.open {
            let (facts, mapping) = open.accounts.facts(account);
            open.record.account = Some(facts);
            open.record.mapping = Some(mapping);
        }
    }

    /// Adds to the time that authentication took: of a certificate, of a password, or of both.
    pub(super) fn authentication_time(&mut self, took: Duration) {
        self.fill(|record| {
            record.duration.authentication = Some(record.duration.authentication.unwrap_or_default() + took);
        });
    }

    /// Records the account of the evidence, so that the record of a denial contains the user.
    pub(super) fn evidence(&mut self, evidence: &Evidence) {
        match evidence {
            Evidence::Certificate(credential) => {
                if let Ok(account) = credential.account() {
                    self.account(account);
                }
            }
            Evidence::Password { outcome: Ok(credential), .. } => self.account(credential.account()),
            Evidence::Password { outcome: Err(_), .. } | Evidence::Rejected(_) | Evidence::None(_) => {}
        }
    }

    pub(super) fn permit(&mut self, permit: &Permit) {
        if let Some(identity) = permit.identity() {
            let authentication = match identity.authenticated_by() {
                AuthenticatedBy::Certificate(_) => "certificate",
                AuthenticatedBy::Password => "password",
            };
            self.fill(|record| record.authentication = Some(authentication));
        }
        self.fill(|record| record.decision = "permit");
    }

    pub(super) fn denial(&mut self, denial: &Denial) {
        if let Some(open) = &mut self.open {
            open.denial = Some(denial.id());
            open.record.decision = denial.id().id();
            open.record.sub_status = denial.id().sub_status();
            open.record.detail = Some(denial.bounded_detail().clone());
        }
    }

    pub(super) fn backend(&mut self, server: &str, took: Duration) {
        self.fill(|record| {
            record.backend = Some(BoundedText::of_str(server));
            record.duration.backend = Some(took);
        });
    }

    pub(super) fn status(&mut self, status: StatusCode) {
        self.fill(|record| record.status = Some(status.as_u16()));
    }

    /// Whether the request's body, if it was forwarded, was forwarded completely.
    pub(super) fn body_is_whole(&self) -> bool {
        let upload = self.open.as_ref().and_then(|open| open.upload.as_ref());
        upload.is_none_or(|upload| upload.is_whole())
    }

    /// The progress of the request's body, from which its length is read at the end.
    pub(super) fn upload(&mut self, upload: &Rc<UploadProgress>) {
        if let Some(open) = &mut self.open {
            open.upload = Some(Rc::clone(upload));
        }
    }

    /// Completes the record of a response that was sent completely.
    pub(super) fn finish(mut self, bytes_out: u64) {
        self.fill(|record| record.bytes_out = bytes_out);
        self.write();
    }

    /// Completes the record of a response that was aborted: the backend failed during it, or the client disconnected.
    pub(super) fn break_off(mut self, bytes_out: u64, why: &Denial) {
        self.denial(why);
        self.finish(bytes_out);
    }

    /// Completes the record of a response during which the client disconnected.
    pub(super) fn abandon(mut self, bytes_out: u64) {
        self.fill(|record| record.bytes_out = bytes_out);
        drop(self);
    }

    /// Counts the request without writing a record: there are so many similar ones that their records would do harm.
    pub(super) fn unwritten(&mut self, denial: DenialId) {
        if let Some(open) = self.open.take() {
            open.decisions.denied(denial.index());
        }
    }

    fn fill(&mut self, with: impl FnOnce(&mut AuditRecord)) {
        if let Some(open) = &mut self.open {
            with(&mut open.record);
        }
    }

    fn write(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let took = self.started.elapsed();
        open.record.duration.total = took;
        open.record.bytes_in = open.upload.map_or(0, |upload| upload.received());
        match open.denial {
            Some(denial) => open.decisions.denied(denial.index()),
            None => open.decisions.permitted(),
        }
        let status = open.record.status.and_then(|status| StatusCode::from_u16(status).ok());
        if let (Some(site), Some(status)) = (&open.site, status) {
            site.completed(status, took);
        }
        open.log.write(&open.record, Instant::now());
        open.slot.write(&open.record, &open.series);
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let Some(open) = &self.open else { return };
        // A client cannot hide the reason of its denial by disconnecting before the page.
        if open.denial.is_none() {
            self.denial(&Denial::new(
                DenialId::ClientDisconnected,
                "the client disconnected before the response was complete",
            ));
        }
        self.write();
    }
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;
    use crate::telemetry::audit::{AuditLog, AuditTarget, QueueLimits};
    use std::num::NonZeroUsize;

    /// The decision in the audit file after `journey` used the record.
    fn decision_after(journey: impl FnOnce(RequestRecord)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let ids: Vec<_> = DenialId::ALL.iter().map(|denial| denial.id()).collect();
        let metrics = Metrics::new("test", &ids);
        let target = AuditTarget::File(path.clone());
        let limits = QueueLimits { records: NonZeroUsize::MIN, bytes: 1 << 20 };
        let log = AuditLog::open(target, limits, metrics.audit.clone()).unwrap();
        let connection = ConnectionFacts {
            listener: BoundedText::from_static(""),
            peer: BoundedText::from_static(""),
            tls: None,
            series: Rc::default(),
            accounts: Rc::default(),
            log: RequestLog::new(Instant::now()),
        };
        let head = RequestHead {
            time: UnixTime::EPOCH,
            id: RequestId::random(),
            version: Version::HTTP_2,
            method: "GET",
            target: "/".to_owned(),
            host: None,
        };
        let slot = log.reserve(crate::telemetry::audit::Part::Whole).unwrap();
        journey(RequestRecord::begin(slot, &connection, &head, metrics.decisions.clone()));
        log.close(Duration::from_secs(20)).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        record["decision"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_client_that_disconnects_is_recorded_as_such_unless_it_was_denied_before() {
        assert_eq!(decision_after(|record| record.abandon(7)), "client-disconnected");
        let denied = |mut record: RequestRecord| {
            record.denial(&Denial::new(DenialId::CertificateRevoked, "it is on the list"));
            record.abandon(0);
        };
        assert_eq!(decision_after(denied), "certificate-revoked");
    }
}
