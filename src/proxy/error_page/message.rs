//! The contents of an error response, whatever its form.

use super::text::Words;
use super::words::Locale;
use crate::policy::DenialId;

/// The contents of an error response.
pub(super) struct Message<'a> {
    pub(super) denial: DenialId,
    pub(super) locale: Locale,
    pub(super) words: Words,
    pub(super) request_id: &'a str,
    pub(super) hint: Option<&'static str>,
    pub(super) help: Option<&'a str>,
}
