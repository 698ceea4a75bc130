//! Laws 1 and 3 for any program: however the sessions are split into batches, from whichever states these start, in blocks of
//! however many lanes, beside whichever other lanes and on however many threads: the bits are those of one evaluation of all.

use std::collections::BTreeSet;

use assetctl_expr::Program;
use polars::prelude::*;
use proptest::prelude::*;

use crate::evaluate::tests::task;
use crate::evaluate::{Evaluated, evaluate_in_blocks};
use crate::frame::tests::{day, panel_frame};
use crate::random_programs::{genes, program};
use crate::{Checkpoint, Inputs, State, Task, WindowAxis};

const DAYS: usize = 26;
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A row of bars: close, volume, halted, industry, suspended.
type Bar = (f64, Option<f64>, bool, Option<u8>, bool);

fn bars() -> impl Strategy<Value = Vec<Option<Bar>>> {
    use proptest::option::weighted;
    let price = prop_oneof![4 => 1.0..100.0_f64, 1 => Just(7.0), 1 => Just(f64::NAN)];
    let bar = (price, weighted(0.9, 0.0..1e9_f64), any::<bool>(), weighted(0.9, 0..3_u8), prop::bool::weighted(0.15));
    proptest::collection::vec(weighted(0.85, bar), DAYS * NAMES.len())
}

/// The two inputs of all programs: bars by instrument (the last instrument is listed late), and a rate by session.
struct World {
    bars: DataFrame,
    rates: DataFrame,
    /// Session of each row of the bars.
    days: Vec<usize>,
    /// Per lane the sessions of its traded bars.
    traded: Vec<Vec<usize>>,
}

impl World {
    fn of(values: &[Option<Bar>]) -> Self {
        let (mut keys, mut rows, mut days) = (vec![], vec![], vec![]);
        let mut traded = vec![vec![]; NAMES.len()];
        for (at, bar) in values.iter().enumerate() {
            let (session, lane) = (at / NAMES.len(), at % NAMES.len());
            if let Some(bar) = bar
                && (lane < 5 || session > 15)
            {
                keys.push((session as u32 + 1, NAMES[lane]));
                days.push(session);
                rows.push(bar);
                if !bar.4 {
                    traded[lane].push(session);
                }
            }
        }
        let industry: Vec<Option<String>> = rows.iter().map(|bar| bar.3.map(|code| format!("i{code}"))).collect();
        let columns = vec![
            Column::new("close".into(), rows.iter().map(|bar| bar.0).collect::<Vec<_>>()),
            Column::new("volume".into(), rows.iter().map(|bar| bar.1).collect::<Vec<_>>()),
            Column::new("halted".into(), rows.iter().map(|bar| bar.2).collect::<Vec<_>>()),
            Column::new("industry".into(), industry),
            Column::new("is_suspended".into(), rows.iter().map(|bar| bar.4).collect::<Vec<_>>()),
        ];
        let rates: Vec<(u32, &str)> = (1..=DAYS as u32).filter(|day| day % 5 != 0).map(|day| (day, "-")).collect();
        let rate: Vec<f64> = rates.iter().map(|(day, _)| f64::from(*day).sin()).collect();
        let rates = panel_frame(&rates, vec![Column::new("rate".into(), rate)]).drop("instrument").unwrap();
        Self { bars: panel_frame(&keys, columns), rates, days, traded }
    }

    /// The inputs for `written`, from session `from` on.
    fn inputs(
        &self,
        program: &Program,
        from: usize,
        written: std::ops::Range<usize>,
        only: Option<&BTreeSet<String>>,
        more: &[String],
    ) -> Inputs {
        let within = |days: &[usize]| {
            let (start, end) = (days.partition_point(|d| *d < from), days.partition_point(|d| *d < written.end));
            (start as i64, end - start)
        };
        let (start, height) = within(&self.days);
        let bars = self.bars.slice(start, height);
        let rate_days: Vec<usize> = (0..DAYS).filter(|day| (day + 1) % 5 != 0).collect();
        let (start, height) = within(&rate_days);
        let rates = self.rates.slice(start, height);
        let sessions: Vec<_> = (from..written.end).map(|row| day(row as u32 + 1)).collect();
        let written = written.start - from..written.end - from;
        Inputs::from_frames(program, &[&bars, &rates], &sessions, written, 100 + from, only, more).unwrap()
    }

    /// The first session that a batch from `written` on has to read, when states can be started from before the sessions of
    /// `checkpoints`; and whether each checkpoint lies in what is read.
    fn from(&self, program: &Program, axis: WindowAxis, origin: usize, written: usize, checkpoints: &[usize]) -> usize {
        if axis == WindowAxis::Calendar {
            let latest = |needed: i64| checkpoints.iter().filter(|row| **row as i64 <= needed).max();
            let start = |needed: i64| latest(needed).map_or(origin as i64, |row| *row as i64);
            let first = program.first_sessions(written as i64, &start);
            return first.into_iter().flatten().min().unwrap_or(0).max(0) as usize;
        }
        let mut from = written;
        for bars in &self.traded {
            let bars: Vec<usize> = bars.iter().copied().filter(|row| *row >= origin).collect();
            let count = |row: usize| bars.partition_point(|bar| *bar < row) as i64;
            let used = std::cell::Cell::new(written);
            let start = |needed: i64| {
                let earlier = checkpoints.iter().filter(|row| **row <= written);
                let latest = earlier.filter(|row| count(**row) - count(written) <= needed).max();
                let row = latest.copied().unwrap_or(origin);
                used.set(used.get().min(row));
                count(row) - count(written)
            };
            let first = program.first_sessions(0, &start).into_iter().flatten().min().unwrap_or(0);
            let read = usize::try_from(count(written) + first).ok().and_then(|at| bars.get(at).copied());
            from = from.min(used.get()).min(read.unwrap_or(if count(written) + first < 0 { origin } else { written }));
        }
        from
    }
}

/// A frame's cells by their bits.
fn bits(df: &DataFrame) -> Vec<Vec<Option<u64>>> {
    let columns = df.columns().iter().filter(|column| !["session", "instrument"].contains(&column.name().as_str()));
    let of = |column: &Column| match column.dtype() {
        DataType::Int64 => column.i64().unwrap().iter().map(|value| value.map(|value| value as u64)).collect(),
        _ => column.f64().unwrap().iter().map(|value| value.map(f64::to_bits)).collect(),
    };
    columns.map(of).collect()
}

fn keys(df: &DataFrame) -> DataFrame {
    df.select(["session", "instrument"]).unwrap()
}

/// The rows of some sessions, and of these lanes.
fn rows(df: &DataFrame, sessions: std::ops::Range<usize>, only: Option<&BTreeSet<String>>) -> DataFrame {
    let days = crate::frame::sessions(df, "x").unwrap();
    let names = crate::frame::instruments(df, "x").unwrap();
    let dates: Vec<_> = sessions.map(|row| day(row as u32 + 1)).collect();
    let mask: Vec<bool> = days
        .iter()
        .zip(names)
        .map(|(session, name)| dates.contains(session) && only.is_none_or(|only| only.contains(name)))
        .collect();
    df.filter(&BooleanChunked::from_slice("m".into(), &mask)).unwrap()
}

/// A state's numbers by their bits, of these lanes.
fn state_bits(state: &State, only: Option<&BTreeSet<String>>) -> Vec<(String, Vec<u64>)> {
    let lanes = state.instruments.len();
    let of = |(lane, name): (usize, &String)| {
        let slots = state.nodes.iter().flat_map(|node| node.iter().skip(lane).step_by(lanes.max(1)));
        (name.clone(), slots.map(|value| value.to_bits()).collect())
    };
    let lanes = state.instruments.iter().enumerate().filter(|(_, name)| only.is_none_or(|only| only.contains(*name)));
    lanes.map(of).collect()
}

/// How a batch is computed.
#[derive(Debug, Clone)]
struct How {
    width: usize,
    threads: usize,
    /// Bits: which lanes are worked on, if the program allows for it.
    lanes: u8,
    /// Bits: after which sessions a state was kept.
    kept: u32,
}

fn how() -> impl Strategy<Value = How> {
    (1..8_usize, 1..4_usize, any::<u8>(), any::<u32>()).prop_map(|(width, threads, lanes, kept)| How {
        width,
        threads,
        lanes,
        kept,
    })
}

fn evaluated(axis: WindowAxis, task: Task, width: usize) -> Evaluated {
    evaluate_in_blocks(&Task { axis, ..task }, width).unwrap()
}

/// Compares batches of sessions with the evaluation of all.
fn check(
    world: &World,
    program: &Program,
    axis: WindowAxis,
    origin: usize,
    batches: &[(usize, How)],
) -> Result<(), TestCaseError> {
    let all: Vec<usize> = (origin..DAYS).collect();
    let states_after = if program.is_recursive() { &all[..] } else { &[] };
    let inputs = world.inputs(program, 0, origin..DAYS, None, &[]);
    let whole = evaluated(axis, Task { origin, states_after, ..task(program, &inputs) }, NAMES.len());
    let frame = whole.to_frame().unwrap();
    prop_assert_eq!(whole.trace().is_some(), program.is_recursive() || axis == WindowAxis::Traded);

    let mut start = origin;
    for (end, how) in batches {
        let kept: Vec<usize> =
            whole.states().iter().map(|(row, _)| *row).filter(|row| how.kept >> row & 1 == 1).collect();
        let usable: Vec<usize> = kept.iter().map(|row| row + 1).collect();
        let from = world.from(program, axis, origin, start, &usable);
        let checkpoints: Vec<Checkpoint> = whole
            .states()
            .iter()
            .filter(|(row, _)| kept.contains(row) && row + 1 >= from)
            .map(|(row, state)| Checkpoint { row: row + 1 - from, state: state.clone() })
            .collect();
        let only: BTreeSet<String> = NAMES
            .iter()
            .enumerate()
            .filter(|(at, _)| how.lanes >> at & 1 == 1)
            .map(|(_, name)| (*name).to_owned())
            .collect();
        let only = (!program.is_cross_sectional()).then_some(&only);
        let more: Vec<String> =
            checkpoints.iter().flat_map(|checkpoint| checkpoint.state.instruments.clone()).collect();
        let inputs = world.inputs(program, from, start..*end, only, &more);
        let states_after: Vec<usize> =
            if states_after.is_empty() { vec![] } else { (start - from..end - from).collect() };
        let batch = Task {
            origin: origin.saturating_sub(from),
            checkpoints: &checkpoints,
            states_after: &states_after,
            threads: how.threads,
            ..task(program, &inputs)
        };
        let batch = evaluated(axis, batch, how.width);
        let (found, expected) = (batch.to_frame().unwrap(), rows(&frame, start..*end, only));
        prop_assert!(keys(&found).equals(&keys(&expected)), "{}\n{}", found, expected);
        prop_assert_eq!(
            bits(&found),
            bits(&expected),
            "sessions {}..{} from {}\n{}\n{}",
            start,
            end,
            from,
            found,
            expected
        );
        if let (Some(found), Some(expected)) = (batch.trace(), whole.trace()) {
            prop_assert_eq!(
                bits(&found),
                bits(&rows(&expected, start..*end, only)),
                "trace {}..{} from {}",
                start,
                end,
                from
            );
        }
        for (row, state) in batch.states() {
            let (_, expected) = &whole.states()[row + from - origin];
            prop_assert_eq!(state_bits(state, None), state_bits(expected, only), "state after {}", row + from);
        }
        start = *end;
    }
    Ok(())
}

fn batches() -> impl Strategy<Value = Vec<(usize, How)>> {
    let cuts = proptest::collection::btree_set(8..DAYS, 0..5);
    (cuts, proptest::collection::vec(how(), 6))
        .prop_map(|(cuts, how)| cuts.into_iter().chain([DAYS]).zip(how).collect())
}

proptest! {
    #[test]
    fn any_split_gives_the_bits_of_one_evaluation(
        values in bars(), genes in genes(1..14), origin in 0..7_usize, batches in batches(),
    ) {
        let program = program(&genes, WindowAxis::Calendar);
        check(&World::of(&values), &program, WindowAxis::Calendar, origin, &batches)?;
    }

    #[test]
    fn any_split_of_traded_bars_gives_the_bits_of_one_evaluation(
        values in bars(), genes in genes(1..14), origin in 0..7_usize, batches in batches(),
    ) {
        let program = program(&genes, WindowAxis::Traded);
        check(&World::of(&values), &program, WindowAxis::Traded, origin, &batches)?;
    }
}
