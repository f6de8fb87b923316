//! `portcullis healthcheck`: queries the admin listener of a running proxy, for containers without curl.

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the whole exchange.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest response body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct HealthcheckCommand {
    /// The readiness URL of the admin listener
    #[arg(long, default_value = "http://127.0.0.1:9090/readyz")]
    url: http::Uri,
}

impl HealthcheckCommand {
    /// Exit code 0 if the proxy is ready, 1 if it is not or does not respond.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.url.scheme_str() != Some("http") {
            bail!("the admin listener supports http:// only, not {}", self.url);
        }
        let host = self.url.host().context("the URL has no host")?;
        let address = (host.trim_matches(['[', ']']), self.url.port_u16().unwrap_or(80));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let queried = runtime.block_on(async { timeout(LIMIT, self.query(address)).await });
        match queried.map_err(anyhow::Error::from).and_then(|response| response) {
            Ok((true, _)) => Ok(ExitCode::SUCCESS),
            Ok((false, body)) => {
                eprint!("{body}");
                Ok(ExitCode::FAILURE)
            }
            Err(error) => {
                eprintln!("portcullis: no response from {}: {error:#}", self.url);
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
        // The admin listener closes the connection after its response, so how the connection ended does not matter.
        let (response, _closed) = tokio::join!(exchange, connection);
        response
    }
}
