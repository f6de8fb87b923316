//! The settings of the process, the limits for all sites, and the keys that sign assertions.

use super::compiler::Compiler;
use super::context::ProcessSettings;
use crate::config::parse::values;
use crate::config::schema::process::AssertionSection;
use crate::delegation::assertion::{AssertionSigner, AssertionSignerSettings};
use crate::limits::{ConnectionLimits, FrameLimits, HandshakeQuota, RequestRate};
use crate::proxy::{CacheSizes, LingerLimits, ProxyLimits};
use crate::telemetry::audit::{AuditTarget, QueueLimits};
use crate::telemetry::display_chain;
use crate::tls::HandshakeLimits;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Audit records that may wait for the disk.
const AUDIT_QUEUE: NonZeroUsize = NonZeroUsize::new(16_384).expect("16384 is not zero");

impl Compiler<'_> {
    /// Returns the limits for all sites. The memory for bodies is divided among the workers.
    pub(super) fn limits(&self, workers: NonZeroUsize) -> ProxyLimits {
        let raw = &self.document.limits;
        ProxyLimits {
            handshake: HandshakeLimits {
                plain: raw.handshake_timeout.value,
                card: raw.card_handshake_timeout.value,
            },
            client_idle_timeout: raw.client_idle_timeout.value,
            connection_max_age: raw.connection_max_age.value,
            max_header: raw.max_header_bytes.value,
            max_header_fields: raw.max_header_fields.value,
            body_memory_per_worker: raw.body_memory.value / workers,
            minimum_rate: raw.minimum_rate(),
            drain: raw.shutdown_timeout.value,
            http2_streams: raw.max_http2_streams.value,
            http2_frames: FrameLimits {
                per_second: raw.http2_control_frames_per_second.value,
                preface: raw.handshake_timeout.value,
            },
            account_requests: RequestRate::per_second(raw.requests_per_second_per_account.value),
            linger: LingerLimits { time: raw.linger_timeout.value, bytes: raw.linger_max_bytes.value },
        }
    }

    /// Returns the limits on client connections.
    pub(super) fn connections(&self) -> ConnectionLimits {
        let raw = &self.document.limits;
        let handshakes = NonZeroU32::new(raw.handshakes_per_second_per_address.value);
        ConnectionLimits {
            total: raw.max_connections.value,
            per_address: raw.connections_per_address(),
            per_network: raw.connections_per_network(),
            ipv6_prefix: raw.ipv6_prefix.value,
            trusted: values(&raw.trusted_networks).into(),
            requests: RequestRate::per_second(raw.requests_per_second_per_address.value),
            handshakes: HandshakeQuota {
                in_progress: raw.max_handshakes.value,
                in_progress_per_address: raw.max_handshakes_per_address.value,
                per_second_per_address: handshakes.unwrap_or(NonZeroU32::MIN),
            },
        }
    }

    /// Returns the settings that only a restart changes.
    pub(super) fn process(&self) -> ProcessSettings {
        let raw = self.document;
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = raw.workers.and_then(|workers| NonZeroUsize::new(workers.value));
        ProcessSettings {
            workers: workers.unwrap_or_else(cores),
            audit: match &raw.audit.file.value {
                AuditTarget::Stdout => AuditTarget::Stdout,
                AuditTarget::File(path) => AuditTarget::File(self.path(path)),
            },
            audit_queue: QueueLimits { records: AUDIT_QUEUE, bytes: raw.audit.max_queue_bytes.value },
            caches: CacheSizes {
                certificates: raw.caches.certificates.value,
                revocation: raw.caches.revocation.value,
                accounts: raw.caches.accounts.value,
                passwords: raw.caches.passwords.value,
            },
            admin: values(&raw.admin.listen),
            log_format: raw.log.format.value,
            log_filter: raw.log.directives(),
            validation_timeout: raw.limits.validation_timeout.value,
            validation_concurrency: raw.limits.validation_concurrency.value,
        }
    }

    /// Returns the signer of assertions, or `None` after recording its errors.
    pub(super) fn signer(&mut self, raw: &AssertionSection) -> Option<Arc<AssertionSigner>> {
        let read: Vec<_> = raw.keys.iter().map(|file| self.private_key(file)).collect();
        let keys: Vec<Zeroizing<_>> = read.into_iter().collect::<Option<_>>()?;
        let settings = AssertionSignerSettings {
            issuer: raw.issuer.as_ref()?.value.clone(),
            lifetime: raw.lifetime.value,
        };
        AssertionSigner::new(keys.iter().map(|key| &**key), settings)
            .map(Arc::new)
            .map_err(|error| {
                let number = error.key_number().unwrap_or(1);
                let span = raw.keys.get(number - 1).map_or(raw.head.span, |file| file.span);
                self.diagnostics.error(span, display_chain(&error)).key("assertion.keys");
            })
            .ok()
    }
}
