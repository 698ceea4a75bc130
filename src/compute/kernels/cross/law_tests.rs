//! The laws of functions of all instruments, for every one of them: absent lanes, the numbers of groups, other sessions and
//! other groups never show in a value's bits; and naive forms agree.

use assetctl_expr::CrossFn;
use proptest::prelude::*;

use super::{Scratch, cross};

const FUNCTIONS: [(CrossFn, f64); 16] = [
    (CrossFn::Rank, 0.0),
    (CrossFn::ZScore, 0.0),
    (CrossFn::Demean, 0.0),
    (CrossFn::Winsorize, 1.5),
    (CrossFn::RobustZScore, 2.0),
    (CrossFn::Quantile, 0.3),
    (CrossFn::Scale, 2.0),
    (CrossFn::Mean, 0.0),
    (CrossFn::Std, 0.0),
    (CrossFn::Sum, 0.0),
    (CrossFn::Min, 0.0),
    (CrossFn::Max, 0.0),
    (CrossFn::Median, 0.0),
    (CrossFn::Count, 0.0),
    (CrossFn::Bucket, 4.0),
    (CrossFn::Neutralize, 0.0),
];

/// Those that say something of the group as a whole, and so also to lanes without a value.
const WHOLE: [CrossFn; 8] = [
    CrossFn::Quantile,
    CrossFn::Mean,
    CrossFn::Std,
    CrossFn::Sum,
    CrossFn::Min,
    CrossFn::Max,
    CrossFn::Median,
    CrossFn::Count,
];

const LANES: usize = 30;

/// One session: two operands, groups, and which lanes have a row.
#[derive(Debug, Clone)]
struct Session {
    x: Vec<f64>,
    on: Vec<f64>,
    by: Vec<f64>,
    present: Vec<bool>,
}

fn sessions() -> impl Strategy<Value = Session> {
    let value = || {
        let value = prop_oneof![
            2 => Just(f64::NAN),
            4 => -1e3..1e3_f64,
            3 => (-3..3_i32).prop_map(f64::from),
        ];
        proptest::collection::vec(value, LANES)
    };
    let code = prop_oneof![1 => Just(f64::NAN), 8 => (0..4_i32).prop_map(f64::from)];
    let by = proptest::collection::vec(code, LANES);
    let present = proptest::collection::vec(proptest::bool::weighted(0.8), LANES);
    (value(), value(), by, present).prop_map(|(x, on, by, present)| Session { x, on, by, present })
}

impl Session {
    fn run(&self, f: CrossFn, param: f64, grouped: bool, scratch: &mut Scratch) -> Vec<f64> {
        let mut out = vec![9.0; self.x.len()];
        let by = grouped.then_some(&self.by[..]);
        let args = [&self.x[..], &self.on];
        let args = if f == CrossFn::Neutralize { &args[..] } else { &args[..1] };
        cross(f, args, by, &self.present, param, scratch, &mut out);
        out
    }

    /// Some lanes of it.
    fn pick(&self, kept: impl Fn(usize) -> bool) -> (Vec<usize>, Self) {
        let lanes: Vec<usize> = (0..self.x.len()).filter(|lane| kept(*lane)).collect();
        let of = |x: &[f64]| lanes.iter().map(|lane| x[*lane]).collect();
        let present = lanes.iter().map(|lane| self.present[*lane]).collect();
        let session = Self { x: of(&self.x), on: of(&self.on), by: of(&self.by), present };
        (lanes, session)
    }

    /// The values that are seen beside a lane, its own first; `None` if it is not seen itself.
    fn beside(&self, lane: usize, grouped: bool) -> Option<Vec<f64>> {
        let together = |other: usize| !grouped || self.by[other] == self.by[lane];
        let seen = |other: &usize| self.present[*other] && !self.x[*other].is_nan() && together(*other);
        seen(&lane).then(|| {
            let others = (0..self.x.len()).filter(|other| *other != lane && seen(other));
            std::iter::once(lane).chain(others).map(|lane| self.x[lane]).collect()
        })
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn neither_absent_lanes_nor_other_sessions_nor_numbers_of_groups_show(session in sessions(), other in sessions()) {
        let mut scratch = Scratch::default();
        let (lanes, only) = session.pick(|lane| session.present[lane]);
        let mut renamed = session.clone();
        renamed.by.iter_mut().for_each(|code| *code = (7.0 - *code) * 1e9);
        for (f, param) in FUNCTIONS {
            for grouped in [false, true] {
                other.run(f, param, grouped, &mut scratch);
                let whole = bits(&session.run(f, param, grouped, &mut scratch));
                let part = bits(&only.run(f, param, grouped, &mut Scratch::default()));
                prop_assert_eq!(part, lanes.iter().map(|lane| whole[*lane]).collect::<Vec<_>>(), "{:?}", f);
                let again = bits(&renamed.run(f, param, grouped, &mut Scratch::default()));
                prop_assert_eq!(&again, &whole, "{:?}", f);
            }
        }
    }

    /// All but `Neutralize`, whose slopes are those of the whole session.
    #[test]
    fn a_group_is_a_session_by_itself(session in sessions()) {
        for (f, param) in FUNCTIONS.into_iter().filter(|(f, _)| *f != CrossFn::Neutralize) {
            let whole = bits(&session.run(f, param, true, &mut Scratch::default()));
            for code in [0.0, 1.0, 2.0, 3.0] {
                let (lanes, group) = session.pick(|lane| session.by[lane] == code);
                let alone = bits(&group.run(f, param, false, &mut Scratch::default()));
                prop_assert_eq!(alone, lanes.iter().map(|lane| whole[*lane]).collect::<Vec<_>>(), "{:?}", f);
            }
        }
    }

    #[test]
    fn values_are_canonical_and_where_they_belong(session in sessions(), grouped: bool) {
        for (f, param) in FUNCTIONS {
            let out = session.run(f, param, grouped, &mut Scratch::default());
            for (lane, value) in out.iter().enumerate() {
                prop_assert_eq!(value.to_bits(), crate::panel::canonical(*value).to_bits(), "{:?}", f);
                let member = session.present[lane] && !(grouped && session.by[lane].is_nan());
                prop_assert!(member || value.is_nan(), "{:?} of lane {}", f, lane);
                prop_assert!(WHOLE.contains(&f) || !session.x[lane].is_nan() || value.is_nan(), "{:?} of lane {}", f, lane);
            }
        }
    }

    #[test]
    fn naive_forms_agree(session in sessions(), grouped: bool) {
        for (f, param, naive) in NAIVE {
            let out = session.run(f, param, grouped, &mut Scratch::default());
            for (lane, out) in out.into_iter().enumerate() {
                let Some(values) = session.beside(lane, grouped) else { continue };
                let expected = naive(&values);
                let agree = (out - expected).abs() <= 1e-9 * expected.abs() + 1e-10 || out.is_nan() && expected.is_nan();
                prop_assert!(agree, "{:?}: {} is not {} for {:?}", f, out, expected, values);
            }
        }
    }

    /// The normal equations: residuals add up to nothing in each group, and along the regressor.
    #[test]
    fn residuals_are_orthogonal_to_what_was_regressed_on(session in sessions(), grouped: bool) {
        let out = session.run(CrossFn::Neutralize, 0.0, grouped, &mut Scratch::default());
        let along: f64 = out.iter().zip(&session.on).filter(|(out, _)| !out.is_nan()).map(|(out, on)| out * on).sum();
        prop_assert!(along.abs() < 1e-5, "{} along the regressor", along);
        for code in [0.0, 1.0, 2.0, 3.0] {
            let members = (0..LANES).filter(|lane| !grouped || session.by[*lane] == code);
            let sum: f64 = members.map(|lane| out[lane]).filter(|out| !out.is_nan()).sum();
            prop_assert!(sum.abs() < 1e-8, "{} in group {}", sum, code);
        }
        for (lane, residual) in out.iter().enumerate() {
            let known = session.present[lane] && !session.x[lane].is_nan() && !session.on[lane].is_nan();
            prop_assert_eq!(residual.is_nan(), !(known && !(grouped && session.by[lane].is_nan())));
        }
    }
}

/// Functions of the group's values, the lane's own first, as a textbook has them.
type Naive = fn(&[f64]) -> f64;

const NAIVE: [(CrossFn, f64, Naive); 8] = [
    (CrossFn::Rank, 0.0, |values| {
        let below = values.iter().filter(|v| **v < values[0]).count() as f64;
        let ties = values.iter().filter(|v| **v == values[0]).count() as f64;
        (below + (ties + 1.0) / 2.0) / values.len() as f64
    }),
    (CrossFn::ZScore, 0.0, |values| {
        let (mean, std) = (naive_mean(values), naive_std(values));
        if std == 0.0 { 0.0 } else { (values[0] - mean) / std }
    }),
    (CrossFn::Demean, 0.0, |values| values[0] - naive_mean(values)),
    (CrossFn::Winsorize, 1.5, |values| {
        let reach = 1.5 * 1.4826 * naive_mad(values);
        values[0].clamp(naive_quantile(values, 0.5) - reach, naive_quantile(values, 0.5) + reach)
    }),
    (CrossFn::RobustZScore, 2.0, |values| {
        let unit = 1.4826 * naive_mad(values);
        if unit == 0.0 { 0.0 } else { ((values[0] - naive_quantile(values, 0.5)) / unit).clamp(-2.0, 2.0) }
    }),
    (CrossFn::Quantile, 0.3, |values| naive_quantile(values, 0.3)),
    (CrossFn::Std, 0.0, naive_std),
    (CrossFn::Bucket, 4.0, |values| {
        let below = values.iter().filter(|v| **v < values[0]).count() as f64;
        let ties = values.iter().filter(|v| **v == values[0]).count() as f64;
        let share = (below + (ties - 1.0) / 2.0) / (values.len() as f64 - 1.0).max(1.0);
        [1.0, 2.0, 3.0, 4.0].into_iter().find(|g| share <= g / 4.0).unwrap_or(4.0)
    }),
];

fn naive_mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn naive_std(values: &[f64]) -> f64 {
    if values.iter().all(|v| *v == values[0]) && values.len() > 1 {
        return 0.0;
    }
    let mean = naive_mean(values);
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

fn naive_quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    low * (1.0 - position.fract()) + high * position.fract()
}

fn naive_mad(values: &[f64]) -> f64 {
    let median = naive_quantile(values, 0.5);
    naive_quantile(&values.iter().map(|v| (v - median).abs()).collect::<Vec<_>>(), 0.5)
}
