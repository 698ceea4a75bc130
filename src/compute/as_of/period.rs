//! Which reporting periods belong together.
//!
//! Fiscal periods end on the last day of a month, or on the weekday nearest to it (a year of 52 weeks, now and then 53): two ends are
//! taken for the same if they are at most [`TOLERANCE`] days apart.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, Months, NaiveDate};

/// Days. Less than half a month, so that no two months are taken for one.
const TOLERANCE: u64 = 14;

/// The period of `of` that ends `months` before `period`, and what it holds.
pub fn before<T>(of: &BTreeMap<NaiveDate, T>, period: NaiveDate, months: u32) -> Option<&T> {
    near(of, period.checked_sub_months(Months::new(months))?)
}

/// The full fiscal year before the one that `period` lies in, if years end with this month (1 to 12).
pub fn year_before<T>(of: &BTreeMap<NaiveDate, T>, period: NaiveDate, month: u32) -> Option<&T> {
    let ends = [period.year(), period.year() - 1].map(|year| month_end(year, month));
    let end = ends.into_iter().flatten().find(|end| *end + Days::new(TOLERANCE) < period)?;
    near(of, end)
}

/// Whether a period ends with a fiscal year.
pub fn ends_year(period: NaiveDate, month: u32) -> bool {
    let ends = [-1, 0, 1].map(|years| month_end(period.year() + years, month));
    ends.into_iter().flatten().any(|end| end.signed_duration_since(period).num_days().unsigned_abs() <= TOLERANCE)
}

fn near<T>(of: &BTreeMap<NaiveDate, T>, target: NaiveDate) -> Option<&T> {
    let (from, to) = (target.checked_sub_days(Days::new(TOLERANCE))?, target.checked_add_days(Days::new(TOLERANCE))?);
    let apart = |end: &NaiveDate| end.signed_duration_since(target).num_days().unsigned_abs();
    of.range(from..=to).min_by_key(|(end, _)| apart(end)).map(|(_, found)| found)
}

fn month_end(year: i32, month: u32) -> Option<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    first.checked_add_months(Months::new(1))?.pred_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn ends(of: &[&str]) -> BTreeMap<NaiveDate, String> {
        of.iter().map(|text| (date(text), (*text).to_owned())).collect()
    }

    #[test]
    fn quarters_are_found_though_months_differ_in_length() {
        let all = ends(&["2014-12-31", "2015-03-31", "2015-06-30", "2015-09-30"]);
        assert_eq!(before(&all, date("2015-09-30"), 3).unwrap(), "2015-06-30");
        assert_eq!(before(&all, date("2015-06-30"), 3).unwrap(), "2015-03-31");
        assert_eq!(before(&all, date("2015-09-30"), 9).unwrap(), "2014-12-31");
        assert_eq!(before(&all, date("2015-09-30"), 12), None);
    }

    #[test]
    fn years_of_weeks_end_on_other_days() {
        // Apple's: the last Saturday of the month.
        let all = ends(&["2016-06-25", "2016-09-24", "2016-12-31", "2017-04-01", "2017-07-01"]);
        assert_eq!(before(&all, date("2017-07-01"), 12).unwrap(), "2016-06-25");
        assert_eq!(before(&all, date("2017-07-01"), 3).unwrap(), "2017-04-01");
        assert_eq!(year_before(&all, date("2017-07-01"), 9).unwrap(), "2016-09-24");
        assert!(ends_year(date("2016-09-24"), 9) && ends_year(date("2016-10-01"), 9));
        assert!(!ends_year(date("2016-12-31"), 9));
        assert!(ends_year(date("2017-01-01"), 12));
    }

    #[test]
    fn the_year_before_is_that_of_the_period() {
        let all = ends(&["2013-12-31", "2014-12-31"]);
        assert_eq!(year_before(&all, date("2015-03-31"), 12).unwrap(), "2014-12-31");
        assert_eq!(year_before(&all, date("2014-12-31"), 12).unwrap(), "2013-12-31");
        assert_eq!(year_before(&all, date("2013-09-30"), 12), None);
    }
}
