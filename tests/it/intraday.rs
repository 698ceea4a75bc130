//! Bars within sessions: of which session they are, what of them is refused, and longer bars that are made of them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Project, assert_same, date};

/// Long after what is told here.
const NOW: &str = "2024-12-31T23:00:00Z";

const YAML: &str = "\
calendar: XSHG
start: 2024-03-14
assets:
  minutes:
    kind: source
    csv: data/source/minutes/*.csv
    columns: { instrument: code, time: datetime }
    time: { every: 5m }
  quarters: { kind: resample, input: minutes, every: 15m }
  daily:
    kind: resample
    input: minutes
    every: session
    columns: { vwap: { of: close, by: mean, weight: volume } }
  closes: { kind: indicators, input: daily, columns: { change: 'close / ref(close, 1) - 1' } }
";

/// The parts of a day as their first and last times, `09:35` and `11:30` say, and what is between.
type Parts<'a> = &'a [(&'a str, &'a str)];

const SHANGHAI: Parts<'_> = &[("09:35", "11:30"), ("13:05", "15:00")];

fn minutes_of(time: &str) -> u32 {
    let (hour, minute) = time.split_once(':').unwrap();
    hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
}

/// Bars of five minutes of one instrument on one date: prices rise by a cent with each, the volume is the number of the bar.
fn bars(code: &str, date: &str, parts: Parts<'_>, first: f64) -> String {
    let times = parts.iter().flat_map(|(from, to)| (minutes_of(from)..=minutes_of(to)).step_by(5));
    let mut text = String::new();
    for (at, time) in times.enumerate() {
        let close = first + 0.01 * at as f64;
        let (open, high, low) = (close - 0.005, close + 0.02, close - 0.02);
        let (hour, minute) = (time / 60, time % 60);
        let volume = at + 1;
        writeln!(text, "{code},{date} {hour:02}:{minute:02}:00,{open:.3},{high:.2},{low:.2},{close:.2},{volume}")
            .unwrap();
    }
    text
}

const HEAD: &str = "code,datetime,open,high,low,close,volume\n";

fn project(yaml: &str) -> Project {
    let project = Project::empty();
    project.yaml(yaml);
    project
}

fn day(project: &Project, date: &str, codes: &[&str]) {
    let text: String = codes.iter().zip(1..).map(|(code, n)| bars(code, date, SHANGHAI, 10.0 * f64::from(n))).collect();
    project.write(&format!("data/source/minutes/{date}.csv"), format!("{HEAD}{text}"));
}

fn materialize(project: &Project) -> crate::support::Ran {
    project.run_at(NOW, &["materialize", "--format", "json"]).ok().ran()
}

fn one(project: &Project, query: &str) -> Value {
    let rows = project.rows(query);
    assert_eq!(rows.len(), 1, "{query}");
    rows[0].clone()
}

#[test]
fn bars_find_their_session_and_longer_ones_are_made_of_them() {
    let project = project(YAML);
    for date in ["2024-03-14", "2024-03-15"] {
        day(&project, date, &["600028.XSHG", "600036.XSHG"]);
    }
    let both = [date("2024-03-14"), date("2024-03-15")];
    materialize(&project).assert(&[("minutes", &both), ("quarters", &both), ("daily", &both), ("closes", &both)]);
    let counts = one(
        &project,
        "select count(*) as n, min(time)::text as first, max(time)::text as last, count(distinct session) as days from minutes",
    );
    assert_eq!((counts["n"].as_u64(), counts["days"].as_u64()), (Some(2 * 2 * 48), Some(2)));
    assert_eq!(
        (counts["first"].as_str(), counts["last"].as_str()),
        (Some("2024-03-14 09:35:00"), Some("2024-03-15 15:00:00"))
    );
    // 09:35, 09:40 and 09:45 are the first quarter of an hour; the last before the break ends at 11:30.
    let quarters = project.rows(
        "select strftime(time, '%H:%M') as at, open, high, low, close, volume from quarters
         where instrument = '600028.XSHG' and session = '2024-03-14' order by time",
    );
    assert_eq!(quarters.len(), 16);
    assert_eq!(
        (quarters[0]["at"].as_str(), quarters[7]["at"].as_str(), quarters[8]["at"].as_str()),
        (Some("09:45"), Some("11:30"), Some("13:15"))
    );
    let first = &quarters[0];
    let of = |name: &str| first[name].as_f64().unwrap();
    assert_eq!([of("open"), of("high"), of("low"), of("close"), of("volume")], [9.995, 10.04, 9.98, 10.02, 6.0]);
    let daily = one(&project, "select * from daily where instrument = '600036.XSHG' and session = '2024-03-15'");
    let of = |name: &str| daily[name].as_f64().unwrap();
    assert_eq!([of("open"), of("high"), of("low"), of("close"), of("volume")], [19.995, 20.49, 19.98, 20.47, 1176.0]);
    // DuckDB reckons the weighted mean too.
    let vwap = one(
        &project,
        "select sum(close * volume) / sum(volume) as vwap from minutes where instrument = '600036.XSHG' and session = '2024-03-15'",
    );
    assert!((of("vwap") - vwap["vwap"].as_f64().unwrap()).abs() < 1e-12);
    assert_same(&project.rebuilt_at(NOW, &[]), &project.contents());
}

#[test]
fn one_corrected_minute_runs_one_session_and_stops_where_nothing_comes_out_otherwise() {
    let project = project(&YAML.replace("start: 2024-03-14", "start: 2024-03-12"));
    let dates = ["2024-03-12", "2024-03-13", "2024-03-14", "2024-03-15"];
    dates.iter().for_each(|date| day(&project, date, &["600028.XSHG", "600036.XSHG"]));
    materialize(&project);
    // The volume of one bar: bars of sessions change, but no close.
    let file = "data/source/minutes/2024-03-13.csv";
    let corrected = project
        .read(file)
        .replace("2024-03-13 10:00:00,20.045,20.07,20.03,20.05,6", "2024-03-13 10:00:00,20.045,20.07,20.03,20.05,600");
    assert_ne!(corrected, project.read(file));
    project.write(file, corrected);
    let third = [date("2024-03-13")];
    materialize(&project).assert(&[("minutes", &third), ("quarters", &third), ("daily", &third)]);
    materialize(&project).assert_nothing();
    // The last close of a session is that of the session: what reads it runs for two.
    let corrected = project
        .read(file)
        .replace("2024-03-13 15:00:00,20.465,20.49,20.45,20.47,48", "2024-03-13 15:00:00,20.465,20.49,20.45,20.48,48");
    assert_ne!(corrected, project.read(file));
    project.write(file, corrected);
    let next = [date("2024-03-13"), date("2024-03-14")];
    materialize(&project).assert(&[("minutes", &third), ("quarters", &third), ("daily", &third), ("closes", &next)]);
    // A row at 09:30 is the opening auction: it belongs to the first bar.
    project.write(
        file,
        project.read(file).replace(HEAD, &format!("{HEAD}600036.XSHG,2024-03-13 09:30:00,19.9,19.9,19.9,19.9,100\n")),
    );
    materialize(&project).assert(&[("minutes", &third), ("quarters", &third), ("daily", &third)]);
    let first = one(
        &project,
        "select open, volume from quarters where instrument = '600036.XSHG' and time = '2024-03-13 09:45'",
    );
    assert_eq!((first["open"].as_f64(), first["volume"].as_f64()), (Some(19.9), Some(106.0)));
    assert_same(&project.rebuilt_at(NOW, &[]), &project.contents());
}

#[test]
fn a_night_belongs_to_the_session_that_follows() {
    let yaml = YAML.replace("start: 2024-03-14", "start: 2024-03-15").replace("calendar: XSHG\n", "calendar: FUT\ncalendars:\n  FUT: { extends: XSHG, hours: ['21:00-02:30', '09:00-10:15', '10:30-11:30', '13:30-15:00'] }\n");
    let project = project(&yaml);
    let night: Parts<'_> = &[("21:05", "23:55")];
    let morning: Parts<'_> = &[("00:00", "02:30")];
    let day: Parts<'_> = &[("09:05", "10:15"), ("10:35", "11:30"), ("13:35", "15:00")];
    let mut text = HEAD.to_owned();
    // Friday; then its evening, the Saturday after it and Monday are one session.
    text += &bars("AU2406", "2024-03-15", day, 500.0);
    text += &bars("AU2406", "2024-03-15", night, 510.0);
    text += &bars("AU2406", "2024-03-16", morning, 520.0);
    text += &bars("AU2406", "2024-03-18", day, 530.0);
    project.write("data/source/minutes/futures.csv", &text);
    let both = [date("2024-03-15"), date("2024-03-18")];
    materialize(&project).assert(&[("minutes", &both), ("quarters", &both), ("daily", &both), ("closes", &both)]);
    let monday = one(&project, "select open, close, volume from daily where session = '2024-03-18'");
    assert_eq!((monday["open"].as_f64(), monday["close"].as_f64()), (Some(509.995), Some(530.44)));
    let first =
        one(&project, "select min(time)::text as first, count(*) as n from quarters where session = '2024-03-18'");
    assert_eq!((first["first"].as_str(), first["n"].as_u64()), (Some("2024-03-15 21:15:00"), Some(22 + 5 + 4 + 6)));
    // On the evening before a holiday nothing is traded.
    project.write(
        "data/source/minutes/holiday.csv",
        format!("{HEAD}{}", bars("AU2412", "2024-09-30", &[("21:05", "21:10")], 600.0)),
    );
    let refused = project.run_at(NOW, &["materialize"]).exits(5);
    refused.says(&[
        "holiday.csv:2:",
        "nothing is traded on `FUT` at `2024-09-30 21:05`",
        "the hours of 2024-09-30 are 21:00-02:30, 09:00-10:15",
    ]);
}

#[test]
fn clocks_are_changed_and_half_days_are_short() {
    let project = project(
        "\
calendar: XNYS
start: 2024-03-08
assets:
  minutes:
    kind: source
    csv: data/source/minutes/*.csv
    columns: { instrument: code, time: datetime }
    time: { every: 5m, stamp: start, format: epoch }
    checks: [{ expected_rows: {} }]
  hours: { kind: resample, input: minutes, every: 1h }
",
    );
    // 09:30 in New York, before and after the change of clocks, and on the day after Thanksgiving.
    let mut text = HEAD.to_owned();
    for (opens, bars) in [(1_709_908_200, 78), (1_710_163_800, 78), (1_732_890_600, 42)] {
        for at in 0..bars {
            writeln!(text, "AAPL,{},1,2,0.5,1.5,{}", opens + 300 * at, at + 1).unwrap();
        }
    }
    project.write("data/source/minutes/us.csv", &text);
    materialize(&project);
    let hours = project.rows("select session::text as day, string_agg(strftime(time, '%H:%M'), ' ' order by time) as at from hours group by all order by day");
    assert_eq!(hours[0]["at"], "09:30 10:30 11:30 12:30 13:30 14:30 15:30");
    assert_eq!(hours[1]["at"], hours[0]["at"]);
    assert_eq!(hours[2]["at"], "09:30 10:30 11:30 12:30");
    // A bar is missing.
    let short: String = text
        .lines()
        .filter(|line| !line.contains(&(1_710_163_800 + 600).to_string()))
        .map(|line| format!("{line}\n"))
        .collect();
    project.write("data/source/minutes/us.csv", short);
    let refused = project.run_at(NOW, &["materialize"]).exits(6);
    refused.says(&["1 bar is missing on 2024-03-11: AAPL 09:40"]);
}

#[test]
fn gaps_are_filled_within_a_session_and_marked() {
    let yaml = YAML.replace("every: 15m }", "every: 15m, gaps: carry }");
    let project = project(&yaml);
    let rows = [("09:35", 10.0), ("09:40", 10.5), ("10:20", 11.0), ("13:05", 12.0)];
    let text: String = rows
        .iter()
        .map(|(at, close)| format!("600028.XSHG,2024-03-14 {at}:00,{close},{close},{close},{close},100\n"))
        .collect();
    let late = "600036.XSHG,2024-03-14 14:55:00,20,20,20,20,1\n";
    project.write("data/source/minutes/a.csv", format!("{HEAD}{text}{late}"));
    materialize(&project);
    let quarters = project.rows("select strftime(time, '%H:%M') as at, close, volume, is_filled from quarters where instrument = '600028.XSHG' order by time");
    assert_eq!(quarters.len(), 16);
    let shown: Vec<String> = quarters[..5]
        .iter()
        .map(|row| format!("{} {} {} {}", row["at"].as_str().unwrap(), row["close"], row["volume"], row["is_filled"]))
        .collect();
    assert_eq!(
        shown,
        [
            "09:45 10.5 200.0 false",
            "10:00 10.5 0.0 true",
            "10:15 10.5 0.0 true",
            "10:30 11.0 100.0 false",
            "10:45 11.0 0.0 true"
        ]
    );
    let before = one(
        &project,
        "select count(*) as n, count(close) as closes, sum(volume) as volume from quarters where instrument = '600036.XSHG'",
    );
    assert_eq!(
        (before["n"].as_u64(), before["closes"].as_u64(), before["volume"].as_f64()),
        (Some(16), Some(1), Some(1.0)),
        "nothing is carried from before the first trade"
    );
}

#[test]
fn times_come_in_many_ways() {
    let yaml =
        |source: &str| format!("calendar: XSHG\nstart: 2024-03-14\nassets:\n  minutes:\n    kind: source\n{source}");
    let times = |project: &Project| -> Vec<String> {
        materialize(project);
        let rows = project.rows("select session::text || ' ' || time::text as at from minutes order by time");
        rows.iter().map(|row| row["at"].as_str().unwrap().to_owned()).collect()
    };
    let wanted = ["2024-03-14 2024-03-14 09:31:00", "2024-03-15 2024-03-15 13:01:00"];
    // The trading date in one column, the time of day in another.
    let apart = project(&yaml(
        "    csv: data/*.csv\n    columns: { instrument: code, session: date, time: clock }\n    time: { every: 1m, format: '%H%M%S' }\n",
    ));
    apart.write("data/a.csv", "code,date,clock,close\na,2024-03-14,093100,1\na,2024-03-15,130100,2\n");
    assert_eq!(times(&apart), wanted);
    // In the file's name.
    let named = project(&yaml(
        "    csv: data/*.csv\n    session: { file_name: 'bars_%Y%m%d.csv' }\n    columns: { instrument: code, time: clock }\n    time: { every: 1m, format: '%H:%M' }\n",
    ));
    named.write("data/bars_20240314.csv", "code,clock,close\na,09:31,1\n");
    named.write("data/bars_20240315.csv", "code,clock,close\na,13:01,2\n");
    assert_eq!(times(&named), wanted);
    // In UTC, as JSON lines and as Parquet with and without a time zone.
    let utc = project(&yaml(
        "    jsonl: data/*.jsonl\n    columns: { instrument: code, time: t }\n    time: { every: 1m, format: epoch_ms }\n",
    ));
    utc.write("data/a.jsonl", "{\"code\": \"a\", \"t\": 1710379860000, \"close\": 1}\n{\"code\": \"a\", \"t\": 1710478860000, \"close\": 2}\n");
    assert_eq!(times(&utc), wanted);
    for (zone, values) in [
        ("", "(TIMESTAMPTZ '2024-03-14 01:31:00+00'), (TIMESTAMPTZ '2024-03-15 05:01:00+00')"),
        ("", "(TIMESTAMP '2024-03-14 09:31:00'), (TIMESTAMP '2024-03-15 13:01:00')"),
        (", zone: UTC", "(TIMESTAMP_NS '2024-03-14 01:31:00'), (TIMESTAMP_NS '2024-03-15 05:01:00')"),
    ] {
        let parquet = project(&yaml(&format!(
            "    parquet: data/*.parquet\n    columns: {{ instrument: code, time: t }}\n    time: {{ every: 1m{zone} }}\n"
        )));
        parquet.write("data/readme.txt", "");
        let path = parquet.path("data/a.parquet").display().to_string().replace('\'', "''");
        let duckdb = duckdb::Connection::open_in_memory().unwrap();
        duckdb.execute_batch(&format!("COPY (SELECT 'a' AS code, t, 1.0 AS close FROM (VALUES {values}) AS rows(t)) TO '{path}' (FORMAT parquet)")).unwrap();
        assert_eq!(times(&parquet), wanted, "{values}");
    }
}

#[test]
fn mistakes_in_times_name_their_place() {
    let project = project(YAML);
    let file = "data/source/minutes/a.csv";
    for (row, words) in [
        (
            "a,2024-03-14 12:00:00,1,1,1,1,1",
            &["a.csv:2:3", "nothing is traded on `XSHG` at `2024-03-14 12:00`", "outside: skip"][..],
        ),
        ("a,2024-03-14 09:36:00,1,1,1,1,1", &["a.csv:2:3", "`2024-03-14 09:36` is not the time of a bar of 5 minutes"]),
        (
            "a,2024-03-16 09:35:00,1,1,1,1,1",
            &["a.csv:2:3", "`2024-03-16`, a Saturday, is not a session of `XSHG`", "off_calendar: skip"],
        ),
        (
            "a,2024-03-14,1,1,1,1,1",
            &["a.csv:2:3", "`2024-03-14` is not a time as `2024-03-15 09:31:00`", "time: { format"],
        ),
        ("a,,1,1,1,1,1", &["a.csv:2:3", "the time is missing"]),
        (
            "a,2024-03-14 09:35:00,1,1,1,1,1\na,2024-03-14 09:35:00,1,1,1,1,1",
            &["a.csv:3", "two rows are of `a` at `2024-03-14 09:35`"],
        ),
    ] {
        project.write(file, format!("{HEAD}{row}\n"));
        project.run_at(NOW, &["materialize"]).exits(5).says(words);
    }
    // What is left out on demand is counted.
    project.edit_yaml("time: { every: 5m }", "time: { every: 5m, outside: skip }");
    project.write(
        file,
        format!(
            "{HEAD}a,2024-03-14 09:35:00,1,1,1,1,1\na,2024-03-14 12:00:00,1,1,1,1,1\na,2024-03-14 15:05:00,1,1,1,1,1\n"
        ),
    );
    project.run_at(NOW, &["materialize"]).ok().says(&["2 rows outside the hours of `XSHG` left out"]);
    assert_eq!(project.rows("select * from minutes").len(), 1);
}

#[test]
fn other_hours_make_other_sessions() {
    // A source in UTC on a calendar of crypto, cut into days of Shanghai.
    let yaml = "\
calendar: DAYS
start: 2024-03-14
calendars:
  DAYS: { extends: 24/7 }
assets:
  minutes:
    kind: source
    csv: data/*.csv
    columns: { instrument: code, time: datetime }
    time: { every: 5m, stamp: start, zone: UTC }
  daily: { kind: resample, input: minutes, every: session }
";
    let project = project(yaml);
    project.write("data/a.csv", format!("{HEAD}BTC,2024-03-14 15:55:00,1,1,1,1,1\nBTC,2024-03-14 16:00:00,1,1,1,1,1\nBTC,2024-03-15 00:00:00,1,1,1,1,1\n"));
    let (first, second) = ([date("2024-03-14")], [date("2024-03-14"), date("2024-03-15")]);
    materialize(&project).assert(&[("minutes", &second), ("daily", &second)]);
    let volumes = |project: &Project| -> Vec<f64> {
        project
            .rows("select volume from daily order by session")
            .iter()
            .map(|row| row["volume"].as_f64().unwrap())
            .collect()
    };
    assert_eq!(volumes(&project), [2.0, 1.0]);
    project.edit_yaml("{ extends: 24/7 }", "{ extends: 24/7, zone: Asia/Shanghai, hours: ['00:00-25:00'] }");
    let refused = project.run_at(NOW, &["validate"]).exits(3);
    refused.says(&["`00:00-25:00` is not a part of a day"]);
    project.edit_yaml("00:00-25:00", "00:00-24:00");
    materialize(&project);
    assert_eq!(volumes(&project), [1.0, 2.0]);
    assert_eq!(project.rows("select session from minutes where session = '2024-03-14'").len(), first.len());
}
