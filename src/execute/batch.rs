//! Stale sessions cut into batches that fit in memory and lose little when a run is killed.

use assetctl_plan::Month;
use chrono::NaiveDate;

/// About a trading year: what is lost at most when a batch is interrupted.
const MOST_SESSIONS: usize = 252;

/// Bytes for each value of a batch: eight while it is made, as many while the batch before it is written, and half of both for
/// what writing takes.
const BYTES: u64 = 24;

/// What bounds the batches of one asset.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Sessions that are read before the first of a batch.
    pub back: u32,
    /// Instruments of a session.
    pub lanes: usize,
    /// Columns of the result, and columns that are read.
    pub columns: usize,
    pub read: usize,
    /// Bytes that the run may work in.
    pub memory: u64,
    /// The user's own bound on sessions.
    pub asked: Option<usize>,
}

impl Shape {
    /// Sessions of a batch, at most.
    pub fn most_sessions(self) -> usize {
        let fits = self.fits();
        let bounded = fits.min(MOST_SESSIONS);
        self.asked.map_or(bounded, |asked| asked.clamp(1, MOST_SESSIONS.max(asked)).min(fits))
    }

    /// Sessions that fit in memory, one at least.
    fn fits(self) -> usize {
        let values = usize::try_from(self.memory / BYTES).unwrap_or(usize::MAX) / self.lanes.max(1);
        // What is read reaches back before the first session; what is made does not.
        (values.saturating_sub(self.read * self.back as usize) / (self.columns + self.read).max(1)).max(1)
    }
}

/// Cuts ascending sessions: at most as many as the shape allows, and nowhere across a gap that is longer than the window, so that a
/// batch does not read what no session of it needs. Where it has a choice it cuts between months, so that a month's file is
/// written once. `position` gives a session's number in the calendar.
pub fn split(sessions: &[NaiveDate], shape: Shape, position: impl Fn(NaiveDate) -> u32) -> Vec<Vec<NaiveDate>> {
    let most = shape.most_sessions();
    let mut batches: Vec<Vec<NaiveDate>> = Vec::new();
    let mut last: Option<u32> = None;
    for session in sessions {
        let at = position(*session);
        let far = last.is_some_and(|last| at - last > shape.back + 1);
        match batches.last_mut() {
            Some(batch) if !far && batch.len() < most => batch.push(*session),
            Some(batch) if !far && shape.asked.is_none() => {
                let mut next = batch.split_off(last_month(batch, *session));
                next.push(*session);
                batches.push(next);
            }
            _ => batches.push(vec![*session]),
        }
        last = Some(at);
    }
    batches
}

/// How many sessions somebody is best asked for in one go.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce {
    /// `None` where it makes no difference.
    pub most: Option<usize>,
    /// Whether a batch may as well end with a month, so that the month's file is written once.
    pub by_month: bool,
}

/// Cuts ascending sessions that somebody is asked for: into runs that follow one another, as long as is liked; where it makes no difference
/// how many are asked for, only into what fits in memory, between months if there is a choice. Nowhere longer than the user's own bound.
pub fn split_asked(
    sessions: &[NaiveDate],
    at_once: AtOnce,
    shape: Shape,
    position: impl Fn(NaiveDate) -> u32,
) -> Vec<Vec<NaiveDate>> {
    let AtOnce { most: liked, by_month } = at_once;
    let most = liked.into_iter().chain(shape.asked).chain([shape.fits()]).min().unwrap_or(usize::MAX).max(1);
    let mut batches: Vec<Vec<NaiveDate>> = Vec::new();
    let mut last: Option<u32> = None;
    for session in sessions {
        let at = position(*session);
        let follows = liked.is_none() || last.is_some_and(|last| at == last + 1);
        match batches.last_mut() {
            Some(batch) if follows && batch.len() < most => batch.push(*session),
            Some(batch) if follows && (by_month || liked.is_none()) && shape.asked.is_none() => {
                let mut next = batch.split_off(last_month(batch, *session));
                next.push(*session);
                batches.push(next);
            }
            _ => batches.push(vec![*session]),
        }
        last = Some(at);
    }
    batches
}

/// Where in a full batch its last month begins that is not over before `next`; its end, if there is no other month in it.
fn last_month(batch: &[NaiveDate], next: NaiveDate) -> usize {
    let begins = batch.partition_point(|session| Month::of(*session) < Month::of(next));
    if begins == 0 { batch.len() } else { begins }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 1 << 30;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2015, 1, 1).unwrap() + chrono::Days::new(u64::from(n))
    }

    fn sessions(count: u32) -> Vec<NaiveDate> {
        (0..count).map(day).collect()
    }

    fn position(date: NaiveDate) -> u32 {
        (date - day(0)).num_days() as u32
    }

    #[test]
    fn gaps_longer_than_the_window_split() {
        let sessions: Vec<NaiveDate> = [0, 1, 2, 10, 11].map(day).to_vec();
        let shape = |back| Shape { back, lanes: 10, columns: 1, read: 1, memory: MEMORY, asked: None };
        assert_eq!(split(&sessions, shape(3), position).len(), 2);
        assert_eq!(split(&sessions, shape(20), position).len(), 1);
    }

    #[test]
    fn batches_are_bounded_by_memory_and_by_request() {
        let sessions: Vec<NaiveDate> = (0..1000).map(day).collect();
        let narrow = Shape { back: 0, lanes: 10, columns: 1, read: 0, memory: MEMORY, asked: None };
        let year = split(&sessions, narrow, position);
        assert!(year.iter().all(|batch| batch.len() <= 252) && year.len() <= 5);
        assert!(year[1..].iter().all(|batch| chrono::Datelike::day(&batch[0]) == 1));
        let wide = Shape { lanes: 50_000, columns: 100, ..narrow };
        assert_eq!(split(&sessions, wide, position)[0].len(), (MEMORY / BYTES) as usize / 5_000_000);
        assert_eq!(Shape { memory: 1 << 20, ..wide }.most_sessions(), 1);
        let asked = split(&sessions, Shape { asked: Some(7), ..narrow }, position);
        assert_eq!(asked[0].len(), 7);
        assert_eq!(asked.concat(), sessions);
        assert_eq!(year.concat(), sessions);
    }

    #[test]
    fn what_is_asked_for_is_cut_as_the_one_who_is_asked_likes_it() {
        let sessions: Vec<NaiveDate> = [0, 1, 2, 3, 7, 8].map(day).to_vec();
        let lengths = |at_once, asked| -> Vec<usize> {
            let shape = Shape { back: 0, lanes: 10, columns: 1, read: 0, memory: MEMORY, asked };
            let at_once = AtOnce { most: at_once, by_month: false };
            split_asked(&sessions, at_once, shape, position).iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(None, None), [6]);
        assert_eq!(lengths(None, Some(4)), [4, 2]);
        assert_eq!(lengths(Some(3), None), [3, 1, 2]);
        assert_eq!(lengths(Some(3), Some(1)), [1; 6]);
        assert_eq!(lengths(Some(0), None), [1; 6]);
    }

    #[test]
    fn what_is_asked_for_session_by_session_is_cut_where_months_end() {
        let sessions: Vec<NaiveDate> = (0..120).map(day).collect();
        let lengths = |at_once, by_month, asked| -> Vec<usize> {
            let shape = Shape { back: 0, lanes: 10, columns: 1, read: 0, memory: MEMORY, asked };
            let batches = split_asked(&sessions, AtOnce { most: Some(at_once), by_month }, shape, position);
            assert_eq!(batches.concat(), sessions);
            batches.iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(31, true, None), [31, 28, 31, 30]);
        assert_eq!(lengths(31, false, None), [31, 31, 31, 27]);
        assert_eq!(lengths(20, true, Some(50)), [20; 6]);
        // A month that is longer than what is asked for at once is asked for in parts.
        assert_eq!(lengths(20, true, None), [20, 11, 20, 8, 20, 11, 20, 10]);
    }

    #[test]
    fn what_is_asked_for_at_once_fits_in_memory() {
        let lengths = |fit: u64, at_once, asked| -> Vec<usize> {
            let shape = Shape { back: 0, lanes: 10, columns: 4, read: 0, memory: fit * 40 * BYTES, asked };
            let at_once = AtOnce { most: at_once, by_month: false };
            split_asked(&sessions(500), at_once, shape, position).iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(500, None, None), [500]);
        // January to March, April to June, …
        assert_eq!(lengths(100, None, None), [90, 91, 92, 92, 91, 44]);
        assert_eq!(lengths(100, None, Some(70)), [70, 70, 70, 70, 70, 70, 70, 10]);
        assert_eq!(lengths(3, Some(20), None)[..2], [3, 3]);
        assert_eq!(lengths(0, None, None), [1; 500]);
    }

    #[test]
    fn a_window_takes_memory_for_what_is_read_alone() {
        let alpha = Shape { back: 60, lanes: 5_000, columns: 158, read: 6, memory: MEMORY, asked: None };
        assert!((40..=60).contains(&alpha.most_sessions()), "{}", alpha.most_sessions());
    }
}
