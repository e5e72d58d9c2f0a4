//! The names of all metrics, what they mean, and which series exist before anything happens.
//!
//! [`super::record`] counts; [`describe`] is called once at start. Labels come from closed sets or
//! from the configuration, never from a job or a recipient.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::domain::ids::AgencyId;
use crate::domain::kinds::{Channel, Lane};
use crate::domain::status::Status;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Durations in seconds, in buckets.
    Histogram,
}

/// Declares the metrics.
macro_rules! names {
    ($($variant:ident = $kind:ident $name:literal, $help:literal;)+) => {
        /// Every metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = $help] $variant,)+
        }

        impl Metric {
            /// Every metric, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name: `budstikke_<what>_<unit>[_total]`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }

            /// How it behaves.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)+ }
            }
        }
    };
}

names! {
    Jobs = Counter "budstikke_jobs_total",
        "Jobs that came in, by result: accepted, repeated, conflict, rejected, unauthenticated";
    Claims = Counter "budstikke_claims_total", "Claims that brought deliveries";
    ClaimedDeliveries = Counter "budstikke_claimed_deliveries_total", "Deliveries claimed";
    ClaimSeconds = Histogram "budstikke_claim_seconds", "How long the store took for a claim";
    Settled = Counter "budstikke_settled_total",
        "Deliveries settled, by channel, status and reason; a later correction counts again";
    Unknown = Counter "budstikke_unknown_total",
        "Tries that ended without a complete answer, by channel";
    Fenced = Counter "budstikke_fenced_total",
        "Writes that came too late: another worker had taken over";
    ClockSkew = Gauge "budstikke_clock_skew_seconds",
        "How far this machine's wall clock is from the store's, whose time counts";
    SlotsForfeited = Counter "budstikke_slots_forfeited_total",
        "Rate slots that were over before the first byte, by gateway";
    Tries = Counter "budstikke_tries_total",
        "Tries on the wire, by gateway and outcome: accepted, transient, permanent, channel, unknown";
    WireSeconds = Histogram "budstikke_wire_seconds",
        "From a try's free request to its answer, the wait for the slot included; by gateway";
    RegisterCalls = Counter "budstikke_register_calls_total", "Calls to the register";
    RegisterPersons = Counter "budstikke_register_persons_total", "Persons looked up";
    RegisterErrors = Counter "budstikke_register_errors_total",
        "Calls to the register without an answer, by kind: unavailable, forbidden, refused, unwritten";
    StoreErrors = Counter "budstikke_store_errors_total",
        "What the store could not do, by what was asked";
    EventsPublished = Counter "budstikke_events_published_total", "Events confirmed by the broker";
    EventsRefused = Counter "budstikke_events_refused_total",
        "Events that the broker did not take; they wait in the feed";
    EventsHeld = Gauge "budstikke_events_held", "Events that were not taken when they were last offered";
    Receipts = Counter "budstikke_receipts_total",
        "Delivery reports and bounces, by result: applied, parked, repeated";
    HttpRequests = Counter "budstikke_http_requests_total",
        "Requests to the API and the page, by method, route and status";
    HttpSeconds = Histogram "budstikke_http_seconds", "How long a request took, by route";
    Due = Gauge "budstikke_due", "Deliveries that are due, by lane";
    OldestDueSeconds = Gauge "budstikke_oldest_due_seconds",
        "How long the oldest due delivery has been waiting, by lane";
    UrgentOverQuota = Counter "budstikke_urgent_over_quota_total",
        "Recipients asked for as urgent above the agency's quota, by agency";
    AddressOverLimit = Counter "budstikke_address_over_limit_total",
        "Times that a message waits because its address got enough within the hour, by channel";
    GatewayCircuit = Gauge "budstikke_gateway_circuit",
        "1 while a gateway's circuit is open and only probes go there, else 0; by gateway";
    GatewayWeight = Gauge "budstikke_gateway_weight",
        "The weight that a gateway's health leaves it; the configured one when it is well; by gateway";
    Probes = Counter "budstikke_probes_total",
        "Probes through open circuits, by gateway and result: taken, failed, unclear";
    RetriesHeld = Counter "budstikke_retries_held_total",
        "Retries that had to wait because the gateway's retry budget was spent, by gateway";
    Erased = Counter "budstikke_erased_total", "What retention erased, by kind";
}

const RESULTS_OF_JOBS: [&str; 5] = [
    "accepted",
    "repeated",
    "conflict",
    "rejected",
    "unauthenticated",
];
const RESULTS_OF_RECEIPTS: [&str; 3] = ["applied", "parked", "repeated"];
const OUTCOMES: [&str; 5] = ["accepted", "transient", "permanent", "channel", "unknown"];
const PROBES: [&str; 3] = ["taken", "failed", "unclear"];
const REGISTER_ERRORS: [&str; 4] = ["unavailable", "forbidden", "refused", "unwritten"];

/// Tells the exporter what every metric means and creates the series that are known beforehand, so
/// that an alarm on a rate sees the first event too. Call it once, after the recorder is installed.
pub fn describe<'a>(
    gateways: impl IntoIterator<Item = &'a str>,
    agencies: impl IntoIterator<Item = &'a AgencyId>,
) {
    for metric in Metric::ALL {
        let (name, help) = (metric.name(), metric.help());
        match metric.kind() {
            Kind::Counter => describe_counter!(name, Unit::Count, help),
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Histogram => describe_histogram!(name, Unit::Seconds, help),
        }
    }
    zeros();
    for gateway in gateways {
        for outcome in OUTCOMES {
            zero(Metric::Tries, &[("gateway", gateway), ("outcome", outcome)]);
        }
        zero(Metric::SlotsForfeited, &[("gateway", gateway)]);
        zero(Metric::GatewayCircuit, &[("gateway", gateway)]);
        zero(Metric::RetriesHeld, &[("gateway", gateway)]);
        for result in PROBES {
            zero(Metric::Probes, &[("gateway", gateway), ("result", result)]);
        }
    }
    for agency in agencies {
        zero(Metric::UrgentOverQuota, &[("agency", agency.as_str())]);
    }
}

fn zeros() {
    for metric in [
        Metric::Claims,
        Metric::ClaimedDeliveries,
        Metric::Fenced,
        Metric::RegisterCalls,
        Metric::RegisterPersons,
        Metric::EventsPublished,
        Metric::EventsRefused,
        Metric::EventsHeld,
    ] {
        zero(metric, &[]);
    }
    for result in RESULTS_OF_JOBS {
        zero(Metric::Jobs, &[("result", result)]);
    }
    for result in RESULTS_OF_RECEIPTS {
        zero(Metric::Receipts, &[("result", result)]);
    }
    for kind in REGISTER_ERRORS {
        zero(Metric::RegisterErrors, &[("kind", kind)]);
    }
    for channel in Channel::ALL {
        let channel = ("channel", channel.as_str());
        zero(Metric::Unknown, &[channel]);
        zero(Metric::AddressOverLimit, &[channel]);
        for status in Status::ALL.iter().filter(|status| status.is_settled()) {
            let labels = [channel, ("status", status.as_str()), ("reason", "")];
            zero(Metric::Settled, &labels);
        }
    }
    for lane in Lane::ALL {
        zero(Metric::Due, &[("lane", lane.as_str())]);
        zero(Metric::OldestDueSeconds, &[("lane", lane.as_str())]);
    }
}

fn zero(metric: Metric, labels: &[(&'static str, &str)]) {
    let labels: Vec<(&'static str, String)> = labels
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()))
        .collect();
    match metric.kind() {
        Kind::Counter => counter!(metric.name(), &labels).increment(0),
        Kind::Gauge => gauge!(metric.name(), &labels).set(0.0),
        Kind::Histogram => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::telemetry::record;

    /// What an exporter shows after `work`.
    fn shown(work: impl FnOnce()) -> String {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&[0.1, 1.0])
            .unwrap()
            .build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, work);
        handle.render()
    }

    fn describe_oslo() {
        let oslo = AgencyId::parse("oslo").unwrap();
        describe(["primary"], [&oslo]);
    }

    #[test]
    fn everything_that_is_recorded_stands_in_the_table_and_the_other_way_round() {
        let source = include_str!("record.rs");
        let names = source
            .split('"')
            .filter(|word| word.starts_with("budstikke_"));
        let recorded: BTreeSet<&str> = names.collect();
        let table: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(recorded, table);
    }

    #[test]
    fn names_tell_unit_and_kind() {
        for metric in Metric::ALL {
            let name = metric.name();
            assert_eq!(
                name.ends_with("_total"),
                metric.kind() == Kind::Counter,
                "{name}"
            );
            assert!(
                metric.kind() != Kind::Histogram || name.ends_with("_seconds"),
                "{name}"
            );
        }
    }

    #[test]
    fn series_exist_with_zero_and_help_before_anything_happens() {
        let text = shown(describe_oslo);
        for line in [
            "# HELP budstikke_fenced_total Writes that came too late: another worker had taken over",
            "budstikke_fenced_total 0",
            "budstikke_jobs_total{result=\"accepted\"} 0",
            "budstikke_tries_total{gateway=\"primary\",outcome=\"unknown\"} 0",
            "budstikke_urgent_over_quota_total{agency=\"oslo\"} 0",
            "budstikke_oldest_due_seconds{lane=\"urgent\"} 0",
            "budstikke_settled_total{channel=\"sms\",status=\"delivered\",reason=\"\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_recorded_adds_to_the_series_that_exist() {
        let text = shown(|| {
            describe_oslo();
            record::jobs("accepted");
            record::wire("primary", "accepted", Duration::from_millis(50));
            record::settled(Channel::Sms, Status::Delivered, None);
            record::urgent_over_quota(&AgencyId::parse("oslo").unwrap(), 3);
        });
        for line in [
            "budstikke_jobs_total{result=\"accepted\"} 1",
            "budstikke_tries_total{gateway=\"primary\",outcome=\"accepted\"} 1",
            "budstikke_settled_total{channel=\"sms\",status=\"delivered\",reason=\"\"} 1",
            "budstikke_wire_seconds_bucket{gateway=\"primary\",le=\"0.1\"} 1",
            "budstikke_urgent_over_quota_total{agency=\"oslo\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
