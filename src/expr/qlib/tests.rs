//! Qlib's strings against our own language: what they come to is the same program.

use super::FeatureSet;
use crate::compile::{compile, compile_in};
use crate::dialect::Dialect;
use crate::names::{ColumnKind, InputScope, Source};
use crate::program::{Node, Program, WindowFn};
use crate::testing::input;

fn inputs() -> Vec<InputScope> {
    use ColumnKind::{Bool, Number};
    let numbers = ["open", "high", "low", "close", "volume", "vwap"].map(|name| (name, Number));
    vec![
        input("bars", &[numbers.as_slice(), &[("halted", Bool)]].concat()),
        input("index", &[("level", Number), ("close", Number)]),
    ]
}

/// One input, so that no name is ambiguous.
fn bars() -> Vec<InputScope> {
    inputs().into_iter().take(1).collect()
}

fn of_qlib(text: &str, compat: bool) -> Result<Program, String> {
    let source = [Source { name: "out", text }];
    compile_in(&source, &|_| Dialect::Qlib { compat }, &bars()).map_err(|errors| {
        let [error] = &errors[..] else { panic!("{text}: {errors:?}") };
        format!("{} @ {} ; {}", error.message, &text[error.span.clone()], error.help.clone().unwrap_or_default())
    })
}

fn same(text: &str, native: &str) {
    let ours = compile(&[Source { name: "out", text: native }], &bars())
        .unwrap_or_else(|errors| panic!("{native}: {errors:?}"));
    let theirs = of_qlib(text, false).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(theirs.canonical(), ours.canonical(), "{text} and {native}");
    assert_eq!(theirs, ours, "{text} and {native}");
}

#[test]
fn each_operator_is_one_of_ours() {
    for (text, native) in [
        ("Ref($close, 5)/$close", "ref(close, 5) / close"),
        ("Ref($close, 0)", "first_valid(close)"),
        ("Delta($close, 3)", "delta(close, 3)"),
        ("Mean($close, 5)", "mean(close, 5)"),
        ("Sum($close, 5)", "sum(close, 5)"),
        ("Std($close, 5)", "std(close, 5)"),
        ("Var($close, 5)", "var(close, 5)"),
        ("Skew($close, 5)", "skew(close, 5)"),
        ("Kurt($close, 5)", "kurt(close, 5)"),
        ("Max($close, 5)", "max(close, 5)"),
        ("Min($close, 5)", "min(close, 5)"),
        ("IdxMax($close, 5)", "argmax(close, 5)"),
        ("IdxMin($close, 5)", "argmin(close, 5)"),
        ("Quantile($close, 5, 0.8)", "quantile(close, 5, 0.8)"),
        ("Med($close, 5)", "median(close, 5)"),
        ("Mad($close, 5)", "mad(close, 5)"),
        ("Rank($close, 5)", "rank(close, 5)"),
        ("Count($close, 5)", "count(close, 5)"),
        ("Slope($close, 5)", "slope(close, 5)"),
        ("Rsquare($close, 5)", "rsquare(close, 5)"),
        ("Resi($close, 5)", "resid(close, 5)"),
        ("WMA($close, 5)", "wma(close, 5)"),
        ("EMA($close, 9)", "ewm(close, span=9)"),
        ("EMA($close, 0.1)", "ewm(close, alpha=0.1)"),
        ("Mean($close, 0.1)", "ewm(close, alpha=0.1)"),
        ("Corr($close, $volume, 5)", "corr(close, volume, 5)"),
        ("Cov($close, $volume, 5)", "cov(close, volume, 5)"),
        ("Abs(Sign(Log($close)))", "abs(sign(log(close)))"),
        ("Not($close > 1)", "not close > 1"),
        ("Power($close, 2) + $close**2", "close ^ 2 + close ^ 2"),
        ("Add($close, Sub($open, Mul($high, Div($low, 2))))", "close + (open - high * (low / 2))"),
        ("Greater($close, $open) - Less($close, 0)", "greater(close, open) - less(close, 0)"),
        ("And(Gt($close, 1), Or(Ge($close, 2), Lt($open, 3)))", "close > 1 and (close >= 2 or open < 3)"),
        ("($close > 1) & (($close >= 2) | ($open < 3))", "close > 1 and (close >= 2 or open < 3)"),
        ("Le($close, 1) | Eq($open, 2)", "close <= 1 or open == 2"),
        ("If($close > $open, $close, $open)", "if(close > open, close, open)"),
        ("-$close + -3", "-close + -3"),
    ] {
        same(text, native);
    }
}

#[test]
fn all_rows_so_far() {
    for (text, native) in [
        ("Mean($close, 0)", "mean(close, 0)"),
        ("Sum($close, 0)", "sum(close, 0)"),
        ("Std($close, 0)", "std(close, 0)"),
        ("Var($close, 0)", "var(close, 0)"),
        ("Min($close, 0)", "min(close, n=0)"),
        ("Max($close, 0)", "max(close, n=0)"),
        ("Count($close, 0)", "count(close, 0)"),
        ("Skew($close, 0)", "skew(close, 0)"),
        ("Kurt($close, 0)", "kurt(close, 0)"),
        ("Delta($close, 0)", "close - first_valid(close)"),
    ] {
        same(text, native);
    }
}

#[test]
fn conditions_and_numbers_as_pandas_has_them() {
    // A condition is 1 or 0, and is never missing: all sessions are counted.
    same("Mean($close>Ref($close, 1), 5)", "mean(if(close > ref(close, 1), 1, 0), 5)");
    same("Count($close>$open, 5)", "count(if(close > open, 1, 0), 5)");
    same("1*($close>$open) + $halted", "1 * if(close > open, 1, 0) + if(halted, 1, 0)");
    same("($close > $open) == ($open > $low)", "if(close > open, 1, 0) == if(open > low, 1, 0)");
    // `!=` is true where a value is missing.
    same("$close != $open", "not (close == open)");
    same("Ne($close, $open)", "not (close == open)");
    same("If($close, 1, 0)", "if(not (close == 0), 1, 0)");
    same("If($halted, $close > 1, True)", "if(halted, close > 1, true)");
    same("If($halted, $close > 1, 2)", "if(halted, if(close > 1, 1, 0), 2)");
}

#[test]
fn arguments_by_name_and_lengths_that_python_works_out() {
    same("Mean(feature=$close, N=2*10)", "mean(close, 20)");
    same("Quantile($close, 2**3 - 3, qscore=1/5)", "quantile(close, 5, 0.2)");
}

#[test]
fn columns_and_inputs() {
    let sources =
        [Source { name: "ret", text: "$close/Ref($close, 1)-1" }, Source { name: "vol", text: "Std($ret, 20)" }];
    let theirs = compile_in(&sources, &|_| Dialect::Qlib { compat: false }, &bars()).unwrap();
    let sources = [Source { name: "ret", text: "close/ref(close, 1)-1" }, Source { name: "vol", text: "std(ret, 20)" }];
    assert_eq!(theirs, compile(&sources, &bars()).unwrap());
    // Of several inputs: a feature means the first one's columns, a column that is written out says which.
    let column = |text, dialect: Dialect| compile_in(&[Source { name: "out", text }], &|_| dialect, &inputs());
    let qlib = Dialect::Qlib { compat: false };
    let feature = Dialect::Feature { compat: false };
    assert_eq!(column("$close", feature).unwrap(), column("$bars.close", qlib).unwrap());
    assert_ne!(column("$close", feature).unwrap(), column("$index.close", qlib).unwrap());
    assert_eq!(column("$level", qlib).unwrap(), column("level", Dialect::Native).unwrap());
    assert!(column("$level", feature).unwrap_err()[0].message.contains("has no column"));
    assert!(column("$close", qlib).unwrap_err()[0].message.contains("several inputs"));
}

#[test]
fn each_mistake_points_into_the_text() {
    for (text, expected) in [
        ("Ref($clsoe, 1)", "unknown column `clsoe` @ $clsoe ; did you mean `close`?"),
        ("mean($close, 5)", "unknown operator `mean` @ mean ; did you mean `Mean`?"),
        (
            "cs_rank($close)",
            "unknown operator `cs_rank` @ cs_rank ; it is a function of our own language: use it in an asset without `dialect: qlib`",
        ),
        ("Mean($close)", "`Mean` takes 2 arguments (feature, N), got 1 @ Mean ; it is `Mean(feature, N)`"),
        ("Abs($close, 1)", "`Abs` takes 1 argument (feature), got 2 @ Abs ; it is `Abs(feature)`"),
        ("Mean($close, n=5)", "`Mean` has no argument `n` @ n ; it is `Mean(feature, N)`"),
        ("Mean($close, 5, N=5)", "`N` is given twice @ 5 ; "),
        (
            "Mean($close, $open)",
            "`N` of `Mean` must be a number written out @ $open ; it is read before anything runs, to know what must be recomputed",
        ),
        (
            "Ref($close, -2)/Ref($close, 1)",
            "`Ref` with a negative lag looks ahead: a partition may read nothing after its own session @ -2 ; look back instead: `Ref($close, 1)` is the value of the session before",
        ),
        ("Mean($close, -2)", "`N` of `Mean` must be a whole number of rows, got `-2` @ -2 ; "),
        ("Mean($close, 10/2)", "`N` of `Mean` must be a whole number of rows, got `10/2` @ 10/2 ; "),
        ("Mean($close, 1e9)", "`N` of `Mean` must be a whole number of rows, got `1e9` @ 1e9 ; "),
        ("Mean($close, 200000)", "`N` of `Mean` is more than 100000 rows @ 200000 ; "),
        (
            "Slope($close, 0)",
            "`Slope` of all rows so far (`N` = 0) is not supported @ 0 ; give a number of rows, as in 250",
        ),
        (
            "Sum($close, 0.5)",
            "`N` of `Sum` must be a whole number of rows, got `0.5` @ 0.5 ; a fraction makes an exponentially weighted mean of any of Qlib's operators: write that as `EMA` or `Mean`",
        ),
        ("Kurt($close, 3)", "`Kurt` needs a window of at least 4 rows, got `3` @ 3 ; "),
        ("Quantile($close, 5, 2)", "`qscore` of `Quantile` must be a number from 0 to 1, got `2` @ 2 ; "),
        (
            "($close > 1) & $open",
            "`&` needs a condition, but `$open` is a number @ $open ; compare it, and put the comparison in parentheses, which `&` and `|` need: `($close > 0) & ($volume > 0)`",
        ),
        (
            "($close > 1) + ($open > 1)",
            "`+` of two conditions does not count them in Qlib @ ($close > 1) + ($open > 1) ; multiply one by 1 to count, as in `1*($close > $open)`; combine conditions by `&` and `|`",
        ),
        (
            "PRef($$roe, 1)",
            "`$$roe` is point-in-time data @ $$roe ; join reports as of their announcement in an asset of kind `sql`, and read its columns by `$name`",
        ),
    ] {
        assert_eq!(of_qlib(text, false).unwrap_err(), expected, "{text}");
    }
}

/// The windows of a program that has some: what they are, over how many sessions, and their parameter.
fn windows(program: &Program) -> Vec<(WindowFn, u32, f64)> {
    let window = |node: &Node| match node {
        Node::Window { f, n, param, .. } => Some((*f, *n, *param)),
        _ => None,
    };
    program.nodes.iter().filter_map(window).collect()
}

#[test]
fn an_ema_of_a_query_of_one_day_has_the_rows_that_the_query_loads() {
    let rows = |text: &str| windows(&of_qlib(text, true).unwrap());
    assert_eq!(rows("EMA($close, 5)"), [(WindowFn::EwmWindow, 5, 2.0 / 6.0)]);
    // The widest window of the whole expression is loaded, for both.
    let (fast, slow) = ((WindowFn::EwmWindow, 26, 2.0 / 13.0), (WindowFn::EwmWindow, 26, 2.0 / 27.0));
    assert_eq!(rows("EMA($close, 12) - EMA($close, 26)"), [fast, slow]);
    // Nine sessions ago there are nine rows less.
    let expected = [(WindowFn::EwmWindow, 5, 2.0 / 6.0), (WindowFn::Ref, 9, 0.0)];
    assert_eq!(rows("Ref(EMA($close, 5), 9)"), expected);
    // Until a weight is below a millionth: log(1e-6) / log(0.9) = 131.1.
    assert_eq!(rows("EMA($close, 0.1)"), [(WindowFn::EwmWindow, 131, 0.1)]);
    // The rows that the operand reads are loaded too.
    assert_eq!(rows("EMA(Mean($close, 10), 5)")[1], (WindowFn::EwmWindow, 14, 2.0 / 6.0));
    let refused = of_qlib("Mean(EMA($close, 5), 3)", true).unwrap_err();
    assert!(
        refused.starts_with(
            "`compat: qlib` cannot reproduce an exponentially weighted mean inside another window @ EMA($close, 5)"
        ),
        "{refused}"
    );
    assert!(windows(&of_qlib("EMA($close, 5)", false).unwrap()).is_empty());
}

#[test]
fn other_defects_are_written_out() {
    let same = |text: &str, native: &str| {
        let ours = compile(&[Source { name: "out", text: native }], &bars()).unwrap();
        assert_eq!(of_qlib(text, true).unwrap().canonical(), ours.canonical(), "{text}");
    };
    same("WMA($close, 5)", "wma(close, 5) * wma(if(is_missing(close), 0, 1), 5) / count(close, 5)");
    same(
        "IdxMin($low, 5)",
        "if(max(if(is_missing(low), 1, 0), 5) > 0 and count(low, 5) > 0, argmax(if(is_missing(low), 1, 0), 5), argmin(low, 5))",
    );
    same("Mean($close, 5)", "mean(close, 5)");
    same("EMA($close, 4)", "ewm_window(close, 4, alpha=0.4)");
}

#[test]
fn feature_sets_compile_over_six_columns() {
    for (set, count, back) in [(FeatureSet::Alpha158, 158, 60), (FeatureSet::Alpha360, 360, 59)] {
        let features = set.features();
        let sources: Vec<Source<'_>> =
            features.iter().map(|feature| Source { name: &feature.name, text: &feature.text }).collect();
        let program = compile_in(&sources, &|_| Dialect::Feature { compat: false }, &bars()).unwrap();
        assert_eq!((program.outputs.len(), program.window(0).back), (count, back));
        let mut needs: Vec<&str> = FeatureSet::NEEDS.into();
        needs.sort_unstable();
        assert_eq!(program.columns_read(0), needs);
        assert!(!program.is_cross_sectional() && !program.is_recursive());
    }
}

/// Letter for letter what Qlib's loader has, in its order.
#[test]
fn features_are_qlibs() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/golden/alpha158_expr.json");
    let golden = std::fs::read_to_string(path).unwrap();
    for (set, key) in [(FeatureSet::Alpha158, "alpha158"), (FeatureSet::Alpha360, "alpha360")] {
        let begin = golden.find(&format!("\"{key}\": {{")).unwrap();
        let end = begin + golden[begin..].find('}').unwrap();
        let lines = golden[begin..end].lines().skip(1).filter(|line| line.contains(": \""));
        let expected: Vec<(&str, &str)> = lines
            .map(|line| {
                let (name, text) = line.trim().trim_end_matches(',').split_once(": ").unwrap();
                (name.trim_matches('"'), text.trim_matches('"'))
            })
            .collect();
        let features = set.features();
        let found: Vec<(&str, &str)> = features.iter().map(|one| (one.name.as_str(), one.text.as_str())).collect();
        assert_eq!(found, expected, "{key}");
    }
}
