//! The certificates that a realm trusts and those it knows, found by subject. Never changes once built: a reload
//! builds another one and raises the generation.

use std::collections::HashMap;

use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;

/// A realm's trust anchors, and intermediates that help to reach them. An empty set trusts nobody.
#[derive(Debug, Default)]
pub struct TrustSet {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    anchors_by_subject: HashMap<DistinguishedName, Vec<Certificate>>,
    intermediates_by_subject: HashMap<DistinguishedName, Vec<Certificate>>,
}

impl TrustSet {
    /// Trusts the anchors. The intermediates are trusted no more than if the client had presented them.
    pub fn new(anchors: Vec<Certificate>, intermediates: Vec<Certificate>) -> Self {
        Self {
            anchors_by_subject: by_subject(&anchors),
            intermediates_by_subject: by_subject(&intermediates),
            anchors,
            intermediates,
        }
    }

    /// The anchors, in the order given.
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// The intermediates, in the order given.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    pub(super) fn anchors_named(&self, subject: &DistinguishedName) -> &[Certificate] {
        self.anchors_by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    pub(super) fn intermediates_named(&self, subject: &DistinguishedName) -> &[Certificate] {
        self.intermediates_by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The next moment after `now` at which one of these certificates begins to be valid.
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
