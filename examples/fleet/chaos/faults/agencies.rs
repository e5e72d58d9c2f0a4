//! What agencies do wrong.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::chaos::world::{AGENCIES, World};

/// A connection of an agency's user that does as it likes.
struct Rogue {
    connection: Connection,
    channel: Option<Channel>,
    user: String,
}

impl Rogue {
    async fn new(world: &World, agency: &str) -> anyhow::Result<Self> {
        let broker = world.fleet.broker.as_ref().context("no broker")?;
        let url = broker.url_of(agency)?;
        Ok(Self {
            connection: Connection::connect(&url, ConnectionProperties::default()).await?,
            channel: None,
            user: format!("{}-{agency}", broker.vhost),
        })
    }

    /// Publishes; the broker may close the channel because of it.
    async fn say(
        &mut self,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> anyhow::Result<()> {
        let channel = match self
            .channel
            .take()
            .filter(|channel| channel.status().connected())
        {
            Some(channel) => channel,
            None => {
                let channel = self.connection.create_channel().await?;
                channel
                    .confirm_select(ConfirmSelectOptions::default())
                    .await?;
                channel
            }
        };
        let published = channel
            .basic_publish(
                "budstikke.jobs".into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await;
        if let Ok(confirm) = published {
            // A refusal is what some of these want to see.
            drop(confirm.await);
        }
        self.channel = Some(channel);
        Ok(())
    }

    fn as_itself(&self) -> BasicProperties {
        BasicProperties::default().with_user_id(ShortString::from(self.user.as_str()))
    }
}

/// C-12: bodies that are no jobs, of every sort.
pub(super) async fn poison(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut rogue = Rogue::new(world, AGENCIES[0]).await?;
    let deep = "[".repeat(100_000);
    while Instant::now() < end {
        let noise: Vec<u8> = (0..world.dice.random_range(0..2_000))
            .map(|_| world.dice.random())
            .collect();
        let huge = vec![b'x'; 2 << 20];
        let bodies: [&[u8]; 8] = [
            b"",
            b"null",
            b"{\"job\": \"half",
            b"{\"job\": \"poison\", \"class\": \"letter\", \"recipients\": []}",
            b"{\"job\": 7, \"class\": {}, \"recipients\": \"all\"}",
            deep.as_bytes(),
            &noise,
            &huge,
        ];
        for body in bodies {
            rogue.say("oslo.normal", body, rogue.as_itself()).await?;
            world.hit("poisonous messages");
        }
        world.pause(100, 500).await;
    }
    Ok(())
}

/// C-15: an agency's user tries to enqueue for another one, or for nobody.
pub(super) async fn identity(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut rogue = Rogue::new(world, "oslo").await?;
    let other = format!(
        "{}-bergen",
        world.fleet.broker.as_ref().context("no broker")?.vhost
    );
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let mut body = crate::parts::jobs::sms("forged", "normal", 8_000_000, 1, false);
        body["job"] = json!(format!("forged-{number}"));
        body["message"] = json!({"nb": {"sms": "forged"}});
        let bytes = body.to_string().into_bytes();
        body["agency"] = json!("bergen");
        let for_bergen = body.to_string().into_bytes();
        let copied = |header: &str| {
            let to = AMQPValue::LongString(LongString::from("bergen.normal"));
            let mut headers = FieldTable::default();
            headers.insert(
                header.into(),
                AMQPValue::FieldArray(FieldArray::from(vec![to])),
            );
            headers
        };
        let as_oslo = rogue.as_itself();
        let as_bergen = BasicProperties::default().with_user_id(other.as_str().into());
        for (key, body, properties) in [
            ("bergen.normal", &bytes, as_oslo.clone()),
            ("bergen.normal", &bytes, BasicProperties::default()),
            ("oslo.normal", &bytes, as_bergen),
            ("oslo.normal", &bytes, BasicProperties::default()),
            ("oslo.normal", &for_bergen, as_oslo),
            (
                "oslo.normal",
                &bytes,
                BasicProperties::default().with_headers(copied("CC")),
            ),
            (
                "oslo.normal",
                &bytes,
                BasicProperties::default().with_headers(copied("BCC")),
            ),
        ] {
            rogue.say(key, body, properties).await?;
            world.hit("forged messages");
        }
        world.pause(200, 800).await;
    }
    let mut sql = world.fleet.sql().await?;
    let stored: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM job j JOIN agency a ON a.no = j.agency WHERE j.name LIKE 'forged%'",
    )
    .fetch_one(&mut sql)
    .await?;
    ensure!(stored == 0, "{stored} forged jobs were stored");
    Ok(())
}

/// C-16: jobs come again, and again with another text.
pub(super) async fn repeats(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let before = world.feeds[0].of_type("job.rejected").len();
    while Instant::now() < end {
        for agency in AGENCIES {
            let Some(promise) = world.book.last_of(agency) else {
                continue;
            };
            let mut rogue = Rogue::new(world, agency).await?;
            let key = if promise.body["lane"] == "urgent" {
                format!("{agency}.urgent")
            } else {
                format!("{agency}.normal")
            };
            let same = promise.body.to_string();
            let mut other: Value = promise.body.clone();
            other["language"] = json!("nn");
            let other = other.to_string();
            for body in [&same, &other, &same] {
                rogue.say(&key, body.as_bytes(), rogue.as_itself()).await?;
            }
            world.hit("repeats");
            world.hit("repeats");
            world.hit("conflicts");
        }
        world.pause(100, 400).await;
    }
    ensure!(
        crate::parts::steady::until(std::time::Duration::from_secs(10), || {
            world.feeds[0].of_type("job.rejected").len() > before
        })
        .await,
        "no conflict was told"
    );
    Ok(())
}
