//! The entries of a CRL, sorted by serial number. The DER of the CRL is not needed: an entry takes its serial number
//! and six bytes.

use super::entry::CrlEntry;
use super::reason::RevocationReason;
use crate::clock::UnixTime;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The entry of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct RevokedEntry {
    pub(in crate::revocation) revoked_at: UnixTime,
    pub(in crate::revocation) reason: RevocationReason,
}

/// Entries in the order of the CRL.
#[derive(Default)]
pub(super) struct EntryList {
    /// By the length of their serial numbers, so that the records of one table have one length.
    records: BTreeMap<usize, Vec<u8>>,
}

/// Entries by serial number.
#[derive(Debug, Default)]
pub(super) struct EntryIndex {
    /// Sorted by the length of their serial numbers.
    tables: Box<[SerialTable]>,
}

/// Records of a serial number, the time of its revocation in seconds (five bytes, up to the year 36,812) and the
/// reason (one byte), sorted by [`compare`].
#[derive(Debug)]
struct SerialTable {
    serial_length: usize,
    records: Box<[u8]>,
}

const TIME_LENGTH: usize = 5;
const REASON_LENGTH: usize = 1;

impl EntryList {
    pub(super) fn push(&mut self, entry: &CrlEntry<'_>) {
        let records = self.records.entry(entry.serial.len()).or_default();
        let [_, _, _, time @ ..] = entry.revoked_at.seconds().to_be_bytes();
        records.extend_from_slice(entry.serial);
        records.extend_from_slice(&time);
        records.push(entry.reason.code());
    }

    /// Sorts the entries. Needs the memory of the longest table twice.
    pub(super) fn index(self) -> EntryIndex {
        let table = |(serial_length, records): (usize, Vec<u8>)| SerialTable::sort(serial_length, &records);
        EntryIndex { tables: self.records.into_iter().map(table).collect() }
    }
}

impl EntryIndex {
    /// Returns the entry of a serial number, given as the content of the INTEGER.
    pub(super) fn find(&self, serial: &[u8]) -> Option<RevokedEntry> {
        let at = self.tables.binary_search_by_key(&serial.len(), |table| table.serial_length).ok()?;
        self.tables.get(at)?.find(serial)
    }

    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(SerialTable::len).sum()
    }
}

impl SerialTable {
    fn sort(serial_length: usize, unsorted: &[u8]) -> Self {
        let width = width(serial_length);
        // The ends of the serial numbers are stored with their positions: to follow a position for each comparison would
        // be slow.
        let tails = unsorted.chunks_exact(width).map(|record| tail(serial_of(record)));
        let mut order: Vec<(u32, u32)> = tails.zip(0..).collect();
        let record = |position: u32| chunk(unsorted, width, usize::try_from(position).unwrap_or(usize::MAX));
        order.sort_unstable_by(|(tail, position), (other_tail, other_position)| {
            tail.cmp(other_tail)
                .then_with(|| serial_of(record(*position)).cmp(serial_of(record(*other_position))))
                .then(position.cmp(other_position))
        });
        let mut records = Vec::with_capacity(unsorted.len());
        for (_, position) in order {
            append(&mut records, record(position));
        }
        records.shrink_to_fit();
        Self { serial_length, records: records.into() }
    }

    fn len(&self) -> usize {
        self.records.len() / width(self.serial_length)
    }

    fn find(&self, serial: &[u8]) -> Option<RevokedEntry> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let record = chunk(&self.records, width(self.serial_length), middle);
            match compare(serial_of(record), serial) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(listed(record)),
            }
        }
        None
    }
}

/// Appends a record. If the last one has the same serial number, the one of the greater permanence is kept, of equal
/// ones the first.
fn append(records: &mut Vec<u8>, record: &[u8]) {
    let at = records.len().saturating_sub(record.len());
    let repeated = records.get(at..).filter(|last| serial_of(last) == serial_of(record)).map(listed);
    if let Some(last) = repeated {
        if listed(record).reason.permanence() <= last.reason.permanence() {
            return;
        }
        records.truncate(at);
    }
    records.extend_from_slice(record);
}

fn listed(record: &[u8]) -> RevokedEntry {
    let (_, fact) = record.split_at(serial_of(record).len());
    let (time, reason) = fact.split_at(TIME_LENGTH);
    let seconds = time.iter().fold(0, |seconds, byte| (seconds << 8) | u64::from(*byte));
    let reason = reason.first().copied().map_or(RevocationReason::Unknown, RevocationReason::from_code);
    RevokedEntry { revoked_at: UnixTime::from_seconds(seconds), reason }
}

/// Compares two serial numbers, their ends first, which differ most: those of many CAs begin alike.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    tail(one).cmp(&tail(other)).then_with(|| one.cmp(other))
}

/// Returns the last four bytes as a number.
fn tail(serial: &[u8]) -> u32 {
    serial.iter().fold(0, |tail, byte| (tail << 8) | u32::from(*byte))
}

fn serial_of(record: &[u8]) -> &[u8] {
    record.get(..record.len().saturating_sub(TIME_LENGTH + REASON_LENGTH)).unwrap_or_default()
}

fn width(serial_length: usize) -> usize {
    serial_length + TIME_LENGTH + REASON_LENGTH
}

fn chunk(records: &[u8], width: usize, position: usize) -> &[u8] {
    records.chunks_exact(width).nth(position).unwrap_or_default()
}
