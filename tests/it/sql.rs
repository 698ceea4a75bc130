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
fn columns_of_one_name_are_told_apart() {
    let project = built();
    let pairs = "select a.close, b.close, b.close * 2 as close_1 from completed_bars a \
                 join completed_bars b using (session) where session = '2015-03-04' \
                 and a.instrument = 'sh.600028' and b.instrument = 'sh.600036'";
    let (a, b) = (project.bars().close("sh.600028", "2015-03-04"), project.bars().close("sh.600036", "2015-03-04"));
    assert_eq!(project.rows(pairs), [serde_json::json!({ "close": a, "close_2": b, "close_1": 2.0 * b })]);
    let csv = project.run(&["sql", "select 1 as n, 2 as n", "-o", "csv"]).ok();
    assert_eq!(csv.stdout, "n,n_1\n1,2\n");
}

#[test]
fn what_json_has_no_form_for_is_text() {
    let project = built();
    let rows = project.rows(
        "select 'inf'::double as inf, 'nan'::double as nan, 1.50::decimal(5, 2) as d, [1, null] as list, \
         {'k': 'v'} as map, timestamp '2015-03-04 09:30:00' as at, 9223372036854775807 as big, true as yes",
    );
    let expected = serde_json::json!({
        "inf": "inf", "nan": "NaN", "d": "1.50", "list": "[1, NULL]", "map": "{k: v}", "at": "2015-03-04 09:30:00",
        "big": 9_223_372_036_854_775_807_u64, "yes": true
    });
    assert_eq!(rows, [expected]);
    assert_eq!(project.rows("select 1 where false"), [] as [serde_json::Value; 0]);
    let none = project.run(&["sql", "select 1 as n where false", "-o", "csv"]).ok();
    assert_eq!(none.stdout, "n\n");
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
    for nothing in ["", " \n", " ; "] {
        project.run(&["sql", nothing]).exits(2).says(&["the query is empty"]);
    }
    // A comment at the end hides nothing that is put behind the query.
    let commented = "select count(*) as n from completed_bars -- all";
    assert_eq!(project.run(&["sql", commented, "-o", "csv"]).ok().stdout, "n\n1144\n");
    project.run(&["sql", commented, "-o", "parquet", "--to", "n.parquet"]).ok();
    assert_eq!(project.run(&["sql", "from 'n.parquet'", "-o", "csv"]).ok().stdout, "n\n1144\n");
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

/// A small project with one `sql` asset below its bars: only what a query is, not what it computes, is looked at.
fn with_query(query: &str, more: &str) -> Project {
    let yaml = format!(
        "calendar: XSHG\nstart: 2015-02-02\nassets:\n  bars:\n    kind: source\n    csv: data/source/bars/*.csv\n    \
         columns: {{ instrument: symbol, session: date }}\n  by_query:\n    kind: sql\n    query: |\n      {query}\n{more}"
    );
    Project::of(&["sh.000300", "sh.600028", "sh.600036"], "2015-02-02", "2015-02-17", &yaml)
}

#[test]
fn a_query_that_is_refused_says_why_and_leaves_its_inputs() {
    let bars = "{{ ref('bars') }}";
    let cases = [
        // A cast that fails.
        (format!("select instrument, cast(instrument as double) as x from {bars}"), "", "'sh.000300' to DOUBLE"),
        // A type that no column has.
        (format!("select instrument, [close] as x from {bars}"), "", "`x` is of type DOUBLE[]; cast it"),
        // Rows of other sessions.
        (
            "select session, instrument, close from {{ ref('bars', sessions=3) }}".to_owned(),
            "",
            "fails on 2015-02-03: it returns 3 rows of other sessions; add `where session = {{ session }}`",
        ),
        (format!("select null::date as session, close from {bars}"), "", "rows of other sessions"),
        // Keys.
        (
            "select instrument, close from {{ ref('bars', sessions=2) }}".to_owned(),
            "",
            "two rows with the key (2015-02-03, sh.000300)",
        ),
        (format!("select instrument, close from {bars}"), "    key: code\n", "lacks its key column `code`"),
        (
            format!("select nullif(instrument, 'sh.000300') as instrument, close from {bars}"),
            "",
            "`instrument`, which identifies a row, is missing",
        ),
        // What is not one SELECT.
        (format!("delete from {bars}"), "", "syntax error"),
        (format!("select close from {bars}; select 2"), "", "syntax error"),
        // Other than declared.
        (
            format!("select instrument, close from {bars}"),
            "    columns: { close: text }\n",
            "`close` is a number, and `columns:` says text",
        ),
        (format!("select close from {bars}"), "    columns: { closed: number }\n", "lacks column `closed`"),
        (format!("select open, close from {bars}"), "    columns: { close: number }\n", "has a column `open`"),
        // What is no input of the asset.
        (format!("select b.close from {bars} b, bars"), "", "Table with name bars does not exist"),
        (format!("select b.close from {bars} b, input_0"), "", "Table with name input_0 does not exist"),
        (format!("select b.close from {bars} b, 'assets.yaml'"), "", "assets.yaml"),
        (
            format!("select b.close from {bars} b, read_csv('data/source/bars/bars.csv')"),
            "",
            "declare the file as a `source` or a `table`",
        ),
    ];
    for (query, more, said) in cases {
        let project = with_query(&query, more);
        let failed = project.run(&["materialize", "--format", "json"]).exits(5);
        let error = failed.json()["run"]["assets"][1]["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains("by_query") && error.contains(said), "expected `{said}`\n{failed}");
        failed.ran().assert(&[("bars", &sessions("2015-02-02", "2015-02-17"))]);
        let held = project.rows("select distinct asset from assetctl.partitions");
        assert_eq!(held, [serde_json::json!({ "asset": "bars" })], "{query}");
    }
}

#[test]
fn forms_of_a_query_that_are_accepted() {
    let bars = "{{ ref('bars') }}";
    let own = ["session", "instrument", "close"];
    for (query, more, columns) in [
        (format!("select instrument, close from {bars};"), "", &own[..]),
        (format!("select instrument, close from {bars} -- the last line"), "", &own),
        (format!("from {bars} select instrument, close"), "", &own),
        (format!("with b as (from {bars}) select instrument, close from b"), "", &own),
        (format!("select session, instrument, close from {bars}"), "", &own),
        (format!("select instrument as code, close from {bars}"), "    key: code\n", &["session", "code", "close"]),
    ] {
        let project = with_query(&query, more);
        project.materialize();
        let described = project.rows("describe by_query");
        let names: Vec<&str> = described.iter().map(|column| column["column_name"].as_str().unwrap()).collect();
        assert_eq!(names, columns, "{query}");
        assert_eq!(
            project.rows("select count(*) as n, sum(close) as s from by_query"),
            project.rows("select count(*) as n, sum(close) as s from bars")
        );
        project.materialize().assert_nothing();
    }
    // Numbers that are none are missing, and a session may have no rows.
    let project =
        with_query(&format!("select close / 0 as x, 'nan'::double as y from {bars} where session > '2015-02-05'"), "");
    project.materialize();
    let counted =
        project.rows("select count(*) as n, count(x) + count(y) as there, min(session) as first from by_query");
    assert_eq!(counted, [serde_json::json!({ "n": 24, "there": 0, "first": "2015-02-06" })]);
    project.materialize().assert_nothing();
}

#[test]
fn a_semicolon_or_a_comment_is_no_change_of_a_query() {
    let project = with_query("select instrument, close from {{ ref('bars') }}", "");
    project.materialize();
    for (from, to) in
        [("{{ ref('bars') }}", "{{ ref('bars') }};"), ("select instrument", "select /* by name */  instrument")]
    {
        project.edit_yaml(from, to);
        project.materialize().assert_nothing();
    }
    project.edit_yaml("instrument, close", "instrument, open");
    project.materialize().assert(&[("by_query", &sessions("2015-02-02", "2015-02-17"))]);
}

#[test]
fn a_query_that_reads_no_asset_is_a_mistake_of_the_configuration() {
    let project = with_query("select 1 as x", "");
    project.run(&["validate"]).exits(3).says(&["assets.yaml:11", "the query of `by_query` reads no asset"]);
    let project = with_query("select * from {{ ref('barz') }}", "");
    project.run(&["validate"]).exits(3).says(&["barz", "did you mean `bars`"]);
}
