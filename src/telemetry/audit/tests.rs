//! The audit log as a whole: every submitted record is in the file.

use super::*;
use crate::clock::UnixTime;
use crate::telemetry::{AuditMetrics, BoundedText};
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn record(request_id: &str) -> AuditRecord {
    AuditRecord {
        time: UnixTime::from_seconds(1_795_339_800),
        request_id: BoundedText::of(request_id),
        site: Some("rms".into()),
        listener: "127.0.0.1:443".into(),
        client: "127.0.0.1:50000".into(),
        tls: Some(Arc::new(TlsFacts {
            version: "1.3",
            resumed: false,
            cipher: "TLS13_AES_128_GCM_SHA256".into(),
            alpn: Some("h2".into()),
            certificate: CertificateOffer::NotPresented,
        })),
        protocol: "2",
        method: "POST".into(),
        host: Some("rms.corp.example".into()),
        received_path: ReceivedPath::new(b"/_WMCS/licensing/license.asmx?token=s3cret"),
        path: Some("/_wmcs/licensing/license.asmx".into()),
        rule: Some("/_wmcs/licensing/license.asmx".into()),
        certificate: Some(Arc::new(CertificateFacts {
            sha256: BoundedText::of("00".repeat(32)),
            subject: "CN=Alice".into(),
            issuer: "CN=Issuing".into(),
            serial: "01".into(),
            not_after: UnixTime::from_seconds(1_795_339_900),
        })),
        account: Some(Arc::new(AccountFacts { user: "CORP\\alice".into(), upn: None, sid: None })),
        authentication: Some("certificate"),
        mapping: Some(Arc::new(MappingFacts { method: "upn".into(), strength: "weak".into(), stale: false })),
        decision: "permit",
        sub_status: None,
        detail: None,
        status: Some(200),
        backend: Some("10.0.0.5:80".into()),
        bytes_in: 65_536,
        bytes_out: 18_432,
        duration: RequestDuration {
            total: Duration::from_micros(12_345),
            authentication: None,
            backend: Some(Duration::from_micros(300)),
        },
    }
}

fn open(path: &Path, capacity: usize) -> (AuditLog, AuditMetrics) {
    let metrics = AuditMetrics::default();
    let limits = QueueLimits { records: NonZeroUsize::new(capacity).unwrap(), bytes: 64 << 20 };
    let log = AuditLog::open(AuditTarget::File(path.to_owned()), limits, metrics.clone()).unwrap();
    (log, metrics)
}

/// The request ids of a file, each line of which must be a JSON object.
fn request_ids(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let id =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["request_id"].as_str().unwrap().to_owned();
    text.lines().map(id).collect()
}

fn wait_until(mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !reached() {
        assert!(Instant::now() < end, "the state was not reached");
        std::thread::yield_now();
    }
}

fn line_of(record: &AuditRecord) -> String {
    let mut bytes = Vec::new();
    line::append(record, None, &mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_fields_of_a_record_are_stable() {
    let expected = concat!(
        r#"{"time":"2026-11-22T09:30:00.000Z","request_id":"r1","site":"rms","listener":"127.0.0.1:443","#,
        r#""client":"127.0.0.1:50000","tls":{"version":"1.3","resumed":false,"cipher":"TLS13_AES_128_GCM_SHA256","#,
        r#""alpn":"h2","certificate":"not_presented"},"protocol":"2","method":"POST","host":"rms.corp.example","#,
        r#""received_path":"/_WMCS/licensing/license.asmx","received_path_truncated":false,"#,
        r#""path":"/_wmcs/licensing/license.asmx","rule":"/_wmcs/licensing/license.asmx","certificate":{"sha256":""#,
        "0000000000000000000000000000000000000000000000000000000000000000",
        r#"","subject":"CN=Alice","issuer":"CN=Issuing","serial":"01","not_after":"2026-11-22T09:31:40.000Z"},"#,
        r#""authentication":"certificate","account":{"user":"CORP\\alice","upn":null,"sid":null},"mapping":{"method":"upn","strength":"weak","stale":false},"#,
        r#""decision":"permit","sub_status":null,"detail":null,"status":200,"backend":"10.0.0.5:80","#,
        r#""bytes_in":65536,"bytes_out":18432,"duration_ms":{"total":12.345,"authentication":null,"backend":0.3}}"#,
        "\n",
    );
    assert_eq!(line_of(&record("r1")), expected);
}

/// A record in which every text has its longest form in JSON.
fn longest_record() -> AuditRecord {
    fn long<const N: usize>() -> BoundedText<N> {
        BoundedText::of("\"\\".repeat(10_000))
    }
    AuditRecord {
        request_id: BoundedText::of("0".repeat(32)),
        site: Some(long()),
        listener: long(),
        client: long(),
        tls: Some(Arc::new(TlsFacts {
            version: "1.3",
            resumed: false,
            cipher: long(),
            alpn: Some(long()),
            certificate: CertificateOffer::NotPresented,
        })),
        method: long(),
        host: Some(long()),
        received_path: ReceivedPath::new(&[b'"'; 4096]),
        path: Some(long()),
        rule: Some(long()),
        certificate: Some(Arc::new(CertificateFacts {
            sha256: BoundedText::of("0".repeat(64)),
            subject: long(),
            issuer: long(),
            serial: long(),
            not_after: UnixTime::END,
        })),
        account: Some(Arc::new(AccountFacts { user: long(), upn: Some(long()), sid: Some(long()) })),
        authentication: Some("password"),
        mapping: Some(Arc::new(MappingFacts { method: long(), strength: long(), stale: false })),
        decision: "certificate-not-yet-valid",
        sub_status: Some(255),
        detail: Some(long()),
        status: Some(403),
        backend: Some(long()),
        bytes_in: u64::MAX,
        bytes_out: u64::MAX,
        duration: RequestDuration {
            total: Duration::from_micros(123_456_789_123),
            authentication: Some(Duration::from_micros(123_456_789_123)),
            backend: Some(Duration::from_micros(123_456_789_123)),
        },
        ..record("r1")
    }
}

#[test]
fn no_line_is_longer_than_the_bound_whatever_the_client_sent() {
    let line = line_of(&longest_record());
    assert!(line.len() <= LINE_BYTES, "{}", line.len());
    let read: Value = serde_json::from_str(&line).unwrap();
    for field in ["site", "host", "path", "rule", "detail", "backend"] {
        assert!(read[field].as_str().unwrap().ends_with("…[cut]"), "{field}: {}", read[field]);
    }
    assert_eq!(read["received_path_truncated"], true);
    assert_eq!(read["certificate"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_typical_record_is_not_cut() {
    let line = line_of(&AuditRecord {
        path: Some(BoundedText::of(format!("/{}", "a".repeat(300)))),
        account: None,
        ..record("r1")
    });
    assert!(!line.contains("[cut]") && line.len() <= LINE_BYTES, "{line}");
}

#[test]
fn a_short_record_omits_only_equal_fields() {
    let whole = AuditRecord { account: None, detail: Some("why".into()), ..record("r1") };
    let next = AuditRecord {
        request_id: "r2".into(),
        received_path: ReceivedPath::new(b"/other"),
        path: Some("/other".into()),
        rule: None,
        status: Some(404),
        ..whole.clone()
    };
    let mut line = Vec::new();
    line::append(&next, Some(&whole), &mut line);
    let short: serde_json::Map<String, Value> = serde_json::from_slice(&line).unwrap();
    assert_eq!(short["same_as"], "r1");
    for field in ["time", "request_id", "client", "method", "path", "decision", "status", "duration_ms"] {
        assert!(short.contains_key(field), "{field}");
    }
    let mut read: serde_json::Map<String, Value> = serde_json::from_str(&line_of(&whole)).unwrap();
    read.extend(short.into_iter().filter(|(field, _)| field != "same_as"));
    assert_eq!(Value::Object(read), serde_json::from_str::<Value>(&line_of(&next)).unwrap());
}

#[test]
fn a_flood_on_one_connection_is_written_as_short_records() {
    let nameless = AuditRecord { account: None, ..record("r1") };
    let series = RecordSeries::default();
    let start = Instant::now();
    let whole = |at: u64| series.earlier(&nameless, start + Duration::from_secs(at)).is_none();
    assert_eq!((0..1000).filter(|_| whole(0)).count(), 8);
    assert_eq!((0..1000).filter(|_| whole(61)).count(), 1);
    assert!(series.earlier(&record("r1"), start).is_none(), "a record with an account is whole");
}

#[test]
fn letters_of_every_language_stay_readable() {
    let mut record = record("r1");
    record.detail = Some("CN=Zoë 日本".into());
    assert!(line_of(&record).contains("\"CN=Zoë 日本\""));
}

#[test]
fn records_survive_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, metrics) = open(&path, 1000);
    let ids: Vec<String> = (0..1000).map(|number| format!("r{number}")).collect();
    for id in &ids {
        log.reserve(Part::Whole).unwrap().write(&record(id), &RecordSeries::default());
    }
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ids);
    assert_eq!(metrics.records.get(), 1000);
}

#[test]
fn close_waits_for_reserved_slots() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, _) = open(&path, 8);
    let slot = log.reserve(Part::Whole).unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| log.close(LIMIT));
        wait_until(|| matches!(log.reserve(Part::Whole), Err(Unavailable::Closed)));
        slot.write(&record("late"), &RecordSeries::default());
        closing.join().unwrap().unwrap();
    });
    assert_eq!(request_ids(&path), ["late"]);
}

#[test]
fn close_ends_at_its_time_limit_if_a_slot_is_never_released() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("audit.jsonl"), 8);
    let _slot = log.reserve(Part::Whole).unwrap();
    assert!(matches!(log.close(Duration::from_millis(1)), Err(CloseError::TimedOut)));
}

#[test]
fn a_full_queue_rejects_until_a_slot_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("audit.jsonl"), 2);
    let first = log.reserve(Part::Whole).unwrap();
    let _second = log.reserve(Part::Whole).unwrap();
    assert!(matches!(log.reserve(Part::Whole), Err(Unavailable::QueueFull)));
    drop(first);
    assert!(log.reserve(Part::Whole).is_ok());
}

#[test]
fn a_queue_that_is_full_in_bytes_rejects_until_lines_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let limits = QueueLimits { records: NonZeroUsize::new(1000).unwrap(), bytes: 4 * LINE_BYTES };
    let metrics = AuditMetrics::default();
    let log = AuditLog::open(AuditTarget::File(path), limits, metrics.clone()).unwrap();
    let slots: Vec<_> = std::iter::from_fn(|| log.reserve(Part::Whole).ok()).collect();
    assert_eq!(slots.len(), 3, "as many as the longest lines fit");
    assert!(matches!(log.reserve(Part::Whole), Err(Unavailable::QueueFull)));
    for slot in slots {
        slot.write(&record("r1"), &RecordSeries::default());
    }
    wait_until(|| metrics.queue_bytes.get() == 0);
    assert!(log.reserve(Part::Whole).is_ok());
}

#[test]
fn a_queued_line_counts_with_its_own_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let limits = QueueLimits { records: NonZeroUsize::new(1000).unwrap(), bytes: 16 * LINE_BYTES };
    let metrics = AuditMetrics::default();
    let log = AuditLog::open(AuditTarget::File(path), limits, metrics.clone()).unwrap();
    let slots: Vec<_> = (0..10).map(|_| log.reserve(Part::Whole).unwrap()).collect();
    let line = line_of(&record("r1")).len();
    for slot in slots {
        slot.write(&record("r1"), &RecordSeries::default());
    }
    let queued = usize::try_from(metrics.queue_bytes.get()).unwrap();
    assert!((10 * line..10 * (line + 100)).contains(&queued), "{queued}");
}

#[test]
fn rotation_neither_loses_nor_repeats_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
    let (log, metrics) = open(&path, 64);
    let ids: Vec<String> = (0..64).map(|number| format!("r{number}")).collect();
    let (before, after) = ids.split_at(32);
    for id in before {
        log.reserve(Part::Whole).unwrap().write(&record(id), &RecordSeries::default());
    }
    wait_until(|| metrics.records.get() == 32);
    std::fs::rename(&path, &moved).unwrap();
    log.reopen().unwrap();
    for id in after {
        log.reserve(Part::Whole).unwrap().write(&record(id), &RecordSeries::default());
    }
    log.close(LIMIT).unwrap();
    // The writer may see the new file after it has received the next records; those are then complete in the old file.
    let mut found = request_ids(&moved);
    assert!(found.starts_with(before));
    found.extend(request_ids(&path));
    assert_eq!(found, ids);
}

#[test]
fn a_file_that_was_not_moved_is_continued_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, _) = open(&path, 64);
    let ids: Vec<String> = (0..64).map(|number| format!("r{number}")).collect();
    for id in &ids {
        log.reserve(Part::Whole).unwrap().write(&record(id), &RecordSeries::default());
        log.reopen().unwrap();
    }
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ids);
}

#[test]
fn if_a_file_cannot_be_reopened_the_old_one_stays_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("log");
    std::fs::create_dir(&inner).unwrap();
    let moved = folder.path().join("moved");
    let (log, _) = open(&inner.join("audit.jsonl"), 8);
    std::fs::rename(&inner, &moved).unwrap();
    assert!(matches!(log.reopen(), Err(OpenError::File { .. })));
    log.reserve(Part::Whole).unwrap().write(&record("r1"), &RecordSeries::default());
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&moved.join("audit.jsonl")), ["r1"]);
}

#[test]
fn a_full_disk_rejects_requests_until_there_is_room_and_loses_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let (log, metrics) = open(&path, 8);
    log.reserve(Part::Whole).unwrap().write(&record("r1"), &RecordSeries::default());
    wait_until(|| matches!(log.reserve(Part::Whole), Err(Unavailable::CannotWrite(_))));
    assert!(metrics.write_failures.get() > 0);
    std::fs::remove_file(&path).unwrap();
    log.reopen().unwrap();
    wait_until(|| log.reserve(Part::Whole).is_ok());
    log.reserve(Part::Whole).unwrap().write(&record("r2"), &RecordSeries::default());
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ["r1", "r2"]);
}

#[test]
fn an_incomplete_last_line_does_not_damage_the_next_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::fs::write(&path, "{\"time\":\"2026").unwrap();
    let (log, _) = open(&path, 8);
    log.reserve(Part::Whole).unwrap().write(&record("r1"), &RecordSeries::default());
    log.close(LIMIT).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{{\"time\":\"2026\n{}", line_of(&record("r1"))));
}

#[test]
fn a_received_path_has_no_secret_and_no_unprintable_byte() {
    let text = |target: &[u8]| {
        let path = ReceivedPath::new(target);
        (path.received_path.to_string(), path.received_path_truncated)
    };
    assert_eq!(text(b"/a/b?password=x"), ("/a/b".to_owned(), false));
    assert_eq!(text(b"/a@b/c"), ("/a@b/c".to_owned(), false));
    assert_eq!(text(b"https://u:p@host/a"), ("https://host/a".to_owned(), false));
    assert_eq!(text(b"u:p@host:443"), ("host:443".to_owned(), false));
    assert_eq!(text(b"u:p@host/a://b"), ("host/a://b".to_owned(), false));
    assert_eq!(text(b"https://u:p"), ("https://u:p".to_owned(), false));
    assert_eq!(text(b"*"), ("*".to_owned(), false));
    assert_eq!(text(b""), (String::new(), false));
    assert_eq!(text(b"/a\\b\xff\x00\r\n"), ("/a\\x5cb\\xff\\x00\\x0d\\x0a".to_owned(), false));
    assert_eq!(text(&[b'a'; 512]), ("a".repeat(512), false));
    assert_eq!(text(&[b'a'; 513]), ("a".repeat(512), true));
    assert_eq!(text(&[0xff; 300]), ("\\xff".repeat(128), true));
}

#[test]
fn parts_of_the_queue_are_left_for_clients_with_certificates_and_for_authenticated_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("audit.jsonl"), 8);
    let others: Vec<_> = std::iter::from_fn(|| log.reserve(Part::ThreeQuarters).ok()).collect();
    assert_eq!(others.len(), 6);
    let presented: Vec<_> = std::iter::from_fn(|| log.reserve(Part::SevenEighths).ok()).collect();
    assert_eq!(presented.len(), 1);
    let own: Vec<_> = std::iter::from_fn(|| log.reserve(Part::Whole).ok()).collect();
    assert_eq!(own.len(), 1);
    assert!(matches!(log.reserve(Part::ThreeQuarters), Err(Unavailable::QueueFull)));
}

#[test]
fn what_a_place_holds_is_let_go_of_when_the_record_is_written_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, _) = open(&path, 8);
    let held = Arc::new(());
    let slot = log.reserve(Part::Whole).unwrap().holding(Arc::clone(&held));
    drop(log.reserve(Part::Whole).unwrap().holding(Arc::clone(&held)));
    assert_eq!(Arc::strong_count(&held), 2);
    slot.write(&record("r1"), &RecordSeries::default());
    wait_until(|| Arc::strong_count(&held) == 1);
    assert!(std::fs::read_to_string(&path).unwrap().contains("r1"));
}
