//! The register: people whose entries change, and a service that fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::audit::Found;
use budstikke::domain::contact::{Contact, Dated, Notifiable, Registration};
use budstikke::domain::email::EmailAddress;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::time::Timestamp;
use budstikke::ports::register::{ContactRegister, Inquiry, Logbook, LookedUp, RegisterError};

use super::outside::Outside;
use super::rng::Rng;
use super::time::{Life, note};

/// How the register behaves at present.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegisterWeather {
    pub down: bool,
    pub slow: f64,
    pub fails: f64,
    pub refuses: f64,
}

/// Everybody, as the register knows them now.
#[derive(Default)]
pub struct Population {
    pub all: Vec<Contact>,
    /// Numbers that the register calls wrong.
    pub wrong: Vec<PersonNumber>,
}

pub fn phone(n: u64) -> String {
    format!("+47{}", 40_000_000 + n)
}

pub fn email(n: u64) -> String {
    format!("p{n}@example.no")
}

impl Population {
    pub fn new(rng: &mut Rng, count: u32, now: Timestamp) -> Self {
        let day = Duration::from_hours(24);
        let mut population = Self::default();
        for n in 0..count {
            let number = PersonNumber::synthetic(n * 97 + 11);
            let mut dated = |_: u8| {
                if rng.chance(0.15) {
                    now.minus(day * 700)
                } else {
                    now.minus(day * 30)
                }
            };
            let (sms, mail) = (dated(0), dated(1));
            let mobile = rng.chance(0.85).then(|| Dated {
                address: Ok(PhoneNumber::parse(&phone(u64::from(n))).unwrap()),
                updated: Some(sms),
                verified: None,
                shared: false,
            });
            let email = rng.chance(0.75).then(|| Dated {
                address: Ok(EmailAddress::parse(&email(u64::from(n))).unwrap()),
                updated: Some(mail),
                verified: None,
                shared: false,
            });
            population.all.push(Contact {
                person: number.clone(),
                reserved: rng.chance(0.1),
                registration: if rng.chance(0.05) {
                    Registration::Deleted
                } else {
                    Registration::Active
                },
                notifiable: Notifiable::Unstated,
                mobile,
                email,
                language: None,
            });
            if rng.chance(0.04) {
                population.wrong.push(number);
            }
        }
        population
    }

    pub fn of(&self, person: &PersonNumber) -> Option<&Contact> {
        self.all.iter().find(|contact| contact.person == *person)
    }

    /// Somebody's entry changes.
    pub fn change(&mut self, who: usize, rng: &mut Rng) {
        let contact = &mut self.all[who];
        match rng.within(0..4) {
            0 => contact.reserved = !contact.reserved,
            1 => contact.registration = Registration::Deleted,
            2 => contact.mobile = None,
            _ => {
                let address = PhoneNumber::parse(&phone(90_000 + who as u64)).unwrap();
                if let Some(mobile) = &mut contact.mobile {
                    mobile.address = Ok(address);
                }
            }
        }
    }
}

/// A worker's way to the register.
pub struct FarRegister {
    pub outside: Arc<Outside>,
    pub life: Life,
}

impl fmt::Debug for FarRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FarRegister")
    }
}

fn unavailable(retry_after: Option<Duration>) -> RegisterError {
    RegisterError::Unavailable {
        retry_after,
        source: "the simulated register is away".into(),
    }
}

#[async_trait]
impl ContactRegister for FarRegister {
    async fn lookup(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
    ) -> LookedUp {
        let (outside, life) = (&self.outside, self.life);
        outside.goes_out(&inquiry.agency, persons, |asked| &mut asked.meant);
        if let Err(error) = logbook.leaving(persons).await {
            return LookedUp::from(Err(RegisterError::Unwritten(error)));
        }
        outside.goes_out(&inquiry.agency, persons, |asked| &mut asked.left);
        let sim = &outside.sim;
        let weather = outside.state.lock().register;
        let (there, back, fails, refuses, after) = sim.draw(|rng| {
            let slow = rng.chance(weather.slow);
            let there = if slow {
                rng.within(500_000..8_000_000)
            } else {
                rng.latency(500..20_000)
            };
            (
                there,
                rng.latency(500..20_000),
                rng.chance(weather.fails),
                rng.chance(weather.refuses),
                rng.chance(0.3)
                    .then(|| Duration::from_secs(rng.within(1..8))),
            )
        });
        let asked = sim.now();
        sim.sleep(life, Duration::from_micros(there)).await;
        let answer = {
            let state = outside.state.lock();
            let wrong = persons
                .iter()
                .any(|person| state.people.wrong.contains(person));
            if state.register.down || fails {
                Err(unavailable(after))
            } else if wrong || (refuses && persons.len() > 1) {
                Err(RegisterError::Refused)
            } else {
                Ok(persons
                    .iter()
                    .map(|person| {
                        let known = state.people.of(person).cloned();
                        known.unwrap_or_else(|| Contact::not_registered(person.clone()))
                    })
                    .collect::<Vec<_>>())
            }
        };
        match &answer {
            Ok(contacts) => outside.looked_up(life, &inquiry.agency, asked, contacts),
            Err(RegisterError::Refused) => outside.count("batch refused by the register"),
            Err(
                RegisterError::Unavailable { .. }
                | RegisterError::Forbidden(_)
                | RegisterError::Unwritten(_),
            ) => {
                outside.count("register away");
            }
        }
        sim.sleep(life, Duration::from_micros(back)).await;
        note!(
            sim,
            "w{life} looks {} persons up: {}",
            persons.len(),
            answer.is_ok()
        );
        let alone = persons.len() == 1 && matches!(answer, Err(RegisterError::Refused));
        let mut told = LookedUp::from(answer);
        if told.failed.is_some() && !alone {
            let persons = persons.iter().cloned();
            told.besides = persons.map(|one| (one, Found::NoAnswer)).collect();
        }
        outside.went_out(life, &inquiry.agency, persons, &told);
        told
    }

    async fn probe(&self) -> Result<(), RegisterError> {
        Ok(())
    }
}
