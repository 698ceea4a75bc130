//! What is told is what the commands print.

use serde_json::Value;

use super::{Served, project};
use crate::support::{Project, repository};

/// The items of a page that is the only one.
#[track_caller]
fn items(page: Value) -> Value {
    assert_eq!(page["next"], Value::Null, "{page}");
    page["items"].clone()
}

#[test]
fn it_tells_what_the_commands_print() {
    let project = Project::demo();
    project.write("schedules.yaml", std::fs::read_to_string(repository().join("schedules.yaml")).unwrap());
    project.materialize();
    let served = Served::new(&project);
    for (path, args) in [
        ("assets", &["ls"][..]),
        ("assets?select=tag:daily&exclude=scores", &["ls", "--select", "tag:daily", "--exclude", "scores"]),
        ("assets?select=state:clean", &["ls", "--select", "state:clean"]),
        ("runs", &["runs"]),
    ] {
        assert_eq!(items(served.get(&format!("/api/v1/{path}")).is(200).json()), project.json(args), "{path}");
    }
    for (path, args) in [
        ("status", &["status"][..]),
        ("status?select=scores", &["status", "--select", "scores"]),
        ("lineage", &["graph"]),
        ("lineage?asset=indicators&direction=up", &["graph", "--select", "+indicators"]),
        ("lineage?asset=indicators&direction=down&depth=1", &["graph", "--select", "indicators+1"]),
        ("lineage?asset=indicators", &["graph", "--select", "+indicators+"]),
        ("plan", &["plan"]),
        (
            "plan?select=scores&from=2015-07-01&to=2015-07-03&force=true&only=true",
            &["plan", "--select", "scores", "--from", "2015-07-01", "--to", "2015-07-03", "--force", "--only"],
        ),
        ("explain/scores/2015-07-20", &["explain", "scores@2015-07-20"]),
        (
            "explain/scores/2015-07-20?instrument=sh.600036",
            &["explain", "scores@2015-07-20", "--instrument", "sh.600036"],
        ),
        ("explain/listing", &["explain", "listing"]),
        ("runs/1", &["runs", "1"]),
        ("queue", &["queue"]),
        ("jobs", &["job", "list"]),
        ("jobs/sync", &["job", "show", "sync"]),
        ("statistics", &["runs", "--stats"]),
        ("schedules", &["schedule", "list"]),
        ("schedules/next?limit=5", &["schedule", "next", "-n", "5"]),
        (
            "schedules/preview?schedule=sync_0900&from=2017-12-25&to=2018-01-05",
            &["schedule", "preview", "sync_0900", "--from", "2017-12-25", "--to", "2018-01-05"],
        ),
        ("checks", &["checks"]),
        (
            "checks?select=completed_bars&from=2015-07-01",
            &["checks", "--select", "completed_bars", "--from", "2015-07-01"],
        ),
    ] {
        assert_eq!(served.get(&format!("/api/v1/{path}")).is(200).json(), project.json(args), "{path}");
    }
    let scores = served.get("/api/v1/assets/scores").is(200).json();
    assert_eq!(scores["columns"], project.json(&["ls", "--select", "scores"])[0]["columns"]);
    assert_eq!(scores["windows"], project.json(&["ls", "--select", "scores", "--windows"]));
    assert_eq!(scores["head"], project.json(&["status", "--select", "scores"])[0]);
    let query = "select * from scores order by session, instrument limit 5";
    let body = serde_json::json!({ "query": query }).to_string();
    assert_eq!(served.ask("POST", "/api/v1/sql", &[], &body).is(200).json(), project.json(&["sql", query]));
    assert_eq!(served.get("/health").is(200).json()["alive"], true);
    let ready = served.get("/ready").is(200).json();
    assert_eq!(ready["daemon"], project.json(&["queue"])["daemon"]);
    assert_eq!(ready["project"], Value::Null);
    #[cfg(unix)]
    served.end();
}

/// All pages of a list, one after the other.
#[track_caller]
fn walked(served: &Served, path: &str, limit: usize) -> Value {
    let (mut walked, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = served.get(&format!("/api/v1/{path}?limit={limit}{cursor}")).is(200).json();
        let items = page["items"].as_array().unwrap();
        walked.extend(items.clone());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert_eq!(items.len(), limit, "{path}");
    }
    assert_eq!(pages, walked.len().div_ceil(limit).max(1), "{path}");
    Value::Array(walked)
}

#[test]
fn long_lists_come_in_pages() {
    let project = project("");
    for day in ["2015-08-03", "2015-08-04", "2015-08-05"] {
        project.run(&["materialize", "--select", "scores", "--from", day, "--to", day, "--force", "--only"]).ok();
    }
    project.command(&["serve", "-q", "--simulate", "2015-07-01..2015-07-07"]).status().unwrap();
    let served = Served::new(&project);
    let all = items(served.get("/api/v1/assets/scores/partitions?limit=1000").is(200).json());
    let held = project.rows("select count(*) as n from assetctl.partitions where asset = 'scores'")[0]["n"].as_u64();
    assert_eq!(all.as_array().unwrap().len() as u64, held.unwrap());
    assert_eq!(walked(&served, "assets/scores/partitions", 7), all);
    assert_eq!(walked(&served, "assets/listing/partitions", 1).as_array().unwrap().len(), 1);
    assert_eq!(walked(&served, "assets", 2), project.json(&["ls"]));
    let runs = walked(&served, "runs", 1);
    assert!(runs.as_array().unwrap().len() >= 4);
    assert_eq!(runs, project.json(&["runs"]));
    let ticks = walked(&served, "ticks", 2);
    assert!(ticks.as_array().unwrap().len() >= 5, "{ticks}");
    assert_eq!(ticks, project.json(&["schedule", "history", "-n", "1000"]));
    let mut queued = project.json(&["queue", "-n", "1000"])["requests"].as_array().unwrap().clone();
    queued.sort_by_key(|request| std::cmp::Reverse(request["id"].as_u64()));
    assert!(queued.len() >= 5);
    assert_eq!(walked(&served, "requests", 2), Value::Array(queued));
    served.get("/api/v1/runs?cursor=yesterday").is_problem(422, "cursor");
    served.get("/api/v1/runs?limit=0").is_problem(422, "between 1 and 1000");
    served.get("/api/v1/assets?cursor=nobody").is_problem(422, "cursor");
}

#[test]
fn mistakes_have_one_form_and_say_what_to_do() {
    let project = project("");
    let served = Served::new(&project);
    served.get("/api/v1/assets/score").is_problem(404, "did you mean `scores`?");
    served.get("/api/v1/assets?select=nobody").is_problem(422, "nobody");
    served.get("/api/v1/explain/scores/2015-08-01").is_problem(422, "2015-08-01");
    served.get("/api/v1/explain/scores/yesterday").is_problem(400, "session");
    served.get("/api/v1/plan?from=yesterday").is_problem(400, "from");
    served.get("/api/v1/plan?form=2015-07-01").is_problem(400, "form");
    served.get("/api/v1/lineage?depth=0").is_problem(422, "depth");
    served.get("/api/v1/lineage?asset=scores&select=scores").is_problem(422, "not both");
    served.get("/api/v1/runs/99").is_problem(404, "there is no run 99");
    served.get("/api/v1/requests/99").is_problem(404, "there is no request 99");
    served.get("/api/v1/jobs/synk").is_problem(404, "did you mean `sync`?");
    served.get("/api/v1/ticks?schedule=clos").is_problem(404, "did you mean `close`?");
    served.get("/api/v1/nothing").is_problem(404, "/openapi.json");
    let refused = served.ask("DELETE", "/api/v1/assets", &[], "");
    assert_eq!(refused.header("allow"), "GET,HEAD");
    refused.is_problem(405, "Allow");
    served.ask("POST", "/api/v1/sql", &[], "{\"query\": 1}").is_problem(422, "query");
    served.ask("POST", "/api/v1/sql", &[], "select 1").is_problem(400, "JSON");
    served
        .ask("POST", "/api/v1/sql", &[("Content-Type", "text/plain")], "select 1")
        .is_problem(415, "application/json");
    let large = format!("{{\"query\": \"{}\"}}", "x".repeat(70_000));
    served.ask("POST", "/api/v1/sql", &[], &large).is_problem(413, "larger");
    served.ask("GET", "/api/v1/assets", &[("Host", "desk.evil.example")], "").is_problem(403, "host");
    assert!(served.get("/api/v1/assets").header("access-control-allow-origin").is_empty());
}

#[test]
fn what_somebody_has_is_not_sent_again() {
    let project = project("  \napi: { origins: [\"https://desk.example\"] }\n");
    let served = Served::new(&project);
    let first = served.get("/api/v1/status").is(200);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let second = served.ask("GET", "/api/v1/status", &[("If-None-Match", &tag)], "").is(304);
    assert_eq!((second.header("etag"), second.body.as_str()), (tag.as_str(), ""));
    project.run(&["materialize", "--select", "scores", "--from", "2015-08-03", "--to", "2015-08-05", "--force"]).ok();
    served.ask("GET", "/api/v1/runs", &[("If-None-Match", &tag)], "").is(200);
    // Pages of the origins that are named may read it, and of others none.
    let asked = |origin: &str| {
        let answer = served.ask("GET", "/api/v1/assets", &[("Origin", origin)], "").is(200);
        answer.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(asked("https://desk.example"), "https://desk.example");
    assert_eq!(asked("https://evil.example"), "");
}

#[test]
fn the_document_is_the_one_in_the_repository() {
    let project = project("");
    let written = project.run(&["schema", "api"]).ok();
    let kept = std::fs::read_to_string(repository().join("docs/openapi.json")).unwrap();
    assert!(written.stdout == kept, "`assetctl schema api > docs/openapi.json` writes it anew");
    let served = Served::new(&project);
    let document = served.get("/openapi.json").is(200).json();
    assert_eq!(document, written.json());
    // Whatever can be asked says what comes of it, and what may go wrong; whatever acts needs the token.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
            let has_mistakes = ["/health", "/openapi.json"].contains(&path.as_str()) || responses.len() > 1;
            assert!(has_mistakes, "{name}");
            let is_action = method == "post" && !path.ends_with("/sql");
            assert_eq!(operation["security"] == serde_json::json!([{ "token": [] }]), is_action, "{name}");
            let given = path.split('/').filter(|step| step.starts_with('{')).count();
            let named = operation["parameters"]
                .as_array()
                .map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count());
            assert_eq!(given, named, "{name}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}
