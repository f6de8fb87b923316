//! The whole request pipeline, from a listener to a backend and back.

mod accounts;
mod admission;
mod alerts;
mod answers;
mod audit;
mod authorization;
mod bodies;
mod bundles;
mod cards;
mod curl;
mod denials;
mod framing;
mod group_header;
mod header_limits;
mod http2;
mod identity_headers;
mod old_servers;
mod openssl;
mod path_rules;
mod refusal_pages;
mod refused_uploads;
mod sessions;
