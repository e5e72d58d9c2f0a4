//! Every route, and what is laid around all of them.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::around::{around, panicked};
use super::state::ApiState;
use super::{
    bounces, docs, events, evidence, health, jobs, notifications, openapi, opt_outs, preview,
    reach, receipts,
};

/// The routes that the description lists.
pub(super) fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(jobs::enqueue))
        .routes(routes!(jobs::look, jobs::cancel))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::opened))
        .routes(routes!(reach::report))
        .routes(routes!(evidence::show))
        .routes(routes!(preview::show))
        .routes(routes!(opt_outs::list, opt_outs::add, opt_outs::remove))
        .routes(routes!(events::list))
        .routes(routes!(receipts::report, receipts::report_in_query))
        .routes(routes!(bounces::report))
        .routes(routes!(health::health))
        .routes(routes!(health::readiness))
        .routes(routes!(health::metrics))
}

/// The API. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: rates and reports
/// from the same machine go by the peer's address.
pub fn router(state: ApiState) -> Router {
    let (routes, description) = described().split_for_parts();
    drop(description);
    let document = openapi::document();
    let page = docs::page(&document);
    let document = move || async move {
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "max-age=300"),
        ];
        (headers, document)
    };
    let page = move || async move { (docs::HEADERS, page) };
    routes
        .route("/openapi.json", get(document))
        .route("/docs", get(page))
        .route("/problems/{slug}", get(docs::kind))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}
