//! What every misbehaviour at the other end means to the person at the terminal.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ApiClient, ApiError};
use crate::domain::ids::JobName;

/// What is done with the one request.
enum Act {
    CloseUnread,
    Reset,
    Say(&'static str),
    /// The first, and then the second without end.
    Endless(&'static str, &'static str),
}

use Act::{CloseUnread, Endless, Reset, Say};

const JOB: &str = "HTTP/1.1 200 X\r\ncontent-length: 61\r\n\r\n\
    {\"job\":\"a\",\"state\":\"open\",\"recipients\":1,\"totals\":{\"sent\":1}}";

/// The error, what the API does, and whether the same request may work a little later.
#[rustfmt::skip]
const TABLE: &[(&str, bool, Act)] = &[
    ("ok",           false, Say(JOB)),
    ("no answer",    true,  CloseUnread),
    ("no answer",    true,  Reset),
    ("no answer",    true,  Say("")),
    ("no answer",    true,  Say("HTTP/1.1 200 X\r\ncontent-length: 61\r\n\r\n{\"job\":")),
    ("no answer",    true,  Say("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n")),
    ("no answer",    true,  Say("SSH-2.0-OpenSSH_9.6\r\n")),
    ("no answer",    true,  Endless("HTTP/1.1 200 X\r\n", "x-more: and more\r\n")),
    ("stranger",     false, Endless("HTTP/1.1 200 X\r\n\r\n", LONG)),
    ("stranger",     false, Say("HTTP/1.1 200 X\r\n\r\n<html>welcome")),
    ("stranger",     false, Say("HTTP/1.1 200 X\r\n\r\n{\"job\":7}")),
    ("stranger",     false, Say("HTTP/1.1 301 X\r\nlocation: /v2\r\n\r\n")),
    ("invalid",      false, Say("HTTP/1.1 400 X\r\n\r\n<html>no")),
    ("unauthorized", false, Say("HTTP/1.1 401 X\r\n\r\n")),
    ("forbidden",    false, Say("HTTP/1.1 403 X\r\n\r\n")),
    ("not found",    false, Say("HTTP/1.1 404 X\r\n\r\n")),
    ("conflict",     false, Say("HTTP/1.1 409 X\r\n\r\n")),
    ("refused",      false, Say("HTTP/1.1 413 X\r\n\r\n")),
    ("invalid",      false, Say("HTTP/1.1 422 X\r\n\r\n{\"problems\":{\"a\":1}}")),
    ("busy",         true,  Say("HTTP/1.1 429 X\r\nretry-after: 7\r\n\r\n")),
    ("busy",         true,  Say("HTTP/1.1 429 X\r\nretry-after: 999999999999999999999\r\n\r\n")),
    ("refused",      false, Say("HTTP/1.1 500 X\r\n\r\n")),
    ("busy",         true,  Say("HTTP/1.1 502 X\r\n\r\n<html>proxy")),
    ("busy",         true,  Say("HTTP/1.1 503 X\r\n\r\n<html>proxy")),
    ("busy",         true,  Say("HTTP/1.1 504 X\r\n\r\n<html>proxy")),
];

const LONG: &str =
    "                                                                                ";

async fn serve(mut stream: TcpStream, act: &Act) -> std::io::Result<()> {
    if matches!(act, CloseUnread) {
        return Ok(());
    }
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    match act {
        CloseUnread => Ok(()),
        Reset => stream.set_zero_linger(),
        Say(answer) => stream.write_all(answer.as_bytes()).await,
        Endless(first, more) => {
            let more = more.repeat(2_000);
            stream.write_all(first.as_bytes()).await?;
            loop {
                stream.write_all(more.as_bytes()).await?;
            }
        }
    }
}

fn word(error: &ApiError) -> &'static str {
    match error {
        ApiError::Address { .. } | ApiError::Key | ApiError::Setup(_) => "setup",
        ApiError::ConnectionRefused { .. } => "connection refused",
        ApiError::Unreachable { .. } => "unreachable",
        ApiError::NoAnswer { .. } => "no answer",
        ApiError::Unauthorized { .. } => "unauthorized",
        ApiError::Forbidden { .. } => "forbidden",
        ApiError::NotFound { .. } => "not found",
        ApiError::Conflict => "conflict",
        ApiError::Invalid { .. } => "invalid",
        ApiError::Busy { .. } => "busy",
        ApiError::Refused { .. } => "refused",
        ApiError::Stranger { .. } => "stranger",
    }
}

async fn look(address: &str) -> (&'static str, bool) {
    let client = ApiClient::new(address, None).unwrap();
    match client.job(&JobName::parse("a").unwrap()).await {
        Ok(_) => ("ok", false),
        Err(error) => {
            assert!(error.to_string().len() < 500, "{error}");
            (word(&error), error.is_passing())
        }
    }
}

#[tokio::test]
async fn every_misbehaviour_means_what_the_table_says() {
    for (position, (expected, passing, act)) in TABLE.iter().enumerate() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = async {
            let (stream, _peer) = listener.accept().await.unwrap();
            // That the client hangs up on what has no end is as it should be.
            let _hung_up = serve(stream, act).await;
            std::future::pending::<()>().await;
        };
        let met = tokio::select! {
            met = look(&address) => met,
            () = serving => unreachable!(),
        };
        assert_eq!(met, (*expected, *passing), "row {position}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told_apart_from_a_name_that_nobody_knows() {
    assert_eq!(look("http://127.0.0.1:1").await.0, "connection refused");
    assert_eq!(look("http://no-such-host.invalid").await.0, "unreachable");
}
