//! Files that are not what a source reads.

use super::{BARS, HEADER, YAML, refused, repair, state, text, up_to_date, with_line_4};

#[test]
fn a_parquet_file_that_is_none() {
    let project = up_to_date();
    let before = state(&project);
    for content in [text(&BARS), "PAR1".to_owned(), String::new()] {
        project.edit_yaml("csv: bars/*.csv", "parquet: bars/*.parquet");
        project.write("bars/a.parquet", content);
        project.run(&["materialize"]).exits(3).says(&["bars/a.parquet", "cannot be read as Parquet", "assets.yaml:6"]);
        assert_eq!(state(&project), before);
        repair(&project, "assets.yaml");
    }
    project.materialize().assert_nothing();
}

/// A folder whose name a pattern matches is no file; a link to nothing is told.
#[test]
fn what_is_no_file() {
    let project = up_to_date();
    let before = state(&project);
    std::fs::create_dir(project.path("bars/c.csv")).unwrap();
    project.materialize().assert_nothing();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(project.path("nothing.csv"), project.path("bars/b.csv")).unwrap();
        let refused = project.run(&["materialize"]);
        refused.says(&["bars/b.csv", "the file cannot be read"]);
        assert!(matches!(refused.code, Some(3 | 5)), "{refused}");
        std::fs::remove_file(project.path("bars/b.csv")).unwrap();
    }
    project.materialize().assert_nothing();
    assert_eq!(state(&project), before);
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
        text(&BARS).replace('\n', "\r"),
        text(&BARS).trim_end().to_owned(),
        text(&BARS).replace("sh.600000,", "\"sh.600000\","),
        text(&[&BARS[..1], &[BARS[6], BARS[2], BARS[5], BARS[1], BARS[4], BARS[3]]].concat()),
    ] {
        project.write("bars/a.csv", &content);
        project.materialize().assert_nothing();
        assert_eq!(state(&project), before, "{content:?}");
    }
    // Places are right with any line ends.
    for end in ["\r\n", "\r", "\n\n\n"] {
        let line = if end == "\n\n\n" { 10 } else { 4 };
        let wrong = with_line_4("sh.600000,2014-01-03,9.38,9.39,9.26,n/a,47").replace('\n', end);
        project.write("bars/a.csv", wrong);
        project.run(&["materialize"]).exits(5).says(&[&format!("bars/a.csv:{line}:37"), "`n/a` is not a number"]);
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
