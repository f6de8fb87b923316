//! One CRL (RFC 5280 section 5): its decoding, its entries, its scope, and the key that signed it.

pub(in crate::revocation) mod der;
pub(in crate::revocation) mod entry;
pub(in crate::revocation) mod index;
pub(in crate::revocation) mod list;
pub(in crate::revocation) mod number;
pub(in crate::revocation) mod parse;
pub(in crate::revocation) mod scope;
pub(in crate::revocation) mod signature;
pub(in crate::revocation) mod signer;
pub(in crate::revocation) mod unusable;
