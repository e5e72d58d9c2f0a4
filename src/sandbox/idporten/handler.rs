//! What the fake does with one request.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::{Mutex, RwLock};
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::clients::{IdPortenClient, IdPortenClients, IdPortenProof};
use super::knobs::IdPortenKnobs;
use super::tokens::{KID, Say, id_token};
use crate::adapters::jose::wire::{KeySet, SigningKey};
use crate::adapters::oidc::wire::{
    ASSERTION_TYPE, AssertionClaims, Discovery, ErrorReply, IdClaims, PushedReply, TokenReply,
};
use crate::domain::person::PersonNumber;
use crate::sandbox::wall;

type Fields = HashMap<String, String>;

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) issuer: Arc<str>,
    pub(super) key: Arc<SigningKey>,
    pub(super) clients: Arc<IdPortenClients>,
    pub(super) knobs: Arc<RwLock<IdPortenKnobs>>,
    pub(super) memory: Arc<Mutex<Memory>>,
}

/// What is under way. Each entry is used once.
#[derive(Default)]
pub(super) struct Memory {
    pushed: HashMap<String, Fields>,
    waiting: HashMap<String, Fields>,
    codes: HashMap<String, (Fields, String, String)>,
    assertions: std::collections::HashSet<String>,
    pub(super) latest: Option<String>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory(***)")
    }
}

fn ticket() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", String::as_str)
}

fn refused(status: StatusCode, word: &str) -> Response {
    let error = word.to_owned();
    (status, Json(ErrorReply { error })).into_response()
}

/// `GET /.well-known/openid-configuration`
pub(super) async fn describe(State(shared): State<Shared>) -> Json<Discovery> {
    let at = |path: &str| format!("{}{path}", shared.issuer);
    Json(Discovery {
        issuer: shared.issuer.to_string(),
        authorization_endpoint: at("/authorize"),
        token_endpoint: at("/token"),
        jwks_uri: at("/jwks"),
        pushed_authorization_request_endpoint: shared.knobs.read().par.then(|| at("/par")),
        end_session_endpoint: Some(at("/logout")),
        code_challenge_methods_supported: Some(vec!["S256".to_owned()]),
        id_token_signing_alg_values_supported: Some(vec!["RS256".to_owned()]),
        authorization_response_iss_parameter_supported: true,
    })
}

/// `GET /jwks`
pub(super) async fn keys(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({ "keys": [shared.key.public().to_jwk(KID)] }))
}

impl Shared {
    /// The client's id, if it proves who it is.
    fn client(&self, headers: &HeaderMap, form: &Fields) -> Option<String> {
        match &*self.clients {
            IdPortenClients::Anybody => {
                let basic = basic(headers).map(|(id, _)| id);
                Some(basic.unwrap_or_else(|| field(form, "client_id").to_owned()))
            }
            IdPortenClients::One(client) => self
                .is_proved(client, headers, form)
                .then(|| client.id.clone()),
        }
    }

    fn is_proved(&self, client: &IdPortenClient, headers: &HeaderMap, form: &Fields) -> bool {
        match &client.proof {
            IdPortenProof::Secret(secret) => {
                basic(headers) == Some((client.id.clone(), secret.clone()))
            }
            IdPortenProof::Key(..) => {
                let keys = client.proof.keys().unwrap_or_default();
                let assertion = field(form, "client_assertion");
                let Ok(claims) = keys.verify::<AssertionClaims>(assertion) else {
                    return false;
                };
                let now = wall::now().as_second();
                field(form, "client_assertion_type") == ASSERTION_TYPE
                    && claims.iss == client.id
                    && claims.sub == client.id
                    && claims.aud == *self.issuer
                    && claims.iat <= now + 10
                    && (now..=claims.iat + 120).contains(&claims.exp)
                    && self.memory.lock().assertions.insert(claims.jti)
            }
        }
    }

    /// What is wrong with a request to log in.
    fn problem(&self, request: &Fields) -> Option<&'static str> {
        let has = |name: &str| !field(request, name).is_empty();
        if field(request, "response_type") != "code" || !field(request, "scope").contains("openid")
        {
            return Some("invalid_request");
        }
        if field(request, "code_challenge_method") != "S256"
            || field(request, "code_challenge").len() != 43
            || !has("state")
            || !has("nonce")
        {
            return Some("invalid_request");
        }
        let redirect = field(request, "redirect_uri");
        match &*self.clients {
            IdPortenClients::One(client)
                if redirect != client.redirect || field(request, "client_id") != client.id =>
            {
                Some("invalid_request")
            }
            IdPortenClients::One(_) | IdPortenClients::Anybody => None,
        }
    }

    /// Sends the browser back, with a code or with a word.
    fn answer(&self, request: Fields, person: Result<&str, &str>) -> Response {
        let Ok(mut to) = Url::parse(field(&request, "redirect_uri")) else {
            return refused(StatusCode::BAD_REQUEST, "invalid_request");
        };
        let knobs = self.knobs.read().clone();
        {
            let mut query = to.query_pairs_mut();
            query.append_pair("state", field(&request, "state"));
            let issuer = knobs.answer_issuer.as_deref().unwrap_or(&self.issuer);
            if !issuer.is_empty() {
                query.append_pair("iss", issuer);
            }
            match person {
                Ok(person) => {
                    let (code, sid) = (ticket(), ticket());
                    query.append_pair("code", &code);
                    let mut memory = self.memory.lock();
                    memory.latest = Some(sid.clone());
                    let entry = (request.clone(), person.to_owned(), sid);
                    memory.codes.insert(code, entry);
                }
                Err(word) => {
                    query.append_pair("error", word);
                }
            }
        }
        Redirect::to(to.as_str()).into_response()
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(given.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let mut parts = url::form_urlencoded::parse(pair.as_bytes());
    let (whole, _) = parts.next()?;
    let (id, secret) = whole.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// `POST /par`
pub(super) async fn push(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    if shared.client(&headers, &form).is_none() {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if let Some(word) = shared.problem(&form) {
        return refused(StatusCode::BAD_REQUEST, word);
    }
    let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", ticket());
    let reply = PushedReply {
        request_uri: request_uri.clone(),
    };
    shared.memory.lock().pushed.insert(request_uri, form);
    (StatusCode::CREATED, Json(reply)).into_response()
}

/// `GET /authorize`
pub(super) async fn authorize(
    State(shared): State<Shared>,
    Query(query): Query<Fields>,
) -> Response {
    let knobs = shared.knobs.read().clone();
    let request = if knobs.par {
        let pushed = shared
            .memory
            .lock()
            .pushed
            .remove(field(&query, "request_uri"));
        pushed.filter(|request| field(request, "client_id") == field(&query, "client_id"))
    } else {
        Some(query)
    };
    let Some(request) = request else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request_uri");
    };
    if let Some(word) = shared.problem(&request) {
        return refused(StatusCode::BAD_REQUEST, word);
    }
    if let Some(word) = &knobs.refuse {
        return shared.answer(request, Err(word));
    }
    if let Some(person) = &knobs.person {
        return shared.answer(request, Ok(person));
    }
    let ticket = ticket();
    let page = include_str!("login.html").replace("{ticket}", &ticket);
    shared.memory.lock().waiting.insert(ticket, request);
    Html(page).into_response()
}

/// `POST /login`: somebody said who they are.
pub(super) async fn log_in(State(shared): State<Shared>, Form(form): Form<Fields>) -> Response {
    let request = shared.memory.lock().waiting.remove(field(&form, "ticket"));
    let Some(request) = request else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request");
    };
    match PersonNumber::parse(field(&form, "person").trim()) {
        Ok(person) if field(&form, "cancel").is_empty() => {
            shared.answer(request, Ok(person.expose()))
        }
        Ok(_) | Err(_) => shared.answer(request, Err("access_denied")),
    }
}

/// `POST /token`
pub(super) async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let Some(client) = shared.client(&headers, &form) else {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    };
    let found = shared.memory.lock().codes.remove(field(&form, "code"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field(&form, "code_verifier")));
    let fits = |request: &Fields| {
        field(&form, "grant_type") == "authorization_code"
            && field(request, "client_id") == client
            && field(request, "redirect_uri") == field(&form, "redirect_uri")
            && field(request, "code_challenge") == challenge
    };
    let Some((request, person, sid)) = found.filter(|(request, ..)| fits(request)) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let access_token = ticket();
    let say = Say {
        issuer: &shared.issuer,
        client: &client,
        nonce: field(&request, "nonce"),
        person: &person,
        sid: &sid,
        access_token: &access_token,
    };
    match id_token(&shared.key, &say, &shared.knobs.read()) {
        Some(id_token) => Json(TokenReply {
            id_token,
            access_token,
            token_type: "Bearer".to_owned(),
        })
        .into_response(),
        None => refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

/// `GET /logout`
pub(super) async fn log_out(State(shared): State<Shared>, Query(query): Query<Fields>) -> Response {
    let keys = KeySet::one(KID, shared.key.public().clone());
    let hint = keys.verify::<IdClaims>(field(&query, "id_token_hint"));
    let to = Url::parse(field(&query, "post_logout_redirect_uri"));
    match (hint, to) {
        (Ok(_), Ok(mut to)) => {
            let state = field(&query, "state");
            to.query_pairs_mut().append_pair("state", state);
            Redirect::to(to.as_str()).into_response()
        }
        (Ok(_) | Err(_), _) => refused(StatusCode::BAD_REQUEST, "invalid_request"),
    }
}
