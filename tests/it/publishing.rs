//! Publishing: what has changed is written, once, whatever is killed or away.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Project, STAGES, server, sessions, sessions_from, wait_until};

const INSTRUMENTS: [&str; 4] = ["sh.000300", "sh.600028", "sh.600036", "sz.002129"];
const FIRST: &str = "2015-07-01";
const LAST: &str = "2015-08-31";

/// Two stages, both published as files.
fn project(sinks: &str, publish: &str) -> Project {
    let stages = STAGES.replace("2015-02-02", FIRST);
    let scores = stages.find("  signals:").unwrap();
    let yaml = format!("{sinks}{}    publish: {publish}\n", stages[..scores].trim_end().to_owned() + "\n");
    Project::of(&INSTRUMENTS, FIRST, LAST, &yaml)
}

fn folder() -> Project {
    project("sinks:\n  share: { files: { path: share, format: csv } }\n", "[{ to: share, columns: [score] }]")
}

/// What was published, of the one route there is: sessions, the first and the last, and how many were taken away.
#[track_caller]
fn published(project: &Project, args: &[&str]) -> (u64, Value, Value, u64) {
    let all: Vec<&str> = ["publish"].into_iter().chain(args.iter().copied()).collect();
    let route = project.json(&all)[0].clone();
    assert_eq!(route["error"], Value::Null);
    (
        route["sessions"].as_u64().unwrap(),
        route["first"].clone(),
        route["last"].clone(),
        route["removed"].as_u64().unwrap(),
    )
}

#[track_caller]
fn status(project: &Project) -> Value {
    project.json(&["publish", "status"])[0].clone()
}

fn nothing() -> (u64, Value, Value, u64) {
    (0, Value::Null, Value::Null, 0)
}

#[test]
fn what_has_changed_is_published_and_nothing_else() {
    let mut project = folder();
    assert_eq!(project.json(&["publish"]), json!([]));
    project.materialize();
    // By itself a run publishes nothing.
    assert!(!project.path("share").exists());
    let all = sessions_from(FIRST).len() as u64;
    assert_eq!((status(&project)["behind"].as_u64(), status(&project)["newest"].clone()), (Some(all), Value::Null));
    assert_eq!(published(&project, &[]), (all, json!(FIRST), json!(LAST), 0));
    let standing = status(&project);
    assert_eq!(
        (&standing["behind"], &standing["published"], &standing["newest"]),
        (&json!(0), &json!(all), &json!(LAST))
    );
    assert_eq!(published(&project, &[]), nothing());
    let root = project.root();
    let file = |day: &str| root.join(format!("share/scores/{day}.csv"));
    let csv = std::fs::read_to_string(file("2015-08-03")).unwrap();
    assert_eq!(csv.lines().next(), Some("session,instrument,score"));
    assert_eq!(csv.lines().count(), 5);
    // One close: its five returns, and the twenty volatilities that it is part of; all else stays as it is.
    project.edit_close("sh.600028", "2015-08-20", 6.0);
    project.materialize();
    let changed = sessions("2015-08-20", LAST).len() as u64;
    assert_eq!(published(&project, &[]), (changed, json!("2015-08-20"), json!(LAST), 0));
    // One that only another column of the asset follows is no reason to publish.
    project.edit_yaml("calm: -cs_zscore(vol_20)", "calm: -cs_zscore(vol_20)\n      busyness: cs_rank(busy)");
    assert!(!project.materialize().of_asset("scores").is_empty());
    assert_eq!(published(&project, &[]), nothing());
    // Sessions that are no longer part of the asset go.
    project.edit_yaml("start: 2015-07-01", "start: 2015-07-03");
    project.materialize();
    assert_eq!(status(&project)["gone"], 2);
    let (sessions, _, _, removed) = published(&project, &[]);
    assert_eq!((sessions, removed, file("2015-07-01").exists()), (sessions, 2, false));
    assert!(file("2015-07-03").exists());
    // Another target begins anew.
    project.edit_yaml("{ to: share, columns", "{ to: share, folder: daily/scores, columns");
    assert_eq!(published(&project, &[]).0, all - 2);
    assert_eq!(published(&project, &["--again"]).0, all - 2);
}

#[test]
fn a_run_publishes_when_it_is_told_to() {
    let project = folder();
    let ran = project.run(&["materialize", "--publish", "--format", "json"]).ok();
    // One value, of the run.
    assert!(ran.json()["run"]["run"].is_number());
    assert_eq!(status(&project)["behind"], 0);
    project.run(&["publish", "--to", "shar"]).exits(2).says(&["there is no sink `shar`", "did you mean `share`?"]);
    project.run(&["publish", "--select", "indicators", "--format", "json"]).ok();
    project.run(&["publish", "status"]).ok().says(&["share", "scores", "44 of 44"]);
}

#[test]
fn what_a_sink_does_not_take_is_told_and_taken_up_again() {
    let project = folder();
    project.materialize();
    // A file is where the folder should be.
    project.write("share", "mine");
    let failed = project.run(&["publish"]).exits(5);
    failed.says(&["folder `./share` cannot be written"]);
    let standing = status(&project);
    assert_eq!((&standing["failures"], &standing["behind"]), (&json!(1), &json!(44)));
    assert!(standing["failing_since"].is_string() && standing["error"].as_str().unwrap().contains("cannot be written"));
    project.run(&["publish", "--format", "json"]).exits(5);
    let again = status(&project);
    assert_eq!((&again["failures"], &again["failing_since"]), (&json!(2), &standing["failing_since"]));
    std::fs::remove_file(project.path("share")).unwrap();
    assert_eq!(published(&project, &[]).0, 44);
    assert_eq!((&status(&project)["failures"], &status(&project)["error"]), (&json!(0), &Value::Null));
}

/// Holds the ledger, so that nobody else can write to it.
fn hold(project: &Project) -> rusqlite::Connection {
    let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    ledger.busy_timeout(Duration::from_secs(60)).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger
}

#[test]
fn killed_between_the_sink_and_the_record_it_writes_the_same_again() {
    let project = folder();
    project.materialize();
    let held = hold(&project);
    let publishing = project.start(&["publish"]);
    wait_until("the sink has it", || project.path("share/scores/manifest.json").exists());
    assert_eq!(publishing.kill().code, None);
    drop(held);
    let manifest = project.read("share/scores/manifest.json");
    let written = std::fs::metadata(project.path("share/scores/2015-07-01.csv")).unwrap().modified().unwrap();
    assert_eq!(status(&project)["behind"], 44);
    assert_eq!(published(&project, &[]).0, 44);
    // The sink knew it: not even the file was touched.
    assert_eq!(project.read("share/scores/manifest.json"), manifest);
    let again = std::fs::metadata(project.path("share/scores/2015-07-01.csv")).unwrap().modified().unwrap();
    assert_eq!(again, written);
}

/// A schema of its own on the PostgreSQL that tests may ask, and a project that publishes there.
fn in_postgres(schema: &str) -> Option<(Project, tokio::runtime::Runtime, tokio_postgres::Client)> {
    let url = server("ASSETCTL_TEST_POSTGRES")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, connection) = runtime.block_on(tokio_postgres::connect(&url, tokio_postgres::NoTls)).unwrap();
    runtime.spawn(connection);
    let anew = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    runtime.block_on(client.batch_execute(&anew)).unwrap();
    let sinks = format!(
        "sinks:\n  warehouse: {{ postgres: {{ url: {{ file: url }}, schema: {schema} }}, retries: {{ backoff: 1s, at_most: 1s }} }}\n"
    );
    let project = project(&sinks, "[{ to: warehouse, table: daily_scores }]");
    project.write("url", &url);
    Some((project, runtime, client))
}

/// Keys and numbers, to the bit.
type Rows = Vec<(String, String, Vec<Option<u64>>)>;

/// The rows of the table, and of the asset.
fn rows(
    project: &Project,
    schema: &str,
    runtime: &tokio::runtime::Runtime,
    client: &tokio_postgres::Client,
) -> (Rows, Rows) {
    let of = "instrument, momentum, calm, score";
    let query = format!("SELECT session::text, {of} FROM {schema}.daily_scores ORDER BY session, instrument");
    let there = runtime.block_on(client.query(&query, &[])).unwrap();
    let there = there.iter().map(|row| {
        let numbers = (2..5).map(|at| row.get::<_, Option<f64>>(at).map(f64::to_bits)).collect();
        (row.get(0), row.get(1), numbers)
    });
    let query = format!("select session, {of} from scores order by session, instrument");
    let csv = project.run(&["sql", &query, "--output", "csv"]).ok().stdout;
    let here = csv.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let numbers = fields[2..].iter().map(|field| field.parse::<f64>().ok().map(f64::to_bits)).collect();
        (fields[0].to_owned(), fields[1].to_owned(), numbers)
    });
    (there.collect(), here.collect())
}

#[test]
fn killed_between_database_and_record_no_row_is_there_twice() {
    let schema = "killed_between";
    let Some((mut project, runtime, client)) = in_postgres(schema) else { return };
    project.materialize();
    let held = hold(&project);
    let publishing = project.start(&["publish"]);
    let noted = format!("SELECT count(*) FROM {schema}.assetctl_published");
    wait_until("the database has it", || {
        runtime.block_on(client.query_one(&noted, &[])).is_ok_and(|row| row.get::<_, i64>(0) == 44)
    });
    assert_eq!(publishing.kill().code, None);
    drop(held);
    assert_eq!(published(&project, &[]).0, 44);
    let (there, here) = rows(&project, schema, &runtime, &client);
    assert_eq!((there.len(), &there), (4 * 44, &here));
    // A correction of the last close: its session alone.
    project.edit_close("sh.600028", LAST, 5.0);
    project.materialize();
    assert_eq!(published(&project, &[]), (1, json!(LAST), json!(LAST), 0));
    let (there, here) = rows(&project, schema, &runtime, &client);
    assert_eq!(there, here);
}

#[test]
fn the_daemon_publishes_what_its_runs_commit_and_goes_on_when_the_sink_is_back() {
    let project = folder();
    project.write("schedules.yaml", "jobs:\n  sync: { select: scores }\n");
    project.edit_yaml("format: csv }", "format: csv }, retries: { backoff: 1s, at_most: 1s }");
    project.write("share", "mine");
    let mut serve = project.command(&["serve", "--format", "json", "--now", "2018-06-01T00:00:00Z"]);
    let told = std::fs::File::create(project.path("told.jsonl")).unwrap();
    let _daemon = crate::support::running::Running::new(
        {
            serve.stdout(told);
            serve
        },
        "serve",
    );
    wait_until("the daemon is there", || !project.json(&["queue"])["daemon"].is_null());
    project.json(&["job", "run", "sync", "--queue"]);
    let events = |kind: &str| -> Vec<Value> {
        let told = project.read("told.jsonl");
        let events = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["kind"] == kind).collect()
    };
    wait_until("the sink has refused", || !events("publish_failed").is_empty());
    // The run has ended well all the same.
    wait_until("the run has ended", || !events("run_succeeded").is_empty());
    wait_until("it was tried again", || status(&project)["failures"].as_u64() > Some(1));
    assert_eq!((&status(&project)["behind"], events("publish_failed").len()), (&json!(44), 1));
    std::fs::remove_file(project.path("share")).unwrap();
    wait_until("it is published", || !events("published").is_empty());
    let event = &events("published")[0];
    assert_eq!((&event["sink"], &event["asset"], &event["sessions"]), (&json!("share"), &json!("scores"), &json!(44)));
    assert_eq!(status(&project)["failures"], 0);
}
