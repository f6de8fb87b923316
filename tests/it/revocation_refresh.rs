//! CRLs that change while the gate runs: files that are replaced, and lists that are fetched from where cards say, from
//! web servers and from directories.

mod directory;
mod fetched;
mod files;

use crate::support::{Client, Connection, TestGateway, exchange, wait_for};
use tokio::net::TcpStream;

/// A client with alice's card on a connection of each kind, all let in so far.
struct LetIn {
    http1: Connection,
    http2: Connection,
    /// Has a session to resume.
    resuming: Client,
}

impl LetIn {
    async fn new(lab: &TestGateway, client: &Client) -> Self {
        let mut http1 = client.clone().http1().connect().await.unwrap();
        let mut http2 = client.clone().http2().connect().await.unwrap();
        let resuming = client.clone().tls12();
        for answer in [http1.get(PATH).await, http2.get(PATH).await, Ok(resuming.get(PATH).await)] {
            let answer = answer.unwrap();
            assert_eq!(answer.status_and_id(), "200 permit", "{answer:?} {:?}", lab.records());
        }
        Self { http1, http2, resuming }
    }

    /// Each connection's next request is refused.
    async fn is_refused_now(&mut self, verdict: &str) {
        assert_eq!(self.http1.get(PATH).await.unwrap().status_and_id(), verdict);
        assert_eq!(self.http2.get(PATH).await.unwrap().status_and_id(), verdict);
        let mut resumed = self.resuming.connect().await.unwrap();
        assert!(resumed.resumed);
        assert_eq!(resumed.get(PATH).await.unwrap().status_and_id(), verdict);
    }
}

const PATH: &str = "/require/echo";
const REVOKED: &str = "403 certificate-revoked";
const UNKNOWN: &str = "403 revocation-unknown";

/// Waits until the issuing authority's newest CRL in force is the one of this time.
async fn in_force(lab: &TestGateway, this_update: portcullis::clock::UnixTime) {
    let end = format!("Demo Issuing CA 1,OU=PKI,O=Corp Example\"}} {}", this_update.seconds());
    wait_for(&end, || {
        let text = lab.metrics.encode();
        let mut dates = text.lines().filter(|line| line.starts_with("portcullis_crl_this_update"));
        dates.any(|line| line.ends_with(&end)).then_some(())
    })
    .await;
}

/// The admin listener's answer about readiness.
async fn readyz(lab: &TestGateway) -> String {
    let mut admin = TcpStream::connect(lab.admin_address()).await.unwrap();
    exchange(&mut admin, b"GET /readyz HTTP/1.1\r\nHost: admin\r\n\r\n").await
}
