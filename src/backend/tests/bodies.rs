//! Bodies are forwarded byte for byte in both directions, and a truncated body is never terminated as complete.

use super::*;
use aws_lc_rs::digest::{SHA256, digest};
use http_body_util::BodyExt;
use std::cell::RefCell;

/// The largest message that RMS sends, with room: 8 MiB of licence in an envelope.
const TEN_MEBIBYTES: usize = 10 << 20;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn noise() -> Bytes {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..TEN_MEBIBYTES).map(next).collect::<Vec<_>>().into()
}

/// Sends ten mebibytes, with the `declared` length or chunked, to a server that sends them back in the same framing.
fn transfer_in_both_directions(declared: Option<u64>) {
    in_worker(async move {
        let server = ScriptedServer::start(|mut peer, _| async move {
            while let Some(head) = peer.head().await {
                let received = match field(&head, "content-length") {
                    Some(length) => peer.bytes(length.parse().unwrap()).await,
                    None => peer.chunked().await.0,
                };
                if field(&head, "transfer-encoding").is_none() {
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", received.len())).await;
                    peer.send(received).await;
                } else {
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
                    for piece in received.chunks(30_011) {
                        peer.send(format!("{:x}\r\n", piece.len())).await;
                        peer.send(piece).await;
                        peer.send("\r\n").await;
                    }
                    peer.send("0\r\n\r\n").await;
                }
            }
        })
        .await;
        let sent = noise();
        let (sender, body) = test_body(declared);
        for start in (0..TEN_MEBIBYTES).step_by(10_007) {
            sender.send_data(sent.slice(start..TEN_MEBIBYTES.min(start + 10_007)));
        }
        drop(sender);
        let request = post(RequestBody::new(body, TEN_MEBIBYTES as u64, no_strip));
        let upload = request.body().progress();
        let pool = server.pool();
        let received =
            pool.send_without_permit(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(sha256(&received), sha256(&sent));
        assert_eq!((upload.bytes(), upload.is_whole()), (TEN_MEBIBYTES as u64, true));
        assert_eq!(pool.stats().idle, 1);
    });
}

#[test]
fn ten_mebibytes_of_declared_length_are_transferred_in_both_directions() {
    transfer_in_both_directions(Some(TEN_MEBIBYTES as u64));
}

#[test]
fn ten_mebibytes_in_chunks_are_transferred_in_both_directions() {
    transfer_in_both_directions(None);
}

#[test]
fn a_soap_fault_is_a_response_like_any_other() {
    const FAULT: &str = "<soap:Fault><faultcode>soap:Server</faultcode></soap:Fault>";
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            while peer.head().await.is_some() {
                let length = FAULT.len();
                peer.send(format!(
                    "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{FAULT}"
                ))
                .await;
            }
        })
        .await;
        let pool = server.pool();
        for _ in 0..2 {
            let response = pool.send_without_permit(get("")).await.unwrap();
            assert_eq!((response.status().as_u16(), text(response).await), (500, FAULT.into()));
        }
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn responses_without_a_body_return_the_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
            peer.head().await;
            peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
            peer.head().await;
            peer.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n").await;
            peer.head().await;
            peer.send(OK).await;
        })
        .await;
        let pool = server.pool();
        let mut head = get("");
        *head.method_mut() = http::Method::HEAD;
        assert_eq!(text(pool.send_without_permit(head).await.unwrap()).await, "");
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "");
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "");
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "ok");
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_truncated_response_is_an_error_and_closes_its_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        in_worker(async move {
            let server = ScriptedServer::start(move |mut peer, _| async move {
                peer.head().await;
                peer.send(response).await;
            })
            .await;
            let pool = server.pool();
            let body = pool.send_without_permit(get("")).await.unwrap().into_body();
            assert!(matches!(body.collect().await, Err(ResponseBodyError::Cut(_))));
            until(|| pool.stats().open == 0).await;
        });
    }
}

/// Sends a body that fails. Returns the error and the bytes that the server received.
fn failing(send: impl FnOnce(TestBodySender)) -> (BackendError, String) {
    let outcome = Rc::new(RefCell::new(None));
    let result = Rc::clone(&outcome);
    in_worker(async move {
        let received = Rc::new(RefCell::new(None));
        let seen = Rc::clone(&received);
        let server = ScriptedServer::start(move |mut peer, _| {
            let seen = Rc::clone(&seen);
            async move {
                peer.head().await;
                let mut rest = Vec::new();
                let _reset = peer.0.read_to_end(&mut rest).await;
                seen.replace(Some(String::from_utf8(rest).unwrap()));
            }
        })
        .await;
        let pool = server.pool();
        let (sender, body) = test_body(None);
        send(sender);
        let error =
            pool.send_without_permit(post(RequestBody::new(body, 6, no_strip))).await.map(drop).unwrap_err();
        until(|| received.borrow().is_some()).await;
        result.replace(Some((error, received.take().unwrap())));
    });
    outcome.take().unwrap()
}

#[test]
fn a_chunked_body_over_the_limit_is_aborted_before_the_first_excess_byte() {
    let (error, received) = failing(|sender| {
        sender.send_data("four");
        sender.send_data("more");
    });
    assert!(matches!(error, BackendError::RequestBody(RequestBodyError::TooLarge { limit: 6 })));
    assert!(!received.contains("more") && !received.ends_with("0\r\n\r\n"), "{received}");
}

#[test]
fn a_body_of_a_disconnected_client_is_never_terminated_as_complete() {
    let (error, received) = failing(|sender| {
        sender.send_data("four");
        sender.0.send(Err(io::ErrorKind::ConnectionReset.into())).unwrap();
    });
    assert!(matches!(error, BackendError::RequestBody(RequestBodyError::ClientGone(_))));
    assert!(!received.ends_with("0\r\n\r\n"), "{received}");
}

#[test]
fn a_body_shorter_than_declared_is_an_error() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = server.pool();
        let (sender, body) = test_body(Some(10));
        sender.send_data("half");
        drop(sender);
        let sent = pool.send_without_permit(post(RequestBody::new(body, 10, no_strip))).await;
        assert!(matches!(sent, Err(BackendError::RequestBody(RequestBodyError::ClientGone(_)))));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn trailers_are_stripped_before_they_are_forwarded() {
    in_worker(async {
        let trailers = Rc::new(RefCell::new(String::new()));
        let seen = Rc::clone(&trailers);
        let server = ScriptedServer::start(move |mut peer, _| {
            let seen = Rc::clone(&seen);
            async move {
                peer.head().await;
                let (body, trailers) = peer.chunked().await;
                assert_eq!(body, b"body");
                seen.replace(trailers);
                peer.send(OK).await;
                peer.read_to_end().await;
            }
        })
        .await;
        let (sender, body) = test_body(None);
        sender.send_data("body");
        let mut fields = HeaderMap::new();
        fields.insert("x-checksum", "1".parse().unwrap());
        fields.insert("x-remote-user", "CORP\\admin".parse().unwrap());
        sender.0.send(Ok(Frame::trailers(fields))).unwrap();
        let body = RequestBody::new(body, 4, |trailers| {
            trailers.remove("x-remote-user");
        });
        let mut request = post(body);
        request.headers_mut().insert("trailer", "x-checksum, x-remote-user".parse().unwrap());
        let pool = server.pool();
        text(pool.send_without_permit(request).await.unwrap()).await;
        assert_eq!(*trailers.borrow(), "X-Checksum: 1\r\n");
        assert_eq!(pool.stats().idle, 1);
    });
}

#[test]
fn a_get_with_a_body_of_unknown_length_is_forwarded_with_it() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            assert_eq!(peer.chunked().await.0, b"body");
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (sender, body) = test_body(None);
        sender.send_data("body");
        drop(sender);
        let mut request = post(RequestBody::new(body, 4, no_strip));
        *request.method_mut() = http::Method::GET;
        assert_eq!(text(server.pool().send_without_permit(request).await.unwrap()).await, "ok");
    });
}
