//! Events → run events: a run for each attempt of a job, and in it one for each asset that was worked on.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::datasets::{Dataset, Datasets};
use super::facets::{Facets, RUN_EVENT, instant, map};
use crate::event::Event;
use crate::ids::uuid;

pub(super) struct RunEvents {
    namespace: String,
    version: String,
    facets: Facets,
    datasets: Datasets,
    runs: HashMap<u64, Run>,
    /// When the tick was due that asked for a request.
    due: HashMap<u64, DateTime<Utc>>,
}

/// An attempt of a request that goes on.
struct Run {
    id: String,
    job: String,
    assets: HashMap<String, Made>,
}

/// What was made of an asset so far.
#[derive(Default)]
struct Made {
    rows: u64,
    bytes: u64,
}

/// Of a run, what its events have in common.
struct About {
    id: String,
    job: String,
    kind: &'static str,
}

impl RunEvents {
    pub fn new(namespace: &str, version: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            version: version.to_owned(),
            facets: Facets { producer: format!("urn:assetctl:{version}") },
            datasets: Datasets::default(),
            runs: HashMap::new(),
            due: HashMap::new(),
        }
    }

    pub fn know(&mut self, datasets: Vec<Dataset>) {
        self.datasets = Datasets::new(datasets);
    }

    /// Takes an event, and gives the run events that follow from it.
    pub fn observe(&mut self, event: Event<'_>) -> Vec<Value> {
        let (Some(request), Some(at)) = (event.request(), event.at()) else { return Vec::new() };
        match event.kind() {
            "tick_decided" => {
                if let Some(due) = event.instant("due") {
                    self.due.insert(request, due);
                }
                Vec::new()
            }
            "run_started" => {
                let left = self.end_run(request, at, "ABORT", event);
                let started = self.begin_run(request, at, event);
                left.into_iter().chain([started]).collect()
            }
            "run_succeeded" => self.end_run(request, at, "COMPLETE", event),
            "run_failed" | "run_retried" => self.end_run(request, at, "FAIL", event),
            "run_cancelled" | "run_paused" | "run_requeued" => self.end_run(request, at, "ABORT", event),
            "asset_started" => self.asset_started(request, at, event.text("asset")).into_iter().collect(),
            "batch_committed" => self.batch(request, at, event).into_iter().collect(),
            "asset_finished" | "asset_failed" => self.end_asset(request, at, event).into_iter().collect(),
            "check_failed" | "freshness_violated" if event.maybe("status").is_some() => {
                self.end_asset(request, at, event).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn begin_run(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) -> Value {
        let id = self.run_id(request, event.count("attempt"), at);
        let job = event.text("job").to_owned();
        self.runs.insert(request, Run { id: id.clone(), job: job.clone(), assets: HashMap::new() });
        let run = map([
            ("processing_engine", Some(self.facets.engine(&self.version))),
            ("nominalTime", self.due.get(&request).map(|due| self.facets.nominal_time(*due))),
        ]);
        self.event("START", at, &About { id, job, kind: "JOB" }, run)
    }

    /// The same for whoever comes after a kill.
    fn run_id(&self, request: u64, attempt: u64, started: DateTime<Utc>) -> String {
        uuid(&format!("{} {request} {attempt} {}", self.namespace, started.timestamp_micros()))
    }

    fn end_run(&mut self, request: u64, at: DateTime<Utc>, how: &str, event: Event<'_>) -> Vec<Value> {
        // It has another attempt, whose tick is the same.
        let goes_on = matches!(event.kind(), "run_started" | "run_retried" | "run_paused" | "run_requeued");
        let (id, job, assets) = match self.runs.remove(&request) {
            Some(run) => (run.id, run.job, run.assets),
            // It began under a daemon that has died.
            None => match event.instant("started_at") {
                Some(started) => {
                    let id = self.run_id(request, event.count("attempt"), started);
                    (id, event.text("job").to_owned(), HashMap::new())
                }
                None => return Vec::new(),
            },
        };
        // Assets that were not done when it was stopped.
        let mut ended: Vec<Value> = assets
            .into_iter()
            .map(|(asset, made)| self.of_asset("ABORT", at, (&id, &job), (&asset, Some(made)), None))
            .collect();
        let error = (how == "FAIL").then(|| self.facets.error(event.text("message")));
        ended.push(self.event(how, at, &About { id, job, kind: "JOB" }, map([("errorMessage", error)])));
        if !goes_on {
            self.due.remove(&request);
        }
        ended
    }

    fn asset_started(&mut self, request: u64, at: DateTime<Utc>, asset: &str) -> Option<Value> {
        let run = self.runs.get_mut(&request)?;
        run.assets.insert(asset.to_owned(), Made::default());
        let run = self.runs.get(&request)?;
        Some(self.of_asset("START", at, (&run.id, &run.job), (asset, None), None))
    }

    fn batch(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) -> Option<Value> {
        let asset = event.text("asset");
        let run = self.runs.get_mut(&request)?;
        let made = run.assets.get_mut(asset)?;
        made.rows += event.count("rows");
        made.bytes += event.count("bytes");
        let made = Made { ..*made };
        let run = self.runs.get(&request)?;
        Some(self.of_asset("RUNNING", at, (&run.id, &run.job), (asset, Some(made)), None))
    }

    fn end_asset(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) -> Option<Value> {
        let asset = event.text("asset");
        let run = self.runs.get_mut(&request)?;
        // One that had nothing to do did not begin.
        let made = run.assets.remove(asset)?;
        let run = self.runs.get(&request)?;
        let how = match event.text("status") {
            "failed" => "FAIL",
            "cancelled" => "ABORT",
            _ => "COMPLETE",
        };
        let error = (how == "FAIL").then(|| event.text("message"));
        Some(self.of_asset(how, at, (&run.id, &run.job), (asset, Some(made)), error))
    }

    /// A run event of an asset, within that of a run.
    fn of_asset(
        &self,
        how: &str,
        at: DateTime<Utc>,
        (parent, job): (&str, &str),
        (asset, made): (&str, Option<Made>),
        error: Option<&str>,
    ) -> Value {
        let run = map([
            ("parent", Some(self.facets.parent(parent, &self.namespace, job))),
            ("errorMessage", error.map(|message| self.facets.error(message))),
        ]);
        let about = About { id: uuid(&format!("{parent} {asset}")), job: format!("asset.{asset}"), kind: "ASSET" };
        let mut event = self.event(how, at, &about, run);
        event["inputs"] = self.datasets.inputs(asset, &self.namespace, &self.facets).into();
        let mut output = self.datasets.dataset(asset, &self.namespace, &self.facets);
        if let Some(Made { rows, bytes }) = made {
            output["outputFacets"] = map([("outputStatistics", Some(self.facets.output_statistics(rows, bytes)))]);
        }
        event["outputs"] = vec![output].into();
        event
    }

    fn event(&self, how: &str, at: DateTime<Utc>, about: &About, run: Value) -> Value {
        let job = map([("jobType", Some(self.facets.job_type(about.kind)))]);
        json!({
            "eventType": how,
            "eventTime": instant(at),
            "run": { "runId": about.id, "facets": run },
            "job": { "namespace": self.namespace, "name": about.job, "facets": job },
            "inputs": [],
            "outputs": [],
            "producer": self.facets.producer,
            "schemaURL": RUN_EVENT,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    fn at(second: u32) -> String {
        format!("2017-12-27T01:00:{second:02}Z")
    }

    fn desk() -> RunEvents {
        let mut events = RunEvents::new("desk", "0.1.0");
        let dataset = |asset: &str, inputs: &[&str]| Dataset {
            asset: asset.to_owned(),
            columns: Some(vec![
                ("instrument".to_owned(), "text".to_owned()),
                ("close".to_owned(), "number".to_owned()),
            ]),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            ..Dataset::default()
        };
        let origins = vec![Origin { namespace: "https://stooq.com".to_owned(), name: "bars".to_owned() }];
        events.know(vec![
            Dataset { origins, description: Some("daily bars".to_owned()), ..dataset("bars", &[]) },
            dataset("scores", &["bars"]),
        ]);
        events
    }

    /// What the specification asks of every run event, checked by hand: required keys, their types, formats and values.
    fn keeps_to_the_specification(event: &Value) {
        let object = |value: &Value, keys: &[&str]| {
            for key in keys {
                assert!(value.get(key).is_some(), "`{key}` is missing in {value}");
            }
        };
        object(event, &["eventTime", "producer", "schemaURL", "run", "job"]);
        assert!(
            ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"].contains(&event["eventType"].as_str().unwrap())
        );
        DateTime::parse_from_rfc3339(event["eventTime"].as_str().unwrap()).unwrap();
        let is_uuid = |text: &str| {
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{text}");
            assert!(text.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit()), "{text}");
        };
        is_uuid(event["run"]["runId"].as_str().unwrap());
        for uri in [&event["producer"], &event["schemaURL"]] {
            url::Url::parse(uri.as_str().unwrap()).unwrap();
        }
        object(&event["job"], &["namespace", "name"]);
        let mut facets: Vec<(String, Value)> = Vec::new();
        let mut take = |value: &Value| {
            for (name, facet) in value.as_object().into_iter().flatten() {
                facets.push((name.clone(), facet.clone()));
            }
        };
        take(&event["run"]["facets"]);
        take(&event["job"]["facets"]);
        for dataset in [&event["inputs"], &event["outputs"]].into_iter().flat_map(|list| list.as_array().unwrap()) {
            object(dataset, &["namespace", "name"]);
            take(&dataset["facets"]);
            take(dataset.get("outputFacets").unwrap_or(&Value::Null));
        }
        for (name, facet) in facets {
            for key in ["_producer", "_schemaURL"] {
                url::Url::parse(facet[key].as_str().unwrap()).unwrap();
            }
            let required: &[&str] = match name.as_str() {
                "processing_engine" => &["version"],
                "nominalTime" => &["nominalStartTime"],
                "parent" => &["run", "job"],
                "errorMessage" => &["message", "programmingLanguage"],
                "jobType" => &["processingType", "integration"],
                "schema" => &["fields"],
                "dataSource" => &["name", "uri"],
                "documentation" => &["description"],
                "outputStatistics" => &["rowCount", "size"],
                other => panic!("`{other}` is no facet of the specification"),
            };
            object(&facet, required);
            if let Some(uri) = facet["uri"].as_str() {
                url::Url::parse(uri).unwrap();
            }
            for field in facet["fields"].as_array().into_iter().flatten() {
                object(field, &["name", "type"]);
            }
        }
        if let Some(parent) = event["run"]["facets"].get("parent") {
            is_uuid(parent["run"]["runId"].as_str().unwrap());
            object(&parent["job"], &["namespace", "name"]);
        }
    }

    fn made(events: &mut RunEvents, told: &[Value]) -> Vec<Value> {
        let made: Vec<Value> = told.iter().flat_map(|event| events.observe(Event(event))).collect();
        made.iter().for_each(keeps_to_the_specification);
        made
    }

    fn words(made: &[Value]) -> Vec<(&str, &str)> {
        made.iter().map(|one| (one["eventType"].as_str().unwrap(), one["job"]["name"].as_str().unwrap())).collect()
    }

    #[test]
    fn a_run_tells_what_it_read_and_wrote() {
        let mut events = desk();
        let made = made(
            &mut events,
            &[
                json!({ "kind": "tick_decided", "at": at(0), "request": 7, "due": "2017-12-27T00:30:00Z", "decision": "run" }),
                json!({ "kind": "run_started", "at": at(1), "request": 7, "job": "sync", "attempt": 1 }),
                json!({ "kind": "asset_started", "at": at(2), "request": 7, "asset": "bars" }),
                json!({ "kind": "batch_committed", "at": at(3), "request": 7, "asset": "bars", "rows": 10, "bytes": 100 }),
                json!({ "kind": "batch_committed", "at": at(4), "request": 7, "asset": "bars", "rows": 5, "bytes": 50 }),
                json!({ "kind": "asset_finished", "at": at(5), "request": 7, "asset": "bars", "status": "ok", "rows": 15 }),
                json!({ "kind": "asset_finished", "at": at(5), "request": 7, "asset": "idle", "status": "unchanged" }),
                json!({ "kind": "asset_started", "at": at(5), "request": 7, "asset": "scores" }),
                json!({ "kind": "check_failed", "at": at(6), "request": 7, "asset": "scores", "severity": "error", "status": "failed", "message": "bad" }),
                json!({ "kind": "run_failed", "at": at(7), "request": 7, "job": "sync", "message": "`sync` failed" }),
            ],
        );
        let expected = [
            ("START", "sync"),
            ("START", "asset.bars"),
            ("RUNNING", "asset.bars"),
            ("RUNNING", "asset.bars"),
            ("COMPLETE", "asset.bars"),
            ("START", "asset.scores"),
            ("FAIL", "asset.scores"),
            ("FAIL", "sync"),
        ];
        assert_eq!(words(&made), expected);
        assert_eq!(made[0]["run"]["facets"]["nominalTime"]["nominalStartTime"], "2017-12-27T00:30:00.000Z");
        assert_eq!(made[1]["run"]["facets"]["parent"]["run"]["runId"], made[0]["run"]["runId"]);
        assert_eq!(made[1]["inputs"][0]["namespace"], "https://stooq.com");
        assert_eq!(made[4]["run"]["runId"], made[1]["run"]["runId"]);
        let output = &made[4]["outputs"][0];
        assert_eq!((output["namespace"].as_str(), output["name"].as_str()), (Some("desk"), Some("bars")));
        assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], 15);
        assert_eq!(output["facets"]["schema"]["fields"][1], json!({ "name": "close", "type": "number" }));
        assert_eq!(output["facets"]["documentation"]["description"], "daily bars");
        assert_eq!(made[5]["inputs"][0]["name"], "bars");
        assert_eq!(made[6]["run"]["facets"]["errorMessage"]["message"], "bad");
        assert_eq!(made[7]["run"]["runId"], made[0]["run"]["runId"]);
        assert!(events.runs.is_empty() && events.due.is_empty());
    }

    #[test]
    fn who_comes_after_a_kill_ends_what_was_begun() {
        let started = json!({ "kind": "run_started", "at": at(1), "request": 7, "job": "sync", "attempt": 2 });
        let begun = made(&mut desk(), &[started]);
        let requeued = json!({ "kind": "run_requeued", "at": at(9), "request": 7, "job": "sync", "attempt": 2, "started_at": at(1) });
        let ended = made(&mut desk(), &[requeued]);
        assert_eq!(words(&ended), [("ABORT", "sync")]);
        assert_eq!(ended[0]["run"]["runId"], begun[0]["run"]["runId"]);
    }

    #[test]
    fn what_is_stopped_is_aborted_with_all_that_is_in_it_and_begins_anew() {
        let made = made(
            &mut desk(),
            &[
                json!({ "kind": "run_started", "at": at(1), "request": 7, "job": "sync", "attempt": 1 }),
                json!({ "kind": "asset_started", "at": at(2), "request": 7, "asset": "bars" }),
                json!({ "kind": "run_paused", "at": at(3), "request": 7, "job": "sync" }),
                json!({ "kind": "run_started", "at": at(4), "request": 7, "job": "sync", "attempt": 2 }),
                json!({ "kind": "run_succeeded", "at": at(5), "request": 7, "job": "sync" }),
                json!({ "kind": "run_cancelled", "at": at(5), "request": 8, "job": "sync" }),
            ],
        );
        let expected = [
            ("START", "sync"),
            ("START", "asset.bars"),
            ("ABORT", "asset.bars"),
            ("ABORT", "sync"),
            ("START", "sync"),
            ("COMPLETE", "sync"),
        ];
        assert_eq!(words(&made), expected);
        assert_ne!(made[0]["run"]["runId"], made[4]["run"]["runId"]);
    }
}
