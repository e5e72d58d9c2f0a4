//! The outside of the demo: a gateway and a mail server on loopback that misbehave as real ones do.

use std::time::Duration;

use anyhow::Context as _;

use crate::adapters::sms::GatewayKind;
use crate::sandbox::mail::{MailServer, Rule, Script};
use crate::sandbox::sms::{Fate, FateOf, Fault, IsReceiver, Knobs, Reports, SmsServer, Span};

use super::people::{DEAD, REFUSED, SILENT};

/// The sandbox gateway and mail server.
#[derive(Debug)]
pub struct Outside {
    /// The SMS gateway.
    pub sms: SmsServer,
    /// The mail server.
    pub mail: MailServer,
}

impl Outside {
    /// Starts both on free ports.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn start() -> anyhow::Result<Self> {
        let sms = SmsServer::start(Knobs::default())
            .await
            .context("the sandbox SMS gateway")?;
        // Retries may be a tenth of the first tries: with more the demo would wait for minutes.
        let greylist =
            Script::default().with(Rule::greylist(Duration::from_millis(700)).chance(0.05));
        let mail = MailServer::start(greylist)
            .await
            .context("the sandbox mail server")?;
        Ok(Self { sms, mail })
    }

    /// Where SMS go.
    pub fn sms_url(&self) -> String {
        self.sms.url(GatewayKind::Json)
    }

    /// Throws the faults in, and sends receipts to `receipts_url`.
    pub fn misbehave(&self, receipts_url: String) {
        let fate = FateOf::new(|taken| {
            if taken.to.ends_with(SILENT) {
                Some(Fate::Silent)
            } else if taken.to.ends_with(DEAD) {
                Some(Fate::Failed)
            } else {
                Some(Fate::Delivered)
            }
        });
        let reports = Reports {
            fate: Some(fate),
            after: Span {
                from: Duration::from_millis(50),
                to: Duration::from_millis(1_500),
            },
            twice: 0.1,
            reversed: 0.1,
            early: 0.05,
            ..Reports::to(receipts_url)
        };
        let knobs = Knobs {
            latency: Span {
                from: Duration::from_millis(1),
                to: Duration::from_millis(15),
            },
            faults_per_message: 1,
            refuse: Some(IsReceiver::new(|to| to.ends_with(REFUSED))),
            reports: Some(reports),
            ..Knobs::default()
        }
        .with(Fault::Error500, 0.04)
        .with(Fault::Hang, 0.01)
        .with(Fault::Reset, 0.01)
        .with(Fault::ErrorBody200, 0.005);
        self.sms.set(knobs);
    }

    /// How many faults were thrown, in words.
    pub fn thrown(&self) -> String {
        let sms = self.sms.counters();
        format!(
            "{} × 500, {} time-outs, {} connections reset, {} answers that say nothing; {} mails greylisted",
            sms.thrown(Fault::Error500),
            sms.thrown(Fault::Hang),
            sms.thrown(Fault::Reset),
            sms.thrown(Fault::ErrorBody200),
            self.mail.thrown(crate::sandbox::mail::At::RcptTo),
        )
    }
}
