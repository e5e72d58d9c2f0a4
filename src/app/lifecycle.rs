//! Starts the loops, watches them, and ends them in order: stop taking work, finish the wires, hand
//! back what was not started, store the last results, publish the last events, say goodbye.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::kinds::Channel;
use crate::pipeline::claim::Claimer;
use crate::pipeline::deps::Deps;
use crate::pipeline::intake::{Intake, intake};
use crate::pipeline::intent::Pump;
use crate::pipeline::jobs_from_broker::BrokerIntake;
use crate::pipeline::parked::Parked;
use crate::pipeline::publish::Publisher;
use crate::pipeline::ready::ReadySet;
use crate::pipeline::receipts::Receipts;
use crate::pipeline::retention::Ages;
use crate::pipeline::settle::{Settler, settling};
use crate::pipeline::{health, heart, reconcile, retention};
use crate::ports::clock::Monotonic;
use crate::ports::event_sink::EventSink;
use crate::ports::job_source::JobSource;

/// While it ends, what is still on the wire is told so often.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// However short the grace: so long for the last results and events, and for the goodbye.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Which parts a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each role is switched on its own"
)]
pub struct Roles {
    /// The HTTP API.
    pub api: bool,
    /// The persons' page, if one is configured.
    pub page: bool,
    /// Taking jobs from the broker.
    pub intake: bool,
    /// Claiming and sending.
    pub dispatch: bool,
    /// Publishing events.
    pub publish: bool,
    /// Dead workers, unknown tries, retention.
    pub housekeeping: bool,
}

impl Roles {
    /// Everything.
    pub const ALL: Self = Self {
        api: true,
        page: true,
        intake: true,
        dispatch: true,
        publish: true,
        housekeeping: true,
    };

    /// Reads a comma-separated list of `api`, `page`, `intake`, `dispatch`, `publish`, `housekeeping`.
    ///
    /// # Errors
    /// The word that is no role.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut roles = Self {
            api: false,
            page: false,
            intake: false,
            dispatch: false,
            publish: false,
            housekeeping: false,
        };
        for word in list
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word {
                "api" => roles.api = true,
                "page" => roles.page = true,
                "intake" => roles.intake = true,
                "dispatch" => roles.dispatch = true,
                "publish" => roles.publish = true,
                "housekeeping" => roles.housekeeping = true,
                "all" => roles = Self::ALL,
                other => return Err(other.to_owned()),
            }
        }
        Ok(roles)
    }
}

/// The broker's two sides.
#[derive(Debug, Clone, Default)]
pub struct Broker {
    /// Jobs in.
    pub source: Option<Arc<dyn JobSource>>,
    /// Events out.
    pub sink: Option<Arc<dyn EventSink>>,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    /// What its loops work with.
    pub deps: Arc<Deps>,
    /// Where jobs are offered.
    pub intake: Intake,
    /// Where receipts are taken in.
    pub receipts: Receipts,
    ready: Arc<ReadySet>,
    /// Keeps the settling loop alive whatever the roles.
    settler: Settler,
    broker: Broker,
    loops: JoinSet<(&'static str, Result<(), String>)>,
    /// Ends what must outlive the wires: heart and publisher.
    end: CancellationToken,
    tails: JoinSet<(&'static str, Result<(), String>)>,
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Asked for, and everything was finished and stored.
    Clean,
    /// Asked for, but something was still on the wire or unstored: it is left as unknown.
    Cut,
    /// A loop ended by itself.
    Broken,
}

impl Worker {
    /// Starts the loops of the roles.
    pub fn start(deps: Deps, name: &str, roles: Roles, broker: Broker, ages: Ages) -> Self {
        let deps = Arc::new(deps);
        let ready = Arc::new(ReadySet::default());
        let end = CancellationToken::new();
        let (settler, settle_loop) = settling(Arc::clone(&deps));
        let (intake, intake_loop) = intake(Arc::clone(&deps));
        let receipts = Receipts::new(Arc::clone(&deps));
        let mut loops = JoinSet::new();
        let mut tails = JoinSet::new();
        let beat = heart::beat(
            Arc::clone(&deps),
            Arc::clone(&ready),
            name.to_owned(),
            end.clone(),
        );
        tails.spawn(named("heart", beat));
        tails.spawn(named("settle", settle_loop.run()));
        // Without a broker there is only the feed.
        if roles.publish
            && let Some(sink) = &broker.sink
        {
            let publisher = Publisher::new(Arc::clone(&deps), Arc::clone(sink));
            let end = end.clone();
            tails.spawn(named("publish", publisher.run(end)));
        }
        loops.spawn(named("intake", intake_loop.run()));
        if roles.intake
            && let Some(source) = &broker.source
        {
            let loop_ = BrokerIntake::new(Arc::clone(&deps), intake.clone(), Arc::clone(source));
            loops.spawn(async move {
                (
                    "broker intake",
                    loop_.run().await.map_err(|error| describe(&error)),
                )
            });
        }
        if roles.dispatch {
            let claimer = Claimer::new(Arc::clone(&deps), Arc::clone(&ready), settler.clone());
            let claimer = Arc::new(claimer);
            for channel in Channel::ALL {
                let pump = Pump::new(
                    Arc::clone(&deps),
                    *channel,
                    Arc::clone(&ready),
                    Arc::clone(&claimer),
                    settler.clone(),
                );
                loops.spawn(named("pump", pump.run()));
            }
            loops.spawn(named("claim", claimer.run()));
            loops.spawn(named("health", health::run(Arc::clone(&deps))));
        }
        if roles.housekeeping {
            let (a, b, c) = (Arc::clone(&deps), Arc::clone(&deps), Arc::clone(&deps));
            loops.spawn(named("reap", heart::reap(a)));
            loops.spawn(named("reconcile", reconcile::run(b, settler.clone())));
            loops.spawn(named("retention", retention::run(c, ages)));
            let parked = Parked::new(receipts.clone());
            loops.spawn(named("receipts", parked.run()));
        }
        Self {
            deps,
            intake,
            receipts,
            ready,
            settler,
            broker,
            loops,
            end,
            tails,
        }
    }

    /// Waits until a loop ends by itself, which none may; returns what is wrong.
    pub async fn broken(&mut self) -> String {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.loops.join_next() => return what(ended),
                Some(ended) = self.tails.join_next() => {
                    return what(ended);
                }
                else => std::future::pending::<()>().await,
            }
        }
    }

    /// Ends in order, within `grace`; `hurry` (a second signal) ends the waiting at once.
    pub async fn stop(mut self, grace: Duration, hurry: CancellationToken) -> Ended {
        let deadline = self.deps.clock.monotonic().plus(grace);
        self.deps.stop.cancel();
        if let Some(source) = &self.broker.source {
            source.stop().await;
        }
        let tracker: TaskTracker = self.deps.tracker.clone();
        tracker.close();
        let mut clean = self.drained(&tracker, deadline, &hurry).await;
        self.hand_back().await;
        let Self {
            deps,
            intake,
            receipts,
            ready,
            settler,
            broker,
            loops,
            end,
            mut tails,
        } = self;
        drop((intake, receipts, ready, settler, broker));
        drop(loops);
        end.cancel();
        let rest = async { while tails.join_next().await.is_some() {} };
        let left = deadline.since(deps.clock.monotonic()).max(LAST_WORDS);
        tokio::select! {
            biased;
            () = rest => {}
            () = hurry.cancelled() => clean = false,
            () = deps.clock.sleep(left) => clean = false,
        }
        tails.abort_all();
        let written = tokio::select! {
            biased;
            written = deps.trail.catch_up() => written.is_ok(),
            () = deps.clock.sleep(LAST_WORDS) => false,
        };
        if !written {
            tracing::error!(
                "look-ups are missing in the audit: the store did not take them to the end"
            );
            clean = false;
        }
        let policy = &deps.policy;
        let goodbye =
            deps.store
                .end_worker(deps.worker(), policy.unknown_sms, policy.unknown_email);
        let said = tokio::select! {
            biased;
            said = goodbye => said.is_ok(),
            () = deps.clock.sleep(LAST_WORDS) => false,
        };
        if !said {
            tracing::warn!(
                "could not say goodbye to the store; others find this worker's work after recovery.worker_dead"
            );
            clean = false;
        }
        if clean { Ended::Clean } else { Ended::Cut }
    }

    /// Waits for the loops and the wires, saying every ten seconds what is still held.
    async fn drained(
        &mut self,
        tracker: &TaskTracker,
        deadline: Monotonic,
        hurry: &CancellationToken,
    ) -> bool {
        let clock = Arc::clone(&self.deps.clock);
        let loops = &mut self.loops;
        let all = async {
            while loops.join_next().await.is_some() {}
            tracker.wait().await;
        };
        tokio::pin!(all);
        loop {
            let left = deadline.since(clock.monotonic());
            tokio::select! {
                biased;
                () = &mut all => return true,
                () = hurry.cancelled() => return false,
                () = clock.sleep(left.min(SAY_EVERY)) => {
                    if left <= SAY_EVERY {
                        return false;
                    }
                    tracing::info!(on_the_wire = tracker.len(), "still finishing");
                }
            }
        }
    }

    async fn hand_back(&self) {
        let held: Vec<_> = self
            .ready
            .drain()
            .into_iter()
            .map(|ready| (ready.held.claimed.delivery, ready.held.claim))
            .collect();
        if !held.is_empty()
            && let Err(error) = self.deps.store.hand_back(&held, None).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot hand deliveries back; others find them when this worker has ended"
            );
        }
    }
}

async fn named(
    name: &'static str,
    work: impl Future<Output = ()>,
) -> (&'static str, Result<(), String>) {
    work.await;
    (name, Ok(()))
}

fn what(ended: Result<(&'static str, Result<(), String>), tokio::task::JoinError>) -> String {
    match ended {
        Ok((name, Ok(()))) => format!("the {name} loop ended by itself"),
        Ok((name, Err(why))) => format!("the {name} loop ended: {why}"),
        Err(panicked) => format!("a loop panicked: {panicked}"),
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
