//! A fleet with a proxy before everything that it talks to, and agencies that publish.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use budstikke::sandbox::mail::Script;
use budstikke::sandbox::proxy::{Proxy, Trouble};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use url::Url;

use super::book::Book;
use super::case::Case;
use super::faults::disk::SmallDisk;
use super::publishers::Publisher;
use crate::parts::env::Env;
use crate::parts::feed::Feed;
use crate::parts::fleet::Fleet;
use crate::parts::oracle::Manners;
use crate::parts::plan::Plan;

/// Who publishes.
pub(crate) const AGENCIES: [&str; 2] = ["oslo", "bergen"];
/// SMS parts per second.
pub(crate) const SMS_RATE: f64 = 150.0;
/// E-mails per second.
pub(crate) const MAIL_RATE: f64 = 100.0;
/// Worker processes.
const WORKERS: usize = 4;
/// Everything runs before the first fault.
const WARM_UP: Duration = Duration::from_secs(2);
/// After the healing the job in hand of each publisher is taken within this.
const LAST_JOB: Duration = Duration::from_secs(60);

/// Short times, so that a case is over soon.
const TIMES: &str = r#"
[recovery]
worker_dead = "4s"
heartbeat = "1s"
unknown_sms = "5s"
unknown_email = "5s"
[dispatch]
sms_deadline = "2s"
email_deadline = "4s"
hold_for = "5s"
[retry]
sms = ["1s", "2s"]
email = ["1s", "2s"]
[retention]
text = "1h"
"#;

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    /// The fleet.
    pub(crate) fleet: Fleet,
    /// Before the database.
    pub(crate) database: Proxy,
    /// Before the broker.
    pub(crate) broker: Proxy,
    /// Before the SMS gateway.
    pub(crate) gateway: Proxy,
    /// Before the relay.
    pub(crate) relay: Proxy,
    /// What was promised.
    pub(crate) book: Arc<Book>,
    /// What each agency was told, in the order of [`AGENCIES`].
    pub(crate) feeds: Vec<Feed>,
    /// What was thrown: I-17.
    pub(crate) thrown: BTreeMap<&'static str, u64>,
    /// For the faults.
    pub(crate) dice: StdRng,
    /// A database on a disk that can be filled.
    pub(crate) disk: Option<SmallDisk>,
    publishers: Vec<Publisher>,
}

impl World {
    /// Starts everything; the agencies publish.
    ///
    /// # Errors
    /// Something does not start.
    pub(crate) async fn start(
        env: &Arc<Env>,
        case: Case,
        seed: u64,
        name: &str,
    ) -> anyhow::Result<Self> {
        let plan = Plan::new(name)
            .agencies(&AGENCIES)
            .gateway("primary", SMS_RATE, "")
            .relay("relay", MAIL_RATE, "")
            .with_broker();
        let mut fleet = Fleet::start(env, plan, 0).await?;
        let disk = if case == Case::DiskFull {
            Some(SmallDisk::under(&env.postgres, &fleet).await?)
        } else {
            None
        };
        let database = before(&fleet.database).await?;
        let broker = before(&fleet.broker.as_ref().context("no broker")?.url).await?;
        let gateway = before(&fleet.oracle.sms_urls()[0]).await?;
        let relay = before(&fleet.oracle.mail_urls()[0]).await?;
        let more = format!(
            "{TIMES}[database]\nurl = \"{}\"\n[amqp]\nurl = \"{}\"\nheartbeat = \"5s\"\n\
             [[sms_gateway]]\nname = \"primary\"\nurl = \"{}\"\n\
             [[email_relay]]\nname = \"relay\"\nurl = \"{}\"\n",
            through(&fleet.database, &database)?,
            through(&fleet.broker.as_ref().context("no broker")?.url, &broker)?,
            through(&fleet.oracle.sms_urls()[0], &gateway)?,
            through(&fleet.oracle.mail_urls()[0], &relay)?,
        );
        std::fs::write(fleet.folder().join("more.toml"), more)?;
        if case == Case::Clock {
            fleet.surround(super::faults::clock::surroundings(fleet.folder())?);
        }
        fleet.grow(WORKERS).await?;
        let feeds = AGENCIES
            .iter()
            .map(|agency| Feed::over_amqp(&fleet, agency))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut world = Self {
            fleet,
            database,
            broker,
            gateway,
            relay,
            book: Arc::default(),
            feeds,
            thrown: BTreeMap::new(),
            dice: StdRng::seed_from_u64(seed),
            disk,
            publishers: Vec::new(),
        };
        for (salt, agency) in AGENCIES.into_iter().enumerate() {
            let publisher = Publisher::start(&world.fleet, &world.book, agency, salt + 1, seed);
            world.publishers.push(publisher.await?);
        }
        tokio::time::sleep(WARM_UP).await;
        Ok(world)
    }

    /// Counts a fault that was thrown.
    pub(crate) fn hit(&mut self, what: &'static str) {
        *self.thrown.entry(what).or_default() += 1;
    }

    /// A pause of random length, in milliseconds.
    pub(crate) async fn pause(&mut self, from: u64, to: u64) {
        let time = self.dice.random_range(from..=to);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }

    /// The place of some worker.
    pub(crate) fn some_worker(&mut self) -> usize {
        let count = self.fleet.workers.len().max(1);
        self.dice.random_range(0..count)
    }

    /// Another worker, ready.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn one_more(&mut self) -> anyhow::Result<()> {
        let place = self.fleet.spawn("all")?;
        self.fleet.ready(place).await
    }

    /// Ends every fault; as many workers as at the start; no more jobs.
    ///
    /// # Errors
    /// A worker does not start, or a job is never taken.
    pub(crate) async fn heal(&mut self) -> anyhow::Result<()> {
        for proxy in [&self.database, &self.broker, &self.gateway, &self.relay] {
            proxy.set(Trouble::None);
        }
        self.fleet.oracle.behave(0, Manners::default());
        if let Some(relay) = self.fleet.oracle.relay(0) {
            relay.set_script(Script::default());
        }
        let gone = |worker: &mut crate::parts::worker::Worker| !worker.is_alive();
        while let Some(place) = self.fleet.workers.iter_mut().position(gone) {
            self.hit("workers that ended by themselves");
            self.fleet.kill(place);
        }
        while self.fleet.workers.len() < WORKERS {
            self.one_more().await?;
        }
        for publisher in self.publishers.drain(..) {
            ensure!(
                publisher.stop(LAST_JOB).await,
                "a publisher's last job was never taken"
            );
        }
        Ok(())
    }

    /// Ends everything. A disk of its own is left: whoever has dropped the database drops it next.
    pub(crate) fn end(self) -> Option<SmallDisk> {
        let disk = self.disk;
        if let Some(disk) = &disk {
            disk.free();
        }
        disk
    }
}

/// A proxy before the host of a URL.
async fn before(url: &str) -> anyhow::Result<Proxy> {
    Ok(Proxy::start(host(url)?).await?)
}

fn host(url: &str) -> anyhow::Result<SocketAddr> {
    let parsed = Url::parse(url)?;
    let (host, port) = (
        parsed.host_str().context("a URL without a host")?,
        parsed.port().context("a URL without a port")?,
    );
    (host, port)
        .to_socket_addrs()?
        .find(SocketAddr::is_ipv4)
        .context("no address")
}

/// The URL with the proxy in the place of its host.
fn through(url: &str, proxy: &Proxy) -> anyhow::Result<String> {
    let mut parsed = Url::parse(url)?;
    parsed.set_host(Some(&proxy.address().ip().to_string()))?;
    parsed
        .set_port(Some(proxy.address().port()))
        .map_err(|()| anyhow::anyhow!("{url} cannot have a port"))?;
    Ok(parsed.to_string().trim_end_matches('/').to_owned())
}
