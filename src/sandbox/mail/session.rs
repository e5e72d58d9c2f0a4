//! One connection of the mail server.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::mailbox::Mail;
use super::script::{Act, At, LineEnds, Running};
use super::server::Shared;

/// How a session ended.
pub(super) enum End<S> {
    /// For good.
    Closed,
    /// It goes on encrypted.
    StartTls(S),
}

/// How an answer was and whether to go on.
enum Next {
    /// On, after a positive answer.
    Yes,
    /// On.
    On,
    /// The connection ends.
    HangUp,
}

pub(super) struct Session<S> {
    stream: BufReader<S>,
    shared: Arc<Shared>,
    out: Vec<u8>,
    greet: bool,
    logged_in: bool,
    from: Option<String>,
    recipients: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A session that begins with a greeting.
    pub(super) fn greeted(stream: S, shared: Arc<Shared>) -> Self {
        Self {
            stream: BufReader::with_capacity(16 * 1024, stream),
            shared,
            out: Vec::new(),
            greet: true,
            logged_in: false,
            from: None,
            recipients: Vec::new(),
        }
    }

    /// A session that goes on after STARTTLS.
    pub(super) fn encrypted(stream: S, shared: Arc<Shared>) -> Self {
        Self {
            greet: false,
            ..Self::greeted(stream, shared)
        }
    }

    pub(super) async fn run(mut self) -> io::Result<End<S>> {
        if self.greet
            && let Next::HangUp = self.answer(At::Banner, "220 sandbox ESMTP").await?
        {
            return Ok(End::Closed);
        }
        let mut line = String::new();
        loop {
            if self.stream.buffer().is_empty() {
                self.flush().await?;
            }
            line.clear();
            let mut bytes = Vec::new();
            if self.stream.read_until(b'\n', &mut bytes).await? == 0 {
                return Ok(End::Closed);
            }
            line.push_str(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']));
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            let verb = verb.to_ascii_uppercase();
            if verb == "STARTTLS" {
                match self.start_tls().await? {
                    Next::Yes => return Ok(End::StartTls(self.stream.into_inner())),
                    Next::On => continue,
                    Next::HangUp => return Ok(End::Closed),
                }
            }
            if let Next::HangUp = self.command(&verb, &line).await? {
                return Ok(End::Closed);
            }
        }
    }

    async fn command(&mut self, verb: &str, line: &str) -> io::Result<Next> {
        let running = self.shared.running();
        match verb {
            "" if running.script.line_ends == LineEnds::Any => Ok(Next::On),
            "EHLO" | "HELO" => {
                let offer = offer(&running);
                self.answer(At::Ehlo, &offer).await
            }
            "AUTH" => self.log_in(&running, line).await,
            "MAIL" if running.script.login.is_some() && !self.logged_in => {
                self.say("530 5.7.0 log in first");
                Ok(Next::On)
            }
            "MAIL" if self.from.is_some() => {
                self.say("503 5.5.1 one message at a time");
                Ok(Next::On)
            }
            "MAIL" => {
                let next = self.answer(At::MailFrom, "250 2.1.0 ok").await?;
                if let Next::Yes = next {
                    self.from = Some(path(line));
                }
                Ok(next)
            }
            "RCPT" if self.from.is_none() => {
                self.say("503 5.5.1 MAIL first");
                Ok(Next::On)
            }
            "RCPT" => {
                self.recipients.push(path(line));
                let next = self.answer(At::RcptTo, "250 2.1.5 ok").await?;
                if let Next::On = next {
                    self.recipients.pop();
                }
                Ok(next)
            }
            "DATA" if self.recipients.is_empty() => {
                self.say("554 5.5.1 no valid recipients");
                Ok(Next::On)
            }
            "DATA" => self.data(&running).await,
            "RSET" => {
                self.forget();
                self.answer(At::Rset, "250 2.0.0 ok").await
            }
            "NOOP" => {
                self.say("250 2.0.0 ok");
                Ok(Next::On)
            }
            "QUIT" => {
                self.answer(At::Quit, "221 2.0.0 bye").await?;
                self.flush().await?;
                Ok(Next::HangUp)
            }
            _ => {
                self.say("500 5.5.2 unknown command");
                Ok(Next::On)
            }
        }
    }

    async fn start_tls(&mut self) -> io::Result<Next> {
        if self.shared.running().script.starttls.is_none() {
            self.say("502 5.5.1 not offered");
            return Ok(Next::On);
        }
        let next = self.answer(At::StartTls, "220 2.0.0 go").await?;
        self.flush().await?;
        Ok(next)
    }

    async fn log_in(&mut self, running: &Running, line: &str) -> io::Result<Next> {
        let Some(login) = running.script.login.clone() else {
            self.say("502 5.5.1 not offered");
            return Ok(Next::On);
        };
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let given = if mechanism == "PLAIN" {
            let secret = decoded(words.next().unwrap_or_default());
            let mut parts = secret.split('\0').skip(1).map(str::to_owned);
            (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            )
        } else {
            (
                self.prompt("VXNlcm5hbWU6").await?,
                self.prompt("UGFzc3dvcmQ6").await?,
            )
        };
        self.logged_in = given == *login;
        let answer = if self.logged_in {
            "235 2.7.0 welcome"
        } else {
            "535 5.7.8 wrong user or password"
        };
        self.answer(At::Auth, answer).await
    }

    async fn prompt(&mut self, question: &str) -> io::Result<String> {
        self.say(&format!("334 {question}"));
        self.flush().await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        Ok(decoded(line.trim_end()))
    }

    async fn data(&mut self, running: &Running) -> io::Result<Next> {
        match self.answer(At::Data, "354 go").await? {
            Next::Yes => self.flush().await?,
            next @ (Next::On | Next::HangUp) => return Ok(next),
        }
        let Some(raw) = self.message(running.script.line_ends).await? else {
            return Ok(Next::HangUp);
        };
        let verdict = running.verdict(At::Dot, self.recipients.first().map(String::as_str));
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            recipients: std::mem::take(&mut self.recipients),
            raw,
            at: std::time::Instant::now(),
        };
        if verdict.act.is_none() || verdict.taken {
            self.shared.mailbox.take(mail, running.script.keep);
        }
        let queued = format!("250 2.0.0 ok: queued as {:X}", self.shared.mailbox.count());
        self.throw(At::Dot, verdict.delay, verdict.act, &queued)
            .await
    }

    /// Reads up to the final dot, undoing doubled dots; `None` if the client hung up.
    async fn message(&mut self, ends: LineEnds) -> io::Result<Option<Vec<u8>>> {
        let mut raw = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if !self.line(ends, &mut line).await? {
                return Ok(None);
            }
            match line.as_slice() {
                b".\r\n" => return Ok(Some(raw)),
                b".\n" | b".\r" if ends == LineEnds::Any => return Ok(Some(raw)),
                [b'.', rest @ ..] => raw.extend_from_slice(rest),
                all => raw.extend_from_slice(all),
            }
        }
    }

    /// Reads a line with its end; false if the client hung up first.
    async fn line(&mut self, ends: LineEnds, line: &mut Vec<u8>) -> io::Result<bool> {
        match ends {
            LineEnds::Strict => loop {
                if self.stream.read_until(b'\n', line).await? == 0 {
                    return Ok(false);
                }
                if line.ends_with(b"\r\n") {
                    return Ok(true);
                }
            },
            LineEnds::Any => loop {
                let Ok(byte) = self.stream.read_u8().await else {
                    return Ok(false);
                };
                line.push(byte);
                if byte == b'\r' && self.stream.fill_buf().await?.first() == Some(&b'\n') {
                    continue;
                }
                if matches!(byte, b'\r' | b'\n') {
                    return Ok(true);
                }
            },
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.recipients.clear();
    }

    async fn answer(&mut self, at: At, duty: &str) -> io::Result<Next> {
        let running = self.shared.running();
        let verdict = running.verdict(at, self.recipients.last().map(String::as_str));
        self.throw(at, verdict.delay, verdict.act, duty).await
    }

    async fn throw(
        &mut self,
        at: At,
        delay: std::time::Duration,
        act: Option<Act>,
        duty: &str,
    ) -> io::Result<Next> {
        if !delay.is_zero() || act.is_some() {
            self.shared.count_fault(at);
        }
        if !delay.is_zero() {
            self.flush().await?;
            tokio::time::sleep(delay).await;
        }
        match act {
            None | Some(Act::Delay(_)) => {
                self.say(duty);
                Ok(judge(duty))
            }
            Some(Act::Say(line)) => {
                self.say(&line);
                if line.starts_with("421") {
                    self.flush().await?;
                    return Ok(Next::HangUp);
                }
                Ok(judge(&line))
            }
            Some(Act::Garbage) => {
                self.say("HTTP/1.1 400 Bad Request");
                Ok(Next::On)
            }
            Some(Act::Half) => {
                self.out
                    .extend_from_slice(duty.as_bytes().get(..2).unwrap_or_default());
                self.flush().await?;
                Ok(Next::HangUp)
            }
            Some(Act::Close) => {
                self.flush().await?;
                Ok(Next::HangUp)
            }
            Some(Act::Stall) => {
                self.flush().await?;
                tokio::io::copy_buf(&mut self.stream, &mut tokio::io::sink()).await?;
                Ok(Next::HangUp)
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        self.stream.flush().await
    }
}

fn judge(line: &str) -> Next {
    if line.starts_with(['2', '3']) {
        Next::Yes
    } else {
        Next::On
    }
}

fn offer(running: &Running) -> String {
    let script = &running.script;
    let mut offer = String::from("250-sandbox\r\n250-8BITMIME\r\n");
    if script.pipelining {
        offer.push_str("250-PIPELINING\r\n");
    }
    if script.starttls.is_some() {
        offer.push_str("250-STARTTLS\r\n");
    }
    if script.login.is_some() {
        offer.push_str(&format!("250-AUTH {}\r\n", script.mechanisms));
    }
    offer.push_str("250 ENHANCEDSTATUSCODES");
    offer
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    line.split_once('<')
        .and_then(|(_, rest)| rest.rsplit_once('>'))
        .map(|(path, _)| path.to_owned())
        .unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
