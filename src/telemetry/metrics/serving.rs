//! The address that Prometheus asks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub use axum::Router;
use axum::extract::State as Shared;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::{Format, Metrics, State};

/// Finds out how it is now; `None` where the store cannot be read. May wait for the store.
pub type Look = Arc<dyn Fn() -> Option<State> + Send + Sync>;

/// `GET /metrics`.
pub fn routes(metrics: Arc<Metrics>, look: Look) -> Router {
    Router::new().route("/metrics", get(show)).with_state((metrics, look))
}

/// Answers on an address of its own, until the runtime ends.
///
/// # Errors
/// The address cannot be had.
pub async fn listen(address: SocketAddr, metrics: Arc<Metrics>, look: Look) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes(metrics, look)).await });
    Ok(bound)
}

async fn show(Shared((metrics, look)): Shared<(Arc<Metrics>, Look)>, headers: HeaderMap) -> Response {
    let accepted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::wanted(&accepted.join(","));
    let text = tokio::task::spawn_blocking(move || metrics.text(look().as_ref(), format)).await;
    match text {
        Ok(Ok(text)) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written").into_response(),
    }
}
