//! How many connections the process has file descriptors for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything but client connections and the backend connections that belong to one client each:
/// listeners, the admin listener, pooled backend connections, files, the runtimes' own.
const RESERVE: u64 = 2_048;

/// More than this is not asked for: the kernel's own default for the greatest limit (`fs.nr_open`).
const MOST: u64 = 1 << 20;

/// Raises the soft limit of open files to the hard one and returns the number of client connections that it is enough
/// for. Each may hold a backend connection of its own, so that two descriptors are counted.
pub fn connections() -> usize {
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
    fn a_reserve_is_kept_whatever_the_limit_is() {
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
