use std::collections::HashMap;

use crate::error::Difference;
use crate::{Calendar, CalendarError, TradingDate};

/// No exchange of today has been closed longer than this; more days between two sessions are taken for a missing file.
const LONGEST_CLOSURE_DAYS: i64 = 31;

impl Calendar {
    /// This calendar with the sessions of `more` that come after its last, under a new name. The time zone stays.
    ///
    /// # Errors
    /// [`CalendarError::Disagrees`] on the first date from `more`'s first session to this calendar's last on which the two
    /// differ; [`CalendarError::Gap`] when `more` starts more than 31 days after the end.
    pub fn extended(&self, name: &str, more: &Calendar) -> Result<Calendar, CalendarError> {
        self.agrees(more)?;
        let (last, first) = (self.last(), more.first());
        let days = (first.date() - last.date()).num_days();
        if days > LONGEST_CLOSURE_DAYS {
            let (calendar, added) = (self.name.clone(), more.name.clone());
            return Err(CalendarError::Gap { calendar, added, last, first, days });
        }
        let mut extended = Calendar { name: name.into(), ..self.clone() };
        let mut index: HashMap<_, u32> = self.distinct.iter().copied().zip(0..).collect();
        for at in more.dates.partition_point(|d| *d <= last.date())..more.len() {
            let hours = more.hours_of(at);
            let next = index.len() as u32;
            let number = *index.entry(hours).or_insert(next);
            if number == next {
                extended.distinct.push(hours);
            }
            extended.dates.push(more.dates[at]);
            extended.hours.push(number);
        }
        Ok(extended)
    }

    fn agrees(&self, more: &Calendar) -> Result<(), CalendarError> {
        let last = self.last();
        let disagrees = |date, difference| {
            let (calendar, added) = (self.name.clone(), more.name.clone());
            Err(CalendarError::Disagrees { calendar, added, date: TradingDate::new(date), difference, last })
        };
        let mut ours = self.dates.partition_point(|d| *d < more.dates[0]);
        let mut theirs = 0;
        while ours < self.len() {
            let date = self.dates[ours];
            match more.dates.get(theirs) {
                Some(their) if *their < date => return disagrees(*their, Difference::Extra),
                Some(their) if *their == date && more.hours_of(theirs) != self.hours_of(ours) => {
                    return disagrees(date, Difference::Hours);
                }
                Some(their) if *their == date => {}
                Some(_) => return disagrees(date, Difference::Missing),
                // A file may end before the calendar does, as one that a newer built-in has overtaken.
                None => return Ok(()),
            }
            ours += 1;
            theirs += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::HEADER;

    fn calendar(dates: &[&str]) -> Calendar {
        let lines: String =
            dates.iter().map(|d| format!("{d},{d}T01:30:00Z,{d}T03:30:00Z,{d}T05:00:00Z,{d}T07:00:00Z,0\n")).collect();
        Calendar::from_csv("my_file", format!("{HEADER}\n{lines}").as_bytes()).unwrap()
    }

    #[test]
    fn a_file_adds_the_sessions_after_the_end_and_may_repeat_known_ones() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        let more = calendar(&["2026-12-30", "2026-12-31", "2027-01-04", "2027-01-05"]);
        let extended = xshg.extended("XSHG", &more).unwrap();
        assert_eq!((extended.len(), extended.time_zone()), (xshg.len() + 2, "Asia/Shanghai"));
        let added = extended.ix("2027-01-04".parse().unwrap()).unwrap();
        assert_eq!(added.0 as usize, xshg.len());
        assert_eq!(extended.session(added), more.session(crate::SessionIx(2)));
        assert_eq!(extended.date(crate::SessionIx(0)), xshg.first());
    }

    #[test]
    fn new_hours_come_along() {
        let xnys = Calendar::builtin("XNYS").unwrap();
        let more = calendar(&["2027-01-04"]);
        let extended = xnys.extended("mine", &more).unwrap();
        assert_eq!(extended.session(extended.all().last), more.session(crate::SessionIx(0)));
    }

    #[test]
    fn known_sessions_alone_change_nothing() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        assert_eq!(xshg.extended("XSHG", &calendar(&["2026-12-29", "2026-12-30"])).unwrap(), *xshg);
    }

    #[test]
    fn a_disagreement_is_an_error_that_names_the_date() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        for (dates, date, difference) in [
            (&["2026-12-29", "2026-12-31", "2027-01-04"][..], "2026-12-30", Difference::Missing),
            (&["2026-10-01", "2026-10-08"], "2026-10-01", Difference::Extra),
            (&["1990-12-18", "1990-12-19"], "1990-12-18", Difference::Extra),
        ] {
            let Err(CalendarError::Disagrees { date: d, difference: found, .. }) =
                xshg.extended("XSHG", &calendar(dates))
            else {
                panic!("{dates:?} is taken");
            };
            assert_eq!((d.to_string(), found), (date.into(), difference));
        }
        let xnys = Calendar::builtin("XNYS").unwrap();
        assert_eq!(
            xnys.extended("XNYS", &calendar(&["2026-12-31"])).unwrap_err().to_string(),
            "`my_file` disagrees with `XNYS` on `2026-12-31`: its open, close, break or half-day mark differs; correct the \
             file, or leave out the sessions up to `2026-12-31`, which are known"
        );
    }

    #[test]
    fn a_year_left_out_is_an_error() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        assert_eq!(
            xshg.extended("XSHG", &calendar(&["2028-01-04"])).unwrap_err().to_string(),
            "`my_file` starts on `2028-01-04`, 369 days after the last session of `XSHG` (2026-12-31); add the sessions between"
        );
    }
}
