//! `portcullis healthcheck`: asks a running gate's admin listener whether it is ready, for containers without curl.

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What a gate has to answer in.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    /// The admin listener's address to ask
    #[arg(long, default_value = "http://127.0.0.1:9090/readyz")]
    url: http::Uri,
}

impl Healthcheck {
    /// Exit code 0 when ready, 1 when not or not there.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.url.scheme_str() != Some("http") {
            bail!("the admin listener speaks http: {}", self.url);
        }
        let host = self.url.host().context("the URL has no host")?;
        let address = (host.trim_matches(['[', ']']), self.url.port_u16().unwrap_or(80));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asked = runtime.block_on(async { timeout(LIMIT, self.ask(address)).await });
        match asked.map_err(anyhow::Error::from).and_then(|answer| answer) {
            Ok((true, _)) => Ok(ExitCode::SUCCESS),
            Ok((false, answer)) => {
                eprint!("{answer}");
                Ok(ExitCode::FAILURE)
            }
            Err(error) => {
                eprintln!("portcullis: {} does not answer: {error:#}", self.url);
                Ok(ExitCode::FAILURE)
            }
        }
    }

    async fn ask(&self, address: (&str, u16)) -> anyhow::Result<(bool, String)> {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let target = self.url.clone().into_parts().path_and_query.context("the URL has no path")?;
        let request = http::Request::get(target)
            .header(http::header::HOST, self.url.authority().context("the URL has no host")?.as_str())
            .body(Empty::<Bytes>::new())?;
        let exchange = async move {
            let answer = sender.send_request(request).await?;
            let ready = answer.status().is_success();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
            anyhow::Ok((ready, String::from_utf8_lossy(&body).into_owned()))
        };
        // The admin listener closes after its answer, so the connection's end says nothing about the exchange.
        let (answer, _closed) = tokio::join!(exchange, connection);
        answer
    }
}
