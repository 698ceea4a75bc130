//! `assetctl functions`, and the page that is made from it.

use serde_json::Value;

use crate::support::{Project, repository};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn functions_are_listed_without_a_project() {
    let project = Project::empty();
    let said = project.run(&["functions"]).ok();
    said.says(&["Window: the last sessions of the same instrument", "mean(x, n, min_periods=1)", "cs_rank(x"]);
    let all = project.json(&["functions"]);
    assert!(names(&all).len() > 100, "{}", names(&all).len());
    for entry in all.as_array().unwrap() {
        for key in ["name", "signature", "class", "what", "formula", "missing", "first_valid", "source"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {entry}");
        }
        assert_eq!(entry["examples"].as_array().unwrap().is_empty(), entry["class"] == "forward", "{entry}");
    }
    let cross = project.json(&["functions", "--class", "cross-section"]);
    assert!(!names(&cross).is_empty() && names(&cross).iter().all(|name| name.starts_with("cs_")), "{cross}");
}

#[test]
fn one_function_in_full_by_any_of_its_names() {
    let project = Project::empty();
    for name in ["quantile", "macd", "cs_rank"] {
        let entry = &project.json(&["functions", name])[0];
        let fact = |key: &str| entry[key].as_str().unwrap();
        let said = project.run(&["functions", name]).ok();
        said.says(&[fact("signature"), fact("what"), fact("missing"), fact("first_valid"), fact("source")]);
        said.says(&[entry["examples"][0]["expression"].as_str().unwrap(), "→"]);
    }
    assert_eq!(names(&project.json(&["functions", "avg"])), ["mean"]);
    // A name of two functions is both.
    assert_eq!(names(&project.json(&["functions", "max"])), ["max", "max"]);
    assert_eq!(names(&project.json(&["functions", "max", "--class", "window"])), ["max"]);
    project.run(&["functions", "meen"]).exits(2).says(&["there is no function `meen`", "did you mean `mean`?"]);
}

#[test]
fn the_committed_page_is_the_one_the_program_makes() {
    let project = Project::empty();
    let page = project.run(&["functions", "--form", "markdown"]).ok().stdout;
    let committed = std::fs::read_to_string(repository().join("docs/functions.md")).unwrap();
    assert!(
        page == committed.replace("\r\n", "\n"),
        "docs/functions.md is out of date: write it anew by `assetctl functions --form markdown > docs/functions.md`"
    );
}
