//! Real membership intervals of the S&P 500, of which Google became a part on 2006-04-03, and real bars of that spring.

use serde_json::json;

use crate::support::{Project, assert_same, date, repository};

const YAML: &str = "\
calendar: XNYS
start: 2006-03-01
assets:
  raw_bars:
    kind: source
    csv: data/source/us_bars.csv
    columns: { instrument: symbol, session: date }
  membership:
    kind: table
    csv: data/source/sp500_ticker_start_end.csv
    columns: { instrument: ticker }
    types: { instrument: text, start_date: date, end_date: date }
  renames:
    kind: table
    description: what the list calls a company by its later ticker, and until when the bars have the earlier one
    csv: data/source/renames.csv
    types: { instrument: text, before: text, until: date }
    key: instrument
  renamed:
    kind: sql
    query: |
      select instrument, start_date, end_date
      from {{ ref('membership') }} where instrument not in (select instrument from {{ ref('renames') }})
      union all
      select r.before, m.start_date, least(coalesce(m.end_date, r.until), r.until)
      from {{ ref('membership') }} m join {{ ref('renames') }} r using (instrument)
    key: [instrument, start_date]
    columns: { instrument: text, start_date: date, end_date: date }
  sp500:
    kind: as_of
    input: renamed
    valid: { from: start_date, to: end_date, to_exclusive: true }
    checks:
      - expected_rows: { min: 480, max: 515 }
  sectors:
    kind: table
    csv: data/source/sp500_sectors.csv
    columns: { instrument: Symbol, sector: GICS Sector }
    types: { instrument: text, sector: text }
    key: instrument
  scores:
    kind: scores
    input: [raw_bars, sectors]
    universe: sp500
    columns:
      ret_5: close / ref(close, 5) - 1
      members: cs_count(close)
      in_sector: cs_count(close, by=sector)
    checks:
      - expected_rows: {}
";

const NOW: &str = "2006-06-03T00:00:00Z";

const MEMBERSHIP: &str = "data/source/sp500_ticker_start_end.csv";

fn project() -> Project {
    let project = Project::empty();
    for name in ["us_bars.csv", "sp500_ticker_start_end.csv", "sp500_sectors.csv"] {
        let text = std::fs::read_to_string(repository().join("tests/fixtures/reference").join(name)).unwrap();
        project.write(&format!("data/source/{name}"), text);
    }
    project.write("data/source/renames.csv", "instrument,before,until\nGOOGL,GOOG,2014-04-03\n");
    project.yaml(YAML);
    project.run_at(NOW, &["materialize"]).ok();
    project
}

#[test]
fn the_index_of_the_day_is_the_universe() {
    let project = project();
    let query =
        "select instrument, min(session) as first, max(session) as last, min(members) as fewest, max(members) as most,
          max(in_sector) as in_sector
        from scores group by all order by all";
    let row = |name: &str, first: &str, fewest: f64, in_sector: f64| json!({ "instrument": name, "first": first, "last": "2006-05-31", "fewest": fewest, "most": 4.0, "in_sector": in_sector });
    let all = |name| row(name, "2006-03-01", 3.0, 3.0);
    assert_eq!(project.rows(query), [all("AAPL"), row("GOOG", "2006-04-03", 4.0, 1.0), all("IBM"), all("MSFT")]);
    // The window of its first day reads the days before.
    let first = "select ret_5 is not null as there from scores where instrument = 'GOOG' order by session limit 1";
    assert_eq!(project.rows(first), [json!({ "there": true })]);
    // The members of one day are those of the list itself.
    let query = "select count(*) as n, count(a.instrument) as listed, count(b.instrument) as there
        from (select instrument from membership
              where start_date <= date '2006-04-03' and (end_date is null or end_date > date '2006-04-03')) a
        full join (select instrument from sp500 where session = date '2006-04-03') b
          on replace(a.instrument, 'GOOGL', 'GOOG') = b.instrument";
    assert_eq!(project.rows(query), [json!({ "n": 497, "listed": 497, "there": 497 })]);
}

#[test]
fn a_correction_of_one_interval_computes_its_days() {
    let project = project();
    let before = project.read(MEMBERSHIP);
    assert!(before.contains("GOOGL,2006-04-03,"));
    project.write(MEMBERSHIP, before.replace("GOOGL,2006-04-03,", "GOOGL,2006-03-31,"));
    let ran = project.run_at(NOW, &["materialize", "--format", "json"]).ok().ran();
    let (table, day) = ([date("1970-01-01")], [date("2006-03-31")]);
    ran.assert(&[("membership", &table), ("renamed", &table), ("sp500", &day), ("scores", &day)]);

    // The list is read as if the day of the end were a member's last: the bars' Google goes on under its own name on the day on which
    // the list's ends, and has two rows there.
    project.edit_yaml("to_exclusive: true", "to_exclusive: false");
    let output = project.run_at(NOW, &["materialize"]).exits(5);
    output.says(&[
        "`renamed` has two rows of `GOOG` for 2014-04-03",
        "one valid from 2006-03-31 to 2014-04-03, the other from 2014-04-03 on",
        "say `to_exclusive: true`",
    ]);
    project.edit_yaml("to_exclusive: false", "to_exclusive: true");
    project.write(MEMBERSHIP, before);
    project.run_at(NOW, &["materialize"]).ok();
    assert_same(&self::project().contents(), &project.contents());
}

#[test]
fn a_later_day_adds_one_session_of_members() {
    let project = project();
    let ran = project.run_at("2006-06-06T00:00:00Z", &["materialize", "--format", "json"]).ok().ran();
    ran.assert(&[("sp500", &[date("2006-06-05")])]);
}
