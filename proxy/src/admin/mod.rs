//! The admin endpoint: health, metrics and state over HTTP. GET only, no secrets, no password, bounded in time.

mod observation;
mod page;
mod server;
mod state;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::State as Shown;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

pub use server::{bind, serve};
pub use state::{Readiness, State};

/// All routes.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/topology", get(async |Shown(state): Shown<State>| pretty(StatusCode::OK, &state.topology_json())))
        .route("/sessions", get(async |Shown(state): Shown<State>| pretty(StatusCode::OK, &state.sessions_json())))
        .route("/config", get(async |Shown(state): Shown<State>| pretty(StatusCode::OK, &state.config_json())))
        .with_state(state)
}

/// That it answers is the answer: the event loop runs. It never depends on servers or on the API server.
async fn livez() -> Response {
    pretty(StatusCode::OK, &json!({"alive": true}))
}

async fn readyz(Shown(state): Shown<State>) -> Response {
    let readiness = state.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": readiness.ready, "reasons": readiness.reasons, "warnings": readiness.warnings,
    });
    pretty(status, &body)
}

async fn metrics(Shown(state): Shown<State>) -> Response {
    match state.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn index(Shown(state): Shown<State>) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(page::page(&state.readiness(), &state.topology_json()))).into_response()
}

/// JSON with line breaks, since people read it with curl at night.
fn pretty(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{value:#}\n")).into_response()
}
