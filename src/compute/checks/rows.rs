//! How many rows there are.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{CheckFailure, Rows};

pub(super) fn row_count(
    df: &Rows<'_>,
    sessions: &[NaiveDate],
    bounds: impl Fn(NaiveDate) -> (Option<u64>, Option<u64>),
) -> Vec<CheckFailure> {
    let mut counts: BTreeMap<NaiveDate, u64> = sessions.iter().map(|session| (*session, 0)).collect();
    for session in &df.sessions {
        if let Some(count) = counts.get_mut(session) {
            *count += 1;
        }
    }
    let failures = counts.into_iter().filter_map(|(session, count)| {
        let (min, max) = bounds(session);
        let wanted = match (min, max) {
            (Some(min), Some(max)) if min == max => format!("{min} expected"),
            (Some(min), _) if count < min => format!("at least {min} expected"),
            (_, Some(max)) => format!("at most {max} expected"),
            _ => return None,
        };
        let fits = min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max);
        let rows = if count == 1 { "row" } else { "rows" };
        let message = format!("{session} has {count} {rows}, {wanted}");
        (!fits).then_some(CheckFailure { session, message, rows: count, sample: Vec::new() })
    });
    failures.collect()
}
