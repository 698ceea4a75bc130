//! All that is counted, by events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::families::{Families, Labelled, Level, Seconds};
use crate::event::Event;

/// Upper bounds of the histogram of runs, in seconds: from what finds nothing to do to what loads twenty years.
const DURATIONS: [f64; 12] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0];

/// What a project declares, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    pub jobs: Vec<String>,
    pub assets: Vec<String>,
    pub schedules: Vec<String>,
    pub sensors: Vec<String>,
}

pub(super) struct Counted {
    runs: Labelled<Counter, 2>,
    attempts: Labelled<Counter, 1>,
    retries: Labelled<Counter, 2>,
    stopped: Labelled<Counter, 1>,
    durations: Labelled<Histogram, 2>,
    pub last_success: Labelled<Level, 1>,
    assets: Labelled<Counter, 2>,
    partitions: Labelled<Counter, 1>,
    changed: Labelled<Counter, 1>,
    rows: Labelled<Counter, 1>,
    computed: Labelled<Counter, 1>,
    bytes: Labelled<Counter, 1>,
    seconds: Labelled<Seconds, 1>,
    cpu: Labelled<Seconds, 1>,
    peak: Labelled<Level, 1>,
    fetch: Fetch,
    checks: Labelled<Counter, 2>,
    late: Labelled<Counter, 1>,
    ticks: Labelled<Counter, 2>,
    fired: Labelled<Counter, 1>,
    blind: Labelled<Counter, 1>,
    troubles: Counter,
    events: Labelled<Counter, 1>,
    pub missed: Counter,
}

/// What vendors were asked for. Events say how much it is so far.
struct Fetch {
    calls: Labelled<Counter, 1>,
    rows: Labelled<Counter, 1>,
    bytes: Labelled<Counter, 1>,
    /// What was said last, by request and asset.
    known: Mutex<HashMap<(u64, String), Said>>,
}

/// Calls, rows and bytes so far.
#[derive(Clone, Copy, Default)]
struct Said {
    so_far: [u64; 3],
    /// A batch was committed since: what comes may be of the next, which counts from the beginning.
    may_begin: bool,
}

impl Counted {
    pub fn new(families: &mut Families) -> Self {
        Self {
            runs: families.counters(
                "assetctl_runs_total",
                ["job_name", "outcome"],
                "Runs of jobs that have ended for good: succeeded, failed or cancelled",
            ),
            attempts: families.counters(
                "assetctl_run_attempts_total",
                ["job_name"],
                "Times that a run of a job was started",
            ),
            retries: families.counters(
                "assetctl_run_retries_total",
                ["job_name", "error_kind"],
                "Attempts that failed and are tried again",
            ),
            stopped: families.counters(
                "assetctl_run_interruptions_total",
                ["job_name"],
                "Attempts that were stopped, or whose daemon died, and that keep their place in the queue",
            ),
            durations: families.histograms(
                "assetctl_run_duration_seconds",
                ["job_name", "outcome"],
                "How long attempts took that have succeeded or failed",
                || Histogram::new(DURATIONS),
            ),
            last_success: families.levels(
                "assetctl_run_last_success_timestamp_seconds",
                ["job_name"],
                "When a job succeeded last, in seconds since 1970",
            ),
            assets: families.counters(
                "assetctl_asset_runs_total",
                ["asset", "status"],
                "What became of an asset in a run: ok, unchanged, waits, failed, blocked or cancelled",
            ),
            partitions: families.counters(
                "assetctl_asset_partitions_made_total",
                ["asset"],
                "Partitions of an asset that were computed and committed",
            ),
            changed: families.counters(
                "assetctl_asset_partitions_changed_total",
                ["asset"],
                "Partitions that were made and have other content than before",
            ),
            rows: families.counters("assetctl_asset_rows_total", ["asset"], "Rows of an asset that were committed"),
            computed: families.counters(
                "assetctl_asset_rows_computed_total",
                ["asset"],
                "Rows that were committed and computed anew; the others were taken as they were",
            ),
            bytes: families.counters(
                "assetctl_asset_written_bytes_total",
                ["asset"],
                "Bytes of the segments of an asset that were written",
            ),
            seconds: families.seconds("assetctl_asset_seconds_total", ["asset"], "Time spent on an asset, in seconds"),
            cpu: families.seconds(
                "assetctl_asset_cpu_seconds_total",
                ["asset"],
                "Processor time of the threads that worked on an asset, in seconds",
            ),
            peak: families.levels(
                "assetctl_asset_peak_memory_bytes",
                ["asset"],
                "The most memory that the process has had by the end of the asset's newest run",
            ),
            fetch: Fetch {
                calls: families.counters(
                    "assetctl_fetch_calls_total",
                    ["asset"],
                    "Calls of a source that a vendor answered",
                ),
                rows: families.counters("assetctl_fetch_rows_total", ["asset"], "Rows in the answers of vendors"),
                bytes: families.counters("assetctl_fetch_bytes_total", ["asset"], "Bytes of the answers of vendors"),
                known: Mutex::default(),
            },
            checks: families.counters(
                "assetctl_check_failures_total",
                ["asset", "severity"],
                "Times that a check of an asset failed: error if it kept sessions from being committed, else warn",
            ),
            late: families.counters(
                "assetctl_freshness_violations_total",
                ["asset"],
                "Times that an asset was found older than its freshness check allows",
            ),
            ticks: families.counters(
                "assetctl_schedule_ticks_total",
                ["schedule", "decision"],
                "Ticks of schedules, by what was decided of them",
            ),
            fired: families.counters("assetctl_sensor_fired_total", ["sensor"], "Times that a sensor started its job"),
            blind: families.counters(
                "assetctl_sensor_failures_total",
                ["sensor"],
                "Times that a sensor began to be unable to look",
            ),
            troubles: families.counter(
                "assetctl_daemon_failures_total",
                "Times that the daemon itself could not do its work, the store being full or locked, say",
            ),
            events: families.counters("assetctl_events_total", ["kind"], "Events of the daemon, by kind"),
            missed: families
                .counter("assetctl_events_missed_total", "Events that came too fast to be counted and told"),
        }
    }

    /// Begins to count what alarms look at with 0: what comes into being with 1 has not increased.
    pub fn expect(&self, declared: &Declared) {
        for job in &declared.jobs {
            self.attempts.of([job]);
            for outcome in ["succeeded", "failed", "cancelled"] {
                self.runs.of([job, outcome]);
            }
        }
        for asset in &declared.assets {
            self.late.of([asset]);
            for severity in ["error", "warn"] {
                self.checks.of([asset, severity]);
            }
        }
        for schedule in &declared.schedules {
            for decision in ["run", "missed"] {
                self.ticks.of([schedule, decision]);
            }
        }
        for sensor in &declared.sensors {
            self.fired.of([sensor]);
            self.blind.of([sensor]);
        }
    }

    pub fn observe(&self, event: Event<'_>) {
        let (kind, job, asset) = (event.kind(), event.text("job"), event.text("asset"));
        self.events.of([kind]).inc();
        match kind {
            "run_started" => {
                self.attempts.of([job]).inc();
            }
            "run_succeeded" => {
                self.ended(event, "succeeded");
                if let Some(at) = event.at() {
                    self.last_success.of([job]).set(at.timestamp_millis() as f64 / 1e3);
                }
            }
            "run_failed" => self.ended(event, "failed"),
            "run_cancelled" => self.ended(event, "cancelled"),
            "run_retried" => {
                self.retries.of([job, event.text("error_kind")]).inc();
                self.took(event, "failed");
                self.fetch.forget(event);
            }
            "run_requeued" | "run_paused" => {
                self.stopped.of([job]).inc();
                self.fetch.forget(event);
            }
            "asking" => self.fetch.asked(event),
            "batch_committed" => {
                self.partitions.of([asset]).inc_by(event.count("sessions"));
                self.rows.of([asset]).inc_by(event.count("rows"));
                self.bytes.of([asset]).inc_by(event.count("bytes"));
                self.fetch.committed(event);
            }
            "asset_finished" | "asset_failed" => self.asset(event),
            "check_failed" | "check_warned" | "freshness_violated" => {
                let severity = event.text("severity");
                self.checks.of([asset, severity]).inc();
                if kind == "freshness_violated" {
                    self.late.of([asset]).inc();
                }
                // What only warns, and what was checked by itself, is told without what became of the asset.
                if event.maybe("status").is_some() {
                    self.asset(event);
                }
            }
            "tick_decided" => {
                self.ticks.of([event.text("schedule"), event.text("decision")]).inc();
            }
            "sensor_fired" => {
                self.fired.of([event.text("sensor")]).inc();
            }
            "sensor_failed" => {
                self.blind.of([event.text("sensor")]).inc();
            }
            "daemon_failed" => {
                self.troubles.inc();
            }
            _ => {}
        }
    }

    /// A run has ended for good.
    fn ended(&self, event: Event<'_>, outcome: &str) {
        self.runs.of([event.text("job"), outcome]).inc();
        if outcome != "cancelled" {
            self.took(event, outcome);
        }
        self.fetch.forget(event);
    }

    fn took(&self, event: Event<'_>, outcome: &str) {
        if let Some(seconds) = event.number("seconds") {
            self.durations.of([event.text("job"), outcome]).observe(seconds.max(0.0));
        }
    }

    fn asset(&self, event: Event<'_>) {
        let asset = event.text("asset");
        self.assets.of([asset, event.text("status")]).inc();
        self.changed.of([asset]).inc_by(event.count("changed"));
        self.computed.of([asset]).inc_by(event.count("computed"));
        for (counter, key) in [(&self.seconds, "seconds"), (&self.cpu, "cpu_seconds")] {
            if let Some(seconds) = event.number(key) {
                counter.of([asset]).inc_by(seconds.max(0.0));
            }
        }
        if let Some(bytes) = event.number("peak_memory") {
            self.peak.of([asset]).set(bytes);
        }
    }
}

impl Fetch {
    fn asked(&self, event: Event<'_>) {
        let (Some(request), asset) = (event.request(), event.text("asset")) else { return };
        let now = [event.count("done"), event.count("rows"), event.count("bytes")];
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let said = known.entry((request, asset.to_owned())).or_default();
        // Calls that go on at once may tell of themselves in another order than they ended in.
        if said.may_begin && now[0] < said.so_far[0] {
            *said = Said::default();
        }
        for ((counter, now), before) in
            [&self.calls, &self.rows, &self.bytes].into_iter().zip(now).zip(&mut said.so_far)
        {
            counter.of([asset]).inc_by(now.saturating_sub(*before));
            *before = now.max(*before);
        }
    }

    fn committed(&self, event: Event<'_>) {
        let Some(request) = event.request() else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = known.get_mut(&(request, event.text("asset").to_owned())) {
            said.may_begin = true;
        }
    }

    /// What a run that has ended has said.
    fn forget(&self, event: Event<'_>) {
        if let Some(request) = event.request() {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != request);
        }
    }
}
