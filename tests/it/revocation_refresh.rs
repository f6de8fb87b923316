//! CRLs that change while the gateway runs: files that are replaced, and CRLs that are downloaded from web servers
//! and directories.

mod directory;
mod fetched;
mod files;

use crate::support::{Connection, TestClient, TestGateway, exchange, pki, wait_for};
use der::asn1::{BitString, OctetString};
use der::{Decode, Encode};
use portcullis::demo::pki::Signer;
use tokio::net::TcpStream;
use x509_cert::crl::{CertificateList, TbsCertList};
use x509_cert::ext::Extension;

/// A client with alice's certificate and a connection of each kind, all permitted so far.
struct PermittedClient {
    http1: Connection,
    http2: Connection,
    /// The client, which has a session to resume.
    resuming: TestClient,
}

impl PermittedClient {
    async fn new(lab: &TestGateway, client: &TestClient) -> Self {
        let mut http1 = client.clone().http1().connect().await.unwrap();
        let mut http2 = client.clone().http2().connect().await.unwrap();
        let resuming = client.clone().tls12();
        for response in [http1.get(PATH).await, http2.get(PATH).await, Ok(resuming.get(PATH).await)] {
            let response = response.unwrap();
            assert_eq!(response.status_and_id(), "200 permit", "{response:?} {:?}", lab.records());
        }
        Self { http1, http2, resuming }
    }

    /// Asserts that the next request of each connection is denied.
    async fn is_denied_now(&mut self, verdict: &str) {
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

/// Waits until the issuing CA's newest CRL in force has this thisUpdate.
async fn in_force(lab: &TestGateway, this_update: portcullis::clock::UnixTime) {
    let end = format!("Demo Issuing CA 1,OU=PKI,O=Corp Example\"}} {}", this_update.seconds());
    wait_for(&end, || {
        let text = lab.metrics.encode();
        let mut dates = text.lines().filter(|line| line.starts_with("portcullis_crl_this_update"));
        dates.any(|line| line.ends_with(&end)).then_some(())
    })
    .await;
}

/// Returns a CRL of the issuing CA with a change, signed again.
pub(crate) fn changed(crl: &[u8], change: impl FnOnce(&mut TbsCertList)) -> Vec<u8> {
    let mut list: CertificateList = CertificateList::from_der(crl).unwrap();
    change(&mut list.tbs_cert_list);
    let signature = pki().sign(Signer::Issuing, &list.tbs_cert_list.to_der().unwrap()).unwrap();
    list.signature = BitString::from_bytes(&signature).unwrap();
    list.to_der().unwrap()
}

fn critical(oid: &str, value: &[u8]) -> Extension {
    Extension { extn_id: oid.parse().unwrap(), critical: true, extn_value: OctetString::new(value).unwrap() }
}

/// Removes the CRL number.
pub(crate) fn without_number(list: &mut TbsCertList) {
    let extensions = list.crl_extensions.as_mut().unwrap();
    extensions.retain(|extension| extension.extn_id != const_oid::db::rfc5280::ID_CE_CRL_NUMBER);
}

/// Limits the CRL to user certificates (onlyContainsUserCerts, RFC 5280 5.2.5).
pub(crate) fn for_users_only(list: &mut TbsCertList) {
    list.crl_extensions.get_or_insert_default().push(critical("2.5.29.28", &[0x30, 3, 0x81, 1, 0xff]));
}

/// Returns the response of the admin listener to `/readyz`.
async fn readyz(lab: &TestGateway) -> String {
    let mut admin = TcpStream::connect(lab.admin_address()).await.unwrap();
    exchange(&mut admin, b"GET /readyz HTTP/1.1\r\nHost: admin\r\n\r\n").await
}
