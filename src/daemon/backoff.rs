//! Whether, and when, what failed is tried again.

use assetctl_config::JobBackoff;
use chrono::{DateTime, TimeDelta, Utc};

use crate::outside::FailureKind;

/// When a job that has failed `failures` times before, and now again in this way, is tried again; `None` if it is not. Each wait is twice
/// the one before, and at most as long as the job says.
pub(crate) fn again(
    retries: Option<&JobBackoff>,
    failures: u32,
    kind: FailureKind,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let retries = retries.filter(|retries| kind.is_passing() && failures < retries.times)?;
    let seconds = |span: Option<assetctl_config::Span>| span.map(|span| span.to_chrono().num_seconds());
    let first = seconds(retries.backoff).unwrap_or(60);
    let most = seconds(retries.at_most).unwrap_or(3_600);
    // Doubled as often, it would be longer than a century.
    let doubled = first.saturating_mul(1 << failures.min(32));
    Some(now + TimeDelta::seconds(doubled.min(most)))
}

#[cfg(test)]
mod tests {
    use assetctl_config::Span;

    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_and_only_for_what_passes() {
        let retries =
            JobBackoff { times: 9, backoff: Some(Span::from_seconds(60)), at_most: Some(Span::from_seconds(600)) };
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let waits = |kind| -> Vec<i64> {
            (0..10).map_while(|failures| again(Some(&retries), failures, kind, now)).map(|at| at.timestamp()).collect()
        };
        assert_eq!(waits(FailureKind::Transient), [60, 120, 240, 480, 600, 600, 600, 600, 600]);
        assert_eq!(waits(FailureKind::Timeout).len(), 9);
        assert_eq!(waits(FailureKind::Check), [] as [i64; 0]);
        assert_eq!(waits(FailureKind::Config), [] as [i64; 0]);
        assert_eq!(again(None, 0, FailureKind::Transient, now), None);
    }
}
