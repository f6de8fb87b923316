//! Requests on kept connections: each as soon as the one before it has its response, or at a fixed rate.

use crate::client::{Client, ClientArgs, Negotiated, Sessions};
use crate::exchange::{Exchange, Sender};
use crate::record::Record;
use crate::threads::{self, Gate, give_up, share};
use clap::Args;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// How long requests at a fixed rate may be late at the end before the rest is given up.
const LATE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Requests per second on all connections together; without it each connection sends at full speed.
    #[arg(long)]
    rate: Option<u32>,
    /// Requests on each connection before the measurement.
    #[arg(long, default_value_t = 20)]
    warm_up: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// Measures requests. Returns the summary of their latencies.
///
/// At a fixed rate the latency of a request begins at the moment at which it was due: a slow response delays those
/// behind it on its connection, and their wait counts (no coordinated omission).
pub(crate) fn measure(args: &RequestArgs) -> Value {
    let client = Client::new(&args.client);
    let exchange = Arc::new(Exchange::new(&args.client.exchange));
    let threads = args.client.threads.min(args.connections);
    let span = Duration::from_secs_f64(args.seconds);
    let (pacer, queues) = Pacer::new(args.connections, threads);

    let results = threads::run(threads, async |number, gate: Gate| {
        let mut senders = Vec::new();
        let mut negotiated = Negotiated::default();
        for _ in 0..share(args.connections, threads, number) {
            let sender;
            (sender, negotiated) = client
                .open(&client.connector(Sessions::Forget))
                .await
                .unwrap_or_else(|cause| give_up(&cause));
            senders.push(warm_up(sender, &exchange, args.warm_up).await);
        }
        let begin = gate.wait().await;
        let pacing = args.rate.and_then(|rate| pacer.start(rate, begin, span));
        let mut running = JoinSet::new();
        if args.rate.is_some() {
            let queues = std::mem::take(&mut *queues.get(number).unwrap().lock().unwrap());
            for (sender, queue) in senders.into_iter().zip(queues) {
                running.spawn(when_due(sender, exchange.clone(), queue, begin + span + LATE));
            }
        } else {
            for sender in senders {
                running.spawn(at_full_speed(sender, exchange.clone(), begin + span));
            }
        }
        let record = Record::merge(running.join_all().await);
        let took = begin.elapsed();
        let late = pacing.map(|thread| thread.join().unwrap());
        (record, took, negotiated, late)
    });

    let took = results.iter().map(|result| result.1).max().unwrap();
    let negotiated = results.first().unwrap().2.facts();
    let late = results.iter().find_map(|result| result.3).map(|late| late.as_micros());
    let mut summary = Record::merge(results.into_iter().map(|result| result.0)).summary(took);
    summary
        .as_object_mut()
        .unwrap()
        .extend([("tls".to_owned(), negotiated), ("generator_late_p50".to_owned(), json!(late))]);
    summary
}

async fn warm_up(mut sender: Sender, exchange: &Exchange, requests: usize) -> Sender {
    for _ in 0..requests {
        exchange.send(&mut sender).await.unwrap_or_else(|cause| give_up(&cause));
    }
    sender
}

async fn at_full_speed(mut sender: Sender, exchange: Arc<Exchange>, end: Instant) -> Record {
    let mut record = Record::default();
    loop {
        let begin = Instant::now();
        if begin >= end {
            return record;
        }
        let result = exchange.send(&mut sender).await;
        let is_broken = result.is_err();
        record.finish(result, begin.elapsed());
        if is_broken {
            return record;
        }
    }
}

async fn when_due(
    mut sender: Sender,
    exchange: Arc<Exchange>,
    mut queue: UnboundedReceiver<Instant>,
    end: Instant,
) -> Record {
    let mut record = Record::default();
    while let Some(due) = queue.recv().await {
        if Instant::now() >= end {
            record.failed("the rate is too high for the proxy".to_owned());
            continue;
        }
        let result = exchange.send(&mut sender).await;
        record.finish(result, due.elapsed());
    }
    record
}

/// The thread that hands out requests to the connections in turn, each at its moment, which a timer of the runtime would
/// miss by up to a millisecond.
struct Pacer(Mutex<Option<Vec<UnboundedSender<Instant>>>>);

impl Pacer {
    /// Returns the pacer of so many connections, and the queues of each thread's connections.
    fn new(connections: usize, threads: usize) -> (Self, Vec<Mutex<Vec<UnboundedReceiver<Instant>>>>) {
        let mut due = Vec::new();
        let mut queue = || {
            let (sender, receiver) = unbounded_channel();
            due.push(sender);
            receiver
        };
        let queues = (0..threads)
            .map(|number| Mutex::new((0..share(connections, threads, number)).map(|_| queue()).collect()))
            .collect();
        (Self(Mutex::new(Some(due))), queues)
    }

    /// Starts it, if no other thread has. It returns its own median delay.
    fn start(&self, rate: u32, begin: Instant, span: Duration) -> Option<thread::JoinHandle<Duration>> {
        let connections = self.0.lock().unwrap().take()?;
        Some(thread::spawn(move || pace(rate, begin, span, &connections)))
    }
}

fn pace(rate: u32, begin: Instant, span: Duration, connections: &[UnboundedSender<Instant>]) -> Duration {
    let mut late = Vec::new();
    for (number, connection) in (0_u32..).zip(connections.iter().cycle()) {
        let offset = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        if offset >= span {
            break;
        }
        let due = begin + offset;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.push(due.elapsed());
        // A connection that has failed has no receiver any more.
        let _delivered = connection.send(due);
    }
    late.sort_unstable();
    late.get(late.len() / 2).copied().unwrap_or_default()
}
