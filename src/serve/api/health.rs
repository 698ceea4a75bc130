//! Whether it is well, and what it could be asked.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use assetctl_store::DaemonRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::state::Api;

/// A daemon that has not looked at its queue for so long hangs.
const HANGS: Duration = Duration::from_secs(10);

/// It answers.
#[derive(Serialize, ToSchema)]
pub struct Health {
    pub alive: bool,
}

/// It works.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    pub ready: bool,
    /// Who works the queue.
    pub daemon: DaemonRow,
    /// How long ago it looked at the queue.
    pub idle_seconds: f64,
    /// What is wrong with the project's files since they were last read; the daemon goes on with what was there before.
    pub project: Option<String>,
}

/// Whether the process is alive
#[utoipa::path(get, path = "/health", tag = "daemon", security(()), responses((status = 200, body = Health)))]
pub async fn health() -> Json<Health> {
    Json(Health { alive: true })
}

/// Whether the store can be read, and the daemon works the queue
#[utoipa::path(get, path = "/ready", tag = "daemon", security(()),
    responses((status = 200, body = Ready),
        (status = 503, description = "it is not", body = Problem, content_type = "application/problem+json")))]
pub async fn ready(State(api): State<Arc<Api>>) -> Result<Json<Ready>, Problem> {
    let not = |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    let (daemon, idle, project) = api
        .read(|api, _| {
            api.store.snapshot()?;
            Ok((api.store.daemon()?, api.desk.idle(), api.desk.declared().1))
        })
        .await?;
    let Some(daemon) = daemon else { return Err(not("nobody holds the lock of the daemon".to_owned())) };
    if idle > HANGS {
        return Err(not(format!("the daemon has not looked at its queue for {} s", idle.as_secs())));
    }
    Ok(Json(Ready { ready: true, daemon, idle_seconds: idle.as_secs_f64(), project }))
}

static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(super::openapi()).unwrap_or_default());

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "daemon", security(()), responses((status = 200, body = Object)))]
pub async fn document() -> Json<&'static serde_json::Value> {
    Json(&DOCUMENT)
}
