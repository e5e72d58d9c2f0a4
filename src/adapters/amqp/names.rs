//! Every name on the broker, in one place (contract section 3).

use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;

/// Where agencies publish jobs: topic, durable.
pub const JOBS_EXCHANGE: &str = "budstikke.jobs";
/// Where dead letters go: topic, durable.
pub const DEAD_EXCHANGE: &str = "budstikke.dead";
/// Where dead letters lie.
pub const DEAD_QUEUE: &str = "budstikke.dead";
/// Where events are published: topic, durable.
pub const EVENTS_EXCHANGE: &str = "budstikke.events";

/// Header of a dead letter: why.
pub const HEADER_REASON: &str = "budstikke-reason";
/// Header of a dead letter: the queue it came from.
pub const HEADER_QUEUE: &str = "budstikke-queue";
/// Header of a dead letter: its validated `user_id`, if it had one.
pub const HEADER_USER: &str = "budstikke-user";
/// Header of a dead letter: RFC 3339, when it died.
pub const HEADER_AT: &str = "budstikke-at";
/// Header of a dead letter whose body was too large to keep: its length in bytes.
pub const HEADER_BODY_BYTES: &str = "budstikke-body-bytes";
/// Header of a replayed message: the broker user of the original. Believed only of ourselves.
pub const HEADER_REPLAYED_USER: &str = "budstikke-replayed-user";

/// Header that stands where an agency's headers nested deeper than we read.
pub const HEADER_TOO_DEEP: &str = "budstikke-headers-too-deep";

/// Content type of a job.
pub const JSON: &str = "application/json";
/// Content type of an event.
pub const CLOUDEVENT_JSON: &str = "application/cloudevents+json";

/// The largest body that is looked at, in bytes: 8 MiB.
pub const MAX_BODY: usize = 8 * 1024 * 1024;

/// The lanes that have queues, the urgent one first. Bulk jobs come through `normal`: the body
/// says so.
pub const LANES: [Lane; 2] = [Lane::Urgent, Lane::Normal];

const fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => "urgent",
        Lane::Normal | Lane::Bulk => "normal",
    }
}

/// The routing key of a job: `<agency>.urgent` or `<agency>.normal`.
pub fn job_key(agency: &AgencyId, lane: Lane) -> String {
    format!("{agency}.{}", lane_word(lane))
}

/// The queue of an agency's jobs.
pub fn jobs_queue(agency: &AgencyId, lane: Lane) -> String {
    format!("{JOBS_EXCHANGE}.{}", job_key(agency, lane))
}

/// The queue of an agency's events.
pub fn events_queue(agency: &AgencyId) -> String {
    format!("{EVENTS_EXCHANGE}.{agency}")
}

/// What the events queue of an agency is bound to.
pub fn events_binding(agency: &AgencyId) -> String {
    format!("{agency}.#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_contract() {
        let oslo = AgencyId::parse("oslo").unwrap();
        assert_eq!(job_key(&oslo, Lane::Urgent), "oslo.urgent");
        assert_eq!(job_key(&oslo, Lane::Bulk), "oslo.normal");
        assert_eq!(
            jobs_queue(&oslo, Lane::Urgent),
            "budstikke.jobs.oslo.urgent"
        );
        assert_eq!(
            jobs_queue(&oslo, Lane::Normal),
            "budstikke.jobs.oslo.normal"
        );
        assert_eq!(events_queue(&oslo), "budstikke.events.oslo");
        assert_eq!(events_binding(&oslo), "oslo.#");
    }
}
