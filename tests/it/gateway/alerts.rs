//! `on_bad_certificate = "alert"`: the handshake rejects an invalid certificate with the alert of its cause (RFC 8446 6.2).

use crate::support::{TestClient, TestConfig, TestGateway};
use rustls::{AlertDescription, Error};

fn gateway() -> TestGateway {
    TestGateway::with(TestConfig { site: r#"on_bad_certificate = "alert""#.into(), ..TestConfig::default() })
}

async fn alert_for(client: &TestClient) -> Option<AlertDescription> {
    // In TLS 1.3 the client completes the handshake before the server validates the certificate.
    let error = match client.connect().await {
        Err(error) => error,
        Ok(mut connection) => match connection.get("/ignore/echo").await {
            Ok(_) => return None,
            Err(error) => return alert_in(&error),
        },
    };
    alert_in(&error)
}

fn alert_in(error: &(dyn std::error::Error + 'static)) -> Option<AlertDescription> {
    let io = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    if let Some(Error::AlertReceived(alert)) = io.and_then(|inner| inner.downcast_ref()) {
        return Some(*alert);
    }
    alert_in(error.source().unwrap_or_else(|| panic!("no alert in {error:?}")))
}

#[tokio::test]
async fn an_invalid_certificate_is_rejected_with_the_alert_of_its_cause() {
    let gateway = gateway();
    let alerts = [
        ("bob", AlertDescription::CertificateRevoked),
        ("carol", AlertDescription::CertificateExpired),
        ("mallory", AlertDescription::UnknownCA),
    ];
    for (card, alert) in alerts {
        let client = TestClient::new(&gateway).certificate(card);
        assert_eq!(alert_for(&client.clone().tls12()).await, Some(alert), "{card}");
        assert_eq!(alert_for(&client.tls13()).await, Some(alert), "{card}");
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn a_valid_certificate_and_no_certificate_complete_the_handshake() {
    let gateway = gateway();
    for client in TestClient::tls12_and_tls13(&gateway) {
        assert_eq!(
            client.clone().certificate("alice").get("/require/echo").await.status_and_id(),
            "200 permit"
        );
        assert_eq!(client.get("/require/echo").await.status_and_id(), "403 certificate-required");
    }
}

#[tokio::test]
async fn a_mapping_failure_is_an_http_denial_and_no_alert() {
    let gateway = gateway();
    for (card, expected) in [("frank", "403 not-mapped"), ("heidi", "403 identity-conflict")] {
        let client = TestClient::new(&gateway).certificate(card);
        assert_eq!(client.tls12().get("/require/echo").await.status_and_id(), expected, "{card}");
    }
}
