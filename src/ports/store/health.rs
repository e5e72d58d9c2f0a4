//! What the fleet saw of its gateways and relays, and what it decided about them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::health::{Bin, Circuit, GatewayState, Share, Tally};
use crate::domain::ids::DeliveryId;
use crate::domain::time::Timestamp;

/// A gateway of which something is known or decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayRow {
    /// Its name.
    pub gateway: String,
    /// Rises with each change; 0: nothing was ever decided.
    pub version: i64,
    /// What is decided.
    pub state: GatewayState,
    /// When the next probe may be given, while the circuit is open.
    pub probe_at: Timestamp,
    /// What its tries came to, oldest bin first.
    pub bins: Vec<Bin>,
}

impl GatewayRow {
    /// The row of a name; a new one, of which nothing is decided, if there is none.
    pub fn of<'a>(rows: &'a mut Vec<Self>, name: &str) -> &'a mut Self {
        let index = match rows.iter().position(|row| row.gateway == name) {
            Some(index) => index,
            None => {
                rows.push(Self {
                    gateway: name.to_owned(),
                    ..Self::default()
                });
                rows.len() - 1
            }
        };
        &mut rows[index]
    }
}

/// All of it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetView {
    /// The store's time.
    pub now: Timestamp,
    /// How many workers live, as far as anybody knows.
    pub workers: u32,
    /// Those of which something is known.
    pub gateways: Vec<GatewayRow>,
}

/// Something else is decided about a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayChange {
    /// Its name.
    pub gateway: String,
    /// The version that it rests on.
    pub version: i64,
    /// What was decided.
    pub from: GatewayState,
    /// What is.
    pub to: GatewayState,
    /// When the first probe may be given, if the circuit opens.
    pub probe_at: Timestamp,
    /// When.
    pub at: Timestamp,
    /// Why, in words, for the history; `None`: not worth a line of it.
    pub reason: Option<String>,
    /// What it rests on.
    pub figures: Tally,
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayStep {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub gateway: String,
    /// What was decided before.
    pub from: (Circuit, Share),
    /// What since then.
    pub to: (Circuit, Share),
    /// Why.
    pub reason: String,
    /// What it rests on.
    pub figures: Tally,
}

/// The health of gateways. Nothing here is on the way of a message.
#[async_trait]
pub trait Health: Send + Sync {
    /// Adds counts to the bin (of length `bin`) of the store's now, whoever else adds to it, and
    /// forgets bins that are older than `keep`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tally(
        &self,
        bin: Duration,
        keep: Duration,
        counts: &[(String, Tally)],
    ) -> Result<(), StoreError>;

    /// What is known and decided; bins that began up to `window` ago.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn fleet_view(&self, window: Duration) -> Result<FleetView, StoreError>;

    /// Decides, if nobody else has since `version`, and writes the history. Answers whether.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn change_gateway(&self, change: GatewayChange) -> Result<bool, StoreError>;

    /// Asks for the probe of an open circuit: of all who ask, one gets it (`true`) every `every` by
    /// the store's clock.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn take_probe(&self, gateway: &str, every: Duration) -> Result<bool, StoreError>;

    /// The last `limit` lines of the history, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn gateway_history(&self, limit: u32) -> Result<Vec<GatewayStep>, StoreError>;

    /// Through which gateway the first slot's try of each of these went that may have left: a second
    /// one goes nowhere else. A delivery without such a try is not in the answer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tried_through(
        &self,
        deliveries: &[DeliveryId],
    ) -> Result<Vec<(DeliveryId, String)>, StoreError>;
}
