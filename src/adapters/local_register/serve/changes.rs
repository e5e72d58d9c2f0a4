//! `POST /rest/v2/krr/hentEndringer`: who changed, in the order of the changes (`domain.md` 1.7).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answers::{self, Refused};
use super::persons::{document, unreadable};
use super::server::Shared;
use super::wire::{ChangesAnswer, ChangesRequest};
use crate::domain::krr_shown::Groups;

const FORM: &str = "the body must be {\"fraEndringsId\": n} in JSON, n a whole number from 0 on";

/// Persons of one answer at most.
const PAGE: u32 = 1_000;

/// Answers one page of changes, from the given one (inclusive) on.
pub(super) async fn fetch(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let caller = shared.admission.admit(&headers).await?;
    if !caller.may_see_changes {
        return Err(Refused::Scope(
            "the token has no scope for changes: krr:global/hentendring.read",
        ));
    }
    let request: ChangesRequest = answers::read(&body, FORM)?;
    if request.from < 0 {
        return Err(Refused::Request(FORM));
    }
    let changes = shared.store.contact_changes(request.from, PAGE).await;
    let changes = changes.map_err(unreadable)?;
    let is_full = changes.rows.len() == PAGE as usize;
    let to = match changes.rows.last() {
        Some((number, _)) if is_full => *number,
        Some(_) | None => changes.latest,
    };
    let now = shared.clock.now();
    // The scope of the feed gives addresses; mailboxes belong to another one.
    let groups = Groups {
        addresses: true,
        ..caller.groups
    };
    let mut list = Vec::with_capacity(changes.rows.len());
    for (_, row) in &changes.rows {
        let mut person = document(row)?.shown(&row.person, groups, now);
        // Whoever left the register is told as deleted: no other words occur in the feed.
        if person.status.as_deref() == Some("IKKE_REGISTRERT") {
            person.status = Some("SLETTET".to_owned());
        }
        list.push(person);
    }
    let answer = ChangesAnswer {
        list,
        from: request.from,
        to,
        latest: changes.latest,
    };
    answers::write(&answer, &headers, shared.signer.as_ref())
}
