//! What an agency is told: its events, from the feed or from its queue.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::api::Api;
use super::fleet::Fleet;

/// The events of one agency, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Feed {
    events: Arc<Mutex<Vec<Value>>>,
    /// Why the reading of the queue ended, each time.
    ends: Arc<Mutex<Vec<String>>>,
    _task: AbortOnDropHandle<()>,
}

impl Feed {
    /// Reads `GET /v1/events` from the start on.
    pub(crate) fn over_http(api: Api) -> Self {
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let all = Arc::clone(&events);
        let task = tokio::spawn(async move {
            let mut after = "0".to_owned();
            loop {
                let path = format!("/v1/events?after={after}&limit=1000");
                if let Ok(page) = api.get(&path).await {
                    let items = page["items"].as_array().cloned().unwrap_or_default();
                    if let Some(last) = items.last().and_then(|e| e["sequence"].as_str()) {
                        last.clone_into(&mut after);
                        all.lock().extend(items);
                        continue;
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self {
            events,
            ends: Arc::default(),
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Consumes the agency's queue as its broker user; comes back when the connection breaks.
    ///
    /// # Errors
    /// The fleet has no broker.
    pub(crate) fn over_amqp(fleet: &Fleet, agency: &str) -> anyhow::Result<Self> {
        let broker = fleet.broker.as_ref().context("the fleet has no broker")?;
        let url = broker.url_of(agency)?;
        let queue = format!("budstikke.events.{agency}");
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let ends: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, why) = (Arc::clone(&events), Arc::clone(&ends));
        let task = tokio::spawn(async move {
            loop {
                // A broker that is away is waited for.
                let end = match consume(&url, &queue, &all).await {
                    Ok(()) => "the broker ended it".to_owned(),
                    Err(error) => error.to_string(),
                };
                why.lock().push(end);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Ok(Self {
            events,
            ends,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// Everything so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().clone()
    }

    /// What may explain that something is missing.
    pub(crate) fn state(&self) -> String {
        let ends = self.ends.lock();
        format!(
            "{} events read, {} times interrupted, the last time by: {}",
            self.events.lock().len(),
            ends.len(),
            ends.last().map_or("nothing", String::as_str)
        )
    }

    /// Everything so far of one type, without the prefix.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<Value> {
        let wanted = format!("no.budstikke.{kind}");
        let events = self.events.lock();
        let found = events.iter().filter(|event| event["type"] == wanted);
        found.cloned().collect()
    }

    /// Whether no number is missing, in whatever order they came: what could not be routed for a
    /// while comes after what could.
    pub(crate) fn is_complete(&self) -> bool {
        let events = self.events.lock();
        let number = |event: &Value| event["sequence"].as_str()?.parse::<u64>().ok();
        let seen: std::collections::BTreeSet<u64> = events.iter().filter_map(number).collect();
        seen.iter().zip(1..).all(|(number, place)| *number == place)
    }

    /// Whether the sequence has no gap; a repeat, which the broker may bring, is none.
    pub(crate) fn is_gap_free(&self) -> bool {
        let mut last = 0;
        for event in self.events.lock().iter() {
            let number = event["sequence"]
                .as_str()
                .and_then(|text| text.parse().ok());
            match number {
                Some(number) if number == last + 1 => last = number,
                Some(number) if number <= last => {}
                Some(_) | None => return false,
            }
        }
        true
    }
}

async fn consume(url: &str, queue: &str, all: &Mutex<Vec<Value>>) -> Result<(), lapin::Error> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(500, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut consumer = channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        if let Ok(event) = serde_json::from_slice(&delivery.data) {
            all.lock().push(event);
        }
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
