//! Who of a street was reached, and at which houses nobody was.

use std::collections::BTreeMap;

use super::event::NotificationFact;
use super::ids::Position;
use super::state::State;
use super::status::{Reason, Status};
use super::street::Home;

/// How it stands with one recipient, all channels together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not decided yet.
    Open,
    /// A gateway or relay took a message to them.
    Told,
    /// It may or may not have arrived.
    Uncertain,
    /// That one got it, so this one gets nothing.
    Covered(Position),
    /// They were not told, and will not be.
    NotTold,
}

impl Standing {
    /// Of a recipient with these deliveries: state, and who covers it.
    pub fn of(deliveries: &[(State, Option<Position>)]) -> Self {
        let any = |wanted: fn(State) -> bool| deliveries.iter().any(|(state, _)| wanted(*state));
        if any(|state| matches!(state, State::Sent | State::Delivered)) {
            Self::Told
        } else if any(|state| !state.is_settled()) {
            Self::Open
        } else if any(|state| state == State::Uncertain) {
            Self::Uncertain
        } else {
            let covered = deliveries.iter().find_map(|(_, by)| *by);
            covered.map_or(Self::NotTold, Self::Covered)
        }
    }
}

/// What became of the recipients of a street.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// How many there are.
    pub recipients: u64,
    /// In how many households.
    pub households: u64,
    /// Nothing is decided yet.
    pub open: u64,
    /// Taken over by a gateway or relay.
    pub sent: u64,
    /// A receipt says that it arrived.
    pub delivered: u64,
    /// Somebody of the household, or with the same address, got it.
    pub covered: u64,
    /// Not in the contact register, or without a usable address.
    pub no_contact: u64,
    /// They do not want to be told.
    pub refused: u64,
    /// Failed, uncertain, expired, cancelled.
    pub other: u64,
    /// Houses where a household was not reached, in street order.
    pub without_reach: Vec<House>,
}

/// A house where a household was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// Its number.
    pub number: u32,
    /// The letter behind it; blank if there is none.
    pub letter: String,
    /// How many households live there, of those written to.
    pub households: u64,
    /// How many of them nobody was reached of.
    pub unreached: u64,
}

/// How far a household has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    No,
    Open,
    Yes,
}

/// The report on recipients who live at `homes` (by position), of whom `facts` tell what became on
/// occasion 0. References are positions counted from 1.
pub fn reach(homes: &[Home], facts: &[NotificationFact]) -> Reach {
    let mut best: BTreeMap<usize, &NotificationFact> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.occasion == 0) {
        if let Some(index) = index_of(fact.reference.as_str()) {
            let known = best.entry(index).or_insert(fact);
            if rank(fact.status) > rank(known.status) {
                *known = fact;
            }
        }
    }
    let mut report = Reach {
        recipients: homes.len() as u64,
        ..Reach::default()
    };
    let mut households: BTreeMap<u16, (&Home, Reached)> = BTreeMap::new();
    for (index, home) in homes.iter().enumerate() {
        let fact = best.get(&index).copied();
        *group(&mut report, fact) += 1;
        let reached = reached(fact, &best);
        let household = households.entry(home.household).or_insert((home, reached));
        household.1 = household.1.max(reached);
    }
    report.households = households.len() as u64;
    report.without_reach = houses(households.values());
    report
}

/// `14` is index 13.
fn index_of(reference: &str) -> Option<usize> {
    reference.parse::<usize>().ok()?.checked_sub(1)
}

/// Of two channels the one that went further.
const fn rank(status: Status) -> u8 {
    match status {
        Status::Cancelled => 0,
        Status::NotSent => 1,
        Status::Failed => 2,
        Status::Uncertain => 3,
        Status::Accepted => 4,
        Status::Waiting => 5,
        Status::Sending => 6,
        Status::Sent => 7,
        Status::Delivered => 8,
    }
}

fn group<'a>(report: &'a mut Reach, fact: Option<&NotificationFact>) -> &'a mut u64 {
    let Some(fact) = fact else {
        return &mut report.other;
    };
    match (fact.status, fact.reason) {
        (Status::Accepted | Status::Waiting | Status::Sending, _) => &mut report.open,
        (Status::Sent, _) => &mut report.sent,
        (Status::Delivered, _) => &mut report.delivered,
        (_, Some(Reason::Covered)) => &mut report.covered,
        (_, Some(Reason::Reserved | Reason::OptedOut)) => &mut report.refused,
        (Status::NotSent, Some(reason)) if is_no_contact(reason) => &mut report.no_contact,
        (Status::NotSent | Status::Failed | Status::Uncertain | Status::Cancelled, _) => {
            &mut report.other
        }
    }
}

const fn is_no_contact(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotRegistered
            | Reason::Deleted
            | Reason::NoAddress
            | Reason::StaleAddress
            | Reason::InvalidAddress
            | Reason::NotNotifiable
    )
}

fn reached(fact: Option<&NotificationFact>, all: &BTreeMap<usize, &NotificationFact>) -> Reached {
    let by_status = |status| match status {
        Status::Sent | Status::Delivered => Reached::Yes,
        Status::Accepted | Status::Waiting | Status::Sending => Reached::Open,
        Status::Failed | Status::NotSent | Status::Uncertain | Status::Cancelled => Reached::No,
    };
    let Some(fact) = fact else {
        return Reached::No;
    };
    let covering = fact.covered_by.as_ref();
    match covering.and_then(|by| all.get(&index_of(by.as_str())?)) {
        Some(covering) => by_status(covering.status),
        None => by_status(fact.status),
    }
}

fn houses<'a>(households: impl Iterator<Item = &'a (&'a Home, Reached)>) -> Vec<House> {
    let mut houses: BTreeMap<(u32, &str), House> = BTreeMap::new();
    for (home, reached) in households {
        let house = houses.entry((home.number, &home.letter)).or_insert(House {
            number: home.number,
            letter: home.letter.clone(),
            households: 0,
            unreached: 0,
        });
        house.households += 1;
        house.unreached += u64::from(*reached == Reached::No);
    }
    let all = houses.into_values();
    all.filter(|house| house.unreached > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{JobName, Reference};
    use crate::domain::kinds::{Channel, Class};
    use crate::domain::time::Timestamp;

    fn home(number: u32, letter: &str, household: u16) -> Home {
        Home {
            number,
            letter: letter.into(),
            household,
            after: None,
        }
    }

    fn fact(reference: u16, status: Status, reason: Option<Reason>) -> NotificationFact {
        NotificationFact {
            job: JobName::parse("snow").unwrap(),
            reference: Reference::parse(&reference.to_string()).unwrap(),
            class: Class::ServiceMessage,
            occasion: 0,
            channel: Some(Channel::Sms),
            status,
            reason,
            at: Timestamp(0),
            version: 1,
            possible_duplicate: false,
            covered_by: None,
        }
    }

    fn covered(reference: u16, by: u16) -> NotificationFact {
        NotificationFact {
            covered_by: Some(Reference::parse(&by.to_string()).unwrap()),
            ..fact(reference, Status::NotSent, Some(Reason::Covered))
        }
    }

    #[test]
    fn everybody_counts_once_in_the_group_that_says_what_became_of_them() {
        let homes: Vec<Home> = (0..9).map(|n| home(u32::from(n) + 1, "", n)).collect();
        let facts = [
            fact(1, Status::Sent, None),
            fact(2, Status::Delivered, None),
            covered(3, 1),
            fact(4, Status::NotSent, Some(Reason::NotRegistered)),
            fact(5, Status::NotSent, Some(Reason::NoAddress)),
            fact(6, Status::NotSent, Some(Reason::OptedOut)),
            fact(7, Status::Failed, Some(Reason::RefusedByGateway)),
            fact(8, Status::Waiting, None),
            fact(9, Status::Uncertain, Some(Reason::NoAnswer)),
        ];
        let report = reach(&homes, &facts);
        let counts = [
            report.sent,
            report.delivered,
            report.covered,
            report.no_contact,
            report.refused,
            report.other,
            report.open,
        ];
        assert_eq!(counts, [1, 1, 1, 2, 1, 2, 1]);
        assert_eq!((report.recipients, report.households), (9, 9));
        let doors: Vec<u32> = report.without_reach.iter().map(|h| h.number).collect();
        assert_eq!(doors, [4, 5, 6, 7, 9]);
    }

    #[test]
    fn a_house_is_listed_while_one_of_its_households_has_nobody_who_was_reached() {
        let homes = [
            home(1, "A", 0),
            home(1, "A", 0),
            home(1, "A", 1),
            home(1, "B", 2),
            home(2, "", 3),
        ];
        let facts = [
            fact(1, Status::NotSent, Some(Reason::NoAddress)),
            fact(2, Status::Sent, None),
            fact(3, Status::Failed, Some(Reason::Barred)),
            // Who covered this one was not reached after all.
            covered(4, 3),
            fact(5, Status::Sending, None),
        ];
        let report = reach(&homes, &facts);
        let houses: Vec<_> = report
            .without_reach
            .iter()
            .map(|h| (h.number, h.letter.as_str(), h.households, h.unreached))
            .collect();
        assert_eq!(houses, [(1, "A", 2, 1), (1, "B", 1, 1)]);
    }

    #[test]
    fn of_both_channels_the_better_counts() {
        let facts = [
            fact(1, Status::Failed, Some(Reason::Barred)),
            fact(1, Status::Sent, None),
        ];
        let report = reach(&[home(1, "", 0)], &facts);
        assert_eq!((report.sent, report.other), (1, 0));
        assert_eq!(report.without_reach, []);
    }

    #[test]
    fn somebody_stands_as_far_as_the_best_of_their_deliveries() {
        for (deliveries, expected) in [
            (
                &[(State::Failed, None), (State::Sent, None)][..],
                Standing::Told,
            ),
            (
                &[(State::Delivered, None), (State::Waiting, None)],
                Standing::Told,
            ),
            (
                &[(State::Failed, None), (State::Unknown, None)],
                Standing::Open,
            ),
            (
                &[(State::Uncertain, None), (State::NotSent, None)],
                Standing::Uncertain,
            ),
            (&[(State::NotSent, Some(4))], Standing::Covered(4)),
            (
                &[(State::NotSent, None), (State::Failed, None)],
                Standing::NotTold,
            ),
            (&[(State::Cancelled, None)], Standing::NotTold),
            (&[], Standing::NotTold),
        ] {
            assert_eq!(Standing::of(deliveries), expected, "{deliveries:?}");
        }
    }
}
