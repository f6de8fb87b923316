//! The latency of an established connection while ClientHellos arrive.
//!
//! Each client of the flood sends a ClientHello, reads the first bytes of the response, which the proxy has signed by
//! then, and closes the connection: it costs the client nothing and the proxy a signature.

use crate::client::{Client, ClientArgs, Sessions};
use crate::exchange::Exchange;
use crate::record::Record;
use crate::threads::give_up;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// The pause between a response and the next request on the established connection. Without it most requests would be
/// sent in the moments in which the proxy is idle, which would hide the others.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Args)]
pub(crate) struct HelloArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// ClientHellos that wait for a response at the same time.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// The duration of each of the two phases.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// Measures both phases. Returns the latencies of the established connection in each.
pub(crate) fn measure(args: &HelloArgs) -> Value {
    let client = Arc::new(Client::new(&args.client));
    let exchange = Exchange::new(&args.client.exchange);
    let span = Duration::from_secs_f64(args.seconds);
    let runtime = runtime();
    let (mut sender, negotiated) = runtime
        .block_on(client.open(&client.connector(Sessions::Forget)))
        .unwrap_or_else(|cause| give_up(&cause));
    let mut send_for = |span: Duration| {
        let mut record = Record::default();
        let begin = Instant::now();
        while begin.elapsed() < span {
            thread::sleep(PAUSE);
            let sent = Instant::now();
            let result = runtime.block_on(exchange.send(&mut sender));
            record.finish(result, sent.elapsed());
        }
        record.summary(begin.elapsed())
    };
    send_for(Duration::from_millis(300));
    println!("ready");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();

    let alone = send_for(span);
    let flood = Arc::new(Flood { ends: AtomicBool::new(false), answered: AtomicU64::new(0) });
    let flooding = {
        let (client, flood, in_flight) = (client, flood.clone(), args.in_flight);
        thread::spawn(move || flood.run(&client, in_flight))
    };
    // The flood is complete before the second phase begins.
    send_for(Duration::from_millis(300));
    let before = flood.answered.load(Ordering::Relaxed);
    let begin = Instant::now();
    let flooded = send_for(span);
    let (after, took) = (flood.answered.load(Ordering::Relaxed), begin.elapsed());
    flood.ends.store(true, Ordering::Relaxed);
    flooding.join().unwrap();
    let hellos = u32::try_from(after - before).unwrap();
    json!({
        "alone": alone,
        "flooded": flooded,
        "hellos_per_second": f64::from(hellos) / took.as_secs_f64(),
        "tls": negotiated.facts(),
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The clients of the flood.
struct Flood {
    ends: AtomicBool,
    answered: AtomicU64,
}

impl Flood {
    fn run(self: &Arc<Self>, client: &Arc<Client>, in_flight: usize) {
        let hello = Arc::new(client.hello());
        runtime().block_on(async {
            let mut clients = JoinSet::new();
            for _ in 0..in_flight {
                let (flood, client, hello) = (self.clone(), client.clone(), hello.clone());
                clients.spawn(async move {
                    while !flood.ends.load(Ordering::Relaxed) {
                        if say_hello(&client, &hello).await.is_ok() {
                            flood.answered.fetch_add(1, Ordering::Relaxed);
                        } else {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                });
            }
            clients.join_all().await;
        });
    }
}

async fn say_hello(client: &Client, hello: &[u8]) -> Result<(), String> {
    let mut stream = client.connect_tcp().await?;
    stream.write_all(hello).await.map_err(|error| error.to_string())?;
    match stream.read(&mut [0; 1024]).await {
        Ok(0) => Err("closed".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
