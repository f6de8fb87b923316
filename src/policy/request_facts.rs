//! What the decision looks at of a request, beside the path that chose the rule. Plain data.

use crate::headers::fetch_metadata::CrossSiteEvidence;
use http::Method;
use std::net::IpAddr;

/// What the decision looks at of a request, beside the path that chose the rule.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// Where the connection comes from. An IPv4 client is one of IPv4 here, also at a listener of IPv6.
    pub peer: IpAddr,
    /// The method.
    pub method: &'a Method,
    /// Whether the target has a query, be it empty.
    pub has_query: bool,
    /// The declared length of the body, if any.
    pub content_length: Option<u64>,
    /// What marks the request as another site's doing, if anything does.
    pub cross_site: Option<CrossSiteEvidence>,
}
