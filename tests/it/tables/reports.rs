//! Company reports, known from the session after their announcement. The reports are made by hand; the bars are real.

use serde_json::{Value, json};

use crate::support::{Project, assert_same, date, from_on, sessions};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-08-31";

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  reports:
    kind: table
    csv: data/source/reports.csv
    types: { instrument: text, period: date, announced: date }
    key: [instrument, period, announced]
  fundamentals:
    kind: as_of
    input: reports
    reports: { period: period, announced: announced, accumulates: true, ttm: [profit], year_ago: [profit] }
  ratios:
    kind: indicators
    input: { bars: raw_bars, f: fundamentals }
    columns:
      pe: bars.close * f.shares / f.profit_ttm
      pb: bars.close * f.shares / f.equity
      roe: f.profit_ttm / f.equity
      growth: f.profit / f.profit_year_ago - 1
";

/// Profits since the start of the year, as Chinese companies report them.
const REPORTS: &str = "\
instrument,period,announced,profit,equity,shares
sh.600028,2014-03-31,2014-04-28,13,560,118
sh.600028,2014-12-31,2015-03-20,46,590,118
sh.600028,2015-03-31,2015-04-28,17,600,118
sh.600036,2014-12-31,2015-03-18,55,310,25
sh.600036,2015-03-31,2015-04-29,17,330,25
";

fn project() -> Project {
    let project = Project::of(&["sh.600028", "sh.600036"], FIRST, LAST, YAML);
    project.write("data/source/reports.csv", REPORTS);
    project.materialize_with(&["--to", LAST]);
    project
}

/// The fundamentals of an instrument as they change: (first session, value), `null` where there is none.
fn steps(project: &Project, instrument: &str, column: &str) -> Vec<(String, Value)> {
    let query = format!(
        "select session, {column} as x from fundamentals where instrument = '{instrument}' and session <= date '{LAST}'
         qualify row_number() over (order by session) = 1 or x is distinct from lag(x) over (order by session) order by session"
    );
    let row = |row: &Value| (row["session"].as_str().unwrap().to_owned(), row["x"].clone());
    project.rows(&query).iter().map(row).collect()
}

#[test]
fn each_session_shows_the_newest_report_that_was_known() {
    let project = project();
    let at = |day: &str, x: Value| (day.to_owned(), x);
    // Announced on Tuesday the 28th of April: known on the 29th.
    let profit = [at("2015-02-02", json!(13.0)), at("2015-03-23", json!(46.0)), at("2015-04-29", json!(17.0))];
    assert_eq!(steps(&project, "sh.600028", "profit"), profit);
    // Twelve months: the year, and then 17 + 46 - 13. Of the first report the year before is not known.
    let ttm = [at("2015-02-02", Value::Null), at("2015-03-23", json!(46.0)), at("2015-04-29", json!(50.0))];
    assert_eq!(steps(&project, "sh.600028", "profit_ttm"), ttm);
    // Before its first report an instrument has no row; without the report of a year ago no sum of twelve months.
    let ttm = [at("2015-03-19", json!(55.0)), at("2015-04-30", Value::Null)];
    assert_eq!(steps(&project, "sh.600036", "profit_ttm"), ttm);
    let query = "
        select count(*) as n, count(*) filter (abs(r.pe - b.close * 118 / 50) > 1e-9 or r.pe is null) as pe,
          count(*) filter (abs(r.pb - b.close * 118 / 600) > 1e-9 or r.pb is null) as pb,
          count(*) filter (abs(r.roe - 50.0 / 600) > 1e-12) as roe, count(*) filter (abs(r.growth - (17.0 / 13 - 1)) > 1e-12) as growth
        from ratios r join raw_bars b using (session, instrument)
        where instrument = 'sh.600028' and session >= date '2015-04-29'";
    let bars = sessions("2015-04-29", LAST).len();
    assert_eq!(project.rows(query), [json!({ "n": bars, "pe": 0, "pb": 0, "roe": 0, "growth": 0 })]);
    project.run(&["check", "--look-ahead", "--to", LAST, "--sessions", "9"]);
}

#[test]
fn a_restatement_computes_the_sessions_from_its_announcement_on() {
    let project = project();
    let table = [date("1970-01-01")];
    let before = project.contents();
    // The first quarter is restated on Monday the 10th of August.
    project.write("data/source/reports.csv", format!("{REPORTS}sh.600028,2015-03-31,2015-08-10,16,598,118\n"));
    let later = sessions("2015-08-11", LAST);
    let ran = project.materialize_with(&["--to", LAST]);
    ran.assert(&[("reports", &table), ("fundamentals", &later), ("ratios", &later)]);
    // What was known before is what it was.
    let changed = crate::support::changes(&before, &project.contents());
    assert_eq!(changed["ratios"], later);
    assert_same(&before, &rolled_back(&project));

    // The year before is restated: of the newest report the sum of twelve months alone.
    project.write("data/source/reports.csv", format!("{REPORTS}sh.600028,2014-12-31,2015-08-24,47,590,118\n"));
    let ran = project.materialize_with(&["--to", LAST]);
    let last = from_on("2015-08-25", 99);
    ran.assert(&[("reports", &table), ("fundamentals", &last), ("ratios", &last)]);
}

/// The same project with its first table again.
fn rolled_back(project: &Project) -> crate::support::Contents {
    project.write("data/source/reports.csv", REPORTS);
    project.materialize_with(&["--to", LAST]);
    project.contents()
}

#[test]
fn two_reports_of_one_day_need_an_order() {
    let project = project();
    project.edit_yaml("key: [instrument, period, announced]", "");
    project.write("data/source/reports.csv", format!("{REPORTS}sh.600028,2015-03-31,2015-04-28,18,600,118\n"));
    let output = project.run(&["materialize", "--to", LAST]).exits(5);
    output.says(&[
        "two reports of `sh.600028` for the period to 2015-03-31",
        "`ingested`",
        "reports.csv:4",
        "reports.csv:7",
    ]);
    project.write("data/source/reports.csv", REPORTS.replace("2015-03-31,2015-04-29", "2015-03-31,2015-03-29"));
    let output = project.run(&["materialize", "--to", LAST]).exits(5);
    output.says(&["announced on 2015-03-29, before its period ends on 2015-03-31", "reports.csv:6"]);
}
