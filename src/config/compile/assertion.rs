//! The keys that sign statements of who a request is from.

use super::files::Files;
use crate::config::parse::Diagnostics;
use crate::config::schema::process as raw;
use crate::delegation::assertion::{Signer, SignerSettings};
use crate::telemetry::display_chain;
use std::sync::Arc;
use zeroize::Zeroizing;

/// `None` where it is wrong.
pub(super) fn compile(
    raw: &raw::Assertion,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Signer>> {
    let read: Vec<_> = raw.keys.iter().map(|file| files.private_key(file, diagnostics)).collect();
    let keys: Vec<Zeroizing<_>> = read.into_iter().collect::<Option<_>>()?;
    let settings =
        SignerSettings { issuer: raw.issuer.as_ref()?.value.clone(), lifetime: raw.lifetime.value };
    Signer::new(keys.iter().map(|key| &**key), settings)
        .map(Arc::new)
        .map_err(|error| {
            let number = error.key_number().unwrap_or(1);
            let span = raw.keys.get(number - 1).map_or(raw.head.span, |file| file.span);
            diagnostics.error(span, display_chain(&error)).key("assertion.keys");
        })
        .ok()
}
