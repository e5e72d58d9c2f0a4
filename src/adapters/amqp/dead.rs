//! Dead letters: what `budstikke dead list|show|replay` does.
//!
//! A queue has no index: letters are looked at by taking them all and giving back what is not
//! wanted. While one operator looks, another sees the rest.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Channel, Connection};

use super::error::AmqpError;
pub use super::letter::{DeadLetter, ReplayError};
use super::link::{Traffic, close, connect, leave};
use super::names;
use super::publisher::{Publisher, Receipt};
use super::settings::AmqpSettings;
use super::topology::explain;

/// How long a replay waits for its publishing connection.
const READY_LIMIT: Duration = Duration::from_secs(15);

/// The dead letters of the broker.
#[derive(Debug)]
pub struct DeadLetters {
    settings: AmqpSettings,
    connection: Connection,
}

impl DeadLetters {
    /// Connects once; the queue must exist, so `budstikke serve` must have run before.
    ///
    /// # Errors
    /// [`AmqpError`].
    pub async fn connect(settings: AmqpSettings) -> Result<Self, AmqpError> {
        let connection = connect(&settings, "dead letters", Traffic::Foreign(None)).await?;
        Ok(Self {
            settings,
            connection,
        })
    }

    /// The oldest `limit` letters; all of them stay.
    ///
    /// # Errors
    /// [`AmqpError`].
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, AmqpError> {
        let hand = Hand::new(self).await?;
        let mut letters = Vec::new();
        while letters.len() < limit {
            let Some(message) = hand.take().await? else {
                break;
            };
            letters.push(DeadLetter::read(&message, self.settings.user()));
        }
        hand.put_back().await;
        Ok(letters)
    }

    /// The letter with this id; it stays.
    ///
    /// # Errors
    /// [`ReplayError::NotFound`], [`ReplayError::Broker`].
    pub async fn show(&self, id: &str) -> Result<DeadLetter, ReplayError> {
        let hand = Hand::new(self).await?;
        let found = hand.find(id).await;
        hand.put_back().await;
        found.map(|(letter, _)| letter)
    }

    /// Publishes the letter with this id again, as its sender's, and removes it once the broker
    /// has the copy.
    ///
    /// # Errors
    /// [`ReplayError`]; the letter stays then.
    pub async fn replay(&self, id: &str) -> Result<DeadLetter, ReplayError> {
        let publisher = self.publisher().await?;
        let hand = Hand::new(self).await?;
        let replayed = async {
            let (letter, message) = hand.find(id).await?;
            hand.replay(&publisher, &letter, &message).await?;
            Ok(letter)
        }
        .await;
        hand.put_back().await;
        publisher.close().await;
        replayed
    }

    /// Replays the oldest `limit` letters, at most those that are there now: one that dies again
    /// is not tried twice. Tells of each what became of it.
    ///
    /// # Errors
    /// [`ReplayError`] when the broker cannot be used; what was replayed before stays so.
    pub async fn replay_all(
        &self,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, Result<(), ReplayError>)>, ReplayError> {
        let publisher = self.publisher().await?;
        let hand = Hand::new(self).await?;
        let mut told = Vec::new();
        let replayed = async {
            let mut left = limit;
            while left > 0 {
                let Some(message) = hand.take().await? else {
                    break;
                };
                let there = usize::try_from(message.message_count).unwrap_or(usize::MAX);
                left = (left - 1).min(there);
                let letter = DeadLetter::read(&message, self.settings.user());
                let result = hand.replay(&publisher, &letter, &message).await;
                told.push((letter, result));
            }
            Ok(())
        }
        .await;
        hand.put_back().await;
        publisher.close().await;
        replayed.map(|()| told)
    }

    async fn publisher(&self) -> Result<Publisher, ReplayError> {
        let publisher = Publisher::start(self.settings.clone(), None);
        match publisher.ready(READY_LIMIT).await {
            Ok(()) => Ok(publisher),
            Err(why) => Err(ReplayError::NotReady(why)),
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}

/// What was taken over one channel; all of it goes back when the channel closes.
struct Hand<'a> {
    channel: Channel,
    settings: &'a AmqpSettings,
}

impl<'a> Hand<'a> {
    async fn new(letters: &'a DeadLetters) -> Result<Self, AmqpError> {
        let settings = &letters.settings;
        let channel = letters
            .connection
            .create_channel()
            .await
            .map_err(|source| AmqpError::Unavailable {
                address: settings.address(),
                source,
            })?;
        Ok(Self { channel, settings })
    }

    async fn take(&self) -> Result<Option<BasicGetMessage>, AmqpError> {
        self.channel
            .basic_get(names::DEAD_QUEUE.into(), BasicGetOptions::default())
            .await
            .map_err(|error| self.explain(error))
    }

    async fn find(&self, id: &str) -> Result<(DeadLetter, BasicGetMessage), ReplayError> {
        while let Some(message) = self.take().await? {
            let letter = DeadLetter::read(&message, self.settings.user());
            if letter.id == id {
                return Ok((letter, message));
            }
        }
        Err(ReplayError::NotFound(id.to_owned()))
    }

    async fn replay(
        &self,
        publisher: &Publisher,
        letter: &DeadLetter,
        message: &BasicGetMessage,
    ) -> Result<(), ReplayError> {
        let copy = letter.replay(self.settings.user())?;
        let why = match publisher.publish(&[copy]).await.pop() {
            Some(Receipt::Confirmed) => return Ok(self.remove(message).await?),
            Some(Receipt::Unroutable) => "no queue takes its routing key",
            Some(Receipt::Full) => "its queue is full",
            Some(Receipt::Refused(_)) => "the broker forbids it",
            Some(Receipt::Unknown) | None => "the broker did not confirm the copy",
        };
        let id = letter.id.clone();
        Err(ReplayError::NotTaken { id, why })
    }

    async fn remove(&self, message: &BasicGetMessage) -> Result<(), AmqpError> {
        let options = BasicAckOptions { multiple: false };
        match message.delivery.acker.ack(options).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AmqpError::Disturbed {
                address: self.settings.address(),
                what: "the channel closed before the letter was removed".to_owned(),
            }),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// A closed channel gives everything back that it holds.
    async fn put_back(&self) {
        leave(&self.channel).await;
    }

    fn explain(&self, error: lapin::Error) -> AmqpError {
        explain(self.settings, format!("queue {}", names::DEAD_QUEUE), error)
    }
}
