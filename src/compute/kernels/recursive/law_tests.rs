//! The laws of recursive functions, for every one of them.

use assetctl_expr::{RecursiveFn, WindowFn};
use proptest::prelude::*;

use super::advance;
use super::testing::{CASES, Case, LANES, ROWS, bits, pick, sessions, value};
use crate::panel::canonical;

/// Whether a missing session passes without a trace: no value, no change of state.
fn skips(case: &Case) -> bool {
    !matches!(case.f, RecursiveFn::Ewm | RecursiveFn::LastValid | RecursiveFn::FirstValid | RecursiveFn::Expanding(_))
}

/// Whether what overflows is missing for good.
fn accumulates(case: &Case) -> bool {
    matches!(case.f, RecursiveFn::CumSum | RecursiveFn::CumProd | RecursiveFn::Expanding(_))
}

fn missing(session: &[Vec<f64>], lane: usize, case: &Case) -> bool {
    session.iter().take(case.operands).any(|row| row[lane].is_nan())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A state is all that a lane needs: carried over, with the lanes in another order and fewer of them, it gives the same bits.
    #[test]
    fn neither_the_split_into_calls_nor_the_lanes_beside_show(
        sessions in sessions(value()),
        orders in proptest::collection::vec(Just((0..LANES).collect::<Vec<_>>()).prop_shuffle(), ROWS),
        kept in 0..=LANES,
    ) {
        for case in CASES {
            let whole = case.run(&sessions);
            let mut lanes: Vec<usize> = (0..LANES).collect();
            let mut state = case.empty(LANES);
            for ((session, order), (out, after)) in sessions.iter().zip(&orders).zip(whole) {
                // the order is of lanes that are still there
                let order: Vec<usize> = order.iter().filter_map(|lane| lanes.iter().position(|l| l == lane)).collect();
                state = pick(&state, lanes.len(), &order);
                lanes = order.iter().map(|at| lanes[*at]).collect();
                let rows: Vec<Vec<f64>> = session.iter().map(|row| pick(row, LANES, &lanes)).collect();
                prop_assert_eq!(bits(&case.step(&rows, &mut state)), bits(&pick(&out, LANES, &lanes)), "{:?}", case);
                prop_assert_eq!(bits(&state), bits(&pick(&after, LANES, &lanes)), "{:?}", case);
                if lanes.len() > kept {
                    let fewer = lanes.len() - 1;
                    state = pick(&state, lanes.len(), &(0..fewer).collect::<Vec<_>>());
                    lanes.truncate(fewer);
                }
            }
        }
    }

    /// Before the first value a state is all zeros, so that an instrument may join later with an empty one.
    #[test]
    fn nothing_seen_is_nothing_kept(sessions in sessions(Just(f64::NAN))) {
        for case in CASES {
            for (out, state) in case.run(&sessions) {
                prop_assert!(state.iter().all(|value| value.to_bits() == 0), "{:?}", case);
                let counts = case.f == RecursiveFn::Expanding(WindowFn::Count);
                prop_assert!(out.iter().all(|value| value.is_nan() != counts), "{:?}", case);
            }
        }
    }

    #[test]
    fn a_missing_value_is_skipped(sessions in sessions(value())) {
        for case in CASES.into_iter().filter(skips) {
            let mut before = case.empty(LANES);
            for (session, (out, after)) in sessions.iter().zip(case.run(&sessions)) {
                for lane in (0..LANES).filter(|lane| missing(session, *lane, &case)) {
                    prop_assert!(out[lane].is_nan(), "{:?}", case);
                    let of_lane = |state: &[f64]| bits(&pick(state, LANES, &[lane]));
                    prop_assert_eq!(of_lane(&before), of_lane(&after), "{:?}", case);
                }
                before = after;
            }
        }
    }

    #[test]
    fn a_missing_session_has_the_result_so_far(sessions in sessions(value())) {
        for case in CASES.into_iter().filter(|case| !skips(case)) {
            let mut before = vec![f64::NAN; LANES];
            for (session, (out, _)) in sessions.iter().zip(case.run(&sessions)) {
                for lane in (0..LANES).filter(|lane| missing(session, *lane, &case)) {
                    let counts = case.f == RecursiveFn::Expanding(WindowFn::Count);
                    let so_far = if counts && before[lane].is_nan() { 0.0 } else { before[lane] };
                    prop_assert_eq!(out[lane].to_bits(), so_far.to_bits(), "{:?}", case);
                }
                before = out;
            }
        }
    }

    #[test]
    fn states_and_values_are_canonical(sessions in sessions(prop_oneof![
        4 => value(),
        2 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(1e200), Just(f64::MIN_POSITIVE), Just(-1e-300)],
        1 => Just(0.0),
    ])) {
        for case in CASES {
            for (out, state) in case.run(&sessions) {
                for value in out.iter().chain(&state) {
                    prop_assert_eq!(value.to_bits(), canonical(*value).to_bits(), "{:?}: {}", case, value);
                }
                prop_assert!(accumulates(&case) || state.iter().all(|value| value.is_finite()), "{:?}", case);
            }
        }
    }

    /// Nothing poisons a function for good that does not run over all sessions.
    #[test]
    fn what_overflows_begins_anew(huge in prop_oneof![Just(f64::MAX), Just(f64::MIN)], at in 5..20_usize) {
        for case in CASES.into_iter().filter(|case| !accumulates(case)) {
            let value = |row: usize| match row.checked_sub(at) {
                Some(after @ 0..3) => if after % 2 == 0 { huge } else { -huge },
                _ => 1.0 + row as f64,
            };
            let bars: Vec<Vec<f64>> = (0..ROWS).map(value).map(|x| vec![x, x - 1.0, x, 1.0]).collect();
            let out = case.one(&bars);
            prop_assert!(out[ROWS - 5..].iter().all(|value| value.is_finite()), "{:?}: {:?}", case, out);
            // what is forgotten is as if it had not been
            let states = case.run(&bars.iter().map(|bar| bar.iter().map(|x| vec![*x]).collect()).collect::<Vec<_>>());
            let forgot = states.iter().rposition(|(_, state)| state.iter().all(|value| *value == 0.0));
            let anew = forgot.map_or(0, |row| row + 1);
            prop_assert_eq!(bits(&out[anew..]), bits(&case.one(&bars[anew..])), "{:?} from {}", case, anew);
            let overflows = matches!(case.f, RecursiveFn::EmaFirst | RecursiveFn::Ewm | RecursiveFn::Kama);
            let overflows = overflows && case.params != [1.0];
            prop_assert!(!overflows || anew > at, "{:?}", case);
        }
    }
}

#[test]
fn what_overflows_is_missing_from_there_on_in_a_sum_over_all_sessions() {
    let bars: Vec<Vec<f64>> = [1.0, f64::MAX, f64::MAX, 1.0, 2.0].into_iter().map(|x| vec![x]).collect();
    for f in [RecursiveFn::CumSum, RecursiveFn::CumProd, RecursiveFn::Expanding(WindowFn::Sum)] {
        let case = CASES.into_iter().find(|case| case.f == f).unwrap();
        let out = case.one(&bars);
        assert_eq!(out[..2], [1.0, f64::MAX], "{f:?}");
        assert!(out[2..].iter().all(|value| value.is_nan()), "{f:?}: {out:?}");
    }
}

#[test]
fn what_is_no_such_function_has_no_values() {
    let x = [1.0, 2.0];
    let mut state = [0.0; 12];
    for (f, params, args) in [
        (RecursiveFn::Ema, &[][..], &[&x[..]][..]),
        (RecursiveFn::Ema, &[5.0], &[&x, &x]),
        (RecursiveFn::Kama, &[0.0], &[&x]),
        (RecursiveFn::Sar, &[0.02, 0.2], &[&x]),
        (RecursiveFn::Expanding(WindowFn::Slope), &[1.0, 0.0], &[&x]),
    ] {
        let mut out = [9.0; 2];
        advance(f, params, 0, args, &mut state, &mut out);
        assert!(out.iter().all(|value| value.is_nan()), "{f:?}");
        assert_eq!(state, [0.0; 12]);
    }
}

#[test]
fn a_window_function_has_an_expanding_form_or_none() {
    for f in [WindowFn::Slope, WindowFn::Median, WindowFn::Ref, WindowFn::Rank] {
        assert!(!f.has_expanding());
    }
    let expanding = CASES.into_iter().filter_map(|case| match case.f {
        RecursiveFn::Expanding(f) => Some(f),
        _ => None,
    });
    assert!(expanding.clone().all(WindowFn::has_expanding));
    assert_eq!(expanding.count(), 12);
}
