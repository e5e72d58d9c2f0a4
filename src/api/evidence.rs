//! Proof of how somebody was told of a letter, or why not.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::jobs::name;
use super::problem::ApiProblem;
use super::state::ApiState;
use super::words::{ChannelRuleWord, ChannelWord, ReasonWord, StatusWord};
use crate::domain::event::NotificationFact;
use crate::domain::ids::{DeliveryId, JobName, Occasion, Reference};
use crate::domain::kinds::Class;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::ports::store::{LetterDelivery, LetterFile, TryOutcome};

/// Everything that is kept of a letter to one recipient. No address is in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(super) struct EvidenceBody {
    /// Your own id of the job.
    job: String,
    /// Your own reference of the recipient.
    #[serde(rename = "ref")]
    reference: String,
    /// Why the register was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// Which channels the job allowed.
    #[schema(value_type = ChannelRuleWord)]
    channel: &'static str,
    /// When the job was stored.
    #[schema(format = DateTime)]
    accepted_at: String,
    /// When it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
    /// When the letter was reported opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    verdict: PaperVerdict,
    /// The first, then the reminders.
    occasions: Vec<OccasionEvidence>,
}

/// What must become of the letter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaperVerdict {
    /// Send it on paper.
    paper: bool,
    /// Everything of the first occasion is settled: the verdict stands, unless a receipt corrects it.
    settled: bool,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    /// Absent if there is none.
    #[schema(value_type = Option<ReasonWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// One occasion.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OccasionEvidence {
    /// 0 for the first, 1 and up for reminders.
    occasion: u8,
    /// Reminders: days after the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_days: Option<u8>,
    /// By channel; a channel that was fallen back from is among them.
    deliveries: Vec<DeliveryEvidence>,
}

/// One occasion on one channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryEvidence {
    /// The channel that was tried, or would have been tried first.
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    #[schema(value_type = Option<ReasonWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Since when.
    #[schema(format = DateTime)]
    at: String,
    version: i32,
    possible_duplicate: bool,
    /// What the register said each time, and what the rule made of it.
    #[schema(value_type = Vec<Decision>)]
    decisions: Vec<Value>,
    tries: Vec<TryEvidence>,
    #[schema(value_type = Vec<ReceiptSeen>)]
    receipts: Vec<Value>,
}

/// One try on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TryEvidence {
    /// When it was written down, before its first byte.
    #[schema(format = DateTime)]
    at: String,
    gateway: String,
    /// 1: once more after one of which nobody knows whether it arrived.
    slot: u8,
    /// `open`, `accepted`, `not_sent` or `unknown`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_at: Option<String>,
    /// The gateway's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_reference: Option<String>,
}

/// What the rule made of an answer of the register.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes domain::evidence::decision")]
pub(super) struct Decision {
    #[schema(format = DateTime)]
    at: String,
    /// When the register was asked.
    asked_at: Option<String>,
    register: Option<RegisterSaid>,
    rule: RuleApplied,
    /// `send`, `wait`, `withhold`, or `other_channel`: not on this one any more.
    outcome: String,
    /// With `send`.
    channel: Option<ChannelWord>,
    /// With `send`: SHA-256 of the SMS, or of subject, text and HTML with zero bytes between them.
    text_sha256: Option<String>,
    /// With `wait`.
    until: Option<String>,
    /// With `withhold` and `other_channel`.
    reason: Option<ReasonWord>,
}

/// The register's codes and dates.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes domain::evidence::register")]
pub(super) struct RegisterSaid {
    /// `active`, `deleted`, `not_registered`, `unknown`.
    registration: String,
    reserved: bool,
    /// `yes`, `no`, `unstated`: the register's own `varslingsstatus`.
    notifiable: String,
    mobile: Option<AddressDates>,
    email: Option<AddressDates>,
    language: Option<String>,
}

/// An address without the address.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes domain::evidence::dates")]
pub(super) struct AddressDates {
    /// When the person last changed it.
    changed: Option<String>,
    /// When the person last confirmed it.
    confirmed: Option<String>,
    /// The register's text is an address.
    usable: bool,
    /// It stands on another person too.
    shared: bool,
}

/// The rule as it was applied.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes domain::evidence::decision")]
pub(super) struct RuleApplied {
    channel: ChannelRuleWord,
    /// An address changed or confirmed before this was too old (18 calendar months).
    fresh_since: String,
    /// Person or address stood on your opt-out list for letters.
    opted_out: bool,
}

/// A receipt that changed something.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes domain::evidence::receipt")]
pub(super) struct ReceiptSeen {
    #[schema(format = DateTime)]
    at: String,
    gateway: String,
    status: StatusWord,
    reason: Option<ReasonWord>,
}

/// Prove how somebody was told of a letter
///
/// Register answers with their dates and codes, the rule and its outcome, tries, receipts, reminders,
/// and whether the letter must go on paper. Kept as long as the facts of the job.
#[utoipa::path(
    get, path = "/v1/jobs/{job}/notifications/{ref}/evidence", tag = "jobs", operation_id = "getEvidence",
    params(
        ("job" = String, Path, description = "Your own id of the job, a letter."),
        ("ref" = String, Path, description = "Your own reference of the recipient."),
    ),
    responses((status = 200, description = "What is kept.", body = EvidenceBody)),
    security(("api_key" = [])),
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path((job, reference)): Path<(String, String)>,
) -> Result<Json<EvidenceBody>, ApiProblem> {
    let missing = ApiProblem::no_such_letter;
    let job = name(&job).map_err(|_no_id| missing())?;
    let reference = Reference::parse(&reference).map_err(|_no_id| missing())?;
    let file = state.deps().store.letter_file(agency.no, &job, &reference);
    let file = file.await?.filter(|file| file.rules.class == Class::Letter);
    let file = file.ok_or_else(missing)?;
    Ok(Json(body(job, reference, file)))
}

fn body(job: JobName, reference: Reference, file: LetterFile) -> EvidenceBody {
    let mut occasions: Vec<Occasion> = file
        .deliveries
        .iter()
        .map(|one| one.delivery.occasion())
        .collect();
    occasions.dedup();
    let occasion = |occasion: Occasion| OccasionEvidence {
        occasion,
        after_days: usize::from(occasion)
            .checked_sub(1)
            .and_then(|reminder| file.rules.reminders.get(reminder))
            .map(|reminder| reminder.after_days),
        deliveries: file
            .deliveries
            .iter()
            .filter(|one| one.delivery.occasion() == occasion)
            .map(|one| delivery(&file, one))
            .collect(),
    };
    let when = |at: Option<Timestamp>| at.map(|at| at.to_string());
    EvidenceBody {
        verdict: verdict(&job, &reference, &file),
        occasions: occasions.into_iter().map(occasion).collect(),
        job: job.to_string(),
        reference: reference.to_string(),
        channel: file.rules.channel.as_str(),
        accepted_at: file.accepted_at.to_string(),
        cancelled_at: when(file.cancelled_at),
        opened_at: when(file.opened_at),
        purpose: file.rules.purpose,
    }
}

/// Of several channels the better one counts, as in totals.
fn verdict(job: &JobName, reference: &Reference, file: &LetterFile) -> PaperVerdict {
    let first = file.deliveries.iter();
    let first = first.filter(|one| one.delivery.occasion() == 0 && !one.silent);
    let best = first.max_by_key(|one| one.state.code());
    let status = best.map_or(Status::Accepted, |one| status(file, one));
    let reason = best.and_then(|one| one.reason);
    let fact = NotificationFact {
        job: job.clone(),
        reference: reference.clone(),
        class: Class::Letter,
        occasion: 0,
        channel: None,
        status,
        reason,
        at: file.accepted_at,
        version: 0,
        possible_duplicate: false,
        covered_by: None,
    };
    PaperVerdict {
        paper: fact.paper(),
        settled: status.is_settled(),
        status: status.as_str(),
        reason: reason.map(|reason| reason.as_str()),
    }
}

fn status(file: &LetterFile, one: &LetterDelivery) -> Status {
    let mut tries = file.tries.iter();
    one.state
        .status(tries.any(|tried| tried.delivery == one.delivery && tried.outcome.is_none()))
}

fn delivery(file: &LetterFile, one: &LetterDelivery) -> DeliveryEvidence {
    let tries = file
        .tries
        .iter()
        .filter(|tried| tried.delivery == one.delivery);
    let tries = tries.map(|tried| TryEvidence {
        at: tried.intent_at.to_string(),
        gateway: tried.gateway.clone(),
        slot: tried.slot,
        outcome: tried
            .outcome
            .map_or("open", |(outcome, _)| TryOutcome::as_str(outcome)),
        outcome_at: tried.outcome.map(|(_, at)| at.to_string()),
        gateway_reference: tried.provider_reference.clone(),
    });
    DeliveryEvidence {
        channel: one.delivery.channel().as_str(),
        status: status(file, one).as_str(),
        reason: one.reason.map(|reason| reason.as_str()),
        at: one.changed_at.to_string(),
        version: one.version,
        possible_duplicate: one.possible_duplicate,
        decisions: facts(file, one.delivery, "decision"),
        tries: tries.collect(),
        receipts: facts(file, one.delivery, "receipt"),
    }
}

/// Facts of one kind, with their time first.
fn facts(file: &LetterFile, delivery: DeliveryId, kind: &str) -> Vec<Value> {
    // A decision may have been filed for the other channel of a delivery that then changed to it.
    let alone = !file
        .deliveries
        .iter()
        .any(|one| one.delivery == delivery.on(delivery.channel().other()));
    let of = |at: DeliveryId| at == delivery || (alone && at.on(delivery.channel()) == delivery);
    let facts = file.facts.iter().filter(|fact| of(fact.delivery));
    facts
        .filter_map(|fact| {
            let mut said: Value = serde_json::from_str(&fact.data).ok()?;
            let members = said.as_object_mut()?;
            if members.shift_remove("kind")?.as_str() != Some(kind) {
                return None;
            }
            members.shift_insert(0, "at".to_owned(), fact.at.to_string().into());
            Some(said)
        })
        .collect()
}
