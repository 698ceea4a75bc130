//! Qlib's operators and the 158 features of Alpha158 on real bars, against what Qlib itself says of them.
//!
//! `tests/fixtures/golden/README.md` says how the files were made, and how Qlib was made to say its values in f64. A row is a session
//! on which the instrument is between its first and its last bar; a suspended one has no values to read. Known differences are left
//! out by rule ([`Bars::is_cut`], [`Bars::has_hole`]) and never cell by cell; docs/alpha158.md lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::NaiveDate;
use serde_json::Value;

use crate::support::bars::{calendar, demo};
use crate::support::{Project, date, repository};

/// The bars on all sessions, with no value on suspended ones, and what is compared.
const YAML: &str = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  listing: { kind: table, csv: data/source/listing.csv, types: { listed: date, delisted: date }, key: instrument }
  sessions: { kind: complete, input: raw_bars, listing: listing }
  bars:
    kind: indicators
    input: { sessions: sessions, raw: raw_bars }
    columns:
      open: raw.open
      high: raw.high
      low: raw.low
      close: raw.close
      volume: raw.volume
      vwap: (raw.high + raw.low + raw.close) / 3
";

type Key = (NaiveDate, String);

/// Columns by name, each with a value per row; `None` is missing.
struct Table {
    keys: Vec<Key>,
    columns: BTreeMap<String, Vec<Option<f64>>>,
}

impl Table {
    /// A golden file, without the rows in which Qlib has no instrument.
    fn golden(file: &str, bars: &Bars) -> Self {
        let text = std::fs::read_to_string(repository().join("tests/fixtures/golden").join(file)).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<Vec<&str>> = lines
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|row| bars.lives(&(date(row[0]), row[1].to_owned())))
            .collect();
        // Where Qlib divides by zero it is infinite in one precision and missing in the other.
        let number = |text: &str| match text {
            "True" => Some(1.0),
            "False" => Some(0.0),
            _ if file.ends_with("_f64.csv") => text.parse().ok().filter(|x: &f64| x.is_finite()),
            _ => text.parse().ok().filter(|x: &f32| x.is_finite()).map(f64::from),
        };
        let columns = header
            .iter()
            .enumerate()
            .skip(2)
            .map(|(at, name)| (name.replace('.', "p"), rows.iter().map(|row| number(row[at])).collect()));
        Self { keys: rows.iter().map(|row| (date(row[0]), row[1].to_owned())).collect(), columns: columns.collect() }
    }

    /// The same rows of one of our assets.
    fn of_asset(project: &Project, asset: &str, keys: &[Key]) -> Self {
        let sessions: BTreeSet<String> = keys.iter().map(|key| format!("'{}'", key.0)).collect();
        let sessions: Vec<String> = sessions.into_iter().collect();
        let rows = project.rows(&format!("select * from {asset} where session in ({})", sessions.join(", ")));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let by_key: BTreeMap<Key, &Value> =
            rows.iter().map(|row| ((date(&text(&row["session"])), text(&row["instrument"])), row)).collect();
        let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(|is| f64::from(u8::from(is))));
        let names = rows[0].as_object().unwrap().keys().filter(|name| *name != "session" && *name != "instrument");
        let columns = names.map(|name| {
            let value =
                |key: &Key| number(&by_key.get(key).unwrap_or_else(|| panic!("{key:?} is not in {asset}"))[name]);
            (name.clone(), keys.iter().map(value).collect())
        });
        Self { keys: keys.to_vec(), columns: columns.collect() }
    }

    fn column(&self, name: &str) -> &[Option<f64>] {
        self.columns.get(name).unwrap_or_else(|| panic!("no column `{name}`"))
    }
}

/// On which sessions, by their number, each instrument has a bar.
struct Bars {
    number: BTreeMap<NaiveDate, usize>,
    of: BTreeMap<String, BTreeSet<usize>>,
}

impl Bars {
    fn read() -> Self {
        let number: BTreeMap<NaiveDate, usize> = calendar().iter().enumerate().map(|(at, day)| (*day, at)).collect();
        let mut of: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for bar in demo() {
            of.entry(bar.symbol.clone()).or_default().insert(number[&bar.date]);
        }
        Self { number, of }
    }

    fn first(&self, key: &Key) -> usize {
        *self.of[&key.1].first().unwrap()
    }

    /// Qlib has rows from an instrument's first bar to its last.
    fn lives(&self, key: &Key) -> bool {
        let (at, bars) = (self.number[&key.0], &self.of[&key.1]);
        (*bars.first().unwrap()..=*bars.last().unwrap()).contains(&at)
    }

    /// Whether the window begins before the instrument's first bar, though there are sessions: Qlib has no rows there, and we
    /// have rows without values.
    fn is_cut(&self, key: &Key, n: usize) -> bool {
        self.first(key) > 0 && self.number[&key.0] + 1 < self.first(key) + n
    }

    /// Whether the window begins before there is any row.
    fn is_short(&self, key: &Key, n: usize) -> bool {
        self.number[&key.0] + 1 < self.first(key) + n
    }

    /// Whether a session of the window has no bar.
    fn has_hole(&self, key: &Key, n: usize) -> bool {
        let at = self.number[&key.0];
        let first = (at + 1).saturating_sub(n).max(self.first(key));
        self.of[&key.1].range(first..=at).count() < at + 1 - first
    }
}

/// How far two columns are from each other.
struct Deviation {
    cells: usize,
    largest: f64,
    /// The median size of the values that are not zero: what a deviation is measured by.
    size: f64,
}

impl Deviation {
    fn share(&self) -> f64 {
        self.largest / self.size
    }
}

/// Compares the cells that `keep`; that one is missing and the other not is a failure.
#[track_caller]
fn deviation(
    name: &str,
    keys: &[Key],
    ours: &[Option<f64>],
    golden: &[Option<f64>],
    keep: impl Fn(&Key) -> bool,
) -> Deviation {
    let (mut cells, mut largest, mut sizes) = (0, 0.0_f64, Vec::new());
    for (key, (ours, golden)) in keys.iter().zip(ours.iter().zip(golden)).filter(|(key, _)| keep(key)) {
        cells += 1;
        match (ours, golden) {
            (Some(ours), Some(golden)) => {
                largest = largest.max((ours - golden).abs());
                sizes.extend(Some(golden.abs()).filter(|size| *size > 0.0));
            }
            (None, None) => {}
            _ => panic!("{name} of {key:?} is {ours:?}, and {golden:?} in Qlib"),
        }
    }
    sizes.sort_unstable_by(f64::total_cmp);
    assert!(cells > 100 && !sizes.is_empty(), "{name}: {cells} cells, {} values that are not zero", sizes.len());
    Deviation { cells, largest, size: sizes[sizes.len() / 2] }
}

/// How exactly Qlib's f64 values can be met: pandas and Qlib keep running sums, which drift where large values went before.
fn sharp(name: &str) -> f64 {
    let drifting = [
        "Std", "Var", "Cov", "Skew", "Kurt", "Corr", "Slope", "Rsquare", "Resi", "BETA", "RSQR", "RESI", "CORR", "CORD",
    ];
    if drifting.iter().any(|family| name.starts_with(family)) { 2e-7 } else { 1e-9 }
}

/// The number that a column's name ends with.
fn length(name: &str) -> usize {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or(1)
}

#[test]
fn every_operator_says_what_qlib_says() {
    // Of all sessions so far, by a window longer than the history: these have no form of their own.
    const LONG: [&str; 10] = ["Med", "Mad", "Rank", "Slope", "Rsquare", "Resi", "WMA", "IdxMax", "IdxMin", "Quantile"];
    // What a window of missing values before the first bar counts for.
    const COUNTING: [&str; 4] = ["WMA", "IdxMax", "IdxMin", "MeanOfGt"];
    const DEFECTS: [&str; 3] = ["WMA", "IdxMax", "IdxMin"];

    let path = repository().join("tests/fixtures/golden/qlib_ops.json");
    let listed: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let operator = |name: &str| name.split('_').next().unwrap().to_owned();
    let mut columns = BTreeMap::new();
    for (name, expression) in &listed {
        let operator = operator(name);
        let text = match name.as_str() {
            // Another instrument's column; and what Qlib makes of no length at all.
            "Mask" | "EMA_0" => continue,
            _ if name.ends_with("_0") && LONG.contains(&operator.as_str()) => expression.replacen(", 0", ", 1000", 1),
            _ => expression.clone(),
        };
        columns.insert(name.replace('.', "p"), text);
    }
    assert!(columns.len() > 85);
    let mut yaml = String::from(YAML);
    let asset = |yaml: &mut String, asset: &str, compat: &str, keep: &dyn Fn(&str) -> bool| {
        let _ = write!(
            yaml,
            "  {asset}:\n    kind: indicators\n    input: bars\n    dialect: qlib\n{compat}    columns:\n"
        );
        for (name, text) in columns.iter().filter(|(name, _)| keep(name)) {
            let _ = writeln!(yaml, "      {name}: \"{text}\"");
        }
    };
    asset(&mut yaml, "ops", "", &|_| true);
    let has_defect = |name: &str| DEFECTS.contains(&operator(name).as_str());
    asset(&mut yaml, "defects", "    compat: qlib\n", &|name| has_defect(name) || name == "EMA_5" || name == "EMA_20");
    let project = project(&yaml);

    let bars = Bars::read();
    let double = Table::golden("qlib_ops_f64.csv", &bars);
    let single = Table::golden("qlib_ops.csv", &bars);
    let ours = Table::of_asset(&project, "ops", &double.keys);
    let defects = Table::of_asset(&project, "defects", &double.keys);
    for name in columns.keys() {
        let (operator, n) = (operator(name), if name.ends_with("_0") { 1000 } else { length(name) });
        let keep = |key: &Key| {
            let counts = COUNTING.contains(&operator.as_str());
            !(counts && bars.is_cut(key, n) || operator == "WMA" && bars.is_short(key, n))
        };
        if name == "WMA_0" {
            continue; // no window of a thousand is full
        }
        let table = if has_defect(name) { &defects } else { &ours };
        let exact = deviation(name, &double.keys, table.column(name), double.column(name), keep);
        assert!(exact.share() <= sharp(name), "{name}: {:e} of {:e}", exact.largest, exact.size);
        // As Qlib prints it: no further from us than from its own f64.
        let rounding = deviation(name, &double.keys, double.column(name), single.column(name), keep);
        let printed = deviation(name, &double.keys, table.column(name), single.column(name), keep);
        let bound = rounding.largest + sharp(name) * exact.size;
        assert!(printed.largest <= bound, "{name}: {:e}, where Qlib rounds by {:e}", printed.largest, rounding.largest);
    }
    // What these three mean, over the values that are there.
    for name in ["WMA_5", "WMA_20", "IdxMax_5", "IdxMax_20", "IdxMin_5", "IdxMin_20"] {
        let (proper, n) = (name.replace('_', "_proper_"), length(name));
        let keep = |key: &Key| !bars.is_cut(key, n) && !(operator(name) == "WMA" && bars.is_short(key, n));
        let found = deviation(name, &double.keys, ours.column(name), double.column(&proper), keep);
        assert!(found.share() <= 1e-9, "{name}: {:e}", found.largest);
    }
    // An EMA over the rows that Qlib loads for a query that begins on this day.
    for name in ["EMA_5", "EMA_20"] {
        let late = double.column(&name.replace('_', "_late_"));
        let day = date("2016-06-01");
        let at = |column: &[Option<f64>]| -> Vec<f64> {
            let rows = double.keys.iter().zip(column).filter(|(key, _)| key.0 == day);
            rows.filter_map(|(_, value)| *value).collect()
        };
        let (ours, theirs, all) = (at(defects.column(name)), at(late), at(double.column(name)));
        assert!(ours.len() == theirs.len() && ours.len() >= 4);
        let apart = |one: &[f64], other: &[f64]| one.iter().zip(other).any(|(a, b)| (a / b - 1.0).abs() > 1e-9);
        assert!(!apart(&ours, &theirs) && apart(&all, &theirs), "{name}: {ours:?}, {theirs:?}");
    }
}

/// The demo's bars, with a listing that says since when there are bars.
fn project(yaml: &str) -> Project {
    let project = Project::demo();
    project.yaml(yaml);
    project.materialize();
    project
}

/// The families that count sessions, to which rows before the first bar matter.
const COUNTING: [&str; 6] = ["IMAX", "IMIN", "IMXD", "CNTP", "CNTN", "CNTD"];

/// The families by which Qlib takes a missing value for the extreme one.
const PLACES: [&str; 3] = ["IMAX", "IMIN", "IMXD"];

#[test]
fn all_158_features_say_what_qlib_says() {
    let yaml = format!(
        "{YAML}  alpha: {{ kind: indicators, input: bars, features: alpha158 }}\n  \
         alpha_as_qlib: {{ kind: indicators, input: bars, features: alpha158, compat: qlib }}\n"
    );
    let project = project(&yaml);
    let bars = Bars::read();
    let double = Table::golden("alpha158_f64.csv", &bars);
    let single = Table::golden("alpha158.csv", &bars);
    let tables = |asset: &str| [&double, &single].map(|golden| Table::of_asset(&project, asset, &golden.keys));
    let [native, as_qlib] = ["alpha", "alpha_as_qlib"].map(tables);

    let listed = project.json(&["ls", "--columns", "--select", "alpha"]);
    let names = listed[0]["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap());
    let names: Vec<&str> = names.filter(|name| *name != "instrument" && *name != "session").collect();
    assert_eq!(names.len(), 158);
    let mut table = String::from(HEADER);
    for name in names {
        let family = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let n = length(name);
        let as_qlib_keeps = |key: &Key| !(COUNTING.contains(&family) && bars.is_cut(key, n));
        let keep = |key: &Key| as_qlib_keeps(key) && !(PLACES.contains(&family) && bars.has_hole(key, n));
        let exact = deviation(name, &double.keys, native[0].column(name), double.column(name), keep);
        assert!(exact.share() <= sharp(name), "{name}: {:e} of {:e}", exact.largest, exact.size);
        let printed = deviation(name, &single.keys, native[1].column(name), single.column(name), keep);
        let rounding = rounding(name);
        let bound = 1.01 * rounding + sharp(name) * exact.size;
        assert!(printed.largest <= bound, "{name}: {:e}, where Qlib rounds by {rounding:e}", printed.largest);
        for (at, golden) in [&double, &single].into_iter().enumerate() {
            let found = deviation(name, &golden.keys, as_qlib[at].column(name), golden.column(name), as_qlib_keeps);
            let bound = if at == 0 { sharp(name) * exact.size } else { bound };
            assert!(found.largest <= bound, "{name} with `compat: qlib`: {:e}", found.largest);
        }
        let _ = writeln!(
            table,
            "| {name} | {:.1e} | {:.1e} | {:.1e} | {} |",
            exact.share(),
            printed.largest / exact.size,
            rounding / exact.size,
            printed.cells
        );
    }
    assert_current(&table);
}

const HEADER: &str = "\
| feature | from Qlib in f64 | from Qlib as it prints | Qlib's own rounding | cells |
|---|---|---|---|---|
";

/// How far Qlib in f32 is from Qlib in f64, over all rows.
fn rounding(name: &str) -> f64 {
    let text = include_str!("../fixtures/golden/alpha158_precision.csv");
    let row = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).find(|row| row[0] == name);
    row.unwrap()[1].parse().unwrap()
}

/// The table in docs/alpha158.md is the one that was measured. The last digits depend on the machine's logarithm.
#[track_caller]
fn assert_current(measured: &str) {
    let page = std::fs::read_to_string(repository().join("docs/alpha158.md")).unwrap_or_default();
    let rows = |text: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
        let rows = rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
        rows.filter(|row: &Vec<String>| row.len() == 5).collect()
    };
    let alike = |one: &String, other: &String| match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one == other || one.max(other) < 1e-9 || (0.5..2.0).contains(&(one / other)),
        _ => one == other,
    };
    let (should, is) = (rows(measured), rows(&page));
    let same = should.len() == is.len()
        && should.iter().zip(&is).all(|(a, b)| a.iter().zip(b).all(|(a, b)| alike(a, b)) && a[4] == b[4]);
    if !same {
        let written = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("alpha158.md");
        std::fs::write(&written, measured).unwrap();
        panic!("the table of docs/alpha158.md is out of date: replace it by the one in {}", written.display());
    }
}
