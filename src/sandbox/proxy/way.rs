//! One direction of one connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::counters::Counters;
use super::trouble::{Direction, Ending, Trouble};

/// A piece is at most so large, so that slowness is smooth.
const PIECE: usize = 16 * 1024;

/// How a direction came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The sender has nothing more to say.
    Done,
    /// The proxy ends the connection.
    Cut(Ending),
}

/// One direction.
pub(super) struct Way<'a> {
    pub(super) direction: Direction,
    pub(super) from: ReadHalf<'a>,
    pub(super) to: WriteHalf<'a>,
    pub(super) trouble: watch::Receiver<Trouble>,
    pub(super) counters: Counters,
}

impl Way<'_> {
    /// Carries bytes until one side is done or the trouble ends the connection.
    pub(super) async fn carry(mut self) -> io::Result<End> {
        let mut piece = vec![0; PIECE];
        let mut arrived: u64 = 0;
        let mut has_gap = false;
        loop {
            let trouble = *self.trouble.borrow_and_update();
            if has_gap && trouble != Trouble::Swallow(self.direction) {
                return Ok(End::Cut(Ending::Reset));
            }
            if let Some(end) = self.ended(trouble, arrived) {
                return Ok(end);
            }
            if trouble == Trouble::BlackHole {
                changed(&mut self.trouble).await;
                continue;
            }
            let size = self.size(trouble, arrived);
            let read = tokio::select! {
                biased;
                () = changed(&mut self.trouble) => continue,
                read = self.from.read(&mut piece[..size]) => read?,
            };
            if read == 0 && trouble == Trouble::Swallow(self.direction) {
                // Not even the end arrives.
                changed(&mut self.trouble).await;
                continue;
            }
            if read == 0 {
                self.to.shutdown().await?;
                return Ok(End::Done);
            }
            if trouble == Trouble::Swallow(self.direction) {
                self.counters.swallow(read);
                has_gap = true;
                continue;
            }
            tokio::time::sleep(hold_up(trouble, read)).await;
            self.to.write_all(&piece[..read]).await?;
            self.counters.pass(read);
            arrived += read as u64;
        }
    }

    fn ended(&self, trouble: Trouble, arrived: u64) -> Option<End> {
        match trouble {
            Trouble::Refuse => Some(End::Cut(Ending::Reset)),
            Trouble::CutAfter {
                direction,
                bytes,
                ending,
            } if direction == self.direction && arrived >= bytes => Some(End::Cut(ending)),
            Trouble::None
            | Trouble::Delay(_)
            | Trouble::Trickle(_)
            | Trouble::Swallow(_)
            | Trouble::CutAfter { .. }
            | Trouble::BlackHole => None,
        }
    }

    /// How much is read at once: no more than may still arrive, or than a tenth of a second takes.
    fn size(&self, trouble: Trouble, arrived: u64) -> usize {
        match trouble {
            Trouble::CutAfter {
                direction, bytes, ..
            } if direction == self.direction => {
                usize::try_from(bytes - arrived).map_or(PIECE, |left| left.clamp(1, PIECE))
            }
            Trouble::Trickle(rate) => (rate as usize / 10).clamp(1, PIECE),
            Trouble::None
            | Trouble::Delay(_)
            | Trouble::Swallow(_)
            | Trouble::CutAfter { .. }
            | Trouble::BlackHole
            | Trouble::Refuse => PIECE,
        }
    }
}

/// Waits for other trouble; for ever when the proxy is gone, whose tasks are ended then.
async fn changed(trouble: &mut watch::Receiver<Trouble>) {
    if trouble.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn hold_up(trouble: Trouble, bytes: usize) -> Duration {
    match trouble {
        Trouble::Delay(time) => time,
        Trouble::Trickle(rate) => Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1))),
        Trouble::None
        | Trouble::Swallow(_)
        | Trouble::CutAfter { .. }
        | Trouble::BlackHole
        | Trouble::Refuse => Duration::ZERO,
    }
}
