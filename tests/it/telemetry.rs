//! What the daemon does, as other systems see it: metrics, traces, lineage.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use crate::daemon::{FIRST, INSTRUMENTS, LAST, end, queue, serve, stages, until};
use crate::support::bars::Bars;
use crate::support::project::NOW;
use crate::support::running::Running;
use crate::support::vendor::Vendor;
use crate::support::{Project, wait_until};

/// A server on loopback that takes everything and keeps it: path, headers, body.
struct Taker {
    url: String,
    got: Arc<Mutex<Vec<(String, HeaderMap, Vec<u8>)>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Taker {
    fn new() -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&got);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = axum::Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            keep.lock().unwrap().push((uri.path().to_owned(), headers, body.to_vec()));
            async { StatusCode::OK }
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, got, _runtime: runtime }
    }

    fn got(&self) -> Vec<(String, HeaderMap, Vec<u8>)> {
        self.got.lock().unwrap().clone()
    }

    /// Of a receiver of lineage.
    fn run_events(&self) -> Vec<Value> {
        self.got().iter().map(|(_, _, body)| serde_json::from_slice(body).unwrap()).collect()
    }
}

/// Type of event and job of each.
fn words(events: &[Value]) -> Vec<(&str, &str)> {
    events.iter().map(|one| (one["eventType"].as_str().unwrap(), one["job"]["name"].as_str().unwrap())).collect()
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn project(telemetry: &str) -> Project {
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, &stages());
    project.write("schedules.yaml", format!("jobs:\n  sync: {{ select: completed_bars }}\ntelemetry:\n{telemetry}"));
    project.write("key", "s3cr3t-s3cr3t\n");
    project
}

/// `GET /metrics`, as Prometheus asks.
fn metrics(port: u16) -> String {
    // The daemon has the lock a little before it listens.
    let mut connected = None;
    wait_until("somebody listens", || {
        connected = TcpStream::connect(("127.0.0.1", port)).ok();
        connected.is_some()
    });
    let mut stream = connected.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    text.to_owned()
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// What stands in a message of protocol buffers, by number of the field: numbers as they are, the rest as bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes) as usize,
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    found
}

/// The parts of a message under a path of fields.
fn parts(message: &[u8], path: &[u64]) -> Vec<Vec<u8>> {
    let Some((first, rest)) = path.split_first() else { return vec![message.to_vec()] };
    fields(message).iter().filter(|(field, _)| field == first).flat_map(|(_, part)| parts(part, rest)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[derive(Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    attributes: BTreeMap<String, String>,
}

/// The spans of requests of OTLP, by name, as opentelemetry-proto's `trace.proto` numbers their fields.
fn spans(taker: &Taker) -> BTreeMap<String, Span> {
    let one = |span: &[u8], field: u64| parts(span, &[field]).pop().unwrap_or_default();
    let of = |span: &Vec<u8>| {
        let attribute = |pair: Vec<u8>| (text(&one(&pair, 1)), text(&one(&one(&pair, 2), 1)));
        let attributes = parts(span, &[9]).into_iter().map(attribute).collect();
        let [trace, id, parent] = [1, 2, 4].map(|field| hex(&one(span, field)));
        (text(&one(span, 5)), Span { trace, id, parent, attributes })
    };
    taker.got().iter().flat_map(|(_, _, body)| parts(body, &[1, 2, 2]).iter().map(of).collect::<Vec<_>>()).collect()
}

#[test]
fn a_run_is_seen_in_metrics_traces_and_lineage() {
    let (collector, catalogue, port) = (Taker::new(), Taker::new(), free_port());
    let project = project(&format!(
        "  metrics: {{ listen: '127.0.0.1:{port}' }}
  traces: {{ endpoint: '{}', headers: {{ x-key: {{ file: key }} }}, service_name: equities }}
  openlineage: {{ url: '{}', namespace: desk, token: {{ file: key }} }}
",
        collector.url, catalogue.url
    ));
    let daemon = serve(&project);
    let before = metrics(port);
    let failed = "assetctl_runs_total{job_name=\"sync\",outcome=\"failed\"}";
    assert_eq!(value(&before, failed), Some(0.0), "what is declared is counted from the beginning\n{before}");
    assert_eq!(value(&before, "assetctl_asset_partitions{asset=\"completed_bars\"}"), Some(0.0));
    let id = queue(&project, "sync");
    until(&project, id, "succeeded");
    wait_until("the end is told", || words(&catalogue.run_events()).contains(&("COMPLETE", "sync")));
    let after = metrics(port);
    end(daemon);

    let made = project.json(&["runs", "1"])["assets"].as_array().unwrap().clone();
    let of_bars = made.iter().find(|asset| asset["asset"] == "completed_bars").unwrap();
    let rows = of_bars["rows"].as_f64().unwrap();
    let sessions = of_bars["ran"].as_array().unwrap().len() as f64;
    for (series, expected) in [
        ("assetctl_runs_total{job_name=\"sync\",outcome=\"succeeded\"}", 1.0),
        (failed, 0.0),
        ("assetctl_run_attempts_total{job_name=\"sync\"}", 1.0),
        ("assetctl_run_duration_seconds_count{job_name=\"sync\",outcome=\"succeeded\"}", 1.0),
        ("assetctl_asset_runs_total{asset=\"completed_bars\",status=\"ok\"}", 1.0),
        ("assetctl_asset_rows_total{asset=\"completed_bars\"}", rows),
        ("assetctl_asset_partitions_made_total{asset=\"completed_bars\"}", sessions),
        ("assetctl_asset_partitions{asset=\"completed_bars\"}", sessions),
        ("assetctl_asset_partitions{asset=\"signals\"}", 0.0),
        ("assetctl_queue_requests{status=\"queued\"}", 0.0),
        ("assetctl_daemon_up", 1.0),
        ("assetctl_project_valid", 1.0),
        ("assetctl_store_readable", 1.0),
    ] {
        assert_eq!(value(&after, series), Some(expected), "{series}\n{after}");
    }
    assert!(
        value(&after, "assetctl_asset_freshness_age_seconds{asset=\"completed_bars\"}") > Some(86_400.0),
        "{after}"
    );
    promtool(&after);

    let events = catalogue.run_events();
    assert_eq!(words(&events)[0], ("START", "sync"));
    assert_eq!(*words(&events).last().unwrap(), ("COMPLETE", "sync"));
    let of = |job: &str| -> Vec<&Value> { events.iter().filter(|one| one["job"]["name"] == job).collect() };
    let raw: Vec<&str> = of("asset.raw_bars").iter().map(|one| one["eventType"].as_str().unwrap()).collect();
    let batches = raw.iter().filter(|kind| **kind == "RUNNING").count();
    assert!(
        batches > 0 && raw.len() == batches + 2 && raw[0] == "START" && raw[raw.len() - 1] == "COMPLETE",
        "{raw:?}"
    );
    let bars = *of("asset.completed_bars").last().unwrap();
    assert_eq!(bars["eventType"], "COMPLETE");
    let inputs: Vec<&str> =
        bars["inputs"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(inputs.contains(&"raw_bars"), "{inputs:?}");
    assert_eq!(bars["outputs"][0]["namespace"], "desk");
    assert_eq!(bars["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"].as_f64(), Some(rows));
    assert_eq!(bars["run"]["facets"]["parent"]["run"]["runId"], events[0]["run"]["runId"]);
    let schema = bars["outputs"][0]["facets"]["schema"]["fields"].as_array().unwrap();
    assert!(schema.iter().any(|field| field["name"] == "close" && field["type"] == "number"), "{schema:?}");
    let source = &of("asset.raw_bars")[0]["inputs"][0];
    assert_eq!((&source["namespace"], &source["name"]), (&"file".into(), &"data/source/bars/*.csv".into()));
    let (path, headers, _) = &catalogue.got()[0];
    assert_eq!(
        (path.as_str(), &headers["authorization"]),
        ("/api/v1/lineage", &"Bearer s3cr3t-s3cr3t".parse().unwrap())
    );

    let spans = spans(&collector);
    let run = &spans["run sync"];
    let (asset, batch) = (&spans["asset completed_bars"], &spans["batch completed_bars"]);
    assert_eq!((run.parent.as_str(), &asset.parent, &batch.parent), ("", &run.id, &asset.id));
    assert!(spans.values().all(|span| span.trace == run.trace), "{spans:?}");
    assert_eq!(
        (run.attributes["assetctl.outcome"].as_str(), asset.attributes["assetctl.status"].as_str()),
        ("succeeded", "ok")
    );
    let log = std::fs::read_to_string(project.path("data/logs/1.jsonl")).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["trace_id"], run.trace.as_str(), "the log names the trace");
    let (path, headers, body) = &collector.got()[0];
    assert_eq!((path.as_str(), &headers["x-key"]), ("/v1/traces", &"s3cr3t-s3cr3t".parse().unwrap()));
    let of_service: Vec<String> = parts(body, &[1, 1, 1, 2, 1]).iter().map(|value| text(value)).collect();
    assert!(of_service.contains(&"equities".to_owned()), "{of_service:?}");
}

/// What is served is as `promtool` wants it, where there is one.
fn promtool(text: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: there is no promtool");
        return;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

/// Where nobody listens, runs go on as ever, and it is said once.
#[test]
fn collectors_that_are_not_there_keep_nobody_waiting() {
    let gone = free_port();
    let project = project(&format!(
        "  traces: {{ endpoint: 'http://127.0.0.1:{gone}' }}
  openlineage: {{ url: 'http://127.0.0.1:{gone}', token: {{ file: no-such-file }} }}
"
    ));
    let daemon = serve(&project);
    for _ in 0..3 {
        let id = queue(&project, "sync");
        until(&project, id, "succeeded");
    }
    daemon.interrupt();
    let output = daemon.wait().ok();
    let said = |what: &str| output.stderr.lines().filter(|line| line.contains(what)).count();
    assert_eq!((said("sending traces to"), said("no lineage is sent"), said("no-such-file")), (1, 1, 1), "{output}");
}

/// Whoever comes after a kill says that what had begun is over, and calls it as it was called.
#[test]
fn what_a_killed_daemon_began_is_ended_by_the_next() {
    let catalogue = Taker::new();
    let vendor = Vendor::new(&Bars::slice(&INSTRUMENTS, "2015-08-03", LAST));
    vendor.allow(Some(0));
    let asked = format!("{}\n  asked:\n    kind: source\n    start: 2015-08-03\n{}", stages(), vendor.yaml());
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, &asked);
    let schedules =
        format!("jobs:\n  ask: {{ select: asked }}\ntelemetry:\n  openlineage: {{ url: '{}' }}\n", catalogue.url);
    project.write("schedules.yaml", schedules);
    let daemon = serve(&project);
    let id = queue(&project, "ask");
    wait_until("it is under way", || words(&catalogue.run_events()).contains(&("START", "asset.asked")));
    daemon.kill();
    vendor.allow(None);
    let daemon = serve(&project);
    until(&project, id, "succeeded");
    wait_until("the end is told", || words(&catalogue.run_events()).contains(&("COMPLETE", "ask")));
    drop(daemon);
    let events = catalogue.run_events();
    let of_job: Vec<&Value> = events.iter().filter(|one| one["job"]["name"] == "ask").collect();
    let kinds: Vec<&str> = of_job.iter().map(|one| one["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "ABORT", "START", "COMPLETE"]);
    assert_eq!(of_job[0]["run"]["runId"], of_job[1]["run"]["runId"]);
    assert_ne!(of_job[0]["run"]["runId"], of_job[2]["run"]["runId"]);
}

/// The environment of OpenTelemetry switches traces on by itself; the project's file comes before it.
#[test]
fn the_environment_says_where_traces_go() {
    let collector = Taker::new();
    let project = project("  traces: { service_name: equities }\n");
    let mut command = project.command(&["serve", "-q", "--listen", "off", "--now", NOW]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let daemon = Running::new(command, "serve");
    wait_until("the daemon is there", || !project.json(&["queue"])["daemon"].is_null());
    let id = queue(&project, "sync");
    until(&project, id, "succeeded");
    end(daemon);
    assert!(spans(&collector).contains_key("run sync"));
}
