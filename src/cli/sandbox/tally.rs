//! What the servers have seen.

use serde_json::{Value, json};

use crate::cli::submit::report::grouped;
use crate::sandbox::krr::KrrServer;
use crate::sandbox::mail::{At, MailServer};
use crate::sandbox::sms::{Fault, SmsServer};

/// The servers that run.
#[derive(Debug, Clone, Copy)]
pub(super) struct All<'a> {
    pub(super) sms: Option<&'a SmsServer>,
    pub(super) mail: Option<&'a MailServer>,
    pub(super) krr: Option<&'a KrrServer>,
}

/// Counts of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sms: Option<SmsTally>,
    pub(super) mail: Option<MailTally>,
    pub(super) register: Option<RegisterTally>,
}

/// The SMS gateway's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SmsTally {
    arrived: u64,
    taken: u64,
    references: u64,
    most_per_reference: u64,
    faults: u64,
    reported: u64,
    reports_lost: u64,
}

/// The mail server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MailTally {
    taken: u64,
    faults: u64,
    connections: u64,
}

/// The register's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RegisterTally {
    calls: u64,
    persons: u64,
}

impl Tally {
    /// Counts now.
    pub(super) fn of(all: All<'_>) -> Self {
        Self {
            register: all.krr.map(|server| RegisterTally {
                calls: server.calls().count() as u64,
                persons: server.calls().persons() as u64,
            }),
            sms: all.sms.map(|server| {
                let (inbox, counters) = (server.inbox(), server.counters());
                SmsTally {
                    arrived: counters.arrived(),
                    taken: inbox.count() as u64,
                    references: inbox.references() as u64,
                    most_per_reference: inbox.most_per_reference() as u64,
                    faults: counters.thrown_in_all(),
                    reported: counters.reported(),
                    reports_lost: counters.reports_lost(),
                }
            }),
            mail: all.mail.map(|server| MailTally {
                taken: server.mailbox().count(),
                faults: At::ALL.iter().map(|at| server.thrown(*at)).sum(),
                connections: server.connections().total,
            }),
        }
    }

    /// One line about the last second.
    pub(super) fn line(&self, before: &Self) -> String {
        let mut parts = Vec::new();
        if let Some(now) = self.sms {
            let then = before.sms.unwrap_or_default();
            parts.push(format!(
                "SMS {:>7}/s  {:>9} in all  {} faults",
                grouped(now.taken.saturating_sub(then.taken)),
                grouped(now.taken),
                grouped(now.faults)
            ));
        }
        if let Some(now) = self.mail {
            let then = before.mail.unwrap_or_default();
            parts.push(format!(
                "mail {:>7}/s  {:>9} in all  {} faults",
                grouped(now.taken.saturating_sub(then.taken)),
                grouped(now.taken),
                grouped(now.faults)
            ));
        }
        if let Some(now) = self.register {
            let then = before.register.unwrap_or_default();
            parts.push(format!(
                "register {:>7} persons/s  {:>9} calls",
                grouped(now.persons.saturating_sub(then.persons)),
                grouped(now.calls)
            ));
        }
        parts.join("   ")
    }

    /// The summary.
    pub(super) fn to_json(self, sms: Option<&SmsServer>) -> Value {
        let mut summary = serde_json::Map::new();
        if let Some(tally) = self.sms {
            let mut faults = serde_json::Map::new();
            for fault in Fault::ALL {
                let thrown = sms.map_or(0, |server| server.counters().thrown(*fault));
                if thrown > 0 {
                    faults.insert(fault.as_str().to_owned(), thrown.into());
                }
            }
            let sms = json!({
                "arrived": tally.arrived, "taken": tally.taken, "references": tally.references,
                "most_per_reference": tally.most_per_reference, "faults": faults,
                "reported": tally.reported, "reports_lost": tally.reports_lost,
            });
            summary.insert("sms".into(), sms);
        }
        if let Some(tally) = self.mail {
            let mail = json!({"taken": tally.taken, "faults": tally.faults, "connections": tally.connections});
            summary.insert("mail".into(), mail);
        }
        if let Some(tally) = self.register {
            let register = json!({"calls": tally.calls, "persons": tally.persons});
            summary.insert("register".into(), register);
        }
        Value::Object(summary)
    }

    /// The summary for people.
    pub(super) fn summary(&self) -> String {
        let mut lines = Vec::new();
        if let Some(sms) = self.sms {
            lines.push(format!(
                "SMS: {} taken of {} that arrived, {} faults; {} references, at most {} messages with the same; \
                 {} reports taken over, {} given up",
                grouped(sms.taken),
                grouped(sms.arrived),
                grouped(sms.faults),
                grouped(sms.references),
                grouped(sms.most_per_reference),
                grouped(sms.reported),
                grouped(sms.reports_lost)
            ));
        }
        if let Some(mail) = self.mail {
            lines.push(format!(
                "mail: {} taken over {} connections, {} faults and delays",
                grouped(mail.taken),
                grouped(mail.connections),
                grouped(mail.faults)
            ));
        }
        if let Some(register) = self.register {
            lines.push(format!(
                "register: {} persons in {} calls",
                grouped(register.persons),
                grouped(register.calls)
            ));
        }
        lines.join("\n")
    }
}
