//! The completion of one session: which rows it has, and where each takes its values from.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::complete_frame::CompleteError;
use crate::listing::Listing;

/// A bar that the vendor delivered for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar<'a> {
    pub instrument: &'a str,
    /// Where its values are, in whatever table the caller keeps.
    pub row: usize,
}

/// A row of a completed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedRow<'a> {
    pub instrument: &'a str,
    /// No bar was delivered: what is not carried is made up by rule.
    pub filled: bool,
    /// The row with its values; of a filled one, with the values it carries: those of the instrument's last bar. `None` if it
    /// never had one.
    pub source: Option<usize>,
}

/// Completes one session from its bars and the session before.
///
/// Expected are the instruments that `listing` has on that date; without a listing, those of `previous` and of `bars`. An
/// expected instrument without a bar gets a filled row that carries from `previous`, so a value travels over any number of
/// suspended sessions. Nothing else is looked at: the result is a function of the session before and of the day.
///
/// `previous` and `bars` are sorted by instrument; so is the result.
///
/// # Errors
/// When an instrument has two bars, or one on a date on which it is not listed.
pub fn complete_session<'a>(
    session: NaiveDate,
    previous: &[CompletedRow<'a>],
    bars: &[Bar<'a>],
    listing: Option<&'a Listing>,
) -> Result<Vec<CompletedRow<'a>>, CompleteError> {
    if let Some(pair) = bars.windows(2).find(|pair| pair[0].instrument == pair[1].instrument) {
        return Err(CompleteError::DuplicateBar { session, instrument: pair[0].instrument.to_owned() });
    }
    let expected: Vec<&'a str> = match listing {
        Some(listing) => {
            for bar in bars {
                if let Some(objection) = listing.objection(bar.instrument, session) {
                    let instrument = bar.instrument.to_owned();
                    return Err(CompleteError::NotListed { session, instrument, objection });
                }
            }
            listing.expected_on(session).collect()
        }
        None => {
            let all = previous.iter().map(|row| row.instrument).chain(bars.iter().map(|bar| bar.instrument));
            all.collect::<BTreeSet<_>>().into_iter().collect()
        }
    };

    let (mut bars, mut previous) = (bars.iter().peekable(), previous.iter().peekable());
    let completed = expected.into_iter().map(|instrument| {
        while previous.next_if(|row| row.instrument < instrument).is_some() {}
        let carried = previous.next_if(|row| row.instrument == instrument).and_then(|row| row.source);
        match bars.next_if(|bar| bar.instrument == instrument) {
            Some(bar) => CompletedRow { instrument, filled: false, source: Some(bar.row) },
            None => CompletedRow { instrument, filled: true, source: carried },
        }
    });
    Ok(completed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::day;

    fn bar(instrument: &str, row: usize) -> Bar<'_> {
        Bar { instrument, row }
    }

    fn row(instrument: &str, filled: bool, source: Option<usize>) -> CompletedRow<'_> {
        CompletedRow { instrument, filled, source }
    }

    #[test]
    fn values_travel_over_suspended_sessions() {
        let first = complete_session(day(2), &[], &[bar("a", 0), bar("c", 1)], None).unwrap();
        assert_eq!(first, [row("a", false, Some(0)), row("c", false, Some(1))]);
        let second = complete_session(day(3), &first, &[bar("b", 2)], None).unwrap();
        assert_eq!(second, [row("a", true, Some(0)), row("b", false, Some(2)), row("c", true, Some(1))]);
        let third = complete_session(day(4), &second, &[bar("c", 3)], None).unwrap();
        assert_eq!(third, [row("a", true, Some(0)), row("b", true, Some(2)), row("c", false, Some(3))]);
    }

    #[test]
    fn the_listing_says_who_is_expected() {
        let listing = Listing::new(
            "listing",
            [("a".to_owned(), day(2), Some(day(3))), ("b".to_owned(), day(3), None), ("c".to_owned(), day(2), None)],
        )
        .unwrap();
        let first = complete_session(day(2), &[], &[bar("a", 0)], Some(&listing)).unwrap();
        assert_eq!(first, [row("a", false, Some(0)), row("c", true, None)]);
        let second = complete_session(day(3), &first, &[bar("b", 1), bar("c", 2)], Some(&listing)).unwrap();
        assert_eq!(second, [row("a", true, Some(0)), row("b", false, Some(1)), row("c", false, Some(2))]);
        let third = complete_session(day(4), &second, &[], Some(&listing)).unwrap();
        assert_eq!(third, [row("b", true, Some(1)), row("c", true, Some(2))]);

        let error = complete_session(day(4), &second, &[bar("a", 3)], Some(&listing)).unwrap_err().to_string();
        assert_eq!(
            error,
            "`a` has a bar on 2024-01-04, but `listing` lists it from 2024-01-02 to 2024-01-03; correct the interval or remove the bar"
        );
        let error = complete_session(day(4), &second, &[bar("z", 3)], Some(&listing)).unwrap_err().to_string();
        assert_eq!(error, "`z` has a bar on 2024-01-04, but `listing` does not have it; add it there");
    }

    #[test]
    fn two_bars_of_one_instrument_are_refused() {
        let error = complete_session(day(2), &[], &[bar("a", 0), bar("a", 1)], None).unwrap_err().to_string();
        assert_eq!(error, "the raw bars have two rows of 2024-01-02 for `a`; keep one");
    }
}
