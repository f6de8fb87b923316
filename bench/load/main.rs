//! Load generator and backend of `bench/run`: requests on kept connections, handshakes, idle connections, a flood of
//! ClientHellos, and the server behind the proxies.
//!
//! A measuring mode opens its connections, warms up, prints `ready`, waits for a line on standard input, measures, and
//! prints one JSON object. No request is in progress at either line, so the caller can read the CPU time of a proxy at
//! both and divide the difference by the operations. It uses rustls and hyper, and nothing of the gateway's library.
#![expect(clippy::unwrap_used, reason = "a load generator fails by panicking, and ends with an exit status")]

mod backend;
mod cards;
mod client;
mod crl;
mod exchange;
mod handshakes;
mod hellos;
mod idle;
mod record;
mod requests;
mod threads;

use clap::Parser;

/// Load generator and backend of bench/run.
#[derive(Parser)]
enum Mode {
    /// Serves requests until standard input is closed; prints its port.
    Backend(backend::BackendArgs),
    /// Requests on kept connections, at full speed or at a fixed rate.
    Requests(requests::RequestArgs),
    /// A TCP connection, a TLS handshake and one request, again and again.
    Handshakes(handshakes::HandshakeArgs),
    /// Opens connections and holds them.
    Idle(idle::IdleArgs),
    /// Times one connection, first alone, then while ClientHellos arrive.
    Hellos(hellos::HelloArgs),
    /// Writes a large CRL as DER and as PEM.
    Crl(crl::CrlArgs),
}

fn main() {
    // A thread that panics must not leave the others waiting for it.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::exit(1);
    }));
    match Mode::parse() {
        Mode::Backend(args) => backend::serve(&args),
        Mode::Requests(args) => println!("{}", requests::measure(&args)),
        Mode::Handshakes(args) => println!("{}", handshakes::measure(&args)),
        Mode::Idle(args) => println!("{}", idle::measure(&args)),
        Mode::Hellos(args) => println!("{}", hellos::measure(&args)),
        Mode::Crl(args) => crl::write(&args),
    }
}
