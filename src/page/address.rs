//! Changing the mobile number and the e-mail address: a new one is kept once a code that was sent
//! there has come back.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;

use super::code::{self, Sent};
use super::language::Shown;
use super::problem::Problem;
use super::register;
use super::session::Visitor;
use super::state::PageState;
use super::submitted::Submitted;
use super::texts::number;
use super::views::Template;
use crate::domain::email::EmailAddress;
use crate::domain::kinds::{Channel, Language};
use crate::domain::phone::PhoneNumber;
use crate::domain::register_edit::Change;
use crate::ports::store::Guess;

/// The channel of a path's word, where something may be changed here at all.
fn channel(state: &PageState, kind: &str) -> Result<Channel, Problem> {
    match kind {
        _ if !state.is_local() => Err(Problem::Nowhere),
        "mobile" => Ok(Channel::Sms),
        "email" => Ok(Channel::Email),
        _other => Err(Problem::Nowhere),
    }
}

/// The word of a channel in paths and texts.
const fn word(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "mobile",
        Channel::Email => "email",
    }
}

/// An address as it is kept, and the change that keeps it.
fn read(channel: Channel, text: &str) -> Option<(String, Change)> {
    match channel {
        Channel::Sms => {
            let number = PhoneNumber::parse(text).ok()?;
            Some((number.expose().to_owned(), Change::Mobile(number)))
        }
        Channel::Email => {
            let address = EmailAddress::parse(text).ok()?;
            Some((address.expose().to_owned(), Change::Email(address)))
        }
    }
}

fn done(word: &str, what: &str) -> Response {
    Redirect::to(&format!("/page/me?done={word}{what}")).into_response()
}

/// Of a form that is shown, again if something is wrong with what was typed.
const fn status(is_wrong: bool) -> StatusCode {
    if is_wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    }
}

/// The form, with what is wrong with what was typed.
async fn form(
    state: &PageState,
    language: Language,
    visitor: &Visitor,
    channel: Channel,
    wrong: Option<(&str, &str)>,
) -> Result<Response, Problem> {
    let held = register::held(state, &visitor.person).await?;
    let now = held.address(channel).map(|address| address.text.as_str());
    let context = context! {
        token => visitor.token(),
        kind => word(channel),
        now,
        typed => wrong.map(|(_, typed)| typed),
        error => wrong.map(|(error, _)| error),
    };
    let status = status(wrong.is_some());
    Ok(state
        .views()
        .page(Template::Address, language, status, context))
}

/// `GET /page/address/{kind}`
pub(super) async fn edit(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    visitor: Visitor,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        form(&state, language, &visitor, channel, None).await
    };
    Problem::or_show(page, &state, language).await
}

/// `POST /page/address/{kind}`: sends a code.
pub(super) async fn send(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    submitted: Submitted,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        let (visitor, typed) = (&submitted.visitor, submitted.field("address"));
        let Some((address, _)) = read(channel, typed) else {
            let error = if typed.is_empty() { "missing" } else { "form" };
            return form(&state, language, visitor, channel, Some((error, typed))).await;
        };
        match code::send(&state, visitor, channel, &address, language).await? {
            Sent::Yes => {
                let to = format!("/page/address/{}/code", word(channel));
                Ok(Redirect::to(&to).into_response())
            }
            Sent::TooMany => {
                let wrong = Some(("too_many", typed));
                form(&state, language, visitor, channel, wrong).await
            }
        }
    };
    Problem::or_show(page, &state, language).await
}

/// The form for the code; without a code that is good for something, the form for the address.
async fn code_form(
    state: &PageState,
    language: Language,
    visitor: &Visitor,
    channel: Channel,
    wrong: Option<(&str, u32)>,
) -> Result<Response, Problem> {
    let store = &state.deps().store;
    let address = store
        .code_address(visitor.session, channel, state.now())
        .await?;
    let Some(address) = address else {
        let wrong = Some(("code_gone", ""));
        return form(state, language, visitor, channel, wrong).await;
    };
    let address = match channel {
        Channel::Sms => number(&address),
        Channel::Email => address,
    };
    let context = context! {
        token => visitor.token(),
        kind => word(channel),
        address,
        error => wrong.map(|(error, _)| error),
        left => wrong.map(|(_, left)| left),
    };
    let status = status(wrong.is_some());
    Ok(state
        .views()
        .page(Template::Code, language, status, context))
}

/// `GET /page/address/{kind}/code`
pub(super) async fn ask(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    visitor: Visitor,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        code_form(&state, language, &visitor, channel, None).await
    };
    Problem::or_show(page, &state, language).await
}

/// `POST /page/address/{kind}/code`: keeps the address if the code is right.
pub(super) async fn take(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    submitted: Submitted,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        let visitor = &submitted.visitor;
        let Some(typed) = code::typed(submitted.field("code")) else {
            let wrong = Some(("code_form", 0));
            return code_form(&state, language, visitor, channel, wrong).await;
        };
        let digest = visitor.code_digest(channel.as_str(), &typed);
        let store = &state.deps().store;
        let guess = store.guess_code(visitor.session, channel, digest, state.now());
        match guess.await? {
            Guess::Right(address) => {
                let (_, change) = read(channel, &address).ok_or(Problem::Trouble)?;
                register::change(&state, &visitor.person, &change).await?;
                Ok(done(word(channel), ""))
            }
            Guess::Wrong(left @ 1..) => {
                let wrong = Some(("code_wrong", left));
                code_form(&state, language, visitor, channel, wrong).await
            }
            Guess::Wrong(0) | Guess::Gone => {
                let wrong = Some(("code_gone", ""));
                form(&state, language, visitor, channel, wrong).await
            }
        }
    };
    Problem::or_show(page, &state, language).await
}

/// `POST /page/address/{kind}/confirm`: it is still the person's.
pub(super) async fn confirm(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    submitted: Submitted,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        let change = Change::Confirm(channel);
        register::change(&state, &submitted.visitor.person, &change).await?;
        Ok(done(word(channel), "-confirmed"))
    };
    Problem::or_show(page, &state, language).await
}

/// `POST /page/address/{kind}/remove`: the person has none any more.
pub(super) async fn remove(
    State(state): State<PageState>,
    Shown(language): Shown,
    Path(kind): Path<String>,
    submitted: Submitted,
) -> Response {
    let page = async {
        let channel = channel(&state, &kind)?;
        let change = Change::Remove(channel);
        register::change(&state, &submitted.visitor.person, &change).await?;
        Ok(done(word(channel), "-removed"))
    };
    Problem::or_show(page, &state, language).await
}
