//! A mail server that misbehaves once, at one point of the dialogue, and is perfect before and after.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A point of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// In the middle of the message's text.
    Text,
    Dot,
    Rset,
    Quit,
}

/// What is done there instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Hangs up.
    Close,
    /// Resets the connection.
    Reset,
    /// Says nothing more.
    Stall,
    /// Says `25`, and nothing more.
    Half,
    /// Says something that is not SMTP.
    Garbage,
    /// A reply of two lines with two codes.
    Mixed,
    /// A reply that belongs elsewhere: 354, to DATA 250.
    Wrong,
    /// Lines of one reply without an end.
    Endless,
    /// One line without an end.
    Long,
    /// The right reply, and another one that nobody asked for.
    Extra,
    /// The right reply, a little later.
    Late,
    /// 421, and hangs up.
    Busy,
    /// 451.
    Later,
    /// 554.
    Never,
}

/// The recipient that it never takes.
pub(super) const REFUSED: &str = "refused@example.no";

/// The server, until it is dropped.
pub(super) struct FaultyServer {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    at: Point,
    fault: Fault,
    pipelining: bool,
    thrown: AtomicBool,
    connections: AtomicUsize,
    /// The recipients of the messages whose final dot was read.
    dots: Mutex<Vec<String>>,
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FaultyServer {
    pub(super) async fn start(at: Point, fault: Fault, pipelining: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        // So that a long text cannot hide in the kernel when nobody reads it.
        SockRef::from(&listener)
            .set_recv_buffer_size(4_096)
            .expect("a small buffer");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            at,
            fault,
            pipelining,
            thrown: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            dots: Mutex::new(Vec::new()),
        });
        let accepting = accept(listener, Arc::clone(&shared));
        Self {
            address,
            shared,
            task: tokio::spawn(accepting),
        }
    }

    /// Whether it has misbehaved.
    pub(super) fn has_thrown(&self) -> bool {
        self.shared.thrown.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often a whole message for `recipient` came, final dot included.
    pub(super) fn dots(&self, recipient: &str) -> usize {
        let dots = self.shared.dots.lock();
        dots.iter().filter(|to| *to == recipient).count()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut serving = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        serving.spawn(async move {
            let stream = BufReader::new(stream);
            // `None` ends a dialogue: the client is gone, or we are.
            let _ended = Dialogue { stream, shared }.run().await;
        });
    }
}

struct Dialogue {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
}

impl Dialogue {
    async fn run(mut self) -> Option<()> {
        let (mut sender, mut recipient) = (false, None);
        self.answer(Point::Greeting, "220 odd").await?;
        loop {
            let line = self.line().await?;
            let verb: String = line.chars().take(4).collect();
            match (verb.as_str(), sender, &recipient) {
                ("EHLO", ..) => drop(self.answer(Point::Ehlo, &self.offer()).await?),
                ("STAR", ..) => drop(self.answer(Point::StartTls, "220 go").await?),
                ("AUTH", ..) => drop(self.answer(Point::Auth, "235 welcome").await?),
                ("MAIL", false, _) => sender = self.answer(Point::Mail, "250 ok").await?,
                ("RCPT", true, None) if line.contains(REFUSED) => self.write("450 no\r\n").await?,
                ("RCPT", true, None) => {
                    let taken = self.answer(Point::Rcpt, "250 ok").await?;
                    let to = line.trim_end().trim_start_matches("RCPT TO:<");
                    recipient = taken.then(|| to.trim_end_matches('>').to_owned());
                }
                ("DATA", true, Some(to)) => {
                    if self.answer(Point::Data, "354 go").await? {
                        self.text().await?;
                        self.shared.dots.lock().push(to.clone());
                        self.answer(Point::Dot, "250 queued as 1").await?;
                        (sender, recipient) = (false, None);
                    }
                }
                ("RSET", ..) => {
                    (sender, recipient) = (false, None);
                    self.answer(Point::Rset, "250 ok").await?;
                }
                ("QUIT", ..) => {
                    self.answer(Point::Quit, "221 bye").await?;
                    return None;
                }
                _ => self.write("503 not now\r\n").await?,
            }
        }
    }

    fn offer(&self) -> String {
        let mut offer = "250-odd\r\n250-AUTH PLAIN".to_owned();
        if self.shared.pipelining {
            offer.push_str("\r\n250-PIPELINING");
        }
        if self.shared.at == Point::StartTls && !self.shared.thrown.load(Ordering::SeqCst) {
            offer.push_str("\r\n250-STARTTLS");
        }
        offer + "\r\n250 8BITMIME"
    }

    async fn text(&mut self) -> Option<()> {
        if self.shared.at == Point::Text && !self.shared.thrown.swap(true, Ordering::SeqCst) {
            self.stream.read_exact(&mut [0; 1_024]).await.ok()?;
            return self.throw("").await;
        }
        while self.line().await? != ".\r\n" {}
        Some(())
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then_some(line)
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        self.stream.get_mut().write_all(text.as_bytes()).await.ok()
    }

    /// True: the client may go on.
    async fn answer(&mut self, at: Point, duty: &str) -> Option<bool> {
        if at == self.shared.at && !self.shared.thrown.swap(true, Ordering::SeqCst) {
            self.throw(duty).await?;
            Some(!matches!(self.shared.fault, Fault::Later | Fault::Never))
        } else {
            self.write(&format!("{duty}\r\n")).await?;
            Some(true)
        }
    }

    async fn throw(&mut self, duty: &str) -> Option<()> {
        match self.shared.fault {
            Fault::Close => None,
            Fault::Reset => {
                self.stream.get_ref().set_zero_linger().ok()?;
                None
            }
            Fault::Stall => deaf().await,
            Fault::Half => {
                self.write("25").await?;
                deaf().await
            }
            Fault::Garbage => self.write("HTTP/1.1 400 Bad Request\r\n").await,
            Fault::Mixed => self.write("250-yes\r\n550 no\r\n").await,
            Fault::Wrong if duty.starts_with('3') => self.write("250 ok\r\n").await,
            Fault::Wrong => self.write("354 go\r\n").await,
            Fault::Endless => loop {
                self.write(&"250-and\r\n".repeat(64)).await?;
            },
            Fault::Long => {
                self.write("250 ").await?;
                loop {
                    self.write(&"so on ".repeat(64)).await?;
                }
            }
            Fault::Extra => self.write(&format!("{duty}\r\n250 and this\r\n")).await,
            Fault::Late => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.write(&format!("{duty}\r\n")).await
            }
            Fault::Busy => {
                self.write("421 4.3.2 busy\r\n").await?;
                None
            }
            Fault::Later => self.write("451 4.3.0 later\r\n").await,
            Fault::Never => self.write("554 5.3.0 never\r\n").await,
        }
    }
}

/// Nothing more is said or heard until the test is over.
async fn deaf() -> Option<()> {
    std::future::pending().await
}
