//! Encoding of requests and decoding of responses (RFC 4511 section 4).

use super::ber::{
    BOOLEAN, BerReader, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, encode, encode_number, utf8,
};
use super::credentials::BindCredentials;
use super::entry::LdapEntry;
use super::error::result_code::{BUSY, UNAVAILABLE};
use super::error::{ConnectionError, LdapError, LdapOperation, LdapRefusal, ProtocolError};
use super::filter::SearchFilter;
use bytes::Bytes;
use zeroize::Zeroizing;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_RESULT_ENTRY: u8 = 0x64;
const SEARCH_RESULT_DONE: u8 = 0x65;
const SEARCH_RESULT_REFERENCE: u8 = 0x73;
const ABANDON_REQUEST: u8 = 0x50;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
/// The tag of the choice `simple` in a bind request, and of the name in an extended request.
const CONTEXT_0: u8 = 0x80;
const CONTROLS: u8 = 0xa0;
const REFERRAL: u8 = 0xa3;
const SASL_CREDENTIALS: u8 = 0x87;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;

/// The name of the StartTLS request (RFC 4511 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// The maximum number of values and attributes of one entry, or of URLs in one referral. A server could encode each in
/// two bytes.
const MAXIMUM_VALUES: usize = 8192;
/// The maximum length of a diagnostic message in characters; the rest is dropped.
const MAXIMUM_TEXT: usize = 200;

/// The id of StartTLS and bind requests, each of which is the only pending request of its connection.
pub(super) const SINGLE_REQUEST: u32 = 1;

/// A message from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LdapMessage {
    /// The id of the request; 0 for an unsolicited notification.
    pub(super) id: u32,
    pub(super) response: LdapResponse,
    /// Whether the message has controls. No request asks for any.
    pub(super) has_controls: bool,
}

/// The operation of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LdapResponse {
    Bind(OperationResult),
    Entry(LdapEntry),
    /// A referral to other servers, which is never followed.
    Reference,
    SearchDone(OperationResult),
    Extended(OperationResult),
}

/// The outcome of an operation (LDAPResult, RFC 4511 4.1.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationResult {
    pub(crate) code: u32,
    /// The whole diagnostic message.
    pub(crate) text: String,
}

/// The parameters of one search.
#[derive(Clone, Debug)]
pub(crate) struct SearchRequest {
    pub(crate) base: String,
    pub(crate) scope: SearchScope,
    pub(crate) filter: SearchFilter,
    /// Names of attributes; `1.1` for none (RFC 4511 4.5.1.8).
    pub(crate) attributes: Vec<String>,
    /// The maximum number of entries. The client enforces it even if the server sends more.
    pub(crate) size_limit: u16,
}

/// The entries that a search considers (RFC 4511 4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchScope {
    /// The base itself.
    Base,
    /// The entries directly below the base.
    OneLevel,
    /// The base and all entries below it.
    Subtree,
}

impl SearchScope {
    const fn number(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::OneLevel => 1,
            Self::Subtree => 2,
        }
    }
}

/// Encodes a simple bind (RFC 4511 4.2). The bytes are zeroed when they are dropped.
pub(super) fn bind_request(id: u32, credentials: BindCredentials<'_>) -> Zeroizing<Vec<u8>> {
    simple_bind(id, credentials.name(), credentials.password())
}

/// Encodes a bind without name and password (RFC 4513 5.1.1).
pub(super) fn anonymous_bind_request(id: u32) -> Zeroizing<Vec<u8>> {
    simple_bind(id, "", b"")
}

fn simple_bind(id: u32, name: &str, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let version = encode_number(INTEGER, 3);
    let (name, password) = (encode(OCTET_STRING, &[name.as_bytes()]), encode(CONTEXT_0, &[password]));
    message(id, &encode(BIND_REQUEST, &[&version, &name, &password]))
}

/// Encodes the StartTLS request (RFC 4511 4.14.1).
pub(super) fn start_tls_request(id: u32) -> Zeroizing<Vec<u8>> {
    message(id, &encode(EXTENDED_REQUEST, &[&encode(CONTEXT_0, &[START_TLS])]))
}

/// Encodes a search (RFC 4511 4.5.1) that dereferences no alias. It has no time limit for the server, because the
/// client has its own.
pub(super) fn search_request(id: u32, request: &SearchRequest) -> Zeroizing<Vec<u8>> {
    let attributes: Vec<u8> = request
        .attributes
        .iter()
        .flat_map(|name| encode(OCTET_STRING, &[name.as_bytes()]).to_vec())
        .collect();
    let search = encode(
        SEARCH_REQUEST,
        &[
            &encode(OCTET_STRING, &[request.base.as_bytes()]),
            &encode_number(ENUMERATED, request.scope.number()),
            &encode_number(ENUMERATED, 0),
            &encode_number(INTEGER, request.size_limit.into()),
            &encode_number(INTEGER, 0),
            &[BOOLEAN, 1, 0],
            request.filter.encoded(),
            &encode(SEQUENCE, &[&attributes]),
        ],
    );
    message(id, &search)
}

/// Encodes the request to abandon the search `abandoned` (RFC 4511 4.11).
pub(super) fn abandon_request(id: u32, abandoned: u32) -> Zeroizing<Vec<u8>> {
    message(id, &encode_number(ABANDON_REQUEST, abandoned))
}

fn message(id: u32, operation: &[u8]) -> Zeroizing<Vec<u8>> {
    encode(SEQUENCE, &[&encode_number(INTEGER, id), operation])
}

impl LdapMessage {
    /// Decodes a whole message. The values of an entry share the memory of `bytes`.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, ProtocolError> {
        let mut message = BerReader::new(bytes);
        let mut parts = BerReader::new(message.expect(SEQUENCE)?);
        message.end()?;
        let id = parts.number(INTEGER)?;
        let (tag, operation) = parts.element()?;
        let operation = BerReader::new(operation);
        let response = match tag {
            BIND_RESPONSE => LdapResponse::Bind(bind_response(operation)?),
            SEARCH_RESULT_ENTRY => LdapResponse::Entry(entry(operation, bytes)?),
            SEARCH_RESULT_REFERENCE => referral(operation).map(|()| LdapResponse::Reference)?,
            SEARCH_RESULT_DONE => LdapResponse::SearchDone(search_result_done(operation)?),
            EXTENDED_RESPONSE => LdapResponse::Extended(extended_response(operation)?),
            _ => return Err(ProtocolError::Malformed("response of an unexpected kind")),
        };
        // Active Directory puts the name of its notice of disconnection after the operation ([MS-ADTS] 3.1.1.3.4.2).
        let misplaced = if id == 0 { parts.optional(RESPONSE_NAME)? } else { None };
        let has_controls = parts.optional(CONTROLS)?.is_some() || misplaced.is_some();
        parts.end()?;
        Ok(Self { id, response, has_controls })
    }

    /// Returns the result of the bind, which is the only pending request.
    pub(super) fn bind_result(self) -> Result<OperationResult, LdapError> {
        if self.is_disconnection() {
            return Err(ConnectionError::Closed.into());
        }
        match self.response {
            LdapResponse::Bind(result) if self.id == SINGLE_REQUEST => Ok(result),
            _ => Err(ProtocolError::Malformed("not a response to the bind").into()),
        }
    }

    /// Returns the result of StartTLS, which is the only pending request.
    pub(super) fn start_tls_result(self) -> Result<OperationResult, LdapError> {
        match self.response {
            LdapResponse::Extended(result) if self.id == SINGLE_REQUEST => Ok(result),
            _ => Err(ProtocolError::Malformed("not a response to StartTLS").into()),
        }
    }

    /// Returns whether this is a notice of disconnection (RFC 4511 4.4.1).
    pub(super) fn is_disconnection(&self) -> bool {
        self.id == 0 && matches!(self.response, LdapResponse::Extended(_))
    }
}

impl OperationResult {
    /// Returns the error of an operation with this result, which is not success.
    pub(crate) fn error(&self, operation: LdapOperation) -> LdapError {
        match self.code {
            BUSY | UNAVAILABLE => ConnectionError::ServerBusy(self.refusal()).into(),
            _ => LdapError::Refused { operation, refusal: self.refusal() },
        }
    }

    pub(super) fn refusal(&self) -> LdapRefusal {
        LdapRefusal::Result { code: self.code, text: one_line(&self.text) }
    }
}

/// Returns a server's text for a log line or record: shortened, and without control characters, which could forge
/// another line.
fn one_line(text: &str) -> String {
    let printable = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    printable.take(MAXIMUM_TEXT).collect::<String>().trim().to_owned()
}

/// Decodes the fields at the beginning of every result (RFC 4511 4.1.9).
fn operation_result(parts: &mut BerReader<'_>) -> Result<OperationResult, ProtocolError> {
    let code = parts.number(ENUMERATED)?;
    parts.text()?;
    let text = parts.text()?.to_owned();
    if let Some(urls) = parts.optional(REFERRAL)? {
        referral(BerReader::new(urls))?;
    }
    Ok(OperationResult { code, text })
}

fn bind_response(mut parts: BerReader<'_>) -> Result<OperationResult, ProtocolError> {
    let result = operation_result(&mut parts)?;
    parts.optional(SASL_CREDENTIALS)?;
    parts.end()?;
    Ok(result)
}

fn search_result_done(mut parts: BerReader<'_>) -> Result<OperationResult, ProtocolError> {
    let result = operation_result(&mut parts)?;
    parts.end()?;
    Ok(result)
}

fn extended_response(mut parts: BerReader<'_>) -> Result<OperationResult, ProtocolError> {
    let result = operation_result(&mut parts)?;
    parts.optional(RESPONSE_NAME)?.map(utf8).transpose()?;
    parts.optional(RESPONSE_VALUE)?;
    parts.end()?;
    Ok(result)
}

/// Decodes an entry: a name, and attributes with their values (RFC 4511 4.5.2).
fn entry(mut parts: BerReader<'_>, message: &Bytes) -> Result<LdapEntry, ProtocolError> {
    let mut values_left = MAXIMUM_VALUES;
    let mut entry = LdapEntry::new(parts.text()?);
    let mut attributes = BerReader::new(parts.expect(SEQUENCE)?);
    parts.end()?;
    while !attributes.is_empty() {
        let mut attribute = BerReader::new(attributes.expect(SEQUENCE)?);
        let values = entry.attribute(attribute.text()?);
        let mut encoded = BerReader::new(attribute.expect(SET)?);
        attribute.end()?;
        count_down(&mut values_left)?;
        while !encoded.is_empty() {
            count_down(&mut values_left)?;
            values.push(message.slice_ref(encoded.expect(OCTET_STRING)?));
        }
    }
    Ok(entry)
}

fn referral(mut urls: BerReader<'_>) -> Result<(), ProtocolError> {
    let mut left = MAXIMUM_VALUES;
    while !urls.is_empty() {
        urls.text()?;
        count_down(&mut left)?;
    }
    Ok(())
}

fn count_down(left: &mut usize) -> Result<(), ProtocolError> {
    *left = left.checked_sub(1).ok_or(ProtocolError::Malformed("too many values"))?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
