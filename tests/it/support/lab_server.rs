//! A server of `tests/lab` that one test starts. It prints its ports in its first line, and exits when its standard input
//! is closed, hence also when this process is killed.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server of the lab. It stops when dropped.
pub(crate) struct LabServer {
    child: Child,
    ports: Vec<u16>,
}

impl LabServer {
    /// Starts the server and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<_> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert!(!ports.is_empty(), "{command:?} did not start");
        Self { child, ports }
    }

    /// Returns the address of the printed port with this index.
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

/// Returns the path of a program of `tests/lab`.
pub(crate) fn lab_program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}
