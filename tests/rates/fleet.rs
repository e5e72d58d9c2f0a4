//! Several workers over one store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use budstikke::adapters::entropy::SystemEntropy;
use budstikke::adapters::local_register::LocalPopulation;
use budstikke::app::build;
use budstikke::app::lifecycle::{Broker, Roles, Worker};
use budstikke::config::Config;
use budstikke::domain::ids::{AgencyId, JobName};
use budstikke::domain::outcome::{Fault, Outcome};
use budstikke::domain::pace::Rate;
use budstikke::pipeline::deps::{Deps, Parts, Route, Routes};
use budstikke::pipeline::intake::{Answer, Offer};
use budstikke::ports::gateway::{Gateway, Outbound};
use budstikke::ports::slot::Slot;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most that anything here is waited for.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The message leaves, if its slot is not over.
pub fn leave(slot: Slot) -> Outcome {
    match slot.pass() {
        Ok(()) => Outcome::Accepted {
            provider_reference: None,
        },
        Err(_over) => Outcome::NotSent(Fault::Late),
    }
}

/// A gateway that takes so long before and after the point of no return.
#[derive(Debug)]
pub struct Paced {
    pub before: Duration,
    pub after: Duration,
    pub at_once: usize,
}

#[async_trait]
impl Gateway for Paced {
    async fn submit(&self, _: &Outbound, slot: Slot, _: Duration) -> Outcome {
        tokio::time::sleep(self.before).await;
        slot.opened().await;
        let outcome = leave(slot);
        if outcome != Outcome::NotSent(Fault::Late) {
            tokio::time::sleep(self.after).await;
        }
        outcome
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("here".to_owned())
    }

    fn concurrency(&self) -> usize {
        self.at_once
    }

    fn lead(&self) -> Duration {
        self.before + Duration::from_millis(2)
    }
}

/// A route for tests.
pub fn route(name: &str, gateway: Arc<dyn Gateway>, rate: f64, burst: u32) -> Route {
    Route {
        name: name.to_owned(),
        gateway,
        rate: Rate::new(rate, burst).unwrap(),
        weight: 1,
        deadline: Duration::from_secs(10),
    }
}

/// The workers; they end with the process.
pub struct Fleet {
    workers: Vec<Worker>,
    _folder: tempfile::TempDir,
}

impl Fleet {
    /// Starts `workers` with these routes over one SQLite store; each worker has gateways of its
    /// own, as processes do.
    pub async fn start(workers: usize, routes: impl Fn(&Config) -> Routes) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[database]\nurl = \"sqlite://{}\"\n[retry]\nsms = [\"1s\"]\nemail = [\"1s\"]\n\
             [[agency]]\nid = \"oslo\"\nname = \"Oslo kommune\"\norg_number = \"958935420\"\n\
             kind = \"municipality\"\nemail_from = \"Oslo <varsel@oslo.example>\"\n",
            folder.path().join("rates.db").display()
        );
        let config = Config::from_texts(&[(PathBuf::from("rates.toml"), text)], []).unwrap();
        let clock = build::clock();
        let store = build::store(&config, Arc::clone(&clock), build::Opening::Exclusive);
        let store = store.await.unwrap();
        let mut started = Vec::new();
        for n in 0..workers {
            let name = format!("worker {n}");
            let parts = Parts {
                register: build::register(&config, &store, &clock).unwrap(),
                population: Arc::new(LocalPopulation::new(Arc::clone(&store))),
                directory: budstikke::app::agencies::directory(&config, store.as_ref())
                    .await
                    .unwrap(),
                routes: routes(&config),
                policy: build::policy(&config).unwrap(),
                worker: store.start_worker(&name).await.unwrap(),
                entropy: Arc::new(SystemEntropy),
                key: build::key(&config, store.as_ref()).await.unwrap(),
                clock: Arc::clone(&clock),
                store: Arc::clone(&store),
            };
            let deps = Deps::new(parts, CancellationToken::new(), TaskTracker::new());
            let roles = Roles::parse("intake,dispatch").unwrap();
            let ages = build::ages(&config);
            started.push(Worker::start(deps, &name, roles, Broker::default(), ages));
        }
        Self {
            workers: started,
            _folder: folder,
        }
    }

    /// Enqueues a job to `count` phones or addresses, from number `first`.
    pub async fn submit(&self, channel: &str, first: u32, count: u32, text: &str) {
        let recipient = |n| match channel {
            "sms" => json!({"phone": format!("+4790{n:06}")}),
            _ => json!({"email": format!("r{n}@example.no")}),
        };
        let message = match channel {
            "sms" => json!({"nb": {"sms": text}}),
            _ => json!({"nb": {"email": {"subject": "Varsel", "text": text}}}),
        };
        let recipients: Vec<Value> = (first..first + count).map(recipient).collect();
        let job = json!({
            "job": format!("job-{channel}-{first}"),
            "class": "service_message",
            "window": "anytime",
            "channel": channel,
            "message": message,
            "recipients": recipients,
        });
        let worker = &self.workers[0];
        let oslo = AgencyId::parse("oslo").unwrap();
        let offer = Offer {
            agency: Arc::clone(worker.deps.directory.by_id(&oslo).unwrap()),
            body: serde_json::to_vec(&job).unwrap().into(),
            lane: None,
        };
        let answer = worker.intake.offer(offer).await.unwrap();
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
        for worker in &self.workers {
            worker.deps.bells.due.notify_waiters();
        }
    }

    /// How many tries the ledger knows of a job.
    pub async fn tries(&self, job: &str) -> usize {
        let deps = &self.workers[0].deps;
        let (store, oslo) = (&deps.store, deps.directory.numbers()[0]);
        let name = JobName::parse(job).unwrap();
        let page = store.notifications(oslo, &name, None, 1_000).await.unwrap();
        let mut tries = 0;
        for fact in page.unwrap().facts {
            let file = store.letter_file(oslo, &name, &fact.reference).await;
            tries += file.unwrap().unwrap().tries.len();
        }
        tries
    }

    /// Stops the agency's traffic, or lets it go on.
    pub async fn set_stopped(&self, stopped: bool) {
        let deps = &self.workers[0].deps;
        let oslo = deps.directory.numbers()[0];
        let since = stopped.then(|| deps.clock.now());
        deps.store.set_stopped(Some(oslo), since).await.unwrap();
    }

    /// Ends all workers.
    pub async fn stop(self) {
        for worker in self.workers {
            worker.stop(LIMIT, CancellationToken::new()).await;
        }
    }
}

/// Waits until `condition` holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
