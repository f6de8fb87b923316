//! The real stages before a real responder: a card is validated, then `openssl ocsp` is asked about it, with every
//! fault that a responder can have.

mod proof;
mod responder;
mod scene;
mod table;
