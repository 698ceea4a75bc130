//! A vendor in a folder of its own, and the fake server that answers it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use assetctl_config::{Asset, Kind};
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::{AnyValue, DataFrame};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fetch::{Delivery, Fetch, FetchError, Progress, Request};
use crate::http::Vendor;

#[expect(dead_code, reason = "their minutes are asked for by the whole program's stories alone")]
#[path = "../../../../tests/it/support/vendors/mod.rs"]
pub(super) mod vendors;

/// A source as a user declares it, and what it has told.
pub(super) struct Source {
    folder: TempDir,
    pub asset: Asset,
    pub vendor: Vendor,
    runtime: Runtime,
    pub now: DateTime<Utc>,
    pub progress: Mutex<Vec<Progress>>,
}

/// Writes a file into a folder.
pub(super) fn write(folder: &Path, name: &str, text: &str) {
    let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.persist(folder.join(name)).unwrap();
}

/// The asset `bars` with this block under `http:`, and files beside it.
pub(super) fn asset(calendar: &str, http: &str, files: &[(&str, &str)]) -> (TempDir, Asset) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    let indented = http.lines().map(|line| format!("      {line}\n")).collect::<String>();
    let yaml =
        format!("calendar: {calendar}\nstart: 2023-01-01\nassets:\n  bars:\n    kind: source\n    http:\n{indented}");
    write(folder.path(), "assets.yaml", &yaml);
    let project =
        assetctl_config::load(&folder.path().join("assets.yaml")).unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
    let asset = project.assets[0].clone();
    (folder, asset)
}

impl Source {
    pub fn new(calendar: &str, http: &str, files: &[(&str, &str)]) -> Self {
        let (folder, asset) = asset(calendar, http, files);
        let Kind::Source(spec) = &asset.kind else { panic!() };
        let vendor = Vendor::new(&asset, spec.http.as_ref().unwrap()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { folder, asset, vendor, runtime, now, progress: Mutex::default() }
    }

    pub fn ask(&self, sessions: &[NaiveDate], instruments: &[String]) -> Result<Delivery, FetchError> {
        self.ask_until(sessions, instruments, &|| false)
    }

    pub fn ask_until(
        &self,
        sessions: &[NaiveDate],
        instruments: &[String],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Delivery, FetchError> {
        let _inside = self.runtime.enter();
        self.vendor.fetch(&Request {
            sessions,
            calendar: &self.asset.calendar,
            instruments,
            now: self.now,
            spool: &self.folder.path().join("spool"),
            is_cancelled,
            progress: &|progress| self.progress.lock().unwrap().push(progress),
        })
    }

    /// Everything that was written down, in one text.
    pub fn spooled(&self) -> Vec<Vec<u8>> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("spool")) else { return Vec::new() };
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

/// The sessions of a calendar in a year.
pub(super) fn sessions(calendar: &str, year: i32) -> Vec<NaiveDate> {
    let calendar = assetctl_calendar::Calendar::builtin(calendar).unwrap();
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let range = calendar.range(day(1, 1), day(12, 31)).unwrap();
    range.iter().map(|ix| calendar.date(ix).date()).collect()
}

pub(super) fn names(codes: &[String], suffix: &str) -> Vec<String> {
    codes.iter().map(|code| format!("{code}{suffix}")).collect()
}

/// By session and instrument, the numbers of the columns; a missing one is NaN.
pub(super) type Numbers = BTreeMap<(NaiveDate, String), Vec<f64>>;

pub(super) fn numbers(frame: &DataFrame, columns: &[&str]) -> Numbers {
    let column = |name: &str| frame.column(name).unwrap().clone();
    let (sessions, instruments) = (column("session"), column("instrument"));
    let values: Vec<_> = columns.iter().map(|name| column(name)).collect();
    let key = |row: usize| {
        let AnyValue::Date(day) = sessions.get(row).unwrap() else { panic!() };
        (crate::date::from_days(day), instruments.get(row).unwrap().get_str().unwrap().to_owned())
    };
    let number = |value: AnyValue<'_>| value.try_extract::<f64>().unwrap_or(f64::NAN);
    let rows = (0..frame.height())
        .map(|row| (key(row), values.iter().map(|column| number(column.get(row).unwrap())).collect()));
    let numbers: Numbers = rows.collect();
    assert_eq!(numbers.len(), frame.height(), "every key once");
    numbers
}

/// What a market has, with the suffix of our names: open, high, low, close in units and volume in shares, and more of each bar.
pub(super) fn expected(market: &vendors::Market, suffix: &str, more: fn(&vendors::Bar) -> Vec<f64>) -> Numbers {
    let mut all = Numbers::new();
    for code in &market.codes {
        for (session, bar) in market.bars(code, NaiveDate::MIN, NaiveDate::MAX) {
            let mut values = [bar.open, bar.high, bar.low, bar.close].map(|cents| cents as f64 / 100.0).to_vec();
            values.push(bar.volume as f64);
            values.extend(more(&bar));
            all.insert((session, format!("{code}{suffix}")), values);
        }
    }
    all
}
