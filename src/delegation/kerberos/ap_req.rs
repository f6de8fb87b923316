//! The encryption types of a Kerberos token, which are in its unencrypted part (RFC 4120 5.5.1, 5.3, 5.2.9).

use super::encryption_type::{AcceptedEncryption, EncryptionType};
use super::error::EncryptionError;
use der::asn1::{AnyRef, Application, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};

/// The token identifier before an AP-REQ in a GSSAPI token (RFC 4121 4.1).
const AP_REQ: [u8; 2] = [1, 0];
/// The tag of `InitialContextToken` (RFC 2743 3.1).
const INITIAL_TOKEN: Tag = Tag::Application { constructed: true, number: TagNumber(0) };

/// The encryption types of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenEncryption {
    /// The type of the ticket, which is encrypted with a key of the service.
    pub(super) ticket: EncryptionType,
    /// The type of the authenticator, which is encrypted with the session key in the ticket.
    pub(super) session: EncryptionType,
}

#[derive(Sequence)]
struct ApReq<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    _protocol_version: u8,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    _message_type: u8,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    _options: BitStringRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    ticket: Application<KerberosTicket<'a>>,
    #[asn1(context_specific = "4", tag_mode = "EXPLICIT")]
    authenticator: EncryptedData<'a>,
}

#[derive(Sequence)]
struct KerberosTicket<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    _version: u8,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    _realm: AnyRef<'a>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    _service: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    encrypted: EncryptedData<'a>,
}

#[derive(Sequence)]
struct EncryptedData<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    kind: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    _key_version: Option<AnyRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    _cipher: &'a OctetStringRef,
}

impl TokenEncryption {
    /// Decodes the encryption types of a token.
    ///
    /// # Errors
    /// The token is not an AP-REQ.
    pub(super) fn of(token: &[u8]) -> Result<Self, EncryptionError> {
        read(token).ok_or(EncryptionError::Unknown)
    }

    /// Checks that both types are accepted, and returns them.
    ///
    /// # Errors
    /// One of them is not.
    pub(super) fn check(self, accepted: AcceptedEncryption) -> Result<Self, EncryptionError> {
        if !accepted.accepts(self.ticket) {
            return Err(EncryptionError::Ticket(self.ticket));
        }
        if !accepted.accepts(self.session) {
            return Err(EncryptionError::SessionKey(self.session));
        }
        Ok(self)
    }
}

fn read(token: &[u8]) -> Option<TokenEncryption> {
    let outer = AnyRef::from_der(token).ok().filter(|outer| outer.tag() == INITIAL_TOKEN)?;
    let mut inner = SliceReader::new(outer.value()).ok()?;
    let _mechanism: ObjectIdentifier = Decode::decode(&mut inner).ok()?;
    let request = inner.read_slice(inner.remaining_len()).ok()?.strip_prefix(&AP_REQ)?;
    let request =
        Application::<ApReq<'_>>::from_der(request).ok().filter(|it| it.tag_number == TagNumber(14))?;
    let ticket = Some(request.value.ticket).filter(|it| it.tag_number == TagNumber(1))?;
    Some(TokenEncryption {
        ticket: EncryptionType::new(ticket.value.encrypted.kind),
        session: EncryptionType::new(request.value.authenticator.kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn encrypted(kind: u8) -> Vec<u8> {
        let fields =
            [wrapped(0xa0, &[2, 1, kind]), wrapped(0xa1, &[2, 1, 3]), wrapped(0xa2, &wrapped(4, b"sealed"))];
        wrapped(0x30, &fields.concat())
    }

    /// Encodes a token with a ticket and a session key of these types.
    fn token(ticket: u8, session: u8) -> Vec<u8> {
        let ticket = [
            wrapped(0xa0, &[2, 1, 5]),
            wrapped(0xa1, &wrapped(0x1b, b"CORP.EXAMPLE")),
            wrapped(0xa2, &wrapped(0x30, b"")),
            wrapped(0xa3, &encrypted(ticket)),
        ];
        let request = [
            wrapped(0xa0, &[2, 1, 5]),
            wrapped(0xa1, &[2, 1, 14]),
            wrapped(0xa2, b"\x03\x05\x00\x20\x00\x00\x00"),
            wrapped(0xa3, &wrapped(0x61, &wrapped(0x30, &ticket.concat()))),
            wrapped(0xa4, &encrypted(session)),
        ];
        let request = wrapped(0x6e, &wrapped(0x30, &request.concat()));
        let mechanism = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
        wrapped(0x60, &[mechanism.as_slice(), &AP_REQ, &request].concat())
    }

    #[test]
    fn the_encryption_types_of_ticket_and_session_key_are_decoded() {
        let expected = TokenEncryption { ticket: EncryptionType::RC4_HMAC, session: EncryptionType::new(18) };
        assert_eq!(TokenEncryption::of(&token(23, 18)), Ok(expected));
    }

    #[test]
    fn rc4_is_rejected_for_ticket_and_session_key_unless_it_is_permitted() {
        let check = |ticket, session, accepted| TokenEncryption::of(&token(ticket, session))?.check(accepted);
        let rc4 = EncryptionType::RC4_HMAC;
        assert_eq!(check(23, 18, AcceptedEncryption::Aes), Err(EncryptionError::Ticket(rc4)));
        assert_eq!(check(18, 23, AcceptedEncryption::Aes), Err(EncryptionError::SessionKey(rc4)));
        assert!(check(18, 17, AcceptedEncryption::Aes).is_ok());
        assert!(check(23, 23, AcceptedEncryption::AesAndUnsafeRc4).is_ok());
        let des = EncryptionError::Ticket(EncryptionType::new(3));
        assert_eq!(check(3, 18, AcceptedEncryption::AesAndUnsafeRc4), Err(des));
    }

    #[test]
    fn a_truncated_token_and_an_ap_rep_are_rejected() {
        let whole = token(18, 18);
        for length in 0..whole.len() {
            assert_eq!(
                TokenEncryption::of(&whole[..length]),
                Err(EncryptionError::Unknown),
                "{length} bytes"
            );
        }
        let mut response = whole;
        let at = response.windows(3).position(|bytes| bytes == [1, 0, 0x6e]).unwrap();
        response[at] = 2;
        assert_eq!(
            TokenEncryption::of(&response),
            Err(EncryptionError::Unknown),
            "an AP-REP is not an AP-REQ"
        );
    }
}
