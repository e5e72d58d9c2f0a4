//! From a street to recipients: who lives there on the day that the job is taken in.

use crate::domain::event::Problem;
use crate::domain::job::parse::MAX_RECIPIENTS;
use crate::domain::job::{Recipient, Side, StreetAudience};
use crate::domain::street::{self, LEAST_AGE};
use crate::domain::time::Timestamp;
use crate::ports::population::{PopulationError, PopulationRegister, StreetQuery, Stretch};

/// The residents whom a job for a street is for, or why there can be no such job.
///
/// # Errors
/// [`PopulationError`]: nobody knows just now.
pub async fn residents(
    register: &dyn PopulationRegister,
    audience: &StreetAudience,
    now: Timestamp,
) -> Result<Result<Vec<Recipient>, Problem>, PopulationError> {
    let query = StreetQuery {
        street: audience,
        youngest_birth_year: street::youngest_birth_year(now),
        limit: MAX_RECIPIENTS as u32 + 1,
    };
    let residents = match register.residents(query).await? {
        Stretch::UnknownStreet => {
            return Ok(Err(Problem {
                pointer: "/audience/street/street".to_owned(),
                problem:
                    "is no street where the population register knows anybody; check how it is \
                          spelled, and that its residents were imported"
                        .to_owned(),
            }));
        }
        Stretch::Residents(residents) => residents,
    };
    if residents.is_empty() {
        return Ok(Err(nobody(audience)));
    }
    if residents.len() > MAX_RECIPIENTS {
        return Ok(Err(Problem {
            pointer: "/audience/street".to_owned(),
            problem: format!(
                "has more than {MAX_RECIPIENTS} residents of {LEAST_AGE} years or more, the most \
                 that a job may have; cut it into several stretches"
            ),
        }));
    }
    Ok(Ok(street::recipients(residents, audience, now)))
}

fn nobody(audience: &StreetAudience) -> Problem {
    let side = match audience.side {
        Side::Both => "",
        Side::Odd => " on the odd side",
        Side::Even => " on the even side",
    };
    Problem {
        pointer: "/audience/street".to_owned(),
        problem: format!(
            "has no resident of {LEAST_AGE} years or more from number {} to {}{side}",
            audience.from, audience.to
        ),
    }
}
