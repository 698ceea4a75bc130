//! Who may do what, and what becomes of it.

use serde_json::{Value, json};

use super::{Served, TOKEN, project};
use crate::support::wait_until;

const WITH_TOKEN: &str = "api: { token: { env: ASSETCTL_TOKEN } }\n";

#[track_caller]
fn until(served: &Served, request: u64, status: &str) -> Value {
    let mut row = Value::Null;
    wait_until(&format!("request {request} is {status}"), || {
        row = served.get(&format!("/api/v1/requests/{request}")).is(200).json();
        row["status"] == status
    });
    row
}

#[track_caller]
fn queued(served: &Served, path: &str, body: &Value) -> u64 {
    let queued = served.post(path, &body.to_string()).is(202).json();
    assert_eq!(queued["daemon"], true);
    queued["request"].as_u64().unwrap()
}

#[test]
fn without_a_token_nothing_is_done() {
    let project = project("");
    let served = Served::new(&project);
    for path in ["requests", "jobs/sync/run", "requests/1/cancel", "schedules/close/pause"] {
        served.post(&format!("/api/v1/{path}"), "{}").is_problem(403, "token: { env: ASSETCTL_TOKEN }");
    }
    assert_eq!(served.get("/api/v1/requests").is(200).json()["items"], json!([]));
}

#[test]
fn only_the_token_lets_somebody_act() {
    let project = project(WITH_TOKEN);
    let served = Served::with(&project, &["-vv", "--listen", "127.0.0.1:0"]);
    for given in ["", "Bearer", "Bearer wrong", "Basic correct-horse-battery", "Bearer correct-horse-batterz"] {
        let refused = served.ask("POST", "/api/v1/requests", &[("Authorization", given)], "{}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        refused.is_problem(401, "token");
    }
    assert_eq!(served.get("/api/v1/requests").is(200).json()["items"], json!([]));
    let body = json!({ "select": ["scores"], "from": "2015-08-03", "to": "2015-08-05", "force": true, "only": true });
    let id = queued(&served, "/api/v1/requests", &body);
    let row = until(&served, id, "succeeded");
    assert_eq!(
        (&row["job"], &row["origin"], &row["of"]),
        (&"api:materialize".into(), &"api".into(), &"the API".into())
    );
    assert_eq!(row, project.json(&["run", "show", &id.to_string()]));
    let run = served.get(&format!("/api/v1/runs/{}", row["runs"][0])).is(200).json();
    assert_eq!(run["assets"][0]["ran"], json!(["2015-08-03", "2015-08-04", "2015-08-05"]));
    let log = served.get(&format!("/api/v1/runs/{}/log", row["runs"][0])).is(200).json();
    let kinds: Vec<&str> = log["items"].as_array().unwrap().iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(
        kinds,
        ["run_started", "run_planned", "asset_started", "batch_committed", "asset_finished", "run_succeeded"]
    );
    assert_eq!(log["next"], Value::Null);
    let first = served.get(&format!("/api/v1/runs/{}/log?limit=2", row["runs"][0])).json();
    let cursor = first["next"].as_str().unwrap();
    let rest = served.get(&format!("/api/v1/runs/{}/log?cursor={cursor}", row["runs"][0])).json();
    assert_eq!(rest["items"].as_array().unwrap(), &log["items"].as_array().unwrap()[2..]);
    // A selection that is wrong is told to who asks, and nothing is queued.
    served.post("/api/v1/requests", r#"{ "select": ["nobody"] }"#).is_problem(422, "nobody");
    served.post("/api/v1/requests", r#"{ "work": "backfill" }"#).is_problem(422, "from");
    served.post("/api/v1/requests", r#"{ "work": "gc" }"#).is_problem(422, "gc");
    assert_eq!(served.get("/api/v1/requests").json()["items"].as_array().unwrap().len(), 1);
    #[cfg(unix)]
    served.end();
    assert!(!Served::said(&project).contains(TOKEN));
}

#[test]
fn jobs_take_values_for_their_variables() {
    let project = project(WITH_TOKEN);
    let served = Served::new(&project);
    let id = queued(
        &served,
        "/api/v1/jobs/sync/run",
        &json!({ "vars": { "back": 3, "names": ["sh.600036", "sz.002129"] } }),
    );
    let row = until(&served, id, "succeeded");
    assert_eq!(row["resolved"]["vars"], json!({ "back": "3", "names": ["sh.600036", "sz.002129"] }));
    served.post("/api/v1/jobs/sync/run", r#"{ "vars": { "back": "many" } }"#).is_problem(422, "back");
    served.post("/api/v1/jobs/sync/run", r#"{ "vars": { "bakc": 3 } }"#).is_problem(422, "did you mean `back`?");
    served.post("/api/v1/jobs/nothing/run", "{}").is_problem(404, "nothing");
    served.post(&format!("/api/v1/requests/{id}/cancel"), "").is_problem(409, "has ended");
    served.post("/api/v1/requests/99/cancel", "").is_problem(404, "99");
    let again = served.post(&format!("/api/v1/requests/{id}/retry"), "").is(200).json()["request"].as_u64().unwrap();
    assert_eq!(until(&served, again, "succeeded")["retry_of"], id);
    let rows = served.get("/api/v1/requests?job=sync&open=false").json();
    assert_eq!(
        rows["items"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>(),
        [again, id]
    );
}

#[test]
fn cancel_pause_and_resume_take_effect() {
    let project = project(WITH_TOKEN);
    let served = Served::new(&project);
    let id = queued(&served, "/api/v1/jobs/slow/run", &json!({}));
    until(&served, id, "running");
    let told = served.post(&format!("/api/v1/requests/{id}/pause"), "").is(200).json();
    assert_eq!((&told["before"], &told["message"]), (&"running".into(), &format!("request {id} stops").into()));
    until(&served, id, "paused");
    served.post(&format!("/api/v1/requests/{id}/resume"), "").is(200);
    until(&served, id, "running");
    served.post(&format!("/api/v1/requests/{id}/cancel"), "").is(200);
    until(&served, id, "cancelled");
    let paused = served.post("/api/v1/schedules/close/pause", r#"{ "why": "the vendor moves" }"#).is(200).json();
    assert_eq!(paused, json!({ "name": "close", "paused": true, "changed": true }));
    let listed = served.get("/api/v1/schedules").json();
    let close = listed.as_array().unwrap().iter().find(|one| one["name"] == "close").unwrap().clone();
    assert_eq!((&close["paused"]["who"], &close["paused"]["why"]), (&"the API".into(), &"the vendor moves".into()));
    served.post("/api/v1/schedules/close/resume", "").is(200);
    assert_eq!(served.get("/api/v1/schedules").json(), project.json(&["schedule", "list"]));
    served.post("/api/v1/schedules/clos/resume", "").is_problem(404, "did you mean `close`?");
}

#[test]
fn other_machines_need_the_token_for_all() {
    let project = project(WITH_TOKEN);
    let served = Served::with(&project, &["--listen", "0.0.0.0:0"]);
    served.get("/api/v1/assets").is_problem(401, "token");
    served.ask("POST", "/api/v1/sql", &[], r#"{ "query": "select 1" }"#).is_problem(401, "token");
    let token = format!("Bearer {TOKEN}");
    // Behind a name of its own, too.
    served.ask("GET", "/api/v1/assets", &[("Authorization", &token), ("Host", "desk.example")], "").is(200);
    served.get("/health").is(200);
    served.get("/ready").is(200);
}

#[test]
fn an_address_that_cannot_be_had_ends_it() {
    let project = project("");
    project
        .run(&["serve", "--listen", "0.0.0.0:0"])
        .exits(2)
        .says(&["can be reached from other machines", "ASSETCTL_TOKEN"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    project.run(&["serve", "--listen", &address]).exits(2).says(&["somebody listens there already", "--listen off"]);
    project.run(&["serve", "--listen", "localhost"]).exits(2).says(&["127.0.0.1:8123"]);
    project.write("schedules.yaml", WITH_TOKEN);
    project.run(&["serve", "--listen", "127.0.0.1:0"]).exits(2).says(&["`ASSETCTL_TOKEN` is not set"]);
    project.write("schedules.yaml", "api: { listen: 0.0.0.0:0 }\n");
    project.run(&["serve"]).exits(3).says(&["can be reached from other machines", "schedules.yaml:1:16"]);
}

#[test]
fn an_edit_is_seen_and_a_broken_one_is_told() {
    let project = project("");
    let served = Served::new(&project);
    let before = served.get("/api/v1/jobs").json();
    project.write("schedules.yaml", "jobs: { only: { select: scores } }\n");
    wait_until("the edit is seen", || served.get("/api/v1/jobs").json()[0]["job"] == "only");
    let listed = served.get("/api/v1/jobs").json();
    project.write("schedules.yaml", "jobs: { only: { selekt: scores } }\n");
    wait_until("the mistake is told", || {
        served.get("/ready").is(200).json()["project"].as_str().is_some_and(|told| told.contains("selekt"))
    });
    assert_eq!(served.get("/api/v1/jobs").json(), listed);
    assert_ne!(before, listed);
}
