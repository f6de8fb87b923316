//! Lines that are not yet written, for an output that may accept a part of a line or none. A line that was written in part
//! is completed in the same file or begins again in the next one, so that no file loses or repeats a line.

use std::io::{self, ErrorKind, Write};

/// Lines that are not yet written.
#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    lines: Vec<u8>,
    /// The bytes of the first line that are already written.
    begun: usize,
    /// Whether the output ends in an incomplete line of a process that was killed.
    after_incomplete_line: bool,
}

impl WriteBuffer {
    pub(super) fn for_output(ends_mid_line: bool) -> Self {
        Self { after_incomplete_line: ends_mid_line, ..Self::default() }
    }

    /// The buffer to append complete lines to, each with its line feed.
    pub(super) fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Switches to another output: a line that was written in part begins again.
    pub(super) fn restart(&mut self, ends_mid_line: bool) {
        self.begun = 0;
        self.after_incomplete_line = ends_mid_line;
    }

    /// Writes all lines, or as many as the output accepts, and adds the number of completed lines to `complete`.
    pub(super) fn write_to(&mut self, output: &mut impl Write, complete: &mut u64) -> io::Result<()> {
        if self.after_incomplete_line {
            output.write_all(b"\n")?;
            self.after_incomplete_line = false;
        }
        while let Some(rest) = self.lines.get(self.begun..).filter(|rest| !rest.is_empty()) {
            match output.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => *complete += self.remove_written(self.begun + length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the lines that are complete within the first `written` bytes and returns their number.
    fn remove_written(&mut self, written: usize) -> u64 {
        let done = self.lines.get(..written).unwrap_or(&self.lines);
        let end = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let complete: usize = done.iter().map(|byte| usize::from(*byte == b'\n')).sum();
        self.lines.drain(..end);
        self.begun = written.saturating_sub(end);
        u64::try_from(complete).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts `piece` bytes at a time and `room` bytes in all.
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

    fn buffer(lines: &[u8]) -> WriteBuffer {
        WriteBuffer { lines: lines.to_vec(), ..WriteBuffer::default() }
    }

    #[test]
    fn lines_that_the_output_accepts_in_pieces_are_written_once() {
        let mut buffer = buffer(b"one\ntwo\nthree\n");
        let mut disk = Disk { holds: Vec::new(), piece: 3, room: 100 };
        let mut complete = 0;
        buffer.write_to(&mut disk, &mut complete).unwrap();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntwo\nthree\n"[..], 3));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_line_cut_by_a_full_disk_is_completed_in_the_same_file() {
        let mut buffer = buffer(b"one\ntwo\n");
        let mut disk = Disk { holds: Vec::new(), piece: 100, room: 6 };
        let mut complete = 0;
        buffer.write_to(&mut disk, &mut complete).unwrap_err();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntw"[..], 1));
        disk.room = 100;
        buffer.write_to(&mut disk, &mut complete).unwrap();
        assert_eq!((disk.holds.as_slice(), complete), (&b"one\ntwo\n"[..], 2));
    }

    #[test]
    fn a_line_cut_by_a_full_disk_is_written_again_in_the_next_file() {
        let mut buffer = buffer(b"one\ntwo\n");
        let mut full = Disk { holds: Vec::new(), piece: 100, room: 6 };
        buffer.write_to(&mut full, &mut 0).unwrap_err();
        let mut next = Disk { holds: Vec::new(), piece: 100, room: 100 };
        buffer.restart(false);
        buffer.write_to(&mut next, &mut 0).unwrap();
        assert_eq!(next.holds, b"two\n");
    }

    #[test]
    fn an_incomplete_line_of_a_killed_process_is_terminated_first() {
        let mut buffer = WriteBuffer::for_output(true);
        buffer.lines().extend(b"one\n");
        let mut disk = Disk { holds: b"{\"tim".to_vec(), piece: 100, room: 100 };
        buffer.write_to(&mut disk, &mut 0).unwrap();
        assert_eq!(disk.holds, b"{\"tim\none\n");
    }
}
