//! The agency's own opt-out list.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::JsonBody;
use super::problem::{ApiProblem, ProblemBody};
use super::query::Query;
use super::state::ApiState;
use super::words::{ClassWord, OptOutKindWord};
use crate::domain::email::EmailAddress;
use crate::domain::event::Problem;
use crate::domain::ids::AgencyId;
use crate::domain::job::To;
use crate::domain::kinds::Class;
use crate::domain::opt_out::{Classes, OptOutHash, OptOutKey};
use crate::domain::person::PersonNumber;
use crate::domain::phone::PhoneNumber;
use crate::ports::store::OptOutEntry;

/// Entries in one request.
const MOST: usize = 10_000;

/// What is put on the list or taken off it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `read` reads")]
pub(super) struct OptOuts {
    /// 1 to 10,000.
    opt_outs: Vec<OptOut>,
}

/// One of `person`, `phone` and `email`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `read` reads")]
pub(super) struct OptOut {
    /// Identity number: nothing to this person, on any channel.
    #[schema(example = "20914695016")]
    person: Option<String>,
    /// Nothing to this number, whoever has it.
    #[schema(example = "+4799999999")]
    phone: Option<String>,
    /// Nothing to this address, whoever has it.
    email: Option<String>,
    /// For which classes; default: `service_message` only.
    classes: Option<Vec<ClassWord>>,
}

/// How many entries of the list were changed; what was so already is not counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OptOutsChanged {
    changed: u64,
}

/// A page of the list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OptOutPage {
    items: Vec<OptOutItem>,
    /// Give this as `cursor` for the next page; `null`: this was the last.
    next: Option<String>,
}

/// An entry. Whom it is about is kept as a keyed hash only.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OptOutItem {
    /// The keyed hash.
    id: String,
    #[schema(value_type = OptOutKindWord)]
    kind: &'static str,
    #[schema(value_type = Vec<ClassWord>)]
    classes: Vec<&'static str>,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
}

/// List the opt-outs
///
/// Whom an entry is about is not kept; to learn whether somebody stands on the list, put the entry on
/// it again and look at `changed`.
#[utoipa::path(
    get, path = "/v1/opt-outs", tag = "opt-outs", operation_id = "listOptOuts",
    params(
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; default 100."),
    ),
    responses((status = 200, description = "A page.", body = OptOutPage)),
    security(("api_key" = [])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    query: Query,
) -> Result<Json<OptOutPage>, ApiProblem> {
    let limit = query.limit()?;
    let after = match query.get("cursor")? {
        None => None,
        Some(cursor) => {
            let mut hash = [0; 16];
            hex::decode_to_slice(cursor.as_ref(), &mut hash).map_err(|_no_hash| {
                ApiProblem::bad_query("cursor", "the `next` of the page before")
            })?;
            Some(OptOutHash(hash))
        }
    };
    let rows = state.deps().store.opt_outs(agency.no, after, limit + 1);
    let mut rows = rows.await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last = rows.last().map(|row| hex::encode(row.entry.hash.0));
    let item = |row: &crate::ports::store::OptOutRow| OptOutItem {
        id: hex::encode(row.entry.hash.0),
        kind: row.entry.kind.as_str(),
        classes: row.entry.classes.words().collect(),
        since: row.at.to_string(),
    };
    Ok(Json(OptOutPage {
        items: rows.iter().map(item).collect(),
        next: last.filter(|_| more),
    }))
}

/// Put on the opt-out list
///
/// From about a second after the answer, nothing goes to them from your agency: it ends as `not_sent`
/// with reason `opted_out`. What stands on the list already stays as it is, unless `classes` differ.
#[utoipa::path(
    post, path = "/v1/opt-outs", tag = "opt-outs", operation_id = "addOptOuts",
    request_body = OptOuts,
    responses(
        (status = 200, description = "They stand on the list.", body = OptOutsChanged),
        (status = 422, description = "Something is not valid; nothing was changed.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(super) async fn add(
    state: State<ApiState>,
    caller: Caller,
    body: JsonBody,
) -> Result<Json<OptOutsChanged>, ApiProblem> {
    change(state, caller, body, Turn::On).await
}

/// Take off the opt-out list
#[utoipa::path(
    delete, path = "/v1/opt-outs", tag = "opt-outs", operation_id = "removeOptOuts",
    request_body = OptOuts,
    responses(
        (status = 200, description = "They do not stand on the list.", body = OptOutsChanged),
        (status = 422, description = "Something is not valid; nothing was changed.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(super) async fn remove(
    state: State<ApiState>,
    caller: Caller,
    body: JsonBody,
) -> Result<Json<OptOutsChanged>, ApiProblem> {
    change(state, caller, body, Turn::Off).await
}

/// On the list, or off it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    On,
    Off,
}

async fn change(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    JsonBody(body): JsonBody,
    turn: Turn,
) -> Result<Json<OptOutsChanged>, ApiProblem> {
    let deps = state.deps();
    let entries =
        read(&body, &agency.id, deps.opt_outs.key(), turn).map_err(ApiProblem::invalid_opt_outs)?;
    let now = deps.clock.now();
    let changed = deps.store.put_opt_outs(agency.no, &entries, now).await?;
    deps.opt_outs.expire();
    Ok(Json(OptOutsChanged { changed }))
}

fn read(
    body: &[u8],
    agency: &AgencyId,
    key: &OptOutKey,
    turn: Turn,
) -> Result<Vec<OptOutEntry>, Vec<Problem>> {
    let wrong = |pointer: &str, problem: &str| {
        vec![Problem {
            pointer: pointer.to_owned(),
            problem: problem.to_owned(),
        }]
    };
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err(wrong("", "must be a JSON object with the list `opt_outs`"));
    };
    if let Some(name) = body.keys().find(|name| *name != "opt_outs") {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        return Err(wrong(
            &pointer,
            "is not known; the only member is `opt_outs`",
        ));
    }
    let list = body.get("opt_outs").and_then(Value::as_array);
    let Some(list) = list.filter(|list| (1..=MOST).contains(&list.len())) else {
        return Err(wrong("/opt_outs", "must be a list of 1 to 10,000 entries"));
    };
    let mut problems = Vec::new();
    let mut entries: HashMap<OptOutHash, OptOutEntry> = HashMap::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        match entry(value) {
            Ok((to, classes)) => {
                let (kind, hash) = key.of(agency, &to);
                let classes = match turn {
                    Turn::On => classes,
                    Turn::Off => Classes::default(),
                };
                let entry = OptOutEntry {
                    kind,
                    hash,
                    classes,
                };
                entries.insert(hash, entry);
            }
            Err((member, problem)) => problems.push(Problem {
                pointer: format!("/opt_outs/{index}{member}"),
                problem,
            }),
        }
    }
    if problems.is_empty() {
        Ok(entries.into_values().collect())
    } else {
        Err(problems)
    }
}

/// Where something is wrong within an entry, and what.
type Wrong = (&'static str, String);

fn entry(value: &Value) -> Result<(To, Classes), Wrong> {
    const ONE: &str = "must have exactly one of `person`, `phone` and `email`";
    let fields = value
        .as_object()
        .ok_or_else(|| ("", "must be an object".to_owned()))?;
    let mut to = None;
    let mut classes = Classes::SERVICE;
    for (name, value) in fields {
        let text = value.as_str().unwrap_or_default();
        let read = match name.as_str() {
            "person" => PersonNumber::parse(text)
                .map(To::Person)
                .map_err(|error| ("/person", error.to_string()))?,
            "phone" => PhoneNumber::parse(text)
                .map(To::Phone)
                .map_err(|error| ("/phone", error.to_string()))?,
            "email" => EmailAddress::parse(text)
                .map(To::Email)
                .map_err(|error| ("/email", error.to_string()))?,
            "classes" => {
                classes = classes_of(value)?;
                continue;
            }
            _unknown => {
                let known = "has a member that is not known; there are `person`, `phone`, `email`, `classes`";
                return Err(("", known.to_owned()));
            }
        };
        if to.replace(read).is_some() {
            return Err(("", ONE.to_owned()));
        }
    }
    Ok((to.ok_or_else(|| ("", ONE.to_owned()))?, classes))
}

fn classes_of(value: &Value) -> Result<Classes, Wrong> {
    let words = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let class = |word: &Value| {
        let word = word.as_str()?;
        Class::ALL
            .iter()
            .copied()
            .find(|class| class.as_str() == word)
    };
    let classes: Option<Vec<Class>> = words.iter().map(class).collect();
    let classes = classes.filter(|classes| !classes.is_empty());
    let classes = classes.ok_or_else(|| {
        let problem = "must be a list of `letter`, `service_message` or both";
        ("/classes", problem.to_owned())
    })?;
    Ok(Classes::of(&classes))
}
