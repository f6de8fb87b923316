//! The `portcullis` command, which the library implements.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// glibc's allocator keeps the memory that a flood of connections made it allocate; jemalloc returns it to the system
/// within seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    portcullis::cli::run(std::env::args_os())
}
