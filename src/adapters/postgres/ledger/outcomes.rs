//! Settlements as columns, in order of the deliveries' ids.

use crate::adapters::postgres::error::corrupt;
use crate::adapters::postgres::rows::{int, short};
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::ports::BoxError;
use crate::ports::store::{Guard, Next, Settlement, StoreError};

/// One vector per column of [`super::settle`]'s first statement.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) place: Vec<i32>,
    pub(super) id: Vec<i64>,
    pub(super) claim: Vec<Option<i64>>,
    pub(super) was: Vec<i16>,
    pub(super) version: Vec<i32>,
    pub(super) was_due: Vec<i64>,
    pub(super) state: Vec<i16>,
    pub(super) reason: Vec<Option<i16>>,
    pub(super) due: Vec<Option<i64>>,
    pub(super) slot: Vec<Option<i16>>,
    pub(super) tries: Vec<Option<i32>>,
    pub(super) raise: Vec<i32>,
    pub(super) chosen: Vec<Option<bool>>,
    pub(super) duplicate: Vec<bool>,
    pub(super) silent: Vec<bool>,
    pub(super) covered_by: Vec<Option<i16>>,
    pub(super) at: Vec<i64>,
    pub(super) try_slot: Vec<Option<i16>>,
    pub(super) try_no: Vec<Option<i32>>,
    pub(super) outcome: Vec<Option<i16>>,
    pub(super) provider: Vec<Option<String>>,
    pub(super) delta: Vec<i32>,
    pub(super) fallback: Vec<Option<i64>>,
}

impl Columns {
    pub(super) fn of(settlements: &[Settlement]) -> Result<Self, StoreError> {
        let mut order: Vec<usize> = (0..settlements.len()).collect();
        order.sort_by_key(|index| settlements[*index].delivery);
        let mut columns = Self::default();
        for index in order {
            let place = i32::try_from(index).unwrap_or(i32::MAX);
            columns.push(place, &settlements[index])?;
        }
        Ok(columns)
    }

    fn push(&mut self, place: i32, settlement: &Settlement) -> Result<(), StoreError> {
        let (claim, was, version, was_due) = match settlement.guard {
            Guard::Claim(claim) => (Some(claim.0), State::Claimed, 0, 0),
            Guard::Unclaimed {
                state,
                version,
                due,
            } => (None, state, version, due.0),
        };
        let step = Step::of(settlement)?;
        let tried = settlement.tried.as_ref();
        self.place.push(place);
        self.id.push(settlement.delivery.0);
        self.claim.push(claim);
        self.was.push(was.code());
        self.version.push(version);
        self.was_due.push(was_due);
        self.state.push(step.state.code());
        self.reason.push(step.reason.map(Reason::code));
        self.due.push(step.due);
        self.slot.push(step.slot);
        self.tries.push(step.tries.map(int));
        self.raise.push(i32::from(step.event));
        self.chosen.push(step.chosen.or(tried.map(|_| true)));
        self.duplicate.push(settlement.is_second());
        self.silent.push(step.fallback.is_some());
        self.covered_by.push(step.covered_by);
        self.at.push(settlement.at.0);
        self.try_slot.push(tried.map(|t| i16::from(t.slot)));
        self.try_no.push(tried.map(|t| int(t.attempt)));
        self.outcome.push(tried.map(|t| t.outcome.code()));
        let provider = tried.and_then(|t| t.provider_reference.clone());
        self.provider.push(provider);
        let open = |state: State| i32::from(!state.is_settled());
        self.delta.push(open(step.state) - open(was));
        self.fallback.push(step.fallback);
        Ok(())
    }
}

/// What becomes of the delivery's own row.
struct Step {
    state: State,
    reason: Option<Reason>,
    due: Option<i64>,
    slot: Option<i16>,
    tries: Option<u32>,
    event: bool,
    chosen: Option<bool>,
    covered_by: Option<i16>,
    fallback: Option<i64>,
}

impl Step {
    fn to(state: State) -> Self {
        Self {
            state,
            reason: None,
            due: None,
            slot: None,
            tries: None,
            event: false,
            chosen: None,
            covered_by: None,
            fallback: None,
        }
    }

    fn of(settlement: &Settlement) -> Result<Self, StoreError> {
        Ok(match &settlement.next {
            Next::Settled {
                status,
                reason,
                channel_chosen,
                covered_by,
                ..
            } => Self {
                reason: *reason,
                event: true,
                chosen: Some(*channel_chosen),
                covered_by: covered_by.as_ref().map(|(position, _)| short(*position)),
                ..Self::to(State::of_settled(*status).ok_or_else(|| {
                    let wrong = format!("{status} settles nothing");
                    corrupt("delivery", settlement.delivery, BoxError::from(wrong))
                })?)
            },
            Next::Wait { due, slot, tries } => Self {
                due: Some(due.0),
                slot: Some(i16::from(*slot)),
                tries: Some(*tries),
                ..Self::to(State::Waiting)
            },
            Next::AwaitReceipt { until } => Self {
                due: Some(until.0),
                slot: settlement.tried.as_ref().map(|t| i16::from(t.slot)),
                ..Self::to(State::Unknown)
            },
            Next::Fallback { reason, due } => Self {
                reason: Some(*reason),
                fallback: Some(due.0),
                ..Self::to(State::Failed)
            },
        })
    }
}
