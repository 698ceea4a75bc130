//! How often messages go out, and how long one waits that was not taken.

use std::collections::VecDeque;
use std::time::Duration;

use assetctl_config::{MessageRate, MessageRetries, Span};
use chrono::{DateTime, TimeDelta, Utc};

/// A server that wants to be left alone for longer than this is not obeyed.
const LONGEST_WANTED: TimeDelta = TimeDelta::hours(1);

/// What an observer declares of it, with what is not said filled in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    times: Option<u32>,
    backoff: TimeDelta,
    at_most: TimeDelta,
    pub give_up: TimeDelta,
    per_minute: Option<u32>,
    per_hour: Option<u32>,
}

impl Limits {
    pub fn new(retries: &MessageRetries, rate: &MessageRate) -> Self {
        let seconds =
            |span: Option<Span>, default: i64| span.map_or(TimeDelta::seconds(default), |span| span.to_chrono());
        let backoff = seconds(retries.backoff, 10);
        Self {
            times: retries.times,
            backoff,
            at_most: seconds(retries.at_most, 600).max(backoff),
            give_up: seconds(retries.give_up, 86_400),
            per_minute: rate.per_minute,
            per_hour: rate.per_hour,
        }
    }

    /// The wait after so many failures in a row, the first being 1.
    fn wait(&self, failures: u32) -> TimeDelta {
        let doublings = failures.saturating_sub(1).min(20);
        self.backoff.checked_mul(1 << doublings).unwrap_or(self.at_most).min(self.at_most)
    }
}

/// What an observer remembers of its attempts, as long as the program runs.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Nobody is sent to before.
    quiet_until: Option<DateTime<Utc>>,
    /// Since something was last taken.
    failures: u32,
    /// When messages went out, as far back as a rate needs to know.
    sent: VecDeque<DateTime<Utc>>,
}

impl Pace {
    /// When the next message may go out.
    pub fn ready(&self, limits: &Limits) -> Option<DateTime<Utc>> {
        let window = |most: Option<u32>, length: TimeDelta| {
            let most = most? as usize;
            let oldest = self.sent.len().checked_sub(most)?;
            Some(*self.sent.get(oldest)? + length)
        };
        let by_minute = window(limits.per_minute, TimeDelta::minutes(1));
        let by_hour = window(limits.per_hour, TimeDelta::hours(1));
        [self.quiet_until, by_minute, by_hour].into_iter().flatten().max()
    }

    /// A message was tried: it counts, whether it was taken or not.
    pub fn tried(&mut self, limits: &Limits, now: DateTime<Utc>) {
        let most = limits.per_minute.max(limits.per_hour).unwrap_or(0) as usize;
        self.sent.push_back(now);
        while self.sent.len() > most {
            self.sent.pop_front();
        }
    }

    pub fn taken(&mut self) {
        self.failures = 0;
        self.quiet_until = None;
    }

    /// When a message that was not taken is tried again, if it is. Until then nothing else is tried either: a server that is down is not asked
    /// for each message.
    pub fn not_taken(
        &mut self,
        limits: &Limits,
        attempts: u32,
        made_at: DateTime<Utc>,
        now: DateTime<Utc>,
        wanted: Option<Duration>,
    ) -> Option<DateTime<Utc>> {
        self.failures = self.failures.saturating_add(1);
        let wanted = wanted.map_or(TimeDelta::zero(), |wait| TimeDelta::from_std(wait).unwrap_or(LONGEST_WANTED));
        let next = now.checked_add_signed(limits.wait(self.failures.max(attempts)).max(wanted.min(LONGEST_WANTED)))?;
        self.quiet_until = Some(next);
        let last = made_at.checked_add_signed(limits.give_up).is_some_and(|last| next > last);
        let enough = limits.times.is_some_and(|times| attempts > times);
        (!last && !enough).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn limits(times: Option<u32>, per_minute: Option<u32>) -> Limits {
        Limits::new(
            &MessageRetries {
                times,
                give_up: Some("100s".parse().unwrap()),
                at_most: Some("40s".parse().unwrap()),
                ..Default::default()
            },
            &MessageRate { per_minute, per_hour: None },
        )
    }

    #[test]
    fn waits_double_up_to_the_longest_until_it_is_given_up() {
        let (limits, mut pace, mut now) = (limits(None, None), Pace::default(), at(0));
        let mut waits = Vec::new();
        for attempts in 1.. {
            let Some(next) = pace.not_taken(&limits, attempts, at(0), now, None) else { break };
            assert_eq!(pace.ready(&limits), Some(next));
            waits.push((next - now).num_seconds());
            now = next;
        }
        // 10 + 20 + 40 = 70; another 40 would be after the 100 seconds.
        assert_eq!(waits, [10, 20, 40]);
        pace.taken();
        assert_eq!(pace.ready(&limits), None);
    }

    #[test]
    fn a_server_that_wants_a_longer_wait_has_it_and_tries_are_counted() {
        let (limits, mut pace) = (limits(Some(1), None), Pace::default());
        assert_eq!(pace.not_taken(&limits, 1, at(0), at(0), Some(Duration::from_secs(33))), Some(at(33)));
        assert_eq!(pace.not_taken(&limits, 2, at(0), at(33), None), None);
    }

    #[test]
    fn no_minute_has_more_messages_than_the_rate() {
        let (limits, mut pace) = (limits(None, Some(3)), Pace::default());
        for second in [0, 10, 20] {
            assert_eq!(pace.ready(&limits), None);
            pace.tried(&limits, at(second));
        }
        assert_eq!(pace.ready(&limits), Some(at(60)));
        pace.tried(&limits, at(60));
        assert_eq!(pace.ready(&limits), Some(at(70)));
    }
}
