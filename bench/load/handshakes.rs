//! Handshakes: a TCP connection, a full or resumed TLS handshake with a client certificate, one request, and the end of
//! the connection.

use crate::client::{Client, ClientArgs, Negotiated, Sessions};
use crate::exchange::Exchange;
use crate::record::Record;
use crate::threads::{self, Gate, give_up, share};
use clap::Args;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[derive(Args)]
pub(crate) struct HandshakeArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Connections that are opened at the same time.
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// Resumes the session of the connection before, instead of a full handshake.
    #[arg(long)]
    resume: bool,
    /// Connections before the measurement; at least one for each client certificate.
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// What one task has measured.
#[derive(Default)]
struct Visits {
    record: Record,
    resumed: usize,
    negotiated: Negotiated,
}

/// Measures handshakes. Returns the summary of their latencies, from the connection's begin to the end of the response.
pub(crate) fn measure(args: &HandshakeArgs) -> Value {
    let client = Arc::new(Client::new(&args.client));
    let exchange = Arc::new(Exchange::new(&args.client.exchange));
    let threads = args.client.threads.min(args.concurrency);
    let warm_up = args.warm_up.max(client.cards.len());
    let span = Duration::from_secs_f64(args.seconds);

    let results = threads::run(threads, async |number, gate: Gate| {
        let tasks = share(args.concurrency, threads, number);
        let visits = share(warm_up, threads, number);
        let mut warming = JoinSet::new();
        for place in 0..tasks {
            let visitor = Visitor::new(&client, &exchange, args.resume);
            warming.spawn(visitor.warm_up(share(visits, tasks, place)));
        }
        let visitors = warming.join_all().await;
        let begin = gate.wait().await;
        let mut running = JoinSet::new();
        for visitor in visitors {
            running.spawn(visitor.visit_until(begin + span));
        }
        (running.join_all().await, begin.elapsed())
    });

    let took = results.iter().map(|result| result.1).max().unwrap();
    let all: Vec<_> = results.into_iter().flat_map(|result| result.0).collect();
    let resumed: usize = all.iter().map(|visits| visits.resumed).sum();
    let negotiated = all.last().unwrap().negotiated.facts();
    let mut record = Record::merge(all.into_iter().map(|visits| visits.record));
    let full = record.operations() - resumed;
    let mut summary = record.summary(took);
    summary.as_object_mut().unwrap().extend([
        ("tls".to_owned(), negotiated),
        ("resumed".to_owned(), json!(resumed)),
        ("full".to_owned(), json!(full)),
    ]);
    summary
}

/// A client that opens one connection after the other. Its sessions are its own, so that no other client takes the ticket
/// of its next connection.
struct Visitor {
    client: Arc<Client>,
    exchange: Arc<Exchange>,
    /// The connector with the session to resume.
    session: Option<tokio_rustls::TlsConnector>,
}

impl Visitor {
    fn new(client: &Arc<Client>, exchange: &Arc<Exchange>, resume: bool) -> Self {
        let session = resume.then(|| client.connector(Sessions::Resume));
        Self { client: client.clone(), exchange: exchange.clone(), session }
    }

    async fn warm_up(self, visits: usize) -> Self {
        for _ in 0..visits.max(1) {
            self.visit().await.unwrap_or_else(|cause| give_up(&cause));
        }
        self
    }

    async fn visit_until(self, end: Instant) -> Visits {
        let mut visits = Visits::default();
        loop {
            let begin = Instant::now();
            if begin >= end {
                return visits;
            }
            match self.visit().await {
                Ok((negotiated, took)) => {
                    visits.record.succeeded(took);
                    visits.resumed += usize::from(negotiated.is_resumed);
                    visits.negotiated = negotiated;
                }
                Err(cause) => {
                    visits.record.failed(cause);
                    // A proxy that refuses connections must not be flooded.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn visit(&self) -> Result<(Negotiated, Duration), String> {
        let begin = Instant::now();
        let forgetful;
        let connector = match &self.session {
            Some(connector) => connector,
            None => {
                forgetful = self.client.connector(Sessions::Forget);
                &forgetful
            }
        };
        let (mut sender, negotiated) = self.client.open(connector).await?;
        self.exchange.send(&mut sender).await?;
        let took = begin.elapsed();
        sender.close().await;
        Ok((negotiated, took))
    }
}
