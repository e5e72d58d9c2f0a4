//! Claims due deliveries, loads their jobs, resolves and plans them, and fills the ready set.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::coop::consume_budget;

use crate::domain::ids::JobNo;
use crate::domain::job::KnownTexts;
use crate::domain::kinds::{Channel, Lane};
use crate::domain::opt_out::OptedOut;
use crate::ports::store::{Claim, JobRecord, StoreError, Want};
use crate::telemetry::record;

use super::deps::Deps;
use super::gather::Gather;
use super::give_back::give_back;
use super::household::turns;
use super::later::{bind, stuck};
use super::letters::Decided;
use super::people::{Begun, chunk_of};
use super::ready::{Held, LoadedJob, ReadySet};
use super::resolve::Resolver;
use super::settle::Settler;
use super::share::{self, Holding};
use super::side::Pile;

/// A claim of so many is a large one.
const FULL: usize = 500;

/// Under load the next claim begins so long after the last one.
const GROWS: Duration = Duration::from_millis(100);

/// How often the ready set and the register's answers are looked through.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Claims and plans.
#[derive(Debug)]
pub struct Claimer {
    deps: Arc<Deps>,
    ready: Arc<ReadySet>,
    settler: Settler,
    resolver: Resolver,
    texts: Mutex<KnownTexts>,
    begun: Begun,
    busy: Mutex<HashSet<Pile>>,
    /// A claim failed, and its commit may have taken effect all the same.
    in_doubt: AtomicBool,
}

impl Claimer {
    /// A claimer that fills `ready`.
    pub fn new(deps: Arc<Deps>, ready: Arc<ReadySet>, settler: Settler) -> Self {
        let resolver = Resolver::new(Arc::clone(&deps));
        Self {
            deps,
            ready,
            settler,
            resolver,
            texts: Mutex::default(),
            begun: Begun::default(),
            busy: Mutex::default(),
            in_doubt: AtomicBool::new(false),
        }
    }

    /// Claims until stopping is asked for. An idle fleet polls with growing pauses and is woken at
    /// once by its own process.
    pub async fn run(self: Arc<Self>) {
        let least = Duration::from_millis(20);
        let mut pause = least;
        let mut tidied = self.deps.clock.monotonic();
        let mut gather = Gather::new(FULL, GROWS);
        while !self.deps.stop.is_cancelled() {
            if self.deps.clock.monotonic().since(tidied) >= TIDY_EVERY {
                tidied = self.deps.clock.monotonic();
                self.tidy().await;
            }
            let bell = self.deps.bells.due.notified();
            let room = self.deps.bells.room.notified();
            let full = self.is_full();
            let wants = self.wants();
            let began = self.deps.clock.monotonic();
            let claimed = if wants.is_empty() {
                Ok(0)
            } else {
                self.round(&wants).await
            };
            gather.began(began, claimed.as_ref().map_or(0, |count| *count));
            match claimed {
                Ok(0) => {
                    let nap = pause.mul_f64(0.75 + 0.5 * self.deps.entropy.unit());
                    pause = (pause * 2).min(self.deps.policy.poll_max);
                    tokio::select! {
                        biased;
                        () = self.deps.stop.cancelled() => {}
                        () = bell => pause = least,
                        () = room, if full => pause = least,
                        () = self.deps.clock.sleep(nap) => {}
                    }
                }
                Ok(_) => {
                    pause = least;
                    self.deps
                        .pause(gather.left(self.deps.clock.monotonic()))
                        .await;
                }
                Err(error) => {
                    self.in_doubt.store(true, Ordering::Relaxed);
                    record::store_error("claim");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot claim; trying again"
                    );
                    self.deps.pause(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Hands back what was held too long for its turn to come, or for gateways that may not be used,
    /// and forgets old answers of the register.
    async fn tidy(&self) {
        for settlement in stuck(&self.deps, &self.ready) {
            self.settler.settle(settlement).await;
        }
        self.resolver.tidy().await;
        self.find_strays().await;
        let now = self.deps.clock.monotonic();
        self.begun.forget_before(now.minus(TIDY_EVERY));
        let limit = now.minus(self.deps.policy.hold_for);
        let late = self.ready.drain_held_before(Some(limit));
        if late.is_empty() {
            return;
        }
        let late: Vec<_> = late
            .iter()
            .map(|ready| (ready.held.claimed.delivery, ready.held.claim))
            .collect();
        tracing::debug!(
            deliveries = late.len(),
            "handing back what was held too long"
        );
        give_back(&self.deps, &late, None).await;
    }

    /// What a claim in doubt took and nobody holds goes back. Everything that is held legitimately is
    /// younger than this, or has an open try; should something be older all the same, its claim is
    /// over and it is fenced.
    async fn find_strays(&self) {
        if !self.in_doubt.load(Ordering::Relaxed) {
            return;
        }
        let old = self.deps.policy.hold_for + Duration::from_mins(1);
        let found = self
            .deps
            .store
            .hand_back_strays(self.deps.worker(), old, &[])
            .await;
        if let Ok(strays) = found
            && strays > 0
        {
            tracing::warn!(
                deliveries = strays,
                "found deliveries of a claim whose commit was in doubt"
            );
        }
    }

    /// Whether a channel has too little room for more of those that have enough in hand.
    fn is_full(&self) -> bool {
        let is_full = |channel: &Channel| {
            share::is_full(self.deps.room(*channel), self.ready.claimed_on(*channel))
        };
        Channel::ALL.iter().any(is_full)
    }

    /// How much of each agency and lane on each channel to claim.
    fn wants(&self) -> Vec<Want> {
        let busy = self.busy.lock();
        let mut wants = Vec::new();
        for channel in Channel::ALL {
            let room = self.deps.room(*channel);
            let mut piles: Vec<Pile> = Vec::new();
            let mut holdings = Vec::new();
            for lane in Lane::ALL {
                for agency in self.deps.directory.numbers() {
                    let pile = (*agency, *lane, *channel);
                    piles.push(pile);
                    holdings.push(self.holding(pile, room, busy.contains(&pile)));
                }
            }
            // What is passed over for its agency's own rate is little, and takes nobody's room.
            let held = self.ready.claimed_on(*channel);
            let limits = share::limits(room, held, &holdings);
            let asked = piles
                .into_iter()
                .zip(limits)
                .filter(|(_, limit)| *limit > 0);
            wants.extend(asked.map(|((agency, lane, channel), limit)| Want {
                agency,
                lane,
                channel,
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
            }));
        }
        wants
    }

    /// Who got as many as were asked for has more.
    fn remember(&self, wants: &[Want], claim: &Claim) {
        let mut found: HashMap<Pile, u32> = HashMap::new();
        for claimed in &claim.deliveries {
            let pile = (claimed.agency, claimed.lane, claimed.delivery.channel());
            *found.entry(pile).or_default() += 1;
        }
        let mut busy = self.busy.lock();
        for want in wants {
            let pile = (want.agency, want.lane, want.channel);
            if found.get(&pile).copied().unwrap_or_default() >= want.limit {
                busy.insert(pile);
            } else {
                busy.remove(&pile);
            }
        }
    }

    /// What is held of a pile, and how much may be. Of an agency with a rate of its own no more than
    /// it can send before it would be handed back.
    fn holding(&self, (agency, lane, channel): Pile, room: usize, busy: bool) -> Holding {
        let policy = &self.deps.policy;
        let known = self.deps.directory.by_no(agency);
        let own = known.and_then(|agency| agency.rate(channel));
        let at_most = policy.hold_per_agency.min(room);
        let at_most = own.map_or(at_most, |rate| {
            let sent = rate.per_second() * policy.hold_for.as_secs_f64() / 2.0;
            (sent as usize).clamp(1, at_most)
        });
        Holding {
            weight: known.map_or(1, |agency| agency.weight),
            held: self.ready.claimed(agency, lane, channel),
            at_most,
            busy,
        }
    }

    /// One claim, from the store to the ready set. Returns how many were claimed.
    async fn round(&self, wants: &[Want]) -> Result<usize, StoreError> {
        let asked = self.deps.clock.monotonic();
        let claim = self.deps.store.claim(self.deps.worker(), wants).await?;
        record::claim_took(self.deps.clock.monotonic().since(asked));
        let count = claim.deliveries.len();
        self.remember(wants, &claim);
        if count == 0 {
            return Ok(0);
        }
        record::claimed(count);
        let held = match self.load(&claim).await {
            Ok(held) => held,
            Err(error) => {
                self.give_all_back(&claim).await;
                return Err(error);
            }
        };
        if let Err(error) = self.lists().await {
            self.give_all_back(&claim).await;
            return Err(error);
        }
        self.admit(held).await;
        Ok(count)
    }

    /// Resolves, plans, and puts what may go into the ready set.
    pub async fn admit(&self, held: Vec<Held>) {
        let (resolved, settled) = self.resolver.resolve(held).await;
        let now = self.deps.clock.now();
        let mut decided = Decided::default();
        for mut held in resolved {
            // Whole thousands are planned here, and others have slots to keep.
            consume_budget().await;
            held.opted_out = self.deps.opt_outs.of(&held);
            decided.add(&self.deps, held, now);
        }
        let (ready, mut shut) = decided.file(&self.deps, now).await;
        shut.extend(settled);
        self.ready.push(ready);
        self.deps.bells.ready.notify_waiters();
        for settlement in shut {
            self.settler.settle(settlement).await;
        }
    }

    /// Brings the opt-out lists up to date.
    async fn lists(&self) -> Result<(), StoreError> {
        let deps = &self.deps;
        let lists = deps.opt_outs.refresh(&*deps.store, &*deps.clock);
        lists.await
    }

    async fn give_all_back(&self, claim: &Claim) {
        let all: Vec<_> = claim
            .deliveries
            .iter()
            .map(|c| (c.delivery, claim.id))
            .collect();
        let soon = self.deps.clock.now().plus(Duration::from_secs(5));
        give_back(&self.deps, &all, Some(soon)).await;
    }

    /// The claimed deliveries with their jobs and recipients.
    async fn load(&self, claim: &Claim) -> Result<Vec<Held>, StoreError> {
        let mut jobs: Vec<JobNo> = claim.deliveries.iter().map(|c| c.delivery.job()).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let mut chunks: Vec<(JobNo, u16)> = claim
            .deliveries
            .iter()
            .map(|c| chunk_of(c.delivery))
            .collect();
        chunks.sort_unstable();
        chunks.dedup();
        let (in_hand, missing) = self.begun.find(&chunks);
        let (records, loaded) = self.deps.store.load(&jobs, &missing).await?;
        let jobs: HashMap<JobNo, Arc<LoadedJob>> = records
            .into_iter()
            .filter_map(|record| Some((record.no, self.loaded(record)?)))
            .collect();
        let since = self.deps.clock.monotonic();
        let deliveries = claim.deliveries.iter().map(|c| c.delivery);
        let people = self.begun.people(deliveries, in_hand, loaded, since);
        let mut held = Vec::with_capacity(claim.deliveries.len());
        let mut lost = Vec::new();
        for claimed in &claim.deliveries {
            consume_budget().await;
            let job = jobs.get(&claimed.delivery.job()).cloned();
            let Some((job, recipient)) = job.zip(people.of(claimed.delivery)) else {
                lost.push((claimed.delivery, claim.id));
                continue;
            };
            held.push(Held {
                claimed: *claimed,
                claim: claim.id,
                job,
                reference: recipient.reference,
                to: recipient.to,
                values: recipient.values,
                after: recipient.after,
                contact: None,
                opted_out: OptedOut::NOTHING,
                through: None,
                since,
            });
        }
        if !lost.is_empty() {
            tracing::error!(
                deliveries = lost.len(),
                "claimed deliveries have no job or agency in the configuration; they wait an hour"
            );
            let later = self.deps.clock.now().plus(Duration::from_hours(1));
            give_back(&self.deps, &lost, Some(later)).await;
        }
        let (held, homeless) = bind(&self.deps, held).await?;
        let (held, behind) = turns(&self.deps, held).await?;
        for settlement in homeless.into_iter().chain(behind) {
            self.settler.settle(settlement).await;
        }
        Ok(held)
    }

    fn loaded(&self, record: JobRecord) -> Option<Arc<LoadedJob>> {
        let agency = Arc::clone(self.deps.directory.by_no(record.agency)?);
        let message = record.message.as_ref();
        let templates = message.and_then(|message| self.texts.lock().compile(message).ok());
        let name = Arc::new(record.name.clone());
        Some(Arc::new(LoadedJob {
            agency,
            record,
            templates,
            name,
        }))
    }
}
