//! The page with everything on it.

use axum::extract::{Query, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde::Deserialize;

use super::language::Shown;
use super::register::{self, Address};
use super::session::Visitor;
use super::state::PageState;
use super::texts::{date, language_name};
use super::views::Template;
use crate::domain::kinds::Language;

/// Words that say what was just done; any other is not shown.
pub(super) const DONE: [&str; 9] = [
    "mobile",
    "email",
    "mobile-confirmed",
    "email-confirmed",
    "mobile-removed",
    "email-removed",
    "language",
    "mailbox",
    "reservation",
];

/// What was just done.
#[derive(Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

/// One address for a template.
fn shown(address: Option<&Address>, language: Language) -> Value {
    match address {
        None => Value::from(()),
        Some(address) => context! {
            text => address.text.as_str(),
            updated => address.updated.map(|at| date(at, language)),
            verified => address.verified.map(|at| date(at, language)),
        },
    }
}

/// `GET /page/me`
pub(super) async fn show(
    State(state): State<PageState>,
    Shown(language): Shown,
    Query(query): Query<Done>,
    visitor: Visitor,
) -> Response {
    let held = match register::held(&state, &visitor.person).await {
        Ok(held) => held,
        Err(problem) => return problem.show(&state, language),
    };
    let done = query
        .done
        .filter(|done| DONE.contains(&done.as_str()))
        .map(|done| done.replace('-', "_"));
    let context = context! {
        token => visitor.token(),
        local => state.is_local(),
        done,
        registered => held.registered,
        mobile => shown(held.mobile.as_ref(), language),
        email => shown(held.email.as_ref(), language),
        spoken => held.language.map(language_name),
        spoken_tag => held.language.map(Language::as_str),
        mailbox => held.mailbox_provider(),
        mailbox_address => held.mailbox.as_ref().map(|(_, address)| address),
        reserved => held.reserved,
    };
    state.views().ok(Template::Me, language, context)
}
