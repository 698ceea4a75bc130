//! Two runs at once, a run that is told to stop, and a run of which a part fails.

use crate::support::bars::INSTRUMENTS;
use crate::support::{Output, Project, Ran, STAGES, date, sessions, wait_until};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-06-30";

/// An asset that computes for a while on each session, and one beside it that does not.
fn with_slow(work: u64) -> String {
    format!(
        "{STAGES}
  slow:
    kind: sql
    query: select instrument, close + 0 * (select sum(range) from range({work})) as slow from {{{{ ref('raw_bars') }}}}

  below:
    kind: indicators
    input: slow
    columns: {{ twice: slow * 2 }}

  beside:
    kind: indicators
    input: raw_bars
    columns: {{ twice: close * 2 }}
"
    )
}

/// Seconds of work on any machine: a run that is still going on when it is looked at.
const LONG: u64 = 400_000_000;
/// Some hundredths of a second for a session.
const SHORT: u64 = 12_000_000;

fn project(yaml: &str) -> Project {
    Project::of(&INSTRUMENTS, FIRST, LAST, yaml)
}

#[test]
fn a_second_run_on_the_same_asset_is_refused_with_the_number_of_the_first() {
    let project = project(&with_slow(LONG));
    project.materialize_with(&["--select", "raw_bars"]);
    let mut first = project.start(&["materialize", "--select", "slow", "--batch", "1"]);
    wait_until("the first run has begun", || project.segment_count("slow") > 0);

    let refused = project.run(&["materialize", "--select", "slow"]).exits(5);
    refused.says(&["`slow` is being written by run 2", "let it end, or say `--wait`"]);
    // Disjoint assets go on, in the same store and at the same time.
    let beside = project.materialize_with(&["--select", "beside", "signals"]);
    assert_eq!(beside.of_asset("beside"), sessions(FIRST, LAST));
    assert_eq!(beside.of_asset("signals").len(), sessions(FIRST, LAST).len());
    assert!(first.is_running(), "the first run must outlive the second for this to say anything");
    let runs = project.json(&["runs"]);
    let status: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["succeeded", "failed", "running", "succeeded"]);
    first.kill();
}

#[test]
fn a_second_run_that_waits_finds_nothing_left_to_do() {
    let project = project(&with_slow(SHORT));
    project.materialize_with(&["--select", "raw_bars"]);
    let first = project.start(&["materialize", "--select", "slow", "--batch", "4", "--format", "json"]);
    wait_until("the first run has begun", || project.segment_count("slow") > 0);
    let second = project.start(&["materialize", "--select", "slow", "--wait", "--format", "json"]);
    let (first, second) = (first.wait().ok(), second.wait().ok());
    assert_eq!(first.ran().of_asset("slow"), sessions(FIRST, LAST));
    second.ran().assert_nothing();
    project.materialize_with(&["--select", "slow"]).assert_nothing();
}

/// Partitions by asset, as a run reports them.
fn committed(project: &Project) -> Ran {
    let mut ran = Ran::default();
    for (asset, session) in project.contents().into_keys() {
        ran.0.entry(asset).or_default().push(session);
    }
    ran
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_committed_and_the_next_run_goes_on_from_there() {
    let project = project(&with_slow(SHORT));
    let mut running = project.start(&["materialize", "--batch", "3", "--format", "json"]);
    wait_until("`slow` has a file", || project.segment_count("slow") > 0);
    assert!(running.is_running());
    running.interrupt();
    let stopped = running.wait().exits(130);
    stopped.says(&["cancelled"]);
    let ran = stopped.ran();
    let all = sessions(FIRST, LAST);
    assert!(!ran.of_asset("slow").is_empty() && ran.of_asset("slow").len() < all.len(), "{stopped}");
    assert_eq!(project.json(&["runs"])[0]["status"], "cancelled");
    // What it says that it committed is what there is.
    assert_eq!(committed(&project), ran);

    let rest = project.materialize();
    for asset in ["raw_bars", "slow", "below", "beside", "completed_bars", "signals"] {
        let left: Vec<_> = all.iter().copied().filter(|session| !ran.of_asset(asset).contains(session)).collect();
        assert_eq!(rest.of_asset(asset), left, "{asset}");
    }
    let fresh = self::project(&with_slow(SHORT));
    fresh.materialize();
    assert_eq!(project.contents(), fresh.contents());
    project.materialize().assert_nothing();
}

/// An asset that refuses a close of 999999, something below it, and something beside it.
const BREAKS: &str = "
  breaks:
    kind: sql
    RETRIES
    query: |
      select instrument, case when close > 900000 then error('no such price: ' || instrument) else close end as price
      from {{ ref('completed_bars') }}
    columns: { instrument: text, price: number }

  below:
    kind: indicators
    input: breaks
    columns: { twice: price * 2 }

  far_below:
    kind: scores
    input: below
    columns: { z: cs_zscore(twice) }
";

fn breaks(retries: &str) -> String {
    format!("{STAGES}{}", BREAKS.replace("RETRIES", retries))
}

#[track_caller]
fn status(output: &Output, asset: &str) -> String {
    let outcome = output.json();
    let assets = outcome["run"]["assets"].as_array().unwrap();
    let found =
        assets.iter().find(|report| report["asset"] == asset).unwrap_or_else(|| panic!("no `{asset}`\n{output}"));
    found["status"].as_str().unwrap().to_owned()
}

#[test]
fn what_fails_stops_what_is_below_it_and_nothing_else() {
    let mut project = project(&breaks("retries: 0"));
    let real = project.bars().close("sh.600036", "2015-05-04");
    project.edit_close("sh.600036", "2015-05-04", 999_999.0);
    let failed = project.run(&["materialize", "--batch", "10", "--format", "json"]).exits(5);
    failed.says(&["breaks", "2015-05-04", "no such price: sh.600036", "waits for `breaks`, which failed"]);
    for (asset, expected) in [
        ("completed_bars", "ok"),
        ("indicators", "ok"),
        ("scores", "ok"),
        ("signals", "ok"),
        ("breaks", "failed"),
        ("below", "blocked"),
        ("far_below", "blocked"),
    ] {
        assert_eq!(status(&failed, asset), expected, "{asset}\n{failed}");
    }
    let all = sessions(FIRST, LAST);
    assert_eq!(failed.ran().of_asset("signals"), all);
    // Batches before the one that failed are kept.
    let kept = failed.ran().of_asset("breaks").to_vec();
    assert_eq!(kept, all[..kept.len()]);
    let broken = all.iter().position(|day| *day == date("2015-05-04")).unwrap();
    assert!(kept.len() <= broken && kept.len() + 10 > broken, "{} of {broken}", kept.len());
    assert_eq!(project.json(&["runs"])[0]["status"], "failed");
    project.run(&["runs", "1"]).ok().says(&["breaks", "failed", "blocked", "no such price"]);

    project.edit_close("sh.600036", "2015-05-04", real);
    let healed = project.materialize();
    assert_eq!(healed.of_asset("breaks"), &all[kept.len()..]);
    assert_eq!(healed.of_asset("far_below"), all);
    project.materialize().assert_nothing();
}

#[test]
fn a_failed_check_stops_what_is_below_it_and_nothing_else() {
    let mut project = project(&breaks("checks: [{ range: { column: price, above: 0, below: 100000 } }]"));
    project.materialize();
    project.edit_close("sh.600036", "2015-05-04", 800_000.0);
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    failed.says(&["check `range` fails", "2015-05-04", "sh.600036"]);
    assert_eq!((status(&failed, "breaks").as_str(), status(&failed, "below").as_str()), ("failed", "waits"));
    assert!(failed.ran().of_asset("indicators").contains(&date("2015-05-04")));
    project.run(&["plan", "--exit-code"]).exits(4);
}

#[test]
fn retries_are_as_many_as_asked_for() {
    for (retries, tries) in [("retries: 2", 2), ("retries: 0", 0)] {
        let mut project = project(&breaks(retries));
        project.edit_close("sh.600036", "2015-05-04", 999_999.0);
        let failed = project.run(&["materialize", "--select", "breaks"]).exits(5);
        assert_eq!(failed.stderr.matches("a batch failed and is tried again").count(), tries, "{failed}");
    }
}

#[test]
fn what_takes_longer_than_its_timeout_fails() {
    let project = project(&with_slow(LONG).replace("kind: sql\n", "kind: sql\n    timeout: 1s\n"));
    let failed = project.run(&["materialize", "--select", "slow", "beside", "--format", "json"]).exits(5);
    failed.says(&["a batch took longer than its `timeout:`"]);
    assert_eq!((status(&failed, "slow").as_str(), status(&failed, "beside").as_str()), ("failed", "ok"));
}
