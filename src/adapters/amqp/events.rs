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
use crate::ports::event_sink::{EventSink, Window};

/// Messages published before their confirms are awaited, about.
const WINDOW: usize = 5_000;
/// Of one agency, at least and at most: what one agency's queue does not take must leave room for
/// the others.
const SHARE: std::ops::RangeInclusive<usize> = 100..=1_000;
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
    async fn publish(&self, windows: &[Window<'_>]) -> Vec<usize> {
        let mut confirmed = vec![0; windows.len()];
        let mut open: Vec<usize> = (0..windows.len())
            .filter(|i| self.serves(windows[*i].agency))
            .collect();
        while !open.is_empty() {
            let share = (WINDOW / open.len()).clamp(*SHARE.start(), *SHARE.end());
            let mut messages = Vec::new();
            let mut parts = Vec::with_capacity(open.len());
            for &i in &open {
                let Window { agency, events } = windows[i];
                let part = &events[confirmed[i]..(confirmed[i] + share).min(events.len())];
                messages.extend(part.iter().map(|event| message(agency, event)));
                parts.push(part.len());
            }
            let receipts = self.publisher.publish(&messages).await;
            let mut receipts = receipts.as_slice();
            let mut going_on = Vec::new();
            for (i, part) in open.into_iter().zip(parts) {
                let (mine, others) = receipts.split_at(part);
                receipts = others;
                let prefix = mine
                    .iter()
                    .take_while(|receipt| **receipt == Receipt::Confirmed)
                    .count();
                confirmed[i] += prefix;
                match mine.get(prefix) {
                    Some(stopped_by) => report(windows[i].agency, stopped_by),
                    None if confirmed[i] < windows[i].events.len() => going_on.push(i),
                    None => {}
                }
            }
            open = going_on;
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
            "the events queue of {agency} is full: its events wait in the feed"
        ),
        Receipt::Refused(reply) => {
            warn!(agency = %agency, reply, "RabbitMQ refuses the events of {agency}");
        }
        Receipt::Unknown => debug!(agency = %agency, "events of {agency} are not confirmed yet"),
    }
}
