//! Programs: what they are told, what is taken of what they make, and how they end.

use std::process::Command;

use crate::support::bars::FIRST;
use crate::support::{Project, assert_same, date, from_on, sessions, wait_until};

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02

assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }

  plain_bars:
    kind: sql
    query: select instrument, close from {{ ref('raw_bars') }}
    columns: { instrument: text, close: number }

  alpha:
    kind: exec
    command: [python3, scripts/alpha.py]
    inputs: { bars: { asset: plain_bars, sessions: 3 } }
    columns: { instrument: text, rows: number, sessions: text }
    params: { scale: 2 }

  doubled:
    kind: sql
    query: select instrument, rows * 2 as rows from {{ ref('alpha') }}
    columns: { instrument: text, rows: number }
";

/// Counts what it is given, without a library that reads Parquet: a file of it names its sessions nowhere that the standard library could
/// read, so it tells by the task alone.
const SCRIPT: &str = r#"
import csv, json, os, sys

task = json.load(open(sys.argv[-1]))
assert sys.argv[-1] == os.environ["ASSETCTL_TASK"], "the task is told twice, alike"
assert task["form"] == 1 and task["asset"] == "alpha", task
assert task["columns"] == {"instrument": "text", "rows": "number", "sessions": "text"}, task
bars = task["inputs"]["bars"]
assert bars["asset"] == "plain_bars" and open(bars["path"], "rb").read(4) == b"PAR1"
print(json.dumps({"progress": 0.5}))
print(json.dumps({"log": "half of it"}))
with open(task["output"]["csv"], "w", newline="") as out:
    rows = csv.writer(out)
    rows.writerow(["session", "instrument", "rows", "sessions"])
    for session in task["sessions"]:
        for name in ["b", "a"]:
            rows.writerow([session, name, task["params"]["scale"], bars["first"] + "…" + bars["last"]])
print(json.dumps({"metric": "made", "value": 2 * len(task["sessions"])}))
"#;

/// Whether there is a Python to run the scripts; a test without one says so and passes.
fn has_python(test: &str) -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: {test}: there is no python3");
    }
    there
}

fn project(last: &str, script: &str) -> Project {
    let project = Project::of(&["sh.600028", "sh.600036"], FIRST, last, YAML);
    project.write("scripts/alpha.py", script);
    project
}

#[test]
fn a_program_is_given_its_windows_and_what_it_makes_is_an_asset_like_others() {
    if !has_python("a program is given its windows") {
        return;
    }
    let mut project = project("2015-03-31", SCRIPT);
    let made = project.run(&["materialize", "--format", "json"]).ok();
    let all = sessions(FIRST, "2015-03-31");
    made.ran().assert(&[("raw_bars", &all), ("plain_bars", &all), ("alpha", &all), ("doubled", &all)]);
    let report = made.json();
    let alpha =
        report["run"]["assets"].as_array().unwrap().iter().find(|asset| asset["asset"] == "alpha").unwrap().clone();
    assert_eq!(alpha["metrics"], serde_json::json!({ "made": 2.0 }));
    let rows = project.rows("select * from alpha where session = date '2015-03-05'");
    assert_eq!(
        rows,
        [
            serde_json::json!({ "session": "2015-03-05", "instrument": "a", "rows": 2.0, "sessions": "2015-03-03…2015-03-05" }),
            serde_json::json!({ "session": "2015-03-05", "instrument": "b", "rows": 2.0, "sessions": "2015-03-03…2015-03-05" }),
        ]
    );

    // A correction reaches as far as the window, and no further where nothing comes out different.
    project.edit_close("sh.600028", "2015-03-05", 7.0);
    let day = date("2015-03-05");
    project.materialize().assert(&[("raw_bars", &[day]), ("plain_bars", &[day]), ("alpha", &from_on("2015-03-05", 3))]);
    // The script, and a parameter, are what the asset is; a comment of the project is not.
    project.write("scripts/alpha.py", format!("{SCRIPT}\n# better\n"));
    assert_eq!(project.materialize().of_asset("alpha"), all);
    project.edit_yaml("scale: 2", "scale: 3");
    let ran = project.materialize();
    assert_eq!((ran.of_asset("alpha"), ran.of_asset("doubled")), (all.as_slice(), all.as_slice()));
    project.edit_yaml("    kind: exec\n", "    kind: exec\n    description: counts\n");
    project.materialize().assert_nothing();
    project.run(&["check", "--look-ahead", "--select", "alpha"]).ok().says(&["the same, bit for bit"]);
}

#[test]
fn what_was_made_before_a_call_failed_is_kept() {
    if !has_python("what was made before a call failed is kept") {
        return;
    }
    let script = SCRIPT.replace(
        "task = json.load(open(sys.argv[-1]))\n",
        "task = json.load(open(sys.argv[-1]))\nif os.path.exists(\"broken\") and \"2015-03-10\" in task[\"sessions\"]: sys.exit(\"out of luck\")\n",
    );
    let project = project("2015-03-31", &script);
    project.edit_yaml("    params:", "    checks: [{ range: { column: rows, min: 2 } }]\n    params:");
    project.write("broken", "");
    let failed = project.run(&["materialize", "--format", "json"]).exits(5);
    let ran = failed.ran();
    let (all, made) = (sessions(FIRST, "2015-03-31"), ran.of_asset("alpha"));
    // Which of the later calls were made depends on how many programs run at once.
    assert!(sessions(FIRST, "2015-03-09").iter().all(|session| made.contains(session)), "{made:?}");
    assert!(!made.contains(&date("2015-03-10")));
    let report = failed.json();
    let assets = report["run"]["assets"].as_array().unwrap();
    let of = |name: &str| assets.iter().find(|asset| asset["asset"] == name).unwrap();
    assert_eq!((&of("alpha")["status"], &of("doubled")["status"]), (&"failed".into(), &"blocked".into()));
    let error = of("alpha")["error"].as_str().unwrap();
    assert!(error.contains("on 2015-03-10") && error.contains("out of luck"), "{error}");
    let kept = project.rows("select count(distinct session) as n from alpha");
    assert_eq!(kept[0]["n"], made.len());

    // The next run makes the rest, and no more.
    std::fs::remove_file(project.path("broken")).unwrap();
    let rest: Vec<_> = all.iter().copied().filter(|session| !made.contains(session)).collect();
    project.materialize().assert(&[("alpha", &rest), ("doubled", &all)]);
    assert_same(&project.rebuilt_with(&["scripts/alpha.py"]), &project.contents());
}

#[test]
fn several_sessions_a_call_is_told_by_the_audit_if_it_makes_a_difference() {
    if !has_python("several sessions a call") {
        return;
    }
    let project = project("2015-02-13", SCRIPT);
    project.edit_yaml("    params:", "    batch: 5\n    params:");
    project.materialize();
    // The program says how far its window reached, which with five sessions at once is not each session's own.
    let checked = project.run(&["check", "--look-ahead", "--select", "alpha"]).exits(6);
    checked.says(&["came out otherwise", "`sessions` differs"]);
    project.write("scripts/alpha.py", SCRIPT.replace("bars[\"first\"] + \"…\" + bars[\"last\"]", "session"));
    project.materialize();
    project.run(&["check", "--look-ahead", "--select", "alpha"]).ok();
    let batched = project.contents();
    project.edit_yaml("batch: 5", "batch: 1");
    project.materialize().assert_nothing();
    assert_same(&batched, &project.rebuilt_with(&["scripts/alpha.py"]));
}

#[test]
fn what_is_not_as_declared_is_refused_in_words() {
    if !has_python("what is not as declared") {
        return;
    }
    let project = project("2015-02-03", SCRIPT);
    let write = |header: &str, rows: &[&str]| {
        let rows: String = rows.iter().map(|row| format!("    out.write({row} + '\\n')\n")).collect();
        format!(
            "import json, sys\ntask = json.load(open(sys.argv[-1]))\nday = task['sessions'][0]\n\
             with open(task['output']['csv'], 'w') as out:\n    out.write('{header}\\n')\n{rows}"
        )
    };
    let good = "instrument,rows,sessions";
    for (script, words) in [
        ("import sys\nsys.exit('no licence')\n".to_owned(), "it ended with code 1; the last it said:\n  no licence"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n".to_owned(), "it was ended by signal 15"),
        ("pass\n".to_owned(), "wrote neither of the files"),
        (write("instrument,rows", &["'a,1'"]), "the result lacks column `sessions`"),
        (write("instrument,rows,sessions,x", &["'a,1,b,c'"]), "a column `x` that `columns:` does not declare"),
        (write(good, &["'a,high,b'"]), "Could not convert string 'high' to DOUBLE"),
        (write(good, &["'a,1,b'", "'a,2,b'"]), "two rows with the key ("),
        (write(good, &["',1,b'"]), "a row without `instrument`, which is part of the key"),
        (
            write("instrument,rows,sessions,session", &["'a,1,b,2015-02-04'"]),
            "a row of session 2015-02-04, which was not asked for",
        ),
    ] {
        project.write("scripts/alpha.py", script);
        let output = project.run(&["materialize"]).exits(5);
        output.says(&["the program of `alpha` fails on 2015-02-0", words, "blocked"]);
    }
    project.edit_yaml("[python3, scripts/alpha.py]", "[pythn3, scripts/alpha.py]");
    project.run(&["materialize"]).exits(5).says(&["there is no program `pythn3`"]);
    // No rows are a partition like any other; with the header alone, too.
    project.edit_yaml("pythn3", "python3");
    project.write("scripts/alpha.py", write(good, &[]));
    assert_eq!(project.materialize().of_asset("alpha"), sessions(FIRST, "2015-02-03"));
}

#[test]
fn a_secret_reaches_the_program_and_nothing_else() {
    if !has_python("a secret reaches the program") {
        return;
    }
    let script =
        "import os, sys\nprint(os.environ['KEY'], os.environ['MODE'])\nsys.exit('refused: ' + os.environ['KEY'])\n";
    let project = project("2015-02-03", script);
    project.edit_yaml("    params:", "    env: { KEY: { env: ALPHA_KEY }, MODE: fast }\n    params:");
    let run = |args: &[&str]| {
        let output = project.command(args).env("ALPHA_KEY", "hunter2").output().unwrap();
        crate::support::Output::new("materialize".into(), &output)
    };
    let failed = run(&["materialize", "-v", "--now", "2018-06-01T00:00:00Z"]).exits(5);
    failed.says(&["refused: ***", "*** fast"]);
    assert!(!failed.to_string().contains("hunter2"), "{failed}");
    for (path, _) in crate::support::files_below(&project.path("data")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{}", path.display());
    }
    project.run(&["materialize"]).exits(5).says(&["`env.KEY`", "`ALPHA_KEY` is not set"]);
}

/// A program that starts a child which would write a file after a while, and waits for it.
const SLOW: &str = r#"
import json, subprocess, sys, time

task = json.load(open(sys.argv[-1]))
started = task["params"]["started"]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(started, "w").write(str(child.pid))
child.wait()
"#;

#[cfg(unix)]
fn is_alive(pid: &str) -> bool {
    // A process that has ended and that nobody has asked after is not alive either.
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[cfg(unix)]
fn slow(more: &str) -> Project {
    let project = project("2015-02-03", SLOW);
    let started = project.path("started").display().to_string();
    project.edit_yaml("params: { scale: 2 }", &format!("params: {{ started: '{started}' }}{more}"));
    project
}

/// The child of the program, once it is there.
#[cfg(unix)]
fn child(project: &Project) -> String {
    let path = project.path("started");
    wait_until("the program has started", || std::fs::read_to_string(&path).is_ok_and(|pid| !pid.is_empty()));
    project.read("started")
}

#[cfg(unix)]
#[test]
fn when_the_run_is_cancelled_or_killed_the_program_ends_with_its_children() {
    if !has_python("when the run is cancelled") {
        return;
    }
    for how in ["interrupt", "kill"] {
        let project = slow("");
        let run = project.start(&["materialize", "--jobs", "1"]);
        let pid = child(&project);
        assert!(is_alive(&pid));
        match how {
            "interrupt" => {
                run.interrupt();
                run.wait().exits(130);
            }
            _ => drop(run.kill()),
        }
        wait_until("the program's child has ended", || !is_alive(&pid));
    }
}

#[cfg(unix)]
#[test]
fn a_program_that_takes_too_long_is_ended_with_its_children() {
    if !has_python("a program that takes too long") {
        return;
    }
    let project = slow("\n    timeout: 2s");
    project.run(&["materialize"]).exits(5).says(&["a batch took longer than its `timeout:`"]);
    let pid = child(&project);
    wait_until("the program's child has ended", || !is_alive(&pid));
}

#[test]
fn the_example_holds_together() {
    let folder = crate::support::repository().join("examples/exec");
    let output = Command::new(env!("CARGO_BIN_EXE_assetctl")).arg("-p").arg(folder).arg("validate").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
