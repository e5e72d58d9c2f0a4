//! The port: batches, tokens, and what is never said of a person because of the register.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::answer::{Read, read};
use super::brake::{Brake, Held};
use super::classify::{Verdict, classify};
use super::client::Client;
use super::settings::{Consumer, KrrSettings};
use super::wire::CONTACT_SCOPES;
use crate::adapters::https::caller::CallError;
use crate::adapters::maskinporten::{AccessTokens, Audience, TokenError};
use crate::domain::audit::Found;
use crate::domain::contact::Contact;
use crate::domain::org_number::OrgNumber;
use crate::domain::person::PersonNumber;
use crate::ports::BoxError;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::entropy::Entropy;
use crate::ports::register::{ContactRegister, Inquiry, Logbook, LookedUp, RegisterError};

/// A single number that is refused is believed to be the fault itself, if the register answered
/// anything at all within this time. Otherwise it may be that it refuses everything.
const GOOD_LATELY: Duration = Duration::from_mins(10);

/// What one question came to.
enum Outcome {
    Answered(Read),
    /// The batch itself is called wrong.
    Refused,
}

/// The Contact and Reservation Register. Keeps no answer.
#[derive(Debug)]
pub struct KrrRegister {
    settings: KrrSettings,
    client: Client,
    tokens: AccessTokens,
    brake: Brake,
    clock: Arc<dyn Clock>,
    answered_at: Mutex<Option<Monotonic>>,
}

impl KrrRegister {
    /// Calls nobody yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        settings: KrrSettings,
        tokens: AccessTokens,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, BoxError> {
        let brake = Brake::new(
            settings.concurrency,
            settings.rate,
            Arc::clone(&clock),
            entropy,
        );
        Ok(Self {
            client: Client::new(&settings, Arc::clone(&clock))?,
            settings,
            tokens,
            brake,
            clock,
            answered_at: Mutex::default(),
        })
    }

    fn consumer(&self, inquiry: &Inquiry) -> Result<Option<&OrgNumber>, RegisterError> {
        match &self.settings.consumer {
            Consumer::Own => Ok(None),
            Consumer::Organisation(number) => Ok(Some(number)),
            Consumer::Agency(numbers) => match numbers.get(&inquiry.agency) {
                Some(number) => Ok(Some(number)),
                None => Err(RegisterError::Forbidden(format!(
                    "agency {} has no org_number in the configuration to look up for",
                    inquiry.agency
                ))),
            },
        }
    }

    async fn everybody(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
        told: &mut LookedUp,
    ) -> Result<(), RegisterError> {
        let consumer = self.consumer(inquiry)?;
        for batch in persons.chunks(self.settings.batch.max(1)) {
            self.batch(consumer, batch, logbook, told).await?;
        }
        Ok(())
    }

    /// Everybody of one call. Who is not in the answer is asked about once more before the register
    /// is believed not to know them: an answer may be cut short.
    async fn batch(
        &self,
        consumer: Option<&OrgNumber>,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
        told: &mut LookedUp,
    ) -> Result<(), RegisterError> {
        let missing = self.readable(consumer, persons, logbook, told).await?;
        if missing.is_empty() {
            return Ok(());
        }
        no_answer(told, &missing);
        if missing.len() == persons.len() && persons.len() > 1 {
            return Err(unavailable(
                None,
                "its answer holds none of those asked about",
            ));
        }
        let missing = self.readable(consumer, &missing, logbook, told).await?;
        if !missing.is_empty() {
            tracing::warn!(
                persons = missing.len(),
                "the register leaves persons out of its answers; they count as not registered"
            );
        }
        let missing = missing.into_iter().map(Contact::not_registered);
        told.contacts.extend(missing);
        Ok(())
    }

    /// One question whose answer can be used; who is missing in it is given back.
    async fn readable(
        &self,
        consumer: Option<&OrgNumber>,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
        told: &mut LookedUp,
    ) -> Result<Vec<PersonNumber>, RegisterError> {
        let mut gone = 0;
        let outcome = self.ask(consumer, persons, &mut gone, logbook).await;
        for _ in u32::from(outcome.is_ok())..gone {
            no_answer(told, persons);
        }
        let read = match outcome? {
            Outcome::Answered(read) => read,
            Outcome::Refused if persons.len() == 1 => {
                if let Err(error) = self.is_anything_taken(consumer).await {
                    no_answer(told, persons);
                    return Err(error);
                }
                return Err(RegisterError::Refused);
            }
            Outcome::Refused => {
                no_answer(told, persons);
                return Err(RegisterError::Refused);
            }
        };
        if read.strangers + read.contradictions > 0 {
            tracing::warn!(
                strangers = read.strangers,
                contradictions = read.contradictions,
                "the register's answer holds persons not asked about, or twice with different content"
            );
        }
        if read.without_group {
            let said = |contact: Contact| (contact.person.clone(), Found::of(&contact));
            told.besides.extend(read.contacts.into_iter().map(said));
            no_answer(told, &read.missing);
            return Err(self.forbidden(
                consumer,
                "it leaves out addresses and varslingsstatus of everybody; the token's scope does \
                 not give them: check register.krr.maskinporten.scope and what the scope was \
                 granted for",
            ));
        }
        told.contacts.extend(read.contacts);
        Ok(read.missing)
    }

    /// One number alone was refused: is it the number, or everything?
    async fn is_anything_taken(&self, consumer: Option<&OrgNumber>) -> Result<(), RegisterError> {
        let now = self.clock.monotonic();
        let good = *self.answered_at.lock();
        if good.is_some_and(|at| now.since(at) < GOOD_LATELY) {
            return Ok(());
        }
        match self.ask(consumer, &[nobody()], &mut 0, &NoLogbook).await? {
            Outcome::Answered(_) => Ok(()),
            Outcome::Refused => Err(unavailable(None, "it calls every request wrong")),
        }
    }

    /// One question; with a new token once if the first is refused. `gone` counts the calls that
    /// may have left us; all but that of the outcome were in vain.
    async fn ask(
        &self,
        consumer: Option<&OrgNumber>,
        persons: &[PersonNumber],
        gone: &mut u32,
        logbook: &dyn Logbook,
    ) -> Result<Outcome, RegisterError> {
        let audience = Audience {
            scope: self.settings.scope.clone(),
            consumer: consumer.cloned(),
        };
        self.brake.check(consumer).map_err(held)?;
        for is_last in [false, true] {
            let token = self.tokens.get(&audience).await.map_err(no_token)?;
            if !CONTACT_SCOPES.iter().any(|scope| token.has_scope(scope)) {
                return Err(self.forbidden(
                    consumer,
                    "Maskinporten gives tokens without a scope for addresses; check \
                     register.krr.maskinporten.scope",
                ));
            }
            let leave = self.brake.leave(consumer).await.map_err(held)?;
            let written = logbook.leaving(persons).await;
            written.map_err(RegisterError::Unwritten)?;
            let reply = self.client.ask(&token, persons).await;
            *gone += u32::from(reply.as_ref().err().is_none_or(CallError::may_have_left));
            let reply = match reply {
                Ok(reply) => reply,
                Err(error) => return Err(unavailable(Some(leave.failed(None)), error)),
            };
            match classify(reply.status) {
                Verdict::Answered => {
                    return match self.client.read(&reply).await {
                        Ok(answer) => {
                            leave.answered();
                            *self.answered_at.lock() = Some(self.clock.monotonic());
                            Ok(Outcome::Answered(read(persons, answer)))
                        }
                        Err(error) => Err(unavailable(Some(leave.failed(None)), error)),
                    };
                }
                Verdict::BatchRefused => {
                    leave.answered();
                    return Ok(Outcome::Refused);
                }
                Verdict::Later => {
                    let pause = leave.failed(reply.retry_after);
                    let text = format!("{} answers HTTP {}", self.client.at(), reply.status);
                    return Err(unavailable(Some(pause), text));
                }
                Verdict::Forbidden(advice) => {
                    leave.answered();
                    let text = format!("HTTP {}: {advice}", reply.status);
                    return Err(self.forbidden(consumer, &text));
                }
                Verdict::TokenRefused => {
                    leave.answered();
                    self.tokens.forget(&audience, &token);
                    if is_last {
                        break;
                    }
                    tracing::info!("the register refuses the token; asking for a new one");
                }
            }
        }
        Err(self.forbidden(
            consumer,
            "HTTP 401: it does not take a new token either; check that \
             register.krr.maskinporten.issuer and register.krr.url are of the same environment, \
             and resource",
        ))
    }

    /// Nothing more is asked for this consumer for a minute.
    fn forbidden(&self, consumer: Option<&OrgNumber>, text: &str) -> RegisterError {
        self.brake.refuse(consumer, text);
        tracing::error!(
            register.problem = text,
            register.consumer = consumer.map(OrgNumber::as_str),
            "the register refuses us; whoever needs an answer of it waits until that is put right"
        );
        RegisterError::Forbidden(text.to_owned())
    }
}

#[async_trait]
impl ContactRegister for KrrRegister {
    async fn lookup(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
    ) -> LookedUp {
        let mut told = LookedUp::default();
        let asked = self.everybody(inquiry, persons, logbook, &mut told);
        let failed = asked.await.err();
        LookedUp { failed, ..told }
    }

    /// A token, and a question about a person who does not exist, for everybody we ask for.
    async fn probe(&self) -> Result<(), RegisterError> {
        let consumers: Vec<Option<&OrgNumber>> = match &self.settings.consumer {
            Consumer::Own => vec![None],
            Consumer::Organisation(number) => vec![Some(number)],
            Consumer::Agency(numbers) => numbers.values().map(Some).collect(),
        };
        for consumer in consumers {
            // Refused is an answer too: production may not read a synthetic number.
            self.ask(consumer, &[nobody()], &mut 0, &NoLogbook).await?;
        }
        Ok(())
    }
}

/// Of calls that are about nobody.
struct NoLogbook;

#[async_trait]
impl Logbook for NoLogbook {
    async fn leaving(&self, _nobody: &[PersonNumber]) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A call carried them in vain.
fn no_answer(told: &mut LookedUp, persons: &[PersonNumber]) {
    let persons = persons.iter().cloned();
    told.besides
        .extend(persons.map(|one| (one, Found::NoAnswer)));
}

/// A synthetic number; a register of real people does not know it.
fn nobody() -> PersonNumber {
    PersonNumber::synthetic(0)
}

fn unavailable(retry_after: Option<Duration>, source: impl Into<BoxError>) -> RegisterError {
    RegisterError::Unavailable {
        retry_after,
        source: source.into(),
    }
}

fn held(held: Held) -> RegisterError {
    match held {
        Held::Open(pause) => {
            unavailable(Some(pause), "it failed a moment ago; it is left in peace")
        }
        Held::Refused(text) => RegisterError::Forbidden(text),
    }
}

fn no_token(error: TokenError) -> RegisterError {
    match error {
        TokenError::Unavailable { retry_after, .. } => unavailable(retry_after, error),
        TokenError::Refused { .. } | TokenError::Signing => {
            RegisterError::Forbidden(error.to_string())
        }
    }
}
