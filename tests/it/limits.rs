//! Price limits by dated rules, against what was really traded.

use crate::support::{Project, assert_same, date, from_on, repository, sessions};

/// The demo with its corporate actions and the limits of its boards.
fn demo() -> Project {
    let project = Project::demo();
    let actions = std::fs::read_to_string(repository().join("tests/fixtures/oracle/actions.csv")).unwrap();
    project.write("data/source/actions.csv", actions);
    project.edit_yaml(
        "  completed_bars:\n",
        "  actions: { kind: table, csv: data/source/actions.csv, types: { ex_date: date }, key: [instrument, ex_date] }\n\n  completed_bars:\n",
    );
    project
        .edit_yaml("    listing: listing\n", "    listing: listing\n    actions: actions\n    limits: cn_a_shares\n");
    project
}

#[test]
fn nobody_traded_beyond_the_limits_but_on_an_ex_date_that_is_not_known() {
    let project = demo();
    project.materialize_with(&["--select", "completed_bars"]);
    // Counted by a program of its own, in decimals, from the CSV and the actions: every delivered row of a stock but its first has limits.
    let counts = &project.rows(
        "select count(limit_up) as limited, count(*) filter (where at_limit_up) as up,
            count(*) filter (where at_limit_down) as down,
            count(*) filter (where high > limit_up + 0.001 or low < limit_down - 0.001) as beyond,
            count(*) filter (where instrument = 'sh.000300' and limit_up is not null) as of_the_index,
            count(*) filter (where is_filled and limit_up is not null) as of_filled_rows
         from completed_bars",
    )[0];
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!((count("limited"), count("up"), count("down")), (28_985, 640, 375));
    assert_eq!((count("of_the_index"), count("of_filled_rows")), (0, 0));
    // Actions on days that were traded are not in the table: their reference is not known, and 31 rows betray it.
    assert_eq!(count("beyond"), 31);
    let rows = project.rows(
        "select close, limit_up, limit_down from completed_bars where instrument = 'sz.002129' and session = '2015-04-29'",
    );
    assert_eq!((rows[0]["limit_up"].as_f64(), rows[0]["limit_down"].as_f64()), (Some(55.09), Some(45.07)));
}

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  listing: { kind: table, csv: data/source/listing.csv, types: { listed: date, delisted: date }, key: instrument }
  st_stocks: { kind: table, csv: data/source/st.csv, types: { from: date, to: date }, key: [instrument, from] }
  completed_bars: { kind: complete, input: raw_bars, listing: listing, limits: { rules: cn_a_shares, special: st_stocks } }
";

#[test]
fn special_treatment_and_closes_run_what_is_reckoned_from_them() {
    let mut project = Project::of(&["sh.600028", "sh.600036"], "2015-02-02", "2015-08-31", YAML);
    project.write("data/source/st.csv", "instrument,from,to\nsh.600036,2015-03-02,2015-03-03\n");
    project.materialize();
    let up = |project: &Project, day: &str| {
        let query = format!("select limit_up from completed_bars where instrument = 'sh.600036' and session = '{day}'");
        project.rows(&query)[0]["limit_up"].as_f64()
    };
    let close = |project: &Project, day: &str| project.bars().close("sh.600036", day);
    let rounded = |price: f64| (price * 100.0).round() / 100.0;
    assert_eq!(up(&project, "2015-02-02"), None, "there is no close before the first");
    assert_eq!(up(&project, "2015-03-02"), Some(rounded(close(&project, "2015-02-27") * 1.05)));
    assert_eq!(up(&project, "2015-03-04"), Some(rounded(close(&project, "2015-03-03") * 1.1)));

    // Two more days of special treatment: those.
    project.write("data/source/st.csv", "instrument,from,to\nsh.600036,2015-03-02,2015-03-05\n");
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-03-04", "2015-03-05"));
    // A close is what the next day is reckoned from.
    project.edit_close("sh.600036", "2015-05-20", 17.5);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), from_on("2015-05-20", 2));
    assert_eq!(up(&project, "2015-05-21"), Some(19.25));
    // Its volume is not.
    project.edit_bars(|bars| bars.bar("sh.600036", "2015-06-03").values[4] = "1000".to_owned());
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-06-03")]);
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn rules_of_ones_own_and_the_first_sessions_of_the_listed() {
    let yaml = YAML.replace(
        "limits: { rules: cn_a_shares, special: st_stocks }",
        "limits: { tick: 0.1, rules: [{ unlimited: true, first_sessions: 3 }, { instruments: '*028', ratio: 0.2 }, { ratio: 0.05, to: 2015-02-10 }] }",
    );
    let yaml = yaml.lines().filter(|line| !line.contains("st_stocks")).collect::<Vec<_>>().join("\n");
    let project = Project::of(&["sh.600028", "sh.600036"], "2015-02-02", "2015-08-31", &yaml);
    project
        .write("data/source/listing.csv", "instrument,listed,delisted\nsh.600028,2014-01-02,\nsh.600036,2015-02-02,\n");
    project.materialize();
    let limited = |instrument: &str| -> Vec<String> {
        let query = format!(
            "select session from completed_bars where instrument = '{instrument}' and limit_up is not null order by session"
        );
        project.rows(&query).iter().map(|row| row["session"].as_str().unwrap().to_owned()).collect()
    };
    // On its first day there is no close before, and on its second and third no limit; then one for four sessions.
    assert_eq!(limited("sh.600036"), ["2015-02-05", "2015-02-06", "2015-02-09", "2015-02-10"]);
    assert_eq!(limited("sh.600028").len(), 142);
    let ticks = project.rows("select limit_up, limit_down from completed_bars where limit_up is not null");
    for row in ticks.iter().flat_map(|row| [&row["limit_up"], &row["limit_down"]]) {
        let price = row.as_f64().unwrap();
        assert_eq!(price, (price * 10.0).round() / 10.0, "{price} is no whole number of ticks");
    }

    // Listed later: what was before goes, and the new first three sessions have no limit; the others stand.
    let listed = |day: &str| {
        let table = format!("instrument,listed,delisted\nsh.600028,2014-01-02,\nsh.600036,{day},\n");
        project.write("data/source/listing.csv", table);
    };
    listed("2014-01-02");
    assert_eq!(project.materialize().of_asset("completed_bars"), from_on("2015-02-02", 3));
    assert_eq!(limited("sh.600036").len(), 6);
    listed("2015-01-30");
    assert_eq!(project.materialize().of_asset("completed_bars"), from_on("2015-02-02", 2));
    assert_eq!(limited("sh.600036"), ["2015-02-04", "2015-02-05", "2015-02-06", "2015-02-09", "2015-02-10"]);
    assert_same(&project.rebuilt(), &project.contents());
}
