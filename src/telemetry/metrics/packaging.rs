//! What ships beside the program and names its metrics: the dashboard of Grafana, and the alerts of Prometheus.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::tests::{full, state};
use super::{Format, Metrics};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging"))
}

/// The metrics that a text names: as they are described, without what a histogram puts behind its name.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|word| word.starts_with("assetctl_") || word.starts_with("process_"));
    ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned()).collect()
}

fn described() -> BTreeSet<String> {
    Metrics::new("0.1.0").described().iter().map(|one| one.name.to_owned()).collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_none_that_is_not_there() {
    let text = std::fs::read_to_string(folder().join("grafana/assetctl.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = String::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have one number");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{}", panel["title"]);
        let targets = panel["targets"].as_array();
        assert_eq!(targets.is_none_or(Vec::is_empty), panel["type"] == "row", "{}", panel["title"]);
        for target in targets.into_iter().flatten() {
            shown.push_str(target["expr"].as_str().unwrap());
            shown.push('\n');
        }
    }
    assert_eq!(named(&shown), described());
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let query = variable.get("definition").and_then(Value::as_str).unwrap_or_default();
        assert!(named(query).is_subset(&described()), "{query}");
        let name = format!("${}", variable["name"].as_str().unwrap());
        assert!(text.contains(&name) || text.contains(&name.replace('$', "${")), "{name} is not used");
    }
}

#[test]
fn alerts_name_metrics_that_are_there() {
    let rules = std::fs::read_to_string(folder().join("prometheus/assetctl.rules.yml")).unwrap();
    let expressions: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert_eq!(expressions.len(), rules.matches("- alert: ").count());
    let named = named(&expressions.join("\n"));
    assert!(named.is_subset(&described()), "{:?}", named.difference(&described()));
}

/// Runs `promtool`; `None` where there is none, which is said.
fn promtool(args: &[&str], input: &str) -> Option<(bool, String)> {
    let started = Command::new("promtool")
        .args(args)
        .current_dir(folder().join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: there is no promtool");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some((output.status.success(), said.concat()))
}

#[test]
fn promtool_finds_nothing_in_the_metrics() {
    let text = full().text(Some(&state()), Format::Prometheus).unwrap();
    if let Some((ok, said)) = promtool(&["check", "metrics"], &text) {
        assert!(ok && said.is_empty(), "{said}\n{text}");
    }
}

#[test]
fn promtool_finds_the_alerts_right_and_their_stories_true() {
    for args in [["check", "rules", "assetctl.rules.yml"], ["test", "rules", "assetctl.rules.test.yml"]] {
        if let Some((ok, said)) = promtool(&args, "") {
            assert!(ok && said.contains("SUCCESS"), "{said}");
        }
    }
}
