//! Stale sessions cut into batches that fit in memory and lose little when a run is killed.

use chrono::NaiveDate;

/// About a trading year: what is lost at most when a batch is interrupted.
const MOST_SESSIONS: usize = 252;

/// How many values a batch may hold at once (8 bytes each).
const MOST_VALUES: usize = 48 << 20;

/// What bounds the batches of one asset.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Sessions that are read before the first of a batch.
    pub back: u32,
    /// Instruments of a session.
    pub lanes: usize,
    /// Panels that are alive at once.
    pub panels: usize,
    /// The user's own bound on sessions.
    pub asked: Option<usize>,
}

impl Shape {
    pub fn most_sessions(self) -> usize {
        let fits = MOST_VALUES / (self.lanes.max(1) * self.panels.max(1));
        let bounded = fits.saturating_sub(self.back as usize).clamp(1, MOST_SESSIONS);
        self.asked.map_or(bounded, |asked| asked.clamp(1, MOST_SESSIONS.max(asked)).min(fits.max(1)))
    }
}

/// Cuts ascending sessions: at most as many as the shape allows, and nowhere across a gap that is longer than the window, so that a
/// batch does not read what no session of it needs. `position` gives a session's number in the calendar.
pub fn split(sessions: &[NaiveDate], shape: Shape, position: impl Fn(NaiveDate) -> u32) -> Vec<Vec<NaiveDate>> {
    let most = shape.most_sessions();
    let mut batches: Vec<Vec<NaiveDate>> = Vec::new();
    let mut last: Option<u32> = None;
    for session in sessions {
        let at = position(*session);
        let far = last.is_some_and(|last| at - last > shape.back + 1);
        match batches.last_mut() {
            Some(batch) if !far && batch.len() < most => batch.push(*session),
            _ => batches.push(vec![*session]),
        }
        last = Some(at);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2015, 1, 1).unwrap() + chrono::Days::new(u64::from(n))
    }

    fn position(date: NaiveDate) -> u32 {
        (date - day(0)).num_days() as u32
    }

    #[test]
    fn gaps_longer_than_the_window_split() {
        let sessions: Vec<NaiveDate> = [0, 1, 2, 10, 11].map(day).to_vec();
        let shape = |back| Shape { back, lanes: 10, panels: 1, asked: None };
        assert_eq!(split(&sessions, shape(3), position).len(), 2);
        assert_eq!(split(&sessions, shape(20), position).len(), 1);
    }

    #[test]
    fn batches_are_bounded_by_memory_and_by_request() {
        let sessions: Vec<NaiveDate> = (0..1000).map(day).collect();
        let year = split(&sessions, Shape { back: 0, lanes: 10, panels: 1, asked: None }, position);
        assert_eq!(year.iter().map(Vec::len).max(), Some(252));
        let wide = split(&sessions, Shape { back: 0, lanes: 50_000, panels: 100, asked: None }, position);
        assert_eq!(wide[0].len(), MOST_VALUES / 5_000_000);
        let asked = split(&sessions, Shape { back: 0, lanes: 10, panels: 1, asked: Some(7) }, position);
        assert_eq!(asked[0].len(), 7);
        assert_eq!(asked.concat(), sessions);
    }
}
