//! Writes what is due, batch by batch, and records it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assetctl_config::{DeclaredSink, Project};
use assetctl_store::{Publishable, Snapshot, Store};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::future::join_all;
use polars::prelude::DataFrame;

use crate::batch::{SinkBatch, sessions_of};
use crate::due::due;
use crate::error::{SinkError, in_words};
use crate::route::{Route, routes};
use crate::secrets::Hidden;
use crate::sink::{Sink, open};

/// How long a batch may take, and a connection, unless the sink says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// After a failure, unless the sink says otherwise; and the longest wait.
const BACKOFF: i64 = 5;
const AT_MOST: i64 = 300;
/// Between two tries of a sink that another process publishes to.
const PAUSE: Duration = Duration::from_millis(100);
/// Sessions that are taken away at once.
const GONE: usize = 500;

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// To this sink alone.
    pub sink: Option<String>,
    /// These assets alone.
    pub assets: Option<BTreeSet<String>>,
    /// Also what the sinks have already.
    pub again: bool,
    /// Not what failed and is not due to be tried again yet, and not where another process publishes.
    pub patient: bool,
}

/// What became of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub route: Route,
    /// Partitions that were written.
    pub sessions: u64,
    /// The first and the last of them.
    pub range: Option<(NaiveDate, NaiveDate)>,
    pub rows: u64,
    /// Partitions that were taken away.
    pub removed: u64,
    /// Why it ended before all was written.
    pub error: Option<String>,
    /// Whether that is something else than what was wrong before.
    pub is_news: bool,
    /// When it is tried again, where something is left to do.
    pub next_at: Option<DateTime<Utc>>,
}

impl Published {
    fn nothing(route: &Route) -> Self {
        let route = route.clone();
        Self { route, sessions: 0, range: None, rows: 0, removed: 0, error: None, is_news: false, next_at: None }
    }

    /// Whether there was nothing to do, or nothing was tried.
    pub fn is_nothing(&self) -> bool {
        self.sessions == 0 && self.removed == 0 && self.error.is_none()
    }
}

/// Publishes from a store. One process at a time publishes to a sink.
pub struct Publisher {
    store: Arc<Store>,
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Publisher {
    pub fn new(store: Arc<Store>, now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>) -> Self {
        Self { store, now }
    }

    /// Writes all that is due, to all sinks at once; gives what became of every route, in their order. What a sink does not take is recorded,
    /// and keeps no other from what it is due. Only on a runtime with several threads.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn publish(&self, project: &Project, wanted: &Wanted) -> Result<Vec<Published>, assetctl_store::Error> {
        let is_wanted = |route: &Route| {
            wanted.sink.as_ref().is_none_or(|sink| *sink == route.sink)
                && wanted.assets.as_ref().is_none_or(|assets| assets.contains(&route.asset))
        };
        let routes: Vec<Route> = routes(project).into_iter().filter(is_wanted).collect();
        let by_sink = project.sinks.iter().map(|sink| {
            let routes: Vec<&Route> = routes.iter().filter(|route| route.sink == sink.name).collect();
            self.publish_to(sink, routes, wanted)
        });
        let published = join_all(by_sink).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(published.into_iter().flatten().collect())
    }

    async fn publish_to(
        &self,
        sink: &DeclaredSink,
        routes: Vec<&Route>,
        wanted: &Wanted,
    ) -> Result<Vec<Published>, assetctl_store::Error> {
        let mut done = Vec::with_capacity(routes.len());
        if routes.is_empty() {
            return Ok(done);
        }
        let _lock = loop {
            match self.store.lock_sink(&sink.name)? {
                Some(lock) => break lock,
                None if wanted.patient => {
                    let soon = Some((self.now)() + TimeDelta::seconds(1));
                    return Ok(routes
                        .into_iter()
                        .map(|route| Published { next_at: soon, ..Published::nothing(route) })
                        .collect());
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        };
        let mut way = Way { sink, hidden: Hidden::of(sink), open: None, refused: None };
        for route in routes {
            let mut published = Published::nothing(route);
            let trouble = self.store.publish_trouble(route.key())?;
            let next_at = trouble.as_ref().map(|trouble| trouble.next_at).filter(|next| *next > (self.now)());
            if let (true, Some(next_at)) = (wanted.patient, next_at) {
                done.push(Published { next_at: Some(next_at), ..published });
                continue;
            }
            match self.route(&mut way, route, wanted.again, &mut published).await {
                Ok(()) => {}
                Err(RouteError::Store(error)) if !is_of_asset(&error) => return Err(error),
                Err(error) => {
                    let error = match error {
                        RouteError::Store(error) => in_words(&error),
                        RouteError::Sink(error) => way.hidden.redact(&error.to_string()),
                    };
                    let now = (self.now)();
                    let failures = trouble.as_ref().map_or(0, |trouble| trouble.failures);
                    let next_at = now + wait(sink, failures);
                    self.store.record_publish_failure(route.key(), &error, now, next_at)?;
                    published.is_news = trouble.is_none_or(|trouble| trouble.error != error);
                    published.next_at = Some(next_at);
                    published.error = Some(error);
                }
            }
            done.push(published);
        }
        Ok(done)
    }

    /// Until nothing is due. What is committed meanwhile is published too.
    async fn route(
        &self,
        way: &mut Way<'_>,
        route: &Route,
        mut again: bool,
        published: &mut Published,
    ) -> Result<(), RouteError> {
        loop {
            let (snapshot, due) = tokio::task::block_in_place(|| {
                let snapshot = self.store.snapshot()?;
                let due = due(&self.store, &snapshot, route, again)?;
                Ok::<_, assetctl_store::Error>((snapshot, due))
            })?;
            if due.is_empty() {
                if published.is_nothing() && self.store.publish_trouble(route.key())?.is_some() {
                    // What failed is as it was before.
                    self.store.record_published(route.key(), &[], &[], (self.now)())?;
                }
                return Ok(());
            }
            for gone in due.gone.chunks(GONE) {
                let batch = self.batch(&snapshot, route, &[], gone, false)?;
                way.write(&batch).await?;
                self.store.record_published(route.key(), &[], gone, (self.now)())?;
                published.removed += gone.len() as u64;
            }
            for partitions in due.batches() {
                let batch = tokio::task::block_in_place(|| self.batch(&snapshot, route, partitions, &[], again))?;
                way.write(&batch).await?;
                self.store.record_published(route.key(), partitions, &[], (self.now)())?;
                published.sessions += partitions.len() as u64;
                published.rows += partitions.iter().map(|partition| partition.rows).sum::<u64>();
                for session in partitions.iter().map(|partition| partition.session) {
                    let (first, last) = published.range.unwrap_or((session, session));
                    published.range = Some((first.min(session), last.max(session)));
                }
            }
            again = false;
        }
    }

    fn batch(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        partitions: &[Publishable],
        gone: &[NaiveDate],
        again: bool,
    ) -> Result<SinkBatch, RouteError> {
        let asset = &route.asset;
        let columns = (!route.columns.is_empty()).then_some(route.columns.as_slice());
        let rows = match (partitions.first(), partitions.last()) {
            (Some(first), Some(last)) => snapshot.read(asset, first.session, last.session, columns)?,
            _ => DataFrame::empty(),
        };
        let key = snapshot.schema(asset)?.map(|schema| schema.key_names()).unwrap_or_default();
        let sessions = sessions_of(partitions);
        let expected: usize = sessions.iter().map(|session| session.rows).sum();
        if rows.height() != expected {
            let what = format!("`{asset}` has {} rows where its ledger says {expected}", rows.height());
            return Err(SinkError::new(what).help("`assetctl materialize` makes damaged months again").into());
        }
        Ok(SinkBatch {
            asset: asset.clone(),
            target: route.target.clone(),
            key,
            is_static: snapshot.is_static(asset),
            sessions,
            gone: gone.to_vec(),
            rows,
            with_rows: route.with_rows,
            again,
            at: (self.now)(),
        })
    }
}

/// How long what has failed so often before waits.
fn wait(sink: &DeclaredSink, failures: u32) -> TimeDelta {
    let seconds = |span: Option<assetctl_config::Span>| span.map(|span| span.to_chrono().num_seconds());
    let first = seconds(sink.spec.retries.backoff).unwrap_or(BACKOFF);
    let most = seconds(sink.spec.retries.at_most).unwrap_or(AT_MOST);
    TimeDelta::seconds(first.saturating_mul(1 << failures.min(20)).min(most))
}

/// Whether it is the asset that cannot be read, and not the store.
fn is_of_asset(error: &assetctl_store::Error) -> bool {
    use assetctl_store::Error::{Damaged, MixedTypes, UnknownAsset, UnknownColumn};
    matches!(error, Damaged { .. } | MixedTypes { .. } | UnknownAsset { .. } | UnknownColumn { .. })
}

/// The way to a sink, opened when there is something to write.
struct Way<'a> {
    sink: &'a DeclaredSink,
    hidden: Hidden,
    open: Option<Box<dyn Sink>>,
    /// Why it could not be opened: the other routes need not wait for the same.
    refused: Option<SinkError>,
}

impl Way<'_> {
    async fn write(&mut self, batch: &SinkBatch) -> Result<(), SinkError> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        let limit = self.sink.spec.timeout.map_or(TIMEOUT, |timeout| timeout.to_std());
        let late = || SinkError::new(format!("sink `{}` did not answer within {} s", self.sink.name, limit.as_secs()));
        let mut opened = match self.open.take() {
            Some(opened) => opened,
            None => match tokio::time::timeout(limit, open(self.sink)).await.unwrap_or_else(|_| Err(late())) {
                Ok(opened) => opened,
                Err(error) => {
                    self.refused = Some(error.clone());
                    return Err(error);
                }
            },
        };
        // After an error it is not known how the connection stands: the next batch gets a new one.
        tokio::time::timeout(limit, opened.write(batch)).await.unwrap_or_else(|_| Err(late()))?;
        self.open = Some(opened);
        Ok(())
    }
}

enum RouteError {
    Sink(SinkError),
    Store(assetctl_store::Error),
}

impl From<SinkError> for RouteError {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<assetctl_store::Error> for RouteError {
    fn from(error: assetctl_store::Error) -> Self {
        Self::Store(error)
    }
}
