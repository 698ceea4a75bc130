//! What runs again after an edit: exactly the partitions that must.

use crate::support::{Project, from_on, sessions};

#[test]
fn nothing_changed_nothing_runs() {
    let project = Project::new();
    let all = sessions("2015-02-02", "2015-08-31");
    let first = project.materialize();
    for asset in ["raw_bars", "completed_bars", "indicators", "scores", "signals"] {
        assert_eq!(first.of_asset(asset), all, "{asset}");
    }
    project.materialize().assert_nothing();
}

#[test]
fn one_close_corrected() {
    let mut project = Project::new();
    project.materialize();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("indicators"), from_on("2015-03-04", 21));
}
