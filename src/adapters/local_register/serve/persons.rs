//! `POST /rest/v2/personer`: everybody asked about, once each, as far as the token shows them.

use std::collections::{BTreeSet, HashMap};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answers::{self, Refused};
use super::server::Shared;
use super::wire::{PersonsAnswer, PersonsRequest};
use crate::domain::krr_person::KrrPerson;
use crate::domain::person::PersonNumber;
use crate::ports::register::MAX_BATCH;
use crate::ports::store::{ContactRow, StoreError};

const FORM: &str = "the body must be {\"personidentifikatorer\": [\"…\"]} in JSON";

/// Answers one look-up.
pub(super) async fn look_up(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let caller = shared.admission.admit(&headers).await?;
    if caller.groups.is_none() {
        return Err(Refused::Scope(
            "the token has no scope for look-ups, such as krr:global/kontaktinformasjon.read",
        ));
    }
    let request: PersonsRequest = answers::read(&body, FORM)?;
    let numbers = numbers(&request)?;
    let rows = shared.store.contacts(&numbers).await.map_err(unreadable)?;
    let known: HashMap<&PersonNumber, &ContactRow> =
        rows.iter().map(|row| (&row.person, row)).collect();
    let now = shared.clock.now();
    let personer = numbers
        .iter()
        .map(|number| match known.get(number) {
            Some(row) => Ok(document(row)?.shown(number, caller.groups, now)),
            None => Ok(KrrPerson::not_registered(number).shown(number, caller.groups, now)),
        })
        .collect::<Result<Vec<_>, Refused>>()?;
    tracing::debug!(persons = personer.len(), "the register was asked");
    answers::write(
        &PersonsAnswer { personer },
        &headers,
        shared.signer.as_ref(),
    )
}

/// Who is asked about; whoever is asked about twice is answered once.
fn numbers(request: &PersonsRequest) -> Result<Vec<PersonNumber>, Refused> {
    let asked = &request.personidentifikatorer;
    if asked.is_empty() || asked.len() > MAX_BATCH {
        return Err(Refused::Request(
            "personidentifikatorer must hold 1 to 1000 identity numbers",
        ));
    }
    let numbers: Result<BTreeSet<PersonNumber>, _> =
        asked.iter().map(|raw| PersonNumber::parse(raw)).collect();
    let numbers = numbers.map_err(|_invalid| {
        Refused::Request("personidentifikatorer holds a text that is no identity number")
    })?;
    Ok(numbers.into_iter().collect())
}

/// The person of a row.
pub(super) fn document(row: &ContactRow) -> Result<KrrPerson, Refused> {
    serde_json::from_str(&row.document).map_err(|_unreadable| {
        tracing::error!("a row of the local register is no Person object; import the person again");
        Refused::Broken
    })
}

/// The table could not be read.
pub(super) fn unreadable(error: StoreError) -> Refused {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the local register cannot be read"
    );
    match error {
        StoreError::Unavailable(_) | StoreError::Locked(_) => Refused::Unavailable,
        StoreError::Corrupt { .. } | StoreError::Schema { .. } => Refused::Broken,
    }
}
