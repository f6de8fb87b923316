//! Takes a connection to a directory, gives the one value of an entry's attribute. Anonymous, one entry, and where the
//! directory points elsewhere nobody follows.
//!
//! Plain LDAP is sound for this: a CRL is signed, and one who changes it on its way gains no more than one who cuts the
//! wire. `ldaps` proves who answers and nothing about what is answered.

use super::error::FetchError;
use super::ldap_message::{
    Answer, Attribute, MalformedMessage, anonymous_bind, content_length, length_bytes, search,
};
use super::ldap_url::ListedLdapUrl;
use bytes::Bytes;
use std::fmt::Display;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What an answer may have around the value.
const MAXIMUM_ENVELOPE: usize = 64 * 1024;
/// RFC 4511 A.1: the code of a request that was done.
const SUCCESS: u32 = 0;
const BIND: u8 = 1;
const SEARCH: u8 = 2;

/// One conversation with a directory.
pub(super) struct Conversation<'u, S> {
    url: &'u ListedLdapUrl,
    stream: S,
    max_bytes: usize,
    /// How many bytes the directory may still send.
    left: usize,
}

impl<'u, S: AsyncRead + AsyncWrite + Unpin> Conversation<'u, S> {
    pub(super) fn new(url: &'u ListedLdapUrl, stream: S, max_bytes: usize) -> Self {
        Self { url, stream, max_bytes, left: max_bytes.saturating_add(MAXIMUM_ENVELOPE) }
    }

    /// The value that the URL stands for.
    pub(super) async fn value(mut self) -> Result<Bytes, FetchError> {
        self.say(&anonymous_bind(BIND)).await?;
        let answer = self.hear().await?;
        match self.read(&answer, BIND)? {
            Answer::Bound(SUCCESS) => {}
            Answer::Bound(code) => return Err(self.refused(code)),
            Answer::Entry(_) | Answer::Reference | Answer::Searched(_) => {
                return Err(self.broken(&MalformedMessage));
            }
        }
        self.say(&search(SEARCH, &self.url.entry, &self.url.attribute)).await?;
        let mut found = None;
        loop {
            let answer = self.hear().await?;
            match self.read(&answer, SEARCH)? {
                Answer::Entry(_) if found.is_some() => return Err(self.broken(&"there are several entries")),
                Answer::Entry(attributes) => found = Some(self.one_value(&answer, &attributes)?),
                Answer::Reference => {}
                Answer::Searched(SUCCESS) => return found.flatten().ok_or_else(|| self.nothing()),
                Answer::Searched(code) => return Err(self.refused(code)),
                Answer::Bound(_) => return Err(self.broken(&MalformedMessage)),
            }
        }
    }

    /// The value of the attribute that was asked for. A distribution point has one CRL (RFC 5280 4.2.1.13).
    fn one_value(&self, answer: &Bytes, attributes: &[Attribute<'_>]) -> Result<Option<Bytes>, FetchError> {
        let asked = attributes.iter().filter(|attribute| self.url.asks_for(attribute.name));
        let mut values = asked.flat_map(|attribute| &attribute.values);
        match (values.next(), values.next()) {
            (Some(value), None) if value.len() > self.max_bytes => Err(self.too_large()),
            (Some(value), None) => Ok(Some(answer.slice_ref(value))),
            (Some(_), Some(_)) => Err(self.broken(&"the entry has several CRLs")),
            (None, _) => Ok(None),
        }
    }

    async fn say(&mut self, request: &[u8]) -> Result<(), FetchError> {
        self.stream.write_all(request).await.map_err(|error| self.broken(&error))
    }

    /// The content of the next message.
    async fn hear(&mut self) -> Result<Bytes, FetchError> {
        let mut start = [0; 2];
        self.fill(&mut start).await?;
        let mut length = [0; 4];
        let count = length_bytes(start).map_err(|error| self.broken(&error))?;
        let length = length.get_mut(..count).ok_or_else(|| self.broken(&MalformedMessage))?;
        self.fill(length).await?;
        let [_, first] = start;
        let length = content_length(first, length);
        // What the directory announces is not taken for its word: memory grows with what comes.
        self.left = self.left.checked_sub(length).ok_or_else(|| self.too_large())?;
        let mut content = Vec::new();
        let announced = u64::try_from(length).unwrap_or(u64::MAX);
        let taken = (&mut self.stream).take(announced).read_to_end(&mut content).await;
        match taken {
            Ok(taken) if taken == length => Ok(content.into()),
            Ok(_) => Err(self.broken(&"it breaks off")),
            Err(error) => Err(self.broken(&error)),
        }
    }

    async fn fill(&mut self, bytes: &mut [u8]) -> Result<(), FetchError> {
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| self.too_large())?;
        self.stream.read_exact(bytes).await.map(drop).map_err(|error| self.broken(&error))
    }

    fn read<'m>(&self, content: &'m [u8], id: u8) -> Result<Answer<'m>, FetchError> {
        Answer::parse(content, id).map_err(|error| self.broken(&error))
    }

    fn broken(&self, reason: &dyn Display) -> FetchError {
        FetchError::Broken { host: self.url.host.clone(), reason: reason.to_string() }
    }

    fn refused(&self, code: u32) -> FetchError {
        FetchError::Directory { host: self.url.host.clone(), code }
    }

    fn nothing(&self) -> FetchError {
        FetchError::NoValue { host: self.url.host.clone(), attribute: self.url.attribute.clone() }
    }

    fn too_large(&self) -> FetchError {
        FetchError::TooLarge { max_bytes: self.max_bytes }
    }
}
