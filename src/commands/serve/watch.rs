//! What watches over the daemon: metrics, traces, lineage. Nothing that goes wrong with them reaches a run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use assetctl_config::{Project, Secret, Telemetry, TracesEnvironment, TracesSpec};
use assetctl_daemon::{Daemon, Declared, Declares, Event, Look, Runner};
use assetctl_graph::{AssetNode, Axis};
use assetctl_plan::{Ledger as _, ix_of};
use assetctl_publish::{due, routes};
use assetctl_store::{RequestStatus, Snapshot, Store};
use assetctl_telemetry::lineage::{Lineage, LineageTo};
use assetctl_telemetry::metrics::{self, AssetState, Messages, Metrics, Publishing, Router, State};
use assetctl_telemetry::traces::{Traces, TracesTo};
use assetctl_telemetry::{Tell, trace_id};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::datasets::datasets;
use super::project::Files;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::CliError;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the program is called where nobody says otherwise.
const NAME: &str = "assetctl";
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Everything that watches over one daemon.
pub struct Watch {
    metrics: Arc<Metrics>,
    traces: Option<Arc<Traces>>,
    lineage: Option<Lineage>,
    listen: Option<SocketAddr>,
    seen: Arc<Seen>,
    quiet: bool,
}

/// What is looked at when somebody asks for metrics.
struct Seen {
    /// Its own: the daemon never waits for who asks.
    store: Store,
    clock: Clock,
    pulse: OnceLock<watch::Receiver<Instant>>,
    /// The project as it was when it last held together, and whether it still does.
    project: RwLock<(Arc<Declared>, bool)>,
}

impl Watch {
    /// As the project declares it. What cannot work is said once, and is off.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(context: &Context, declared: &Arc<Declared>) -> Result<Arc<Self>, CliError> {
        let store = Store::open(&declared.project.data_dir)?;
        let metrics = Arc::new(Metrics::new(VERSION));
        for job in &declared.project.schedules.jobs {
            let newest = store.newest_ended(&job.name, &[RequestStatus::Succeeded])?;
            let row = newest.map(|id| store.request(id)).transpose()?.flatten();
            if let Some(at) = row.and_then(|row| row.finished_at) {
                metrics.remember_success(&job.name, at);
            }
        }
        let telemetry = &declared.project.schedules.telemetry;
        let seen = Arc::new(Seen {
            store,
            clock: context.clock,
            pulse: OnceLock::new(),
            project: RwLock::new((declared.clone(), true)),
        });
        let watch = Self {
            metrics,
            traces: off_where_wrong("no traces are sent", traces(telemetry)).map(Arc::new),
            lineage: off_where_wrong("no lineage is sent", lineage(telemetry)),
            listen: telemetry.spec.metrics.as_ref().and_then(|metrics| metrics.listen.parse().ok()),
            seen,
            quiet: context.quiet,
        };
        watch.know(declared);
        Ok(Arc::new(watch))
    }

    /// Begins to watch over a daemon.
    ///
    /// # Errors
    /// The address for metrics cannot be had.
    pub async fn over<R: Runner, L: Look>(
        self: Arc<Self>,
        daemon: &mut Daemon<R, L, Clock>,
    ) -> Result<Watching, CliError> {
        let _ = self.seen.pulse.set(daemon.pulse());
        if self.traces.is_some() {
            daemon.name_traces(trace_id);
        }
        if let Some(address) = self.listen {
            self.answer(address).await?;
        }
        Ok(Watching(tokio::spawn(self.follow(daemon.listen()))))
    }

    /// The project as it was when it last held together.
    pub fn project(&self) -> Arc<Declared> {
        self.seen.project.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// What the API answers besides.
    pub fn routes(&self) -> Router {
        metrics::routes(self.metrics.clone(), self.look())
    }

    fn look(&self) -> metrics::Look {
        let seen = self.seen.clone();
        Arc::new(move || seen.state())
    }

    /// Answers who asks for metrics, at an address of its own.
    async fn answer(&self, address: SocketAddr) -> Result<(), CliError> {
        let bound = metrics::listen(address, self.metrics.clone(), self.look()).await;
        let bound = bound.map_err(CliError::other(format!("listening for metrics on `{address}`")))?;
        if !self.quiet {
            anstream::eprintln!("metrics: http://{bound}/metrics");
        }
        Ok(())
    }

    /// Takes what happens, until the daemon is dropped.
    async fn follow(self: Arc<Self>, mut events: Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(event) => self.observe(&event.json()),
                Err(RecvError::Lagged(missed)) => self.metrics.missed(missed),
                Err(RecvError::Closed) => break,
            }
        }
        let traces = self.traces.clone();
        // It waits for a thread, and that for this runtime.
        let sent = tokio::task::spawn_blocking(move || traces.iter().for_each(|traces| traces.end()));
        if let Some(lineage) = &self.lineage {
            lineage.end().await;
        }
        let _ = sent.await;
    }

    fn observe(&self, event: &Value) {
        self.metrics.observe(event);
        if let Some(traces) = &self.traces {
            traces.observe(event);
        }
        if let Some(lineage) = &self.lineage {
            lineage.observe(event);
        }
    }

    fn know(&self, declared: &Declared) {
        let schedules = &declared.project.schedules;
        self.metrics.expect(&metrics::Declared {
            jobs: schedules.jobs.iter().map(|job| job.name.clone()).collect(),
            assets: declared.graph.names(),
            schedules: schedules.schedules.iter().map(|schedule| schedule.name.clone()).collect(),
            sensors: schedules.sensors.iter().map(|sensor| sensor.name.clone()).collect(),
        });
        if let Some(lineage) = &self.lineage {
            lineage.know(datasets(declared));
        }
    }
}

/// Who watches over a daemon.
pub struct Watching(JoinHandle<()>);

impl Watching {
    /// Waits for the last words, once the daemon is dropped; not for long.
    pub async fn end(self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.0).await;
    }
}

/// The project's files, of whose changes the watch is told too.
pub struct Watched {
    files: Files,
    watch: Arc<Watch>,
}

impl Watched {
    pub fn new(files: Files, watch: Arc<Watch>) -> Self {
        Self { files, watch }
    }
}

impl Declares for Watched {
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String> {
        let found = self.files.declared();
        let mut known = self.watch.seen.project.write().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Ok(None) => {}
            Ok(Some(declared)) => {
                *known = (declared.clone(), true);
                self.watch.know(declared);
            }
            Err(_) => known.1 = false,
        }
        found
    }
}

impl Seen {
    /// How it is now; `None` where the store cannot be read.
    fn state(&self) -> Option<State> {
        let now = self.clock.now();
        let (declared, project_valid) = self.project.read().unwrap_or_else(PoisonError::into_inner).clone();
        let open = self.store.open_requests().ok()?;
        let with = |status: RequestStatus| open.iter().filter(move |row| row.status == status);
        let statuses = [RequestStatus::Queued, RequestStatus::Running, RequestStatus::Paused];
        let waits = with(RequestStatus::Queued).map(|row| now - row.not_before.unwrap_or(row.created_at));
        let snapshot = self.store.snapshot().ok()?;
        let messages = self.store.message_counts().ok()?;
        Some(State {
            queue: statuses.iter().map(|one| (one.name().to_owned(), with(*one).count() as u64)).collect(),
            longest_wait: waits.max().map_or(0.0, seconds),
            assets: declared.graph.nodes().iter().map(|node| of_asset(node, &snapshot, now)).collect(),
            messages: messages
                .into_iter()
                .map(|(observer, state, count)| Messages { observer, state, count })
                .collect(),
            publishing: lag(&self.store, &declared.project, &snapshot, now).ok()?,
            daemon: self.store.daemon().ok()?.is_some(),
            look_age: self.pulse.get().map(|pulse| pulse.borrow().elapsed().as_secs_f64()),
            project_valid,
        })
    }
}

/// How far what is published is behind, by sink and asset.
fn lag(
    store: &Store,
    project: &Project,
    snapshot: &Snapshot,
    now: DateTime<Utc>,
) -> assetctl_store::Result<Vec<Publishing>> {
    let mut lags: BTreeMap<(String, String), (u64, f64)> = BTreeMap::new();
    for route in routes(project) {
        let due = due(store, snapshot, &route, false)?;
        let trouble = store.publish_trouble(route.key())?;
        let (partitions, seconds_of) = lags.entry((route.sink, route.asset)).or_default();
        *partitions += due.sessions() + due.gone.len() as u64;
        *seconds_of = seconds_of.max(trouble.map_or(0.0, |trouble| seconds(now - trouble.since)));
    }
    let lag = |((publisher, asset), (partitions, seconds))| Publishing { publisher, asset, partitions, seconds };
    Ok(lags.into_iter().map(lag).collect())
}

fn of_asset(node: &AssetNode, snapshot: &Snapshot, now: DateTime<Utc>) -> AssetState {
    let head = snapshot.head(&node.name);
    let partitions = head.map_or(0, |head| u64::from(head.partitions));
    let state = AssetState { asset: node.name.clone(), partitions, age: None, behind: None };
    if node.axis == Axis::Static {
        return state;
    }
    let newest = head.and_then(|head| head.last).and_then(|last| ix_of(node, last));
    let last_final = node.calendar.last_closed_by(now - node.settlement).filter(|ix| *ix >= node.start);
    let behind = last_final.map(|last| match newest {
        Some(newest) => last.0.saturating_sub(newest.0),
        None => last.0 - node.start.0 + 1,
    });
    AssetState {
        age: newest.map(|newest| seconds(now - node.calendar.close(newest))),
        behind: behind.map(u64::from),
        ..state
    }
}

/// Never before now, whatever clocks say.
fn seconds(time: TimeDelta) -> f64 {
    (time.num_milliseconds() as f64 / 1e3).max(0.0)
}

fn tell() -> Tell {
    Arc::new(|text| anstream::eprintln!("warning: {text}"))
}

fn off_where_wrong<T>(what: &str, made: Result<Option<T>, String>) -> Option<T> {
    made.unwrap_or_else(|why| {
        anstream::eprintln!("warning: {what}: {why}");
        None
    })
}

fn read(secret: &Secret, base: &Path) -> Result<String, String> {
    secret.read(base).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
}

fn traces(telemetry: &Telemetry) -> Result<Option<Traces>, String> {
    let environment = TracesEnvironment::read();
    let spec = telemetry.spec.traces.clone();
    let Some(endpoint) = spec.as_ref().and_then(|spec| spec.endpoint.clone()).or(environment.endpoint) else {
        return match spec {
            Some(_) => {
                Err("neither `endpoint` nor the environment variable `OTEL_EXPORTER_OTLP_ENDPOINT` says where to"
                    .to_owned())
            }
            None => Ok(None),
        };
    };
    let TracesSpec { headers, service_name, .. } = spec.unwrap_or_default();
    let mut read_headers = Vec::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        read_headers.push((name.clone(), read(value, &telemetry.base)?));
    }
    let service_name = service_name.or(environment.service_name).unwrap_or_else(|| NAME.to_owned());
    let to = TracesTo { endpoint, headers: read_headers, service_name };
    Traces::new(&to, VERSION, tell()).map(Some).map_err(|error| error.to_string())
}

fn lineage(telemetry: &Telemetry) -> Result<Option<Lineage>, String> {
    let Some(spec) = &telemetry.spec.openlineage else { return Ok(None) };
    let to = LineageTo {
        url: spec.url.clone(),
        namespace: spec.namespace.clone().unwrap_or_else(|| NAME.to_owned()),
        token: spec.token.as_ref().map(|token| read(token, &telemetry.base)).transpose()?,
    };
    Lineage::new(&to, VERSION, tell()).map(Some).map_err(|error| error.to_string())
}
