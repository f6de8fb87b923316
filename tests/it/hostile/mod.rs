//! Attacks and unusual clients. Each file covers one class of vulnerabilities that other proxies had.

mod amplification;
mod framing;
mod hello;
mod http2_floods;
mod http2_frames;
mod http2_heads;
mod lifecycle;
mod limits;
mod names;
mod resumption;
mod sequences;
mod sharing;
mod streams;
mod three_sites;
mod tls_client;
