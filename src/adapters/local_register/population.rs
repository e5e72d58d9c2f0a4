//! Who lives where, from the store's table.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::population::{PopulationError, PopulationRegister, StreetQuery, Stretch};
use crate::ports::store::{Store, StoreError};

/// The population register as a table of our own, filled by `register import --residents`.
#[derive(Debug)]
pub struct LocalPopulation {
    store: Arc<dyn Store>,
}

impl LocalPopulation {
    /// Over the table of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl PopulationRegister for LocalPopulation {
    async fn residents(&self, query: StreetQuery<'_>) -> Result<Stretch, PopulationError> {
        let away = |error: StoreError| PopulationError(Box::new(error));
        let residents = self.store.residents(query).await.map_err(away)?;
        if !residents.is_empty() {
            return Ok(Stretch::Residents(residents));
        }
        let street = query.street;
        let known = self
            .store
            .is_street(&street.municipality, &street.street)
            .await;
        match known.map_err(away)? {
            true => Ok(Stretch::Residents(residents)),
            false => Ok(Stretch::UnknownStreet),
        }
    }
}
