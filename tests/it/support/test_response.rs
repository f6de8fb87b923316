//! The responses of the gateway, and the echo's report of the request that the backend received.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A complete response.
#[derive(Clone, Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
    /// Whether the handshake of the connection resumed an earlier session.
    pub(crate) resumed: bool,
}

impl TestResponse {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns the body as JSON: the echo's report, or the problem document of a denial.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    /// Returns the value of a header; `None` if it is absent. Panics if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() < 2, "{name}: {values:?}");
        values.first().map(|value| value.to_str().unwrap())
    }

    /// Returns `200 permit`, or the status and the denial id, such as `403 certificate-required`.
    pub(crate) fn status_and_id(&self) -> String {
        let problem = self.header("content-type").is_some_and(|kind| kind.contains("problem+json"));
        let json = if problem { self.json() } else { Value::Null };
        format!("{} {}", self.status, json["id"].as_str().unwrap_or("permit"))
    }

    /// Returns the values of a header that the backend received; empty if it was absent.
    pub(crate) fn received_header(&self, name: &str) -> Vec<String> {
        let lines: Vec<(String, String)> = serde_json::from_value(self.json()["headers"].clone()).unwrap();
        lines
            .into_iter()
            .filter(|(line, _)| line.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// Returns the names of all headers that the backend received, in lower case.
    pub(crate) fn received_header_names(&self) -> Vec<String> {
        let lines: Vec<(String, String)> = serde_json::from_value(self.json()["headers"].clone()).unwrap();
        lines.into_iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    /// Returns the request id: that of the problem document of a denial, otherwise the `X-Request-Id` that the backend
    /// received.
    pub(crate) fn request_id(&self) -> String {
        match self.json()["request_id"].as_str() {
            Some(id) => id.to_owned(),
            None => self.received_header("x-request-id").remove(0),
        }
    }
}
