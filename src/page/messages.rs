//! Which messages were sent to the person, by whom and when. Their texts are not shown.

use axum::extract::State;
use axum::response::Response;
use minijinja::{Value, context};

use super::language::Shown;
use super::problem::Problem;
use super::session::Visitor;
use super::state::PageState;
use super::texts::{iso, moment};
use super::views::Template;
use crate::domain::kinds::{Channel, Language};
use crate::ports::store::PersonMessage;

/// Messages shown at most: so many jobs, the latest.
const MOST: u32 = 200;

/// `GET /page/messages`
pub(super) async fn show(
    State(state): State<PageState>,
    Shown(language): Shown,
    visitor: Visitor,
) -> Response {
    let store = &state.deps().store;
    let messages = match store.messages_to(&visitor.person, MOST).await {
        Ok(messages) => messages,
        Err(error) => return Problem::from(error).show(&state, language),
    };
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| shown(&state, message, language))
        .collect();
    let context = context! { token => visitor.token(), messages };
    state.views().ok(Template::Messages, language, context)
}

fn shown(state: &PageState, message: &PersonMessage, language: Language) -> Value {
    let fact = &message.fact;
    context! {
        agency => state.parts().names.get(&message.agency),
        class => fact.class.as_str(),
        reminder => fact.occasion,
        channel => fact.channel.map(Channel::as_str),
        status => fact.status.as_str(),
        reason => fact.reason.map(|reason| reason.as_str()),
        at => moment(fact.at, language),
        machine_at => iso(fact.at),
    }
}
