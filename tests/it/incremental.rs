//! What runs again after the data changed: exactly the partitions that must.

use chrono::NaiveDate;

use crate::support::bars::calendar;
use crate::support::project::files;
use crate::support::{Bars, Project, Ran, assert_same, changes, date, from_on, list, sessions, sessions_from};

const PANELS: [&str; 5] = ["raw_bars", "completed_bars", "indicators", "scores", "signals"];
const TABLE: &str = "1970-01-01";

fn days(texts: &[&str]) -> Vec<NaiveDate> {
    texts.iter().map(|text| date(text)).collect()
}

/// Edits, materializes, and asserts that exactly `raw`, `completed` and `indicators` ran, and below them only sessions whose
/// input came out different.
#[track_caller]
fn assert_ran(
    project: &mut Project,
    edit: impl FnOnce(&mut Bars),
    raw: &[NaiveDate],
    completed: &[NaiveDate],
    indicators: &[NaiveDate],
) {
    let before = project.contents();
    project.edit_bars(edit);
    let ran = project.materialize();
    let changed = changes(&before, &project.contents());
    let of = |asset: &str| changed.get(asset).cloned().unwrap_or_default();
    ran.assert(&[
        ("raw_bars", raw),
        ("completed_bars", completed),
        ("indicators", indicators),
        ("scores", &of("indicators")),
        ("signals", &of("scores")),
    ]);
    // What came out different is part of what ran.
    for (asset, dates) in &changed {
        let beyond: Vec<_> = dates.iter().copied().filter(|day| !ran.of_asset(asset).contains(day)).collect();
        assert!(beyond.is_empty(), "{asset} changed on {} without running", list(&beyond));
    }
    project.materialize().assert_nothing();
}

#[test]
fn nothing_changed_nothing_runs() {
    let project = Project::new();
    let all = sessions("2015-02-02", "2015-08-31");
    let table = days(&[TABLE]);
    let everything: Vec<(&str, &[NaiveDate])> =
        PANELS.iter().map(|asset| (*asset, all.as_slice())).chain([("listing", table.as_slice())]).collect();
    project.materialize().assert(&everything);
    let (contents, segments) = (project.contents(), files(&project.path("data/lake/scores")));
    for _ in 0..2 {
        project.materialize().assert_nothing();
    }
    assert_same(&project.contents(), &contents);
    assert_eq!(files(&project.path("data/lake/scores")), segments);
    project.run(&["plan", "--exit-code"]).ok().says(&["6 assets up to date"]);
}

#[test]
fn a_file_touched_but_not_changed() {
    let mut project = Project::new();
    project.materialize();
    let edits: [fn(&mut Bars); 4] = [
        // Written again as it was.
        |_| {},
        // Other bytes for the same values.
        |bars| bars.bar("sh.600028", "2015-03-04").values[3].push_str("00"),
        // Another order of rows.
        |bars| bars.rows.reverse(),
        |bars| bars.rows.sort_by(|a, b| (a.date, &a.symbol).cmp(&(b.date, &b.symbol))),
    ];
    for edit in edits {
        project.edit_bars(edit);
        project.run(&["plan", "--exit-code"]).ok();
        project.materialize().assert_nothing();
    }
}

#[test]
fn the_same_rows_in_other_files() {
    let project = Project::new();
    project.materialize();
    let csv = project.read("data/source/bars/bars.csv");
    project.write("data/source/bars/bars.csv", csv.replace('\n', "\r\n"));
    project.materialize().assert_nothing();

    // Split in two, under other names.
    let (header, rows) = csv.split_once('\n').unwrap();
    let middle = rows[..rows.len() / 2].rfind('\n').unwrap() + 1;
    project.write("data/source/bars/a.csv", format!("{header}\n{}", &rows[..middle]));
    project.write("data/source/bars/z.csv", format!("{header}\n{}", &rows[middle..]));
    std::fs::remove_file(project.path("data/source/bars/bars.csv")).unwrap();
    project.materialize().assert_nothing();
    project.materialize().assert_nothing();
}

#[test]
fn one_close_corrected() {
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-03-04"]);
    assert_ran(
        &mut project,
        |bars| bars.set_close("sh.600028", "2015-03-04", 6.11),
        &day,
        &day,
        &from_on("2015-03-04", 21),
    );
}

#[test]
fn a_correction_near_the_end_reaches_no_further_than_the_end() {
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-08-27"]);
    assert_ran(
        &mut project,
        |bars| bars.set_close("sh.600028", "2015-08-27", 5.05),
        &day,
        &day,
        &sessions("2015-08-27", "2015-08-31"),
    );
}

#[test]
fn two_corrections_far_apart() {
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-02-10", "2015-07-20"]);
    let both: Vec<NaiveDate> = [from_on("2015-02-10", 21), from_on("2015-07-20", 21)].concat();
    let edit = |bars: &mut Bars| {
        bars.set_close("sh.600028", "2015-02-10", 6.01);
        bars.set_close("sh.600036", "2015-07-20", 18.88);
    };
    assert_ran(&mut project, edit, &day, &day, &both);
}

#[test]
fn a_column_that_nobody_reads_corrected() {
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-03-04"]);
    let edit = |bars: &mut Bars| bars.bar("sh.600028", "2015-03-04").values[0] = "6.29".into();
    assert_ran(&mut project, edit, &day, &day, &[]);
}

#[test]
fn a_correction_on_the_day_before_a_suspension() {
    // sh.600036 is suspended on the five sessions from 2015-04-03 and trades again on 2015-04-13.
    let mut project = Project::new();
    project.materialize();
    let carried = sessions("2015-04-02", "2015-04-10");
    assert_eq!(carried.len(), 6);
    assert_ran(
        &mut project,
        |bars| bars.set_close("sh.600036", "2015-04-02", 15.55),
        &days(&["2015-04-02"]),
        &carried,
        &from_on("2015-04-02", 26),
    );
    let query = "select session, close, is_suspended from completed_bars where instrument = 'sh.600036' \
                 and session between '2015-04-02' and '2015-04-10' order by session";
    let rows = project.rows(query);
    assert_eq!(rows.len(), 6);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["close"], 15.55, "{row}");
        assert_eq!(row["is_suspended"], at > 0, "{row}");
    }

    // The opening price is not carried.
    let day = days(&["2015-04-02"]);
    let edit = |bars: &mut Bars| bars.bar("sh.600036", "2015-04-02").values[0] = "15.51".into();
    assert_ran(&mut project, edit, &day, &day, &[]);

    // Nor does another instrument's close go into its suspension.
    let edit = |bars: &mut Bars| bars.set_close("sh.600028", "2015-04-02", 6.66);
    assert_ran(&mut project, edit, &day, &day, &from_on("2015-04-02", 21));
}

#[test]
fn a_correction_before_a_suspension_without_end() {
    // sz.000066 does not trade from 2015-06-18 on.
    let mut project = Project::new();
    project.materialize();
    let later = sessions_from("2015-06-17");
    assert_ran(
        &mut project,
        |bars| bars.set_close("sz.000066", "2015-06-17", 23.45),
        &days(&["2015-06-17"]),
        &later,
        &later,
    );
}

#[test]
fn a_session_appended() {
    let mut project = Project::new();
    project.materialize();
    for day in ["2015-09-01", "2015-09-02"] {
        project.append_session(day);
        let day = days(&[day]);
        let each: Vec<(&str, &[NaiveDate])> = PANELS.iter().map(|asset| (*asset, day.as_slice())).collect();
        project.materialize().assert(&each);
        project.materialize().assert_nothing();
    }
    let suspended = project.rows("select count(*) as n from completed_bars where instrument = 'sz.000066' and session > '2015-08-31' and is_suspended");
    assert_eq!(suspended[0]["n"], 2);

    project.append_session("2015-09-07");
    project.append_session("2015-09-08");
    let two = days(&["2015-09-07", "2015-09-08"]);
    let each: Vec<(&str, &[NaiveDate])> = PANELS.iter().map(|asset| (*asset, two.as_slice())).collect();
    project.materialize().assert(&each);
}

#[test]
fn the_last_session_withdrawn_and_delivered_again() {
    let mut project = Project::new();
    project.materialize();
    let before = project.contents();
    project.append_session("2015-09-01");
    project.materialize();
    let with = project.contents();

    project.edit_bars(|bars| bars.rows.retain(|bar| bar.date < date("2015-09-01")));
    project.materialize().assert_nothing();
    assert_same(&before, &project.contents());

    project.append_session("2015-09-01");
    let day = days(&["2015-09-01"]);
    let each: Vec<(&str, &[NaiveDate])> = PANELS.iter().map(|asset| (*asset, day.as_slice())).collect();
    project.materialize().assert(&each);
    assert_same(&with, &project.contents());
}

#[test]
fn a_row_of_the_past_removed_and_added_again() {
    let mut project = Project::new();
    project.materialize();
    let before = project.contents();
    let day = days(&["2015-03-04"]);
    let reach = from_on("2015-03-04", 21);
    let mut removed = None;
    let take = |bars: &mut Bars| removed = Some(bars.remove("sh.600028", "2015-03-04"));
    assert_ran(&mut project, take, &day, &day, &reach);
    // It counts as suspended now.
    let row =
        "select is_suspended, volume from completed_bars where instrument = 'sh.600028' and session = '2015-03-04'";
    assert_eq!(project.rows(row)[0]["is_suspended"], true);

    assert_ran(&mut project, |bars| bars.rows.extend(removed), &day, &day, &reach);
    assert_same(&before, &project.contents());
}

#[test]
fn the_bar_that_ends_a_suspension_removed() {
    // sh.601727 is suspended on 2015-03-11 alone: without the bar of 2015-03-12 its close of 2015-03-10 goes one session further.
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-03-12"]);
    let edit = |bars: &mut Bars| drop(bars.remove("sh.601727", "2015-03-12"));
    assert_ran(&mut project, edit, &day, &day, &from_on("2015-03-12", 21));
    let both = days(&["2015-03-10", "2015-03-11", "2015-03-12"]);
    let edit = |bars: &mut Bars| bars.set_close("sh.601727", "2015-03-10", 9.09);
    assert_ran(&mut project, edit, &both[..1], &both, &from_on("2015-03-10", 23));
}

#[test]
fn all_rows_of_a_past_session_removed() {
    let mut project = Project::new();
    project.materialize();
    let before = project.contents();
    let day = days(&["2015-03-04"]);
    let whole: Vec<_> = project.bars().rows.iter().filter(|bar| bar.date == day[0]).cloned().collect();
    let reach = from_on("2015-03-04", 21);
    assert_ran(&mut project, |bars| bars.rows.retain(|bar| bar.date != day[0]), &day, &day, &reach);
    let suspended =
        project.rows("select count(*) as n from completed_bars where session = '2015-03-04' and is_suspended");
    assert_eq!(suspended[0]["n"], 8);
    assert_ran(&mut project, |bars| bars.rows.extend(whole), &day, &day, &reach);
    assert_same(&before, &project.contents());
}

#[test]
fn a_correction_undone_before_anything_below_ran() {
    let mut project = Project::new();
    project.materialize();
    let close = project.bars().close("sh.600028", "2015-03-04");
    let day = days(&["2015-03-04"]);
    let only_raw = ["--select", "raw_bars", "--only"];
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    project.materialize_with(&only_raw).assert(&[("raw_bars", &day)]);
    project.run(&["plan", "--exit-code"]).exits(4);
    project.edit_close("sh.600028", "2015-03-04", close);
    project.materialize_with(&only_raw).assert(&[("raw_bars", &day)]);
    project.materialize().assert_nothing();
    project.run(&["plan", "--exit-code"]).ok();
}

#[test]
fn a_correction_made_twice_before_anything_below_ran() {
    let mut project = Project::new();
    project.materialize();
    let day = days(&["2015-03-04"]);
    for close in [6.11, 6.12] {
        project.edit_close("sh.600028", "2015-03-04", close);
        project.materialize_with(&["--select", "raw_bars", "--only"]).assert(&[("raw_bars", &day)]);
    }
    let before = project.contents();
    let ran = project.materialize();
    let changed = changes(&before, &project.contents());
    let reach = from_on("2015-03-04", 21);
    ran.assert(&[
        ("completed_bars", &day),
        ("indicators", &reach),
        ("scores", &changed["indicators"]),
        ("signals", &changed["scores"]),
    ]);
}

#[test]
fn a_recomputed_partition_that_comes_out_identical_stops_there() {
    let yaml = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  flags: { kind: indicators, input: raw_bars, columns: { rises: 'close > ref(close, 1)' } }
  counts: { kind: indicators, input: flags, columns: { up_10: 'count(rises, 10)' } }
";
    let mut project = Project::of(&["sh.600028", "sh.600036"], "2015-02-02", "2015-04-30", yaml);
    project.materialize();
    // A tenth of a fen on a day that rose by more, and was followed by one that rose by more.
    let query = "select session, close, lag(close) over w as back, lead(close) over w as next from raw_bars \
                 where instrument = 'sh.600028' window w as (order by session) qualify close > back + 0.02 and next > close + 0.02 limit 1";
    let row = &project.rows(query)[0];
    let (day, close) = (row["session"].as_str().unwrap().to_owned(), row["close"].as_f64().unwrap());
    project.edit_close("sh.600028", &day, close + 0.001);
    let two: Vec<NaiveDate> = sessions(&day, "2015-04-30").into_iter().take(2).collect();
    project.materialize().assert(&[("raw_bars", &days(&[&day])), ("flags", &two)]);
    project.materialize().assert_nothing();
}

#[test]
fn what_ran_was_announced() {
    let mut project = Project::new();
    let edits: [fn(&mut Project); 5] = [
        |_| {},
        |project| project.edit_close("sh.600028", "2015-03-04", 6.11),
        |project| project.edit_close("sh.600036", "2015-04-02", 15.55),
        |project| project.edit_yaml("busy: mean(volume, 5)", "busy: mean(volume, 8)"),
        |project| project.edit_bars(|bars| drop(bars.remove("sz.002129", "2015-07-15"))),
    ];
    for edit in edits {
        edit(&mut project);
        let plan = project.run(&["plan", "--format", "json"]).ok();
        let announced = Ran::announced(&plan.json(), calendar());
        let outcome = project.run(&["materialize", "--format", "json"]).ok();
        assert_eq!(outcome.json()["plan"], plan.json(), "materialize executes the plan that was shown");
        outcome.ran().assert_within(&announced);
    }
}

#[test]
fn a_listing_table_edited() {
    let project = Project::new();
    project.materialize();
    let listing = project.read("data/source/listing.csv");
    let table = days(&[TABLE]);

    // Another order of rows says the same.
    let (header, rows) = listing.split_once('\n').unwrap();
    let mut lines: Vec<&str> = rows.lines().rev().collect();
    lines.insert(0, header);
    project.write("data/source/listing.csv", lines.join("\n"));
    project.materialize().assert_nothing();

    // The last session of sz.000066 is 2015-08-03: it goes from those after it, which alone are made again.
    let first = project.contents();
    let list_with = |from: &str, to: &str| {
        assert!(listing.contains(from));
        project.write("data/source/listing.csv", listing.replace(from, to));
        let before = project.contents();
        let ran = project.materialize();
        project.materialize().assert_nothing();
        (ran, changes(&before, &project.contents()))
    };
    let gone = sessions_from("2015-08-04");
    let (ran, changed) = list_with("sz.000066,2014-01-02,", "sz.000066,2014-01-02,2015-08-03");
    assert_eq!(changed["completed_bars"], gone);
    ran.assert(&[
        ("listing", &table),
        ("completed_bars", &gone),
        ("indicators", &gone),
        ("scores", &changed["indicators"]),
        ("signals", &changed["scores"]),
    ]);
    assert_same(&project.rebuilt(), &project.contents());
    // An end that moves concerns the sessions between the old one and the new one, and those that carry what came back.
    let (ran, _) = list_with("sz.000066,2014-01-02,", "sz.000066,2014-01-02,2015-08-10");
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-08-04", "2015-08-10"));
    assert_same(&project.rebuilt(), &project.contents());
    // The end of a century is none; and what was there before is there again.
    let (ran, _) = list_with("sz.000066,2014-01-02,", "sz.000066,2014-01-02,2099-12-31");
    assert_eq!(ran.of_asset("completed_bars"), sessions_from("2015-08-11"));
    let but_listing = |mut contents: crate::support::Contents| {
        contents.retain(|(asset, _), _| asset != "listing");
        contents
    };
    assert_same(&but_listing(first), &but_listing(project.contents()));
    list_with("sz.000066,2014-01-02,", "sz.000066,1901-01-01,").0.assert(&[("listing", &table)]);

    // A beginning that moves: sz.002129 is suspended on the first two sessions, and has no row there any more.
    let (ran, changed) = list_with("sz.002129,2014-01-02,", "sz.002129,2015-02-04,");
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-02-02", "2015-02-03"));
    assert_eq!(changed["completed_bars"], sessions("2015-02-02", "2015-02-03"));
    assert_same(&project.rebuilt(), &project.contents());
    // What an end before the beginning says is refused, whatever session it would be of.
    let wrong = listing.replace("sz.000066,2014-01-02,", "sz.000066,2014-01-02,2013-01-04");
    project.write("data/source/listing.csv", wrong);
    project.run(&["materialize"]).exits(5).says(&["delisted on 2013-01-04, before it is listed on 2014-01-02"]);
}

#[test]
fn an_instrument_added_with_all_its_history() {
    let mut project = Project::new();
    project.materialize();
    let listing = project.read("data/source/listing.csv");
    project.write("data/source/listing.csv", format!("{listing}sh.600276,2014-01-02,\n"));
    let all = sessions_from("2015-02-02");
    project.edit_bars(|bars| bars.rows.extend(Bars::slice(&["sh.600276"], "2015-02-02", "2015-08-31").rows));
    let ran = project.materialize();
    for asset in ["raw_bars", "completed_bars", "indicators"] {
        assert_eq!(ran.of_asset(asset), all, "{asset}");
    }
    project.materialize().assert_nothing();
}
