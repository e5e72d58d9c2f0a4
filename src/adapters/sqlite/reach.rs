//! Who of a street has been reached.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::{json, narrow, state};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position};
use crate::domain::kinds::Channel;
use crate::domain::reach::Standing;
use crate::domain::state::State;
use crate::ports::store::{Homes, Reached, StoreError};

const STANDINGS: &str = "SELECT d.id, d.state, d.covered_by FROM json_each(?1) e
    JOIN delivery d ON d.id = e.value";

const JOB: &str = "SELECT no, rules FROM job WHERE agency = ?1 AND name = ?2";

const CHUNKS: &str = "SELECT persons FROM chunk WHERE job = ?1 ORDER BY no";

#[async_trait]
impl Reached for SqliteStore {
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
        let rows: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(STANDINGS)
            .bind(json(&ids))
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let mut found: BTreeMap<(JobNo, Position), Vec<(State, Option<Position>)>> =
            BTreeMap::new();
        for (id, code, by) in rows {
            let delivery = DeliveryId(id);
            let by = by.map(|by| narrow("delivery", id, by)).transpose()?;
            let key = (delivery.job(), delivery.position());
            found.entry(key).or_default().push((state(id, code)?, by));
        }
        let standing = |((job, position), rows): (_, Vec<_>)| (job, position, Standing::of(&rows));
        Ok(found.into_iter().map(standing).collect())
    }

    async fn homes(&self, agency: AgencyNo, name: &JobName) -> Result<Option<Homes>, StoreError> {
        let job: Option<(i64, String)> = sqlx::query_as(JOB)
            .bind(agency.0)
            .bind(name.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(Failure::from)?;
        let Some((no, rules)) = job else {
            return Ok(None);
        };
        let rules = chunk_text::decode_rules(&rules).map_err(|error| corrupt("job", no, error))?;
        if rules.audience.is_none() {
            return Ok(Some(Homes::NoStreet));
        }
        let chunks: Vec<Option<String>> = sqlx::query_scalar(CHUNKS)
            .bind(no)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let mut homes = Vec::new();
        for persons in chunks {
            let Some(persons) = persons else {
                return Ok(Some(Homes::Erased));
            };
            let here = chunk_text::decode_homes(&persons);
            let here = here.map_err(|error| corrupt("chunk", no, error))?;
            homes.extend(here.into_iter().flatten());
        }
        Ok(Some(Homes::At(homes)))
    }
}
