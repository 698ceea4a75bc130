//! How long to wait before a call is made again.

use std::time::{Duration, SystemTime};

use assetctl_config::HttpRetries;
use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The waits of one call, one for each time that it is tried again; `seed` tells calls apart.
pub(super) fn delays(retries: &HttpRetries, seed: u64) -> impl Iterator<Item = Duration> + Send + use<> {
    let seconds = |span: Option<assetctl_config::Span>, default: u64| {
        span.map_or(Duration::from_secs(default), assetctl_config::Span::to_std)
    };
    let (from, to) = (seconds(retries.from, 1), seconds(retries.to, 60));
    ExponentialBuilder::default()
        .with_min_delay(from)
        .with_max_delay(to.max(from))
        .with_max_times(retries.times.unwrap_or(4) as usize)
        // So that calls that failed together are not made again together.
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

/// The longest wait that a vendor may ask for.
pub(super) fn longest(retries: &HttpRetries) -> Duration {
    retries.longest.map_or(Duration::from_secs(300), assetctl_config::Span::to_std)
}

/// How long the vendor wants to be left alone: `Retry-After`, in seconds or as a date. A date is measured on the vendor's own clock, by
/// the answer's `Date`, or by `now` if there is none.
pub(super) fn wanted(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_vendor_says_how_long_in_seconds_or_by_a_date() {
        let now = httpdate::parse_http_date("Fri, 15 Mar 2024 10:00:00 GMT").unwrap();
        let wait = |pairs: &[(HeaderName, &str)]| wanted(&headers(pairs), now).map(|wait| wait.as_secs_f64());
        assert_eq!(wait(&[(RETRY_AFTER, "7")]), Some(7.0));
        assert_eq!(wait(&[(RETRY_AFTER, "0.5")]), Some(0.5));
        let date = (RETRY_AFTER, "Fri, 15 Mar 2024 10:00:30 GMT");
        assert_eq!(wait(std::slice::from_ref(&date)), Some(30.0));
        assert_eq!(wait(&[date.clone(), (DATE, "Fri, 15 Mar 2024 10:00:28 GMT")]), Some(2.0));
        assert_eq!(wait(&[date, (DATE, "Fri, 15 Mar 2024 11:00:00 GMT")]), Some(0.0));
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_end() {
        let span = |text: &str| Some(text.parse().unwrap());
        let retries = HttpRetries { times: Some(5), from: span("2s"), to: span("7s"), longest: None };
        let waits: Vec<f64> = delays(&retries, 7).map(|wait| wait.as_secs_f64()).collect();
        assert_eq!(waits.len(), 5);
        // Each is made longer by chance, up to twice as long.
        for (wait, least) in waits.iter().zip([2.0, 4.0, 7.0, 7.0, 7.0]) {
            assert!((least..=least * 2.0).contains(wait), "{waits:?}");
        }
        assert_eq!(delays(&HttpRetries { times: Some(0), ..HttpRetries::default() }, 7).count(), 0);
    }
}
