//! Takes a proven path and a certificate that stands beside it, says whether a CA of the path issued it and whether it
//! holds now: the narrow door for those who sign for a CA with a key of their own, as the issuers of CRLs.
//!
//! Never builds a path: what leads from that CA to the anchor is proven already. Never looks at what the certificate is
//! for, nor at revocation.

use super::path_rules::{CandidatePath, judge_authority};
use super::validated::ValidPath;
use crate::certificate::Certificate;
use crate::clock::UnixTime;

/// The part of `path` that leads from `authority`, which is not a part of it, to the anchor: the CA that issued it
/// first. So its path ends at the same anchor, as RFC 5280 6.3.3 (f) wants of the issuer of a CRL. Nothing where no CA of
/// the path issued it, or where RFC 5280 6.1 refuses it.
pub fn validate_authority<'a>(
    authority: &Certificate,
    path: &'a ValidPath,
    now: UnixTime,
) -> Option<&'a [Certificate]> {
    let certificates = path.certificates();
    let issued = |issuer: &Certificate| {
        issuer.subject() == authority.issuer() && authority.verify_signature(issuer.public_key_der()).is_ok()
    };
    let index = certificates.iter().skip(1).position(issued)? + 1;
    let above = certificates.get(index..)?;
    let (anchor, intermediates) = above.split_last()?;
    let intermediates: Vec<_> = intermediates.iter().collect();
    let own_path = CandidatePath { leaf: authority, intermediates: &intermediates, anchor };
    judge_authority(&own_path, now).is_ok().then_some(above)
}
