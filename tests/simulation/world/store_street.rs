//! The store as a worker sees it: who lives where, and who was reached.

use async_trait::async_trait;
use budstikke::adapters::sqlite::SqliteStore;
use budstikke::domain::ids::{AgencyNo, JobName, JobNo, Position};
use budstikke::domain::reach::Standing;
use budstikke::domain::street::Resident;
use budstikke::domain::time::Timestamp;
use budstikke::ports::population::StreetQuery;
use budstikke::ports::store::*;

use super::store::FarStore;

#[async_trait]
impl Residents for FarStore {
    async fn put_residents(&self, residents: &[Resident], at: Timestamp) -> Result<(), StoreError> {
        let residents = residents.to_vec();
        self.call("put_residents", async move |s: SqliteStore, _| {
            s.put_residents(&residents, at).await
        })
        .await
    }

    async fn drop_residents(
        &self,
        municipalities: &[String],
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        let municipalities = municipalities.to_vec();
        self.call("drop_residents", async move |s: SqliteStore, _| {
            s.drop_residents(&municipalities, before).await
        })
        .await
    }

    async fn residents(&self, query: StreetQuery<'_>) -> Result<Vec<Resident>, StoreError> {
        let street = query.street.clone();
        let (youngest_birth_year, limit) = (query.youngest_birth_year, query.limit);
        self.call("residents", async move |s: SqliteStore, _| {
            let query = StreetQuery {
                street: &street,
                youngest_birth_year,
                limit,
            };
            s.residents(query).await
        })
        .await
    }

    async fn is_street(&self, municipality: &str, street: &str) -> Result<bool, StoreError> {
        let (municipality, street) = (municipality.to_owned(), street.to_owned());
        self.call("is_street", async move |s: SqliteStore, _| {
            s.is_street(&municipality, &street).await
        })
        .await
    }
}

#[async_trait]
impl Reached for FarStore {
    async fn standings(
        &self,
        who: &[(JobNo, Position)],
    ) -> Result<Vec<(JobNo, Position, Standing)>, StoreError> {
        let who = who.to_vec();
        self.call("standings", async move |s: SqliteStore, _| {
            s.standings(&who).await
        })
        .await
    }

    async fn homes(&self, agency: AgencyNo, name: &JobName) -> Result<Option<Homes>, StoreError> {
        let name = name.clone();
        self.call("homes", async move |s: SqliteStore, _| {
            s.homes(agency, &name).await
        })
        .await
    }
}
