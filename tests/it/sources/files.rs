//! Files: packed, in JSON lines, with the session in their name; and a folder that grows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use chrono::NaiveDate;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::bars::{FIRST, INSTRUMENTS, LAST};
use crate::support::{Bars, Output, Project, STAGES, assert_same, date, from_on, sessions};

const PLAIN: &str = "csv: data/source/bars/*.csv\n";

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Takes the one plain file away.
fn remove_plain(project: &Project) {
    std::fs::remove_file(project.path("data/source/bars/bars.csv")).unwrap();
}

/// The bars of each month, packed.
fn write_months(project: &Project, bars: &Bars) {
    let mut months: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for bar in &bars.rows {
        months.entry(bar.date.format("%Y-%m").to_string()).or_default().push(bar.clone());
    }
    for (month, rows) in months {
        project.write(&format!("data/source/bars/{month}.csv.gz"), gz(&Bars { rows }.csv()));
    }
}

#[test]
fn packing_files_and_dividing_them_makes_nothing_stale() {
    let mut project = Project::new();
    project.materialize();
    let contents = project.contents();

    project.edit_yaml(PLAIN, "csv: data/source/bars/*.csv.gz\n");
    write_months(&project, project.bars());
    remove_plain(&project);
    project.materialize().assert_nothing();
    assert_same(&project.contents(), &contents);
    assert_same(&project.rebuilt(), &contents);

    // A correction in one of them is one of that session.
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    remove_plain(&project);
    write_months(&project, project.bars());
    let ran = project.materialize();
    assert_eq!(ran.of_asset("raw_bars"), [date("2015-03-04")]);
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-03-04")]);
    assert_eq!(ran.of_asset("indicators"), from_on("2015-03-04", 21));
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn the_same_bars_as_json_lines_make_nothing_stale() {
    let project = Project::new();
    project.materialize();
    let mut lines = String::new();
    for bar in &project.bars().rows {
        let [open, high, low, close, volume] = &bar.values;
        // Names in any order, numbers as they are written, and one within an object.
        let _ = writeln!(
            lines,
            "{{\"date\": \"{}\", \"bar\": {{\"close\": {close}}}, \"symbol\": \"{}\", \"open\": \"{open}\", \"high\": {high}, \"low\": {low}, \"volume\": {volume}}}",
            bar.date, bar.symbol
        );
    }
    project.write("data/source/bars/bars.jsonl.gz", gz(&lines));
    remove_plain(&project);
    let columns = "columns: { instrument: symbol, session: date }";
    project.edit_yaml(PLAIN, "jsonl: data/source/bars/*.jsonl.gz\n");
    project.edit_yaml(columns, "columns: { instrument: symbol, session: date, close: bar.close }");
    // How a column is found is part of the spec: the source is made again, comes out as it was, and nothing below it runs.
    let contents = project.contents();
    project.materialize().assert(&[("raw_bars", &sessions(FIRST, LAST))]);
    assert_same(&project.contents(), &contents);
    assert_same(&project.rebuilt(), &contents);

    let at = lines.rfind("\"volume\": ").unwrap();
    project.write("data/source/bars/bars.jsonl.gz", gz(&format!("{}\"volume\": x{}", &lines[..at], &lines[at + 10..])));
    let refused = project.run(&["plan"]).exits(5);
    refused.says(&[
        &format!("bars.jsonl.gz:{}:", lines.lines().count()),
        "expected a value, not `x`",
        "each line is one JSON object by itself",
    ]);
}

/// A file for each session, whose name says which.
fn by_session() -> (Project, Bars) {
    let project = Project::empty();
    project.yaml(
        &STAGES
            .replace(PLAIN, "csv: data/source/bars/**/bars_*.csv\n    session: { file_name: bars_%Y%m%d.csv }\n")
            .replace("columns: { instrument: symbol, session: date }", "columns: { instrument: symbol }"),
    );
    let listing: String = INSTRUMENTS.iter().map(|name| format!("{name},2014-01-02,\n")).collect();
    project.write("data/source/listing.csv", format!("instrument,listed,delisted\n{listing}"));
    let bars = Bars::slice(&INSTRUMENTS, FIRST, LAST);
    for session in sessions(FIRST, LAST) {
        write_session(&project, &bars, session);
    }
    (project, bars)
}

fn write_session(project: &Project, bars: &Bars, session: NaiveDate) {
    let mut text = String::from("symbol,open,high,low,close,volume\n");
    for bar in bars.rows.iter().filter(|bar| bar.date == session) {
        let _ = writeln!(text, "{},{}", bar.symbol, bar.values.join(","));
    }
    project.write(&session.format("data/source/bars/%Y/bars_%Y%m%d.csv").to_string(), text);
}

/// Runs the program and gives how many files it has read, and which sessions of the source ran.
fn opened(project: &Project, args: &[&str]) -> (usize, Output) {
    let output = project.run(&[args, &["-vv", "--color", "never"]].concat()).ok();
    let read = output.stderr.lines().filter(|line| line.contains("assetctl_connect::load: read file=")).count();
    (read, output)
}

#[test]
fn of_a_folder_that_grows_only_the_new_file_is_opened() {
    let (project, mut bars) = by_session();
    let (read, output) = opened(&project, &["materialize", "--format", "json"]);
    let all = sessions(FIRST, LAST);
    assert_eq!((read, output.ran().of_asset("raw_bars")), (all.len() + 1, all.as_slice()));
    // It is the same as one file with a column for the session.
    let one_file = Project::new();
    one_file.materialize();
    assert_same(&project.contents(), &one_file.contents());

    let (read, _) = opened(&project, &["plan", "--exit-code"]);
    assert_eq!(read, 0);
    bars.append(&INSTRUMENTS, "2015-09-01");
    write_session(&project, &bars, date("2015-09-01"));
    let (read, output) = opened(&project, &["materialize", "--format", "json"]);
    assert_eq!(read, 1, "of {} files", all.len() + 1);
    assert_eq!(output.ran().of_asset("raw_bars"), [date("2015-09-01")]);

    bars.set_close("sh.600028", "2015-03-04", 6.11);
    write_session(&project, &bars, date("2015-03-04"));
    let (read, output) = opened(&project, &["materialize", "--format", "json"]);
    assert_eq!((read, output.ran().of_asset("raw_bars")), (1, [date("2015-03-04")].as_slice()));
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn a_file_whose_name_is_no_session_is_refused() {
    let (project, bars) = by_session();
    let saturday = date("2015-02-07");
    write_session(&project, &bars, saturday);
    project
        .run(&["plan"])
        .exits(5)
        .says(&["bars_20150207.csv", "`2015-02-07`, a Saturday, is not a session of `XSHG`"]);
    std::fs::remove_file(project.path("data/source/bars/2015/bars_20150207.csv")).unwrap();
    project.write("data/source/bars/2015/bars_final.csv", "symbol,open,high,low,close,volume\n");
    project.run(&["plan"]).exits(5).says(&["bars_final.csv", "is not of the pattern that `session:` declares"]);
}
