//! Who of a street is written to, and in which order (contract section 8).

use std::cmp::Ordering;

use super::calendar;
use super::ids::{Position, Reference};
use super::job::{Recipient, Side, StreetAudience, To, Values};
use super::person::PersonNumber;
use super::time::Timestamp;

/// Younger residents are left out.
pub const LEAST_AGE: i16 = 16;
/// From this age on somebody stands for a household before the younger ones.
pub const ADULT_AGE: i16 = 18;

/// Somebody who lives at a street.
#[derive(Clone, PartialEq, Eq)]
pub struct Resident {
    /// Who.
    pub person: PersonNumber,
    /// Four digits.
    pub municipality: String,
    /// The street's name.
    pub street: String,
    /// The house number.
    pub number: u32,
    /// The letter behind it, in capitals; blank if there is none.
    pub letter: String,
    /// Who shares a household at the same house has the same; blank: nobody else.
    pub household: String,
    /// The year of birth.
    pub birth_year: i16,
}

impl std::fmt::Debug for Resident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resident(***)")
    }
}

/// Where a recipient of a street lives, and whose turn comes before theirs.
#[derive(Clone, PartialEq, Eq)]
pub struct Home {
    /// The house number.
    pub number: u32,
    /// The letter behind it; blank if there is none.
    pub letter: String,
    /// Which household of the job, counted from 0 in street order.
    pub household: u16,
    /// With `per_household`: who of the household is to be reached before; this one is written to
    /// only if nobody before could be.
    pub after: Option<Position>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Home(***)")
    }
}

/// Residents born later than this are too young at `now`. The year alone is known, so that everybody
/// is as old as they become in this year (Europe/Oslo).
pub fn youngest_birth_year(now: Timestamp) -> i16 {
    calendar::in_oslo(now).year() - LEAST_AGE
}

/// The name by which a street is found: capitals and repeated blanks make no difference.
pub fn street_key(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Whether a house number lies on that side.
pub const fn is_on_side(side: Side, number: u32) -> bool {
    match side {
        Side::Both => true,
        Side::Odd => number % 2 == 1,
        Side::Even => number.is_multiple_of(2),
    }
}

/// The recipients that residents become: in street order (number, letter, household, person), with
/// their position from 1 as reference. Somebody whose position is out of range is left out: the
/// caller has checked that there are no more than a job may have.
pub fn recipients(
    mut residents: Vec<Resident>,
    audience: &StreetAudience,
    now: Timestamp,
) -> Vec<Recipient> {
    residents.sort_by(in_street_order);
    residents.dedup_by(|a, b| a.person == b.person);
    let adults_born = calendar::in_oslo(now).year() - ADULT_AGE;
    let mut homes: Vec<Home> = Vec::with_capacity(residents.len());
    let mut begin = 0;
    for (household, members) in residents.chunk_by(are_one_household).enumerate() {
        let mut turns: Vec<usize> = (begin..begin + members.len()).collect();
        // Adults first, each group in street order.
        turns.sort_by_key(|at| residents[*at].birth_year > adults_born);
        let mut after: Vec<Option<Position>> = vec![None; members.len()];
        if audience.per_household {
            for (first, second) in turns.iter().zip(turns.iter().skip(1)) {
                after[second - begin] = Some(*first as Position);
            }
        }
        for (resident, after) in members.iter().zip(after) {
            homes.push(Home {
                number: resident.number,
                letter: resident.letter.clone(),
                household: household as u16,
                after,
            });
        }
        begin += members.len();
    }
    let recipient = |(index, (resident, home)): (usize, (Resident, Home))| {
        Some(Recipient {
            reference: Reference::parse(&(index + 1).to_string()).ok()?,
            to: To::Person(resident.person),
            values: Values::new(),
            home: Some(home),
        })
    };
    let all = residents.into_iter().zip(homes).enumerate();
    all.filter_map(recipient).collect()
}

fn in_street_order(a: &Resident, b: &Resident) -> Ordering {
    (a.number, &a.letter, &a.household, &a.person).cmp(&(
        b.number,
        &b.letter,
        &b.household,
        &b.person,
    ))
}

/// Neighbours in street order share a household; without a name of it everybody is their own.
fn are_one_household(a: &Resident, b: &Resident) -> bool {
    !a.household.is_empty()
        && (a.number, &a.letter, &a.household) == (b.number, &b.letter, &b.household)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon on New Year's Eve 2026.
    const NOW: &str = "2026-12-31T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    fn resident(
        seed: u32,
        number: u32,
        letter: &str,
        household: &str,
        birth_year: i16,
    ) -> Resident {
        Resident {
            person: PersonNumber::synthetic(seed),
            municipality: "0301".into(),
            street: "Storgata".into(),
            number,
            letter: letter.into(),
            household: household.into(),
            birth_year,
        }
    }

    fn audience(per_household: bool) -> StreetAudience {
        StreetAudience {
            municipality: "0301".into(),
            street: "Storgata".into(),
            from: 1,
            to: 99,
            side: Side::Both,
            per_household,
        }
    }

    fn homes(residents: Vec<Resident>, per_household: bool) -> Vec<Home> {
        let all = recipients(residents, &audience(per_household), at(NOW));
        let references: Vec<String> = all.iter().map(|r| r.reference.as_str().into()).collect();
        let positions: Vec<String> = (1..=all.len()).map(|n| n.to_string()).collect();
        assert_eq!(references, positions);
        all.into_iter().map(|one| one.home.unwrap()).collect()
    }

    #[test]
    fn references_follow_number_letter_and_household() {
        let homes = homes(
            vec![
                resident(5, 10, "", "H2", 1980),
                resident(1, 9, "B", "H1", 1980),
                resident(2, 9, "A", "H1", 1980),
                resident(3, 9, "", "H1", 1980),
                resident(4, 10, "", "H1", 1980),
            ],
            false,
        );
        let houses: Vec<(u32, &str)> = homes
            .iter()
            .map(|h| (h.number, h.letter.as_str()))
            .collect();
        assert_eq!(houses, [(9, ""), (9, "A"), (9, "B"), (10, ""), (10, "")]);
        let households: Vec<u16> = homes.iter().map(|h| h.household).collect();
        assert_eq!(households, [0, 1, 2, 3, 4]);
        assert!(homes.iter().all(|home| home.after.is_none()));
    }

    #[test]
    fn of_a_household_adults_come_first_one_after_the_other() {
        let mut persons: Vec<Resident> = (1..=3).map(|n| resident(n, 1, "", "H1", 1980)).collect();
        persons.sort_by(|a, b| a.person.cmp(&b.person));
        // The youngest is the first in street order, and the last to be written to.
        persons[0].birth_year = 2010;
        persons.push(resident(4, 2, "", "H1", 1980));
        let homes = homes(persons, true);
        let after: Vec<Option<Position>> = homes.iter().map(|home| home.after).collect();
        assert_eq!(after, [Some(2), None, Some(1), None]);
    }

    #[test]
    fn without_a_name_of_the_household_everybody_is_their_own() {
        let homes = homes(
            vec![resident(1, 1, "", "", 1980), resident(2, 1, "", "", 1980)],
            true,
        );
        assert_eq!((homes[0].household, homes[1].household), (0, 1));
        assert!(homes.iter().all(|home| home.after.is_none()));
    }

    #[test]
    fn the_year_of_birth_counts_by_the_calendar_of_oslo() {
        assert_eq!(youngest_birth_year(at(NOW)), 2010);
        // An hour before midnight in UTC it is the new year in Oslo.
        assert_eq!(youngest_birth_year(at("2026-12-31T23:30:00Z")), 2011);
    }

    #[test]
    fn capitals_and_blanks_in_a_streets_name_make_no_difference() {
        assert_eq!(street_key("  Øvre  STORGATE "), street_key("øvre storgate"));
        assert_ne!(street_key("Storgata"), street_key("Storgate"));
    }

    #[test]
    fn odd_and_even_are_the_two_sides() {
        assert!(is_on_side(Side::Odd, 1) && !is_on_side(Side::Odd, 2));
        assert!(is_on_side(Side::Even, 2) && !is_on_side(Side::Even, 1));
        assert!(is_on_side(Side::Both, 1) && is_on_side(Side::Both, 2));
    }
}
