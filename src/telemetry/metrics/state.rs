//! How it is now, as whoever asks for metrics is told.

use super::families::{Families, Labelled, Level};

/// How the store and the daemon are, at one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Requests that have not ended, by status: `queued`, `running`, `paused`.
    pub queue: Vec<(String, u64)>,
    /// How long the request that is ready to start has waited longest, in seconds; zero if there is none.
    pub longest_wait: f64,
    pub assets: Vec<AssetState>,
    /// What is to be told by observers.
    pub messages: Vec<Messages>,
    pub publishing: Vec<Publishing>,
    /// Whether a daemon works the queue.
    pub daemon: bool,
    /// Seconds since the daemon last looked at the queue.
    pub look_age: Option<f64>,
    /// Whether the project's files can be used as they are.
    pub project_valid: bool,
}

/// How an asset is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssetState {
    pub asset: String,
    /// Sessions that are there.
    pub partitions: u64,
    /// Seconds since the newest session closed that is there; `None` if there is none, or the asset has no sessions.
    pub age: Option<f64>,
    /// Sessions that are final and come after the newest that is there.
    pub behind: Option<u64>,
}

/// Messages of an observer, by what has become of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    pub observer: String,
    /// `waiting`, `sent` or `given_up`.
    pub state: String,
    pub count: u64,
}

/// How far a publisher is behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publishing {
    pub publisher: String,
    pub asset: String,
    /// Partitions that are committed and not published yet.
    pub partitions: u64,
    /// Seconds for which publishing has failed; 0 where it goes on.
    pub seconds: f64,
}

/// The gauges of a [`State`].
pub(super) struct StateGauges {
    readable: Labelled<Level, 0>,
    queue: Labelled<Level, 1>,
    longest_wait: Labelled<Level, 0>,
    partitions: Labelled<Level, 1>,
    age: Labelled<Level, 1>,
    behind: Labelled<Level, 1>,
    messages: Labelled<Level, 2>,
    lag_partitions: Labelled<Level, 2>,
    lag_seconds: Labelled<Level, 2>,
    daemon: Labelled<Level, 0>,
    look_age: Labelled<Level, 0>,
    project_valid: Labelled<Level, 0>,
}

impl StateGauges {
    pub fn new(families: &mut Families, version: &str) -> Self {
        let build = families.levels("assetctl_build_info", ["version"], "1; the version of the program is a label");
        build.of([version]).set(1.0);
        Self {
            readable: families.levels(
                "assetctl_store_readable",
                [],
                "1 if the store could be read for this answer; if not, 0, and gauges of its state are missing",
            ),
            daemon: families.levels("assetctl_daemon_up", [], "1 if a daemon works the queue of the store"),
            look_age: families.levels(
                "assetctl_daemon_look_age_seconds",
                [],
                "Time since the daemon last looked at the queue; it does so ten times a second",
            ),
            project_valid: families.levels(
                "assetctl_project_valid",
                [],
                "1 if the project's files can be used as they are now, 0 if they have mistakes",
            ),
            queue: families.levels("assetctl_queue_requests", ["status"], "Requests that have not ended"),
            longest_wait: families.levels(
                "assetctl_queue_longest_wait_seconds",
                [],
                "For how long the request that is ready to start has waited that waits longest",
            ),
            partitions: families.levels("assetctl_asset_partitions", ["asset"], "Sessions of an asset that are there"),
            age: families.levels(
                "assetctl_asset_freshness_age_seconds",
                ["asset"],
                "Time since the newest session of an asset closed that is there",
            ),
            behind: families.levels(
                "assetctl_asset_sessions_behind",
                ["asset"],
                "Sessions that are final and come after the newest of an asset that is there",
            ),
            messages: families.levels(
                "assetctl_observer_messages",
                ["observer", "state"],
                "Messages of observers that the store knows of: waiting, sent or given up",
            ),
            lag_partitions: families.levels(
                "assetctl_publish_lag_partitions",
                ["publisher", "asset"],
                "Partitions that are committed and not published yet",
            ),
            lag_seconds: families.levels(
                "assetctl_publish_lag_seconds",
                ["publisher", "asset"],
                "Time for which publishing has failed; 0 where it goes on",
            ),
        }
    }

    /// Shows a state in place of the one before it.
    pub fn show(&self, state: Option<&State>) {
        for gauge in [&self.queue, &self.partitions, &self.age, &self.behind] {
            gauge.clear();
        }
        for gauge in [&self.longest_wait, &self.daemon, &self.look_age, &self.project_valid] {
            gauge.clear();
        }
        for gauge in [&self.messages, &self.lag_partitions, &self.lag_seconds] {
            gauge.clear();
        }
        self.readable.of([]).set(f64::from(u8::from(state.is_some())));
        let Some(state) = state else { return };
        self.daemon.of([]).set(f64::from(u8::from(state.daemon)));
        self.project_valid.of([]).set(f64::from(u8::from(state.project_valid)));
        if let Some(age) = state.look_age {
            self.look_age.of([]).set(age);
        }
        self.longest_wait.of([]).set(state.longest_wait);
        for (status, count) in &state.queue {
            self.queue.of([status]).set(*count as f64);
        }
        for AssetState { asset, partitions, age, behind } in &state.assets {
            self.partitions.of([asset]).set(*partitions as f64);
            if let Some(age) = age {
                self.age.of([asset]).set(*age);
            }
            if let Some(behind) = behind {
                self.behind.of([asset]).set(*behind as f64);
            }
        }
        for Messages { observer, state, count } in &state.messages {
            self.messages.of([observer, state]).set(*count as f64);
        }
        for Publishing { publisher, asset, partitions, seconds } in &state.publishing {
            self.lag_partitions.of([publisher, asset]).set(*partitions as f64);
            self.lag_seconds.of([publisher, asset]).set(*seconds);
        }
    }
}
