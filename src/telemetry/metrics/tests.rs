use std::sync::Arc;

use serde_json::json;

use super::*;

/// A morning of a desk.
pub(crate) fn morning() -> Vec<Value> {
    let at = |second: u32| format!("2017-12-27T01:00:{second:02}Z");
    vec![
        json!({ "kind": "daemon_started", "at": at(0), "severity": "info" }),
        json!({ "kind": "tick_decided", "at": at(0), "schedule": "open", "decision": "run", "request": 1, "job": "sync" }),
        json!({ "kind": "tick_decided", "at": at(0), "schedule": "open", "decision": "missed", "job": "sync" }),
        json!({ "kind": "run_started", "at": at(1), "request": 1, "job": "sync", "attempt": 1 }),
        json!({ "kind": "asking", "at": at(2), "request": 1, "job": "sync", "asset": "bars", "done": 1, "of": 3, "rows": 10, "bytes": 100 }),
        json!({ "kind": "asking", "at": at(2), "request": 1, "job": "sync", "asset": "bars", "done": 3, "of": 3, "rows": 30, "bytes": 300 }),
        // It ended before the other, and tells so after it.
        json!({ "kind": "asking", "at": at(2), "request": 1, "job": "sync", "asset": "bars", "done": 2, "of": 3, "rows": 20, "bytes": 200 }),
        json!({ "kind": "batch_committed", "at": at(3), "request": 1, "job": "sync", "asset": "bars", "sessions": 20, "rows": 30, "bytes": 1000 }),
        json!({ "kind": "asking", "at": at(3), "request": 1, "job": "sync", "asset": "bars", "done": 1, "of": 2, "rows": 5, "bytes": 50 }),
        json!({ "kind": "run_retried", "at": at(4), "request": 1, "job": "sync", "error_kind": "transient", "seconds": 3.0, "attempt": 1 }),
        json!({ "kind": "run_started", "at": at(5), "request": 1, "job": "sync", "attempt": 2 }),
        json!({ "kind": "asking", "at": at(6), "request": 1, "job": "sync", "asset": "bars", "done": 2, "of": 2, "rows": 7, "bytes": 70 }),
        json!({ "kind": "batch_committed", "at": at(6), "request": 1, "job": "sync", "asset": "bars", "sessions": 2, "rows": 7, "bytes": 10 }),
        json!({ "kind": "asset_finished", "at": at(7), "request": 1, "job": "sync", "asset": "bars", "status": "ok", "sessions": 22, "changed": 3,
            "rows": 37, "computed": 12, "bytes": 1010, "seconds": 2.5, "cpu_seconds": 1.25, "peak_memory": 1000 }),
        json!({ "kind": "check_warned", "at": at(7), "request": 1, "job": "sync", "asset": "scores", "severity": "warn", "check": "range" }),
        json!({ "kind": "check_failed", "at": at(8), "request": 1, "job": "sync", "asset": "scores", "severity": "error", "status": "failed", "seconds": 1.0 }),
        json!({ "kind": "freshness_violated", "at": at(8), "request": 1, "job": "sync", "asset": "bars", "severity": "warn", "check": "freshness" }),
        json!({ "kind": "run_succeeded", "at": at(9), "request": 1, "job": "sync", "seconds": 4.0, "attempt": 2 }),
        json!({ "kind": "run_started", "at": at(10), "request": 2, "job": "auto:scores", "attempt": 1 }),
        json!({ "kind": "run_requeued", "at": at(10), "request": 2, "job": "auto:scores" }),
        json!({ "kind": "run_failed", "at": at(11), "request": 2, "job": "auto:scores", "seconds": 90.0 }),
        json!({ "kind": "run_cancelled", "at": at(11), "request": 3, "job": "sync" }),
        json!({ "kind": "sensor_fired", "at": at(11), "sensor": "late" }),
        json!({ "kind": "sensor_failed", "at": at(11), "sensor": "poll" }),
        json!({ "kind": "daemon_failed", "at": at(12) }),
    ]
}

pub(crate) fn state() -> State {
    State {
        queue: vec![("queued".to_owned(), 2), ("running".to_owned(), 1)],
        longest_wait: 12.5,
        assets: vec![
            AssetState { asset: "bars".to_owned(), partitions: 977, age: Some(3_600.0), behind: Some(1) },
            AssetState { asset: "listing".to_owned(), partitions: 1, age: None, behind: None },
        ],
        messages: vec![Messages { observer: "desk".to_owned(), state: "waiting".to_owned(), count: 4 }],
        publishing: vec![Publishing {
            publisher: "warehouse".to_owned(),
            asset: "bars".to_owned(),
            partitions: 3,
            seconds: 60.0,
        }],
        daemon: true,
        look_age: Some(0.1),
        project_valid: true,
    }
}

pub(crate) fn full() -> Metrics {
    let metrics = Metrics::new("0.1.0");
    morning().iter().for_each(|event| metrics.observe(event));
    metrics.missed(7);
    metrics
}

/// The value of a series.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn events_are_counted() {
    let text = full().text(None, Format::Prometheus).unwrap();
    for (series, expected) in [
        ("assetctl_runs_total{job_name=\"sync\",outcome=\"succeeded\"}", 1.0),
        ("assetctl_runs_total{job_name=\"sync\",outcome=\"cancelled\"}", 1.0),
        ("assetctl_runs_total{job_name=\"auto:scores\",outcome=\"failed\"}", 1.0),
        ("assetctl_run_attempts_total{job_name=\"sync\"}", 2.0),
        ("assetctl_run_retries_total{job_name=\"sync\",error_kind=\"transient\"}", 1.0),
        ("assetctl_run_interruptions_total{job_name=\"auto:scores\"}", 1.0),
        ("assetctl_run_duration_seconds_bucket{le=\"5.0\",job_name=\"sync\",outcome=\"succeeded\"}", 1.0),
        ("assetctl_run_duration_seconds_bucket{le=\"1.0\",job_name=\"sync\",outcome=\"succeeded\"}", 0.0),
        ("assetctl_run_duration_seconds_sum{job_name=\"auto:scores\",outcome=\"failed\"}", 90.0),
        ("assetctl_run_duration_seconds_count{job_name=\"sync\",outcome=\"failed\"}", 1.0),
        ("assetctl_run_last_success_timestamp_seconds{job_name=\"sync\"}", 1_514_336_409.0),
        ("assetctl_asset_runs_total{asset=\"bars\",status=\"ok\"}", 1.0),
        ("assetctl_asset_runs_total{asset=\"scores\",status=\"failed\"}", 1.0),
        ("assetctl_asset_partitions_made_total{asset=\"bars\"}", 22.0),
        ("assetctl_asset_partitions_changed_total{asset=\"bars\"}", 3.0),
        ("assetctl_asset_rows_total{asset=\"bars\"}", 37.0),
        ("assetctl_asset_rows_computed_total{asset=\"bars\"}", 12.0),
        ("assetctl_asset_written_bytes_total{asset=\"bars\"}", 1010.0),
        ("assetctl_asset_seconds_total{asset=\"bars\"}", 2.5),
        ("assetctl_asset_cpu_seconds_total{asset=\"bars\"}", 1.25),
        ("assetctl_asset_peak_memory_bytes{asset=\"bars\"}", 1000.0),
        // 3 and 1 calls before the retry, 2 after it.
        ("assetctl_fetch_calls_total{asset=\"bars\"}", 6.0),
        ("assetctl_fetch_rows_total{asset=\"bars\"}", 42.0),
        ("assetctl_fetch_bytes_total{asset=\"bars\"}", 420.0),
        ("assetctl_check_failures_total{asset=\"scores\",severity=\"warn\"}", 1.0),
        ("assetctl_check_failures_total{asset=\"scores\",severity=\"error\"}", 1.0),
        ("assetctl_freshness_violations_total{asset=\"bars\"}", 1.0),
        ("assetctl_schedule_ticks_total{schedule=\"open\",decision=\"missed\"}", 1.0),
        ("assetctl_sensor_fired_total{sensor=\"late\"}", 1.0),
        ("assetctl_sensor_failures_total{sensor=\"poll\"}", 1.0),
        ("assetctl_daemon_failures_total", 1.0),
        ("assetctl_events_total{kind=\"asking\"}", 5.0),
        ("assetctl_events_missed_total", 7.0),
        ("assetctl_build_info{version=\"0.1.0\"}", 1.0),
        ("assetctl_store_readable", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
}

/// A counter that comes into being with its first failure would not have increased by it.
#[test]
fn what_is_declared_is_counted_from_zero() {
    let metrics = Metrics::new("0.1.0");
    let one = |name: &str| vec![name.to_owned()];
    metrics.expect(&Declared { jobs: one("sync"), assets: one("bars"), schedules: one("open"), sensors: one("late") });
    let text = metrics.text(None, Format::Prometheus).unwrap();
    for series in [
        "assetctl_runs_total{job_name=\"sync\",outcome=\"failed\"}",
        "assetctl_check_failures_total{asset=\"bars\",severity=\"error\"}",
        "assetctl_freshness_violations_total{asset=\"bars\"}",
        "assetctl_schedule_ticks_total{schedule=\"open\",decision=\"missed\"}",
        "assetctl_sensor_failures_total{sensor=\"late\"}",
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series}\n{text}");
    }
}

#[test]
fn a_state_is_shown_in_place_of_the_one_before_it() {
    let metrics = Metrics::new("0.1.0");
    let text = metrics.text(Some(&state()), Format::Prometheus).unwrap();
    for (series, expected) in [
        ("assetctl_store_readable", 1.0),
        ("assetctl_queue_requests{status=\"queued\"}", 2.0),
        ("assetctl_queue_longest_wait_seconds", 12.5),
        ("assetctl_asset_partitions{asset=\"listing\"}", 1.0),
        ("assetctl_asset_freshness_age_seconds{asset=\"bars\"}", 3600.0),
        ("assetctl_asset_sessions_behind{asset=\"bars\"}", 1.0),
        ("assetctl_observer_messages{observer=\"desk\",state=\"waiting\"}", 4.0),
        ("assetctl_publish_lag_partitions{publisher=\"warehouse\",asset=\"bars\"}", 3.0),
        ("assetctl_publish_lag_seconds{publisher=\"warehouse\",asset=\"bars\"}", 60.0),
        ("assetctl_daemon_up", 1.0),
        ("assetctl_daemon_look_age_seconds", 0.1),
        ("assetctl_project_valid", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    assert!(!text.contains("assetctl_asset_freshness_age_seconds{asset=\"listing\"}"));
    let text = metrics.text(Some(&State::default()), Format::Prometheus).unwrap();
    assert!(!text.contains("asset=\"bars\"") && !text.contains("desk"), "{text}");
    assert_eq!(value(&text, "assetctl_daemon_up"), Some(0.0));
    let text = metrics.text(None, Format::Prometheus).unwrap();
    assert!(!text.contains("assetctl_queue") && !text.contains("assetctl_daemon_up"), "{text}");
}

#[test]
fn open_metrics_end_where_they_end() {
    let metrics = full();
    let text = metrics.text(Some(&state()), Format::OpenMetrics).unwrap();
    assert!(text.ends_with("# EOF\n") && text.contains("# TYPE assetctl_runs counter\n"), "{text}");
    let text = metrics.text(Some(&state()), Format::Prometheus).unwrap();
    assert!(!text.contains("# EOF") && text.contains("# TYPE assetctl_runs_total counter\n"), "{text}");
}

#[test]
fn everything_described_is_there_under_its_name_and_with_its_labels() {
    let metrics = full();
    let text = metrics.text(Some(&state()), Format::Prometheus).unwrap();
    for Described { name, kind, labels, help } in metrics.described() {
        // What the system has to tell is not told everywhere.
        if cfg!(not(target_os = "linux")) && name.starts_with("process_") {
            continue;
        }
        assert!(text.contains(&format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n")), "{name}\n{text}");
        let sample = if *kind == "histogram" { format!("{name}_sum") } else { (*name).to_owned() };
        let mut series = text.lines().filter_map(|line| line.split_once(' ')?.0.strip_prefix(&sample));
        let found = series.find(|rest| rest.is_empty() || rest.starts_with('{')).unwrap();
        let written: Vec<&str> =
            found.trim_matches(['{', '}']).split(',').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
        assert_eq!(&written, labels, "{name}: {found}");
    }
}

/// The page of all metrics is what the program has.
#[test]
fn the_page_of_metrics_has_all_of_them() {
    let page = include_str!("../../../docs/metrics.md").replace("\r\n", "\n");
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let metrics = Metrics::new("0.1.0");
    let row = |one: &Described| {
        let labels: Vec<String> = one.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", one.name, one.kind, labels.join(", "), one.help)
    };
    let rows: Vec<String> = metrics.described().iter().map(row).collect();
    assert_eq!(written, rows, "docs/metrics.md should have these rows:\n{}", rows.join("\n"));
}

#[tokio::test]
async fn metrics_are_served_in_the_form_that_is_wanted() {
    let metrics = Arc::new(full());
    let look: Look = Arc::new(|| Some(state()));
    let bound = listen("127.0.0.1:0".parse().unwrap(), metrics.clone(), look.clone()).await.unwrap();
    assert!(listen(bound, metrics, look).await.is_err(), "it is taken");
    let address = format!("http://{bound}/metrics");
    let client = crate::client::client().unwrap();
    for (accept, content, ending) in [
        ("", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"),
    ] {
        let answer = client.get(&address).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], content);
        let text = answer.text().await.unwrap();
        assert!(text.ends_with(ending) && text.contains("assetctl_queue_requests{status=\"queued\"} 2"), "{text}");
    }
}
