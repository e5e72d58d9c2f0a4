//! What the loops work with: the ports, the agencies, the routes and the numbers of the policy.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::address_limit::AddressLimits;
use crate::domain::audit::AuditKeys;
use crate::domain::health::Rules;
use crate::domain::ids::{AgencyId, AgencyNo, WorkerId};
use crate::domain::kinds::{Channel, Class};
use crate::domain::opt_out::OptOutKey;
use crate::domain::org_number::OrgNumber;
use crate::domain::pace::Rate;
use crate::domain::retry::RetryPolicy;
use crate::domain::secret_key::SecretKey;
use crate::domain::window::DayWindow;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::entropy::Entropy;
use crate::ports::gateway::Gateway;
use crate::ports::population::PopulationRegister;
use crate::ports::register::ContactRegister;
use crate::ports::store::Store;

use super::changed::Changed;
use super::fleet_clock::FleetClock;
use super::line::Lines;
use super::opt_outs::OptOutLists;
use super::share;
use super::trail::Trail;

/// An agency as the pipeline knows it.
#[derive(Debug, Clone)]
pub struct Agency {
    /// Its number in the store.
    pub no: AgencyNo,
    /// Its id.
    pub id: AgencyId,
    /// Its organisation number.
    pub org_number: OrgNumber,
    /// Which classes it may send.
    pub classes: Vec<Class>,
    /// The sender of its SMS.
    pub sms_sender: String,
    /// The sender of its e-mail, for example `Oslo kommune <varsel@oslo.example>`.
    pub email_from: String,
    /// Its share within a lane.
    pub weight: u32,
    /// Its own rate of SMS parts, over all gateways of the fleet.
    pub sms_rate: Option<Rate>,
    /// Its own rate of e-mails, over all relays of the fleet.
    pub email_rate: Option<Rate>,
    /// SMS parts and e-mails that it may have accepted as urgent within any 60 minutes.
    pub urgent_per_hour: u32,
    /// Its hours of the window `daytime`.
    pub hours: DayWindow,
    /// Four digits; what a street audience may reach.
    pub municipality: Option<String>,
}

impl Agency {
    /// Its own rate on a channel.
    pub const fn rate(&self, channel: Channel) -> Option<Rate> {
        match channel {
            Channel::Sms => self.sms_rate,
            Channel::Email => self.email_rate,
        }
    }
}

/// The agencies, by number and id.
#[derive(Debug, Default)]
pub struct Directory {
    by_no: HashMap<AgencyNo, Arc<Agency>>,
    by_id: HashMap<AgencyId, Arc<Agency>>,
    by_org: HashMap<OrgNumber, Arc<Agency>>,
    order: Vec<AgencyNo>,
}

impl Directory {
    /// The directory of these agencies.
    pub fn new(agencies: Vec<Agency>) -> Self {
        let mut directory = Self::default();
        for agency in agencies {
            let agency = Arc::new(agency);
            directory.order.push(agency.no);
            directory
                .by_id
                .insert(agency.id.clone(), Arc::clone(&agency));
            directory
                .by_org
                .insert(agency.org_number.clone(), Arc::clone(&agency));
            directory.by_no.insert(agency.no, agency);
        }
        directory
    }

    /// By number.
    pub fn by_no(&self, no: AgencyNo) -> Option<&Arc<Agency>> {
        self.by_no.get(&no)
    }

    /// By id.
    pub fn by_id(&self, id: &AgencyId) -> Option<&Arc<Agency>> {
        self.by_id.get(id)
    }

    /// By organisation number; of several with the same one, the last.
    pub fn by_org(&self, number: &OrgNumber) -> Option<&Arc<Agency>> {
        self.by_org.get(number)
    }

    /// All numbers, in the order of the configuration.
    pub fn numbers(&self) -> &[AgencyNo] {
        &self.order
    }
}

/// A gateway or relay with its rate.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name; also the name of its bucket.
    pub name: String,
    /// The adapter.
    pub gateway: Arc<dyn Gateway>,
    /// The fleet's rate.
    pub rate: Rate,
    /// Its share among the healthy ones of its channel.
    pub weight: u32,
    /// One deadline around everything of a try.
    pub deadline: Duration,
}

/// The gateways and relays.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// SMS gateways.
    pub sms: Vec<Route>,
    /// E-mail relays.
    pub email: Vec<Route>,
}

impl Routes {
    /// Those of a channel.
    pub fn on(&self, channel: Channel) -> &[Route] {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// The numbers of the policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Back-off of SMS.
    pub retry_sms: RetryPolicy,
    /// Back-off of e-mail.
    pub retry_email: RetryPolicy,
    /// How long an unknown SMS try waits for a receipt.
    pub unknown_sms: Duration,
    /// How long an unknown e-mail try waits for a receipt or bounce.
    pub unknown_email: Duration,
    /// A worker without a heartbeat for so long is dead.
    pub worker_dead: Duration,
    /// How often a worker says that it lives.
    pub heartbeat: Duration,
    /// No slot further ahead than this; lanes normal and bulk.
    pub slots_ahead: Duration,
    /// The same for the urgent lane.
    pub slots_ahead_urgent: Duration,
    /// A slot later than this is given up.
    pub slot_tolerance: Duration,
    /// How many deliveries of one agency, lane and channel are held ready at most.
    pub hold_per_agency: usize,
    /// How many deliveries are held ready on one channel at most.
    pub hold_per_channel: usize,
    /// Deliveries held longer than this are handed back.
    pub hold_for: Duration,
    /// Answers of the register are used so long.
    pub register_fresh: Duration,
    /// The longest pause between two polls of an idle fleet.
    pub poll_max: Duration,
    /// Synthetic identity numbers are accepted, real ones are not.
    pub allow_synthetic: bool,
    /// Waiting raises a lane after this.
    pub raise_lane_after: Duration,
    /// What one address may get.
    pub address_limits: AddressLimits,
    /// When gateways are left alone, and how traffic shifts between them.
    pub health: Rules,
}

impl Policy {
    /// The back-off of a channel.
    pub const fn retry(&self, channel: Channel) -> &RetryPolicy {
        match channel {
            Channel::Sms => &self.retry_sms,
            Channel::Email => &self.retry_email,
        }
    }

    /// How long an unknown try of a channel waits.
    pub const fn unknown(&self, channel: Channel) -> Duration {
        match channel {
            Channel::Sms => self.unknown_sms,
            Channel::Email => self.unknown_email,
        }
    }
}

/// Within a process each step wakes the next at once; polling is the truth.
#[derive(Debug, Default)]
pub struct Bells {
    /// Something may be due.
    pub due: Notify,
    /// Something is ready, or there is room again.
    pub ready: Notify,
    /// There is room in the ready set.
    pub room: Notify,
    /// Events were written.
    pub events: Notify,
    /// A try was settled for which a receipt may be parked.
    pub receipts: Notify,
    /// A gateway's health changed enough to be told at once.
    pub health: Notify,
}

/// What every loop works with.
#[derive(Debug)]
pub struct Deps {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Who the recipients are.
    pub register: Arc<dyn ContactRegister>,
    /// Who lives where.
    pub population: Arc<dyn PopulationRegister>,
    /// Time: the fleet's.
    pub clock: Arc<dyn Clock>,
    /// The same clock, to tell it the store's time.
    pub fleet_clock: Arc<FleetClock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The agencies.
    pub directory: Directory,
    /// The gateways and relays.
    pub routes: Routes,
    /// The same, with what this process knows of them.
    pub lines: Lines,
    /// The numbers.
    pub policy: Policy,
    /// The trail of look-ups.
    pub trail: Trail,
    /// Persons of whom older answers must not be used.
    pub changed: Changed,
    /// The agencies' opt-out lists.
    pub opt_outs: OptOutLists,
    /// Wake-ups.
    pub bells: Bells,
    /// Stop taking new work.
    pub stop: CancellationToken,
    /// Where tasks are spawned, so that the end can wait for them.
    pub tracker: TaskTracker,
    /// This run's worker, replaced when the reaper took it for dead.
    worker: AtomicI64,
    /// Until when (steady clock, microseconds) nobody can take this worker for dead.
    alive_until: AtomicU64,
}

/// Everything that [`Deps`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// See [`Deps::store`].
    pub store: Arc<dyn Store>,
    /// See [`Deps::register`].
    pub register: Arc<dyn ContactRegister>,
    /// See [`Deps::population`].
    pub population: Arc<dyn PopulationRegister>,
    /// The machine's clock, of which [`Deps::clock`] is made.
    pub clock: Arc<dyn Clock>,
    /// See [`Deps::entropy`].
    pub entropy: Arc<dyn Entropy>,
    /// See [`Deps::directory`].
    pub directory: Directory,
    /// See [`Deps::routes`].
    pub routes: Routes,
    /// See [`Deps::policy`].
    pub policy: Policy,
    /// This run's worker.
    pub worker: WorkerId,
    /// What persons are recognised by in the audit.
    pub key: SecretKey,
}

impl Deps {
    /// Puts the parts together.
    pub fn new(parts: Parts, stop: CancellationToken, tracker: TaskTracker) -> Self {
        let fleet_clock = Arc::new(FleetClock::new(parts.clock));
        let lines = Lines::of(&parts.routes, fleet_clock.monotonic());
        let clock = Arc::clone(&fleet_clock) as Arc<dyn Clock>;
        let keys = AuditKeys::new(&parts.key);
        Self {
            trail: Trail::new(Arc::clone(&parts.store), Arc::clone(&clock), keys),
            opt_outs: OptOutLists::new(OptOutKey::new(&parts.key)),
            store: parts.store,
            register: parts.register,
            population: parts.population,
            clock,
            fleet_clock,
            entropy: parts.entropy,
            directory: parts.directory,
            lines,
            routes: parts.routes,
            policy: parts.policy,
            changed: Changed::default(),
            bells: Bells::default(),
            stop,
            tracker,
            worker: AtomicI64::new(parts.worker.0),
            alive_until: AtomicU64::new(0),
        }
    }

    /// This run's worker.
    pub fn worker(&self) -> WorkerId {
        WorkerId(self.worker.load(Ordering::Acquire))
    }

    /// The reaper took the worker for dead: go on as a new one.
    pub fn set_worker(&self, worker: WorkerId) {
        self.worker.store(worker.0, Ordering::Release);
    }

    /// How many may be held ready on a channel. What one worker holds no other can send, and while it
    /// holds the last of a lane the others go on with the next lane: so it is never much.
    pub fn room(&self, channel: Channel) -> usize {
        let lines = self.lines.on(channel);
        let rate = lines.iter().map(|line| line.route.rate.per_second()).sum();
        let workers = lines.iter().map(|line| line.vitals.workers()).max();
        let pace = lines.iter().map(|line| line.pace()).sum();
        let carried = share::room(rate, workers.unwrap_or(1), self.policy.hold_for, pace);
        carried.min(self.policy.hold_per_channel)
    }

    /// The store knows that this worker lives; nobody takes it for dead before `until`.
    pub fn set_alive(&self, until: Monotonic) {
        self.alive_until.store(until.0, Ordering::Release);
    }

    /// Until when nobody can take this worker for dead.
    pub fn alive_until(&self) -> Monotonic {
        Monotonic(self.alive_until.load(Ordering::Acquire))
    }

    /// Whether nobody can have taken this worker for dead yet: the condition of every first byte
    /// . A machine that was suspended finds out here.
    pub fn is_alive(&self, now: Monotonic) -> bool {
        now.0 < self.alive_until.load(Ordering::Acquire)
    }

    /// Sleeps, or returns early (`false`) when stopping was asked for.
    pub async fn pause(&self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.clock.sleep(duration) => true,
        }
    }
}
