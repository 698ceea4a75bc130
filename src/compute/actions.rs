//! Corporate actions, and what they do to a price.
//!
//! All amounts are per share held before the ex-date. Of one share of the last price `p`, with a dividend `d`, `s` new shares for
//! each old one and `r` shares offered at the price `q`, the exchange makes `s + r` shares of the *reference price*
//! `(p − d + r·q) / (s + r)` each; that is how the Shanghai and Shenzhen exchanges define the ex-right price.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::frame::{self, FrameError};

/// What a dividend does to the adjustment factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DividendRule {
    /// The factor grows by `p / reference price`: without splits and rights, it is divided by `1 − d / p`.
    #[default]
    PreviousClose,
    /// The factor grows by what one old share is worth at the close `c` of the ex-date, over `c`: without splits and rights, it is
    /// divided by `c / (c + d)`. Where the ex-date has no close of its own, the reference price stands for it.
    SameClose,
}

/// All that happens to an instrument on one ex-date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action {
    /// Cash per old share.
    pub dividend: f64,
    /// New shares per old one, the old one included: 7 for a 7-for-1 split, 1.3 for a bonus of three shares for ten, 1 for none.
    pub split: f64,
    /// Shares offered per old share.
    pub rights: f64,
    /// What the offered shares of one old share cost together.
    pub paid: f64,
}

impl Action {
    /// Both on one date. Amounts are per old share, so they add up; splits multiply.
    fn and(self, other: Self) -> Self {
        Self {
            dividend: self.dividend + other.dividend,
            split: self.split * other.split,
            rights: self.rights + other.rights,
            paid: self.paid + other.paid,
        }
    }

    fn is_split_alone(&self) -> bool {
        self.dividend == 0.0 && self.rights == 0.0
    }

    /// The price on the ex-date that is worth what `price` was worth before.
    pub fn reference(&self, price: f64) -> f64 {
        if self.is_split_alone() {
            return price / self.split;
        }
        (price - self.dividend + self.paid) / (self.split + self.rights)
    }

    /// What the adjustment factor is multiplied by. `previous` is the close before the ex-date, `close` that of the ex-date, where it
    /// was traded. NaN where the rule needs a close that is not there.
    pub fn step(&self, rule: DividendRule, previous: f64, close: Option<f64>) -> f64 {
        if self.is_split_alone() {
            return self.split;
        }
        let reference = self.reference(previous);
        match rule {
            DividendRule::PreviousClose => previous / reference,
            DividendRule::SameClose => {
                let close = close.unwrap_or(reference);
                ((self.split + self.rights) * close - self.paid + self.dividend) / close
            }
        }
    }
}

/// What is wrong with a table of corporate actions.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("`{table}` has a row of `{instrument}` without an `ex_date`; fill it in, or take the row away")]
    NoDate { table: String, instrument: String },
    #[error("`{table}` has {what} for `{instrument}` on {ex_date}; correct the row")]
    NoSuchAction { table: String, instrument: String, ex_date: NaiveDate, what: String },
    #[error(
        "`{table}` takes {taken} off a share of `{instrument}` on {ex_date}, whose last close is {close}; correct one of them"
    )]
    MoreThanThePrice { table: String, instrument: String, ex_date: NaiveDate, taken: f64, close: f64 },
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The corporate actions of all instruments.
#[derive(Debug, Clone, PartialEq)]
pub struct Actions {
    table: String,
    by_date: BTreeMap<NaiveDate, BTreeMap<String, Action>>,
}

impl Actions {
    /// From a frame with the columns `instrument` (text) and `ex_date` (date), and any of `dividend`, `split`, `rights` and
    /// `rights_price` (numbers): a missing one says that there is none. `table` is what errors call it.
    ///
    /// # Errors
    /// When a column is of another type, a row has no instrument or no date, a number is not one that an action can have, or rights
    /// have no price.
    pub fn from_frame(table: &str, df: &DataFrame) -> Result<Self, ActionError> {
        let called = format!("`{table}`");
        let instruments = frame::instruments(df, &called)?;
        let dates = frame::dates(frame::column(df, &called, "ex_date")?, &called)?;
        let optional = |name: &str, none: f64| -> Result<Vec<f64>, FrameError> {
            match df.columns().iter().find(|column| column.name() == name) {
                Some(column) => {
                    let values = frame::numbers(column, &called)?;
                    Ok(values.into_iter().map(|value| if value.is_nan() { none } else { value }).collect())
                }
                None => Ok(vec![none; df.height()]),
            }
        };
        let (dividends, splits, rights) =
            (optional("dividend", 0.0)?, optional("split", 1.0)?, optional("rights", 0.0)?);
        let prices = optional("rights_price", f64::NAN)?;
        let mut by_date: BTreeMap<NaiveDate, BTreeMap<String, Action>> = BTreeMap::new();
        for (row, (instrument, ex_date)) in instruments.into_iter().zip(dates).enumerate() {
            let Some(ex_date) = ex_date else {
                return Err(ActionError::NoDate { table: table.to_owned(), instrument: instrument.to_owned() });
            };
            let (dividend, split, rights, price) = (dividends[row], splits[row], rights[row], prices[row]);
            let wrong = if dividend < 0.0 {
                Some(format!("a dividend of {dividend}"))
            } else if split <= 0.0 {
                Some(format!("a split into {split} shares"))
            } else if rights < 0.0 {
                Some(format!("rights to {rights} shares"))
            } else if rights > 0.0 && (price.is_nan() || price < 0.0) {
                Some("rights without a `rights_price`".to_owned())
            } else {
                None
            };
            if let Some(what) = wrong {
                let instrument = instrument.to_owned();
                return Err(ActionError::NoSuchAction { table: table.to_owned(), instrument, ex_date, what });
            }
            if dividend == 0.0 && split == 1.0 && rights == 0.0 {
                continue;
            }
            let paid = if rights > 0.0 { rights * price } else { 0.0 };
            let action = Action { dividend, split, rights, paid };
            by_date
                .entry(ex_date)
                .or_default()
                .entry(instrument.to_owned())
                .and_modify(|known| *known = known.and(action))
                .or_insert(action);
        }
        Ok(Self { table: table.to_owned(), by_date })
    }

    /// What happens to an instrument on the session `to`: everything with an ex-date after the session before it, `after`. An ex-date
    /// that is no session takes effect on the next one.
    pub fn on(&self, instrument: &str, after: Option<NaiveDate>, to: NaiveDate) -> Option<Action> {
        let from = after.and_then(|after| after.succ_opt()).unwrap_or(to);
        if from > to {
            return None;
        }
        let on_dates = self.by_date.range(from..=to).filter_map(|(_, of_date)| of_date.get(instrument).copied());
        on_dates.reduce(Action::and)
    }

    /// The instruments to which something happens on a session.
    pub fn instruments(&self, after: Option<NaiveDate>, to: NaiveDate) -> impl Iterator<Item = &str> {
        let from = after.and_then(|after| after.succ_opt()).unwrap_or(to).min(to);
        self.by_date.range(from..=to).flat_map(|(_, of_date)| of_date.keys().map(String::as_str))
    }

    /// The objection to an action that leaves nothing of a price.
    pub(crate) fn objection(&self, instrument: &str, ex_date: NaiveDate, action: &Action, close: f64) -> ActionError {
        ActionError::MoreThanThePrice {
            table: self.table.clone(),
            instrument: instrument.to_owned(),
            ex_date,
            taken: action.dividend - action.paid,
            close,
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;
    use crate::frame::tests::day;

    fn action(dividend: f64, split: f64, rights: f64, price: f64) -> Action {
        Action { dividend, split, rights, paid: rights * price }
    }

    #[test]
    fn the_reference_price_is_the_exchanges() {
        // 10 shares: a dividend of 1, 3 bonus shares, 2 offered at 5; the last close is 10.
        let all = action(0.1, 1.3, 0.2, 5.0);
        assert!((all.reference(10.0) - (10.0 - 0.1 + 0.2 * 5.0) / 1.5).abs() < 1e-12);
        assert_eq!(action(0.0, 7.0, 0.0, 0.0).reference(645.57), 645.57 / 7.0);
    }

    #[test]
    fn both_conventions_of_dividends() {
        let dividend = action(0.28, 1.0, 0.0, 0.0);
        let close = |x: f64, y: f64| (x / y - 1.0).abs() < 1e-15;
        assert!(close(dividend.step(DividendRule::PreviousClose, 37.62, Some(37.42)), 1.0 / (1.0 - 0.28 / 37.62)));
        assert!(close(dividend.step(DividendRule::SameClose, 37.62, Some(37.42)), (37.42 + 0.28) / 37.42));
        // Without a close on the ex-date both say the same.
        assert!(close(dividend.step(DividendRule::SameClose, 37.62, None), 37.62 / 37.34));
        for rule in [DividendRule::PreviousClose, DividendRule::SameClose] {
            assert_eq!(action(0.0, 7.0, 0.0, 0.0).step(rule, f64::NAN, None), 7.0, "a split needs no close");
            // Whoever takes up his rights has neither won nor lost if the price does as the reference says.
            let rights = action(0.0, 1.0, 0.3, 6.0);
            assert!(close(rights.step(rule, 10.0, Some(rights.reference(10.0))), 10.0 / rights.reference(10.0)));
        }
    }

    fn table(rows: &[(&str, Option<u32>, Option<f64>, Option<f64>)]) -> DataFrame {
        let columns = vec![
            Column::new("instrument".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
            frame::date_column("ex_date", rows.iter().map(|row| row.1.map(day))),
            Column::new("dividend".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
            Column::new("split".into(), rows.iter().map(|row| row.3).collect::<Vec<_>>()),
        ];
        DataFrame::new(rows.len(), columns).unwrap()
    }

    #[test]
    fn rows_of_one_ex_date_are_one_action() {
        let rows = [
            ("a", Some(4), Some(0.5), None),
            ("a", Some(4), None, Some(2.0)),
            ("a", Some(6), Some(1.0), None),
            ("b", Some(4), Some(0.0), Some(1.0)),
        ];
        let actions = Actions::from_frame("acts", &table(&rows)).unwrap();
        let on = |name, after: Option<u32>, to| actions.on(name, after.map(day), day(to));
        assert_eq!(on("a", Some(3), 4), Some(action(0.5, 2.0, 0.0, 0.0)));
        assert_eq!((on("a", Some(4), 5), on("b", Some(3), 4), on("a", None, 5)), (None, None, None));
        // The 6th is a holiday: what was due then is due on the 8th.
        assert_eq!(on("a", Some(5), 8), Some(action(1.0, 1.0, 0.0, 0.0)));
        assert_eq!(actions.instruments(Some(day(3)), day(4)).collect::<Vec<_>>(), ["a"]);
        assert_eq!(actions.instruments(Some(day(4)), day(5)).count(), 0);
    }

    #[test]
    fn what_no_action_can_be_is_refused() {
        let said = |row| Actions::from_frame("acts", &table(&[row])).unwrap_err().to_string();
        assert_eq!(
            said(("a", None, None, None)),
            "`acts` has a row of `a` without an `ex_date`; fill it in, or take the row away"
        );
        assert_eq!(
            said(("a", Some(4), Some(-1.0), None)),
            "`acts` has a dividend of -1 for `a` on 2024-01-04; correct the row"
        );
        assert!(said(("a", Some(4), None, Some(0.0))).contains("a split into 0 shares"));
        let rights = table(&[("a", Some(4), None, None)]).hstack(&[Column::new("rights".into(), [0.3])]).unwrap();
        assert!(Actions::from_frame("acts", &rights).unwrap_err().to_string().contains("without a `rights_price`"));
    }
}
