//! OCSP against `openssl ocsp`: a client certificate is validated and queried, with every fault that a responder can
//! have.

mod fixture;
mod not_queried;
mod responder;
mod responder_faults;
