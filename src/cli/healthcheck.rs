//! `portcullis healthcheck`: queries the admin listener of a running proxy, for containers without curl.

use anyhow::{Context, bail, format_err};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time limit of the whole exchange: connection, request and response.
const LIMIT: Duration = Duration::from_secs(5);

/// The maximum size of the response body, which has the reasons if the gateway is not ready.
const MAX_BODY_BYTES: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct HealthcheckCommand {
    /// The readiness URL of the admin listener
    #[arg(long, default_value = "http://127.0.0.1:9090/readyz")]
    url: http::Uri,
}

impl HealthcheckCommand {
    /// Returns exit code 0 if the proxy is ready, 1 if it is not ready or does not respond.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.url.scheme_str() != Some("http") {
            bail!("\"{}\" is not an http:// URL: the admin listener has no TLS", self.url);
        }
        let host = self.url.host().with_context(|| format!("\"{}\" has no host", self.url))?;
        let address = (host.trim_matches(['[', ']']), self.url.port_u16().unwrap_or(80));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let queried = runtime.block_on(async { timeout(LIMIT, self.query(address)).await });
        let in_time = queried.map_err(|_| format_err!("no response within {LIMIT:?}"));
        match in_time.and_then(|response| response) {
            Ok((true, _)) => Ok(ExitCode::SUCCESS),
            Ok((false, body)) => {
                eprint!("{body}");
                Ok(ExitCode::FAILURE)
            }
            Err(error) => {
                eprintln!("portcullis: cannot query {}: {error:#}", self.url);
                Ok(ExitCode::FAILURE)
            }
        }
    }

    /// Returns whether the status is a success, and the response body.
    async fn query(&self, address: (&str, u16)) -> anyhow::Result<(bool, String)> {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let target = self.url.clone().into_parts().path_and_query.context("the URL has no path")?;
        let request = http::Request::get(target)
            .header(http::header::HOST, self.url.authority().context("the URL has no host")?.as_str())
            .body(Empty::<Bytes>::new())?;
        let exchange = async move {
            let response = sender.send_request(request).await?;
            let is_ready = response.status().is_success();
            let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
            let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
            anyhow::Ok((is_ready, String::from_utf8_lossy(&body).into_owned()))
        };
        // The admin listener closes the connection after its response, so an error of the connection has no meaning.
        let (response, _closed) = tokio::join!(exchange, connection);
        response
    }
}
