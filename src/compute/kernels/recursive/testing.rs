//! What the tests of recursive kernels share.

use assetctl_expr::{RecursiveFn, WindowFn};
use proptest::prelude::*;

use super::{advance, state_len};

pub const ROWS: usize = 40;
pub const LANES: usize = 7;

/// A function with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub f: RecursiveFn,
    pub params: &'static [f64],
    pub part: u8,
    pub operands: usize,
}

const fn case(f: RecursiveFn, params: &'static [f64]) -> Case {
    Case { f, params, part: 0, operands: 1 }
}

const fn expanding(f: WindowFn) -> Case {
    case(RecursiveFn::Expanding(f), &[1.0, 0.0])
}

pub const CASES: [Case; 35] = [
    case(RecursiveFn::Ema, &[5.0]),
    case(RecursiveFn::Ema, &[1.0]),
    case(RecursiveFn::EmaFirst, &[0.3]),
    case(RecursiveFn::EmaFirst, &[1.0]),
    case(RecursiveFn::Rma, &[4.0]),
    case(RecursiveFn::WilderSum, &[4.0]),
    case(RecursiveFn::WilderSum, &[1.0]),
    case(RecursiveFn::Ewm, &[0.3]),
    case(RecursiveFn::Ewm, &[1.0]),
    case(RecursiveFn::Kama, &[4.0]),
    case(RecursiveFn::Kama, &[1.0]),
    case(RecursiveFn::MacdLine, &[3.0, 6.0]),
    case(RecursiveFn::MacdLine, &[6.0, 3.0]),
    case(RecursiveFn::CumSum, &[]),
    case(RecursiveFn::CumProd, &[]),
    case(RecursiveFn::LastValid, &[]),
    case(RecursiveFn::FirstValid, &[]),
    case(RecursiveFn::BarsSince, &[]),
    case(RecursiveFn::SmaTdx, &[5.0, 2.0]),
    case(RecursiveFn::SmaFrom, &[3.0, 50.0]),
    Case { f: RecursiveFn::Sar, params: &[0.02, 0.2], part: 0, operands: 2 },
    Case { f: RecursiveFn::Supertrend, params: &[2.0], part: 0, operands: 4 },
    Case { f: RecursiveFn::Supertrend, params: &[2.0], part: 1, operands: 4 },
    expanding(WindowFn::Sum),
    expanding(WindowFn::Mean),
    expanding(WindowFn::Std),
    expanding(WindowFn::Var),
    expanding(WindowFn::StdPop),
    expanding(WindowFn::VarPop),
    expanding(WindowFn::Min),
    expanding(WindowFn::Max),
    expanding(WindowFn::Product),
    expanding(WindowFn::Skew),
    expanding(WindowFn::Kurt),
    expanding(WindowFn::Count),
];

impl Case {
    pub fn empty(&self, lanes: usize) -> Vec<f64> {
        vec![0.0; state_len(self.f, self.params) * lanes]
    }

    /// One session: the operands' values of each lane.
    pub fn step(&self, session: &[Vec<f64>], state: &mut [f64]) -> Vec<f64> {
        let args: Vec<&[f64]> = session.iter().take(self.operands).map(Vec::as_slice).collect();
        let mut out = vec![9.0; args[0].len()];
        advance(self.f, self.params, self.part, &args, state, &mut out);
        out
    }

    /// All sessions from an empty state: results and states after each.
    pub fn run(&self, sessions: &[Vec<Vec<f64>>]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let mut state = self.empty(sessions.first().map_or(0, |session| session[0].len()));
        let each = |session: &Vec<Vec<f64>>| {
            let out = self.step(session, &mut state);
            (out, state.clone())
        };
        sessions.iter().map(each).collect()
    }

    /// The results for one instrument: `bars` holds its operands, session by session.
    pub fn one(&self, bars: &[Vec<f64>]) -> Vec<f64> {
        let sessions: Vec<Vec<Vec<f64>>> = bars.iter().map(|bar| bar.iter().map(|x| vec![*x]).collect()).collect();
        self.run(&sessions).into_iter().map(|(out, _)| out[0]).collect()
    }
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The state or row of some lanes: `values` has one number per lane in each of its slots.
pub fn pick(values: &[f64], lanes: usize, picked: &[usize]) -> Vec<f64> {
    values.chunks_exact(lanes.max(1)).flat_map(|slot| picked.iter().map(|lane| slot[*lane])).collect()
}

/// Values of very different size, some equal, a quarter missing.
pub fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => Just(f64::NAN),
        3 => -1e3..1e3_f64,
        2 => (-3..3_i32).prop_map(f64::from),
        1 => 1e8..1e9_f64,
    ]
}

/// Sessions of four operands each.
pub fn sessions(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<Vec<Vec<f64>>>> {
    let row = proptest::collection::vec(value, LANES);
    let session = proptest::collection::vec(row, 4);
    proptest::collection::vec(session, ROWS)
}
