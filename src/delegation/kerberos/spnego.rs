//! SPNEGO tokens of HTTP Negotiate (RFC 4178, RFC 4559) around Kerberos tokens.
//!
//! The library's own SPNEGO mechanism is not used: it replaces Kerberos error codes by numbers of its own, so that an
//! unknown account could not be distinguished from one that may not be delegated. Kerberos is the only mechanism that
//! is offered, so there is no list to protect with a MIC, and no downgrade to another mechanism.

use super::error::MutualError;
use der::asn1::{Application, ContextSpecific, ObjectIdentifier, OctetString};
use der::{Decode, Encode, Enumerated, Sequence, TagMode, TagNumber};

/// 1.3.6.1.5.5.2, SPNEGO (RFC 4178 3.2).
const SPNEGO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.2");
/// Kerberos (RFC 1964 1).
const KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2");
/// Kerberos with the wrong identifier of Windows 2000 (MIT's `gss_mech_krb5_wrong`), which later versions may still return.
const MICROSOFT_KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.48018.1.2.2");

/// `InitialContextToken` (RFC 2743 3.1) with a `NegotiationToken` in it (RFC 4178 4.2).
#[derive(Sequence)]
struct InitialToken {
    mechanism: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    negotiation: NegTokenInit,
}

/// `NegTokenInit` (RFC 4178 4.2.1), without optional fields that are not needed.
#[derive(Sequence)]
struct NegTokenInit {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    mechanisms: Vec<ObjectIdentifier>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    token: OctetString,
}

/// `NegTokenResp` (RFC 4178 4.2.2).
#[derive(Sequence)]
struct NegTokenResponse {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    state: Option<NegotiationState>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mechanism: Option<ObjectIdentifier>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    token: Option<OctetString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    _mechanism_list_mic: Option<OctetString>,
}

/// `negState` (RFC 4178 4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[asn1(type = "ENUMERATED")]
#[repr(u8)]
enum NegotiationState {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

/// Returns the token for `Authorization: Negotiate`, before base64.
///
/// # Errors
///
/// The token is too long for DER.
pub(super) fn offer(kerberos_token: &[u8]) -> der::Result<Vec<u8>> {
    let negotiation = NegTokenInit { mechanisms: vec![KERBEROS], token: OctetString::new(kerberos_token)? };
    let value = InitialToken { mechanism: SPNEGO, negotiation };
    Application { tag_number: TagNumber(0), tag_mode: TagMode::Implicit, value }.to_der()
}

/// Returns the Kerberos token in the server's response, which proves the server's identity.
///
/// # Errors
/// The response is not a `NegTokenResp`, does not complete the negotiation, or has no token. A missing state counts as
/// accepted: the library then checks the proof.
pub(super) fn proof(response: &[u8]) -> Result<Vec<u8>, MutualError> {
    let response =
        ContextSpecific::<NegTokenResponse>::from_der(response).map_err(|_| MutualError::Malformed)?;
    if response.tag_number != TagNumber(1) {
        return Err(MutualError::Malformed);
    }
    let NegTokenResponse { state, mechanism, token, .. } = response.value;
    if state.is_some_and(|state| state != NegotiationState::AcceptCompleted)
        || mechanism.is_some_and(|mechanism| mechanism != KERBEROS && mechanism != MICROSOFT_KERBEROS)
    {
        return Err(MutualError::NotAccepted);
    }
    match token {
        Some(token) if !token.as_bytes().is_empty() => Ok(token.into_bytes().into()),
        Some(_) | None => Err(MutualError::NoProof),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERBEROS_DER: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";

    /// `[1] { fields }`
    fn response(fields: &[&[u8]]) -> Vec<u8> {
        wrapped(0xa1, &wrapped(0x30, &fields.concat()))
    }

    fn wrapped(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn state(state: u8) -> Vec<u8> {
        wrapped(0xa0, &[0x0a, 1, state])
    }

    fn mechanism(oid: &[u8]) -> Vec<u8> {
        wrapped(0xa1, oid)
    }

    fn token(token: &[u8]) -> Vec<u8> {
        wrapped(0xa2, &wrapped(4, token))
    }

    #[test]
    fn only_kerberos_is_offered() {
        let expected = [
            b"\x60\x25\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x1b\x30\x19\xa0\x0d\x30\x0b".as_slice(),
            &KERBEROS_DER,
            b"\xa2\x08\x04\x06ticket",
        ];
        assert_eq!(offer(b"ticket").unwrap(), expected.concat());
    }

    #[test]
    fn a_response_that_accepts_contains_the_proof() {
        let windows = b"\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
        let mic = wrapped(0xa3, &wrapped(4, b"mic"));
        for response in [
            response(&[&state(0), &mechanism(&KERBEROS_DER), &token(b"proof")]),
            response(&[&state(0), &mechanism(windows), &token(b"proof"), &mic]),
            response(&[&state(0), &token(b"proof")]),
            response(&[&token(b"proof")]),
        ] {
            assert_eq!(proof(&response), Ok(b"proof".to_vec()));
        }
    }

    #[test]
    fn a_response_that_does_not_complete_the_negotiation_has_no_proof() {
        let ntlm = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
        for response in [
            response(&[&state(1), &token(b"proof")]),
            response(&[&state(2)]),
            response(&[&state(3), &token(b"proof")]),
            response(&[&state(0), &mechanism(ntlm), &token(b"proof")]),
        ] {
            assert_eq!(proof(&response), Err(MutualError::NotAccepted));
        }
        for response in [response(&[&state(0)]), response(&[]), response(&[&state(0), &token(b"")])] {
            assert_eq!(proof(&response), Err(MutualError::NoProof));
        }
    }

    #[test]
    fn a_response_that_is_not_exactly_one_neg_token_resp_is_malformed() {
        let good = response(&[&state(0), &token(b"proof")]);
        let twice = [good.clone(), good.clone()].concat();
        let offer = offer(b"ticket").unwrap();
        let unknown_state = response(&[&state(4), &token(b"proof")]);
        let [cut @ .., _] = good.as_slice() else { unreachable!("a response is not empty") };
        for response in [b"".as_slice(), b"Negotiate", &twice, &offer, &unknown_state, cut] {
            assert_eq!(proof(response), Err(MutualError::Malformed), "{response:02x?}");
        }
    }
}
