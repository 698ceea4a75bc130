//! The prices between which an instrument may be traded on one day.
//!
//! As the Chinese exchanges define them: the reference price (the close before, adjusted on an ex-date) times one plus or minus the
//! ratio, to the nearest tick, halves up; at least one tick from the reference. Reckoned in whole ticks and in ratios of ten thousandths,
//! so that no rounding of floats decides.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use glob::Pattern;
use polars::prelude::*;

use crate::actions::Actions;
use crate::complete_frame::CompleteError;
use crate::frame::{self, FrameError};
use crate::intervals::Intervals;

/// One rule.
#[derive(Debug, Clone)]
pub struct LimitRule {
    /// Of which instruments; `None` for all.
    pub instruments: Option<Instruments>,
    /// How far the price may go, in ten thousandths of the reference; `None` for any way.
    pub ratio: Option<u32>,
    /// Only of instruments under special treatment.
    pub special: bool,
    /// Only on an instrument's first so many sessions.
    pub first_sessions: Option<u32>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// Instruments by pattern.
#[derive(Debug, Clone)]
pub struct Instruments(Vec<Pattern>);

impl Instruments {
    /// From patterns as a shell has them. What is none fits nothing.
    pub fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect())
    }

    fn have(&self, instrument: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(instrument))
    }
}

/// The rules, and what they need to know.
#[derive(Debug, Clone)]
pub struct PriceLimits {
    /// The first that fits holds.
    pub rules: Vec<LimitRule>,
    pub special: Option<Intervals>,
    /// The smallest step of a price.
    pub tick: f64,
    /// The first sessions of each instrument, in order: as many as any rule asks for.
    pub first_sessions: BTreeMap<String, Vec<NaiveDate>>,
}

/// A price limit in ticks: the lowest price and the highest.
type Ticks = (i64, i64);

const BARS: &str = "the completed bars";
const PREVIOUS: &str = "the completed bars of the session before";

impl PriceLimits {
    pub(crate) const COLUMNS: [&str; 4] = ["limit_up", "limit_down", "at_limit_up", "at_limit_down"];

    /// Adds the columns to completed bars; `previous` is the session before the first one (`before`). Without a limit, a reference or a
    /// delivered bar they are missing.
    ///
    /// # Errors
    /// When a column is of another type than is needed.
    pub(crate) fn add(
        &self,
        before: Option<NaiveDate>,
        previous: Option<&DataFrame>,
        bars: &DataFrame,
        actions: Option<&Actions>,
    ) -> Result<DataFrame, CompleteError> {
        let sessions = frame::sessions(bars, BARS)?;
        let instruments = frame::instruments(bars, BARS)?;
        let filled = frame::bools(frame::column(bars, BARS, "is_filled")?, BARS)?;
        let closes = frame::numbers(frame::column(bars, BARS, "close")?, BARS)?;
        let mut last: HashMap<&str, f64> = match previous.filter(|previous| previous.height() > 0) {
            Some(previous) => {
                let closes = frame::numbers(frame::column(previous, PREVIOUS, "close")?, PREVIOUS)?;
                frame::instruments(previous, PREVIOUS)?.into_iter().zip(closes).collect()
            }
            None => HashMap::new(),
        };
        let mut now: HashMap<&str, f64> = HashMap::new();
        let mut fitting: HashMap<&str, Vec<&LimitRule>> = HashMap::new();
        let mut after = before;
        let (mut up, mut down, mut at_up, mut at_down) = (vec![], vec![], vec![], vec![]);
        for (row, (instrument, session)) in instruments.iter().zip(&sessions).enumerate() {
            if row > 0 && sessions[row - 1] != *session {
                after = Some(sessions[row - 1]);
                last = std::mem::take(&mut now);
            }
            now.insert(instrument, closes[row]);
            let rules = fitting.entry(instrument).or_insert_with(|| self.of_instrument(instrument));
            let reference = last.get(instrument).copied().filter(|close| !close.is_nan());
            let limit = reference.filter(|_| filled.get(row) != Some(true)).and_then(|close| {
                let action = actions.and_then(|actions| actions.on(instrument, after, *session));
                let reference = action.map_or(close, |action| action.reference(close));
                let ratio = self.ratio(rules, instrument, *session)?;
                Some(limits(self.ticks(reference), ratio))
            });
            up.push(limit.map_or(f64::NAN, |(_, up)| self.price(up)));
            down.push(limit.map_or(f64::NAN, |(down, _)| self.price(down)));
            let close = Some(closes[row]).filter(|close| !close.is_nan()).map(|close| self.ticks(close));
            at_up.push(limit.zip(close).map(|((_, up), close)| close >= up));
            at_down.push(limit.zip(close).map(|((down, _), close)| close <= down));
        }
        let mut columns = bars.columns().to_vec();
        columns.push(frame::number_column("limit_up", up.into_iter()));
        columns.push(frame::number_column("limit_down", down.into_iter()));
        columns.push(BooleanChunked::from_iter_options("at_limit_up".into(), at_up.into_iter()).into_column());
        columns.push(BooleanChunked::from_iter_options("at_limit_down".into(), at_down.into_iter()).into_column());
        Ok(DataFrame::new(bars.height(), columns).map_err(FrameError::from)?)
    }

    /// The rules that may hold for an instrument on some date.
    fn of_instrument(&self, instrument: &str) -> Vec<&LimitRule> {
        let fits = |rule: &&LimitRule| rule.instruments.as_ref().is_none_or(|some| some.have(instrument));
        self.rules.iter().filter(fits).collect()
    }

    /// The ratio of the rule that holds, in ten thousandths; `None` without a rule, and without a limit.
    fn ratio(&self, rules: &[&LimitRule], instrument: &str, session: NaiveDate) -> Option<u32> {
        let is_special = || self.special.as_ref().is_some_and(|special| special.hold(instrument, session));
        let is_young = |sessions: u32| {
            let first = self.first_sessions.get(instrument);
            first.is_some_and(|first| first.iter().take(sessions as usize).any(|date| *date == session))
        };
        let holds = |rule: &&&LimitRule| {
            rule.from.is_none_or(|from| from <= session)
                && rule.to.is_none_or(|to| session <= to)
                && (!rule.special || is_special())
                && rule.first_sessions.is_none_or(is_young)
        };
        rules.iter().find(holds)?.ratio
    }

    /// A price in whole ticks, halves up. A millionth of a tick is for what is half a tick but for the last bits of a float.
    fn ticks(&self, price: f64) -> i64 {
        (price / self.tick + 0.5 + 1e-6).floor() as i64
    }

    /// A number of ticks as the price that is written so: 1106 hundredths are 11.06 to the last bit.
    fn price(&self, ticks: i64) -> f64 {
        let per_unit = (1.0 / self.tick).round();
        if (per_unit * self.tick - 1.0).abs() < 1e-9 { ticks as f64 / per_unit } else { ticks as f64 * self.tick }
    }
}

/// The lowest and the highest price around a reference, all in ticks.
fn limits(reference: i64, ratio: u32) -> Ticks {
    let rounded = |part: i64| (reference * part + 5_000).div_euclid(10_000);
    let ratio = i64::from(ratio);
    (rounded(10_000 - ratio).min(reference - 1), rounded(10_000 + ratio).max(reference + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    fn rule(instruments: &str, ratio: Option<u32>) -> LimitRule {
        let instruments = Some(Instruments::new(&[instruments.to_owned()]));
        LimitRule { instruments, ratio, special: false, first_sessions: None, from: None, to: None }
    }

    fn with(rules: Vec<LimitRule>) -> PriceLimits {
        PriceLimits { rules, special: None, tick: 0.01, first_sessions: BTreeMap::new() }
    }

    #[test]
    fn limits_are_to_the_nearest_tick_halves_up() {
        let of = |price: f64, ratio| {
            let limits_of = with(vec![]);
            let (down, up) = limits(limits_of.ticks(price), ratio);
            (limits_of.price(down), limits_of.price(up))
        };
        // 11.055 and 9.045 are halves.
        assert_eq!(of(10.05, 1_000), (9.05, 11.06));
        assert_eq!(of(18.10, 2_000), (14.48, 21.72));
        assert_eq!(of(4.37, 500), (4.15, 4.59));
        // An ex-right price of 18.095, which is nothing of the sort in binary, is 18.10.
        assert_eq!(of((36.29 - 0.1) / 2.0, 1_000), (16.29, 19.91));
        // At least one tick.
        assert_eq!(of(0.04, 500), (0.03, 0.05));
    }

    #[test]
    fn the_first_rule_that_fits_holds() {
        let young = LimitRule { first_sessions: Some(2), ..rule("sz.30*", None) };
        let old = LimitRule { to: Some(day(4)), ..rule("sz.30*", Some(1_000)) };
        let special = LimitRule { special: true, ..rule("*", Some(500)) };
        let mut all = with(vec![young, old, special, rule("sz.*", Some(2_000))]);
        all.first_sessions = BTreeMap::from([("sz.300001".to_owned(), vec![day(2), day(3), day(4)])]);
        let halts = panel_frame(&[(2, "sz.000001")], vec![]).drop("session").unwrap();
        let dates = ["from", "to"].map(|name| frame::date_column(name, std::iter::once(Some(day(3)))));
        all.special = Some(Intervals::from_frame("st", &halts.hstack(&dates).unwrap()).unwrap());
        let ratio = |name: &str, d: u32| all.ratio(&all.of_instrument(name), name, day(d));
        assert_eq!([2, 3, 4, 5].map(|d| ratio("sz.300001", d)), [None, None, Some(1_000), Some(2_000)]);
        assert_eq!([2, 3, 4].map(|d| ratio("sz.000001", d)), [Some(2_000), Some(500), Some(2_000)]);
        assert_eq!(ratio("sh.000300", 2), None);
    }

    #[test]
    fn the_reference_is_the_close_before_as_the_ex_date_left_it() {
        let keys = [(2, "a"), (3, "a"), (4, "a"), (5, "a")];
        let bars = panel_frame(
            &keys,
            vec![
                Column::new("close".into(), [10.0, 11.0, 11.0, 5.0]),
                Column::new("is_filled".into(), [false, false, true, false]),
            ],
        );
        let mut table = panel_frame(&[(5, "a")], vec![Column::new("split".into(), [2.0])]);
        table.rename("session", "ex_date".into()).unwrap();
        let actions = Actions::from_frame("acts", &table).unwrap();
        let made = with(vec![rule("*", Some(1_000))]).add(None, None, &bars, Some(&actions)).unwrap();
        let numbers = |name: &str| -> Vec<Option<f64>> { made.column(name).unwrap().f64().unwrap().iter().collect() };
        let flags = |name: &str| -> Vec<Option<bool>> { made.column(name).unwrap().bool().unwrap().iter().collect() };
        assert_eq!(numbers("limit_up"), [None, Some(11.0), None, Some(6.05)]);
        assert_eq!(numbers("limit_down"), [None, Some(9.0), None, Some(4.95)]);
        assert_eq!(flags("at_limit_up"), [None, Some(true), None, Some(false)]);
        assert_eq!(flags("at_limit_down"), [None, Some(false), None, Some(false)]);
    }
}
