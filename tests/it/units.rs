//! Units of a file's columns: what is multiplied, and what a changed unit makes again.

use crate::support::{Project, assert_same, sessions};

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
    units: { volume: 100 }
  closes: { kind: indicators, input: raw_bars, columns: { half: close / 2 } }
";

#[test]
fn a_volume_in_lots_is_stored_in_shares() {
    let project = Project::of(&["sh.600028"], "2015-02-02", "2015-02-10", YAML);
    project.materialize();
    let volume = |project: &Project| {
        let rows = project.rows("select volume, close from raw_bars order by session limit 1");
        (rows[0]["volume"].as_f64().unwrap(), rows[0]["close"].as_f64().unwrap())
    };
    let bar = &project.bars().rows[0];
    let (in_file, close): (f64, f64) = (bar.values[4].parse().unwrap(), bar.values[3].parse().unwrap());
    assert_eq!(volume(&project), (100.0 * in_file, close));
    // Another unit is another content of that column, and of no other.
    project.edit_yaml("volume: 100", "volume: 1000");
    project.materialize().assert(&[("raw_bars", &sessions("2015-02-02", "2015-02-10"))]);
    assert_eq!(volume(&project), (1000.0 * in_file, close));
    assert_same(&project.rebuilt(), &project.contents());
}
