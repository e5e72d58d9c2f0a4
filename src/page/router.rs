//! Every page, and what is laid around all of them.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::around::{around, panicked};
use super::language::Shown;
use super::problem::Problem;
use super::state::PageState;
use super::{address, choices, login, me, messages};

/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// The pages, all under `/page`.
pub fn router(state: PageState) -> Router {
    Router::new()
        .route("/page", get(|| async { Redirect::permanent("/page/") }))
        .route("/page/", get(login::start))
        .route("/page/login", get(login::log_in))
        .route("/page/callback", get(login::come_back))
        .route("/page/logout", post(login::log_out))
        .route("/page/logged-out", get(login::logged_out))
        .route("/page/frontchannel-logout", get(login::front_channel))
        .route("/page/me", get(me::show))
        .route("/page/messages", get(messages::show))
        .route(
            "/page/address/{kind}",
            get(address::edit).post(address::send),
        )
        .route(
            "/page/address/{kind}/code",
            get(address::ask).post(address::take),
        )
        .route("/page/address/{kind}/confirm", post(address::confirm))
        .route("/page/address/{kind}/remove", post(address::remove))
        .route(
            "/page/language",
            get(choices::language).post(choices::choose_language),
        )
        .route(
            "/page/mailbox",
            get(choices::mailbox).post(choices::choose_mailbox),
        )
        .route(
            "/page/reservation",
            get(choices::reservation).post(choices::choose_reservation),
        )
        .route("/page/style.css", get(|| async { file("text/css", STYLE) }))
        .route(
            "/page/icon.svg",
            get(|| async { file("image/svg+xml", ICON) }),
        )
        .route("/page/{*rest}", get(nowhere))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

const STYLE: &str = include_str!("templates/style.css");
const ICON: &str = include_str!("templates/icon.svg");

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=3600")];
    (headers, text).into_response()
}

async fn nowhere(State(state): State<PageState>, Shown(language): Shown) -> Response {
    Problem::Nowhere.show(&state, language)
}
