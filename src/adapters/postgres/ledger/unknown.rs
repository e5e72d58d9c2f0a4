//! Deliveries whose receipt did not come.

use sqlx::Row;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::classify;
use crate::adapters::postgres::now;
use crate::adapters::postgres::rows::large;
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::time::Timestamp;
use crate::ports::store::{StoreError, UnknownDelivery};

const DUE: &str = concat!(
    "SELECT id, agency, slot, tries, version, due FROM delivery \
     WHERE state = 7 AND due <= (SELECT ",
    now!(),
    ") ORDER BY due LIMIT $1"
);

pub(super) async fn due(
    store: &PostgresStore,
    limit: u32,
) -> Result<Vec<UnknownDelivery>, StoreError> {
    let rows = store.fetch(sqlx::query(DUE).bind(i64::from(limit))).await?;
    rows.iter()
        .map(|row| {
            Ok(UnknownDelivery {
                delivery: DeliveryId(row.try_get(0)?),
                agency: AgencyNo(row.try_get(1)?),
                slot: u8::from(row.try_get::<i16, _>(2)? != 0),
                tries: large(row.try_get(3)?),
                version: row.try_get(4)?,
                due: Timestamp(row.try_get(5)?),
            })
        })
        .collect::<Result<_, sqlx::Error>>()
        .map_err(classify)
}
