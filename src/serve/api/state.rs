//! What handlers are given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use assetctl_config::ApiSpec;
use assetctl_daemon::Declared;
use assetctl_store::Store;
use axum::Router;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use super::guard::Token;
use super::problem::Problem;
use super::ring::Events;
use crate::read::ReadError;

/// How many look things up at once, and how many plan. The others wait for their turn.
const READERS: usize = 16;
const PLANNERS: usize = 2;

/// What the API is told by who runs it.
pub trait Desk: Send + Sync + 'static {
    /// The project as it was when it last held together, and what is wrong with its files now.
    fn declared(&self) -> (Arc<Declared>, Option<String>);

    /// The instant that decides what is final.
    fn now(&self) -> DateTime<Utc>;

    /// How long ago the daemon looked at its queue.
    fn idle(&self) -> Duration;
}

/// What the configuration says of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) listen: SocketAddr,
    pub(super) token: Option<Token>,
    pub(super) origins: Vec<String>,
    pub(super) sql: SqlLimits,
}

/// What one query may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlLimits {
    pub timeout: Duration,
    pub rows: usize,
    /// As DuckDB takes it.
    pub memory: String,
    pub at_once: usize,
}

impl Settings {
    /// `token` is the one that [`ApiSpec::token`] names.
    pub fn new(spec: &ApiSpec, listen: SocketAddr, token: Option<&str>) -> Self {
        let sql = &spec.sql;
        Self {
            listen,
            token: token.map(Token::new),
            origins: spec.origins.clone(),
            sql: SqlLimits {
                timeout: sql.timeout.map_or(Duration::from_secs(10), |timeout| timeout.to_std()),
                rows: sql.rows.unwrap_or(10_000) as usize,
                memory: sql.memory.clone().unwrap_or_else(|| "512MB".to_owned()),
                at_once: sql.at_once.unwrap_or(2) as usize,
            },
        }
    }
}

/// The API of one store.
pub struct Api {
    pub(super) desk: Box<dyn Desk>,
    /// Its own: the daemon never waits for whoever reads.
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) events: Arc<Events>,
    pub(super) queries: Arc<Semaphore>,
    pub(super) more: Router,
    readers: Arc<Semaphore>,
    planners: Arc<Semaphore>,
}

impl Api {
    pub fn new(desk: impl Desk, store: Store, settings: Settings, events: Arc<Events>) -> Self {
        Self {
            desk: Box::new(desk),
            store,
            queries: Arc::new(Semaphore::new(settings.sql.at_once)),
            settings,
            events,
            more: Router::new(),
            readers: Arc::new(Semaphore::new(READERS)),
            planners: Arc::new(Semaphore::new(PLANNERS)),
        }
    }

    /// Other routes, to be read by whoever may read the API.
    pub fn with_routes(self, routes: Router) -> Self {
        Self { more: self.more.merge(routes), ..self }
    }

    /// Does what touches a disk, on a thread that may wait for it.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self, &Declared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.readers.clone();
        self.with_turn(turn, work).await
    }

    /// The same for what makes a plan first.
    pub(super) async fn weigh<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self, &Declared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.planners.clone();
        self.with_turn(turn, work).await
    }

    /// One or the other.
    pub(super) async fn weigh_or_read<T: Send + 'static>(
        self: Arc<Self>,
        is_heavy: bool,
        work: impl FnOnce(&Self, &Declared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = if is_heavy { self.planners.clone() } else { self.readers.clone() };
        self.with_turn(turn, work).await
    }

    pub(super) async fn with_turn<T: Send + 'static>(
        self: Arc<Self>,
        turns: Arc<Semaphore>,
        work: impl FnOnce(&Self, &Declared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let ends = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon ends");
        let turn = turns.acquire_owned().await.map_err(|_| ends())?;
        let worked = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also where nobody waits for it any more.
            let _turn = turn;
            let (declared, _) = self.desk.declared();
            work(&self, &declared)
        });
        match worked.await {
            Ok(result) => Ok(result?),
            Err(error) if error.is_cancelled() => Err(ends()),
            Err(_) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this answer came to a sudden end")),
        }
    }
}
