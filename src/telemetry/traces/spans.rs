//! Events → spans.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::event::Event;
use crate::ids::trace_number;

/// A span tells of so many events in it; the others are counted.
const MOST_EVENTS: usize = 128;

/// The spans that have begun and not ended.
pub(super) struct Spans {
    scope: InstrumentationScope,
    runs: HashMap<u64, Run>,
}

/// An attempt of a request.
struct Run {
    trace: TraceId,
    span: Open,
    assets: HashMap<String, Asset>,
}

struct Asset {
    span: Open,
    /// When the newest batch was committed, or the asset began.
    since: DateTime<Utc>,
}

/// A span that has begun.
struct Open {
    id: SpanId,
    began: DateTime<Utc>,
    attributes: Vec<KeyValue>,
    events: SpanEvents,
}

impl Open {
    fn new(began: DateTime<Utc>, attributes: Vec<KeyValue>) -> Self {
        Self { id: RandomIdGenerator::default().new_span_id(), began, attributes, events: SpanEvents::default() }
    }

    fn note(&mut self, at: DateTime<Utc>, event: Event<'_>) {
        if self.events.events.len() >= MOST_EVENTS {
            self.events.dropped_count += 1;
            return;
        }
        let attributes = ["asset", "check", "severity", "message"]
            .into_iter()
            .filter_map(|key| Some(KeyValue::new(named(key), event.maybe(key)?.to_owned())))
            .collect();
        let name = event.kind().to_owned();
        self.events.events.push(opentelemetry::trace::Event::new(name, time(at), attributes, 0));
    }
}

impl Spans {
    pub fn new(version: &str) -> Self {
        let scope = InstrumentationScope::builder("assetctl").with_version(version.to_owned()).build();
        Self { scope, runs: HashMap::new() }
    }

    /// Takes an event, and gives the spans that have ended with it.
    pub fn observe(&mut self, event: Event<'_>) -> Vec<SpanData> {
        let (Some(request), Some(at)) = (event.request(), event.at()) else { return Vec::new() };
        match event.kind() {
            "run_started" => {
                // One that was left open is of an attempt whose end nobody has told.
                let left = self.end_run(request, at, Status::Unset, Vec::new());
                self.begin_run(request, at, event);
                left
            }
            "run_planned" => {
                self.of_run(request, |run| run.span.attributes.extend(count(event, "run")));
                Vec::new()
            }
            "run_succeeded" => self.end_run(request, at, Status::Ok, vec![attribute("outcome", "succeeded")]),
            "run_failed" | "run_retried" => {
                let outcome = if event.kind() == "run_failed" { "failed" } else { "retried" };
                let kind = event.maybe("error_kind").unwrap_or("_OTHER").to_owned();
                let more = vec![attribute("outcome", outcome), KeyValue::new("error.type", kind)];
                self.end_run(request, at, Status::error(event.text("message").to_owned()), more)
            }
            "run_cancelled" => self.end_run(request, at, Status::Unset, vec![attribute("outcome", "cancelled")]),
            "run_paused" | "run_requeued" => {
                self.end_run(request, at, Status::Unset, vec![attribute("outcome", "interrupted")])
            }
            "asset_started" => {
                self.of_run(request, |run| {
                    let attributes = vec![attribute("asset", event.text("asset")), attribute("job", event.text("job"))];
                    let asset = Asset { span: Open::new(at, attributes), since: at };
                    run.assets.insert(event.text("asset").to_owned(), asset);
                });
                Vec::new()
            }
            "batch_committed" => self.batch(request, at, event).into_iter().collect(),
            "asset_finished" | "asset_failed" => self.end_asset(request, at, event).into_iter().collect(),
            "check_failed" | "freshness_violated" if event.maybe("status").is_some() => {
                self.note(request, at, event);
                self.end_asset(request, at, event).into_iter().collect()
            }
            "check_failed" | "check_warned" | "freshness_violated" | "noted" => {
                self.note(request, at, event);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn of_run(&mut self, request: u64, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(&request) {
            change(run);
        }
    }

    /// Something that happened to an asset, or where it has no span to the run.
    fn note(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) {
        self.of_run(request, |run| match run.assets.get_mut(event.text("asset")) {
            Some(asset) => asset.span.note(at, event),
            None => run.span.note(at, event),
        });
    }

    fn begin_run(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) {
        let attempt = event.count("attempt");
        let number = trace_number(request, u32::try_from(attempt).unwrap_or(u32::MAX), at);
        let mut attributes = vec![attribute("job", event.text("job"))];
        attributes.push(KeyValue::new("assetctl.request", number_of(request)));
        attributes.push(KeyValue::new("assetctl.attempt", number_of(attempt)));
        let trace = TraceId::from_bytes(number.to_be_bytes());
        self.runs.insert(request, Run { trace, span: Open::new(at, attributes), assets: HashMap::new() });
    }

    fn end_run(&mut self, request: u64, at: DateTime<Utc>, status: Status, more: Vec<KeyValue>) -> Vec<SpanData> {
        let Some(mut run) = self.runs.remove(&request) else { return Vec::new() };
        // Assets that were not done when it was stopped.
        let left = run.assets.drain().collect::<Vec<_>>();
        let mut ended: Vec<SpanData> = left
            .into_iter()
            .map(|(name, asset)| {
                let span = Ended { name: format!("asset {name}"), parent: run.span.id, at, status: Status::Unset };
                self.span(run.trace, asset.span, span)
            })
            .collect();
        run.span.attributes.extend(more);
        let job = run.span.attributes.first().map(|job| job.value.to_string()).unwrap_or_default();
        let span = Ended { name: format!("run {job}"), parent: SpanId::INVALID, at, status };
        ended.push(self.span(run.trace, run.span, span));
        ended
    }

    fn end_asset(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) -> Option<SpanData> {
        let run = self.runs.get_mut(&request)?;
        let name = event.text("asset");
        // One that had nothing to do did not begin.
        let mut asset = run.assets.remove(name)?;
        asset.span.attributes.push(attribute("status", event.text("status")));
        for key in ["sessions", "changed", "rows", "computed", "bytes", "peak_memory"] {
            asset.span.attributes.extend(count(event, key));
        }
        if let Some(seconds) = event.number("cpu_seconds") {
            asset.span.attributes.push(KeyValue::new("assetctl.cpu_seconds", seconds));
        }
        let status = match event.text("status") {
            "failed" => {
                let kind = if event.kind() == "asset_failed" { "_OTHER" } else { "check" };
                asset.span.attributes.push(KeyValue::new("error.type", kind));
                Status::error(event.text("message").to_owned())
            }
            "ok" | "unchanged" => Status::Ok,
            _ => Status::Unset,
        };
        let (trace, parent) = (run.trace, run.span.id);
        Some(self.span(trace, asset.span, Ended { name: format!("asset {name}"), parent, at, status }))
    }

    /// A batch has begun when the one before it was committed, or the asset began.
    fn batch(&mut self, request: u64, at: DateTime<Utc>, event: Event<'_>) -> Option<SpanData> {
        let run = self.runs.get_mut(&request)?;
        let name = event.text("asset");
        let asset = run.assets.get_mut(name)?;
        let began = std::mem::replace(&mut asset.since, at);
        let mut attributes = vec![attribute("asset", name)];
        for key in ["sessions", "rows", "bytes"] {
            attributes.extend(count(event, key));
        }
        let (trace, parent) = (run.trace, asset.span.id);
        let ended = Ended { name: format!("batch {name}"), parent, at, status: Status::Ok };
        Some(self.span(trace, Open::new(began, attributes), ended))
    }

    fn span(&self, trace: TraceId, open: Open, ended: Ended) -> SpanData {
        SpanData {
            span_context: SpanContext::new(trace, open.id, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: ended.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Owned(ended.name),
            start_time: time(open.began),
            // A clock that went back has not made time go back.
            end_time: time(ended.at.max(open.began)),
            attributes: open.attributes,
            dropped_attributes_count: 0,
            events: open.events,
            links: SpanLinks::default(),
            status: ended.status,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// How a span has ended.
struct Ended {
    name: String,
    parent: SpanId,
    at: DateTime<Utc>,
    status: Status,
}

fn attribute(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(named(key), value.to_owned())
}

fn count(event: Event<'_>, key: &'static str) -> Option<KeyValue> {
    event.number(key).map(|_| KeyValue::new(named(key), number_of(event.count(key))))
}

/// The name of an attribute that OpenTelemetry has none for.
fn named(key: &str) -> String {
    format!("assetctl.{key}")
}

fn number_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn time(at: DateTime<Utc>) -> SystemTime {
    at.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: u32) -> String {
        format!("2017-12-27T01:00:{second:02}Z")
    }

    fn spans(events: &[Value]) -> Vec<SpanData> {
        let mut spans = Spans::new("0.1.0");
        let ended = events.iter().flat_map(|event| spans.observe(Event(event))).collect();
        assert!(spans.runs.is_empty(), "spans of runs that have ended are left");
        ended
    }

    fn value(span: &SpanData, key: &str) -> String {
        span.attributes.iter().find(|one| one.key.as_str() == key).map(|one| one.value.to_string()).unwrap_or_default()
    }

    fn second(time: SystemTime) -> i64 {
        DateTime::<Utc>::from(time).timestamp() - at(0).parse::<DateTime<Utc>>().unwrap().timestamp()
    }

    #[test]
    fn a_run_has_its_assets_and_they_their_batches() {
        let ended = spans(&[
            json!({ "kind": "run_queued", "at": at(0), "request": 7, "job": "sync" }),
            json!({ "kind": "run_started", "at": at(1), "request": 7, "job": "sync", "attempt": 1 }),
            json!({ "kind": "run_planned", "at": at(1), "request": 7, "job": "sync", "run": 31 }),
            json!({ "kind": "asset_started", "at": at(2), "request": 7, "job": "sync", "asset": "bars", "sessions": 40 }),
            json!({ "kind": "batch_committed", "at": at(4), "request": 7, "asset": "bars", "sessions": 20, "rows": 9, "bytes": 90 }),
            json!({ "kind": "batch_committed", "at": at(5), "request": 7, "asset": "bars", "sessions": 20, "rows": 8, "bytes": 80 }),
            json!({ "kind": "asset_finished", "at": at(6), "request": 7, "asset": "bars", "status": "ok", "rows": 17, "cpu_seconds": 0.5 }),
            json!({ "kind": "asset_finished", "at": at(6), "request": 7, "asset": "idle", "status": "unchanged" }),
            json!({ "kind": "asset_started", "at": at(6), "request": 7, "job": "sync", "asset": "scores" }),
            json!({ "kind": "check_warned", "at": at(7), "request": 7, "asset": "scores", "severity": "warn", "check": "range", "message": "odd" }),
            json!({ "kind": "check_failed", "at": at(8), "request": 7, "asset": "scores", "severity": "error", "status": "failed", "message": "bad" }),
            json!({ "kind": "run_failed", "at": at(9), "request": 7, "job": "sync", "error_kind": "check", "message": "`sync` failed" }),
        ]);
        let names: Vec<&str> = ended.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["batch bars", "batch bars", "asset bars", "asset scores", "run sync"]);
        let times: Vec<(i64, i64)> =
            ended.iter().map(|span| (second(span.start_time), second(span.end_time))).collect();
        assert_eq!(times, [(2, 4), (4, 5), (2, 6), (6, 8), (1, 9)]);
        let run = &ended[4];
        assert_eq!(run.parent_span_id, SpanId::INVALID);
        assert!(ended[..4].iter().all(|span| span.span_context.trace_id() == run.span_context.trace_id()));
        assert_eq!([ended[2].parent_span_id, ended[3].parent_span_id], [run.span_context.span_id(); 2]);
        assert_eq!([ended[0].parent_span_id, ended[1].parent_span_id], [ended[2].span_context.span_id(); 2]);
        assert_eq!((value(run, "assetctl.run"), value(run, "error.type")), ("31".to_owned(), "check".to_owned()));
        assert_eq!((run.status.clone(), ended[2].status.clone()), (Status::error("`sync` failed"), Status::Ok));
        assert_eq!(
            (value(&ended[2], "assetctl.rows"), value(&ended[0], "assetctl.sessions")),
            ("17".into(), "20".into())
        );
        assert_eq!(ended[3].events.events.len(), 2);
        let trace = crate::trace_id(7, 1, at(1).parse().unwrap());
        assert_eq!(run.span_context.trace_id().to_string(), trace);
    }

    #[test]
    fn what_is_stopped_ends_with_all_that_is_in_it() {
        let ended = spans(&[
            json!({ "kind": "run_started", "at": at(1), "request": 7, "job": "sync", "attempt": 1 }),
            json!({ "kind": "asset_started", "at": at(2), "request": 7, "job": "sync", "asset": "bars" }),
            json!({ "kind": "run_requeued", "at": at(3), "request": 7, "job": "sync" }),
            json!({ "kind": "batch_committed", "at": at(4), "request": 7, "asset": "bars", "sessions": 20 }),
            json!({ "kind": "run_started", "at": at(5), "request": 7, "job": "sync", "attempt": 2 }),
            json!({ "kind": "run_started", "at": at(6), "request": 7, "job": "sync", "attempt": 3 }),
            json!({ "kind": "run_succeeded", "at": at(4), "request": 7, "job": "sync" }),
        ]);
        let names: Vec<&str> = ended.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["asset bars", "run sync", "run sync", "run sync"]);
        assert_eq!(value(&ended[1], "assetctl.outcome"), "interrupted");
        let times: Vec<(i64, i64)> =
            ended.iter().map(|span| (second(span.start_time), second(span.end_time))).collect();
        assert_eq!(times, [(2, 3), (1, 3), (5, 6), (6, 6)], "a clock that went back");
        let traces: Vec<TraceId> = ended.iter().map(|span| span.span_context.trace_id()).collect();
        assert!(traces[0] == traces[1] && traces[1] != traces[2] && traces[2] != traces[3]);
    }
}
