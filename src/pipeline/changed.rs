//! Persons who changed something about themselves in our own register: what this worker remembers of
//! them from before must not be used.
//!
//! Other workers use what they remember for at most `register.cache`, as with any register.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::person::PersonNumber;
use crate::ports::clock::Monotonic;

/// Who changed something, and when.
#[derive(Debug, Default)]
pub struct Changed(Mutex<HashMap<PersonNumber, Monotonic>>);

impl Changed {
    /// A person's change is stored by now.
    pub fn note(&self, person: &PersonNumber, now: Monotonic) {
        self.0.lock().insert(person.clone(), now);
    }

    /// Whether the person changed something after `asked`.
    pub fn is_after(&self, person: &PersonNumber, asked: Monotonic) -> bool {
        let changed = self.0.lock();
        changed.get(person).is_some_and(|at| *at >= asked)
    }

    /// Forgets changes that are older than any answer.
    pub fn forget_old(&self, now: Monotonic, fresh: Duration) {
        self.0.lock().retain(|_, at| now.since(*at) <= fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_before_a_change_is_outdated_and_one_from_after_is_not() {
        let (changed, person) = (Changed::default(), PersonNumber::synthetic(1));
        assert!(!changed.is_after(&person, Monotonic(5)));
        changed.note(&person, Monotonic(10));
        assert!(changed.is_after(&person, Monotonic(5)));
        assert!(changed.is_after(&person, Monotonic(10)));
        assert!(!changed.is_after(&person, Monotonic(11)));
        assert!(!changed.is_after(&PersonNumber::synthetic(2), Monotonic(5)));
        changed.forget_old(Monotonic(10_000_010), Duration::from_secs(10));
        assert!(changed.is_after(&person, Monotonic(5)));
        changed.forget_old(Monotonic(10_000_011), Duration::from_secs(10));
        assert!(!changed.is_after(&person, Monotonic(5)));
    }
}
