//! Over a real connection: what a caller on the network gets to read.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Api, LIMITS, OSLO, start};

/// Serves the API on loopback; ends with the test.
async fn serve(api: &Api) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let service = api
        .router
        .clone()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    at
}

/// Writes the whole request, then reads until the server closes.
async fn exchange(at: SocketAddr, head: &str, body: &[u8]) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let head = format!(
            "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(Duration::from_secs(30), talk)
        .await
        .unwrap()
}

#[tokio::test]
async fn whoever_sends_too_much_gets_to_read_why() {
    let api = start().await;
    let at = serve(&api).await;
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nAuthorization: Bearer {OSLO}\r\nContent-Type: application/json"
    );
    let answer = exchange(at, &head, &vec![b' '; LIMITS.body_bytes + 1]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn a_gateway_on_the_same_machine_needs_no_token() {
    let api = start().await;
    let at = serve(&api).await;
    let head = "POST /v1/receipts/open HTTP/1.1\r\nContent-Type: text/plain";
    let answer = exchange(at, head, b"some-reference").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
