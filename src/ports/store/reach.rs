//! Who of a street has been reached.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::{AgencyNo, JobName, JobNo, Position};
use crate::domain::reach::Standing;
use crate::domain::street::Home;

/// Where the recipients of a job live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Homes {
    /// The job has recipients of its own, no street.
    NoStreet,
    /// They were erased together with the identity numbers.
    Erased,
    /// By position.
    At(Vec<Home>),
}

/// Who of a street has been reached.
#[async_trait]
pub trait Reached: Send + Sync {
    /// How it stands with recipients on occasion 0, in any order; what does not exist is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn standings(
        &self,
        who: &[(JobNo, Position)],
    ) -> Result<Vec<(JobNo, Position, Standing)>, StoreError>;

    /// Where the recipients of an agency's job live; `None` if it has no job of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn homes(&self, agency: AgencyNo, name: &JobName) -> Result<Option<Homes>, StoreError>;
}
