//! The trust anchors and intermediates of a realm, by subject. A set never changes: a reload builds a new one and raises
//! the generation.

use std::collections::HashMap;

use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;

/// A realm's trust anchors, and intermediates that help to reach them. An empty set trusts no certificate.
#[derive(Debug, Default)]
pub struct TrustSet {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    anchors_by_subject: HashMap<DistinguishedName, Vec<Certificate>>,
    intermediates_by_subject: HashMap<DistinguishedName, Vec<Certificate>>,
}

impl TrustSet {
    /// Returns a set that trusts the anchors. The intermediates are trusted no more than presented certificates.
    pub fn new(anchors: Vec<Certificate>, intermediates: Vec<Certificate>) -> Self {
        Self {
            anchors_by_subject: by_subject(&anchors),
            intermediates_by_subject: by_subject(&intermediates),
            anchors,
            intermediates,
        }
    }

    /// Returns the anchors, in the order of the configuration.
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// Returns the intermediates, in the order of the configuration.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    pub(super) fn anchors_named(&self, subject: &DistinguishedName) -> &[Certificate] {
        self.anchors_by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    pub(super) fn intermediates_named(&self, subject: &DistinguishedName) -> &[Certificate] {
        self.intermediates_by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Returns the next time after `now` at which one of these certificates becomes valid.
    pub(super) fn next_beginning(&self, now: UnixTime) -> Option<UnixTime> {
        let all = self.anchors.iter().chain(&self.intermediates);
        all.map(Certificate::not_before).filter(|not_before| *not_before > now).min()
    }
}

fn by_subject(certificates: &[Certificate]) -> HashMap<DistinguishedName, Vec<Certificate>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for certificate in certificates {
        found.entry(certificate.subject().clone()).or_default().push(certificate.clone());
    }
    found
}
