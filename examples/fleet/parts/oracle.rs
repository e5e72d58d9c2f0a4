//! The outside world: gateways and relays inside this program, where no fault reaches them, and an
//! append-only record of what arrived.

use std::fmt;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use budstikke::adapters::sms::wire::GatewayKind;
use budstikke::domain::ids::DeliveryId;
use budstikke::domain::sms_parts::parts_only;
use budstikke::sandbox::mail::{Mail, MailServer, Script};
use budstikke::sandbox::sms::{Fault, FaultOf, IsReceiver, Knobs, SmsServer, Taken};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::plan::Plan;
use super::steady::{steady_us, steady_us_of};

/// What the gateway did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Took it.
    Taken,
    /// Refused the receiver.
    Refused,
    /// Misbehaved; the fault knows whether the message was taken.
    Thrown(Fault),
}

impl Fate {
    /// Whether the receiver got it.
    pub(crate) fn arrived(self) -> bool {
        match self {
            Self::Taken => true,
            Self::Refused => false,
            Self::Thrown(fault) => fault.takes_the_message(),
        }
    }
}

/// One message that reached a gateway or relay.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// `CLOCK_MONOTONIC`, microseconds.
    pub(crate) at_us: i64,
    /// Which gateway or relay of the plan.
    pub(crate) outlet: usize,
    /// The agency, by the sender.
    pub(crate) agency: Box<str>,
    /// The receiver.
    pub(crate) to: Box<str>,
    /// SMS parts, or 1.
    pub(crate) parts: u32,
    /// The text; of an e-mail the subject.
    pub(crate) text: Arc<str>,
    /// The delivery, by our reference.
    pub(crate) delivery: Option<DeliveryId>,
    /// What became of it.
    pub(crate) fate: Fate,
}

impl Arrival {
    /// A hash of the text.
    pub(crate) fn hash(&self) -> String {
        hex::encode(&Sha256::digest(self.text.as_bytes())[..8])
    }
}

type Decide = Arc<dyn Fn(&Taken) -> Option<Fault> + Send + Sync>;
type Refuse = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How a gateway behaves. Faults by chance are not recorded; give a function.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Latency, reports, `Retry-After`; `fault` and `refuse` of these are not used.
    knobs: Knobs,
    fault: Option<Decide>,
    refuse: Option<Refuse>,
}

impl fmt::Debug for Manners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manners({:?})", self.knobs)
    }
}

impl Manners {
    /// With latency, reports and `Retry-After` of `knobs`.
    pub(crate) fn with(knobs: Knobs) -> Self {
        Self {
            knobs,
            ..Self::default()
        }
    }

    /// With a fault for the messages that `decide` picks.
    pub(crate) fn fault(
        mut self,
        decide: impl Fn(&Taken) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        self.fault = Some(Arc::new(decide));
        self
    }

    /// Receivers that are refused for good.
    pub(crate) fn refuse(mut self, refuse: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.refuse = Some(Arc::new(refuse));
        self
    }
}

/// The gateways and relays of a fleet.
#[derive(Debug)]
pub(crate) struct Oracle {
    sms: Vec<SmsServer>,
    mail: Vec<MailServer>,
    record: Arc<Mutex<Vec<Arrival>>>,
}

impl Oracle {
    /// Starts those of the plan, all well-behaved.
    ///
    /// # Errors
    /// A port cannot be opened.
    pub(crate) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut oracle = Self {
            sms: Vec::new(),
            mail: Vec::new(),
            record: Arc::default(),
        };
        for outlet in 0..plan.gateways.len() {
            oracle.sms.push(SmsServer::start(Knobs::default()).await?);
            oracle.behave(outlet, Manners::default());
        }
        for _ in &plan.relays {
            oracle
                .mail
                .push(MailServer::start(Script::default()).await?);
        }
        Ok(oracle)
    }

    /// Where the gateways are.
    pub(crate) fn sms_urls(&self) -> Vec<String> {
        let url = |server: &SmsServer| server.url(GatewayKind::Json);
        self.sms.iter().map(url).collect()
    }

    /// Where the relays are.
    pub(crate) fn mail_urls(&self) -> Vec<String> {
        self.mail.iter().map(MailServer::url).collect()
    }

    /// From the next message on the gateway behaves so.
    pub(crate) fn behave(&self, gateway: usize, manners: Manners) {
        let Some(server) = self.sms.get(gateway) else {
            return;
        };
        let (fault, refuse) = (manners.fault, manners.refuse.clone());
        let record = Arc::clone(&self.record);
        let decide = move |message: &Taken| {
            let refused = refuse.as_ref().is_some_and(|refuse| refuse(&message.to));
            let thrown = fault.as_ref().and_then(|decide| decide(message));
            let fate = match thrown {
                _ if refused => Fate::Refused,
                Some(fault) => Fate::Thrown(fault),
                None => Fate::Taken,
            };
            record.lock().push(sms(gateway, message, fate));
            thrown
        };
        let mut knobs = manners.knobs;
        knobs.fault = Some(FaultOf::new(decide));
        knobs.refuse = manners
            .refuse
            .map(|refuse| IsReceiver::new(move |to: &str| refuse(to)));
        server.set(knobs);
    }

    /// A relay, to give it a script. What it refuses is not recorded, unless the script does.
    pub(crate) fn relay(&self, relay: usize) -> Option<&MailServer> {
        self.mail.get(relay)
    }

    /// How many messages reached the gateways so far.
    pub(crate) fn count(&self) -> usize {
        self.record.lock().len()
    }

    /// Everything that reached the gateways from a place in the record on, in order of arrival.
    pub(crate) fn sms_from(&self, place: usize) -> Vec<Arrival> {
        let mut found = self.record.lock().get(place..).unwrap_or_default().to_vec();
        found.sort_by_key(|arrival| arrival.at_us);
        found
    }

    /// Everything that reached the gateways, in order of arrival.
    pub(crate) fn sms(&self) -> Vec<Arrival> {
        self.sms_from(0)
    }

    /// Every e-mail that a relay took, in order of arrival.
    pub(crate) fn mail(&self) -> Vec<Arrival> {
        let mut all = Vec::new();
        for (outlet, server) in self.mail.iter().enumerate() {
            let taken = server.mailbox().snapshot();
            all.extend(taken.iter().map(|mail| email(outlet, mail)));
        }
        all.sort_by_key(|arrival| arrival.at_us);
        all
    }

    /// How many e-mails were taken.
    pub(crate) fn mail_count(&self) -> u64 {
        let count = |server: &MailServer| server.mailbox().count();
        self.mail.iter().map(count).sum()
    }

    /// Writes the record, an object a line, with hashes for texts.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn dump(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        for (channel, arrivals) in [("sms", self.sms()), ("email", self.mail())] {
            for one in arrivals {
                let line = json!({"at_us": one.at_us, "channel": channel, "outlet": one.outlet,
                    "agency": one.agency, "to": one.to, "parts": one.parts, "text": one.hash(),
                    "delivery": one.delivery.map(|id| id.to_string()),
                    "fate": format!("{:?}", one.fate)});
                writeln!(file, "{line}")?;
            }
        }
        file.flush()?;
        Ok(())
    }
}

fn sms(outlet: usize, message: &Taken, fate: Fate) -> Arrival {
    Arrival {
        at_us: steady_us(),
        outlet,
        agency: message.from.clone(),
        to: message.to.clone(),
        parts: parts_only(&message.text),
        text: Arc::clone(&message.text),
        delivery: message
            .reference
            .as_deref()
            .and_then(DeliveryId::from_client_reference),
        fate,
    }
}

/// The sender is `varsel@<agency>.example`, the Message-ID `<reference@…>`.
fn email(outlet: usize, mail: &Mail) -> Arrival {
    let agency = mail.from.split(['@', '.']).nth(1).unwrap_or_default();
    let id = mail.message_id();
    let reference = id.trim_start_matches('<').split('@').next();
    Arrival {
        at_us: steady_us_of(mail.at),
        outlet,
        agency: agency.into(),
        to: mail.recipients.first().cloned().unwrap_or_default().into(),
        parts: 1,
        text: mail.subject().into(),
        delivery: reference.and_then(DeliveryId::from_client_reference),
        fate: Fate::Taken,
    }
}
