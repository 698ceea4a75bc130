//! Which partitions ran, and what they hold: values that compare with a readable difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use serde_json::Value;

use super::bars::date;

/// The content hash of every partition.
pub type Contents = BTreeMap<(String, NaiveDate), String>;

/// The sessions that a run recomputed, by asset; assets that recomputed nothing are not in it. An asset without sessions has the
/// one session 1970-01-01.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ran(pub BTreeMap<String, Vec<NaiveDate>>);

impl Ran {
    /// From the JSON of `materialize`.
    #[track_caller]
    pub fn of(outcome: &Value) -> Self {
        let mut ran = BTreeMap::new();
        for asset in outcome["run"]["assets"].as_array().into_iter().flatten() {
            let dates: Vec<NaiveDate> =
                asset["ran"].as_array().unwrap().iter().map(|day| date(day.as_str().unwrap())).collect();
            if !dates.is_empty() {
                ran.insert(asset["asset"].as_str().unwrap().to_owned(), dates);
            }
        }
        Self(ran)
    }

    /// The stale sessions of a plan's JSON: everything that it announces.
    #[track_caller]
    pub fn announced(plan: &Value, calendar: &[NaiveDate]) -> Self {
        let mut announced = BTreeMap::new();
        for asset in plan["assets"].as_array().unwrap() {
            let mut dates = Vec::new();
            for range in asset["stale"].as_array().unwrap() {
                let (first, last) = (date(range["first"].as_str().unwrap()), date(range["last"].as_str().unwrap()));
                if asset["first"].is_null() {
                    dates.push(first);
                }
                dates.extend(calendar.iter().copied().filter(|session| (first..=last).contains(session)));
            }
            dates.sort_unstable();
            if !dates.is_empty() {
                announced.insert(asset["asset"].as_str().unwrap().to_owned(), dates);
            }
        }
        Self(announced)
    }

    pub fn of_asset(&self, asset: &str) -> &[NaiveDate] {
        self.0.get(asset).map_or(&[], Vec::as_slice)
    }

    /// Fails the test unless exactly these ran, and nothing else.
    #[track_caller]
    pub fn assert(&self, expected: &[(&str, &[NaiveDate])]) {
        let expected = expected.iter().filter(|(_, dates)| !dates.is_empty());
        let expected = Self(expected.map(|(asset, dates)| ((*asset).to_owned(), dates.to_vec())).collect());
        assert!(*self == expected, "{}", self.difference(&expected));
    }

    #[track_caller]
    pub fn assert_nothing(&self) {
        self.assert(&[]);
    }

    /// Fails the test unless everything that is in `self` is in `more`.
    #[track_caller]
    pub fn assert_within(&self, more: &Self) {
        for (asset, dates) in &self.0 {
            let beyond: Vec<NaiveDate> =
                dates.iter().copied().filter(|day| !more.of_asset(asset).contains(day)).collect();
            assert!(beyond.is_empty(), "{asset}: {} ran and was not announced", list(&beyond));
        }
    }

    fn difference(&self, expected: &Self) -> String {
        let mut text = String::from("other partitions ran than expected\n");
        let mut assets: Vec<&String> = self.0.keys().chain(expected.0.keys()).collect();
        assets.sort_unstable();
        assets.dedup();
        for asset in assets {
            let (is, should) = (self.of_asset(asset), expected.of_asset(asset));
            if is == should {
                let _ = writeln!(text, "  {asset}: {} as expected", list(is));
                continue;
            }
            let beyond: Vec<NaiveDate> = is.iter().copied().filter(|day| !should.contains(day)).collect();
            let lacking: Vec<NaiveDate> = should.iter().copied().filter(|day| !is.contains(day)).collect();
            let _ = writeln!(text, "  {asset}: expected {}, ran {}", list(should), list(is));
            let _ = writeln!(text, "    too many: {}; too few: {}", list(&beyond), list(&lacking));
        }
        text
    }
}

/// How many rows a run computed, by asset, from the JSON of `materialize`; assets that ran nothing are not in it.
pub fn computed(outcome: &Value) -> BTreeMap<&str, u64> {
    let assets = outcome["run"]["assets"].as_array().into_iter().flatten();
    let rows = assets.map(|asset| (asset["asset"].as_str().unwrap(), asset["computed"].as_u64().unwrap()));
    rows.filter(|(_, rows)| *rows > 0).collect()
}

/// `2015-03-04…2015-04-01 (21)`, with the dates one by one where there are few.
pub fn list(dates: &[NaiveDate]) -> String {
    match dates {
        [first, .., last] if dates.len() > 4 => format!("{first}…{last} ({})", dates.len()),
        [] => "none".into(),
        few => few.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The sessions, by asset, whose content is not what it was: other, new, or gone.
pub fn changes(before: &Contents, after: &Contents) -> BTreeMap<String, Vec<NaiveDate>> {
    let mut changes: BTreeMap<String, Vec<NaiveDate>> = BTreeMap::new();
    let mut keys: Vec<&(String, NaiveDate)> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        if before.get(key) != after.get(key) {
            changes.entry(key.0.clone()).or_default().push(key.1);
        }
    }
    changes
}

/// Fails the test unless both hold the same partitions with the same content, bit for bit.
#[track_caller]
pub fn assert_same(one: &Contents, other: &Contents) {
    let different = changes(one, other);
    let lines: Vec<String> = different.iter().map(|(asset, dates)| format!("  {asset}: {}", list(dates))).collect();
    assert!(different.is_empty(), "the contents differ:\n{}", lines.join("\n"));
}
