//! `assetctl sql`, and assets of the kind `sql`.

use crate::support::{Project, date, sessions};

const COUNT: &str = "select count(*) as n from completed_bars";

fn built() -> Project {
    let project = Project::new();
    project.materialize();
    project
}

#[test]
fn every_form_of_output() {
    let project = built();
    let query = "select instrument, close, is_suspended, session from completed_bars \
                 where session = '2015-02-02' and instrument in ('sh.600028', 'sh.600745') order by all";
    let csv = project.run(&["sql", query, "--output", "csv"]).ok().stdout;
    let close = project.bars().close("sh.600028", "2015-02-02");
    let expected = format!(
        "instrument,close,is_suspended,session\nsh.600028,{close},false,2015-02-02\nsh.600745,,true,2015-02-02\n"
    );
    assert_eq!(csv, expected);
    let json = project.rows(query);
    assert_eq!(
        json[1],
        serde_json::json!({ "instrument": "sh.600745", "close": null, "is_suspended": true, "session": "2015-02-02" })
    );
    assert_eq!(project.run(&["sql", query, "-o", "json"]).ok().json(), serde_json::Value::Array(json));
    project.run(&["sql", query]).ok().says(&["instrument", "sh.600745", "true"]);

    project.run(&["sql", query, "--output", "csv", "--to", "结果.csv"]).ok();
    assert_eq!(project.read("结果.csv"), expected);
    project.run(&["sql", query, "--output", "parquet"]).exits(2).says(&["--to"]);
    project.run(&["sql", query, "--output", "parquet", "--to", "it's.parquet"]).ok();
    let back = project.run(&["sql", "select * from 'it''s.parquet' order by all", "--output", "csv"]).ok();
    assert_eq!(back.stdout, expected);
}

#[test]
fn a_table_shows_the_rows_it_is_asked_for() {
    let project = built();
    let query = "select session, instrument from completed_bars order by all";
    project.run(&["sql", query]).ok().says(&["100 of 1,144 rows"]);
    project.run(&["sql", query, "--rows", "3"]).ok().says(&["3 of 1,144 rows"]);
    let every = project.run(&["sql", query, "--rows", "0"]).ok();
    assert!(every.stdout.lines().count() > 1_144);
}

#[test]
fn a_query_from_a_file_and_from_standard_input() {
    let project = built();
    project.write("查询.sql", "-- how many\nselect count(*) as n\nfrom completed_bars;\n");
    assert_eq!(project.run(&["sql", "--file", "查询.sql", "-o", "csv"]).ok().stdout, "n\n1144\n");
    assert_eq!(project.run_with_input(&["sql", "--file", "-", "-o", "csv"], COUNT).ok().stdout, "n\n1144\n");
    assert_eq!(project.run_with_input(&["sql", "-o", "csv"], COUNT).ok().stdout, "n\n1144\n");
    project.run(&["sql", "--file", "none.sql"]).exits(1).says(&["none.sql"]);
    project.run(&["sql", ""]).exits(2).says(&["the query is empty"]);
}

#[test]
fn mistakes_in_a_query() {
    let project = built();
    project.run(&["sql", "select * from completed_bar"]).exits(2).says(&["completed_bar"]);
    project.run(&["sql", "select clos from completed_bars"]).exits(2).says(&["clos"]);
    project.run(&["sql", "selec 1"]).exits(2).says(&["syntax error"]);
    Project::new().run(&["sql", "select 1"]).exits(2).says(&["nothing was materialized yet"]);
}

#[test]
fn queries_only_read_unless_told_otherwise() {
    let project = built();
    let contents = project.contents();
    for query in ["create table best as select 1", "drop view scores", "insert into assetctl.runs (run) values (9)"] {
        project.run(&["sql", query]).exits(2).says(&["read-only"]);
    }
    project.run(&["sql", "--write", "create table best as select * from signals where rank = 1"]).ok();
    assert!(project.path("data/scratch.duckdb").exists());
    let best = project.run(&["sql", "--write", "select count(*) as n from best", "-o", "csv"]).ok();
    let with_scores = project.rows("select count(*) as n from signals where rank = 1");
    assert_eq!(best.stdout, format!("n\n{}\n", with_scores[0]["n"]));
    // The assets themselves stay out of reach, and a later run does not lose the table.
    project.run(&["sql", "--write", "delete from warehouse.assetctl.partitions"]).exits(2);
    project.materialize_with(&["--select", "signals", "--force"]);
    project.run(&["sql", "--write", "select count(*) from best"]).ok();
    crate::support::assert_same(&contents, &project.contents());
}

#[test]
fn the_ledger_in_sql() {
    let project = built();
    let partitions = project
        .rows("select asset, count(*) as n, sum(rows) as rows from assetctl.partitions group by all order by all");
    let all: Vec<(&str, u64)> =
        partitions.iter().map(|row| (row["asset"].as_str().unwrap(), row["n"].as_u64().unwrap())).collect();
    let each = |asset| (asset, 143);
    assert_eq!(
        all,
        [each("completed_bars"), each("indicators"), ("listing", 1), each("raw_bars"), each("scores"), each("signals")]
    );
    let segments = project.rows("select month, file from assetctl.segments where asset = 'scores' order by month");
    assert_eq!(segments.len(), 7);
    for segment in &segments {
        let file = segment["file"].as_str().unwrap();
        assert!(std::path::Path::new(file).exists() || project.path("data/lake/scores").join(file).exists(), "{file}");
    }
    let runs = project.rows("select run, status from assetctl.runs");
    assert_eq!(runs, [serde_json::json!({ "run": 1, "status": "succeeded" })]);
    let of_run = project.rows("select count(*) as n, sum(ran) as ran from assetctl.run_assets where run = 1");
    assert_eq!((&of_run[0]["n"], &of_run[0]["ran"]), (&6.into(), &(5 * 143 + 1).into()));
}

#[test]
fn a_state_of_the_past() {
    let mut project = built();
    let old = project.bars().close("sh.600028", "2015-03-04");
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    project.materialize();
    project.append_session("2015-09-01");
    project.materialize();
    let close = "select close, (select count(distinct session) from completed_bars) as sessions from completed_bars \
                 where instrument = 'sh.600028' and session = '2015-03-04'";
    let read = |as_of: &[&str]| project.run(&[&["sql", close, "-o", "csv"], as_of].concat()).ok().stdout;
    assert_eq!(read(&[]), "close,sessions\n6.11,144\n");
    assert_eq!(read(&["--as-of", "3"]), "close,sessions\n6.11,144\n");
    assert_eq!(read(&["--as-of", "2"]), "close,sessions\n6.11,143\n");
    assert_eq!(read(&["--as-of", "1"]), format!("close,sessions\n{old},143\n"));
    // The instants at which the runs ended.
    for (run, expected) in [(1, format!("close,sessions\n{old},143\n")), (2, "close,sessions\n6.11,143\n".to_owned())] {
        let detail = project.json(&["runs", &run.to_string()]);
        assert_eq!(read(&["--as-of", detail["finished_at"].as_str().unwrap()]), expected, "run {run}");
    }
    assert_eq!(read(&["--as-of", "2999-01-01"]), "close,sessions\n6.11,144\n");
    for (as_of, said) in [("9", "9"), ("2001-01-01", "2001"), ("yesterday", "neither a run nor an instant")] {
        let output = project.run(&["sql", close, "--as-of", as_of]);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&[said]);
    }
    project.run(&["sql", close, "--as-of", "1", "--write"]).exits(2);
}

const BREADTH: &str = "
  breadth:
    kind: sql
    query: |
      select count(*) as listed, count(*) filter (where b.close > p.close) as advancing, median(b.close) as middle
      from {{ ref('completed_bars') }} b
      left join (select * from {{ ref('completed_bars', sessions=2) }} where session < {{ session }}) p using (instrument)
    columns: { listed: number, advancing: number, middle: number }
";

#[test]
fn an_asset_by_query() {
    let mut project = Project::new();
    let yaml = project.read("assets.yaml");
    project.yaml(&format!("{yaml}{BREADTH}"));
    project.materialize();
    let rows = project.rows("select session, listed, advancing from breadth order by session");
    assert_eq!(rows.len(), 143);
    // Counted by hand from the bars: those that trade, or carry, above the session before.
    let advancing = project.rows(
        "select session, count(*) filter (where close > back) as n from (select session, close, \
         lag(close) over (partition by instrument order by session) as back from completed_bars) group by session order by session",
    );
    for (row, expected) in rows.iter().zip(&advancing) {
        assert_eq!((&row["session"], row["advancing"].as_f64()), (&expected["session"], expected["n"].as_f64()));
        assert_eq!(row["listed"], 8.0);
    }
    project.materialize().assert_nothing();

    // A window of two sessions.
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("breadth"), [date("2015-03-04"), date("2015-03-05")]);
    // Another name for a table of the query is another query.
    project.edit_yaml("ref('completed_bars') }} b", "ref('completed_bars') }} AS b");
    assert_eq!(project.materialize().of_asset("breadth"), sessions("2015-02-02", "2015-08-31"));
    project.materialize().assert_nothing();
}

#[test]
fn a_query_that_fails_says_where_and_stops_what_is_below() {
    let project = Project::new();
    let yaml = project.read("assets.yaml");
    let below = "  above:\n    kind: indicators\n    input: breadth\n    columns: { x: 'listed + 1' }\n";
    project.yaml(&format!(
        "{yaml}{}{below}",
        BREADTH.replace("median(b.close)", "error('no median on ' || max(b.session))")
    ));
    let failed = project.run(&["materialize", "--format", "json"]).exits(5);
    let ran = failed.ran();
    assert_eq!(ran.of_asset("signals"), sessions("2015-02-02", "2015-08-31"));
    assert_eq!((ran.of_asset("breadth"), ran.of_asset("above")), (&[][..], &[][..]));
    failed.says(&["breadth", "no median on 2015-"]);
    let assets = &failed.json()["run"]["assets"];
    let status = |name: &str| {
        let found = assets.as_array().unwrap().iter().find(|asset| asset["asset"] == name).unwrap();
        found["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (status("breadth"), status("above"), status("signals")),
        ("failed".into(), "blocked".into(), "ok".into())
    );
}
