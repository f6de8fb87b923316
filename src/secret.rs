//! Passwords and keys from files. They are zeroed when dropped and omitted from `{:?}`, so that none is written to a
//! log, an error or a record by accident.

use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a file of at most `limit` bytes. Unlike `std::fs::read` it leaves no part of the file in memory that
    /// was reallocated. Blocks.
    ///
    /// # Errors
    /// Errors of the system, and [`ErrorKind::FileTooLarge`].
    pub fn read(path: &Path, limit: usize) -> io::Result<Self> {
        let mut file = open_file(path, limit)?;
        let expected = usize::try_from(file.metadata()?.len()).unwrap_or(limit).min(limit);
        // One byte more than the file's length, so that its end is found without growing.
        let mut bytes = Zeroizing::new(vec![0; expected + 1]);
        let mut length = 0;
        loop {
            if length > limit {
                return Err(too_large(limit));
            }
            let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) else {
                let mut larger = Zeroizing::new(vec![0; bytes.len().saturating_mul(2)]);
                larger.iter_mut().zip(bytes.iter()).for_each(|(new, old)| *new = *old);
                bytes = larger;
                continue;
            };
            match file.read(room) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(length);
        Ok(Self(bytes))
    }

    /// The bytes, for the one place that sends or hashes them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a configured file of at most `limit` bytes that contains no secret. Blocks.
///
/// # Errors
/// Errors of the system, [`ErrorKind::InvalidInput`] if it is not a regular file, and [`ErrorKind::FileTooLarge`].
pub fn read_file(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let beyond = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    open_file(path, limit)?.take(beyond).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// Opens a regular file of at most `limit` bytes for reading. A larger one is rejected before any of it is read; one that
/// grows later, or whose length the system does not report, is the caller's to limit. A named pipe, a device or a
/// directory is rejected, because reading it may block or never end. Opening does not block either, even if the path is
/// replaced between the check and the opening.
fn open_file(path: &Path, limit: usize) -> io::Result<File> {
    let regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
    };
    // Checked before the opening, because opening some devices has an effect.
    regular(std::fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let fits = usize::try_from(metadata.len()).is_ok_and(|length| length <= limit);
    regular(metadata)?;
    if fits { Ok(file) } else { Err(too_large(limit)) }
}

fn too_large(limit: usize) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_contains_no_secret() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(…)");
    }

    #[test]
    fn devices_directories_and_pipes_are_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [Path::new("/dev/zero"), Path::new("/"), &pipe, &link] {
            let error = Secret::read(path, 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", path.display());
            assert_eq!(
                read_file(path, 10).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_file_up_to_the_limit_is_read_completely() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for length in [0, 1, 1000] {
            std::fs::write(&path, vec![7; length]).unwrap();
            assert_eq!(Secret::read(&path, 1000).unwrap(), Secret::new(vec![7; length]));
            assert_eq!(read_file(&path, 1000).unwrap(), vec![7; length]);
        }
        std::fs::write(&path, vec![7; 1001]).unwrap();
        assert_eq!(open_file(&path, 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(Secret::read(&path, 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_file(&path, 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_of_unknown_length_is_read_completely() {
        let maps = Secret::read(Path::new("/proc/self/maps"), 1 << 20).unwrap();
        assert!(maps.expose().len() > 1000 && maps.expose().ends_with(b"\n"));
    }
}
