//! Requests through the whole pipeline, from a listener to a backend and back.

mod access_lists;
mod accounts;
mod alerts;
mod audit;
mod authorization;
mod bodies;
mod bundles;
mod client_certificates;
mod curl;
mod denial_pages;
mod denials;
mod framing;
mod group_header;
mod header_limits;
mod http2;
mod identity_headers;
mod old_servers;
mod openssl;
mod path_rules;
mod rejected_uploads;
mod responses;
mod sessions;
