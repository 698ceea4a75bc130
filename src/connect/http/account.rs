//! What all calls to one vendor with the same secrets share, whichever asset makes them: connections, the rate limit, the token.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use assetctl_config::HttpRate;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::Client;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::client;

/// By a hash of what makes two of them one.
type Shared<T> = LazyLock<Mutex<HashMap<[u8; 32], Weak<T>>>>;

/// The accounts in use, by address, secrets and limits.
static ACCOUNTS: Shared<Account> = LazyLock::new(Mutex::default);

/// The tokens in use, by address and secrets: a second login may end the first, whatever limits its asset declares.
static TOKENS: Shared<tokio::sync::Mutex<Token>> = LazyLock::new(Mutex::default);

/// What is in use already, or a new one.
fn shared<T, E>(all: &Shared<T>, key: [u8; 32], new: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&key).and_then(Weak::upgrade) {
        return Ok(known);
    }
    all.retain(|_, known| known.strong_count() > 0);
    let new = Arc::new(new()?);
    all.insert(key, Arc::downgrade(&new));
    Ok(new)
}

/// One account with a vendor.
pub(super) struct Account {
    pub client: Client,
    limiter: Option<DefaultDirectRateLimiter>,
    pub calls: Semaphore,
    quiet_until: Mutex<Option<Instant>>,
    /// Held while logging in, so that there is one login at a time.
    pub token: Arc<tokio::sync::Mutex<Token>>,
}

/// The token of a vendor with a login.
#[derive(Default)]
pub(super) struct Token {
    pub value: Option<SecretString>,
    /// Counts logins.
    pub number: u64,
}

impl Account {
    /// The account of who asks (address and secrets) with such limits.
    ///
    /// # Errors
    /// There is no HTTP client on this system.
    pub fn shared(who: &str, rate: Option<&HttpRate>, concurrency: u32) -> Result<Arc<Self>, String> {
        let key = *blake3::hash(format!("{who}\n{rate:?}\n{concurrency}").as_bytes()).as_bytes();
        let token: Result<_, String> =
            shared(&TOKENS, *blake3::hash(who.as_bytes()).as_bytes(), || Ok(tokio::sync::Mutex::default()));
        let token = token?;
        shared(&ACCOUNTS, key, || {
            Ok(Self {
                client: client::client()?,
                limiter: rate.and_then(quota).map(RateLimiter::direct),
                calls: Semaphore::new(concurrency.max(1) as usize),
                quiet_until: Mutex::new(None),
                token,
            })
        })
    }

    /// Nobody calls for a while.
    pub fn quiet(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |known| known.max(until)));
    }

    /// Waits until a call may be made; tells `waits` if that is not now.
    pub async fn turn(&self, waits: impl Fn()) {
        loop {
            while let Some(until) = self.quiet_until() {
                waits();
                tokio::time::sleep_until(until).await;
            }
            if let Some(limiter) = &self.limiter
                && limiter.check().is_err()
            {
                waits();
                limiter.until_ready().await;
            }
            // While this call waited for its turn another may have been told to be quiet.
            if self.quiet_until().is_none() {
                return;
            }
        }
    }

    fn quiet_until(&self) -> Option<Instant> {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }
}

/// A quota that no stretch of time of its length exceeds: what follows a burst is slower, by as much as the burst was ahead, and by one
/// call more, for calls do not arrive as evenly as they are sent.
fn quota(rate: &HttpRate) -> Option<Quota> {
    let (count, seconds) = match *rate {
        HttpRate { per_second: Some(count), .. } => (count, 1),
        HttpRate { per_minute: Some(count), .. } => (count, 60),
        HttpRate { per_hour: Some(count), .. } => (count, 3600),
        _ => return None,
    };
    let burst = rate.burst.unwrap_or(1).clamp(1, count.max(1));
    let rest = count.saturating_sub(burst).max(1);
    let quota = Quota::with_period(Duration::from_secs(seconds) / rest)?;
    Some(quota.allow_burst(NonZeroU32::new(burst)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most calls in any stretch of the quota's length, when calls are made as soon as they may be.
    fn most(rate: &HttpRate, length: Duration) -> usize {
        let quota = quota(rate).unwrap();
        let (burst, gap) = (quota.burst_size().get() as usize, quota.replenish_interval());
        // The first of them at once, then one for each time a call is given back.
        let times: Vec<Duration> = (0..3000u32).map(|at| gap * at.saturating_sub(burst as u32 - 1)).collect();
        times
            .iter()
            .enumerate()
            .map(|(at, start)| times[at..].iter().take_while(|time| **time < *start + length).count())
            .max()
            .unwrap()
    }

    #[test]
    fn no_stretch_of_time_has_more_calls_than_the_rate() {
        for (count, burst) in [(500, 1), (500, 20), (500, 500), (1, 1), (7, 3)] {
            let rate = HttpRate { per_minute: Some(count), burst: Some(burst), ..HttpRate::default() };
            let most = most(&rate, Duration::from_secs(60));
            assert!(most <= count as usize, "{count} with bursts of {burst}: {most}");
            assert!(most + 1 >= count as usize, "{count} with bursts of {burst} makes only {most}");
        }
        assert!(quota(&HttpRate::default()).is_none());
    }

    #[test]
    fn who_asks_is_one_account_and_has_one_token_whatever_the_limits() {
        let rate = HttpRate { per_second: Some(1), ..HttpRate::default() };
        let first = Account::shared("a", None, 1).unwrap();
        assert!(Arc::ptr_eq(&first, &Account::shared("a", None, 1).unwrap()));
        let slower = Account::shared("a", Some(&rate), 1).unwrap();
        assert!(!Arc::ptr_eq(&first, &slower) && Arc::ptr_eq(&first.token, &slower.token));
        assert!(!Arc::ptr_eq(&first.token, &Account::shared("b", None, 1).unwrap().token));
    }
}
