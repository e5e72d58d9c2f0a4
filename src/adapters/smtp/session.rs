//! One connection and its dialogue, with the stage known at every moment.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::classify::{Answer, Stage};
use super::dial::{Line, TlsMaker};
use super::pace::Pace;
use super::relay_url::RelayUrl;
use super::settings::{Credentials, Recycle, Timeouts};
use super::wire::{Commands, Offers, Reply, take_reply};
use crate::ports::slot::Slot;

/// What ends a message.
const FINAL_DOT: &[u8] = b".\r\n";

/// A text of so many bytes certainly goes to the socket in one write together with its dot; a longer
/// one may be held up in the middle, and its dot would leave late.
const AT_ONCE: usize = 8 * 1024;

/// Room for whatever one read can bring, a whole record of TLS included, so that a reply too many is
/// seen and not left where nobody looks.
const READ_AHEAD: usize = 16 * 1024;

/// What every connection of a relay has in common.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: RelayUrl,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: String,
    pub(super) timeouts: Timeouts,
    pub(super) recycle: Recycle,
    pub(super) pipelining: bool,
    pub(super) tls: TlsMaker,
    pub(super) pace: Pace,
}

/// Where a dialogue stopped, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) answer: Answer,
}

impl Failure {
    pub(super) fn at(stage: Stage, answer: Answer) -> Self {
        Self { stage, answer }
    }
}

/// What a message looks like on the wire.
pub(super) struct Dispatch {
    pub(super) commands: Commands,
    /// With doubled dots and [`FINAL_DOT`].
    pub(super) body: Vec<u8>,
}

/// One connection that is ready for a message, as long as [`Connection::is_in_step`].
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) target: Arc<Target>,
    pub(super) line: Line,
    pub(super) inbox: Vec<u8>,
    pub(super) offers: Offers,
    /// False from the first byte of a message until its last expected reply.
    pub(super) in_step: bool,
    /// A transaction was begun and refused: RSET comes first.
    pub(super) begun: bool,
    pub(super) opened: Instant,
    pub(super) last_used: Instant,
    pub(super) messages: u32,
    pub(super) refusals: u32,
}

impl Connection {
    /// Sends one message to one recipient. `Ok` is the positive reply to the final dot.
    ///
    /// Dropping the future leaves the connection out of step, never in it.
    pub(super) async fn send(
        &mut self,
        dispatch: &Dispatch,
        slot: Slot,
        until: Instant,
    ) -> Result<Reply, Failure> {
        if slot.is_over() {
            return Err(Failure::at(Stage::MailFrom, Answer::Late));
        }
        self.in_step = false;
        let begun = Instant::now();
        let sent = match self.envelope(&dispatch.commands, &slot, until).await {
            Ok(()) => self.body(&dispatch.body, slot, begun, until).await,
            Err(failure) => {
                if failure.answer == Answer::Late {
                    self.target.pace.dialogue_took(begun.elapsed());
                }
                Err(failure)
            }
        };
        self.last_used = Instant::now();
        match &sent {
            Ok(_) => {
                self.messages += 1;
                self.refusals = 0;
            }
            Err(failure) if failure.answer == Answer::Late => {}
            Err(_) => self.refusals += 1,
        }
        sent
    }

    async fn envelope(
        &mut self,
        commands: &Commands,
        slot: &Slot,
        until: Instant,
    ) -> Result<(), Failure> {
        let reset = if self.begun { "RSET\r\n" } else { "" };
        let resetting = std::mem::take(&mut self.begun);
        if self.target.pipelining && self.offers.pipelining {
            let all = commands.together(reset);
            self.write(Stage::MailFrom, all.as_bytes(), until).await?;
            if resetting {
                self.expect(Stage::MailFrom, 2, until).await?;
            }
            return self.pipelined_replies(until).await;
        }
        if resetting {
            self.ask(Stage::MailFrom, reset, 2, until).await?;
        }
        for (stage, command, class) in [
            (Stage::MailFrom, commands.mail.as_str(), 2),
            (Stage::RcptTo, commands.rcpt.as_str(), 2),
            (Stage::Data, "DATA\r\n", 3),
        ] {
            if stage == Stage::Data && slot.is_over() {
                // After DATA only hanging up would take it back.
                self.in_step = true;
                self.begun = true;
                return Err(Failure::at(stage, Answer::Late));
            }
            if let Err(failure) = self.ask(stage, command, class, until).await {
                let refused = is_refusal(&failure.answer);
                self.in_step = refused;
                self.begun = refused;
                return Err(failure);
            }
        }
        Ok(())
    }

    /// The first refusal counts; the replies behind it are read so that the next message finds the
    /// connection in step.
    async fn pipelined_replies(&mut self, until: Instant) -> Result<(), Failure> {
        let mut first: Option<Failure> = None;
        for (stage, class) in [(Stage::MailFrom, 2), (Stage::RcptTo, 2), (Stage::Data, 3)] {
            match (self.expect(stage, class, until).await, &first) {
                (Ok(_), None) => {}
                (Ok(_), Some(_)) if stage == Stage::Data => {
                    // The relay waits for a message without recipient. Hanging up is the one answer
                    // to that which cannot send anything.
                    return first.map_or(Ok(()), Err);
                }
                (Ok(_), Some(_)) => {}
                (Err(failure), None) => {
                    let refused = is_refusal(&failure.answer);
                    first = Some(failure);
                    if !refused {
                        break;
                    }
                }
                (Err(failure), Some(_)) if !is_refusal(&failure.answer) => {
                    return first.map_or(Ok(()), Err);
                }
                (Err(_), Some(_)) => {}
            }
        }
        match first {
            None => Ok(()),
            Some(failure) => {
                self.in_step = is_refusal(&failure.answer);
                self.begun = self.in_step;
                Err(failure)
            }
        }
    }

    /// The text goes as soon as it may, the final dot when the slot opens; both in one write if it has
    /// opened and the text is short. As long as a write has not taken the last byte, the dot has not
    /// left; the deadline and the slot are looked at before, and the deadline bounds the writing too.
    async fn body(
        &mut self,
        body: &[u8],
        slot: Slot,
        begun: Instant,
        until: Instant,
    ) -> Result<Reply, Failure> {
        let mut rest = body;
        if !slot.opens_in().is_zero() || body.len() > AT_ONCE {
            let (text, dot) = body.split_at(body.len().saturating_sub(FINAL_DOT.len()));
            self.write(Stage::Body, text, until).await?;
            rest = dot;
        }
        self.target.pace.dialogue_took(begun.elapsed());
        let opened = async {
            slot.opened().await;
            Ok(())
        };
        within(until, Stage::Body, opened).await?;
        if Instant::now() >= until {
            return Err(Failure::at(Stage::Body, Answer::TimedOut));
        }
        // What is there before the dot would pass for the answer to it.
        self.must_be_silent(Stage::Body, until).await?;
        if slot.pass().is_err() {
            return Err(Failure::at(Stage::Body, Answer::Late));
        }
        let limit = until.min(Instant::now() + self.target.timeouts.command);
        within(limit, Stage::Body, closed(self.line.write_all(rest))).await?;
        let limit = until.min(Instant::now() + self.target.timeouts.final_dot);
        within(limit, Stage::AfterDot, closed(self.line.flush())).await?;
        let reply = self.read(Stage::AfterDot, limit).await?;
        self.in_step = matches!(reply.class(), 2 | 4 | 5) && reply.code() != 421;
        if reply.class() == 2 {
            Ok(reply)
        } else {
            Err(Failure::at(Stage::AfterDot, Answer::Reply(reply)))
        }
    }

    /// Says goodbye and waits shortly for the other side to do so.
    pub(super) async fn quit(mut self, limit: Duration) {
        let until = Instant::now() + limit;
        let _gone_anyhow = self.ask(Stage::Ehlo, "QUIT\r\n", 2, until).await;
    }

    /// Whether the last message left the dialogue where the next can begin.
    pub(super) const fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// Whether the next message may use it: neither worn out nor spoken to or closed meanwhile.
    pub(super) fn is_fresh(&self) -> bool {
        let recycle = self.target.recycle;
        self.in_step
            && self.inbox.is_empty()
            && self.messages < recycle.messages
            && self.refusals < recycle.refusals
            && self.opened.elapsed() < recycle.age
            && self.last_used.elapsed() < recycle.idle
            && self.line.is_quiet()
    }

    /// Whether the line is encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.line.is_encrypted()
    }

    pub(super) async fn ask(
        &mut self,
        stage: Stage,
        command: &str,
        class: u16,
        until: Instant,
    ) -> Result<Reply, Failure> {
        self.write(stage, command.as_bytes(), until).await?;
        self.expect(stage, class, until).await
    }

    /// Nobody may answer before we asked: each reply would pass for the one before it. A relay that
    /// hangs up on its own accord (421) or refuses the text before it has all of it is understood.
    async fn must_be_silent(&mut self, stage: Stage, until: Instant) -> Result<(), Failure> {
        if self.inbox.is_empty() {
            if self.line.is_quiet() {
                return Ok(());
            }
            self.inbox.reserve(READ_AHEAD);
            // Under TLS it may be something between the two ends of the line, and no reply.
            let more = self.line.read_buf(&mut self.inbox).now_or_never();
            if more.is_none() && self.line.is_encrypted() {
                return Ok(());
            }
            if matches!(more, Some(Ok(0) | Err(_))) {
                return Err(Failure::at(stage, Answer::Closed));
            }
        }
        let limit = until.min(Instant::now() + self.target.timeouts.command);
        let reply = self.read(stage, limit).await?;
        let answer = match (reply.class(), reply.code()) {
            (_, 421) => Answer::Reply(reply),
            (4 | 5, _) if stage == Stage::Body => Answer::Reply(reply),
            _ => Answer::Unreadable,
        };
        Err(Failure::at(stage, answer))
    }

    async fn write(&mut self, stage: Stage, bytes: &[u8], until: Instant) -> Result<(), Failure> {
        self.must_be_silent(stage, until).await?;
        let limit = until.min(Instant::now() + self.target.timeouts.command);
        let line = &mut self.line;
        let written = closed(async move {
            line.write_all(bytes).await?;
            line.flush().await
        });
        within(limit, stage, written).await
    }

    pub(super) async fn expect(
        &mut self,
        stage: Stage,
        class: u16,
        until: Instant,
    ) -> Result<Reply, Failure> {
        let limit = until.min(Instant::now() + self.target.timeouts.command);
        let reply = self.read(stage, limit).await?;
        if reply.class() == class {
            Ok(reply)
        } else {
            Err(Failure::at(stage, Answer::Reply(reply)))
        }
    }

    async fn read(&mut self, stage: Stage, limit: Instant) -> Result<Reply, Failure> {
        loop {
            match take_reply(&mut self.inbox) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(_unreadable) => return Err(Failure::at(stage, Answer::Unreadable)),
            }
            self.inbox.reserve(READ_AHEAD);
            let more = self.line.read_buf(&mut self.inbox);
            if within(limit, stage, closed(more)).await? == 0 {
                return Err(Failure::at(stage, Answer::Closed));
            }
        }
    }
}

/// A refusal leaves the dialogue in step; 421 says that the relay hangs up.
fn is_refusal(answer: &Answer) -> bool {
    match answer {
        Answer::Reply(reply) => matches!(reply.class(), 4 | 5) && reply.code() != 421,
        Answer::Closed
        | Answer::TimedOut
        | Answer::Unreadable
        | Answer::Unreachable
        | Answer::NoSuchHost
        | Answer::TlsFailed
        | Answer::NotOffered
        | Answer::Late => false,
    }
}

async fn closed<T>(io: impl Future<Output = io::Result<T>>) -> Result<T, Answer> {
    io.await.map_err(|_broken| Answer::Closed)
}

pub(super) async fn within<T>(
    limit: Instant,
    stage: Stage,
    step: impl Future<Output = Result<T, Answer>>,
) -> Result<T, Failure> {
    match timeout_at(limit, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(answer)) => Err(Failure::at(stage, answer)),
        Err(_elapsed) => Err(Failure::at(stage, Answer::TimedOut)),
    }
}
