//! The `portcullis` command. All of it is in the library.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// glibc's allocator keeps the memory that a flood of connections made it allocate; this one returns it to the system
/// within seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    portcullis::cli::run(std::env::args_os())
}
