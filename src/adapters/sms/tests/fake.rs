//! A raw TCP server that does exactly what a test says, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done with one request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Close without reading.
    CloseUnread,
    /// Read the first byte and reset the connection.
    ResetAtFirstByte,
    /// Read the first byte, write this and close: the rest is never read.
    AnswerUnread(Vec<u8>),
    /// Read everything and close without a word.
    CloseAfterReading,
    /// Read everything and reset the connection.
    ResetAfterReading,
    /// Read everything and write this, then go on with the next request.
    Write(Vec<u8>),
    /// Read everything, write this and close.
    WriteAndClose(Vec<u8>),
    /// Read everything, write this, and close so much later.
    WriteAndCloseLater(Vec<u8>, Duration),
    /// Read everything and wait so long before writing.
    WriteLater(Duration, Vec<u8>),
    /// Read everything, write the first, and then the second until the other side hangs up.
    WriteForever(Vec<u8>, Vec<u8>),
    /// Read everything and say nothing for ever.
    Silence,
}

/// The server, until it is dropped.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    whole: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Serves the acts in order, one per request over all connections; the last one repeats.
    pub(super) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whole = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&whole);
        let script = Arc::new(Mutex::new(acts));
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let connections = Arc::new(AtomicUsize::new(0));
        let total = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let served = serve(stream, Arc::clone(&script), Arc::clone(&seen));
                let count = Arc::clone(&count);
                count.fetch_add(1, Ordering::SeqCst);
                total.fetch_add(1, Ordering::SeqCst);
                serving.spawn(async move {
                    served.await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            whole,
            open,
            connections,
            task,
        }
    }

    /// How many connections are being served.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/cgi-bin/sendsms", self.address)
    }

    /// Every request that was read whole, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.whole.lock().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Vec<Act>>>, seen: Arc<Mutex<Vec<String>>>) {
    let next = || {
        let mut script = script.lock();
        if script.len() > 1 {
            script.remove(0)
        } else {
            script[0].clone()
        }
    };
    if matches!(*script.lock().first().unwrap(), Act::CloseUnread) {
        next();
        return;
    }
    while let Some(first) = first_byte(&mut stream).await {
        let act = next();
        if matches!(act, Act::ResetAtFirstByte) {
            stream.set_zero_linger().unwrap();
            return;
        }
        if let Act::AnswerUnread(answer) = &act {
            stream.write_all(answer).await.unwrap_or_default();
            // Closing on what is unread would be a reset, which may overtake the answer.
            stream.shutdown().await.unwrap_or_default();
            let _reset = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return;
        }
        let Some(request) = read_request(&mut stream, first).await else {
            return;
        };
        seen.lock().push(request);
        match act {
            Act::CloseUnread
            | Act::ResetAtFirstByte
            | Act::AnswerUnread(_)
            | Act::CloseAfterReading => return,
            Act::ResetAfterReading => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Act::Write(answer) => stream.write_all(&answer).await.unwrap_or_default(),
            Act::WriteAndClose(answer) => {
                stream.write_all(&answer).await.unwrap_or_default();
                return;
            }
            Act::WriteAndCloseLater(answer, wait) => {
                stream.write_all(&answer).await.unwrap_or_default();
                tokio::time::sleep(wait).await;
                return;
            }
            Act::WriteLater(wait, answer) => {
                tokio::time::sleep(wait).await;
                stream.write_all(&answer).await.unwrap_or_default();
            }
            Act::WriteForever(first, more) => {
                stream.write_all(&first).await.unwrap_or_default();
                while stream.write_all(&more).await.is_ok() {}
                return;
            }
            Act::Silence => std::future::pending::<()>().await,
        }
    }
}

async fn first_byte(stream: &mut TcpStream) -> Option<u8> {
    stream.read_u8().await.ok()
}

async fn read_request(stream: &mut TcpStream, first: u8) -> Option<String> {
    let mut bytes = vec![first];
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let length = String::from_utf8_lossy(&bytes[..head])
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(str::to_owned)
        })
        .map_or(0, |value| value.trim().parse::<usize>().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A complete answer with known length.
pub(super) fn reply(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}
