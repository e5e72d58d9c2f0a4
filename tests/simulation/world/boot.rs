//! How a process starts: as `app` does it, with everything outside made up.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use budstikke::adapters::local_register::LocalPopulation;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::app::lifecycle::{Broker, Roles, Worker};
use budstikke::domain::event::EventFilter;
use budstikke::domain::org_number::OrgNumber;
use budstikke::domain::pace::Rate;
use budstikke::domain::secret_key::SecretKey;
use budstikke::pipeline::deps::{Agency, Deps, Directory, Parts, Route, Routes};
use budstikke::pipeline::heart;
use budstikke::pipeline::retention::Ages;
use budstikke::ports::store::{AgencyRecord, Store};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::broker::{Sink, Source};
use super::clock::{MachineClock, SeededEntropy};
use super::fleet::Line;
use super::gateway::FarGateway;
use super::outside::Outside;
use super::register::FarRegister;
use super::rng::Rng;
use super::store::FarStore;
use super::time::Life;
use super::trail;

/// What a process starts with.
pub struct Boot {
    pub outside: Arc<Outside>,
    pub real: SqliteStore,
    pub life: Life,
    pub skew: Arc<AtomicI64>,
    pub rng: Rng,
    pub lines: Arc<Vec<Line>>,
}

impl Boot {
    pub async fn start(mut self) -> Worker {
        let (outside, life) = (Arc::clone(&self.outside), self.life);
        let sim = outside.sim.clone();
        let far = FarStore {
            outside: Arc::clone(&outside),
            real: self.real.clone(),
            life,
        };
        let store: Arc<dyn Store> = Arc::new(far);
        let name = format!("w{life}");
        let records: Vec<AgencyRecord> = outside
            .agencies
            .iter()
            .map(|id| AgencyRecord {
                id: id.clone(),
                filter: EventFilter::ALL,
            })
            .collect();
        let numbers = loop {
            match store.sync_agencies(&records).await {
                Ok(numbers) => break numbers,
                Err(_) => sim.sleep(life, Duration::from_secs(1)).await,
            }
        };
        let agencies = outside.agencies.iter().zip(numbers).map(|(id, no)| Agency {
            no,
            id: id.clone(),
            org_number: OrgNumber::parse("958935420").unwrap(),
            classes: budstikke::domain::kinds::Class::ALL.to_vec(),
            sms_sender: "Simulert".to_owned(),
            email_from: "Simulert <sim@example.no>".to_owned(),
            weight: 1,
            hours: outside.hours,
            municipality: None,
            urgent_per_hour: 100_000,
            sms_rate: None,
            email_rate: None,
        });
        let directory = Directory::new(agencies.collect());
        let worker = loop {
            match store.start_worker(&name).await {
                Ok(worker) => break worker,
                Err(_) => sim.sleep(life, Duration::from_secs(1)).await,
            }
        };
        let clock = MachineClock {
            sim: sim.clone(),
            life,
            wall: outside.wall,
            skew: self.skew,
            steady_from: self.rng.within(0..1 << 40),
        };
        let register = FarRegister {
            outside: Arc::clone(&outside),
            life,
        };
        let store: Arc<dyn Store> = store;
        let parts = Parts {
            population: Arc::new(LocalPopulation::new(Arc::clone(&store))),
            store,
            register: Arc::new(register),
            clock: Arc::new(clock),
            entropy: Arc::new(SeededEntropy(Mutex::new(self.rng))),
            directory,
            routes: routes(&outside, life, &self.lines),
            policy: outside.policy.clone(),
            worker,
            key: SecretKey::of_text(trail::KEY),
        };
        let deps = Deps::new(parts, CancellationToken::new(), TaskTracker::new());
        while heart::beat_once(&deps).await.is_err() {
            sim.sleep(life, Duration::from_secs(1)).await;
        }
        let broker = Broker {
            source: Some(Arc::new(Source::new(Arc::clone(&outside), life))),
            sink: Some(Arc::new(Sink { outside, life })),
        };
        let ages = Ages {
            text: Duration::from_hours(24),
            identity: Duration::from_hours(48),
            facts: Duration::from_hours(400),
            events: Duration::from_hours(400),
            audit: trail::KEPT,
        };
        Worker::start(deps, &name, Roles::ALL, broker, ages)
    }
}

fn routes(outside: &Arc<Outside>, life: Life, lines: &[Line]) -> Routes {
    let mut routes = Routes::default();
    for line in lines {
        let route = Route {
            name: line.name.to_owned(),
            gateway: Arc::new(FarGateway {
                outside: Arc::clone(outside),
                life,
                name: line.name.to_owned(),
                concurrency: line.concurrency,
            }),
            rate: Rate::new(line.rate, line.burst).unwrap(),
            weight: line.weight,
            deadline: Duration::from_secs(if line.email { 6 } else { 4 }),
        };
        if line.email {
            &mut routes.email
        } else {
            &mut routes.sms
        }
        .push(route);
    }
    routes
}
