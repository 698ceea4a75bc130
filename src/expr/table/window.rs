//! Functions of the last sessions of one instrument.

use super::params::{BOUNDED, COUNTABLE, FULL2, MIN1, MIN2, MIN3, MIN4, SESSIONS, X, Y, choice, lag, window};
use super::params::{by_name, real_without_default};
use crate::catalogue::{Class, Function, Interval, Op, Param, ParamKind};
use crate::program::WindowFn;

const LAG0: Param = Param { name: "n", kind: ParamKind::Lag { least: 0 }, default: None, named_only: false };
const LAG1: Param = Param { kind: ParamKind::Lag { least: 1 }, ..LAG0 };
const Q: Param = real_without_default("q", Interval::Unit);
const ALPHA: Param = by_name(real_without_default("alpha", Interval::Share));
const TIES: Param = choice("ties", &["first", "last"]);

/// What the entries of this file have in common.
const BASE: Function = Function {
    name: "",
    aliases: &[],
    class: Class::Window,
    params: &[X],
    parts: &[],
    doc: "",
    formula: "",
    source: "",
    missing: "skipped; missing if fewer than `min_periods` are valid",
    first_valid: "min_periods",
    version: 1,
    op: Op::Formula,
};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ref",
        aliases: &["shift", "lag", "delay"],
        params: &[X, LAG0],
        doc: "the value n sessions ago",
        formula: "x[d-n]",
        source: "Qlib `qlib/data/ops.py`, `Ref`; but `ref(x, 0)` is `x`",
        missing: "missing if `x` was missing n sessions ago",
        first_valid: "n + 1",
        op: Op::Window(WindowFn::Ref),
        ..BASE
    },
    Function {
        name: "delta",
        aliases: &["diff"],
        params: &[X, lag("n", 1)],
        doc: "change over n sessions",
        formula: "x - ref(x, n)",
        source: "Qlib `qlib/data/ops.py`, `Delta`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "roc",
        params: &[X, lag("n", 10)],
        doc: "rate of change over n sessions, in percent",
        formula: "100 * (x / ref(x, n) - 1); 0 where ref(x, n) is 0",
        source: "TA-Lib `ROC`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        op: Op::Window(WindowFn::Roc),
        ..BASE
    },
    Function {
        name: "mean",
        aliases: &["avg", "ts_mean"],
        params: &[X, SESSIONS, MIN1],
        doc: "mean of the last n sessions (with `n=0` of all so far)",
        formula: "sum of the valid values / their number",
        source: "Qlib `qlib/data/ops.py`, `Mean`",
        op: Op::Window(WindowFn::Mean),
        ..BASE
    },
    Function {
        name: "sum",
        aliases: &["ts_sum"],
        params: &[X, SESSIONS, MIN1],
        doc: "sum of the last n sessions (with `n=0` of all so far)",
        formula: "sum of the valid values",
        source: "Qlib `qlib/data/ops.py`, `Sum`",
        op: Op::Window(WindowFn::Sum),
        ..BASE
    },
    Function {
        name: "product",
        aliases: &["prod", "ts_product"],
        params: &[X, SESSIONS, MIN1],
        doc: "product of the last n sessions (with `n=0` of all so far)",
        formula: "product of the valid values",
        source: "Kakushadze, \"101 Formulaic Alphas\"",
        op: Op::Window(WindowFn::Product),
        ..BASE
    },
    Function {
        name: "min",
        aliases: &["ts_min"],
        params: &[X, SESSIONS, MIN1],
        doc: "least value of the last n sessions (with `n=0`, by its name, of all so far)",
        formula: "least of the valid values",
        source: "Qlib `qlib/data/ops.py`, `Min`",
        op: Op::Window(WindowFn::Min),
        ..BASE
    },
    Function {
        name: "max",
        aliases: &["ts_max"],
        params: &[X, SESSIONS, MIN1],
        doc: "greatest value of the last n sessions (with `n=0`, by its name, of all so far)",
        formula: "greatest of the valid values",
        source: "Qlib `qlib/data/ops.py`, `Max`",
        op: Op::Window(WindowFn::Max),
        ..BASE
    },
    Function {
        name: "argmin",
        aliases: &["idxmin", "ts_argmin"],
        params: &[X, BOUNDED, TIES, MIN1],
        doc: "place of the least value in the window, counted from 1 at its oldest session",
        formula: "place of the least valid value; of several the first, or the last",
        source: "Qlib `qlib/data/ops.py`, `IdxMin`",
        op: Op::Window(WindowFn::ArgMin),
        ..BASE
    },
    Function {
        name: "argmax",
        aliases: &["idxmax", "ts_argmax"],
        params: &[X, BOUNDED, TIES, MIN1],
        doc: "place of the greatest value in the window, counted from 1 at its oldest session",
        formula: "place of the greatest valid value; of several the first, or the last",
        source: "Qlib `qlib/data/ops.py`, `IdxMax`",
        op: Op::Window(WindowFn::ArgMax),
        ..BASE
    },
    Function {
        name: "median",
        aliases: &["med", "ts_median"],
        params: &[X, BOUNDED, MIN1],
        doc: "median of the last n sessions",
        formula: "middle of the sorted valid values, or the mean of the two in the middle",
        source: "Qlib `qlib/data/ops.py`, `Med`",
        op: Op::Window(WindowFn::Median),
        ..BASE
    },
    Function {
        name: "quantile",
        params: &[X, BOUNDED, Q, MIN1],
        doc: "quantile q of the last n sessions",
        formula: "linear interpolation between the sorted valid values, at position q * (their number - 1)",
        source: "Qlib `qlib/data/ops.py`, `Quantile`",
        op: Op::Window(WindowFn::Quantile),
        ..BASE
    },
    Function {
        name: "rank",
        aliases: &["ts_rank"],
        params: &[X, BOUNDED, MIN1],
        doc: "rank of the value among the last n sessions, above 0 and up to 1",
        formula: "rank from the least, ties averaged / number of valid values",
        source: "Qlib `qlib/data/ops.py`, `Rank`",
        missing: "missing where `x` is; others are skipped; missing if fewer than `min_periods` are valid",
        op: Op::Window(WindowFn::Rank),
        ..BASE
    },
    Function {
        name: "count",
        params: &[COUNTABLE, SESSIONS, MIN1],
        doc: "number of valid values of the last n sessions (with `n=0` of all so far), or of true ones if x is a condition",
        formula: "number of sessions in the window where x is not missing, or is true",
        source: "Qlib `qlib/data/ops.py`, `Count`",
        missing: "not counted; missing only if the window has fewer than `min_periods` sessions of history",
        op: Op::Window(WindowFn::Count),
        ..BASE
    },
    Function {
        name: "std",
        aliases: &["stddev", "ts_std"],
        params: &[X, SESSIONS, MIN2],
        doc: "standard deviation of the last n sessions (with `n=0` of all so far)",
        formula: "sqrt(var(x, n))",
        source: "Qlib `qlib/data/ops.py`, `Std`",
        op: Op::Window(WindowFn::Std),
        ..BASE
    },
    Function {
        name: "var",
        aliases: &["ts_var"],
        params: &[X, SESSIONS, MIN2],
        doc: "variance of the last n sessions (with `n=0` of all so far)",
        formula: "sum of (x - mean)^2 over the valid values / (their number - 1)",
        source: "Qlib `qlib/data/ops.py`, `Var`",
        op: Op::Window(WindowFn::Var),
        ..BASE
    },
    Function {
        name: "std_pop",
        params: &[X, SESSIONS, MIN1],
        doc: "standard deviation of the last n sessions (with `n=0` of all so far) as a whole population",
        formula: "sqrt(var_pop(x, n))",
        source: "TA-Lib `STDDEV`",
        op: Op::Window(WindowFn::StdPop),
        ..BASE
    },
    Function {
        name: "var_pop",
        params: &[X, SESSIONS, MIN1],
        doc: "variance of the last n sessions (with `n=0` of all so far) as a whole population",
        formula: "sum of (x - mean)^2 over the valid values / their number",
        source: "TA-Lib `VAR`",
        op: Op::Window(WindowFn::VarPop),
        ..BASE
    },
    Function {
        name: "skew",
        params: &[X, SESSIONS, MIN3],
        doc: "skewness of the last n sessions (with `n=0` of all so far), corrected for bias",
        formula: "sqrt(m * (m - 1)) / (m - 2) * mean of (x - mean)^3 / (mean of (x - mean)^2)^1.5 over the m valid values",
        source: "Qlib `qlib/data/ops.py`, `Skew`",
        op: Op::Window(WindowFn::Skew),
        ..BASE
    },
    Function {
        name: "kurt",
        params: &[X, SESSIONS, MIN4],
        doc: "excess kurtosis of the last n sessions (with `n=0` of all so far), corrected for bias",
        formula: "(m - 1) / ((m - 2) * (m - 3)) * ((m + 1) * mean of (x - mean)^4 / (mean of (x - mean)^2)^2 - 3 * (m - 1)) over the m valid values",
        source: "Qlib `qlib/data/ops.py`, `Kurt`",
        op: Op::Window(WindowFn::Kurt),
        ..BASE
    },
    Function {
        name: "mad",
        aliases: &["avgdev"],
        params: &[X, BOUNDED, MIN1],
        doc: "mean absolute deviation of the last n sessions",
        formula: "mean of |x - mean| over the valid values",
        source: "Qlib `qlib/data/ops.py`, `Mad`; TA-Lib `AVGDEV`",
        op: Op::Window(WindowFn::Mad),
        ..BASE
    },
    Function {
        name: "wma",
        aliases: &["decay_linear", "ts_decay_linear"],
        params: &[X, BOUNDED, MIN1],
        doc: "mean of the last n sessions that counts the newest most",
        formula: "sum of i * x[i] / sum of i over the valid values, i = 1..n from the oldest; \
                  `min_periods=n` for TA-Lib's",
        source: "TA-Lib `WMA`; Qlib's `WMA`, without its second division by n",
        op: Op::Window(WindowFn::Wma),
        ..BASE
    },
    Function {
        name: "ewm_window",
        params: &[X, BOUNDED, ALPHA, MIN1],
        doc: "exponentially weighted mean of the last n sessions and nothing before them",
        formula: "sum of w * x / sum of w over the valid values, w = (1 - alpha)^age",
        source: "pandas `ewm(alpha).mean()` over a window",
        missing: "skipped, and their age counts; missing if fewer than `min_periods` are valid",
        op: Op::Window(WindowFn::EwmWindow),
        ..BASE
    },
    Function {
        name: "slope",
        params: &[X, BOUNDED, MIN2],
        doc: "slope of the regression of the last n sessions on time, per session",
        formula: "cov(t, x) / var(t) over the valid values, t = 1..n",
        source: "Qlib `qlib/data/ops.py`, `Slope`",
        op: Op::Window(WindowFn::Slope),
        ..BASE
    },
    Function {
        name: "rsquare",
        params: &[X, BOUNDED, MIN2],
        doc: "how much of the last n sessions' variance a line explains, from 0 to 1",
        formula: "corr(t, x)^2 over the valid values, t = 1..n",
        source: "Qlib `qlib/data/ops.py`, `Rsquare`",
        missing: "skipped; missing if fewer than `min_periods` are valid, or if the standard deviation is within 2e-5 of 0",
        op: Op::Window(WindowFn::RSquare),
        ..BASE
    },
    Function {
        name: "resid",
        aliases: &["resi"],
        params: &[X, BOUNDED, MIN2],
        doc: "distance of the newest value from the line through the last n sessions",
        formula: "x - the regression's value at t = n, over the valid values, t = 1..n",
        source: "Qlib `qlib/data/ops.py`, `Resi`",
        missing: "missing where `x` is; others are skipped; missing if fewer than `min_periods` are valid",
        op: Op::Window(WindowFn::Resid),
        ..BASE
    },
    Function {
        name: "linearreg",
        params: &[X, window("n", 2, 14), FULL2],
        doc: "value of the line through the last n sessions, at the newest",
        formula: "the regression's value at t = n, over the valid values, t = 1..n",
        source: "TA-Lib `LINEARREG`",
        op: Op::Window(WindowFn::Fitted),
        ..BASE
    },
    Function {
        name: "corr",
        aliases: &["correlation"],
        params: &[X, Y, BOUNDED, MIN2],
        doc: "Pearson correlation of the last n sessions",
        formula: "cov(x, y, n) / (std(x, n) * std(y, n))",
        source: "Qlib `qlib/data/ops.py`, `Corr`",
        missing: "sessions where `x` or `y` is missing are skipped; missing if fewer than `min_periods` are valid, or if a standard deviation is within 2e-5 of 0",
        op: Op::Window(WindowFn::Corr),
        ..BASE
    },
    Function {
        name: "cov",
        aliases: &["covariance"],
        params: &[X, Y, BOUNDED, MIN2],
        doc: "covariance of the last n sessions",
        formula: "sum of (x - mean x) * (y - mean y) over the valid pairs / (their number - 1)",
        source: "Qlib `qlib/data/ops.py`, `Cov`",
        missing: "sessions where `x` or `y` is missing are skipped; missing if fewer than `min_periods` are valid",
        op: Op::Window(WindowFn::Cov),
        ..BASE
    },
    Function {
        name: "lead",
        class: Class::Forward,
        params: &[X, LAG1],
        doc: "the value n sessions later: refused, as a partition may read nothing after its own session",
        formula: "x[d+n]",
        source: "pandas `shift(-n)`",
        missing: "missing if `x` is missing n sessions later",
        first_valid: "1",
        op: Op::Forward,
        ..BASE
    },
];
