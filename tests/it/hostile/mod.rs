//! What an attacker tries, or a client that is merely odd: each file one topic of the bugs that other proxies had in
//! exactly this field.

mod amplification;
mod caller;
mod frames;
mod framing;
mod hello;
mod http2_floods;
mod http2_heads;
mod lifecycle;
mod limits;
mod names;
mod resumption;
mod sequences;
mod sharing;
mod stage;
mod streams;
