//! Which faults there are.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    Kill,
    WireKill,
    Zombie,
    Signals,
    BrokerKill,
    Alarms,
    Poison,
    Unroutable,
    Identity,
    Repeats,
    DatabaseKill,
    Snapshot,
    DiskFull,
    Partition,
    Swallow,
    GatewayDown,
    Smtp,
    Receipts,
    Clock,
    ComeAndGo,
}

impl Case {
    /// In the order of their numbers.
    pub(crate) const ALL: [Self; 20] = [
        Self::Kill,
        Self::WireKill,
        Self::Zombie,
        Self::Signals,
        Self::BrokerKill,
        Self::Alarms,
        Self::Poison,
        Self::Unroutable,
        Self::Identity,
        Self::Repeats,
        Self::DatabaseKill,
        Self::Snapshot,
        Self::DiskFull,
        Self::Partition,
        Self::Swallow,
        Self::GatewayDown,
        Self::Smtp,
        Self::Receipts,
        Self::Clock,
        Self::ComeAndGo,
    ];

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Kill => ("kill", "C-1", "workers are killed with -9"),
            Self::WireKill => (
                "wire-kill",
                "C-3",
                "workers are killed while messages are on the wire",
            ),
            Self::Zombie => (
                "zombie",
                "C-4",
                "workers are paused until they count as dead, and go on",
            ),
            Self::Signals => ("signals", "C-6", "workers are told to stop, once and twice"),
            Self::BrokerKill => (
                "broker-kill",
                "C-8",
                "the broker is killed with -9 and started",
            ),
            Self::Alarms => ("alarms", "C-10", "the broker's memory and disk alarms"),
            Self::Poison => ("poison", "C-12", "messages that are no jobs"),
            Self::Unroutable => ("unroutable", "C-14", "an agency's events queue is unbound"),
            Self::Identity => ("identity", "C-15", "an agency pretends to be another"),
            Self::Repeats => (
                "repeats",
                "C-16",
                "jobs are published again, with the same and other content",
            ),
            Self::DatabaseKill => (
                "database-kill",
                "C-17",
                "the database is killed with -9 and started",
            ),
            Self::Snapshot => (
                "snapshot",
                "C-19",
                "somebody holds an old snapshot of the database",
            ),
            Self::DiskFull => (
                "disk-full",
                "C-22",
                "the database's disk is full for a while",
            ),
            Self::Partition => (
                "partition",
                "C-25",
                "slow, broken and half broken connections to everything",
            ),
            Self::Swallow => (
                "swallow",
                "C-27",
                "the gateway takes messages and its answers are lost",
            ),
            Self::GatewayDown => (
                "gateway-down",
                "C-28",
                "the gateway is away, and comes back",
            ),
            Self::Smtp => ("smtp", "C-30", "the relay misbehaves at every stage"),
            Self::Receipts => (
                "receipts",
                "C-31",
                "receipts early, late, twice, reversed, of strangers",
            ),
            Self::Clock => ("clock", "C-34", "the workers' wall clocks jump"),
            Self::ComeAndGo => ("come-and-go", "C-37", "workers come and go in order"),
        }
    }

    /// The word on the command line.
    pub(crate) const fn name(self) -> &'static str {
        self.words().0
    }

    /// The number in the matrix of faults.
    pub(crate) const fn number(self) -> &'static str {
        self.words().1
    }

    /// What happens.
    pub(crate) const fn about(self) -> &'static str {
        self.words().2
    }

    /// Whether a word means this case.
    pub(crate) fn is_called(self, word: &str) -> bool {
        self.name() == word || self.number().eq_ignore_ascii_case(word)
    }

    /// Whether somebody dies, or the wire breaks, so that tries may become unknown.
    pub(crate) const fn is_ambiguous(self) -> bool {
        match self {
            Self::Kill
            | Self::WireKill
            | Self::Zombie
            | Self::Signals
            | Self::DatabaseKill
            | Self::DiskFull
            | Self::Partition
            | Self::Swallow
            | Self::GatewayDown
            | Self::Smtp
            | Self::Receipts => true,
            Self::BrokerKill
            | Self::Alarms
            | Self::Poison
            | Self::Unroutable
            | Self::Identity
            | Self::Repeats
            | Self::Snapshot
            | Self::Clock
            | Self::ComeAndGo => false,
        }
    }

    /// What must have been seen, by the names under which it is counted, or the case shows nothing
    /// (I-17).
    pub(crate) const fn must_see(self) -> &'static [&'static str] {
        match self {
            Self::Kill | Self::WireKill => &["kills"],
            Self::Zombie => &["pauses", "workers that learned that they count as dead"],
            Self::Signals => &["signals", "double signals"],
            Self::BrokerKill => &["kills of the broker"],
            Self::Alarms => &["memory alarms", "disk alarms"],
            Self::Poison => &["poisonous messages"],
            Self::Unroutable => &["unbound queues"],
            Self::Identity => &["forged messages"],
            Self::Repeats => &["repeats", "conflicts"],
            Self::DatabaseKill => &["kills of the database"],
            Self::Snapshot => &["held snapshots"],
            Self::DiskFull => &["full disks", "statements without room"],
            Self::Partition => &[
                "delays",
                "trickles",
                "swallowed directions",
                "cuts",
                "black holes",
                "refusals",
            ],
            Self::Swallow => &["swallowed replies", "hangs", "resets", "502s"],
            Self::GatewayDown => &["outages"],
            Self::Smtp => &["SMTP faults", "of them at the final dot"],
            Self::Receipts => &[
                "strangers' receipts",
                "hangs",
                "resets",
                "502s",
                "told delivered",
                "told failed",
            ],
            Self::Clock => &["jumps"],
            Self::ComeAndGo => &["starts", "stops"],
        }
    }

    /// Whether some try must have become unknown.
    pub(crate) const fn must_be_unknown(self) -> bool {
        match self {
            Self::WireKill | Self::Swallow | Self::Smtp | Self::Receipts => true,
            Self::Kill
            | Self::Zombie
            | Self::Signals
            | Self::DatabaseKill
            | Self::DiskFull
            | Self::Partition
            | Self::GatewayDown
            | Self::BrokerKill
            | Self::Alarms
            | Self::Poison
            | Self::Unroutable
            | Self::Identity
            | Self::Repeats
            | Self::Snapshot
            | Self::Clock
            | Self::ComeAndGo => false,
        }
    }
}
