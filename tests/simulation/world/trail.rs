//! The audit of look-ups: whoever was asked about is in it, and, if the worker lived on, what it was
//! told; nothing else is.

use std::collections::BTreeMap;
use std::time::Duration;

use budstikke::domain::audit::{AuditKeys, Found, PersonHash};
use budstikke::domain::ids::AgencyId;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::secret_key::SecretKey;
use budstikke::pipeline::trail_check::verify;
use budstikke::ports::register::LookedUp;
use budstikke::ports::store::Audit as _;

use super::fleet::Fleet;
use super::oracle::{Asked, Oracle};
use super::outside::Outside;
use super::time::Life;

/// What the persons are hashed with.
pub const KEY: &str = "a key for simulations";
/// How long the audit is kept.
pub const KEPT: Duration = Duration::from_hours(400);

/// Which agency asked about whom, and what it was told.
type Row = (String, PersonHash, &'static str);

fn keys() -> AuditKeys {
    AuditKeys::new(&SecretKey::of_text(KEY))
}

impl Outside {
    /// A worker's call about `persons` is to be made, or is made.
    pub fn goes_out(
        &self,
        agency: &AgencyId,
        persons: &[PersonNumber],
        which: fn(&mut Asked) -> &mut u32,
    ) {
        let keys = keys();
        let mut state = self.state.lock();
        for person in persons {
            let key = (agency.as_str().to_owned(), keys.person(person));
            *which(state.oracle.asked.entry(key).or_default()) += 1;
        }
    }

    /// A worker knows what came of its call to the register.
    pub fn went_out(
        &self,
        life: Life,
        agency: &AgencyId,
        persons: &[PersonNumber],
        told: &LookedUp,
    ) {
        let keys = keys();
        let mut state = self.state.lock();
        for person in persons {
            let said = told.contacts.iter().find(|one| one.person == *person);
            let besides = told.besides.iter().find(|(one, _)| one == person);
            let found = match (said, besides) {
                (Some(contact), _) => Found::of(contact),
                (None, Some((_, found))) => *found,
                // Refused alone.
                (None, None) => Found::NotRegistered,
            };
            let row = (
                agency.as_str().to_owned(),
                keys.person(person),
                found.as_str(),
            );
            let calls = state.oracle.calls.entry((life, row)).or_default();
            *calls += 1;
        }
    }
}

/// Judges.
pub fn judge(fleet: &Fleet) -> Vec<String> {
    let kept_since = fleet.outside.store_now().minus(KEPT);
    let (mut written, mut wrong) = (BTreeMap::<Row, u32>::new(), Vec::new());
    fleet.store_runtime.block_on(async {
        let found = verify(&fleet.real, &keys(), kept_since).await.unwrap();
        wrong.extend(found.findings);
        for strand in fleet.real.strands().await.unwrap() {
            let links = fleet.real.links(strand.end.strand, 0, u32::MAX).await;
            for lookup in links.unwrap().into_iter().map(|link| link.lookup) {
                for (person, found) in lookup.persons.iter() {
                    let row = (lookup.agency.clone(), person, found.as_str());
                    *written.entry(row).or_default() += 1;
                }
            }
        }
    });
    let state = fleet.outside.state.lock();
    wrong.extend(compare(&state.oracle, &written));
    wrong
}

fn compare(oracle: &Oracle, written: &BTreeMap<Row, u32>) -> Vec<String> {
    let mut all: BTreeMap<&Row, u32> = BTreeMap::new();
    let mut must: BTreeMap<&Row, u32> = BTreeMap::new();
    for ((life, row), calls) in &oracle.calls {
        *all.entry(row).or_default() += calls;
        if !oracle.troubled.contains_key(life) {
            *must.entry(row).or_default() += calls;
        }
    }
    let asked = oracle.asked.iter().map(|((agency, person), asked)| {
        let row = (agency.clone(), *person, Found::Asked.as_str());
        (row, asked)
    });
    let asked: Vec<(Row, &Asked)> = asked.collect();
    for (row, asked) in &asked {
        // Whatever befell the worker.
        *must.entry(row).or_default() += asked.left;
        *all.entry(row).or_default() += asked.meant;
    }
    let rows = |row: &Row| written.get(row).copied().unwrap_or_default();
    let missing = must.into_iter().filter(|(row, calls)| rows(row) < *calls);
    let mut wrong: Vec<String> = missing
        .map(|((agency, _, found), calls)| {
            format!("audit: of {calls} calls of {agency} some are not in it ({found})")
        })
        .collect();
    let made_up = written.keys().filter(|row| !all.contains_key(row));
    wrong.extend(made_up.map(|(agency, _, found)| {
        format!("audit: {agency} asked about somebody whom no call carried ({found})")
    }));
    wrong
}
