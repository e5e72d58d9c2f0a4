//! A worker that takes jobs in, and sends nothing; and its routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use budstikke::adapters::clock::SystemClock;
use budstikke::adapters::entropy::SystemEntropy;
use budstikke::adapters::local_register::LocalPopulation;
use budstikke::adapters::smtp::bounce;
use budstikke::adapters::sqlite::{SqliteSettings, SqliteStore};
use budstikke::api::{
    ApiLimits, ApiParts, ApiState, ParseReceipts, ReceiptSource, ReceiptToken, router,
};
use budstikke::app::lifecycle::{Broker, Roles, Worker};
use budstikke::domain::address_limit::AddressLimits;
use budstikke::domain::event::EventFilter;
use budstikke::domain::ids::{AgencyId, AgencyNo};
use budstikke::domain::kinds::Class;
use budstikke::domain::org_number::OrgNumber;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use budstikke::domain::retry::RetryPolicy;
use budstikke::domain::secret_key::SecretKey;
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::DayWindow;
use budstikke::pipeline::deps::{Agency, Deps, Directory, Parts, Policy, Routes};
use budstikke::pipeline::retention::Ages;
use budstikke::ports::access::TokenChecker;
use budstikke::ports::register::{ContactRegister, Inquiry, Logbook, LookedUp, RegisterError};
use budstikke::ports::store::{AgencyRecord, Store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::{Answer, Call};

pub const OSLO: &str = "bs_key_of_oslo";
pub const BERGEN: &str = "bs_key_of_bergen";
/// The organisation numbers of both.
pub const ORGANISATIONS: [&str; 2] = ["958935420", "964338531"];
/// The gateway with a token, and the token.
pub const GUARDED: &str = "guarded";
pub const TOKEN: &str = "let-me & in";
/// The gateway without.
pub const OPEN: &str = "open";

/// Nobody is looked up over HTTP.
#[derive(Debug)]
struct NoRegister;

#[async_trait]
impl ContactRegister for NoRegister {
    async fn lookup(&self, _: &Inquiry, _: &[PersonNumber], _: &dyn Logbook) -> LookedUp {
        panic!("the API looked somebody up")
    }

    async fn probe(&self) -> Result<(), RegisterError> {
        Ok(())
    }
}

pub struct Api {
    pub router: Router,
    pub store: Arc<dyn Store>,
    pub worker: Worker,
    pub oslo: AgencyNo,
    /// What the broker says when it is asked whether it is ready.
    pub broker_ready: Arc<AtomicBool>,
    /// Where the database is.
    pub url: String,
    _folder: tempfile::TempDir,
}

pub const LIMITS: ApiLimits = ApiLimits {
    body_bytes: 8 * 1024 * 1024,
    request_timeout: Duration::from_secs(20),
    rate_per_key: 10_000.0,
    burst_per_key: 10_000,
};

pub async fn start() -> Api {
    start_with(LIMITS).await
}

pub async fn start_with(limits: ApiLimits) -> Api {
    start_trusting(limits, None).await
}

/// With access tokens too.
pub async fn start_trusting(limits: ApiLimits, tokens: Option<Arc<dyn TokenChecker>>) -> Api {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("api.db").display());
    let settings = SqliteSettings {
        url: url.clone(),
        clock: Arc::new(SystemClock),
    };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(settings).await.unwrap());
    let ids = ["oslo", "bergen"].map(|id| AgencyId::parse(id).unwrap());
    let records = ids.clone().map(|id| AgencyRecord {
        id,
        filter: EventFilter::ALL,
    });
    let numbers = store.sync_agencies(&records).await.unwrap();
    for (agency, key) in numbers.iter().zip([OSLO, BERGEN]) {
        let hash = Sha256::digest(key).into();
        store.add_key(*agency, hash, Timestamp(0)).await.unwrap();
    }
    let agencies = numbers.iter().zip(ids).zip(ORGANISATIONS);
    let agencies = agencies.map(|((no, id), number)| agency(*no, id, number));
    let parts = Parts {
        store: Arc::clone(&store),
        register: Arc::new(NoRegister),
        population: Arc::new(LocalPopulation::new(Arc::clone(&store))),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        directory: Directory::new(agencies.collect()),
        routes: Routes::default(),
        policy: policy(),
        worker: store.start_worker("test").await.unwrap(),
        key: SecretKey::of_text("a key for tests"),
    };
    let deps = Deps::new(parts, CancellationToken::new(), TaskTracker::new());
    let roles = Roles::parse("api,publish").unwrap();
    let worker = Worker::start(deps, "test", roles, Broker::default(), ages());
    let broker_ready = Arc::new(AtomicBool::new(true));
    let broker = Arc::clone(&broker_ready);
    let state = ApiState::new(ApiParts {
        deps: Arc::clone(&worker.deps),
        intake: worker.intake.clone(),
        receipts: worker.receipts.clone(),
        tokens,
        receipt_sources: vec![source(GUARDED, TOKEN), source(OPEN, "")],
        bounces: bounces(),
        ready: Arc::new(move || vec![("broker_jobs", broker.load(Ordering::Relaxed))]),
        metrics: Arc::new(|| "budstikke_jobs_total 7\n".to_owned()),
        limits,
    });
    Api {
        router: router(state),
        store,
        worker,
        oslo: numbers[0],
        broker_ready,
        url,
        _folder: folder,
    }
}

impl Api {
    pub async fn call(&self, call: Call) -> Answer {
        call.on(&self.router).await
    }

    /// Enqueues a job of Oslo that must be new.
    pub async fn accepted(&self, job: &Value) {
        let answer = self.call(Call::post("/v1/jobs").key(OSLO).json(job)).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    /// Runs a statement past the store.
    pub async fn sql(&self, statement: &'static str) {
        use sqlx::{Connection, SqliteConnection};
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

/// A job to so many phones.
pub fn job(name: &str, recipients: usize) -> Value {
    let recipient = |n| json!({"ref": format!("r{n}"), "phone": format!("+479{n:07}")});
    json!({
        "job": name,
        "class": "service_message",
        "message": {"nb": {"sms": "Brøyting i kveld"}},
        "recipients": (0..recipients).map(recipient).collect::<Vec<_>>(),
        "window": "anytime",
    })
}

/// A letter to one person with a reminder.
pub fn letter(name: &str) -> Value {
    json!({
        "job": name,
        "class": "letter",
        "purpose": "Vedtak",
        "channel": "sms",
        "message": {"nb": {"sms": "Du har fått brev"}},
        "recipients": [{"ref": "kari", "person": "20914695016"}],
        "reminders": [{"after_days": 7}],
    })
}

fn agency(no: AgencyNo, id: AgencyId, number: &str) -> Agency {
    Agency {
        no,
        id,
        org_number: OrgNumber::parse(number).unwrap(),
        classes: Class::ALL.to_vec(),
        sms_sender: "Kommunen".to_owned(),
        email_from: "Kommunen <varsel@kommune.example>".to_owned(),
        weight: 1,
        sms_rate: None,
        email_rate: None,
        urgent_per_hour: 600,
        hours: DayWindow::default(),
        municipality: Some("0301".to_owned()),
    }
}

/// The mail system, with the token of the others.
pub fn bounces() -> ReceiptSource {
    let parse: ParseReceipts =
        Arc::new(|_, _, body| bounce::parse(body).map_err(|error| error.to_string()));
    ReceiptSource::mail_system(TOKEN, parse)
}

/// Reads `<provider reference> <word>` a line, or `?ref=…`; refuses what else there is.
fn source(name: &str, token: &str) -> ReceiptSource {
    let parse: ParseReceipts = Arc::new(|kind, query, body| {
        assert!(!query.contains("token"), "the token went on to the parser");
        if let Some(reference) = query.strip_prefix("ref=") {
            return Ok(vec![delivered(reference)]);
        }
        if kind != Some("text/plain") {
            return Err("the report is not text/plain".to_owned());
        }
        let text = std::str::from_utf8(body).map_err(|_not_utf8| "not UTF-8".to_owned())?;
        Ok(text.lines().map(delivered).collect())
    });
    ReceiptSource {
        name: name.to_owned(),
        token: ReceiptToken::new(token),
        parse,
    }
}

fn delivered(reference: &str) -> Receipt {
    Receipt {
        key: ReceiptKey::ProviderReference(reference.to_owned()),
        status: ReceiptStatus::Delivered,
        at: None,
        code: None,
    }
}

fn policy() -> Policy {
    let second = Duration::from_secs(1);
    Policy {
        retry_sms: RetryPolicy::new(vec![second * 30]).unwrap(),
        retry_email: RetryPolicy::new(vec![second * 300]).unwrap(),
        unknown_sms: second * 600,
        unknown_email: second * 900,
        worker_dead: second * 20,
        heartbeat: second * 5,
        slots_ahead: second / 4,
        slots_ahead_urgent: second / 2,
        slot_tolerance: second / 20,
        hold_per_agency: 1_000,
        hold_per_channel: 10_000,
        hold_for: second * 10,
        register_fresh: second * 300,
        poll_max: second,
        allow_synthetic: true,
        raise_lane_after: second * 600,
        health: budstikke::domain::health::Rules::default(),
        address_limits: AddressLimits::default(),
    }
}

fn ages() -> Ages {
    let year = Duration::from_secs(365 * 24 * 3_600);
    Ages {
        text: year,
        identity: year,
        facts: year,
        events: year,
        audit: year,
    }
}
