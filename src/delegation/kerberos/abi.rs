//! Types and constants of the C interface: gssapi/gssapi.h, gssapi_ext.h and gssapi_krb5.h of MIT krb5, on Linux.

use std::ffi::{c_char, c_int, c_void};

/// 1.2.840.113554.1.2.2, the mechanism krb5 (RFC 1964 1).
pub(super) const KRB5: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// 1.2.840.113554.1.2.2.1, `GSS_KRB5_NT_PRINCIPAL_NAME` (RFC 1964 2.1.1): a complete principal, which is not looked up in DNS.
pub(super) const PRINCIPAL_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01";
/// 1.2.840.113554.1.2.2.5.1, `GSS_KRB5_GET_TKT_FLAGS` of gssapi_krb5.h.
pub(super) const TICKET_FLAGS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x01";

/// `GSS_C_INITIATE` of gssapi.h.
pub(super) const USAGE_INITIATE: c_int = 1;
/// `GSS_C_ACCEPT` of gssapi.h.
pub(super) const USAGE_ACCEPT: c_int = 2;
/// `GSS_C_GSS_CODE` and `GSS_C_MECH_CODE` of gssapi.h.
pub(super) const CODE_KINDS: [c_int; 2] = [1, 2];
/// `GSS_C_MUTUAL_FLAG` of gssapi.h.
pub(super) const MUTUAL: u32 = 2;
/// `GSS_C_INTEG_FLAG` of gssapi.h.
pub(super) const INTEGRITY: u32 = 32;
/// `GSS_S_CONTINUE_NEEDED` of gssapi.h.
pub(super) const CONTINUE_NEEDED: u32 = 1;
/// The bits of a major status that are set if the call failed (`GSS_ERROR` of gssapi.h).
pub(super) const FAILURE: u32 = 0xffff_0000;

/// `GSS_S_UNAVAILABLE` of gssapi.h, among the routine errors.
pub(super) const UNAVAILABLE: u32 = 16 << 16;
/// The routine errors of a major status (`GSS_ROUTINE_ERROR` of gssapi.h).
pub(super) const ROUTINE_ERROR: u32 = 0x00ff_0000;

/// An opaque handle of the library.
pub(super) type Handle = *mut c_void;

#[repr(C)]
pub(super) struct BufferDescription {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

#[repr(C)]
pub(super) struct GssOid {
    pub(super) length: u32,
    pub(super) elements: *mut c_void,
}

#[repr(C)]
pub(super) struct OidSet {
    pub(super) count: usize,
    pub(super) elements: *mut GssOid,
}

#[repr(C)]
pub(super) struct BufferSet {
    pub(super) count: usize,
    pub(super) elements: *mut BufferDescription,
}

#[repr(C)]
pub(super) struct KeyValue {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

#[repr(C)]
pub(super) struct KeyValueSet {
    pub(super) count: u32,
    pub(super) elements: *const KeyValue,
}

/// Returns a buffer for input. The library never writes to it, although the type of the pointer permits it.
pub(super) fn borrowed(bytes: &[u8]) -> BufferDescription {
    BufferDescription { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

pub(super) fn oid(elements: &'static [u8]) -> GssOid {
    let length = u32::try_from(elements.len()).expect("an object identifier is a constant of some bytes");
    GssOid { length, elements: elements.as_ptr().cast_mut().cast() }
}
