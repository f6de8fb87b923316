//! The `portcullis` command. Everything it does is in the library.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// glibc's allocator keeps what a flood of connections has made it take from the system; this one gives it back within
/// seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    portcullis::cli::run(std::env::args_os())
}
