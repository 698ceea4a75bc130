//! Metrics with their names, labels and help, said once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// So many sets of labels a metric has at most; what comes then is counted under [`OTHER`].
const MOST: usize = 5_000;
/// The value of every label of what came too late to have a place of its own.
const OTHER: &str = "_other";

/// A counter of seconds.
pub(crate) type Seconds = Counter<f64, AtomicU64>;
/// A gauge of anything.
pub(crate) type Level = Gauge<f64, AtomicU64>;

/// A metric as its page describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// As Prometheus knows it.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub labels: Vec<&'static str>,
    pub help: &'static str,
}

/// Where metrics are registered, and described.
#[derive(Default)]
pub(crate) struct Families {
    pub registry: Registry,
    pub described: Vec<Described>,
}

/// A metric for each set of values of its labels.
pub(crate) struct Labelled<M, const N: usize> {
    names: [&'static str; N],
    family: Family<[(&'static str, String); N], M, fn() -> M>,
    /// So many sets of values it was asked for.
    count: AtomicUsize,
}

impl<M: Clone, const N: usize> Labelled<M, N> {
    fn new(names: [&'static str; N], make: fn() -> M) -> Self {
        Self { names, family: Family::new_with_constructor(make), count: AtomicUsize::new(0) }
    }

    /// The one with these values.
    pub fn of(&self, values: [&str; N]) -> M {
        let mut at = 0;
        let labels = values.map(|value| {
            at += 1;
            (self.names[at - 1], escaped(value))
        });
        if let Some(known) = self.family.get(&labels) {
            return known.clone();
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= MOST {
            return self.family.get_or_create_owned(&self.names.map(|name| (name, OTHER.to_owned())));
        }
        self.family.get_or_create_owned(&labels)
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.family.clear();
        self.count.store(0, Ordering::Relaxed);
    }
}

/// The library writes values as they are.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Families {
    pub fn counters<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Labelled<Counter, N> {
        let labelled = Labelled::new(labels, Counter::default as fn() -> Counter);
        self.add(name, "counter", &labels, help, labelled.family.clone());
        labelled
    }

    pub fn seconds<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Labelled<Seconds, N> {
        let labelled = Labelled::new(labels, Seconds::default as fn() -> Seconds);
        self.add(name, "counter", &labels, help, labelled.family.clone());
        labelled
    }

    pub fn levels<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Labelled<Level, N> {
        let labelled = Labelled::new(labels, Level::default as fn() -> Level);
        self.add(name, "gauge", &labels, help, labelled.family.clone());
        labelled
    }

    pub fn histograms<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
        make: fn() -> Histogram,
    ) -> Labelled<Histogram, N> {
        let labelled = Labelled::new(labels, make);
        self.add(name, "histogram", &labels, help, labelled.family.clone());
        labelled
    }

    pub fn counter(&mut self, name: &'static str, help: &'static str) -> Counter {
        let counter = Counter::default();
        self.add(name, "counter", &[], help, counter.clone());
        counter
    }

    fn add(
        &mut self,
        name: &'static str,
        kind: &'static str,
        labels: &[&'static str],
        help: &'static str,
        metric: impl Metric,
    ) {
        self.described.push(Described { name, kind, labels: labels.to_vec(), help });
        // The library writes the ending of counters, and the full stop of the help.
        self.registry.register(name.strip_suffix("_total").unwrap_or(name), help, metric);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_does_not() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn a_metric_has_so_many_sets_of_labels_and_no_more() {
        let mut families = Families::default();
        let counters = families.counters("test_things_total", ["asset"], "things");
        for number in 0..MOST + 100 {
            counters.of([&number.to_string()]).inc();
        }
        assert!(counters.family.get(&[("asset", MOST.to_string())]).is_none());
        assert_eq!(counters.of([OTHER]).get(), 100);
        counters.of(["7"]).inc();
        assert_eq!(counters.of(["7"]).get(), 2, "who has a place keeps it");
    }
}
