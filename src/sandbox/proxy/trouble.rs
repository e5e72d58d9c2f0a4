//! What a proxy can do to its connections.

use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From whoever connected.
    Request,
    /// To whoever connected.
    Reply,
}

/// How a connection is ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As if the other side had closed it.
    Close,
    /// As if the other side's machine had forgotten it: a TCP reset.
    Reset,
}

/// What happens to every connection, those that stand included, from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Every piece is held up for so long, in both directions.
    Delay(Duration),
    /// No more than so many bytes per second and direction.
    Trickle(u32),
    /// Bytes of one direction disappear; the connection stands, and is reset when the trouble is over:
    /// TCP never carries what comes after a gap (RFC 9293, 3.10.7.4), so no program has to cope with it.
    Swallow(Direction),
    /// After so many bytes in one direction, counted from the connection's beginning, it is ended.
    CutAfter {
        /// Which direction is counted.
        direction: Direction,
        /// How many still arrive.
        bytes: u64,
        /// How it ends.
        ending: Ending,
    },
    /// Nothing arrives in either direction; connections stand, and new ones are taken.
    BlackHole,
    /// Every connection is reset, new ones at once.
    Refuse,
}
