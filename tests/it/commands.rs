//! Every command: its JSON, its exit codes, its words.

use serde_json::Value;

use crate::support::{Project, assert_same, files_below, repository, sessions_from};

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_project_works_as_it_stands() {
    let project = Project::empty();
    project.run(&["init"]).ok().says(&["assetctl plan", "assetctl materialize"]);
    project.run(&["validate"]).ok().says(&["5 assets valid"]);
    project.run(&["plan", "--exit-code"]).exits(4);
    let ran = project.materialize();
    let signals = ran.of_asset("signals").len();
    assert!(signals > 100, "{signals}");
    assert_eq!(ran.0.values().map(Vec::len).collect::<Vec<_>>(), [signals; 5]);
    project.materialize().assert_nothing();
    let best = project.rows("select * from signals order by session desc, rank limit 2");
    assert_eq!(best.len(), 2);
    assert_eq!((&best[0]["rank"], &best[1]["rank"]), (&1.0.into(), &2.0.into()));
}

#[test]
fn a_new_project_in_a_folder_of_its_own() {
    let project = Project::empty();
    project.run(&["init", "新 one/deep"]).ok();
    project.run(&["validate"]).exits(2).says(&["there is no `assets.yaml`", "assetctl init", "--project"]);
    for at in ["新 one/deep", "新 one/deep/assets.yaml"] {
        project.run(&["validate", "--project", at]).ok();
    }
    // From a folder below, the file above is found.
    let below = project.path("新 one/deep/data/source");
    let output = project.command(&["validate"]).current_dir(below).output().unwrap();
    assert!(output.status.success());
}

#[test]
fn a_new_project_overwrites_nothing() {
    let project = Project::new();
    let before = files_below(&project.root());
    project.run(&["init"]).exits(2).says(&["assets.yaml", "exists already", "nothing was written"]);
    assert_eq!(files_below(&project.root()), before);
}

#[test]
fn listing_assets() {
    let project = Project::new();
    project.edit_yaml("    kind: scores\n", "    kind: scores\n    description: how attractive\n    owner: research\n");
    let listed = project.json(&["ls"]);
    assert_eq!(names(&listed, "asset"), ["raw_bars", "listing", "completed_bars", "indicators", "scores", "signals"]);
    let scores = &listed[4];
    let expected = ["asset", "kind", "calendar", "start", "inputs", "columns", "tags", "owner", "description"];
    assert_eq!(keys(scores), expected);
    assert_eq!(
        (&scores["kind"], &scores["calendar"], &scores["start"]),
        (&"scores".into(), &"XSHG".into(), &"2015-02-02".into())
    );
    assert_eq!((&scores["owner"], &scores["description"]), (&"research".into(), &"how attractive".into()));
    assert_eq!(scores["inputs"], serde_json::json!([{ "asset": "indicators", "back": 0 }]));
    assert_eq!(listed[3]["inputs"], serde_json::json!([{ "asset": "completed_bars", "back": 20 }]));
    assert_eq!(names(&scores["columns"], "name"), ["instrument", "momentum", "calm", "score"]);
    assert_eq!(names(&scores["columns"], "type"), ["text", "number", "number", "number"]);
    project.run(&["ls"]).ok().says(&["completed_bars (last 21)", "how attractive"]);
    project.run(&["ls", "--columns", "--select", "completed_bars"]).ok().says(&["is_suspended", "bool"]);
}

#[test]
fn drawing_the_graph() {
    let project = Project::new();
    let graph = project.json(&["graph"]);
    assert_eq!(keys(&graph), ["assets", "edges"]);
    assert_eq!(graph["assets"].as_array().unwrap().len(), 6);
    let edge = |from: &str, to: &str, back: u32| serde_json::json!({ "from": from, "to": to, "back": back });
    let mut edges = graph["edges"].as_array().unwrap().clone();
    edges.sort_by_key(|edge| edge["to"].as_str().unwrap().to_owned() + edge["from"].as_str().unwrap());
    let expected = [
        edge("listing", "completed_bars", 0),
        edge("raw_bars", "completed_bars", 0),
        edge("completed_bars", "indicators", 20),
        edge("indicators", "scores", 0),
        edge("scores", "signals", 0),
    ];
    assert_eq!(edges, expected);

    let text = project.run(&["graph"]).ok().stdout;
    for asset in names(&graph["assets"], "asset") {
        assert_eq!(
            text.lines()
                .filter(|line| line.trim_start_matches(['├', '└', '│', '─', ' ']).starts_with(&format!("{asset} (")))
                .count(),
            1,
            "{text}"
        );
    }
    let dot = project.run(&["graph", "--form", "dot"]).ok().stdout;
    assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    assert!(dot.contains("\"completed_bars\" -> \"indicators\" [label=\"21\"];"), "{dot}");
    let mermaid = project.run(&["graph", "--form", "mermaid"]).ok().stdout;
    assert!(mermaid.starts_with("graph LR\n") && mermaid.contains("completed_bars -->|21| indicators"), "{mermaid}");
    let part = project.json(&["graph", "--select", "scores+"]);
    assert_eq!(names(&part["assets"], "asset"), ["scores", "signals"]);
    assert_eq!(part["edges"].as_array().unwrap().len(), 1);
}

#[test]
fn the_schema_is_the_one_that_is_committed() {
    let project = Project::empty();
    let schema = project.run(&["schema"]).ok();
    let committed = std::fs::read_to_string(repository().join("assets.schema.json")).unwrap();
    assert_eq!(
        schema.json(),
        serde_json::from_str::<Value>(&committed).unwrap(),
        "run `assetctl schema > assets.schema.json`"
    );
    assert!(keys(&schema.json()).contains(&"$schema".to_owned()));
}

#[test]
fn completion_scripts() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = project.run(&["completions", shell]).ok();
        script.says(&["assetctl", "materialize", "backfill"]);
    }
    project.run(&["completions", "csh"]).exits(2);
}

#[test]
fn validating() {
    let project = Project::new();
    let good = project.json(&["validate"]);
    assert_eq!(keys(&good), ["valid", "assets", "jobs", "schedules", "sensors", "observers", "diagnostics"]);
    assert_eq!((&good["valid"], &good["assets"]), (&true.into(), &6.into()));

    project.edit_yaml("mean(volume, 5)", "men(volume, 5)");
    project.run(&["validate"]).exits(3).says(&["assets.yaml:33:", "men(volume, 5)", "did you mean `mean`"]);
    let bad = project.run(&["validate", "--format", "json"]).exits(3).json();
    assert_eq!(bad["valid"], false);
    let found = &bad["diagnostics"][0];
    assert_eq!(keys(found), ["severity", "message", "file", "line", "column", "help"]);
    assert_eq!((&found["severity"], &found["line"]), (&"error".into(), &33.into()));
    for args in [&["plan"][..], &["materialize"], &["ls"], &["sql", "select 1"], &["explain", "scores"]] {
        project.run(args).exits(3).says(&["did you mean `mean`"]);
    }
    assert!(!project.path("data/state.db").exists());
}

#[test]
fn wrong_usage() {
    let project = Project::new();
    for args in [
        &["materialise"][..],
        &[],
        &["plan", "--from", "yesterday"],
        &["materialize", "--jobs", "0"],
        &["backfill", "--select", "scores"],
        &["sql", "select 1", "--file", "x.sql"],
        &["runs", "one"],
        &["plan", "--format", "yaml"],
    ] {
        project.run(args).exits(2);
    }
    project.run(&["--version"]).ok().says(&["assetctl 0."]);
    project.run(&["--help"]).ok().says(&["Exit codes", "materialize"]);
}

#[test]
fn the_state_of_assets() {
    let mut project = Project::new();
    let before = project.json(&["status", "--select", "raw_bars"]);
    let expected = [
        "asset",
        "kind",
        "states",
        "materialized",
        "partitions",
        "first",
        "last",
        "stale",
        "possibly_stale",
        "blocked",
        "revision",
        "checks_failed",
        "checks_warned",
    ];
    assert_eq!(keys(&before[0]), expected);
    assert_eq!(
        (&before[0]["materialized"], &before[0]["partitions"], &before[0]["stale"]),
        (&0.into(), &143.into(), &143.into())
    );
    project.materialize();
    for asset in project.json(&["status"]).as_array().unwrap() {
        assert_eq!(asset["states"], serde_json::json!(["clean"]), "{asset}");
        assert_eq!(asset["materialized"], asset["partitions"], "{asset}");
    }
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let after = project.json(&["status", "--select", "raw_bars indicators"]);
    assert_eq!((&after[0]["stale"], &after[0]["states"]), (&1.into(), &serde_json::json!(["stale"])));
    // Up to the end, if the close were carried so far.
    assert_eq!(
        (&after[1]["stale"], &after[1]["possibly_stale"]),
        (&0.into(), &sessions_from("2015-03-04").len().into())
    );
    project.run(&["status"]).ok().says(&["143/143", "2015-08-31"]);
}

#[test]
fn runs() {
    let mut project = Project::new();
    project.run(&["runs"]).ok().says(&["nothing was ever run here"]);
    assert_eq!(project.json(&["runs"]), serde_json::json!([]));
    project.materialize();
    project.materialize();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    project.materialize_with(&["--select", "completed_bars"]);
    let listed = project.json(&["runs"]);
    // Newest first; a materialization with nothing to do is no run.
    let ids: Vec<u64> = listed.as_array().unwrap().iter().map(|run| run["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [2, 1]);
    let expected = [
        "id",
        "command",
        "selection",
        "status",
        "started_at",
        "finished_at",
        "start_rev",
        "end_rev",
        "asset_count",
        "changed",
    ];
    assert_eq!(keys(&listed[0]), expected);
    assert_eq!((&listed[0]["status"], &listed[0]["changed"]), (&"succeeded".into(), &2.into()));
    assert_eq!(listed[1]["changed"], 5 * 143 + 1);
    assert_eq!(project.json(&["runs", "-n", "1"]).as_array().unwrap().len(), 1);

    let one = project.json(&["runs", "2"]);
    assert_eq!(one["selection"], "completed_bars");
    assert!(one["plan"]["assets"].is_array() && one["checks"].is_array());
    assert_eq!(names(&one["assets"], "asset"), ["raw_bars", "completed_bars"]);
    assert_eq!(one["assets"][1]["ran"], serde_json::json!(["2015-03-04"]));
    project.run(&["runs", "2"]).ok().says(&["run 2: succeeded", "completed_bars"]);
    project.run(&["runs", "3"]).exits(2).says(&["there is no run 3"]);
}

#[test]
fn explaining() {
    let mut project = Project::new();
    let never = project.run(&["explain", "scores@2015-03-04"]).ok();
    never.says(&["scores@2015-03-04 is stale: never materialized"]);
    project.materialize();
    let clean = project.json(&["explain", "scores@2015-03-11"]);
    assert_eq!(keys(&clean), ["asset", "session", "state", "why", "spec", "built", "reads", "causes"]);
    assert_eq!((&clean["state"], &clean["built"]["run"]), (&"clean".into(), &1.into()));
    assert_eq!(clean["built"]["why"], "never materialized");
    assert_eq!(keys(&clean["reads"][0]), ["asset", "columns", "first", "last", "sessions", "newest_revision"]);
    assert_eq!(clean["reads"][0]["columns"], serde_json::json!(["ret_5", "vol_20"]));

    // A correction is the cause of what it will reach, all the way down.
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let mut cause = project.json(&["explain", "scores@2015-03-11"]);
    let mut chain = Vec::new();
    loop {
        chain.push((
            cause["asset"].as_str().unwrap().to_owned(),
            cause["session"].as_str().unwrap().to_owned(),
            cause["state"].as_str().unwrap().to_owned(),
        ));
        match cause["causes"].get(0) {
            Some(next) => cause = next.clone(),
            None => break,
        }
    }
    let step = |asset: &str, session: &str, state: &str| (asset.to_owned(), session.to_owned(), state.to_owned());
    let expected = [
        step("scores", "2015-03-11", "possibly stale"),
        step("indicators", "2015-03-11", "possibly stale"),
        step("completed_bars", "2015-03-04", "possibly stale"),
        step("raw_bars", "2015-03-04", "stale"),
    ];
    assert_eq!(chain, expected);
    project.run(&["explain", "scores@2015-03-11"]).ok().says(&["source revised: data/source/bars/bars.csv"]);
    project.materialize();
    let built = project.run(&["explain", "scores@2015-03-11"]).ok();
    built.says(&[
        "is clean",
        "built by run 2",
        "`indicators` came out different",
        "raw_bars@2015-03-04",
        "source revised",
    ]);
    assert_eq!(project.json(&["explain", "scores@2015-03-03"])["built"]["run"], 1);

    // Where the spec is the cause.
    project.edit_yaml("0.6 * momentum", "0.5 * momentum");
    project.run(&["explain", "scores@2015-03-11"]).ok().says(&["scores@2015-03-11 is stale: spec changed"]);
    // Without a date: the first stale session.
    project.run(&["explain", "scores"]).ok().says(&["scores@2015-02-02 is stale"]);
    project.run(&["explain", "listing"]).ok().says(&["listing is clean"]);
    let row = project.run(&["explain", "completed_bars@2015-04-03", "--instrument", "sh.600036"]).ok();
    row.says(&["sh.600036", "is_suspended"]);
    let row = project.run(&["explain", "completed_bars@2015-04-03", "--instrument", "sh.600036", "--format", "json"]);
    let row = row.ok().json()["row"].clone();
    assert_eq!(
        (&row[0]["instrument"], &row[0]["session"], &row[0]["is_suspended"], row.as_array().unwrap().len()),
        (&"sh.600036".into(), &"2015-04-03".into(), &true.into(), 1)
    );
    let nobody = ["explain", "completed_bars@2015-04-03", "--instrument", "nobody"];
    project.run(&nobody).ok().says(&["there is no row of `nobody`"]);
    assert_eq!(project.json(&nobody)["row"], serde_json::json!([]));

    project.run(&["explain", "scores@2015-03-07"]).exits(2).says(&["2015-03-07", "XSHG"]);
    project.run(&["explain", "scores@someday"]).exits(2).says(&["`someday` is not a date"]);
    project.run(&["explain", "score"]).exits(2).says(&["did you mean `scores`"]);
    project.run(&["explain", "s*"]).exits(2).says(&["more than one asset"]);
    project.run(&["explain", "scores@2016-03-04"]).ok().says(&["not part of the asset", "143 sessions"]);
}

#[test]
fn collecting_what_no_snapshot_needs() {
    let mut project = Project::new();
    project.materialize();
    let close = "select close from completed_bars where instrument = 'sh.600028' and session = '2015-03-04'";
    let first = project.bars().close("sh.600028", "2015-03-04");
    for price in [6.11, 6.12, 6.13] {
        project.edit_close("sh.600028", "2015-03-04", price);
        project.materialize();
    }
    let contents = project.contents();
    let as_of = |project: &Project, run: &str| project.run(&["sql", close, "--as-of", run, "--output", "csv"]);
    let reads = |price: f64| format!("close\n{price}\n");
    assert_eq!(as_of(&project, "1").ok().stdout, reads(first));

    // By default the last days are kept: nothing goes.
    let kept = project.json(&["gc"]);
    let removed = ["dry_run", "segments", "files", "orphans", "warehouses", "leftovers", "bytes", "kept", "busy"];
    let forgotten = ["requests", "ticks", "runs", "logs", "held_off"];
    assert_eq!(keys(&kept), [&removed[..], &forgotten[..]].concat());
    assert_eq!((&kept["segments"], &kept["files"]), (&0.into(), &0.into()));

    let before = files_below(&project.root());
    let would = project.json(&["gc", "--keep-runs", "2", "--keep-days", "0", "--dry-run"]);
    assert_eq!(files_below(&project.root()).len(), before.len());
    let did = project.json(&["gc", "--keep-runs", "2", "--keep-days", "0"]);
    assert_eq!((&did["files"], &did["bytes"]), (&would["files"], &would["bytes"]));
    assert!(did["files"].as_u64().unwrap() > 0, "{did}");
    assert_eq!(
        before.len() - files_below(&project.root()).len(),
        did["files"].as_u64().unwrap() as usize
            + did["orphans"].as_u64().unwrap() as usize
            + did["warehouses"].as_u64().unwrap() as usize
    );

    // Kept runs can still be read, others say that they cannot.
    assert_eq!(as_of(&project, "4").ok().stdout, reads(6.13));
    assert_eq!(as_of(&project, "3").ok().stdout, reads(6.12));
    let gone = as_of(&project, "1");
    assert_ne!(gone.code, Some(0), "{gone}");
    gone.says(&["gc"]);
    assert_same(&contents, &project.contents());
    project.materialize().assert_nothing();
    project.run(&["gc", "--keep-runs", "2", "--keep-days", "0"]).ok().says(&["removed 0 files"]);
}

#[test]
fn quiet_says_nothing_but_results() {
    let project = Project::new();
    let run = project.run(&["materialize", "--quiet", "--format", "json"]).ok();
    assert_eq!(run.stderr, "");
    let human = Project::new();
    let run = human.run(&["materialize", "--color", "always"]).ok();
    run.says(&["completed_bars", "143"]);
    let plain = human.run(&["status", "--color", "never"]).ok();
    assert!(!plain.stdout.contains('\u{1b}'), "{plain}");
}

#[test]
fn the_json_of_plans_and_of_runs() {
    let mut project = Project::new();
    let plan = project.json(&["plan", "--select", "scores"]);
    assert_eq!(keys(&plan), ["now", "revision", "selection", "assets"]);
    assert_eq!((&plan["now"], &plan["selection"]), (&"2018-06-01T00:00:00Z".into(), &"scores".into()));
    // Inputs first.
    assert_eq!(names(&plan["assets"], "asset")[2..], ["completed_bars", "indicators", "scores"]);
    let selected: Vec<&Value> = plan["assets"].as_array().unwrap().iter().map(|asset| &asset["selected"]).collect();
    assert_eq!(selected, [false, false, false, false, true]);
    let scores = &plan["assets"][4];
    let expected = ["asset", "kind", "selected", "spec", "partitions", "first", "last", "stale", "blocked", "obsolete"];
    assert_eq!(keys(scores), expected);
    assert_eq!(
        scores["stale"],
        serde_json::json!([{ "first": "2015-02-02", "last": "2015-08-31", "sessions": 143, "certain": true,
                             "reason": { "kind": "never_materialized" } }])
    );

    let first = project.json(&["materialize"]);
    assert_eq!(keys(&first), ["plan", "run"]);
    assert_eq!(keys(&first["run"]), ["run", "cancelled", "assets"]);
    let expected = [
        "asset",
        "status",
        "ran",
        "changed",
        "dropped",
        "rows",
        "computed",
        "bytes",
        "seconds",
        "error",
        "check_failed",
        "refused",
        "metrics",
    ];
    for asset in first["run"]["assets"].as_array().unwrap() {
        assert_eq!(keys(asset), expected);
        assert_eq!((&asset["status"], &asset["error"]), (&"ok".into(), &Value::Null));
    }
    assert_eq!(project.json(&["materialize"])["run"], Value::Null);

    // Why: a file, an input that may come out different, one that did, a spec.
    let reasons = |plan: &Value, asset: &str| -> Vec<Value> {
        let found = plan["assets"].as_array().unwrap().iter().find(|one| one["asset"] == asset).unwrap();
        found["stale"].as_array().unwrap().iter().map(|range| range["reason"].clone()).collect()
    };
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let plan = project.json(&["plan"]);
    assert_eq!(
        reasons(&plan, "raw_bars"),
        [serde_json::json!({ "kind": "source_revised", "files": ["data/source/bars/bars.csv"] })]
    );
    let of_one = serde_json::json!({ "first": "2015-03-04", "last": "2015-03-04", "sessions": 1 });
    assert_eq!(
        reasons(&plan, "completed_bars")[0],
        serde_json::json!({ "kind": "input_recomputed", "asset": "raw_bars", "dates": of_one })
    );
    project.materialize_with(&["--select", "raw_bars", "--only"]);
    let plan = project.json(&["plan"]);
    assert_eq!(
        reasons(&plan, "completed_bars")[0],
        serde_json::json!({ "kind": "input_changed", "asset": "raw_bars", "dates": of_one })
    );
    project.materialize();
    project.edit_yaml("0.6 * momentum", "0.5 * momentum");
    let changed = reasons(&project.json(&["plan"]), "scores");
    assert_eq!(
        (keys(&changed[0]), &changed[0]["kind"]),
        (vec!["kind".into(), "old".into(), "new".into()], &"spec_changed".into())
    );
    assert_ne!(changed[0]["old"], changed[0]["new"]);
    let forced = project.json(&["plan", "--select", "signals", "--only", "--force"]);
    assert_eq!(reasons(&forced, "signals"), [serde_json::json!({ "kind": "forced" })]);

    // Blocked: dates that were asked for, and have no data yet.
    let asked = ["plan", "--select", "raw_bars", "--from", "2015-08-28", "--to", "2015-09-02", "--force"];
    let asked = project.json(&asked);
    let range = |key: &str| {
        let range = &asked["assets"][0][key][0];
        serde_json::json!([range["first"], range["last"], range["sessions"], range["reason"]])
    };
    assert_eq!(range("stale"), serde_json::json!(["2015-08-28", "2015-08-31", 2, { "kind": "forced" }]));
    let no_data = serde_json::json!({ "kind": "no_data", "until": "2015-08-31" });
    assert_eq!(range("blocked"), serde_json::json!(["2015-09-01", "2015-09-02", 2, no_data]));
}

#[test]
fn the_json_of_a_backfill_and_of_a_run() {
    let project = Project::new();
    let backfill = ["backfill", "--select", "scores", "--from", "2015-03-02", "--to", "2015-03-06"];
    let made = project.json(&backfill);
    assert_eq!(keys(&made), ["plan", "run"]);
    assert_eq!(names(&made["run"]["assets"], "status"), ["ok"; 5]);
    assert_eq!(project.json(&backfill)["run"], Value::Null);
    let run = project.json(&["runs", "1"]);
    let listed = project.json(&["runs"]);
    for key in keys(&listed[0]) {
        assert_eq!(run[&key], listed[0][&key], "{key}");
    }
    assert_eq!(
        run["command"],
        "backfill --select scores --from 2015-03-02 --to 2015-03-06 --format json --now 2018-06-01T00:00:00Z"
    );
    for key in ["asset", "status", "planned", "ran", "changed", "rows", "bytes", "seconds", "error"] {
        assert!(!run["assets"][0][key].is_null() || key == "error", "{key}\n{run}");
        assert!(keys(&run["assets"][0]).contains(&key.to_owned()), "{key}\n{run}");
    }
    assert_eq!(run["plan"]["assets"], made["plan"]["assets"]);
}

#[test]
fn the_json_of_a_failed_check() {
    let mut project = Project::new();
    project.edit_close("sh.600028", "2015-03-04", -1.0);
    let failed = project.run(&["materialize", "--format", "json"]).exits(6).json();
    let assets = failed["run"]["assets"].as_array().unwrap();
    let of = |name: &str| assets.iter().find(|asset| asset["asset"] == name).unwrap();
    assert_eq!(
        (&of("completed_bars")["status"], &of("completed_bars")["check_failed"]),
        (&"failed".into(), &true.into())
    );
    assert_eq!((&of("scores")["status"], &of("scores")["check_failed"]), (&"ok".into(), &false.into()));
    assert_eq!(of("indicators")["waits"]["2015-03-04"], "a check of `completed_bars` fails");
    assert_eq!(of("scores")["waits"]["2015-03-04"], "`indicators` waits too");
    let run = project.json(&["runs", "1"]);
    assert_eq!(run["status"], "failed");
    let check = &run["checks"][0];
    assert_eq!(keys(check), ["asset", "session", "check", "severity", "message"]);
    assert_eq!(
        (&check["asset"], &check["session"], &check["check"], &check["severity"]),
        (&"completed_bars".into(), &"2015-03-04".into(), &"range".into(), &"error".into())
    );
    assert!(check["message"].as_str().unwrap().contains("sh.600028 (-1)"), "{check}");
    assert_eq!(run["checks"].as_array().unwrap().len(), 1);
}
