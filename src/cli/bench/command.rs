//! The command: publishes, reads the events back, and tells what it took.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::book::Book;
use super::follow::Events;
use super::make::{MAX_PARTS, Recipe};
use super::options::{Offered, Share, Until, Watched};
use super::processes::Processes;
use super::publish::{Publishing, Target};
use super::report::{End, Report};
use super::sink::Sink;
use crate::adapters::amqp::{AgencyEvents, AmqpClient, AmqpSettings};
use crate::adapters::api_client::{ApiClient, ApiKey};
use crate::adapters::entropy::SystemEntropy;
use crate::app::process;
use crate::cli::api::{self, KEY};
use crate::cli::args::Global;
use crate::cli::context::{Failure, note, say, say_json};
use crate::cli::submit::report::grouped;
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;
use crate::ports::entropy::Entropy as _;

/// How long the broker has to let us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often it is looked whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Every so many looks the processes are looked at and the live line is written.
const LOOKS_A_LINE: u32 = 25;
/// The exit code of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// Put load on an installation through its real path, read the events back, and print rates,
/// latencies, CPU time and memory.
///
/// The recipients are made up, but a phone number that is made up may belong to somebody: run it
/// only where every gateway and relay is a fake one, such as `budstikke sandbox`, and say so with
/// --sandboxed or --sink. Use an agency of its own: over AMQP its events are taken from its queue.
#[derive(Debug, Args)]
pub struct Bench {
    /// The API of a running worker [default: http://127.0.0.1:8080].
    #[arg(
        long,
        visible_alias = "api",
        value_name = "URL",
        conflicts_with = "amqp"
    )]
    url: Option<String>,
    /// The agency's API key; better the environment variable BUDSTIKKE_API_KEY, which no list of
    /// processes shows.
    #[arg(long, value_name = "KEY", conflicts_with = "amqp")]
    key: Option<String>,
    /// Publish at this broker as the agency's broker user, and read its events queue.
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// The agency, over AMQP; the broker user's name unless given.
    #[arg(long, value_name = "ID", requires = "amqp")]
    agency: Option<String>,
    /// How many jobs.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// Recipients of each job.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    recipients: u32,
    /// Notifications offered per second, such as 50/s; or flood.
    #[arg(long, value_name = "RATE", default_value = "flood", value_parser = Offered::parse)]
    rate: Offered,
    /// How many of the notifications are SMS; the others are e-mails.
    #[arg(long, value_name = "SHARE", default_value = "50%", value_parser = Share::parse)]
    sms: Share,
    /// The most parts of an SMS: of ten jobs seven have one, two have two, one has three.
    #[arg(long, value_name = "NUMBER", default_value_t = MAX_PARTS, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_PARTS)))]
    parts: u8,
    /// The lane of the jobs. An agency's urgent_per_hour holds for the bench, too.
    #[arg(long, default_value = "normal", value_parser = parse_lane)]
    lane: Lane,
    /// What is waited for.
    #[arg(long, value_enum, default_value = "settled")]
    until: Until,
    /// End when nothing has come for so long.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Requests in flight when flooding over HTTP, windows of confirms over AMQP.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    at_once: u16,
    /// Be the SMS gateway (kind json) and the mail server, and time what they take.
    #[arg(long)]
    sink: bool,
    /// Where the SMS gateway of --sink listens.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9009",
        requires = "sink"
    )]
    sms_sink: SocketAddr,
    /// Where the mail server of --sink listens.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:2525",
        requires = "sink"
    )]
    smtp_sink: SocketAddr,
    /// Every gateway and relay of the installation is a fake one; --sink says so, too.
    #[arg(long)]
    sandboxed: bool,
    /// Measure CPU time and memory of a process and all below it, such as worker=123; may be given
    /// several times.
    #[arg(long, value_name = "NAME=PID", value_parser = Watched::parse)]
    pid: Vec<Watched>,
}

fn parse_lane(word: &str) -> Result<Lane, String> {
    Lane::from_word(word).ok_or_else(|| "use urgent, normal or bulk".to_owned())
}

impl Bench {
    /// Runs the command: exit code 0 if everything that was waited for came, 130 after Ctrl-C.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        if !self.sink && !self.sandboxed {
            return Err(Failure::Other(anyhow!(
                "the phone numbers of a bench are made up, but may belong to somebody. If every gateway and relay \
                 of this installation is a fake one, say --sandboxed; or be the gateway with --sink"
            )));
        }
        let sink = match self.sink {
            true => Some(Sink::start(self.sms_sink, self.smtp_sink).await?),
            false => None,
        };
        let mut processes = Processes::start(&self.pid)?;
        let (target, events) = self.connect().await?;
        let recipe = Recipe {
            run: format!("bench-{}", hex::encode(&SystemEntropy.bytes()[..5])),
            recipients: self.recipients as usize,
            sms: self.sms,
            parts: self.parts,
            lane: self.lane,
        };
        let book = Arc::new(Book::new(recipe, self.jobs as usize)?);
        if let (Some(sink), false) = (&sink, global.json) {
            let (sms, mail) = sink.addresses();
            note(format!("SMS gateway: {sms}\nmail server: {mail}"));
        }
        let end = tokio::select! {
            end = self.drive(target, events, &book, &mut processes) => end?,
            () = process::asked_to_stop() => End::Interrupted,
        };
        processes.look();
        let report = Report {
            recipe: book.recipe(),
            jobs: book.jobs(),
            end,
            numbers: book.numbers(),
            processes: &processes,
            taken: match &sink {
                Some(sink) => Some(sink.taken_over(&book)?),
                None => None,
            },
        };
        if global.json {
            say_json(&report.to_json());
        } else {
            say(report.text());
        }
        Ok(match end {
            End::Interrupted => ExitCode::from(INTERRUPTED),
            End::Complete if report.numbers.rejected == 0 => ExitCode::SUCCESS,
            End::Complete | End::Stalled => ExitCode::FAILURE,
        })
    }

    async fn drive(
        &self,
        target: Target,
        events: Option<Events>,
        book: &Arc<Book>,
        processes: &mut Processes,
    ) -> anyhow::Result<End> {
        let publishing = Arc::new(Publishing::new(target, Arc::clone(book)));
        let publishing = publishing.run(self.rate, usize::from(self.at_once));
        let following = async {
            match events {
                Some(events) => events.follow(Arc::clone(book)).await,
                None => std::future::pending().await,
            }
        };
        let (mut publishing, mut following) =
            (std::pin::pin!(publishing), std::pin::pin!(following));
        let mut published = false;
        let live = live_line();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut looks = 0_u32;
        loop {
            tokio::select! {
                done = &mut publishing, if !published => {
                    done?;
                    published = true;
                }
                ended = &mut following => {
                    ended?;
                    return Err(anyhow!("the events ended"));
                }
                _ = ticks.tick() => {}
            }
            if published && self.is_complete(book) {
                live.finish_and_clear();
                return Ok(End::Complete);
            }
            if book.quiet() >= self.patience {
                live.finish_and_clear();
                return Ok(End::Stalled);
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(LOOKS_A_LINE) {
                processes.look();
                tell(&live, book);
            }
        }
    }

    fn is_complete(&self, book: &Book) -> bool {
        let counts = book.counts();
        let each = book.recipe().recipients as u64;
        match self.until {
            Until::Published => true,
            Until::Accepted => counts.accepted + counts.rejected >= book.jobs() as u64,
            // Nothing more comes of a job that was refused.
            Until::Settled => {
                counts.settled + counts.rejected * each >= book.notifications() as u64
            }
        }
    }

    async fn connect(&self) -> anyhow::Result<(Target, Option<Events>)> {
        if let Some(url) = &self.amqp {
            let settings = AmqpSettings::parse(url, None, HEARTBEAT).context("--amqp")?;
            let named = self.agency.as_deref().unwrap_or_else(|| settings.user());
            let agency = AgencyId::parse(named).map_err(|error| {
                anyhow!("\"{named}\" is no agency id: it {error}; --agency ID says which agency the broker user is of")
            })?;
            let events = match self.until {
                Until::Published => None,
                Until::Accepted | Until::Settled => Some(Events::Queue(Box::new(
                    AgencyEvents::connect(settings.clone(), &agency).await?,
                ))),
            };
            let client = AmqpClient::connect(settings, agency, CONNECT_LIMIT).await?;
            return Ok((Target::Amqp(client), events));
        }
        let events = match self.until {
            // Over HTTP the answer to a job comes with the call.
            Until::Published | Until::Accepted => None,
            Until::Settled => Some(Events::from_end_of(self.client()?).await?),
        };
        Ok((Target::Http(self.client()?), events))
    }

    fn client(&self) -> anyhow::Result<ApiClient> {
        let from_environment = || std::env::var(KEY).ok();
        let key = self.key.clone().or_else(from_environment);
        let key = key.filter(|key| !key.trim().is_empty()).ok_or_else(|| {
            anyhow!(
                "there is no API key: set the environment variable {KEY}; `budstikke agency key AGENCY` creates one"
            )
        })?;
        let address = self.url.as_deref().unwrap_or(api::DEFAULT);
        Ok(ApiClient::new(address, Some(&ApiKey::new(key)))?)
    }
}

/// The line that is written over and over; hidden unless a person looks at it.
fn live_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {msg}")
        .unwrap_or_else(|_never| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn tell(live: &ProgressBar, book: &Book) {
    let counts = book.counts();
    let (published, settled) = (counts.published, counts.settled);
    let answered = counts.accepted + counts.rejected;
    let each = book.recipe().recipients as u64;
    let seconds = book.started().elapsed().as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people, rounded down"
    )]
    let rate = |count: u64| grouped((count as f64 / seconds.max(0.001)) as u64);
    live.set_message(format!(
        "published {} ({}/s)  answered {}  settled {} ({}/s) of {}",
        grouped(published * each),
        rate(published * each),
        grouped(answered * each),
        grouped(settled),
        rate(settled),
        grouped(book.notifications() as u64)
    ));
}
