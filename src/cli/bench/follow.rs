//! Reads the events back, over the way the jobs went.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::book::Book;
use crate::adapters::amqp::AgencyEvents;
use crate::adapters::api_client::ApiClient;
use crate::adapters::api_client::wire::FeedEvent;

/// Events of one page of the feed.
const PAGE: u32 = 1_000;
/// How long after a page that was not full the next is asked for.
const PAUSE: Duration = Duration::from_millis(10);
/// How often the reading looks up when nothing comes.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Where the events come from.
#[derive(Debug)]
pub enum Events {
    /// `GET /v1/events`, after this sequence.
    Feed {
        /// The API.
        client: ApiClient,
        /// What has been read.
        after: u64,
    },
    /// The agency's events queue.
    Queue(Box<AgencyEvents>),
}

impl Events {
    /// The feed from its present end on.
    ///
    /// # Errors
    /// The API.
    pub async fn from_end_of(client: ApiClient) -> anyhow::Result<Self> {
        let after = end_of(&client).await?;
        Ok(Self::Feed { client, after })
    }

    /// Notes what comes, without end.
    ///
    /// # Errors
    /// The API or the broker, or an event that cannot be read.
    pub async fn follow(self, book: Arc<Book>) -> anyhow::Result<()> {
        match self {
            Self::Feed { client, mut after } => loop {
                let page = client.events(after, PAGE).await.context("the event feed")?;
                for event in &page.items {
                    book.heard(event);
                }
                after = page.next.parse().unwrap_or(after);
                if page.items.len() < PAGE as usize {
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Self::Queue(mut events) => loop {
                for body in events.next(LOOK_UP).await? {
                    let event: FeedEvent = serde_json::from_slice(&body)
                        .context("the events queue holds something that is no event of ours")?;
                    book.heard(&event);
                }
            },
        }
    }
}

/// The last sequence of the feed. The numbers have no gap, so it is found by halving.
async fn end_of(client: &ApiClient) -> anyhow::Result<u64> {
    let (mut low, mut step) = (0, 1_000);
    // Always: something is known at or before `low`, or the feed is empty.
    while !is_after_all(client, low + step).await? {
        low += step;
        step *= 2;
    }
    let mut high = low + step;
    while low < high {
        let middle = low + (high - low) / 2;
        if is_after_all(client, middle).await? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

async fn is_after_all(client: &ApiClient, sequence: u64) -> anyhow::Result<bool> {
    let page = client.events(sequence, 1).await.context("the event feed")?;
    Ok(page.items.is_empty())
}
