//! A worker with two sandbox gateways, quick to judge them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use budstikke::adapters::sms::wire::GatewayKind;
use budstikke::app::build;
use budstikke::app::lifecycle::{Broker, Roles, Worker};
use budstikke::config::Config;
use budstikke::domain::event::Totals;
use budstikke::domain::health::{Circuit, Rules, Share};
use budstikke::domain::ids::{AgencyId, JobName};
use budstikke::pipeline::intake::{Answer, Offer};
use budstikke::ports::store::{GatewayRow, GatewayStep};
use budstikke::sandbox::sms::{Knobs, SmsServer};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The most that anything here is waited for.
pub const LIMIT: Duration = Duration::from_secs(120);

/// One probe so often.
pub const PROBE_EVERY: Duration = Duration::from_millis(400);

const RULES: Rules = Rules {
    every: Duration::from_millis(100),
    bin: Duration::from_millis(100),
    window: Duration::from_secs(3),
    least: 20,
    open_at: 0.5,
    outage: Duration::from_millis(600),
    probe_every: PROBE_EVERY,
    away_every: Duration::from_millis(300),
    back_every: Duration::from_millis(900),
};

/// What a test works with.
pub struct Site {
    pub alpha: SmsServer,
    pub beta: SmsServer,
    pub worker: Worker,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Gateways `alpha` and `beta`, each of `rate` parts a second.
    pub async fn start(rate: f64) -> Self {
        // The second of two tests in one process finds it installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let alpha = SmsServer::start(Knobs::default()).await.unwrap();
        let beta = SmsServer::start(Knobs::default()).await.unwrap();
        let (a, b) = (alpha.url(GatewayKind::Json), beta.url(GatewayKind::Json));
        let text = format!(
            r#"
[database]
url = "sqlite://{}"
[recovery]
unknown_sms = "1s"
[retry]
sms = ["1s"]
[[agency]]
id = "oslo"
name = "Oslo kommune"
org_number = "958935420"
kind = "municipality"
[[sms_gateway]]
name = "alpha"
kind = "json"
url = "{a}"
rate = {rate:.1}
[[sms_gateway]]
name = "beta"
kind = "json"
url = "{b}"
rate = {rate:.1}
"#,
            folder.path().join("site.db").display(),
        );
        let config = Config::from_texts(&[(PathBuf::from("site.toml"), text)], []).unwrap();
        let clock = build::clock();
        let opening = build::Opening::Exclusive;
        let store = build::store(&config, Arc::clone(&clock), opening)
            .await
            .unwrap();
        let mut deps = build::deps(&config, clock, store, "test").await.unwrap();
        deps.policy.health = RULES;
        let ages = build::ages(&config);
        let worker = Worker::start(deps, "test", Roles::ALL, Broker::default(), ages);
        Self {
            alpha,
            beta,
            worker,
            _folder: folder,
        }
    }

    /// Enqueues a job to the phones `from..from + count`.
    pub async fn submit(&self, name: &str, from: u32, count: u32, more: Value) {
        let recipients: Vec<Value> = (from..from + count)
            .map(|n| json!({"phone": phone(n)}))
            .collect();
        let mut job = json!({
            "job": name,
            "class": "service_message",
            "window": "anytime",
            "channel": "sms",
            "message": {"nb": {"sms": "Brøyting i kveld"}},
            "recipients": recipients,
        });
        for (key, value) in more.as_object().unwrap() {
            job[key] = value.clone();
        }
        let oslo = AgencyId::parse("oslo").unwrap();
        let agency = Arc::clone(self.worker.deps.directory.by_id(&oslo).unwrap());
        let body = serde_json::to_vec(&job).unwrap().into();
        let lane = None;
        let offer = Offer { agency, body, lane };
        let answer = self.worker.intake.offer(offer).await.unwrap();
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }

    /// How many of a job's notifications have which status.
    pub async fn totals(&self, name: &str) -> Totals {
        let deps = &self.worker.deps;
        let oslo = deps.directory.numbers()[0];
        let job = JobName::parse(name).unwrap();
        deps.store.job(oslo, &job).await.unwrap().unwrap().totals
    }

    /// Whether nothing more is done about a job.
    pub async fn is_settled(&self, name: &str) -> bool {
        let totals = self.totals(name).await;
        totals.0.keys().all(|status| status.is_settled())
    }

    /// Waits until a job's totals are these.
    pub async fn until_totals(&self, name: &str, wanted: Value) {
        let started = Instant::now();
        loop {
            let totals = self.totals(name).await.to_json();
            if totals == wanted {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{name}: {totals}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the fleet decided about a gateway.
    pub async fn row(&self, gateway: &str) -> GatewayRow {
        let view = self.worker.deps.store.fleet_view(Duration::ZERO).await;
        let rows = view.unwrap().gateways;
        let row = rows.into_iter().find(|row| row.gateway == gateway);
        row.unwrap_or_default()
    }

    /// Waits until a gateway's circuit is so, and its share at least this.
    pub async fn until(&self, gateway: &str, circuit: Circuit, share: Share) {
        let started = Instant::now();
        loop {
            let state = self.row(gateway).await.state;
            if state.circuit == circuit && state.share >= share {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{gateway}: {state:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was decided, the oldest first.
    pub async fn history(&self) -> Vec<GatewayStep> {
        let mut steps = self.worker.deps.store.gateway_history(1_000).await.unwrap();
        steps.reverse();
        steps
    }

    pub async fn stop(self) {
        self.worker.stop(LIMIT, CancellationToken::new()).await;
    }
}

pub fn phone(n: u32) -> String {
    format!("+4790{n:06}")
}
