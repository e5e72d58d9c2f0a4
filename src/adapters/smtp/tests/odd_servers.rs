//! Single dialogues, byte by byte; what every fault at every point means stands in `misbehaviour`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::support::{AMPLE, any_time, hello, relay};
use crate::adapters::smtp::{RelaySettings, SmtpRelay};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::gateway::Gateway;

const PIPELINING: &str = "250-odd\r\n250 PIPELINING\r\n";

/// What the server says once it has heard so much.
type Lines = &'static [(&'static str, &'static str)];

/// Answers by `lines`, then returns all that comes until the client hangs up.
async fn converse(mut stream: TcpStream, lines: Lines) -> String {
    stream.write_all(b"220 odd\r\n").await.expect("written");
    let mut heard = Vec::new();
    for (awaited, answer) in lines {
        while !String::from_utf8_lossy(&heard).contains(awaited) {
            assert!(
                stream.read_buf(&mut heard).await.expect("read") > 0,
                "hung up early"
            );
        }
        heard.clear();
        stream.write_all(answer.as_bytes()).await.expect("written");
    }
    let mut rest = Vec::new();
    // A reset is a way to hang up too.
    let _reset = stream.read_to_end(&mut rest).await;
    String::from_utf8_lossy(&rest).into_owned()
}

async fn odd(lines: Lines) -> (SmtpRelay, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        let (stream, _peer) = listener.accept().await.expect("a client");
        converse(stream, lines).await
    });
    let settings = RelaySettings::new("odd", format!("smtp://{address}"));
    (relay(settings), serving)
}

async fn rest_of(serving: JoinHandle<String>) -> String {
    tokio::time::timeout(AMPLE, serving)
        .await
        .expect("the client hangs up")
        .expect("no panic")
}

#[tokio::test]
async fn a_server_that_wants_a_message_for_nobody_gets_none() {
    let (relay, serving) = odd(&[
        ("EHLO", PIPELINING),
        ("DATA", "250 ok\r\n550 5.1.1 unknown\r\n354 go\r\n"),
    ])
    .await;
    assert_eq!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::NotSent(Fault::Permanent {
            reason: Reason::InvalidAddress
        })
    );
    assert_eq!(rest_of(serving).await, "", "not even a dot");
}

#[tokio::test]
async fn a_refused_sender_counts_although_the_recipient_is_accepted() {
    let (relay, serving) = odd(&[
        ("EHLO", PIPELINING),
        ("DATA", "550 5.7.1 no\r\n250 ok\r\n354 go\r\n"),
    ])
    .await;
    assert_eq!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::NotSent(Fault::Channel { retry_after: None })
    );
    assert_eq!(rest_of(serving).await, "");
}

#[tokio::test]
async fn a_reply_too_many_never_passes_for_the_next_messages_acceptance() {
    let (relay, serving) = odd(&[
        ("EHLO", PIPELINING),
        ("DATA", "250 ok\r\n250 ok\r\n354 go\r\n"),
        ("\r\n.\r\n", "250 queued as 1\r\n"),
        // One reply more than commands: each seems to answer the command before it.
        (
            "DATA",
            "250 late\r\n250 ok\r\n550 5.1.1 unknown\r\n354 go\r\n",
        ),
    ])
    .await;
    assert!(matches!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::Accepted { .. }
    ));
    assert!(matches!(
        relay.submit(&hello(2), any_time(), AMPLE).await,
        Outcome::NotSent(_)
    ));
    drop(relay);
    assert!(!rest_of(serving).await.contains("\r\n.\r\n"));
}
