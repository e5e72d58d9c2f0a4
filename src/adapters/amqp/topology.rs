//! What is declared on the broker (contract section 3; ).
//!
//! Every queue is a durable quorum queue and every argument is known to RabbitMQ 3.10 and later.
//! Arguments cannot be changed afterwards; lower bounds are set by policy, the smaller one counts.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::error::{ACCESS_REFUSED, AmqpError, NOT_FOUND, PRECONDITION_FAILED, reply};
use super::names;
use super::settings::AmqpSettings;
use crate::domain::ids::AgencyId;

/// An agency and its log-in on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyRoute {
    /// The agency.
    pub agency: AgencyId,
    /// The `user_id` of its messages.
    pub broker_user: String,
}

/// How often a job may come back before it is a dead letter. A crash of a worker counts for all
/// that it had prefetched, so this is far above what one poisonous message needs.
const JOB_DELIVERY_LIMIT: i64 = 20;
/// Dead letters are looked at by taking and giving back; from 4.0 the broker drops a message after
/// 20 of these unless told otherwise, and 3.10 does not know "unlimited".
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;
/// Dead letters kept; the oldest go first.
const DEAD_MAX_LENGTH: i64 = 100_000;
/// Bytes of dead letters kept: 1 GiB.
const DEAD_MAX_BYTES: i64 = 1024 * 1024 * 1024;
/// 14 days, in milliseconds.
const DEAD_TTL_MS: i64 = 14 * 24 * 3600 * 1000;
/// Events that wait for one agency. What does not fit is refused to us and published later.
const EVENTS_MAX_LENGTH: i64 = 100_000;

/// Everything that budstikke needs on the broker.
#[derive(Debug, Clone)]
pub struct Topology {
    agencies: Vec<AgencyRoute>,
    events_max_length: i64,
}

impl Topology {
    /// The topology for these agencies.
    pub fn new(agencies: Vec<AgencyRoute>) -> Self {
        Self {
            agencies,
            events_max_length: EVENTS_MAX_LENGTH,
        }
    }

    /// With another bound of the events queues, in messages.
    #[must_use]
    pub fn with_events_max_length(mut self, messages: u32) -> Self {
        self.events_max_length = i64::from(messages);
        self
    }

    /// The agencies.
    pub fn agencies(&self) -> &[AgencyRoute] {
        &self.agencies
    }

    /// Declares what is missing. The channel is unusable after an error.
    ///
    /// # Errors
    /// [`AmqpError::Mismatch`] names what stands in the way, [`AmqpError::Forbidden`] what we may
    /// not declare.
    pub(super) async fn declare(
        &self,
        channel: &Channel,
        settings: &AmqpSettings,
    ) -> Result<(), AmqpError> {
        let declarer = Declarer { channel, settings };
        for exchange in [
            names::DEAD_EXCHANGE,
            names::JOBS_EXCHANGE,
            names::EVENTS_EXCHANGE,
        ] {
            declarer.exchange(exchange).await?;
        }
        declarer.queue(names::DEAD_QUEUE, dead_arguments()).await?;
        declarer
            .bind(names::DEAD_QUEUE, names::DEAD_EXCHANGE, "#")
            .await?;
        for AgencyRoute { agency, .. } in &self.agencies {
            for lane in names::LANES {
                let queue = names::jobs_queue(agency, lane);
                declarer.queue(&queue, job_arguments()).await?;
                let key = names::job_key(agency, lane);
                declarer.bind(&queue, names::JOBS_EXCHANGE, &key).await?;
            }
            let queue = names::events_queue(agency);
            declarer
                .queue(&queue, events_arguments(self.events_max_length))
                .await?;
            let key = names::events_binding(agency);
            declarer.bind(&queue, names::EVENTS_EXCHANGE, &key).await?;
        }
        Ok(())
    }
}

fn quorum<const N: usize>(arguments: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// At-least-once dead-lettering needs `reject-publish`: the source keeps the message until the
/// dead letter is confirmed.
fn job_arguments() -> FieldTable {
    quorum([
        ("x-dead-letter-exchange", text(names::DEAD_EXCHANGE)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
        (
            "x-delivery-limit",
            AMQPValue::LongLongInt(JOB_DELIVERY_LIMIT),
        ),
    ])
}

fn dead_arguments() -> FieldTable {
    quorum([
        ("x-max-length", AMQPValue::LongLongInt(DEAD_MAX_LENGTH)),
        ("x-max-length-bytes", AMQPValue::LongLongInt(DEAD_MAX_BYTES)),
        ("x-message-ttl", AMQPValue::LongLongInt(DEAD_TTL_MS)),
        (
            "x-delivery-limit",
            AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT),
        ),
    ])
}

fn events_arguments(max_length: i64) -> FieldTable {
    quorum([
        ("x-max-length", AMQPValue::LongLongInt(max_length)),
        ("x-overflow", text("reject-publish")),
        (
            "x-delivery-limit",
            AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT),
        ),
    ])
}

struct Declarer<'a> {
    channel: &'a Channel,
    settings: &'a AmqpSettings,
}

impl Declarer<'_> {
    async fn exchange(&self, name: &str) -> Result<(), AmqpError> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.channel
            .exchange_declare(
                name.into(),
                ExchangeKind::Topic,
                options,
                FieldTable::default(),
            )
            .await
            .map_err(|error| self.explain(format!("exchange {name}"), error))
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), AmqpError> {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(name.into(), options, arguments)
            .await
            .map(drop)
            .map_err(|error| self.explain(format!("queue {name}"), error))
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), AmqpError> {
        self.channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| self.explain(format!("the binding of {queue} to {exchange}"), error))
    }

    fn explain(&self, object: String, error: lapin::Error) -> AmqpError {
        explain(self.settings, object, error)
    }
}

/// What a failed operation on `object` means.
pub(super) fn explain(settings: &AmqpSettings, object: String, error: lapin::Error) -> AmqpError {
    let address = settings.address();
    match reply(&error) {
        Some((PRECONDITION_FAILED, reply)) => AmqpError::Mismatch {
            address,
            object,
            reply,
        },
        Some((ACCESS_REFUSED, reply)) => AmqpError::Forbidden {
            address,
            user: settings.user().to_owned(),
            object,
            reply,
        },
        Some((NOT_FOUND, reply)) => AmqpError::Missing {
            address,
            object,
            reply,
        },
        Some(_) | None => AmqpError::Unavailable {
            address,
            source: error,
        },
    }
}
