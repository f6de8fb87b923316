//! Writes the two requests that the gate sends by itself, a bind and StartTLS, and reads what servers answer, whole: an
//! answer that is read here has nothing in it that another reader could stumble over (RFC 4511 4).

use super::ber::{ENUMERATED, Elements, INTEGER, OCTET_STRING, SEQUENCE, SET, element, utf8};
use super::error::{Nonsense, Refusal, Step, Unreachable};
use super::failure::Failure;
use zeroize::Zeroizing;

/// RFC 4511 A.1: the code of a request that was done.
pub(super) const SUCCESS: u32 = 0;
/// RFC 4511 A.1: the code of a search that had more to give than it was allowed to.
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// RFC 4511 A.1: there is no such entry.
pub(super) const NO_SUCH_OBJECT: u32 = 32;
/// RFC 4511 A.1: the name, the password or both are wrong.
pub(super) const INVALID_CREDENTIALS: u32 = 49;

/// RFC 4511 A.1: the server has too much to do, or is about to stop or still starting. Another one may be well.
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_RESULT_ENTRY: u8 = 0x64;
const SEARCH_RESULT_DONE: u8 = 0x65;
const SEARCH_RESULT_REFERENCE: u8 = 0x73;
const ABANDON_REQUEST: u8 = 0x50;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
/// The choice `simple` of a bind request, and the name of an extended request.
const CONTEXT_0: u8 = 0x80;
/// The controls of a message.
const CONTROLS: u8 = 0xa0;
const REFERRAL: u8 = 0xa3;
const SASL_CREDENTIALS: u8 = 0x87;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;

/// RFC 4511 4.14.1.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// The only request under way while one of these is: any number does.
const ID: u32 = 1;
/// More values than a person or a group has of what is asked for: a server could make each of two bytes.
const MAXIMUM_VALUES: usize = 8192;
/// What of a server's words gets into an error.
const MAXIMUM_TEXT: usize = 200;

/// A message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The request that it answers; 0 where it answers none.
    pub(super) id: u32,
    pub(super) answer: Answer,
    /// Whether controls come with it. The gate asks for none.
    pub(super) has_controls: bool,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Bound(Outcome),
    Entry,
    Reference,
    Searched,
    Extended(Outcome),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: u32,
    pub(super) text: String,
}

/// A request as the client library writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Search { id: u32 },
    Abandon { id: u32 },
    Unbind,
}

/// A bind with a name and a password (RFC 4511 4.2), to be wiped once it is sent.
pub(super) fn bind_request(name: &str, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let version = [INTEGER, 1, 3];
    let (name, password) = (element(OCTET_STRING, &[name.as_bytes()]), element(CONTEXT_0, &[password]));
    message(&element(BIND_REQUEST, &[&version, &name, &password]))
}

/// The request to begin TLS (RFC 4511 4.14.1).
pub(super) fn start_tls_request() -> Zeroizing<Vec<u8>> {
    message(&element(EXTENDED_REQUEST, &[&element(CONTEXT_0, &[START_TLS])]))
}

fn message(operation: &[u8]) -> Zeroizing<Vec<u8>> {
    let [_, _, _, id] = ID.to_be_bytes();
    element(SEQUENCE, &[&[INTEGER, 1, id], operation])
}

impl Message {
    /// Reads a message to its last byte.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Nonsense> {
        let mut message = Elements::of(bytes);
        let mut parts = Elements::of(message.expect(SEQUENCE)?);
        message.end()?;
        let id = parts.number(INTEGER)?;
        let (tag, operation) = parts.next()?;
        let operation = Elements::of(operation);
        let answer = match tag {
            BIND_RESPONSE => Answer::Bound(bind_response(operation)?),
            SEARCH_RESULT_ENTRY => entry(operation).map(|()| Answer::Entry)?,
            SEARCH_RESULT_REFERENCE => texts(operation).map(|()| Answer::Reference)?,
            SEARCH_RESULT_DONE => search_result_done(operation).map(|()| Answer::Searched)?,
            EXTENDED_RESPONSE => Answer::Extended(extended_response(operation)?),
            _ => return Err(Nonsense::Malformed("an answer that nobody asks for")),
        };
        // Active Directory puts the name of its notice of disconnection behind the message ([MS-ADTS] 3.1.1.3.4.2).
        let misplaced = if id == 0 { parts.optional(RESPONSE_NAME)? } else { None };
        let has_controls = parts.optional(CONTROLS)?.is_some() || misplaced.is_some();
        parts.end()?;
        Ok(Self { id, answer, has_controls })
    }

    /// The outcome of the bind that the message answers.
    pub(super) fn bound(self) -> Result<Outcome, Nonsense> {
        match self.answer {
            Answer::Bound(outcome) if self.id == ID => Ok(outcome),
            _ => Err(Nonsense::Malformed("another answer than to the bind")),
        }
    }

    /// The outcome of the request to begin TLS that the message answers.
    pub(super) fn started_tls(self) -> Result<Outcome, Nonsense> {
        match self.answer {
            Answer::Extended(outcome) if self.id == ID => Ok(outcome),
            _ => Err(Nonsense::Malformed("another answer than to StartTLS")),
        }
    }

    /// RFC 4511 4.4.1: the server is about to hang up.
    pub(super) fn says_good_bye(&self) -> bool {
        self.id == 0 && matches!(self.answer, Answer::Extended(_))
    }
}

impl Outcome {
    /// Why a step came to nothing that did not end with success.
    pub(super) fn failure(&self, step: Step) -> Failure {
        match self.code {
            BUSY | UNAVAILABLE => Unreachable::Unwell(self.refusal()).into(),
            _ => Failure::Refused { step, refusal: self.refusal() },
        }
    }

    pub(super) fn refusal(&self) -> Refusal {
        Refusal::Result { code: self.code, text: one_line(&self.text) }
    }
}

/// A server's words as they may stand in a record: short, without control characters.
pub(super) fn one_line(text: &str) -> String {
    let letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    letters.take(MAXIMUM_TEXT).collect::<String>().trim().to_owned()
}

impl Request {
    /// Reads a request that the client library wrote.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Nonsense> {
        let mut message = Elements::of(bytes);
        let mut parts = Elements::of(message.expect(SEQUENCE)?);
        let id = parts.number(INTEGER)?;
        match parts.next()? {
            (SEARCH_REQUEST, _) => Ok(Self::Search { id }),
            (UNBIND_REQUEST, _) => Ok(Self::Unbind),
            (ABANDON_REQUEST, abandoned) => {
                let abandoned = element(INTEGER, &[abandoned]);
                Elements::of(&abandoned).number(INTEGER).map(|id| Self::Abandon { id })
            }
            _ => Err(Nonsense::Malformed("a request that the gate does not make")),
        }
    }
}

/// RFC 4511 4.1.9: the parts that every result begins with.
fn result(parts: &mut Elements<'_>) -> Result<Outcome, Nonsense> {
    let code = parts.number(ENUMERATED)?;
    parts.text()?;
    let text = parts.text()?.to_owned();
    if let Some(addresses) = parts.optional(REFERRAL)? {
        texts(Elements::of(addresses))?;
    }
    Ok(Outcome { code, text })
}

fn bind_response(mut parts: Elements<'_>) -> Result<Outcome, Nonsense> {
    let outcome = result(&mut parts)?;
    parts.optional(SASL_CREDENTIALS)?;
    parts.end()?;
    Ok(outcome)
}

fn search_result_done(mut parts: Elements<'_>) -> Result<(), Nonsense> {
    result(&mut parts)?;
    parts.end()
}

fn extended_response(mut parts: Elements<'_>) -> Result<Outcome, Nonsense> {
    let outcome = result(&mut parts)?;
    parts.optional(RESPONSE_NAME)?.map(utf8).transpose()?;
    parts.optional(RESPONSE_VALUE)?;
    parts.end()?;
    Ok(outcome)
}

/// RFC 4511 4.5.2: a name, and attributes with their values.
fn entry(mut parts: Elements<'_>) -> Result<(), Nonsense> {
    let mut values_left = MAXIMUM_VALUES;
    parts.text()?;
    let mut attributes = Elements::of(parts.expect(SEQUENCE)?);
    parts.end()?;
    while !attributes.is_empty() {
        let mut attribute = Elements::of(attributes.expect(SEQUENCE)?);
        attribute.text()?;
        let mut values = Elements::of(attribute.expect(SET)?);
        attribute.end()?;
        count_down(&mut values_left)?;
        while !values.is_empty() {
            values.expect(OCTET_STRING)?;
            count_down(&mut values_left)?;
        }
    }
    Ok(())
}

fn texts(mut parts: Elements<'_>) -> Result<(), Nonsense> {
    let mut left = MAXIMUM_VALUES;
    while !parts.is_empty() {
        parts.text()?;
        count_down(&mut left)?;
    }
    Ok(())
}

fn count_down(left: &mut usize) -> Result<(), Nonsense> {
    *left = left.checked_sub(1).ok_or(Nonsense::Malformed("an entry of thousands of values"))?;
    Ok(())
}
