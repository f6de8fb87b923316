//! The log as a whole: what is handed in stands in the file.

use super::*;
use crate::clock::UnixTime;
use crate::observability::AuditMetrics;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn record(request_id: &str) -> AuditRecord {
    AuditRecord {
        time: UnixTime::from_seconds(1_795_339_800),
        request_id: request_id.to_owned(),
        site: Some("rms".to_owned()),
        listener: "127.0.0.1:443".to_owned(),
        peer: "127.0.0.1:50000".to_owned(),
        tls: Some(TlsFacts {
            version: "1.3",
            resumed: false,
            cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
            alpn: Some("h2".to_owned()),
            certificate: CertificateOffer::NoneGiven,
        }),
        http: "2",
        method: "POST".to_owned(),
        host: Some("rms.corp.example".to_owned()),
        path_received: ReceivedPath::new(b"/_WMCS/licensing/license.asmx?token=s3cret"),
        path: Some("/_wmcs/licensing/license.asmx".to_owned()),
        rule: Some("/_wmcs/licensing/license.asmx".to_owned()),
        certificate: Some(CertificateFacts {
            sha256: "00".repeat(32),
            subject: "CN=Alice".to_owned(),
            issuer: "CN=Issuing".to_owned(),
            serial: "01".to_owned(),
            not_after: UnixTime::from_seconds(1_795_339_900),
        }),
        account: Some(AccountFacts { user: "CORP\\alice".to_owned(), upn: None, sid: None }),
        authentication: Some("card"),
        mapping: Some(MappingFacts { method: "upn".to_owned(), strength: "weak".to_owned(), stale: false }),
        decision: "permit",
        sub_status: None,
        detail: None,
        status: Some(200),
        backend: Some("10.0.0.5:80".to_owned()),
        bytes_in: 65_536,
        bytes_out: 18_432,
        millis: Millis {
            total: Duration::from_micros(12_345),
            judge: None,
            backend: Some(Duration::from_micros(300)),
        },
    }
}

fn open(path: &Path, capacity: usize) -> (AuditLog, AuditMetrics) {
    let metrics = AuditMetrics::default();
    let capacity = NonZeroUsize::new(capacity).unwrap();
    let log = AuditLog::open(AuditTarget::File(path.to_owned()), capacity, metrics.clone()).unwrap();
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
    line::append(record, &mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_fields_of_a_record_are_those_that_scripts_rely_on() {
    let expected = concat!(
        r#"{"time":"2026-11-22T09:30:00.000Z","request_id":"r1","site":"rms","listener":"127.0.0.1:443","#,
        r#""peer":"127.0.0.1:50000","tls":{"version":"1.3","resumed":false,"cipher":"TLS13_AES_128_GCM_SHA256","#,
        r#""alpn":"h2","certificate":"asked, none given"},"http":"2","method":"POST","host":"rms.corp.example","#,
        r#""path_received":"/_WMCS/licensing/license.asmx","path_received_cut":false,"#,
        r#""path":"/_wmcs/licensing/license.asmx","rule":"/_wmcs/licensing/license.asmx","certificate":{"sha256":""#,
        "0000000000000000000000000000000000000000000000000000000000000000",
        r#"","subject":"CN=Alice","issuer":"CN=Issuing","serial":"01","not_after":"2026-11-22T09:31:40.000Z"},"#,
        r#""authentication":"card","account":{"user":"CORP\\alice","upn":null,"sid":null},"mapping":{"method":"upn","strength":"weak","stale":false},"#,
        r#""decision":"permit","sub_status":null,"detail":null,"status":200,"backend":"10.0.0.5:80","#,
        r#""bytes_in":65536,"bytes_out":18432,"millis":{"total":12.345,"judge":null,"backend":0.3}}"#,
        "\n",
    );
    assert_eq!(line_of(&record("r1")), expected);
}

#[test]
fn no_character_of_a_value_breaks_the_line_or_turns_its_text() {
    let hostile = "a\r\nb\u{0}c\u{1b}d\u{7f}e\u{85}f\u{2028}g\u{2029}h\u{202e}i\u{2066}j\"k\\l";
    let mut record = record("r1");
    record.detail = Some(hostile.to_owned());
    let line = line_of(&record);
    let is_plain = |c: char| matches!(c, ' '..='~');
    assert!(line.strip_suffix('\n').unwrap().chars().all(is_plain), "{line:?}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["detail"], hostile);
}

#[test]
fn letters_of_every_language_stay_readable() {
    let mut record = record("r1");
    record.detail = Some("CN=Zoë 日本".to_owned());
    assert!(line_of(&record).contains("\"CN=Zoë 日本\""));
}

#[test]
fn records_survive_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, metrics) = open(&path, 1000);
    let ids: Vec<String> = (0..1000).map(|number| format!("r{number}")).collect();
    for id in &ids {
        log.reserve().unwrap().write(record(id));
    }
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ids);
    assert_eq!(metrics.records.get(), 1000);
}

#[test]
fn close_waits_for_those_who_hold_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, _) = open(&path, 8);
    let slot = log.reserve().unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| log.close(LIMIT));
        wait_until(|| matches!(log.reserve(), Err(Unavailable::Closed)));
        slot.write(record("late"));
        closing.join().unwrap().unwrap();
    });
    assert_eq!(request_ids(&path), ["late"]);
}

#[test]
fn a_place_that_is_never_given_back_does_not_hold_up_close_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("audit.jsonl"), 8);
    let _slot = log.reserve().unwrap();
    assert!(matches!(log.close(Duration::from_millis(1)), Err(CloseError::TimedOut)));
}

#[test]
fn a_full_queue_refuses_until_a_place_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("audit.jsonl"), 2);
    let first = log.reserve().unwrap();
    let _second = log.reserve().unwrap();
    assert!(matches!(log.reserve(), Err(Unavailable::QueueFull)));
    drop(first);
    assert!(log.reserve().is_ok());
}

#[test]
fn rotation_loses_no_record_and_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
    let (log, metrics) = open(&path, 64);
    let ids: Vec<String> = (0..64).map(|number| format!("r{number}")).collect();
    let (before, after) = ids.split_at(32);
    for id in before {
        log.reserve().unwrap().write(record(id));
    }
    wait_until(|| metrics.records.get() == 32);
    std::fs::rename(&path, &moved).unwrap();
    log.reopen().unwrap();
    for id in after {
        log.reserve().unwrap().write(record(id));
    }
    log.close(LIMIT).unwrap();
    // The writer may learn of the new file after it took the next records: these are then in the old one, whole.
    let mut found = request_ids(&moved);
    assert!(found.starts_with(before));
    found.extend(request_ids(&path));
    assert_eq!(found, ids);
}

#[test]
fn a_file_that_was_not_moved_goes_on_where_it_was_when_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (log, _) = open(&path, 64);
    let ids: Vec<String> = (0..64).map(|number| format!("r{number}")).collect();
    for id in &ids {
        log.reserve().unwrap().write(record(id));
        log.reopen().unwrap();
    }
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ids);
}

#[test]
fn a_file_that_cannot_be_reopened_leaves_the_old_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("log");
    std::fs::create_dir(&inner).unwrap();
    let moved = folder.path().join("moved");
    let (log, _) = open(&inner.join("audit.jsonl"), 8);
    std::fs::rename(&inner, &moved).unwrap();
    assert!(matches!(log.reopen(), Err(OpenError::File { .. })));
    log.reserve().unwrap().write(record("r1"));
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&moved.join("audit.jsonl")), ["r1"]);
}

#[test]
fn a_full_disk_refuses_requests_until_there_is_room_and_loses_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let (log, metrics) = open(&path, 8);
    log.reserve().unwrap().write(record("r1"));
    wait_until(|| matches!(log.reserve(), Err(Unavailable::CannotWrite(_))));
    assert!(metrics.write_failures.get() > 0);
    std::fs::remove_file(&path).unwrap();
    log.reopen().unwrap();
    wait_until(|| log.reserve().is_ok());
    log.reserve().unwrap().write(record("r2"));
    log.close(LIMIT).unwrap();
    assert_eq!(request_ids(&path), ["r1", "r2"]);
}

#[test]
fn a_file_that_ends_in_half_a_line_does_not_spoil_the_next_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::fs::write(&path, "{\"time\":\"2026").unwrap();
    let (log, _) = open(&path, 8);
    log.reserve().unwrap().write(record("r1"));
    log.close(LIMIT).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{{\"time\":\"2026\n{}", line_of(&record("r1"))));
}

#[test]
fn a_path_as_received_holds_no_secret_and_no_strange_byte() {
    let text = |target: &[u8]| {
        let line = serde_json::to_value(ReceivedPath::new(target)).unwrap();
        (line["path_received"].as_str().unwrap().to_owned(), line["path_received_cut"].as_bool().unwrap())
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
