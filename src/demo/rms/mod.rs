//! A test RMS cluster: responds as `/_wmcs` does, and records or returns the requests that it receives.
//!
//! It is not a licence server: its XrML has the right structure and size, but no valid signature. A real cluster obtains
//! the user from IIS; this one trusts `X-Remote-User`, as an IIS module that trusts the gateway does.

mod asmx;
mod body;
mod echo;
mod envelope;
mod record;
mod responses;
mod server;
mod soap;
mod socket;
mod xrml;

pub use record::ReceivedRequest;
#[cfg(test)]
pub(crate) use record::RmsState;
pub use server::Rms;

#[cfg(test)]
mod tests;
