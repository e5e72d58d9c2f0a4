//! What a person chooses: language, digital mailbox, reservation.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};

use super::language::Shown;
use super::problem::Problem;
use super::register::{self, Held};
use super::session::Visitor;
use super::state::PageState;
use super::submitted::Submitted;
use super::texts::language_name;
use super::views::Template;
use crate::domain::kinds::Language;
use crate::domain::register_edit::{Change, MAILBOX_PROVIDERS, Mailbox, MailboxError};

/// Which choice.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Language,
    Mailbox,
    Reservation,
}

impl Choice {
    const fn template(self) -> Template {
        match self {
            Self::Language => Template::Language,
            Self::Mailbox => Template::Mailbox,
            Self::Reservation => Template::Reservation,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Mailbox => "mailbox",
            Self::Reservation => "reservation",
        }
    }
}

fn context(held: &Held, visitor: &Visitor, wrong: Option<(&str, &str, &str)>) -> Value {
    let languages: Vec<Value> = Language::ALL
        .iter()
        .map(|one| context! { tag => one.as_str(), name => language_name(*one) })
        .collect();
    let providers: Vec<Value> = MAILBOX_PROVIDERS
        .iter()
        .map(|(org, name)| context! { org => *org, name => *name })
        .collect();
    let mailbox = held.mailbox.as_ref();
    let (provider, address) = match wrong {
        Some((_, provider, address)) => (Some(provider), Some(address)),
        None => (
            mailbox.map(|(provider, _)| provider.as_str()),
            mailbox.map(|(_, address)| address.as_str()),
        ),
    };
    context! {
        token => visitor.token(),
        choices => languages,
        spoken => held.language.map(Language::as_str),
        providers,
        provider,
        address,
        reserved => held.reserved,
        error => wrong.map(|(error, ..)| error),
    }
}

async fn show(
    state: &PageState,
    language: Language,
    visitor: &Visitor,
    choice: Choice,
    wrong: Option<(&str, &str, &str)>,
) -> Response {
    if !state.is_local() {
        return Problem::Nowhere.show(state, language);
    }
    let held = match register::held(state, &visitor.person).await {
        Ok(held) => held,
        Err(problem) => return problem.show(state, language),
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let context = context(&held, visitor, wrong);
    state
        .views()
        .page(choice.template(), language, status, context)
}

async fn keep(
    state: &PageState,
    language: Language,
    visitor: &Visitor,
    choice: Choice,
    change: &Change,
) -> Response {
    if !state.is_local() {
        return Problem::Nowhere.show(state, language);
    }
    match register::change(state, &visitor.person, change).await {
        Ok(()) => Redirect::to(&format!("/page/me?done={}", choice.word())).into_response(),
        Err(problem) => problem.show(state, language),
    }
}

/// `GET /page/language`
pub(super) async fn language(
    State(state): State<PageState>,
    Shown(language): Shown,
    visitor: Visitor,
) -> Response {
    show(&state, language, &visitor, Choice::Language, None).await
}

/// `POST /page/language`
pub(super) async fn choose_language(
    State(state): State<PageState>,
    Shown(language): Shown,
    submitted: Submitted,
) -> Response {
    let (visitor, choice) = (&submitted.visitor, Choice::Language);
    match Language::from_word(submitted.field("language")) {
        Some(chosen) => {
            let change = Change::Language(chosen);
            keep(&state, language, visitor, choice, &change).await
        }
        None => show(&state, language, visitor, choice, Some(("choose", "", ""))).await,
    }
}

/// `GET /page/mailbox`
pub(super) async fn mailbox(
    State(state): State<PageState>,
    Shown(language): Shown,
    visitor: Visitor,
) -> Response {
    show(&state, language, &visitor, Choice::Mailbox, None).await
}

/// `POST /page/mailbox`
pub(super) async fn choose_mailbox(
    State(state): State<PageState>,
    Shown(language): Shown,
    submitted: Submitted,
) -> Response {
    let (visitor, choice) = (&submitted.visitor, Choice::Mailbox);
    let (provider, address) = (submitted.field("provider"), submitted.field("address"));
    let change = match provider {
        "none" => Ok(Change::Mailbox(None)),
        org => Mailbox::parse(org, address).map(|mailbox| Change::Mailbox(Some(mailbox))),
    };
    let error = match change {
        Ok(change) => return keep(&state, language, visitor, choice, &change).await,
        Err(MailboxError::Provider) => "choose",
        Err(MailboxError::Address) => "mailbox_form",
    };
    let wrong = Some((error, provider, address));
    show(&state, language, visitor, choice, wrong).await
}

/// `GET /page/reservation`
pub(super) async fn reservation(
    State(state): State<PageState>,
    Shown(language): Shown,
    visitor: Visitor,
) -> Response {
    show(&state, language, &visitor, Choice::Reservation, None).await
}

/// `POST /page/reservation`
pub(super) async fn choose_reservation(
    State(state): State<PageState>,
    Shown(language): Shown,
    submitted: Submitted,
) -> Response {
    let (visitor, choice) = (&submitted.visitor, Choice::Reservation);
    let reserved = match submitted.field("reserved") {
        "yes" => true,
        "no" => false,
        _other => {
            let wrong = Some(("choose", "", ""));
            return show(&state, language, visitor, choice, wrong).await;
        }
    };
    let change = Change::Reservation(reserved);
    keep(&state, language, visitor, choice, &change).await
}
