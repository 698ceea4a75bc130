//! Stories worth reading: what random ones have found, and what they come by too rarely.

use std::collections::BTreeSet;

use super::market::{Bar, Edit, Market, START, date};
use super::story::{Step, Told};
use super::world::{Files, How, Wish, World};

const PLAIN: How = How { batch: None, jobs: 1, threads: 1, cancel_after: None };

/// Two instruments that trade every day, on 38 sessions. March ends with session 11.
fn market() -> Market {
    let bar = |at: usize| {
        Some(Bar { quarters: [0, 1, 2].map(|column| Some((at * 7 + column * 5) as u8 % 50 + 4)), is_suspended: false })
    };
    let bars: Vec<Option<Bar>> = (0..76).map(bar).collect();
    Market::new(2, &bars)
}

/// An asset `x` over the bars, with one column.
fn told(market: Market, more: &str, column: &str) -> Told {
    let yaml = format!(
        "calendar: XSHG\nstart: {START}\nassets:\n  bars:\n    kind: source\n    csv: bars.csv\n    types: {{ is_suspended: bool }}\n  \
         x:\n    kind: scores\n    input: bars\n{more}    columns:\n      value: {column}\n"
    );
    Told::of(market, &yaml)
}

/// The close of an instrument on a session becomes another.
fn corrected(told: &mut Told, session: usize, name: usize) {
    let bar = told.market.rows[&(session, name)];
    let quarters = [Some(bar.quarters[0].unwrap() ^ 64), bar.quarters[1], bar.quarters[2]];
    told.market.edit(&Edit::Add { session, name, bar: Bar { quarters, ..bar } });
}

fn tell(mut told: Told, session: usize, name: usize) {
    told.run(&PLAIN).unwrap();
    corrected(&mut told, session, name);
    told.run(&PLAIN).unwrap();
    told.compare_with_another_store().unwrap();
}

/// A checkpoint knows states; the bars that a window still reads are carried too.
#[test]
fn windows_of_traded_bars_go_on_past_the_end_of_a_month() {
    tell(told(market(), "    window_axis: traded\n", "sum(bars.a, 7)"), 9, 1);
    tell(told(market(), "    window_axis: traded\n", "sum(ema(bars.a, 3), 7)"), 9, 1);
}

/// Its state is not that of before when it has a row again.
#[test]
fn an_instrument_without_rows_is_not_forgotten() {
    for column in ["cs_rank(ema(bars.a, 3))", "ema(bars.a, 3)", "mean(ema(bars.a, 3), 3)"] {
        let mut market = market();
        market.edit(&Edit::Halt { name: 1, session: 10, sessions: 4 });
        tell(told(market, "", column), 9, 1);
    }
}

/// What lies beyond the sessions that are asked for may be stale for other reasons than what is carried into it.
#[test]
fn what_is_carried_beyond_a_plan_waits_for_another() {
    let mut told = told(market(), "", "ema(bars.a, 3)");
    told.run(&PLAIN).unwrap();
    corrected(&mut told, 12, 0);
    corrected(&mut told, 18, 1);
    let bars = told.world.graph.find("bars").unwrap();
    told.step(&Step::Part { selected: 1 << bars, only: true, from: None, to: None, how: PLAIN }).unwrap();
    told.step(&Step::Part { selected: 0, only: false, from: None, to: Some(15), how: PLAIN }).unwrap();
    let report = told.world.run(&Wish { to: Some(date(15)), ..Wish::default() }, &PLAIN);
    assert!(report.assets.iter().all(|asset| asset.ran.is_empty()), "{report:?}");
    told.run(&PLAIN).unwrap();
}

/// Nor do its states of then come back with it.
#[test]
fn an_instrument_that_goes_takes_its_states_along() {
    for column in ["cumsum(bars.a)", "cs_rank(cumsum(bars.a))"] {
        let mut told = told(market(), "", column);
        told.run(&PLAIN).unwrap();
        let bar = told.market.rows[&(0, 1)];
        told.market.edit(&Edit::Halt { name: 1, session: 0, sessions: 37 });
        told.market.rows.remove(&(37, 1));
        told.run(&PLAIN).unwrap();
        for session in [14, 36] {
            told.market.edit(&Edit::Add { session, name: 1, bar });
            told.run(&PLAIN).unwrap();
        }
        told.compare_with_another_store().unwrap();
    }
}

#[test]
fn states_that_are_lost_cost_work_and_nothing_else() {
    for column in ["ema(bars.a, 3)", "mean(cumsum(bars.a), 3)", "cs_rank(rma(bars.a, 3))"] {
        for every in 1..4 {
            let mut told = told(market(), "", column);
            told.run(&PLAIN).unwrap();
            told.step(&Step::LoseStates { every }).unwrap();
            corrected(&mut told, 13, 1);
            told.run(&PLAIN).unwrap();
            corrected(&mut told, 5, 0);
            told.run(&PLAIN).unwrap();
            told.compare_with_another_store().unwrap();
        }
    }
}

/// From where on an instrument has a state is said by the rows of the first input, whichever of them the expressions read.
#[test]
fn a_state_begins_with_the_rows_of_the_first_input() {
    let yaml = format!(
        "calendar: XSHG\nstart: {START}\nassets:\n  bars:\n    kind: source\n    csv: bars.csv\n    types: {{ is_suspended: bool }}\n  \
         x:\n    kind: indicators\n    input: bars\n    columns:\n      sum: cumsum(bars.a)\n  \
         y:\n    kind: indicators\n    input: [x, bars]\n    columns:\n      far: min(macd_line(bars.b, 2, 5), 6)\n      near: cumsum(x.sum)\n"
    );
    let mut told = Told::of(market(), &yaml);
    told.run(&PLAIN).unwrap();
    let bar = told.market.rows[&(15, 1)];
    let quarters = [bar.quarters[0], Some(60), bar.quarters[2]];
    told.market.edit(&Edit::Add { session: 15, name: 1, bar: Bar { quarters, ..bar } });
    told.run(&PLAIN).unwrap();
    told.compare_with_another_store().unwrap();
}

/// A checkpoint that shows that a state is what it was says nothing of the sessions before, which windows still read.
#[test]
fn a_checkpoint_does_not_cut_windows_over_states() {
    let mut market = market();
    market.edit(&Edit::Drop { row: 23 });
    assert!(!market.rows.contains_key(&(11, 1)));
    // cut where history ends: a state of the last value seen that converges on a session without a row
    let mut told = told(market, "", "mean(last_valid(sum(bars.a, 2)), 4)");
    told.run(&PLAIN).unwrap();
    corrected(&mut told, 9, 1);
    told.run(&PLAIN).unwrap();
    told.compare_with_another_store().unwrap();
}

/// What one batch leaves for the next to follow is left by that for the one after it, as long as windows reach back.
#[test]
fn batches_shorter_than_a_window_over_states_compute_no_more() {
    let mut told = told(market(), "", "min(last_valid(bars.a), 6)");
    told.run(&PLAIN).unwrap();
    corrected(&mut told, 13, 1);
    told.run(&How { batch: Some(2), ..PLAIN }).unwrap();
    // into sessions without a row
    let mut market = market();
    market.edit(&Edit::Halt { name: 1, session: 18, sessions: 12 });
    let mut told = self::told(market, "", "min(last_valid(min(bars.a, 7)), 2)");
    told.run(&PLAIN).unwrap();
    corrected(&mut told, 17, 1);
    told.run(&How { batch: Some(3), ..PLAIN }).unwrap();
}

/// An index has one row a session and no instrument.
#[test]
fn states_of_an_index_are_carried() {
    let yaml = format!(
        "calendar: XSHG\nstart: {START}\nassets:\n  bars:\n    kind: source\n    csv: bars.csv\n  x:\n    kind: indicators\n    \
         input: bars\n    columns:\n      value: ema(bars.a, 3)\n      last: last_valid(bars.a)\n"
    );
    let csv = |corrected: &[usize]| {
        let row = |at: usize| format!("{},{}\n", date(at), if corrected.contains(&at) { 99 } else { at * 7 % 23 });
        format!("session,a\n{}", (0..38).map(row).collect::<String>())
    };
    let files = |corrected: &[usize]| Files { yaml: yaml.clone(), bars: csv(corrected), ..Files::default() };
    let mut world = World::new(&files(&[]));
    for corrected in [&[][..], &[13], &[13, 30]] {
        world.write(&files(corrected));
        let report = world.run(&Wish::default(), &PLAIN);
        assert!(!report.failed(), "{report:?}");
        assert!(world.plan().is_empty());
        let other = World::new(&files(corrected));
        other.run(&Wish::default(), &PLAIN);
        assert_eq!(world.snapshot().contents("x").unwrap(), other.snapshot().contents("x").unwrap());
    }
    let sessions: BTreeSet<_> = world.snapshot().contents("x").unwrap().into_keys().collect();
    assert_eq!(sessions.len(), 38);
}
