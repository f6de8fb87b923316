//! The number of client connections for which the process has file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The number of descriptors that are reserved for listeners, pooled backend connections, files and the runtimes. The rest is
/// for client connections and their pinned backend connections.
const RESERVE: u64 = 2_048;

/// The highest limit that is requested, which is the kernel's default of `fs.nr_open`.
const MOST: u64 = 1 << 20;

/// Raises the soft limit on open files to the hard limit. Returns the number of client connections that it permits, with two
/// descriptors for each: one for the connection, and one for a pinned backend connection.
pub(crate) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MOST).min(MOST);
    let soft = limit.current.unwrap_or(MOST);
    let raised = Rlimit { current: Some(most), maximum: limit.maximum };
    let usable = if soft < most && setrlimit(Resource::Nofile, raised).is_ok() { most } else { soft };
    connections_of(usable)
}

fn connections_of(descriptors: u64) -> usize {
    let reserve = RESERVE.min(descriptors / 4);
    usize::try_from((descriptors - reserve) / 2).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_under_every_limit() {
        assert_eq!(connections_of(1_024), 384);
        assert_eq!(connections_of(65_536), 31_744);
        assert_eq!(connections_of(0), 0);
    }

    #[test]
    fn the_soft_limit_is_raised() {
        assert!(connections() > 0);
        let limit = getrlimit(Resource::Nofile);
        assert!(limit.current.unwrap_or(MOST) >= limit.maximum.unwrap_or(MOST).min(MOST));
    }
}
