//! Requests that wait, those that run, and limits → which start now.

use std::collections::BTreeMap;

use assetctl_config::{Concurrency, JobGroup};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a request takes a share of while it runs, besides a place among all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    pub tags: Vec<String>,
    /// Sources that it fetches from.
    pub sources: Vec<String>,
    pub group: Option<JobGroup>,
}

/// A request that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Increasing with age: of two, the smaller number has waited longer.
    pub id: u64,
    pub priority: u32,
    /// It does not start before.
    pub not_before: Option<DateTime<Utc>>,
    pub claims: Claims,
}

/// How many runs go on at once where `concurrency:` does not say.
pub const TOTAL: u32 = 10;

/// The requests that start now, in that order.
///
/// The highest priority goes first, of one priority the oldest. What does not fit is passed over by what does, but for one thing: the
/// first that does not fit keeps its share of tags, sources and groups free, so that a request that needs two scarce things is not
/// passed over for ever by those that need one of them. A request that waits for its time keeps nothing.
pub fn choose(waiting: &[Waiting], running: &[Claims], limits: &Concurrency, now: DateTime<Utc>) -> Vec<u64> {
    let mut ready: Vec<&Waiting> = waiting.iter().filter(|one| one.not_before.is_none_or(|at| at <= now)).collect();
    ready.sort_by_key(|one| (std::cmp::Reverse(one.priority), one.id));
    let mut taken = Taken::default();
    for claims in running {
        taken.take(claims);
    }
    let mut places = running.len();
    let mut chosen = Vec::new();
    let mut keeps = true;
    for one in ready {
        if places >= limits.total.unwrap_or(TOTAL) as usize {
            break;
        }
        if taken.fits(&one.claims, limits) {
            taken.take(&one.claims);
            places += 1;
            chosen.push(one.id);
        } else if std::mem::take(&mut keeps) {
            taken.take(&one.claims);
        }
    }
    chosen
}

/// How many have a share of what.
#[derive(Default)]
struct Taken<'a> {
    tags: BTreeMap<&'a str, u32>,
    sources: BTreeMap<&'a str, u32>,
    groups: BTreeMap<&'a str, u32>,
}

impl<'a> Taken<'a> {
    fn take(&mut self, claims: &'a Claims) {
        for tag in &claims.tags {
            *self.tags.entry(tag).or_default() += 1;
        }
        for source in &claims.sources {
            *self.sources.entry(source).or_default() += 1;
        }
        if let Some(group) = &claims.group {
            *self.groups.entry(&group.group).or_default() += 1;
        }
    }

    fn fits(&self, claims: &Claims, limits: &Concurrency) -> bool {
        let below = |taken: &BTreeMap<&str, u32>, name: &str, limit: Option<u32>| {
            limit.is_none_or(|limit| taken.get(name).copied().unwrap_or(0) < limit)
        };
        claims.tags.iter().all(|tag| below(&self.tags, tag, limits.by_tag.get(tag).copied()))
            && claims.sources.iter().all(|name| below(&self.sources, name, limits.by_source.get(name).copied()))
            && claims.group.as_ref().is_none_or(|group| below(&self.groups, &group.group, Some(group.limit)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::at;

    fn now() -> DateTime<Utc> {
        at("2024-03-15T12:00:00Z")
    }

    fn limits(total: Option<u32>, by_tag: &[(&str, u32)]) -> Concurrency {
        let by_tag = by_tag.iter().map(|(tag, limit)| ((*tag).to_owned(), *limit)).collect();
        Concurrency { total, by_tag, ..Concurrency::default() }
    }

    fn waiting(id: u64, priority: u32, tags: &[&str]) -> Waiting {
        let claims = Claims { tags: tags.iter().map(|&tag| tag.to_owned()).collect(), ..Claims::default() };
        Waiting { id, priority, not_before: None, claims }
    }

    #[test]
    fn priority_then_age_within_every_limit() {
        let limits = limits(Some(3), &[("vendor", 1)]);
        let all = [
            waiting(1, 0, &[]),
            waiting(2, 0, &["vendor"]),
            waiting(3, 9, &["vendor"]),
            waiting(4, 9, &[]),
            waiting(5, 0, &[]),
        ];
        assert_eq!(choose(&all, &[], &limits, now()), [3, 4, 1]);
        let vendor = Claims { tags: vec!["vendor".into()], ..Claims::default() };
        assert_eq!(choose(&all, &[vendor], &limits, now()), [4, 1]);
        let none = Concurrency::default();
        assert_eq!(choose(&all, &[], &none, now()), [3, 4, 1, 2, 5]);
        let many: Vec<Waiting> = (1..=30).map(|id| waiting(id, 0, &[])).collect();
        assert_eq!(choose(&many, &[], &none, now()).len(), TOTAL as usize);
    }

    #[test]
    fn groups_and_sources_have_limits_of_their_own() {
        let mut limits = limits(None, &[]);
        let grouped = |id| {
            let group = Some(JobGroup { group: "vendor".into(), limit: 2 });
            Waiting { claims: Claims { group, ..Claims::default() }, ..waiting(id, 0, &[]) }
        };
        assert_eq!(choose(&[grouped(1), grouped(2), grouped(3)], &[], &limits, now()), [1, 2]);
        limits.by_source = std::iter::once(("raw".to_owned(), 1)).collect();
        let reads = |id, sources: &[&str]| {
            let sources = sources.iter().map(|&name| name.to_owned()).collect();
            Waiting { claims: Claims { sources, ..Claims::default() }, ..waiting(id, 0, &[]) }
        };
        let all = [reads(1, &["raw"]), reads(2, &["raw", "other"]), reads(3, &["other"])];
        assert_eq!(choose(&all, &[], &limits, now()), [1, 3]);
    }

    #[test]
    fn what_waits_for_its_time_keeps_nobody() {
        let limits = limits(Some(1), &[]);
        let later = Waiting { not_before: Some(at("2024-03-15T12:00:01Z")), ..waiting(1, 9, &[]) };
        let all = [later, waiting(2, 0, &[])];
        assert_eq!(choose(&all, &[], &limits, now()), [2]);
        assert_eq!(choose(&all, &[], &limits, at("2024-03-15T12:00:01Z")), [1]);
    }

    #[test]
    fn one_that_needs_two_scarce_things_is_not_passed_over_for_ever() {
        let limits = limits(None, &[("a", 1), ("b", 1)]);
        let needs_both = waiting(1, 0, &["a", "b"]);
        let mut running = vec![(100, vec!["a"])];
        for round in 0..10 {
            let claims: Vec<Claims> = running.iter().map(|(_, tags)| waiting(0, 0, tags).claims).collect();
            let all = [needs_both.clone(), waiting(101 + round, 0, &["a"]), waiting(201 + round, 0, &["b"])];
            let chosen = choose(&all, &claims, &limits, now());
            if chosen.contains(&1) {
                assert_eq!(round, 1, "it starts as soon as what it waits for has ended");
                return;
            }
            running = chosen.iter().map(|id| (*id, if *id < 200 { vec!["a"] } else { vec!["b"] })).collect();
        }
        panic!("it never started");
    }

    const TAGS: [&str; 3] = ["a", "b", "c"];

    /// Priority, a set of tags, whether it is in the group.
    type Kind = (u32, [bool; 3], bool);

    fn request(id: u64, (priority, tags, grouped): Kind) -> Waiting {
        let tags: Vec<&str> = TAGS.iter().zip(tags).filter_map(|(tag, has)| has.then_some(*tag)).collect();
        let mut request = waiting(id, priority, &tags);
        request.claims.group = grouped.then(|| JobGroup { group: "g".into(), limit: 2 });
        request
    }

    proptest! {
        /// Requests come, start and end in any order: no limit is ever passed, nothing that fits is left waiting while nobody is kept
        /// for, and the first of the highest priority starts at the latest when all that ran when it came to be first have ended.
        #[test]
        fn never_over_a_limit_and_the_first_is_not_starved(
            total in 1u32..4,
            by_tag in prop::array::uniform3(1u32..3),
            steps in prop::collection::vec((prop::collection::vec((0u32..3, any::<[bool; 3]>(), any::<bool>()), 0..4), 0usize..8), 1..40),
        ) {
            let of_tags: Vec<(&str, u32)> = TAGS.into_iter().zip(by_tag).collect();
            let limits = limits(Some(total), &of_tags);
            let (mut queue, mut running): (Vec<Waiting>, Vec<Waiting>) = Default::default();
            let mut next = 0;
            // Who is first, and who ran when it became so.
            let mut first: Option<(u64, Vec<u64>)> = None;
            for (come, ends) in steps {
                for kind in come {
                    next += 1;
                    queue.push(request(next, kind));
                }
                if !running.is_empty() {
                    running.remove(ends % running.len());
                }
                let head = queue.iter().min_by_key(|one| (std::cmp::Reverse(one.priority), one.id)).map(|one| one.id);
                if let Some(head) = head
                    && first.as_ref().is_none_or(|(known, _)| *known != head)
                {
                    first = Some((head, running.iter().map(|one| one.id).collect()));
                }
                let claims: Vec<Claims> = running.iter().map(|one| one.claims.clone()).collect();
                let chosen = choose(&queue, &claims, &limits, now());
                for id in &chosen {
                    let at = queue.iter().position(|one| one.id == *id).unwrap();
                    running.push(queue.remove(at));
                }
                prop_assert!(running.len() <= total as usize);
                for (tag, limit) in TAGS.iter().zip(by_tag) {
                    let with = running.iter().filter(|one| one.claims.tags.iter().any(|has| has == tag)).count();
                    prop_assert!(with <= limit as usize);
                }
                prop_assert!(running.iter().filter(|one| one.claims.group.is_some()).count() <= 2);
                if let (Some((id, before)), Some(head)) = (&first, head)
                    && *id == head
                    && !chosen.contains(&head)
                {
                    prop_assert!(
                        running.iter().any(|one| before.contains(&one.id) || is_over(&running, total)),
                        "request {head} waits, and nothing that ran before it"
                    );
                }
            }
        }
    }

    fn is_over(running: &[Waiting], total: u32) -> bool {
        running.len() >= total as usize
    }
}
