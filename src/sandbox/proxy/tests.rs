use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Direction, Ending, Proxy, Trouble};

/// Longer than anything here takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A server that says everything back.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _copied = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn through(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut back = vec![0; text.len()];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut back))
        .await
        .expect("an answer or an end")?;
    Ok(back)
}

#[tokio::test]
async fn passes_everything_on_without_trouble() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the end, too");
    assert_eq!(proxy.counters().passed(), 10);
    assert_eq!(proxy.counters().connections(), 1);
}

#[tokio::test]
async fn delays() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.set(Trouble::Delay(Duration::from_millis(60)));
    let mut stream = through(&proxy).await;
    let start = Instant::now();
    say(&mut stream, b"hello").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn trickles() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.set(Trouble::Trickle(100));
    let mut stream = through(&proxy).await;
    let start = Instant::now();
    say(&mut stream, &[b'x'; 30]).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(290));
}

#[tokio::test]
async fn swallows_replies_and_carries_nothing_after_the_gap() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    say(&mut stream, b"hello").await.unwrap();
    let mut idle = through(&proxy).await;
    say(&mut idle, b"hello").await.unwrap();
    proxy.set(Trouble::Swallow(Direction::Reply));
    stream.write_all(b"lost").await.unwrap();
    while proxy.counters().swallowed() < 4 {
        tokio::task::yield_now().await;
    }
    proxy.set(Trouble::None);
    let end = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert_eq!(say(&mut idle, b"again").await.unwrap(), b"again");
}

#[tokio::test]
async fn cuts_after_so_many_bytes() {
    for (ending, expected) in [
        (Ending::Close, ErrorKind::UnexpectedEof),
        (Ending::Reset, ErrorKind::ConnectionReset),
    ] {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Trouble::CutAfter {
            direction: Direction::Reply,
            bytes: 8,
            ending,
        });
        let mut stream = through(&proxy).await;
        assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
        let error = say(&mut stream, b"world").await.unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_eq!(proxy.counters().passed(), 18);
        assert_eq!(proxy.counters().ended(), 1);
    }
}

#[tokio::test]
async fn a_black_hole_holds_back_until_it_is_over() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    say(&mut stream, b"hello").await.unwrap();
    proxy.set(Trouble::BlackHole);
    stream.write_all(b"waits").await.unwrap();
    let mut back = [0; 5];
    let nothing = tokio::time::timeout(Duration::from_millis(50), stream.read_exact(&mut back));
    assert!(nothing.await.is_err());
    proxy.set(Trouble::None);
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"waits");
}

#[tokio::test]
async fn refuses_old_and_new_connections() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut old = through(&proxy).await;
    say(&mut old, b"hello").await.unwrap();
    proxy.set(Trouble::Refuse);
    assert!(say(&mut old, b"hello").await.is_err());
    let mut new = through(&proxy).await;
    assert!(say(&mut new, b"hello").await.is_err());
    proxy.set(Trouble::None);
    let mut next = through(&proxy).await;
    assert_eq!(say(&mut next, b"hello").await.unwrap(), b"hello");
}
