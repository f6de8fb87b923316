//! Wraps a Kerberos token as HTTP's Negotiate wants it (RFC 4178, RFC 4559), and unwraps the server's answer.
//!
//! The library could do this itself, as its mechanism SPNEGO; but then its minor codes are numbers that it makes up, and
//! nothing tells an unknown account from a forbidden one. Kerberos is the only mechanism offered, so there is nothing to
//! negotiate, no list to protect by a MIC, and no way to be talked down to another.

use super::error::MutualError;
use der::asn1::{Application, ContextSpecific, ObjectIdentifier, OctetString};
use der::{Decode, Encode, Enumerated, Sequence, TagMode, TagNumber};

/// 1.3.6.1.5.5.2, SPNEGO (RFC 4178 3.2).
const SPNEGO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.2");
/// Kerberos (RFC 1964 1).
const KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2");
/// Kerberos with the number that Windows 2000 gave it by mistake (MIT's `gss_mech_krb5_wrong`), which later ones may
/// still answer with.
const MICROSOFT_KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.48018.1.2.2");

/// `InitialContextToken` (RFC 2743 3.1) with a `NegotiationToken` in it (RFC 4178 4.2).
#[derive(Sequence)]
struct InitialToken {
    mechanism: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    negotiation: NegTokenInit,
}

/// `NegTokenInit` (RFC 4178 4.2.1), without what is optional and not needed.
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

/// How far the server's side has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[asn1(type = "ENUMERATED")]
#[repr(u8)]
enum NegotiationState {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

/// The token for `Authorization: Negotiate`, before base64.
///
/// # Errors
///
/// The token is longer than DER can say.
pub(super) fn offer(kerberos_token: &[u8]) -> der::Result<Vec<u8>> {
    let negotiation = NegTokenInit { mechanisms: vec![KERBEROS], token: OctetString::new(kerberos_token)? };
    let value = InitialToken { mechanism: SPNEGO, negotiation };
    Application { tag_number: TagNumber(0), tag_mode: TagMode::Implicit, value }.to_der()
}

/// The Kerberos token in the server's answer.
///
/// # Errors
///
/// The answer is no `NegTokenResp`, does not accept for good, or has no proof in it. A state that is left out counts as
/// acceptance: whether there is one is then the proof's to say.
pub(super) fn proof(answer: &[u8]) -> Result<Vec<u8>, MutualError> {
    let answer = ContextSpecific::<NegTokenResponse>::from_der(answer).map_err(|_| MutualError::Malformed)?;
    if answer.tag_number != TagNumber(1) {
        return Err(MutualError::Malformed);
    }
    let NegTokenResponse { state, mechanism, token, .. } = answer.value;
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
    fn answer(fields: &[&[u8]]) -> Vec<u8> {
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
    fn an_offer_is_of_kerberos_alone() {
        let expected = [
            b"\x60\x25\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x1b\x30\x19\xa0\x0d\x30\x0b".as_slice(),
            &KERBEROS_DER,
            b"\xa2\x08\x04\x06ticket",
        ];
        assert_eq!(offer(b"ticket").unwrap(), expected.concat());
    }

    #[test]
    fn the_proof_is_found_in_an_answer_that_accepts() {
        let windows = b"\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
        let mic = wrapped(0xa3, &wrapped(4, b"mic"));
        for answer in [
            answer(&[&state(0), &mechanism(&KERBEROS_DER), &token(b"proof")]),
            answer(&[&state(0), &mechanism(windows), &token(b"proof"), &mic]),
            answer(&[&state(0), &token(b"proof")]),
            answer(&[&token(b"proof")]),
        ] {
            assert_eq!(proof(&answer), Ok(b"proof".to_vec()));
        }
    }

    #[test]
    fn an_answer_that_does_not_accept_for_good_is_no_proof() {
        let ntlm = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
        for answer in [
            answer(&[&state(1), &token(b"proof")]),
            answer(&[&state(2)]),
            answer(&[&state(3), &token(b"proof")]),
            answer(&[&state(0), &mechanism(ntlm), &token(b"proof")]),
        ] {
            assert_eq!(proof(&answer), Err(MutualError::NotAccepted));
        }
        for answer in [answer(&[&state(0)]), answer(&[]), answer(&[&state(0), &token(b"")])] {
            assert_eq!(proof(&answer), Err(MutualError::NoProof));
        }
    }

    #[test]
    fn anything_else_is_no_answer() {
        let good = answer(&[&state(0), &token(b"proof")]);
        let twice = [good.clone(), good.clone()].concat();
        let offer = offer(b"ticket").unwrap();
        let unknown_state = answer(&[&state(4), &token(b"proof")]);
        let [cut @ .., _] = good.as_slice() else { unreachable!("it has bytes") };
        for answer in [b"".as_slice(), b"Negotiate", &twice, &offer, &unknown_state, cut] {
            assert_eq!(proof(answer), Err(MutualError::Malformed), "{answer:02x?}");
        }
    }
}
