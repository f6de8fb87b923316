//! Idle connections: each sends one request and is then held until a line on standard input.

use crate::client::{Client, ClientArgs, Sessions};
use crate::exchange::Exchange;
use crate::threads::{self, Gate, share};
use clap::Args;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Connections that one thread opens at the same time.
const AT_A_TIME: usize = 8;

#[derive(Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[arg(long, default_value_t = 3000)]
    connections: usize,
}

/// Opens connections and holds them. Returns how many were opened, and how many the proxy has not closed at the end.
pub(crate) fn measure(args: &IdleArgs) -> Value {
    let client = Arc::new(Client::new(&args.client));
    let exchange = Arc::new(Exchange::new(&args.client.exchange));
    let threads = args.client.threads;
    let results = threads::run(threads, async |number, gate: Gate| {
        let connections = share(args.connections, threads, number);
        let mut opening = JoinSet::new();
        for place in 0..AT_A_TIME {
            let (client, exchange) = (client.clone(), exchange.clone());
            let connections = share(connections, AT_A_TIME, place);
            opening.spawn(async move { open(connections, &client, &exchange).await });
        }
        let opened = opening.join_all().await;
        gate.wait().await;
        let failure = opened.iter().find_map(|(_, failure)| failure.clone());
        let senders = opened.iter().flat_map(|(senders, _)| senders);
        let still_open = senders.clone().filter(|sender| !sender.is_closed()).count();
        (senders.count(), still_open, failure)
    });
    json!({
        "opened": results.iter().map(|result| result.0).sum::<usize>(),
        "open": results.iter().map(|result| result.1).sum::<usize>(),
        "first_failure": results.into_iter().find_map(|result| result.2),
    })
}

/// Opens connections one after the other until one fails.
async fn open(
    connections: usize,
    client: &Client,
    exchange: &Exchange,
) -> (Vec<crate::exchange::Sender>, Option<String>) {
    let mut senders = Vec::new();
    for _ in 0..connections {
        let opened = client.open(&client.connector(Sessions::Forget)).await;
        let sent = match opened {
            Ok((mut sender, _)) => exchange.send(&mut sender).await.map(|()| sender),
            Err(cause) => Err(cause),
        };
        match sent {
            Ok(sender) => senders.push(sender),
            Err(cause) => return (senders, Some(cause)),
        }
    }
    (senders, None)
}
