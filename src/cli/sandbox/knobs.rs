//! From the command line's numbers to the behaviour of SMS gateway and mail server. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::sandbox::mail::{Act, At, Keep, Rule, Script};
use crate::sandbox::sms::{Fault, Knobs, Repeats, Reports, Span};

/// Where a server listens; `off`: nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Not at all.
    Off,
    /// There; port 0 is a free one.
    At(SocketAddr),
}

impl Listen {
    /// Reads `off` or an address with its port.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::At)
            .map_err(|_unreadable| "use ADDRESS:PORT, such as 127.0.0.1:9009, or off".to_owned())
    }
}

/// How both servers misbehave.
#[derive(Debug, Clone, Args)]
pub struct FaultArgs {
    /// Share of messages, 0 to 1, that are not taken for now (SMS 503, SMTP 451).
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub fail: f64,
    /// Share of messages, 0 to 1, that are taken without an answer, so that the sender cannot know.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub unknown: f64,
    /// Share of e-mails, 0 to 1, that are refused for good (550).
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub refuse: f64,
    /// How long an answer takes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
    /// How long each e-mail address is greylisted at first, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub greylist: Option<u64>,
    /// Faults that one SMS meets at most; without it there is no end.
    #[arg(long, value_name = "NUMBER")]
    pub faults_per_message: Option<u32>,
    /// The SMS gateway takes a repeated reference for the same message, as few gateways do.
    #[arg(long)]
    pub fold_repeats: bool,
    /// The same seed gives the same faults to the same messages.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Where delivery reports go, such as http://127.0.0.1:8080/v1/receipts/primary.
    #[arg(long, value_name = "URL")]
    pub callback: Option<String>,
    /// How long after the message its report comes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "callback")]
    pub callback_after: u64,
    /// Share of messages, 0 to 1, that are reported as failed.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate, requires = "callback")]
    pub report_failed: f64,
    /// Share of messages, 0 to 1, that are never reported.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate, requires = "callback")]
    pub report_silent: f64,
    /// Share of reports, 0 to 1, that come twice.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate, requires = "callback")]
    pub report_twice: f64,
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| "use a number from 0 to 1".to_owned())
}

impl FaultArgs {
    /// The SMS gateway's knobs.
    pub fn sms(&self) -> Knobs {
        let mut knobs = Knobs {
            seed: self.seed,
            latency: Span::millis(self.latency, self.latency),
            faults_per_message: self.faults_per_message.unwrap_or(u32::MAX),
            repeats: if self.fold_repeats {
                Repeats::Fold
            } else {
                Repeats::TakeAgain
            },
            ..Knobs::default()
        };
        if self.fail > 0.0 {
            knobs = knobs.with(Fault::Unavailable503, self.fail);
        }
        if self.unknown > 0.0 {
            knobs = knobs
                .with(Fault::Reset, self.unknown / 2.0)
                .with(Fault::BadGateway502, self.unknown / 2.0);
        }
        knobs.reports = self.callback.as_ref().map(|url| Reports {
            after: Span::millis(self.callback_after, self.callback_after),
            failed: self.report_failed,
            silent: self.report_silent,
            twice: self.report_twice,
            ..Reports::to(url.clone())
        });
        knobs
    }

    /// The mail server's script.
    pub fn mail(&self) -> Script {
        let mut script = Script {
            keep: Keep::CountOnly,
            seed: self.seed,
            ..Script::default()
        };
        if self.latency > 0 {
            script = script.with(Rule::new(
                At::Dot,
                Act::Delay(Duration::from_millis(self.latency)),
            ));
        }
        if let Some(seconds) = self.greylist {
            script = script.with(Rule::greylist(Duration::from_secs(seconds)));
        }
        if self.refuse > 0.0 {
            script =
                script.with(Rule::say(At::RcptTo, "550 5.1.1 no such user").chance(self.refuse));
        }
        if self.fail > 0.0 {
            script = script.with(Rule::say(At::Dot, "451 4.3.0 try again later").chance(self.fail));
        }
        if self.unknown > 0.0 {
            script = script.with(
                Rule::new(At::Dot, Act::Close)
                    .chance(self.unknown)
                    .but_taken(),
            );
        }
        script
    }
}
