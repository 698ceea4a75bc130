//! Functions of all instruments of one session; with `by=` of those of the same group.

use super::params::{BY, X, real, real_without_default};
use crate::catalogue::{Class, Function, Interval, Op, Param, ParamKind};
use crate::program::CrossFn;

/// What the entries of this file have in common.
const BASE: Function = Function {
    name: "",
    aliases: &[],
    class: Class::CrossSection,
    params: &[X],
    parts: &[],
    doc: "",
    formula: "",
    source: "",
    missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
    first_valid: "1",
    version: 1,
    op: Op::If,
};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "cs_rank",
        params: &[X, BY],
        doc: "rank among the instruments of the session, above 0 and up to 1",
        formula: "rank from the least, ties averaged / number of valid values",
        source: "pandas `rank(pct=True)`",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Rank),
        ..BASE
    },
    Function {
        name: "cs_zscore",
        params: &[X, BY],
        doc: "distance from the mean of the session's instruments, in standard deviations",
        formula: "(x - mean) / std, std with ddof 1; 0 where std is 0",
        source: "Qlib `qlib/data/dataset/processor.py`, `CSZScoreNorm`",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::ZScore),
        ..BASE
    },
    Function {
        name: "cs_robust_zscore",
        params: &[X, real("clip", Interval::Positive, 3.0), BY],
        doc: "distance from the median of the session's instruments, in robust standard deviations, cut off at `clip`",
        formula: "clip((x - median) / (1.4826 * median(|x - median|)), -clip, clip); \
                  0 where the deviation is 0",
        source: "Qlib `qlib/data/dataset/processor.py`, `RobustZScoreNorm`, by session",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::RobustZScore),
        ..BASE
    },
    Function {
        name: "cs_demean",
        params: &[X, BY],
        doc: "distance from the mean of the session's instruments",
        formula: "x - mean",
        source: "cross-sectional mean",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Demean),
        ..BASE
    },
    Function {
        name: "cs_winsorize",
        params: &[X, real("k", Interval::Positive, 3.0), BY],
        doc: "extreme values of the session drawn in to k robust standard deviations from the median",
        formula: "clip(x, median - k * s, median + k * s), s = 1.4826 * median(|x - median|)",
        source: "median absolute deviation, scaled to the normal distribution",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Winsorize),
        ..BASE
    },
    Function {
        name: "cs_scale",
        params: &[X, real("a", Interval::Positive, 1.0), BY],
        doc: "scaled so that the magnitudes of the session sum to `a`",
        formula: "a * x / sum of |x|; 0 where all are 0",
        source: "Kakushadze, \"101 Formulaic Alphas\", `scale`",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Scale),
        ..BASE
    },
    Function {
        name: "cs_neutralize",
        params: &[X, Param { name: "on", kind: ParamKind::Numbers, default: None, named_only: false }, BY],
        doc: "what is left of a number after its groups and other numbers have explained what they can",
        formula: "residual of the ordinary least squares regression of x on the numbers of `on`, with slopes of the whole session and an intercept for each group of `by`",
        source: "statsmodels `OLS(x, on and dummies of by).fit().resid`",
        missing: "missing where `x`, a number of `on` or the group is, and left out of the regression",
        op: Op::Cross(CrossFn::Neutralize),
        ..BASE
    },
    Function {
        name: "cs_bucket",
        params: &[X, Param { kind: ParamKind::Whole { least: 2 }, ..real_without_default("n", Interval::Any) }, BY],
        doc: "which of n groups of equal size by rank: 1 is the lowest",
        formula: "the least g with (rank - 1) / (number of valid values - 1) <= g / n, rank from the least, ties averaged",
        source: "pandas `qcut`, by rank",
        missing: "missing where `x` is, and not counted among the others; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Bucket),
        ..BASE
    },
    Function {
        name: "cs_quantile",
        params: &[X, real_without_default("q", Interval::Unit), BY],
        doc: "quantile q of the session's instruments",
        formula: "linear interpolation between the sorted valid values, at position q * (their number - 1)",
        source: "pandas `quantile`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Quantile),
        ..BASE
    },
    Function {
        name: "cs_mean",
        params: &[X, BY],
        doc: "mean of the session's instruments",
        formula: "sum of the valid values / their number",
        source: "pandas `mean`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Mean),
        ..BASE
    },
    Function {
        name: "cs_std",
        params: &[X, BY],
        doc: "standard deviation of the session's instruments",
        formula: "sqrt(sum of (x - mean)^2 / (number of valid values - 1))",
        source: "pandas `std`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group; missing with fewer than 2 values",
        op: Op::Cross(CrossFn::Std),
        ..BASE
    },
    Function {
        name: "cs_sum",
        params: &[X, BY],
        doc: "sum of the session's instruments",
        formula: "sum of the valid values",
        source: "pandas `sum`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Sum),
        ..BASE
    },
    Function {
        name: "cs_min",
        params: &[X, BY],
        doc: "least value of the session's instruments",
        formula: "least of the valid values",
        source: "pandas `min`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Min),
        ..BASE
    },
    Function {
        name: "cs_max",
        params: &[X, BY],
        doc: "greatest value of the session's instruments",
        formula: "greatest of the valid values",
        source: "pandas `max`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Max),
        ..BASE
    },
    Function {
        name: "cs_median",
        params: &[X, BY],
        doc: "median of the session's instruments",
        formula: "middle of the sorted valid values, or the mean of the two in the middle",
        source: "pandas `median`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Median),
        ..BASE
    },
    Function {
        name: "cs_count",
        params: &[X, BY],
        doc: "number of the session's instruments that have a value",
        formula: "number of valid values",
        source: "pandas `count`",
        missing: "a value for every instrument, also where `x` is missing; with `by=` missing without a group",
        op: Op::Cross(CrossFn::Count),
        ..BASE
    },
];
