//! Cross-sections against pandas and numpy; the scripts under tests/fixtures/golden say how the files were made.

use assetctl_expr::CrossFn;

use super::{Scratch, cross};
use crate::kernels::golden_tests::Golden;

/// A function over all sessions of a file, all of whose instruments have a row on each.
fn panel(golden: &Golden, f: CrossFn, args: &[&str], by: Option<&str>, param: f64) -> Vec<f64> {
    let lanes = golden.lanes();
    let args: Vec<&[f64]> = args.iter().map(|arg| golden.column(arg)).collect();
    let mut out = vec![9.0; args[0].len()];
    let mut scratch = Scratch::default();
    for (row, out) in out.chunks_exact_mut(lanes).enumerate() {
        let cells = row * lanes..(row + 1) * lanes;
        let args: Vec<&[f64]> = args.iter().map(|arg| &arg[cells.clone()]).collect();
        let by = by.map(|by| &golden.column(by)[cells]);
        cross(f, &args, by, &vec![true; lanes], param, &mut scratch, out);
    }
    out
}

#[test]
fn scores_agree_with_pandas() {
    let golden = Golden::read(include_str!("../../../../tests/fixtures/golden/cross.csv"));
    for (name, f) in [
        ("rank", CrossFn::Rank),
        ("zscore", CrossFn::ZScore),
        ("demean", CrossFn::Demean),
        ("winsorize", CrossFn::Winsorize),
    ] {
        golden.assert_close(name, &panel(&golden, f, &["x"], None, 3.0));
    }
}

#[test]
fn groups_agree_with_pandas() {
    let golden = Golden::read(include_str!("../../../../tests/fixtures/golden/cross_groups.csv"));
    for (name, f, x, param) in [
        ("mean", CrossFn::Mean, "x", 0.0),
        ("std", CrossFn::Std, "x", 0.0),
        ("sum", CrossFn::Sum, "x", 0.0),
        ("min", CrossFn::Min, "x", 0.0),
        ("max", CrossFn::Max, "x", 0.0),
        ("median", CrossFn::Median, "x", 0.0),
        ("count", CrossFn::Count, "x", 0.0),
        ("quantile", CrossFn::Quantile, "x", 0.3),
        ("rank", CrossFn::Rank, "x", 0.0),
        ("zscore", CrossFn::ZScore, "x", 0.0),
        ("demean", CrossFn::Demean, "x", 0.0),
        ("robust_zscore", CrossFn::RobustZScore, "x", 3.0),
        ("scale", CrossFn::Scale, "x", 1.0),
        ("bucket", CrossFn::Bucket, "log_volume", 3.0),
    ] {
        golden.assert_close(name, &panel(&golden, f, &[x], None, param));
        golden.assert_close(&format!("{name}_board"), &panel(&golden, f, &[x], Some("board"), param));
    }
}

#[test]
fn residuals_agree_with_least_squares() {
    let golden = Golden::read(include_str!("../../../../tests/fixtures/golden/cross_groups.csv"));
    let all = ["x", "log_volume", "log_close"];
    golden.assert_close("neutralize", &panel(&golden, CrossFn::Neutralize, &all, None, 0.0));
    golden.assert_close("neutralize_board", &panel(&golden, CrossFn::Neutralize, &all[..2], Some("board"), 0.0));
}
