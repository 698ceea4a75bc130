//! The kernels against pandas, Qlib and TA-Lib on real bars; `tests/fixtures/golden/make_golden.py` says how the files were made.

use std::collections::BTreeMap;

use assetctl_expr::WindowFn;

use super::*;

/// A file as session → instrument → column → value.
pub(super) struct Golden {
    sessions: Vec<String>,
    instruments: Vec<String>,
    columns: BTreeMap<String, Vec<f64>>,
}

impl Golden {
    /// Every instrument has every session, in any order.
    pub(super) fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        let distinct = |at: usize| {
            let mut names: Vec<String> = rows.iter().map(|row| row[at].to_owned()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let (sessions, instruments) = (distinct(0), distinct(1));
        assert_eq!(rows.len(), sessions.len() * instruments.len());
        let mut columns = BTreeMap::new();
        for (at, name) in header.iter().enumerate().skip(2) {
            let mut values = vec![f64::NAN; rows.len()];
            for row in &rows {
                let session = sessions.binary_search(&row[0].to_owned()).unwrap();
                let lane = instruments.binary_search(&row[1].to_owned()).unwrap();
                values[session * instruments.len() + lane] =
                    if row[at].is_empty() { f64::NAN } else { row[at].parse().unwrap() };
            }
            columns.insert((*name).to_owned(), values);
        }
        Self { sessions, instruments, columns }
    }

    /// Compares to within 1e-9 of the value.
    pub(super) fn assert_close(&self, name: &str, out: &[f64]) {
        let mut compared = 0;
        for (cell, (&out, &golden)) in out.iter().zip(&self.columns[name]).enumerate() {
            let (session, instrument) = (cell / self.instruments.len(), cell % self.instruments.len());
            let at = format!("{name} of {} on {}", self.instruments[instrument], self.sessions[session]);
            assert_eq!(out.is_nan(), golden.is_nan(), "{at}: {out} is not {golden}");
            assert!(golden.is_nan() || (out - golden).abs() <= 1e-9 * golden.abs(), "{at}: {out} is not {golden}");
            compared += usize::from(!golden.is_nan());
        }
        assert!(compared > 50, "{name}: only {compared} values to compare with");
    }

    pub(super) fn lanes(&self) -> usize {
        self.instruments.len()
    }

    pub(super) fn lane(&self, instrument: &str) -> usize {
        self.instruments.iter().position(|name| name == instrument).unwrap()
    }

    pub(super) fn column(&self, name: &str) -> &[f64] {
        &self.columns[name]
    }

    fn grid(&self, name: &str) -> Grid<'_> {
        Grid { data: &self.columns[name], lanes: self.instruments.len() }
    }
}

/// A window function of `close`, and of `volume` where it takes two columns, in either way of computing it.
fn rolling(golden: &Golden, f: WindowFn, n: usize, min_periods: usize, param: f64) -> [Vec<f64>; 2] {
    let (close, volume) = (golden.grid("close"), golden.grid("volume"));
    let args: &[Grid] = if matches!(f, WindowFn::Corr | WindowFn::Cov) { &[close, volume] } else { &[close] };
    [None, Some(12_345)].map(|anchor| {
        let mut out = vec![0.0; golden.sessions.len() * golden.instruments.len()];
        let rows = 0..golden.sessions.len();
        window(f, args, false, rows, Span { n, min_periods, anchor }, param, &mut out).unwrap();
        out
    })
}

#[test]
fn windows_agree_with_pandas_and_qlib() {
    let golden = Golden::read(include_str!("../../../tests/fixtures/golden/window.csv"));
    let functions = [
        ("sum", WindowFn::Sum),
        ("mean", WindowFn::Mean),
        ("std", WindowFn::Std),
        ("var", WindowFn::Var),
        ("min", WindowFn::Min),
        ("max", WindowFn::Max),
        ("median", WindowFn::Median),
        ("quantile", WindowFn::Quantile),
        ("rank", WindowFn::Rank),
        ("count", WindowFn::Count),
        ("slope", WindowFn::Slope),
        ("corr", WindowFn::Corr),
        ("cov", WindowFn::Cov),
    ];
    for (name, f) in functions {
        for n in [5, 20] {
            for out in rolling(&golden, f, n, 1, 0.8) {
                golden.assert_close(&format!("{name}_{n}"), &out);
            }
        }
    }
    for out in rolling(&golden, WindowFn::Mean, 20, 15, 0.0) {
        golden.assert_close("mean_20_full", &out);
    }
    for out in rolling(&golden, WindowFn::Ref, 5, 1, 0.0) {
        golden.assert_close("ref_5", &out);
    }
}

#[test]
fn roc_agrees_with_ta_lib() {
    let golden = Golden::read(include_str!("../../../tests/fixtures/golden/window.csv"));
    let [mut out, _] = rolling(&golden, WindowFn::Roc, 5, 1, 0.0);
    // TA-Lib knows no holes, so only the index was given to it
    let index = golden.instruments.iter().position(|name| name == "sh.000300").unwrap();
    for (cell, out) in out.iter_mut().enumerate() {
        if cell % golden.instruments.len() != index {
            *out = f64::NAN;
        }
    }
    golden.assert_close("roc_5", &out);
}
