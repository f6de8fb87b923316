//! A request with a token to a web server that requires Kerberos, and the user in the response.

use crate::support::exchange;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The response of a site.
pub(super) struct SiteResponse {
    /// The authenticated user.
    pub(super) user: Option<String>,
    /// The token of the server.
    pub(super) token: Vec<u8>,
}

impl SiteResponse {
    /// Sends one request with this token, and returns the response.
    pub(super) async fn to(site: SocketAddr, token: &[u8]) -> Self {
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\nAuthorization: Negotiate {}\r\n\r\n",
            STANDARD.encode(token)
        );
        let mut stream = TcpStream::connect(site).await.unwrap();
        let response = exchange(&mut stream, request.as_bytes()).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let token = head.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: Negotiate "));
        let token = STANDARD.decode(token.unwrap_or_default().trim()).unwrap();
        if !head.starts_with("HTTP/1.1 200 ") {
            return Self { user: None, token };
        }
        let body = text_of_bytes(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()]);
        let echo: Value = serde_json::from_str(&body).unwrap();
        let headers: Vec<(String, String)> = serde_json::from_value(echo["headers"].clone()).unwrap();
        let user = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-remote-user"));
        Self { user: user.map(|(_, value)| text_of_bytes(&value)), token }
    }
}

/// Decodes text in which `exchange` and the echo represent each byte as a character.
fn text_of_bytes(characters: &str) -> String {
    let bytes = characters.chars().map(|byte| u8::try_from(byte).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}
