//! The consumers of one connection: one per agency, each with a prefetch of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::appetite::Appetite;
use super::error::AmqpError;
use super::handle::{Arrived, Origin, Tags, Unsettled};
use super::in_hand::InHand;
use super::link::Link;
use super::names;
use super::session::Shared;
use super::topology::{AgencyRoute, explain};

/// How long the broker may take to end the consumers.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);
/// How many deliveries are moved before anything else is looked at.
const GULP: usize = 256;

/// What a consumer brought; `None`: it has ended.
type Item = (Arc<Source>, Option<lapin::Result<Delivery>>);

/// What happened to the consumers.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, from one function to the next"
)]
pub(super) enum Step {
    /// From a consumer.
    Item(Item),
    /// Another consumer has taken the place of one.
    Changed(Box<Changed>),
}

/// See [`Consuming::adjust`].
pub(super) struct Changed {
    from: Arc<Source>,
    appetite: Appetite,
    consumer: Result<Consumer, AmqpError>,
}

/// Where a consumer sits.
#[derive(Debug, Clone)]
struct Place {
    origin: Arc<Origin>,
    channel: Channel,
    tags: Arc<Tags>,
}

impl Place {
    /// Begins a consumer.
    async fn consume(&self, link: &Link, prefetch: u16) -> Result<Consumer, AmqpError> {
        // For the consumers that begin after it on the channel, each for itself.
        self.channel
            .basic_qos(prefetch, BasicQosOptions { global: false })
            .await
            .map_err(|error| link.unavailable(error))?;
        let queue = &self.origin.queue;
        self.channel
            .basic_consume(
                queue.as_str().into(),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| explain(&link.settings, format!("queue {queue}"), error))
    }
}

/// One consumer.
pub(super) struct Source {
    place: Place,
    consumer_tag: ShortString,
    appetite: Mutex<Appetite>,
    /// Its messages that are not settled.
    open: Unsettled,
    /// Those of the consumer whose place it took.
    before: Unsettled,
    /// What comes after its last message.
    next: Mutex<Next>,
}

/// A consumer that took another one's place brings nothing before the other has brought everything: a
/// queue's messages come in their order.
#[derive(Default)]
enum Next {
    /// Nothing yet.
    #[default]
    Nothing,
    /// What the next consumer brings.
    Items(BoxStream<'static, Item>),
    /// It has come.
    Ended,
}

impl Source {
    /// Whether another consumer should take its place, with another prefetch. What a consumer has
    /// fetched stays with us when it ends, so that never more than two prefetches of a queue are out.
    fn successor(&self) -> Option<Appetite> {
        let appetite = self.appetite.lock().changed()?;
        self.before.is_none().then_some(appetite)
    }

    /// Ends it; what was under way still comes.
    async fn cancel(&self, link: &Link) -> Result<(), AmqpError> {
        self.place
            .channel
            .basic_cancel(self.consumer_tag.clone(), BasicCancelOptions::default())
            .await
            .map_err(|error| link.unavailable(error))
    }
}

/// The consumers of one connection.
pub(super) struct Consuming<'a> {
    shared: &'a Shared,
    in_hand: &'a Arc<InHand>,
    channel: &'a Channel,
    tags: &'a Arc<Tags>,
    streams: SelectAll<BoxStream<'static, Item>>,
    sources: Vec<Arc<Source>>,
    /// One that another one is about to take the place of. One at a time: what is asked for ahead is
    /// said for the channel.
    changing: Option<BoxFuture<'a, Box<Changed>>>,
    /// Some queue's prefetch may have to change.
    hungry: bool,
}

impl<'a> Consuming<'a> {
    /// None yet.
    pub(super) fn new(
        shared: &'a Shared,
        in_hand: &'a Arc<InHand>,
        channel: &'a Channel,
        tags: &'a Arc<Tags>,
    ) -> Self {
        Self {
            shared,
            in_hand,
            channel,
            tags,
            streams: SelectAll::new(),
            sources: Vec::new(),
            changing: None,
            hungry: false,
        }
    }

    /// What comes next; `None` if nothing is consumed.
    pub(super) async fn next(&mut self) -> Option<Step> {
        let Some(changing) = &mut self.changing else {
            return self.streams.next().await.map(Step::Item);
        };
        tokio::select! {
            changed = changing => Some(Step::Changed(changed)),
            Some(item) = self.streams.next() => Some(Step::Item(item)),
        }
    }

    /// Some queue's prefetch may have to change: time has passed.
    pub(super) fn look_again(&mut self) {
        self.hungry = true;
    }

    /// Begins all of them.
    pub(super) async fn begin(
        &mut self,
        agencies: &[AgencyRoute],
        appetite: Appetite,
    ) -> Result<(), AmqpError> {
        let lane = self.shared.lane;
        for AgencyRoute { agency, .. } in agencies {
            let place = Place {
                origin: Arc::new(Origin {
                    agency: agency.clone(),
                    lane,
                    queue: names::jobs_queue(agency, lane),
                }),
                channel: self.channel.clone(),
                tags: Arc::clone(self.tags),
            };
            let begun = place.consume(&self.shared.link, appetite.prefetch());
            let consumer = self.meanwhile(begun).await??;
            let source = self.begun(place, &consumer, appetite, Unsettled::default());
            self.streams.push(brought(source, consumer));
        }
        Ok(())
    }

    /// A consumer has begun.
    fn begun(
        &mut self,
        place: Place,
        consumer: &Consumer,
        appetite: Appetite,
        before: Unsettled,
    ) -> Arc<Source> {
        let source = Arc::new(Source {
            place,
            consumer_tag: consumer.tag(),
            appetite: Mutex::new(appetite),
            open: Unsettled::default(),
            before,
            next: Mutex::default(),
        });
        self.sources.push(Arc::clone(&source));
        let ahead = self.sources.iter().map(|s| s.appetite.lock().prefetch());
        (self.shared.ahead).store(ahead.max().unwrap_or(0).into(), Ordering::Relaxed);
        source
    }

    /// Asks for more or fewer messages ahead where they turned out small or large. The broker's answer
    /// comes behind all that it has sent, however long it takes to make room for that.
    pub(super) fn adjust(&mut self) {
        if !self.hungry || self.changing.is_some() {
            return;
        }
        let change = |source: &Arc<Source>| Some((Arc::clone(source), source.successor()?));
        let Some((source, appetite)) = self.sources.iter().find_map(change) else {
            self.hungry = false;
            return;
        };
        self.sources.retain(|one| !Arc::ptr_eq(one, &source));
        let link = &self.shared.link;
        let changing = async move {
            let consumer = match source.cancel(link).await {
                Ok(()) => source.place.consume(link, appetite.prefetch()).await,
                Err(error) => Err(error),
            };
            Box::new(Changed {
                from: source,
                appetite,
                consumer,
            })
        };
        self.changing = Some(changing.boxed());
    }

    fn changed(&mut self, changed: Changed) -> Result<(), AmqpError> {
        self.changing = None;
        let (from, consumer) = (changed.from, changed.consumer?);
        let place = from.place.clone();
        let source = self.begun(place, &consumer, changed.appetite, from.open.clone());
        let items = brought(source, consumer);
        let mut next = from.next.lock();
        if matches!(*next, Next::Ended) {
            self.streams.push(items);
        } else {
            *next = Next::Items(items);
        }
        Ok(())
    }

    /// Waits for the broker's answer and takes what comes before it: it may wait behind messages that
    /// are not read before others are settled.
    async fn meanwhile<T>(&mut self, answer: impl Future<Output = T>) -> Result<T, AmqpError> {
        let mut answer = std::pin::pin!(answer);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                Some(item) = self.streams.next() => self.take(Step::Item(item))?,
            }
        }
    }

    /// Cancels the consumers and takes what was under way.
    pub(super) async fn end(&mut self) -> Result<(), AmqpError> {
        match timeout(CANCEL_LIMIT, self.cancel_all()).await {
            Ok(ended) => ended,
            Err(_late) => Err(self
                .shared
                .link
                .disturbed("the consumers did not end in time")),
        }
    }

    async fn cancel_all(&mut self) -> Result<(), AmqpError> {
        while self.changing.is_some() {
            if let Some(step) = self.next().await {
                self.take(step)?;
            }
        }
        for source in std::mem::take(&mut self.sources) {
            self.meanwhile(source.cancel(&self.shared.link)).await??;
        }
        while let Some((source, item)) = self.streams.next().await {
            self.accept(source, item)?;
        }
        Ok(())
    }

    /// Takes what came and what else has arrived meanwhile, without waiting.
    pub(super) fn take(&mut self, first: Step) -> Result<(), AmqpError> {
        match first {
            Step::Item((source, item)) => self.accept(source, item)?,
            Step::Changed(changed) => self.changed(*changed)?,
        }
        for _ in 0..GULP {
            let Some(Some((source, item))) = self.streams.next().now_or_never() else {
                break;
            };
            self.accept(source, item)?;
        }
        self.shared.buffer.arrived.notify_waiters();
        Ok(())
    }

    fn accept(
        &mut self,
        source: Arc<Source>,
        item: Option<lapin::Result<Delivery>>,
    ) -> Result<(), AmqpError> {
        match item {
            Some(Ok(delivery)) => {
                source.appetite.lock().came(delivery.data.len());
                self.hungry |= source.successor().is_some();
                let origin = Arc::clone(&source.place.origin);
                let tags = Arc::clone(&source.place.tags);
                let counted = (source.open.one(), self.in_hand.hold(delivery.data.len()));
                let message = Arrived::new(origin, tags, delivery, counted);
                self.shared.buffer.put(message);
                Ok(())
            }
            Some(Err(error)) => Err(self.shared.link.unavailable(error)),
            // We cancel only what we have struck off the list before.
            None if self.sources.iter().any(|one| Arc::ptr_eq(one, &source)) => {
                let queue = &source.place.origin.queue;
                Err(self
                    .shared
                    .link
                    .disturbed(format!("the broker ended the consumer of queue {queue}")))
            }
            None => {
                let next = std::mem::replace(&mut *source.next.lock(), Next::Ended);
                if let Next::Items(items) = next {
                    self.streams.push(items);
                }
                Ok(())
            }
        }
    }
}

/// All that a consumer brings, with its end.
fn brought(source: Arc<Source>, consumer: Consumer) -> BoxStream<'static, Item> {
    consumer
        .map(Some)
        .chain(futures::stream::once(async { None }))
        .map(move |item| (Arc::clone(&source), item))
        .boxed()
}
