//! A server of `tests/lab` for one test. It prints its ports on its first line, and ends when its standard input is
//! closed, hence also when this process is killed.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The running server. It ends when this is dropped.
pub(crate) struct LabServer {
    child: Child,
    ports: Vec<u16>,
}

impl LabServer {
    /// Waits until the server listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<_> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert!(!ports.is_empty(), "{command:?} did not start");
        Self { child, ports }
    }

    /// The address of its port with this index.
    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[number]))
    }
}

impl Drop for LabServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The path of a program of `tests/lab`.
pub(crate) fn lab_program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}
