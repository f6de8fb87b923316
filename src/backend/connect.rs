//! Takes a server's address, gives an open connection to it: TCP, TLS where asked, within one limit. Writes nothing of
//! a request.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::BackendError;
use super::settings::{ServerAddress, Transport};
use super::stream::{Bytes, Stream};

/// Connects to `server` within `limit`; a name's addresses are tried in the resolver's order.
pub(super) async fn connect(server: &ServerAddress, limit: Duration) -> Result<Stream, BackendError> {
    match timeout(limit, open(server)).await {
        Ok(opened) => opened.map(Stream::new),
        Err(_) => Err(BackendError::ConnectTimeout { server: server.to_string(), limit }),
    }
}

async fn open(server: &ServerAddress) -> Result<Bytes, BackendError> {
    let unreachable = |source| BackendError::Unreachable { server: server.to_string(), source };
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(unreachable)?;
    // A request's head and the start of its body are written apart: with Nagle the second would wait for an
    // acknowledgement that the server delays.
    tcp.set_nodelay(true).map_err(unreachable)?;
    match &server.transport {
        Transport::Plain => Ok(Bytes::Plain(tcp)),
        Transport::Tls(tls) => TlsConnector::from(tls.config.clone())
            .connect(tls.server_name.clone(), tcp)
            .await
            .map(|stream| Bytes::Tls(Box::new(stream)))
            .map_err(|source| BackendError::Tls { server: server.to_string(), source }),
    }
}
