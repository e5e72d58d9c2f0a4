//! A register client, the fake register and the fake Maskinporten, and a clock that can be moved.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budstikke::adapters::clock::SystemClock;
use budstikke::adapters::entropy::SystemEntropy;
use budstikke::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};
use budstikke::adapters::krr::{Answers, Consumer, KrrRegister, KrrSettings};
use budstikke::adapters::maskinporten::{AccessTokens, MaskinportenSettings};
use budstikke::domain::contact::Contact;
use budstikke::domain::ids::AgencyId;
use budstikke::domain::org_number::OrgNumber;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use budstikke::ports::BoxError;
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::ports::register::{ContactRegister, Inquiry, Logbook, LookedUp, RegisterError};
use budstikke::sandbox::keys;
use budstikke::sandbox::krr::{Admission, KrrFault, KrrServer, Others, Person};
use budstikke::sandbox::maskinporten::{Client, ClientKey, Clients, MaskinportenServer};

use parking_lot::Mutex;

use crate::table::Table;

pub const SCOPE: &str = "krr:global/kontaktinformasjon.read";
pub const DELEGATED: &str = "krr:global/kontaktinfo.read";
pub const OSLO: &str = "958935420";
pub const BERGEN: &str = "964338531";

/// The machine's clock, moved forward by hand.
#[derive(Debug, Default)]
pub struct HandClock {
    ahead: AtomicU64,
}

impl HandClock {
    pub fn pass(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.ahead.fetch_add(micros, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Monotonic {
        let ahead = Duration::from_micros(self.ahead.load(Ordering::SeqCst));
        SystemClock.monotonic().plus(ahead)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// How the client is set up.
pub struct Setup {
    pub consumer: Consumer,
    pub signed: bool,
    pub by_certificate: bool,
    pub algorithm: RsaAlgorithm,
    pub batch: usize,
    pub concurrency: usize,
    pub rate: f64,
    pub timeout: Duration,
    pub scope: &'static str,
    pub of: Of,
}

/// Whose answers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The sandbox's fake.
    Fake,
    /// A process of `budstikke register serve`, behind the fake's misbehaviour.
    Table,
}

impl Of {
    pub const BOTH: [Self; 2] = [Self::Fake, Self::Table];
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            consumer: Consumer::Own,
            signed: false,
            by_certificate: false,
            algorithm: RsaAlgorithm::Rs256,
            batch: 1_000,
            concurrency: 4,
            rate: 10_000.0,
            timeout: Duration::from_secs(10),
            scope: SCOPE,
            of: Of::Fake,
        }
    }
}

/// What was written down of calls before they left; it is full from the call on that `full_at` counts.
#[derive(Debug, Default)]
pub struct Book {
    written: Mutex<Vec<Vec<PersonNumber>>>,
    full_at: Option<usize>,
}

impl Book {
    /// One that takes no more than so many calls.
    pub fn of_calls(calls: usize) -> Self {
        Self {
            full_at: Some(calls),
            ..Self::default()
        }
    }

    pub fn calls(&self) -> Vec<Vec<PersonNumber>> {
        self.written.lock().clone()
    }
}

#[async_trait::async_trait]
impl Logbook for Book {
    async fn leaving(&self, persons: &[PersonNumber]) -> Result<(), BoxError> {
        let mut written = self.written.lock();
        if self.full_at.is_some_and(|full_at| written.len() >= full_at) {
            return Err("the book is full".into());
        }
        written.push(persons.to_vec());
        drop(written);
        Ok(())
    }
}

/// Everything. `krr` is what the client talks to, its knobs do what they say whosever answers they are.
pub struct World {
    pub maskinporten: MaskinportenServer,
    pub krr: KrrServer,
    pub register: Arc<KrrRegister>,
    pub clock: Arc<HandClock>,
    /// Every call of `tell`.
    pub book: Book,
    table: Option<Table>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let key = keys::generate().unwrap();
        let public = key.public().clone();
        let (name, known) = if setup.by_certificate {
            let certificate = "MIIBsandbox".to_owned();
            let chain = vec![certificate.clone(), "MIIBissuer".to_owned()];
            let known = ClientKey::Certificate(certificate, public);
            (KeyName::Certificates(chain), known)
        } else {
            let kid = "budstikke-1".to_owned();
            (KeyName::Kid(kid.clone()), ClientKey::Kid(kid, public))
        };
        let client = Client::new("client", known, SCOPE).delegated_by(OSLO, DELEGATED);
        let maskinporten = MaskinportenServer::start(Clients::Registered(vec![client]))
            .await
            .unwrap();
        let admission = Admission::Tokens(maskinporten.tokens());
        let table = match setup.of {
            Of::Fake => None,
            Of::Table => Some(Table::new(&maskinporten.issuer(), setup.signed).await),
        };
        let (krr, keys_url) = match &table {
            None => {
                let krr = KrrServer::start(admission).await.unwrap();
                let keys_url = krr.keys_url();
                (krr, keys_url)
            }
            Some(table) => {
                let krr = KrrServer::start_before(table.address, admission);
                (krr.await.unwrap(), format!("http://{}/jwks", table.address))
            }
        };
        let clock = Arc::new(HandClock::default());
        let url = krr.url();
        let at = (url.as_str(), keys_url.as_str());
        let register = client_of(&maskinporten, at, &clock, key, name, setup);
        Self {
            maskinporten,
            krr,
            register,
            clock,
            book: Book::default(),
            table,
        }
    }

    pub async fn of(of: Of) -> Self {
        Self::with(Setup {
            of,
            ..Setup::default()
        })
        .await
    }

    /// Everybody of `numbers` is registered and ordinary.
    pub async fn ordinary(&self, numbers: &[PersonNumber]) {
        match &self.table {
            None => self.krr.turn(|knobs| knobs.others = Others::Ordinary),
            Some(table) => {
                let persons: Vec<Person> = numbers.iter().cloned().map(Person::ordinary).collect();
                table.add(&persons).await;
            }
        }
    }

    pub async fn look_up(&self, persons: &[PersonNumber]) -> Result<Vec<Contact>, RegisterError> {
        self.tell(persons).await.whole()
    }

    /// The same with what left us in vain.
    pub async fn tell(&self, persons: &[PersonNumber]) -> LookedUp {
        let inquiry = inquiry("oslo");
        self.register.lookup(&inquiry, persons, &self.book).await
    }

    /// The answer about somebody who is well known to it.
    pub async fn ask(&self) -> Result<Vec<Contact>, RegisterError> {
        self.look_up(&some(1)).await
    }
}

fn client_of(
    maskinporten: &MaskinportenServer,
    (url, keys_url): (&str, &str),
    clock: &Arc<HandClock>,
    key: SigningKey,
    key_name: KeyName,
    setup: Setup,
) -> Arc<KrrRegister> {
    let clock: Arc<dyn Clock> = clock.clone();
    let tokens = MaskinportenSettings {
        issuer: maskinporten.issuer().parse().unwrap(),
        client_id: "client".to_owned(),
        key,
        key_name,
        algorithm: setup.algorithm,
        resource: None,
        timeout: setup.timeout,
    };
    let tokens = AccessTokens::new(tokens, Arc::clone(&clock), Arc::new(SystemEntropy)).unwrap();
    let settings = KrrSettings {
        url: url.parse().unwrap(),
        scope: setup.scope.to_owned(),
        consumer: setup.consumer,
        batch: setup.batch,
        concurrency: setup.concurrency,
        rate: setup.rate,
        timeout: setup.timeout,
        answers: if setup.signed {
            Answers::Jose {
                keys: keys_url.parse().unwrap(),
            }
        } else {
            Answers::Json
        },
    };
    Arc::new(KrrRegister::new(settings, tokens, clock, Arc::new(SystemEntropy)).unwrap())
}

/// Oslo and Bergen, each in its own name.
pub fn agencies() -> Consumer {
    let pair = |id: &str, number: &str| {
        let number = OrgNumber::parse(number).unwrap();
        (AgencyId::parse(id).unwrap(), number)
    };
    Consumer::Agency(HashMap::from([pair("oslo", OSLO), pair("bergen", BERGEN)]))
}

pub fn inquiry(agency: &str) -> Inquiry {
    Inquiry {
        agency: AgencyId::parse(agency).unwrap(),
        purpose: "Outpatient appointment reminder".to_owned(),
    }
}

/// So many different synthetic persons.
pub fn some(count: u32) -> Vec<PersonNumber> {
    (0..count).map(PersonNumber::synthetic).collect()
}

/// What went wrong, with its causes.
pub fn told(error: &RegisterError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// How long the register asks to be left in peace.
pub fn pause_of(error: &RegisterError) -> Duration {
    match error {
        RegisterError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
        RegisterError::Forbidden(_) | RegisterError::Refused | RegisterError::Unwritten(_) => {
            panic!("not unavailable: {}", told(error))
        }
    }
}

/// Only who is kept hanging need wait for the deadline.
pub fn patience(fault: &KrrFault) -> Duration {
    let hangs = *fault == KrrFault::Hang;
    Duration::from_secs(if hangs { 2 } else { 30 })
}
