//! `assetctl sources`: the vendors that ship.

use crate::support::Project;

#[test]
fn vendors_are_listed_without_a_project() {
    let project = Project::empty();
    let said = project.run(&["sources"]).ok();
    said.says(&[
        "vendor",
        "tushare",
        "TUSHARE_TOKEN",
        "RQDATA_USER, RQDATA_PASSWORD",
        "Use one as `http: binance`",
        "days, minutes",
    ]);
    let all = project.json(&["sources"]);
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["binance", "eastmoney", "rqdata", "stooq", "tushare", "yahoo"]);
    for one in all.as_array().unwrap() {
        for key in ["description", "documentation", "base_url", "by", "yaml"] {
            assert!(one[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {one}");
        }
    }
}

#[test]
fn one_vendor_is_told_in_full_and_its_yaml_is_a_vendor_of_ones_own() {
    let project = Project::empty();
    let said = project.run(&["sources", "tushare"]).ok();
    said.says(&["500 calls a minute", "6,000 rows", "volume", "vol", "XSHG: SH", "http: tushare"]);
    said.says(&[
        "time: { every: 5m }",
        "a call covers an instrument, and a time is the end of its bar",
        "`time` is trade_time",
        "`volume` is vol;",
    ]);
    assert!(!project.run(&["sources", "stooq"]).ok().stdout.contains("every: 5m"));
    let yaml = project.run(&["sources", "tushare", "--yaml"]).ok().stdout;
    assert!(yaml.contains("api_name: \"{{ params.api }}\""), "{yaml}");
    project.run(&["sources", "tushar"]).exits(2).says(&["there is no vendor `tushar`", "did you mean `tushare`?"]);
}
