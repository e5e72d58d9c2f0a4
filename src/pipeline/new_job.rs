//! A job that was read and checked, made ready for the store.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::event::{self, Totals};
use crate::domain::job::{Job, To};
use crate::domain::kinds::{Class, Lane};
use crate::domain::plan;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::domain::urgent_quota;
use crate::ports::store::{JobState, JobView, NewDelivery, NewJob, UrgentAsk};

use super::deps::Agency;
use super::household::TURN;

/// The job with its deliveries, what it asks of the urgent quota, and what its agency is told.
pub(super) fn new_job(mut job: Job, now: Timestamp, agency: &Agency) -> NewJob {
    job.rules.distinct = distinct(&job);
    let mut new = NewJob {
        agency: agency.no,
        lane: job.rules.lane,
        urgent: urgent(&job, agency),
        accepted_at: now,
        deliveries: deliveries(&job, now, agency),
        events: Vec::new(),
        job: Arc::new(job),
    };
    let view = view(&new);
    new.events = vec![event::job_accepted(
        new.agency,
        &view.name,
        now,
        view.recipients,
        false,
        &view.totals,
    )];
    new
}

/// What an urgent job asks of its agency's quota.
fn urgent(job: &Job, agency: &Agency) -> Option<UrgentAsk> {
    (job.rules.lane == Lane::Urgent).then(|| UrgentAsk {
        per_hour: agency.urgent_per_hour,
        costs: urgent_quota::costs(job),
    })
}

/// All recipients are direct addresses, and no two are the same.
fn distinct(job: &Job) -> bool {
    let mut seen = HashSet::with_capacity(job.recipients.len());
    job.rules.class == Class::ServiceMessage
        && job.recipients.iter().all(|recipient| match &recipient.to {
            To::Person(_) => false,
            To::Phone(phone) => seen.insert(phone.expose().to_owned()),
            To::Email(email) => seen.insert(email.fold()),
        })
}

fn deliveries(job: &Job, now: Timestamp, agency: &Agency) -> Vec<NewDelivery> {
    plan::first_deliveries(job, now, &agency.hours)
        .into_iter()
        .map(|(position, occasion, channel, fixed, due)| {
            let home = job.recipients.get(usize::from(position));
            let home = home.and_then(|recipient| recipient.home.as_ref());
            let is_second = home.is_some_and(|home| home.after.is_some());
            NewDelivery {
                position,
                occasion,
                channel,
                fixed,
                due: if is_second { due.plus(TURN) } else { due },
                settled: None,
            }
        })
        .collect()
}

/// A new job as its agency sees it.
pub(super) fn view(new: &NewJob) -> JobView {
    let occasions = 1 + new.job.rules.reminders.len();
    let notifications = new.job.recipients.len() * occasions;
    let mut totals = Totals::default();
    totals.0.insert(Status::Accepted, notifications as u64);
    JobView {
        name: new.job.name.clone(),
        class: new.job.rules.class,
        lane_asked: new.job.rules.lane,
        lane: new.lane,
        urgent_over_quota: 0,
        state: JobState::Open,
        accepted_at: new.accepted_at,
        recipients: new.job.recipients.len() as u64,
        totals,
    }
}
