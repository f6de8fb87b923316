//! What `portcullis demo` shows, and what the project's tests stand on: a PKI of its own, a stand-in RMS, and the gate
//! between them, all on loopback.

pub mod cases;
pub mod client;
pub mod pki;
pub mod rms;
mod scene;
mod table;

pub use scene::{Ports, Scene, SceneError};
pub use table::{Report, check};
