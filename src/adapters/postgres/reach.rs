//! Who of a street has been reached.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;

use super::connect::PostgresStore;
use super::error::{classify, corrupt};
use super::rows::{small, state};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position};
use crate::domain::kinds::Channel;
use crate::domain::reach::Standing;
use crate::domain::state::State;
use crate::ports::store::{Homes, Reached, StoreError};

const STANDINGS: &str = "SELECT id, state, covered_by FROM delivery WHERE id = ANY($1)";
const JOB: &str = "SELECT no, rules FROM job WHERE agency = $1 AND name = $2";
const CHUNKS: &str = "SELECT persons FROM chunk WHERE job = $1 ORDER BY no";

#[async_trait]
impl Reached for PostgresStore {
    async fn standings(
        &self,
        who: &[(JobNo, Position)],
    ) -> Result<Vec<(JobNo, Position, Standing)>, StoreError> {
        if who.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = who
            .iter()
            .flat_map(|(job, position)| {
                let id = |channel| DeliveryId::of(*job, *position, 0, channel).0;
                Channel::ALL.iter().map(move |channel| id(*channel))
            })
            .collect();
        let rows = self.fetch(sqlx::query(STANDINGS).bind(ids)).await?;
        let mut found: BTreeMap<(JobNo, Position), Vec<(State, Option<Position>)>> =
            BTreeMap::new();
        for row in &rows {
            let delivery = DeliveryId(row.try_get(0).map_err(classify)?);
            let state = state(row.try_get(1).map_err(classify)?, delivery)?;
            let by: Option<i16> = row.try_get(2).map_err(classify)?;
            let key = (delivery.job(), delivery.position());
            found.entry(key).or_default().push((state, by.map(small)));
        }
        let standing = |((job, position), rows): (_, Vec<_>)| (job, position, Standing::of(&rows));
        Ok(found.into_iter().map(standing).collect())
    }

    async fn homes(&self, agency: AgencyNo, name: &JobName) -> Result<Option<Homes>, StoreError> {
        let statement = sqlx::query(JOB).bind(agency.0).bind(name.as_str());
        let found = self.fetch(statement).await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let no: i64 = row.try_get(0).map_err(classify)?;
        let rules = chunk_text::decode_rules(row.try_get(1).map_err(classify)?);
        let rules = rules.map_err(|error| corrupt("job", no, error))?;
        if rules.audience.is_none() {
            return Ok(Some(Homes::NoStreet));
        }
        let mut homes = Vec::new();
        for row in &self.fetch(sqlx::query(CHUNKS).bind(no)).await? {
            let persons: Option<&str> = row.try_get(0).map_err(classify)?;
            let Some(persons) = persons else {
                return Ok(Some(Homes::Erased));
            };
            let here = chunk_text::decode_homes(persons);
            let here = here.map_err(|error| corrupt("chunk", no, error))?;
            homes.extend(here.into_iter().flatten());
        }
        Ok(Some(Homes::At(homes)))
    }
}
