//! Events out: [`EventSink`] over RabbitMQ (contract section 4; R-9).

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::types::ShortString;
use tracing::{debug, warn};

use super::names;
use super::publisher::{Message, Publisher, Receipt};
use super::topology::AgencyRoute;
use crate::domain::event::Event;
use crate::domain::ids::AgencyId;
use crate::ports::event_sink::EventSink;

/// Messages published before their confirms are awaited.
const WINDOW: usize = 1_000;
/// `delivery_mode` of a message that survives a restart.
pub(super) const PERSISTENT: u8 = 2;

/// Publishes events with `mandatory` and confirms.
#[derive(Debug)]
pub struct AmqpEvents {
    publisher: Arc<Publisher>,
    agencies: HashSet<AgencyId>,
}

impl AmqpEvents {
    /// Publishes through `publisher`, whose topology must have the queues of `agencies`.
    pub fn new(publisher: Arc<Publisher>, agencies: &[AgencyRoute]) -> Self {
        Self {
            publisher,
            agencies: agencies.iter().map(|route| route.agency.clone()).collect(),
        }
    }

    /// Whether the agency has an events queue at all; without one its events stay unconfirmed.
    pub fn serves(&self, agency: &AgencyId) -> bool {
        self.agencies.contains(agency)
    }
}

#[async_trait]
impl EventSink for AmqpEvents {
    async fn publish(&self, agency: &AgencyId, events: &[Event]) -> usize {
        if !self.serves(agency) {
            return 0;
        }
        let mut confirmed = 0;
        for window in events.chunks(WINDOW) {
            let messages: Vec<_> = window.iter().map(|event| message(agency, event)).collect();
            let receipts = self.publisher.publish(&messages).await;
            let prefix = receipts
                .iter()
                .take_while(|receipt| **receipt == Receipt::Confirmed)
                .count();
            confirmed += prefix;
            if let Some(stopped_by) = receipts.get(prefix) {
                report(agency, stopped_by);
                break;
            }
        }
        confirmed
    }

    fn is_ready(&self) -> bool {
        self.publisher.is_ready()
    }
}

fn message(agency: &AgencyId, event: &Event) -> Message {
    let id = event.id(agency);
    Message {
        exchange: names::EVENTS_EXCHANGE,
        routing_key: event.routing_key(agency),
        properties: BasicProperties::default()
            .with_content_type(names::CLOUDEVENT_JSON.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(ShortString::try_new(id).unwrap_or_default()),
        body: event.to_cloudevent(agency).into(),
    }
}

fn report(agency: &AgencyId, receipt: &Receipt) {
    match receipt {
        Receipt::Confirmed => {}
        Receipt::Unroutable => warn!(
            agency = %agency,
            "no queue takes the events of {agency}: bind {} to {}",
            names::events_queue(agency),
            names::EVENTS_EXCHANGE
        ),
        Receipt::Full => warn!(
            agency = %agency,
            "the events queue of {agency} is full: its events wait in the outbox and in the feed"
        ),
        Receipt::Refused(reply) => {
            warn!(agency = %agency, reply, "RabbitMQ refuses the events of {agency}");
        }
        Receipt::Unknown => debug!(agency = %agency, "events of {agency} are not confirmed yet"),
    }
}
