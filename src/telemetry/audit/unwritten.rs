//! Takes lines, gives them to an output that may take them in pieces or not at all. Knows where a line was cut, so
//! that a line is finished in the same file or begun again in the next one. Never loses and never doubles a line
//! within one file.

use std::io::{self, ErrorKind, Write};

/// Lines that the output does not have yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    lines: Vec<u8>,
    /// How much of the first line the output has already.
    begun: usize,
    /// Whether the output ends in half a line of somebody who was killed.
    after_half_a_line: bool,
}

impl Unwritten {
    pub(super) fn for_output(ends_mid_line: bool) -> Self {
        Self { after_half_a_line: ends_mid_line, ..Self::default() }
    }

    /// Where whole lines, each with its line feed, are appended.
    pub(super) fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// From now on another output is written to: a line that was cut begins again.
    pub(super) fn begin_anew(&mut self, ends_mid_line: bool) {
        self.begun = 0;
        self.after_half_a_line = ends_mid_line;
    }

    /// Writes all lines, or as many as the output takes, and adds the number of those that became complete to
    /// `complete`.
    pub(super) fn write_to(&mut self, output: &mut impl Write, complete: &mut u64) -> io::Result<()> {
        if self.after_half_a_line {
            output.write_all(b"\n")?;
            self.after_half_a_line = false;
        }
        while let Some(rest) = self.lines.get(self.begun..).filter(|rest| !rest.is_empty()) {
            match output.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => *complete += self.forget(self.begun + length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Drops the lines that are complete within the first `written` bytes, and gives their number.
    fn forget(&mut self, written: usize) -> u64 {
        let done = self.lines.get(..written).unwrap_or(&self.lines);
        let end = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let complete = done.iter().filter(|byte| **byte == b'\n').count();
        self.lines.drain(..end);
        self.begun = written.saturating_sub(end);
        u64::try_from(complete).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time and so many in all; then the disk is full.
    struct Disk {
        holds: Vec<u8>,
        piece: usize,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.piece).min(self.room);
            if length == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.holds.extend(&bytes[..length]);
            self.room -= length;
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn unwritten(lines: &[u8]) -> Unwritten {
        Unwritten { lines: lines.to_vec(), ..Unwritten::default() }
    }

    #[test]
    fn lines_that_the_output_takes_in_pieces_arrive_whole_and_once() {
        let mut unwritten = unwritten(b"one\ntwo\nthree\n");
        let mut disk = Disk { holds: Vec::new(), piece: 3, room: 100 };
        let mut complete = 0;
        unwritten.write_to(&mut disk, &mut complete).unwrap();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntwo\nthree\n"[..], 3));
        assert!(unwritten.is_empty());
    }

    #[test]
    fn a_line_cut_by_a_full_disk_is_finished_in_the_same_file_when_there_is_room() {
        let mut unwritten = unwritten(b"one\ntwo\n");
        let mut disk = Disk { holds: Vec::new(), piece: 100, room: 6 };
        let mut complete = 0;
        unwritten.write_to(&mut disk, &mut complete).unwrap_err();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntw"[..], 1));
        disk.room = 100;
        unwritten.write_to(&mut disk, &mut complete).unwrap();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntwo\n"[..], 2));
    }

    #[test]
    fn a_line_cut_by_a_full_disk_is_whole_in_the_next_file() {
        let mut unwritten = unwritten(b"one\ntwo\n");
        let mut full = Disk { holds: Vec::new(), piece: 100, room: 6 };
        unwritten.write_to(&mut full, &mut 0).unwrap_err();
        let mut next = Disk { holds: Vec::new(), piece: 100, room: 100 };
        unwritten.begin_anew(false);
        unwritten.write_to(&mut next, &mut 0).unwrap();
        assert_eq!(next.holds, b"two\n");
    }

    #[test]
    fn half_a_line_that_a_killed_process_left_is_closed_first() {
        let mut unwritten = Unwritten::for_output(true);
        unwritten.lines().extend(b"one\n");
        let mut disk = Disk { holds: b"{\"tim".to_vec(), piece: 100, room: 100 };
        unwritten.write_to(&mut disk, &mut 0).unwrap();
        assert_eq!(disk.holds, b"{\"tim\none\n");
    }
}
