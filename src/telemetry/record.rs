//! One function per fact that is counted. Labels come from closed sets only: never a recipient, a
//! job or a text.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::domain::health::Circuit;
use crate::domain::ids::AgencyId;
use crate::domain::kinds::{Channel, Lane};
use crate::domain::status::{Reason, Status};

/// A job was `accepted`, `repeated`, `conflict`, `rejected` or `unauthenticated`.
pub fn jobs(result: &'static str) {
    counter!("budstikke_jobs_total", "result" => result).increment(1);
}

/// A request over HTTP was answered. `route` is the pattern, never the address itself.
pub fn http(method: &'static str, route: &str, status: u16, took: Duration) {
    let route = route.to_owned();
    counter!("budstikke_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!("budstikke_http_seconds", "route" => route).record(took.as_secs_f64());
}

/// Deliveries were claimed in one claim.
pub fn claimed(deliveries: usize) {
    counter!("budstikke_claims_total").increment(1);
    counter!("budstikke_claimed_deliveries_total").increment(deliveries as u64);
}

/// The store answered a claim.
pub fn claim_took(took: Duration) {
    histogram!("budstikke_claim_seconds").record(took.as_secs_f64());
}

/// So many recipients were asked for as urgent above the agency's quota.
pub fn urgent_over_quota(agency: &AgencyId, recipients: u64) {
    counter!("budstikke_urgent_over_quota_total", "agency" => agency.to_string())
        .increment(recipients);
}

/// A message waits because its address got enough within the hour.
pub fn address_over_limit(channel: Channel) {
    counter!("budstikke_address_over_limit_total", "channel" => channel.as_str()).increment(1);
}

/// A delivery was settled.
pub fn settled(channel: Channel, status: Status, reason: Option<Reason>) {
    counter!(
        "budstikke_settled_total",
        "channel" => channel.as_str(),
        "status" => status.as_str(),
        "reason" => reason.map_or("", Reason::as_str),
    )
    .increment(1);
}

/// A try ended without a complete answer.
pub fn unknown(channel: Channel) {
    counter!("budstikke_unknown_total", "channel" => channel.as_str()).increment(1);
}

/// A write was fenced: another worker had taken over.
pub fn fenced() {
    counter!("budstikke_fenced_total").increment(1);
}

/// How far this machine's wall clock is from the store's.
pub fn clock_skew(skew: Duration) {
    gauge!("budstikke_clock_skew_seconds").set(skew.as_secs_f64());
}

/// A rate slot was over before the first byte.
pub fn slot_forfeited(gateway: &str) {
    counter!("budstikke_slots_forfeited_total", "gateway" => gateway.to_owned()).increment(1);
}

/// A try was on the wire.
pub fn wire(gateway: &str, outcome: &'static str, took: Duration) {
    let gateway = gateway.to_owned();
    counter!("budstikke_tries_total", "gateway" => gateway.clone(), "outcome" => outcome)
        .increment(1);
    histogram!("budstikke_wire_seconds", "gateway" => gateway).record(took.as_secs_f64());
}

/// A gateway's circuit, and its effective weight in tenths of what the configuration counts.
pub fn gateway(gateway: &str, circuit: Circuit, tenths: u32) {
    let gateway = gateway.to_owned();
    let open = f64::from(u8::from(circuit == Circuit::Open));
    gauge!("budstikke_gateway_circuit", "gateway" => gateway.clone()).set(open);
    gauge!("budstikke_gateway_weight", "gateway" => gateway).set(f64::from(tenths) / 10.0);
}

/// A probe was taken (`Some(true)`), failed, or its answer says nothing about the gateway.
pub fn probe(gateway: &str, taken: Option<bool>) {
    let result = match taken {
        Some(true) => "taken",
        Some(false) => "failed",
        None => "unclear",
    };
    counter!("budstikke_probes_total", "gateway" => gateway.to_owned(), "result" => result)
        .increment(1);
}

/// Retries had to wait for the gateway's budget.
pub fn retries_held(gateway: &str, count: usize) {
    counter!("budstikke_retries_held_total", "gateway" => gateway.to_owned())
        .increment(count as u64);
}

/// The register was asked about so many persons.
pub fn register_call(persons: usize) {
    counter!("budstikke_register_calls_total").increment(1);
    counter!("budstikke_register_persons_total").increment(persons as u64);
}

/// The register gave no answer: `unavailable`, `forbidden` (us) or `refused` (a number); or its answer
/// is not used because the audit could not be written: `unwritten`.
pub fn register_error(kind: &'static str) {
    counter!("budstikke_register_errors_total", "kind" => kind).increment(1);
}

/// The store could not do something.
pub fn store_error(what: &'static str) {
    counter!("budstikke_store_errors_total", "what" => what).increment(1);
}

/// Events of an agency were confirmed, and others were not taken.
pub fn events(published: usize, held: usize) {
    counter!("budstikke_events_published_total").increment(published as u64);
    counter!("budstikke_events_refused_total").increment(held as u64);
}

/// So many events of all agencies were not taken when they were last offered.
pub fn events_held(held: usize) {
    gauge!("budstikke_events_held").set(held as f64);
}

/// Receipts were `applied`, `parked` or `repeated`.
pub fn receipts(result: &'static str, count: usize) {
    counter!("budstikke_receipts_total", "result" => result).increment(count as u64);
}

/// How much is due per lane, and for how long the oldest has been.
pub fn backlog(lanes: &[(Lane, u64, Duration)]) {
    for (lane, due, oldest) in lanes {
        gauge!("budstikke_due", "lane" => lane.as_str()).set(*due as f64);
        gauge!("budstikke_oldest_due_seconds", "lane" => lane.as_str()).set(oldest.as_secs_f64());
    }
}

/// What retention erased, by kind.
pub fn erased(counts: &[(&'static str, u64)]) {
    for (kind, count) in counts {
        counter!("budstikke_erased_total", "kind" => *kind).increment(*count);
    }
}
