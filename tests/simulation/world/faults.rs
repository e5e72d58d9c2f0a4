//! What goes wrong in a seed, and when. Each kind of fault is on or off in a seed, so that some
//! worlds have few kinds and show them clearly.

use budstikke::domain::receipt::Receipt;

use super::rng::Rng;

/// Something that happens to the workers, or through them.
#[derive(Debug, Clone)]
pub enum Act {
    /// A process starts in this place.
    Start(usize),
    /// The process of this place is killed.
    Kill(usize),
    /// It is asked to stop.
    Stop(usize),
    /// It has stopped by itself; only if it is still this life.
    Gone(usize, u32),
    /// It does not run for so many microseconds.
    Pause(usize, u64),
    /// It runs again.
    Resume(usize, u32),
    /// Its wall clock is off by so many microseconds from now on.
    Skew(usize, i64),
    /// The store's clock is set by so many microseconds.
    SetStore(i64),
    /// An agency publishes a job to the broker, and has its confirm.
    Publish(usize, String),
    /// An agency offers a job over HTTP, again and again until it is answered.
    Offer(usize, String),
    /// An agency cancels a job.
    Cancel(usize, String),
    /// A letter was opened.
    Opened(usize, String, usize),
    /// An operator stops an agency's traffic, or everybody's.
    Halt(Option<usize>),
    /// And lets it go on.
    GoOn(Option<usize>),
    /// A gateway sends a receipt, again until it is taken.
    Receipt(String, Receipt),
}

/// Which kinds of fault a seed has.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is on or off by itself")]
pub struct Kinds {
    pub kills: bool,
    pub pauses: bool,
    pub stops: bool,
    pub clocks: bool,
    pub store_slow: bool,
    pub store_before: bool,
    pub store_after: bool,
    pub register: bool,
    pub changes: bool,
    pub gateways: bool,
    pub silence: bool,
    pub receipts: bool,
    pub events: bool,
    pub broker: bool,
    pub cancels: bool,
    pub halts: bool,
    pub strikes: bool,
    pub store_clock: bool,
}

impl Kinds {
    pub fn any(rng: &mut Rng) -> Self {
        let calm = rng.chance(0.05);
        let mut on = |p: f64| rng.chance(p) && !calm;
        Self {
            kills: on(0.5),
            pauses: on(0.4),
            stops: on(0.3),
            clocks: on(0.4),
            store_slow: on(0.3),
            store_before: on(0.4),
            store_after: on(0.4),
            register: on(0.4),
            changes: on(0.4),
            gateways: on(0.6),
            silence: on(0.5),
            receipts: on(0.5),
            events: on(0.4),
            broker: on(0.5),
            cancels: on(0.4),
            halts: on(0.2),
            strikes: on(0.5),
            store_clock: on(0.25),
        }
    }

    /// Whether anything goes wrong in this world; what is seldom comes with something else.
    pub fn are_any(self) -> bool {
        let Self {
            kills,
            stops,
            store_slow,
            store_before,
            store_after,
            gateways,
            silence,
            receipts,
            broker,
            ..
        } = self;
        kills
            || stops
            || store_slow
            || store_before
            || store_after
            || gateways
            || silence
            || receipts
            || broker
    }

    pub const NONE: Self = Self {
        kills: false,
        pauses: false,
        stops: false,
        clocks: false,
        store_slow: false,
        store_before: false,
        store_after: false,
        register: false,
        changes: false,
        gateways: false,
        silence: false,
        receipts: false,
        events: false,
        broker: false,
        cancels: false,
        halts: false,
        strikes: false,
        store_clock: false,
    };
}
