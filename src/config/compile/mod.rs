//! Turns a document into what runs: reads the files that it names, and gives each stage its own settings.
//!
//! Collects mistakes like the reader does, so that a missing file and a wrong path are told in one run.

mod admission;
mod assertion;
mod backend;
pub(super) mod context;
mod directory;
mod files;
mod one_line;
mod realm;
mod revocation;
mod site;

use super::parse::{Diagnostics, Spanned};
use super::schema::Document;
use super::schema::limits::Limits as RawLimits;
use super::schema::process::{AuditFile, LogLines};
use super::schema::site::Site as RawSite;
use crate::backend::MinimumRate;
use crate::headers::ReservedHeaders;
use crate::headers::reserved_headers::NonstandardNames;
use crate::limits::{ConnectionLimits, FrameLimits, HandshakeQuota, RequestRate};
use crate::proxy::{CacheSizes, Limits, LingerLimits, Snapshot};
use crate::site::{Backend, ListenerSites, Realm, Site, SiteTable};
use crate::telemetry::audit::{AuditTarget, QueueLimits};
use crate::telemetry::logging::LogFormat;
use crate::tls::HandshakeLimits;
use context::{Compiled, Context, OwnCaches, Process, Speech};
use files::Files;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

/// Audit records that may wait for the disk.
const AUDIT_QUEUE: NonZeroUsize = NonZeroUsize::new(16_384).expect("16384 is not zero");

/// What is compiled by name before the sites that refer to it.
struct Parts {
    realms: HashMap<String, Arc<Realm>>,
    backends: HashMap<String, Arc<Backend>>,
}

/// Compiles `document`, whose paths are relative to `base`. `None` where `diagnostics` has errors afterwards, those of
/// the document included.
pub(super) fn compile(
    document: &Document,
    base: &Path,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Compiled> {
    let generation = context.next_generation();
    context.own_caches = OwnCaches {
        ocsp: document.caches.ocsp.value,
        tickets: document.caches.tickets.value,
        issued_certificates: document.caches.issued_certificates.value,
    };
    let mut files = Files::new(base);
    let mut backends = Vec::new();
    let mut parts = Parts { realms: HashMap::new(), backends: HashMap::new() };
    for raw in &document.realm {
        if let Some(realm) = realm::compile(raw, generation, &mut files, context, diagnostics) {
            parts.realms.insert(raw.head.name.value.clone(), Arc::new(realm));
        }
    }
    let assertions =
        document.assertion.as_ref().and_then(|raw| assertion::compile(raw, &mut files, diagnostics));
    for raw in &document.backend {
        let place = backends.len();
        let signer = assertions.as_ref();
        let limits = &document.limits;
        if let Some(backend) = backend::compile(raw, place, limits, &mut files, signer, context, diagnostics)
        {
            let backend = Arc::new(backend);
            backends.push(Arc::clone(&backend));
            parts.backends.insert(raw.head.name.value.clone(), backend);
        }
    }
    let mut served = Vec::new();
    for raw in &document.site {
        if let Some(site) = site::compile(raw, &parts, &mut files, context, diagnostics) {
            served.push((raw, Arc::new(site)));
        }
    }
    let sites = SiteTable {
        tls: listeners(&served, |site| &site.listen, diagnostics),
        http: listeners(&served, |site| &site.http_listen, diagnostics),
    };
    let owned = owned_names(document, &backends, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    let tls = sites.tls.keys().map(|address| (*address, Speech::Tls));
    let plain = sites.http.keys().map(|address| (*address, Speech::Plain));
    let listeners: BTreeSet<_> = tls.chain(plain).collect();
    let owned = Arc::new(owned);
    let process = process(document, base);
    let connections = connections(&document.limits);
    let limits = limits(&document.limits, process.workers);
    let snapshot = Snapshot { generation, sites, backends, owned, assertions, limits, connections };
    Some(Compiled { snapshot, listeners, process, control: context.control.clone() })
}

/// The sites of each address. Two sites with one host on one address were refused with the document.
fn listeners(
    served: &[(&RawSite, Arc<Site>)],
    addresses: impl Fn(&RawSite) -> &Vec<Spanned<SocketAddr>>,
    diagnostics: &mut Diagnostics,
) -> HashMap<SocketAddr, ListenerSites> {
    let mut by_address: HashMap<SocketAddr, Vec<&(&RawSite, Arc<Site>)>> = HashMap::new();
    for entry in served {
        for address in addresses(entry.0) {
            by_address.entry(address.value).or_default().push(entry);
        }
    }
    let tables = by_address.into_iter().filter_map(|(address, entries)| {
        let hosts = site::host_table(&entries, diagnostics)?;
        let default = entries.iter().position(|(raw, _)| raw.default.value);
        let sites = entries.iter().map(|(_, site)| Arc::clone(site)).collect();
        Some((address, ListenerSites { hosts, sites, default }))
    });
    tables.collect()
}

/// What no client may send: also the names that operators chose for their backends.
fn owned_names(
    document: &Document,
    backends: &[Arc<Backend>],
    diagnostics: &mut Diagnostics,
) -> ReservedHeaders {
    match ReservedHeaders::new(
        backends.iter().map(|backend| &backend.identity_headers),
        NonstandardNames::Drop,
    ) {
        Ok(owned) => owned,
        Err(faults) => {
            let span = document.backend.first().map(|backend| backend.head.span).unwrap_or_default();
            for fault in faults {
                diagnostics.error(span, fault.to_string()).help("choose another name in `headers.names`");
            }
            ReservedHeaders::default()
        }
    }
}

fn limits(raw: &RawLimits, workers: NonZeroUsize) -> Limits {
    let body_memory = usize::try_from(raw.body_memory.value).unwrap_or(usize::MAX);
    Limits {
        handshake: HandshakeLimits {
            plain: raw.handshake_timeout.value,
            card: raw.card_handshake_timeout.value,
        },
        client_idle_timeout: raw.client_idle_timeout.value,
        connection_max_age: raw.connection_max_age.value,
        max_header: usize::try_from(raw.max_header_bytes.value).unwrap_or(usize::MAX),
        max_header_fields: raw.max_header_fields.value,
        body_memory_per_worker: body_memory / workers,
        minimum_rate: minimum_rate(raw),
        drain: raw.shutdown_timeout.value,
        http2_streams: number(&raw.max_http2_streams),
        http2_frames: FrameLimits {
            per_second: number(&raw.http2_control_frames_per_second),
            preface: raw.handshake_timeout.value,
        },
        account_requests: RequestRate::per_second(number(&raw.requests_per_second_per_account)),
        linger: LingerLimits { time: raw.linger_timeout.value, bytes: raw.linger_max_bytes.value },
    }
}

/// The lowest rate of request bodies and responses, the same for clients and for the requests to every backend.
fn minimum_rate(raw: &RawLimits) -> MinimumRate {
    MinimumRate { bytes_per_second: raw.min_body_rate.value, ..MinimumRate::default() }
}

fn connections(raw: &RawLimits) -> ConnectionLimits {
    ConnectionLimits {
        total: raw.max_connections.value,
        per_address: raw.connections_per_address(),
        per_network: raw.connections_per_network(),
        ipv6_prefix: u8::try_from(raw.ipv6_prefix.value).unwrap_or(u8::MAX),
        trusted: raw.trusted_networks.iter().map(|network| network.value).collect(),
        requests: RequestRate::per_second(number(&raw.requests_per_second_per_address)),
        handshakes: handshake_quota(raw),
    }
}

fn number(raw: &Spanned<usize>) -> u32 {
    u32::try_from(raw.value).unwrap_or(u32::MAX)
}

fn handshake_quota(raw: &RawLimits) -> HandshakeQuota {
    let per_second = u32::try_from(raw.handshakes_per_second_per_address.value).unwrap_or(u32::MAX);
    HandshakeQuota {
        in_progress: raw.max_handshakes.value,
        in_progress_per_address: raw.max_handshakes_per_address.value,
        per_second_per_address: NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN),
    }
}

fn process(document: &Document, base: &Path) -> Process {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = document.workers.as_ref().and_then(|workers| NonZeroUsize::new(workers.value));
    Process {
        workers: workers.unwrap_or(cores),
        audit: match &document.audit.file.value {
            AuditFile::StandardOutput => AuditTarget::Stdout,
            AuditFile::Path(path) => AuditTarget::File(base.join(path)),
        },
        audit_queue: QueueLimits {
            records: AUDIT_QUEUE,
            bytes: usize::try_from(document.audit.max_queue_bytes.value).unwrap_or(usize::MAX),
        },
        caches: CacheSizes {
            certificates: document.caches.certificates.value,
            revocation: document.caches.revocation.value,
            accounts: document.caches.accounts.value,
            passwords: document.caches.passwords.value,
        },
        admin: document.admin.listen.iter().map(|address| address.value).collect(),
        log_format: match document.log.format.value {
            LogLines::Human => LogFormat::Human,
            LogLines::Json => LogFormat::Json,
        },
        log_filter: document.log.directives(),
        judging_limit: document.limits.validation_timeout.value,
        judging_places: document.limits.validation_concurrency.value,
    }
}
