//! Rows that cannot be, and rows that look as if they could not.

use super::{BARS, HEADER, YAML, line_4_refused, refused, repair, state, text, up_to_date, with_line_4};
use crate::support::Project;

#[test]
fn too_few_and_too_many_fields() {
    let project = up_to_date();
    line_4_refused(
        &project,
        "sh.600000,2014-01-03,9.38,9.39,9.26",
        &["the row has 5 fields where the header has 7", "`close`, `volume`"],
    );
    line_4_refused(
        &project,
        "sh.600000,2014-01-03,9.38,9.39,9.26,9.27,47,5",
        &["the row has 8 fields where the header has 7"],
    );
    line_4_refused(&project, "\"sh.600000,2014-01-03,9.38,9.39,9.26,9.27,47", &["a `\"` opens a field here"]);
}

#[test]
fn text_in_a_number() {
    let project = up_to_date();
    line_4_refused(
        &project,
        "sh.600000,2014-01-03,9.38,9.39,9.26,n/a,47",
        &[":37", "`n/a` is not a number in column `close`", "missing:"],
    );
    line_4_refused(
        &project,
        "sh.600000,2014-01-03,9.38,9.39,9.26,NaN,47",
        &["`NaN` is not a number in column `close`"],
    );
    line_4_refused(&project, "sh.600000,2014-01-03,9.38,9.39,9.26,inf,47", &["`inf` is infinite"]);
    line_4_refused(&project, "sh.600000,2014-01-03,9.38,9.39,9.26,9.27,1e400", &["too large for a number", "`volume`"]);
    let thousands = "sh.600000,2014-01-03,9.38,9.39,9.26,9.27,\"47,411,364\"";
    line_4_refused(&project, thousands, &["is not a number", "thousands: \",\""]);
}

#[test]
fn dates_that_are_no_sessions() {
    let project = up_to_date();
    let saturday = "sh.600000,2014-01-04,9.38,9.39,9.26,9.27,47";
    let nearest = "`2014-01-04`, a Saturday, is not a session of `XSHG`; the nearest are `2014-01-03` and `2014-01-06`";
    line_4_refused(&project, saturday, &[nearest, "off_calendar: skip"]);
    line_4_refused(
        &project,
        "sh.600000,2034-01-04,9.38,9.39,9.26,9.27,47",
        &["after the last known session of `XSHG`", "extend the calendar"],
    );
    line_4_refused(
        &project,
        "sh.600000,2014-02-30,9.38,9.39,9.26,9.27,47",
        &["`2014-02-30` is not a date", "date_format"],
    );
    line_4_refused(&project, "sh.600000,,9.38,9.39,9.26,9.27,47", &["the date is missing"]);
    line_4_refused(&project, ",2014-01-03,9.38,9.39,9.26,9.27,47", &["the instrument is missing"]);

    let project = up_to_date();
    project.edit_yaml("    csv: bars/*.csv\n", "    csv: bars/*.csv\n    off_calendar: skip\n");
    project.write("bars/a.csv", with_line_4(saturday));
    project.run(&["materialize"]).ok();
    let rows = project.rows("select count(*) as n from raw_bars");
    assert_eq!(rows[0]["n"], 5, "the row is left out, and only it");
}

#[test]
fn a_row_that_is_there_twice() {
    let project = up_to_date();
    let words = ["two rows are of `sh.600000` on `2014-01-02`", "bars/a.csv:2"];
    let twice = [&BARS[..], &BARS[1..2]].concat();
    refused(&project, "bars/a.csv", text(&twice), 5, &[&words[..], &["bars/a.csv:8"]].concat());
    // In another file, the first of which is not read again.
    let two = refused(&project, "bars/b.csv", text(&BARS[..2]), 5, &[&words[..], &["bars/b.csv:2"]].concat());
    two.says(&[
        "here too",
        "= help: a source has one row",
        "what was committed before is kept",
        "waits for `raw_bars`",
    ]);
    assert_eq!(two.stdout.matches(&format!("2 | {}", BARS[1])).count(), 2, "the lines of both places\n{two}");
}

/// Several mistakes, in several files of several assets, are told in one go, and those of a kind not without end.
#[test]
fn all_that_is_wrong_is_told_at_once() {
    let project = up_to_date();
    let before = state(&project);
    project.yaml(&format!(
        "{YAML}
  more_bars:
    kind: source
    csv: more/*.csv
    columns: {{ instrument: symbol, session: date }}
"
    ));
    project.write("bars/a.csv", with_line_4("sh.600000,2014-01-04,9.38,x,9.26,9.27,y"));
    project.write("bars/b.csv", format!("{HEADER}\nsh.600003,2014-13-03,9.38,9.39,9.26,9.27,47\n"));
    let same = "sh.600001,2014-01-03,9.38,9.39,9.26,9.27,many\n";
    project.write("more/c.csv", format!("{HEADER}\n{}", same.repeat(30)));
    let refused = project.run(&["materialize"]).exits(5);
    refused.says(&[
        "bars/a.csv:4:11",
        "a Saturday",
        "bars/b.csv:2:11",
        "`2014-13-03` is not a date",
        "in the files of `raw_bars`; nothing was changed",
        "more/c.csv:2:42",
        "more/c.csv:6:42",
        "5 problems in the files of `more_bars`; there may be more",
    ]);
    assert!(!refused.stderr.contains("more/c.csv:7"), "{refused}");
    assert_eq!(state(&project), before);
}

#[test]
fn dates_written_otherwise_are_refused_with_their_form() {
    for (date, form) in [
        ("20140103", "%Y%m%d"),
        ("2014/1/3", "%Y/%m/%d"),
        ("2014-01-03 00:00:00", "%Y-%m-%d %H:%M:%S"),
        ("13/01/2014", "%d/%m/%Y"),
    ] {
        let project = up_to_date();
        project.write("bars/b.csv", format!("{HEADER}\nq,{date},9.38,9.39,9.26,9.27,47\n"));
        let help = format!("date_format: \"{form}\"");
        project.run(&["materialize"]).exits(5).says(&[
            "bars/b.csv:2:3",
            "is not a date as `%Y-%m-%d` writes it",
            &help,
        ]);
    }
}

/// A listing table: its own rows are refused as a source's are.
#[test]
fn mistakes_of_a_table() {
    let yaml = YAML.replacen("    input: raw_bars\n", "    input: raw_bars\n    listing: listing\n", 1)
        + "
  listing:
    kind: table
    csv: listing.csv
    types: { listed: date, delisted: date }
    key: instrument
";
    let listing = "instrument,listed,delisted\nsh.600000,1999-11-10,\nsz.000001,1991-04-03,\n";
    let project = Project::empty();
    project.yaml(&yaml);
    project.write("bars/a.csv", text(&BARS));
    project.write("listing.csv", listing);
    project.materialize();
    let before = project.contents();
    for (line, words) in [
        ("sh.600000,2000-01-01,", &["two rows have the same `instrument`", "listing.csv:4", "listing.csv:2"][..]),
        ("sh.600001,soon,", &["`soon` is not a date", "listing.csv:4:11"]),
        ("sh.600001,2000-01-01", &["the row has 2 fields where the header has 3", "listing.csv:4"]),
    ] {
        project.write("listing.csv", format!("{listing}{line}\n"));
        project.run(&["materialize"]).exits(5).says(words);
        assert_eq!(project.contents(), before);
    }
    project.write("listing.csv", format!("{listing}sh.600001,2000-01-01,1999-01-01\n"));
    let backwards = project.run(&["materialize"]);
    backwards.clone().exits(5).says(&["sh.600001", "1999-01-01", "2000-01-01"]);
    project.write("listing.csv", listing);
    project.run(&["materialize"]).ok();
    assert_eq!(project.contents(), before);
}

#[test]
fn a_price_below_zero_does_not_come_further_than_the_check() {
    let project = up_to_date();
    let before = project.contents();
    project.write("bars/a.csv", with_line_4("sh.600000,2014-01-03,9.38,9.39,9.26,-9.27,47411364"));
    let failed = project.run(&["materialize"]).exits(6);
    failed.says(&["check `range` fails", "2014-01-03", "`close` that is not above 0", "sh.600000 (-9.27)"]);
    let raw = ("raw_bars".to_owned(), crate::support::date("2014-01-03"));
    let mut after = project.contents();
    assert_ne!(after.get(&raw), before.get(&raw), "the raw bar is what the file says");
    after.insert(raw.clone(), before[&raw].clone());
    assert_eq!(after, before, "and nothing below it has changed");
    repair(&project, "bars/a.csv");
    project.run(&["materialize"]).ok();
    assert_eq!(project.contents(), before);
}

#[test]
fn names_of_instruments_stay_text() {
    let project = Project::empty();
    project.yaml(YAML);
    let names =
        ["NAN", "TRUE", "000001", "1E5", "null", "NA", "2014-01-02", "a,b", "say \"x\"", "it's", "平安银行", "#", "-"];
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let bars: String = names.iter().map(|name| format!("{},2014-01-02,1,2,1,1.5,100\n", quoted(name))).collect();
    project.write("bars/a.csv", format!("{HEADER}\n{bars}"));
    project.materialize();
    let mut expected = names.map(str::to_owned).to_vec();
    expected.sort();
    for asset in ["raw_bars", "completed_bars", "means", "doubled"] {
        let rows = project.rows(&format!("select instrument, typeof(instrument) as kind from {asset} order by 1"));
        let found: Vec<&str> = rows.iter().map(|row| row["instrument"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{asset}");
        assert!(rows.iter().all(|row| row["kind"] == "VARCHAR"));
    }
    project.materialize().assert_nothing();
}
