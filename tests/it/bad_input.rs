//! Bad input: each mistake is refused with its place and what to do, and the store stays as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::{Contents, Output, Project};

const YAML: &str = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars:
    kind: source
    csv: bars/*.csv
    columns: { instrument: symbol, session: date }

  completed_bars:
    kind: complete
    input: raw_bars
    checks:
      - range: { column: close, above: 0 }

  means:
    kind: indicators
    input: completed_bars
    columns:
      mean_2: mean(close, 2)

  doubled:
    kind: sql
    query: select instrument, close * 2 as price from {{ ref('completed_bars') }}
    columns: { instrument: text, price: number }
";

const HEADER: &str = "symbol,date,open,high,low,close,volume";

/// Line 4 is what most tests replace.
const BARS: [&str; 7] = [
    HEADER,
    "sh.600000,2014-01-02,9.36,9.42,9.32,9.42,37374356",
    "sz.000001,2014-01-02,12.16,12.24,12.05,12.2,49522787",
    "sh.600000,2014-01-03,9.38,9.39,9.26,9.27,47411364",
    "sz.000001,2014-01-03,12.14,12.15,11.82,11.9,72022430",
    "sh.600000,2014-01-06,9.24,9.25,9.01,9.07,76195690",
    "sz.000001,2014-01-06,11.85,11.87,11.5,11.65,75206600",
];

fn text(lines: &[&str]) -> String {
    format!("{}\n", lines.join("\n"))
}

/// The bars with another line 4.
fn with_line_4(line: &str) -> String {
    let mut lines = BARS;
    lines[3] = line;
    text(&lines)
}

/// A project that is up to date.
fn up_to_date() -> Project {
    let project = Project::empty();
    project.yaml(YAML);
    project.write("bars/a.csv", text(&BARS));
    project.materialize();
    project
}

/// Files of the lake and the warehouse with their sizes, and the contents as a reader of the warehouse sees them, without the
/// program, which may refuse to start.
fn state(project: &Project) -> (BTreeMap<PathBuf, u64>, Contents) {
    let mut files = BTreeMap::new();
    let mut folders = vec![project.path("data/lake")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), std::fs::metadata(&path).unwrap().len());
            }
        }
    }
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
    let connection = duckdb::Connection::open_with_flags(project.path("data/warehouse.duckdb"), config).unwrap();
    let query = "select asset, session::varchar, content_hash from assetctl.partitions";
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| {
        let session: String = row.get(1)?;
        Ok(((row.get(0)?, crate::support::date(&session)), row.get(2)?))
    });
    (files, rows.unwrap().collect::<Result<_, _>>().unwrap())
}

/// Writes a file, which must be refused with these words; nothing of the store changes, and without it all is up to date.
#[track_caller]
fn refused(project: &Project, name: &str, content: impl AsRef<[u8]>, code: i32, words: &[&str]) -> Output {
    let before = state(project);
    project.write(name, content);
    let output = project.run(&["materialize"]).exits(code);
    output.says(words);
    assert_eq!(state(project), before, "{output}");
    repair(project, name);
    project.materialize().assert_nothing();
    assert_eq!(state(project), before, "{output}");
    output
}

fn repair(project: &Project, name: &str) {
    match name {
        "bars/a.csv" => project.write(name, text(&BARS)),
        "assets.yaml" => project.yaml(YAML),
        other => std::fs::remove_file(project.path(other)).unwrap(),
    }
}

#[track_caller]
fn line_4_refused(project: &Project, line: &str, words: &[&str]) {
    refused(project, "bars/a.csv", with_line_4(line), 5, &[&["bars/a.csv:4"], words].concat())
        .says(&[line, "nothing was changed"]);
}

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
    refused(&project, "bars/b.csv", text(&BARS[..2]), 5, &[&words[..], &["bars/b.csv:2"]].concat());
}

#[test]
fn files_without_rows_and_without_anything() {
    let project = up_to_date();
    refused(&project, "bars/a.csv", "", 3, &["the file is empty", "bars/a.csv", "assets.yaml:6"]);
    refused(&project, "bars/b.csv", "", 5, &["the file is empty", "bars/b.csv"]);

    // A header alone is a file without rows: beside others it says nothing; alone it is worth a warning.
    let project = up_to_date();
    let before = state(&project);
    project.write("bars/b.csv", format!("{HEADER}\n"));
    project.materialize().assert_nothing();
    std::fs::remove_file(project.path("bars/b.csv")).unwrap();
    project.write("bars/a.csv", format!("{HEADER}\n"));
    project.run(&["materialize"]).ok().says(&["none of the 1 files of the source has a row"]);
    assert_eq!(state(&project), before);
    repair(&project, "bars/a.csv");
    project.materialize().assert_nothing();
}

#[test]
fn files_that_are_not_there() {
    let project = up_to_date();
    let yaml = |files: &str| YAML.replace("bars/*.csv", files);
    refused(
        &project,
        "assets.yaml",
        yaml("bars/*.txt"),
        3,
        &["no file matches `bars/*.txt`", "assets.yaml:6", "`a.csv`"],
    );
    refused(
        &project,
        "assets.yaml",
        yaml("bars/aa.csv"),
        3,
        &["no file matches `bars/aa.csv`", "`a.csv`: did you mean that?"],
    );
    refused(&project, "assets.yaml", yaml("bar/*.csv"), 3, &["there is no folder for `bar/*.csv`", "`bars`"]);
}

#[test]
fn a_header_that_lacks_a_column() {
    let project = up_to_date();
    let other = |name: &str| text(&BARS).replacen("date", name, 1);
    refused(
        &project,
        "bars/a.csv",
        other("day"),
        3,
        &["there is no column `date`", "assets.yaml:7", "bars/a.csv:1", "`day`"],
    );
    let clos = text(&BARS).replacen("close", "clos", 1);
    refused(&project, "bars/a.csv", &clos, 3, &["`raw_bars` has no column `close`", "did you mean `clos`?"]);
    refused(
        &project,
        "bars/b.csv",
        &clos,
        5,
        &["the file has no column `close`, which `bars/a.csv` has", "bars/b.csv"],
    );
    let twice = text(&BARS).replacen("open", "close", 1);
    refused(&project, "bars/a.csv", twice, 3, &["two columns `close`"]);
}

#[test]
fn marks_and_line_ends_make_no_difference() {
    let project = up_to_date();
    let before = state(&project);
    for content in [
        format!("\u{feff}{}", text(&BARS)),
        text(&BARS).replace('\n', "\r\n"),
        text(&BARS).trim_end().to_owned(),
        text(&BARS).replace("sh.600000,", "\"sh.600000\","),
        text(&[&BARS[..1], &[BARS[6], BARS[2], BARS[5], BARS[1], BARS[4], BARS[3]]].concat()),
    ] {
        project.write("bars/a.csv", &content);
        project.materialize().assert_nothing();
        assert_eq!(state(&project), before, "{content:?}");
    }
}

/// `代码` in GBK.
const CODE_IN_GBK: &[u8] = b"\xb4\xfa\xc2\xeb";

#[test]
fn gbk_is_read_where_it_is_declared() {
    let project = up_to_date();
    let rest = text(&BARS).replacen("symbol", "", 1);
    let gbk = [CODE_IN_GBK, rest.as_bytes()].concat();
    refused(&project, "bars/a.csv", &gbk, 3, &["the text is not UTF-8", "bars/a.csv:1", "encoding: gbk"]);
    refused(&project, "bars/b.csv", &gbk, 5, &["the text is not UTF-8", "bars/b.csv:1", "encoding: gbk"]);

    let project = up_to_date();
    let before = state(&project);
    project.write("bars/a.csv", &gbk);
    project.edit_yaml("symbol", "代码");
    project.edit_yaml("    csv: bars/*.csv\n", "    csv: bars/*.csv\n    encoding: gbk\n");
    project.run(&["materialize"]).ok();
    assert_eq!(state(&project).1, before.1, "the same rows");
    project.write("bars/a.csv", format!("\u{feff}{}", text(&BARS)));
    project.run(&["materialize"]).exits(3).says(&["byte order mark of UTF-8", "remove `encoding: gbk`"]);
}

#[test]
fn bytes_that_are_no_text() {
    let project = up_to_date();
    let nul = with_line_4("sh.600000,2014-01-03,9.38,9.39,9.26,9\0.27,47");
    refused(&project, "bars/a.csv", &nul, 3, &["the text contains a NUL byte", "bars/a.csv:4"]);
    refused(&project, "bars/b.csv", &nul, 5, &["the text contains a NUL byte", "bars/b.csv:4"]);
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text(&BARS).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    refused(&project, "bars/a.csv", utf16, 3, &["the file is UTF-16", "save it as UTF-8"]);
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

/// Everything in a folder whose name holds what names may hold.
#[test]
fn the_folder_may_have_any_name() {
    let project = Project::empty();
    let folder = if cfg!(windows) { "it's [1] {2} 行情 %41" } else { "it's \"a\" [1] {2} 行情 * %41" };
    project.write(&format!("{folder}/assets.yaml"), YAML);
    project.write(&format!("{folder}/bars/a.csv"), text(&BARS));
    project.run(&["materialize", "-p", folder]).ok();
    let counted = |asset: &str| {
        let query = format!("select count(*) as n from {asset}");
        project.json(&["sql", &query, "-p", folder])[0]["n"].clone()
    };
    for asset in ["raw_bars", "completed_bars", "means", "doubled"] {
        assert_eq!(counted(asset), 6, "{asset}");
    }
    project.write(&format!("{folder}/bars/a.csv"), text(&BARS).replace("9.27", "9.28"));
    project.run(&["materialize", "-p", folder]).ok();
    let old = project.json(&["sql", "select max(close) as c from doubled join raw_bars using (session, instrument) where close < 9.3 and close > 9.2", "-p", folder, "--as-of", "1"]);
    assert_eq!(old[0]["c"], 9.27);
    let scratch = ["sql", "create table mine as select * from doubled", "--write", "-p", folder];
    project.run(&scratch).ok();
    project.run(&["gc", "-p", folder, "--keep-runs", "0", "--keep-days", "0"]).ok();
    assert_eq!(counted("doubled"), 6);
    project.run(&["plan", "--exit-code", "-p", folder]).ok();
}

#[test]
fn a_ledger_that_is_none() {
    let project = up_to_date();
    let before = state(&project);
    let ledger = project.path("data/state.db");
    let whole = std::fs::read(&ledger).unwrap();
    std::fs::write(&ledger, "these are not the bytes of a database\n".repeat(200)).unwrap();
    for args in [&["materialize"][..], &["plan"], &["sql", "select 1"], &["runs"], &["gc"]] {
        let output = project.run(args);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&["state.db", "is not a store of assetctl", "it is not an SQLite file"]);
    }
    std::fs::write(&ledger, whole).unwrap();
    assert_eq!(state(&project), before);
    project.materialize().assert_nothing();
}

#[test]
fn a_ledger_of_a_newer_program() {
    let project = up_to_date();
    let before = state(&project);
    let ledger = project.path("data/state.db");
    let whole = std::fs::read(&ledger).unwrap();
    // `PRAGMA user_version` is the big-endian number at byte 60.
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&ledger, newer).unwrap();
    for args in [&["materialize"][..], &["plan"], &["sql", "select 1"]] {
        let output = project.run(args);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&["format 99, made by a newer assetctl", "use the newer program"]);
    }
    std::fs::write(&ledger, whole).unwrap();
    assert_eq!(state(&project), before);
    project.materialize().assert_nothing();
}

#[test]
fn a_warehouse_that_was_deleted_is_published_again() {
    let project = up_to_date();
    let before = state(&project).1;
    for args in [&["materialize"][..], &["sql", "select 1"]] {
        std::fs::remove_file(project.path("data/warehouse.duckdb")).unwrap();
        project.run(args).ok();
        assert_eq!(state(&project).1, before, "{args:?}");
    }
}

#[test]
fn a_segment_deleted_by_hand_is_made_again() {
    let project = up_to_date();
    let before = state(&project);
    std::fs::remove_file(&project.segments("completed_bars")[0]).unwrap();
    project.run(&["plan", "--exit-code"]).exits(4).says(&["output file missing or damaged"]);
    let ran = project.materialize();
    assert_eq!(ran.0.keys().collect::<Vec<_>>(), ["completed_bars"]);
    assert_eq!(state(&project).1, before.1);
}

/// Where a folder should be there is a file: as good as a folder that cannot be written to, and the same for root.
#[test]
fn a_place_that_cannot_be_written() {
    for (place, code) in [("data", 1), ("data/lake", 1), ("data/lake/completed_bars", 5)] {
        let project = Project::empty();
        project.yaml(YAML);
        project.write("bars/a.csv", text(&BARS));
        project.write(place, "in the way");
        project.run(&["materialize"]).exits(code).says(&["cannot create", place.rsplit('/').next().unwrap()]);
        assert_eq!(project.read(place), "in the way");
        std::fs::remove_file(project.path(place)).unwrap();
        project.run(&["materialize"]).ok();
        assert_eq!(project.contents(), up_to_date().contents());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = up_to_date();
    let before = state(&project);
    let folder = project.path("data/lake/raw_bars");
    let set = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    if std::fs::write(folder.join("probe"), "").is_ok() {
        std::fs::remove_file(folder.join("probe")).unwrap();
        eprintln!("skipped: permissions do not bind this user (root?)");
        return;
    }
    project.write("bars/a.csv", text(&BARS).replace("9.27", "9.28"));
    let failed = project.run(&["materialize"]).exits(5);
    failed.says(&["raw_bars", "denied", "everything committed before is kept"]);
    assert_eq!(state(&project), before);
    set(0o755);
    project.run(&["materialize"]).ok();
}

/// A tiny file system, taken away when dropped.
#[cfg(target_os = "linux")]
struct SmallDisk<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={size}");
        let mut mount = std::process::Command::new("mount");
        let done =
            mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).stderr(std::process::Stdio::null()).status();
        done.is_ok_and(|status| status.success()).then_some(Self(at))
    }

    fn resize(&self, size: &str) {
        let mut mount = std::process::Command::new("mount");
        let done = mount.args(["-o", &format!("remount,size={size}")]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_space_made_is_used() {
    use crate::support::STAGES;
    use crate::support::bars::INSTRUMENTS;
    let make = || Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", STAGES);
    let project = make();
    std::fs::rename(project.path("data/source"), project.path("source")).unwrap();
    project.edit_yaml("data/source/bars", "source/bars");
    project.edit_yaml("data/source/listing", "source/listing");
    let data = project.path("data");
    let Some(disk) = SmallDisk::mount(&data, "700k") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let failed = project.run(&["materialize"]);
    assert!(matches!(failed.code, Some(1 | 5)), "{failed}");
    failed.says(&["data"]);
    let all = format!("{}{}", failed.stdout, failed.stderr);
    assert!(
        all.contains("No space left") || all.contains("disk is full") || all.contains("database or disk"),
        "{failed}"
    );
    disk.resize("64m");
    project.run(&["materialize"]).ok();
    let fresh = make();
    fresh.materialize();
    assert_eq!(project.contents(), fresh.contents());
    project.materialize().assert_nothing();
}
