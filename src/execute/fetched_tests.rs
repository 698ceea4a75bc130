//! Stories of sources that have to be asked, told to a vendor that exists in memory alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use assetctl_config::{Asset, ColumnType, Diagnostic, Project};
use assetctl_connect::{Delivery, Fetch, FetchError, Request};
use assetctl_graph::{Fetched, Graph, SchemaSource};
use assetctl_plan::{Plan, StaleReason};
use assetctl_store::Store;
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{AssetReport, AssetStatus, Cancel, FileSchemas, Options, RunReport, Work, materialize, observe};

/// The sessions of two weeks of Shanghai's.
const SESSIONS: [&str; 10] = [
    "2015-08-03",
    "2015-08-04",
    "2015-08-05",
    "2015-08-06",
    "2015-08-07",
    "2015-08-10",
    "2015-08-11",
    "2015-08-12",
    "2015-08-13",
    "2015-08-14",
];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn days(texts: &[&str]) -> Vec<NaiveDate> {
    texts.iter().map(|text| day(text)).collect()
}

/// An hour after Shanghai's close.
fn evening(text: &str) -> DateTime<Utc> {
    format!("{text}T08:00:00Z").parse().unwrap()
}

/// What it was asked: sessions and instruments.
type Asked = (Vec<NaiveDate>, Vec<String>);

/// A vendor with closes by session and instrument.
#[derive(Debug)]
struct Vendor {
    closes: Mutex<BTreeMap<(NaiveDate, String), f64>>,
    asked: Mutex<Vec<Asked>>,
    /// How long the answers are good for that were kept of each.
    marks: Mutex<Vec<String>>,
    /// It fails when it is asked for this session.
    fails_on: Mutex<Option<NaiveDate>>,
    at_once: Option<usize>,
}

impl Vendor {
    /// One of all sessions, for these instruments.
    fn of(instruments: &[&str], at_once: Option<usize>) -> Self {
        let (closes, asked, marks, fails_on) = Default::default();
        let vendor = Self { closes, asked, marks, fails_on, at_once };
        for (n, session) in (0_u32..).zip(SESSIONS) {
            for (at, instrument) in (1_u32..).zip(instruments) {
                vendor.set(session, instrument, Some(f64::from(10 * at + n)));
            }
        }
        vendor
    }

    fn set(&self, session: &str, instrument: &str, close: Option<f64>) {
        let key = (day(session), instrument.to_owned());
        let mut closes = self.closes.lock().unwrap();
        match close {
            Some(close) => closes.insert(key, close),
            None => closes.remove(&key),
        };
    }

    /// What it has been asked since this was last called.
    fn was_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn sessions_asked(&self) -> Vec<NaiveDate> {
        let mut sessions: Vec<NaiveDate> = self.was_asked().into_iter().flat_map(|(sessions, _)| sessions).collect();
        sessions.sort_unstable();
        sessions
    }
}

impl Fetch for Vendor {
    fn schema(&self) -> Vec<(String, ColumnType)> {
        vec![("instrument".into(), ColumnType::Text), ("close".into(), ColumnType::Number)]
    }

    fn sessions_at_once(&self) -> Option<usize> {
        self.at_once
    }

    fn is_one_by_one(&self) -> bool {
        false
    }

    fn spec_text(&self) -> String {
        "{\"vendor\":\"memory\"}".into()
    }

    fn fetch(&self, request: &Request<'_>) -> Result<Delivery, FetchError> {
        assert!(request.spool.is_dir());
        let mark = request.spool.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        self.marks.lock().unwrap().push(mark);
        self.asked.lock().unwrap().push((request.sessions.to_vec(), request.instruments.to_vec()));
        if self.fails_on.lock().unwrap().is_some_and(|session| request.sessions.contains(&session)) {
            return Err(FetchError::Transient { what: "the vendor is down".into() });
        }
        let closes = self.closes.lock().unwrap();
        let wanted = |(session, name): &&(NaiveDate, String)| {
            request.sessions.contains(session) && (request.instruments.is_empty() || request.instruments.contains(name))
        };
        let rows: Vec<_> = closes.iter().filter(|(key, _)| wanted(key)).collect();
        let sessions = DateChunked::from_naive_date("session".into(), rows.iter().map(|((session, _), _)| *session));
        let names =
            StringChunked::from_iter_values("instrument".into(), rows.iter().map(|((_, name), _)| name.as_str()));
        let values = Float64Chunked::from_iter_values("close".into(), rows.iter().map(|(_, close)| **close));
        let columns = vec![sessions.into_column(), names.into_column(), values.into_column()];
        Ok(Delivery { frame: DataFrame::new(rows.len(), columns).unwrap(), notes: Vec::new() })
    }
}

/// Knows the vendor's columns without an address to ask.
struct Declared<'a>(&'a Vendor, FileSchemas<'a>);

impl SchemaSource for Declared<'_> {
    fn schema(&self, asset: &Asset) -> Result<assetctl_graph::Schema, Vec<Diagnostic>> {
        self.1.schema(asset)
    }

    fn fetched(&self, _: &Asset) -> Result<Fetched, Vec<Diagnostic>> {
        Ok(Fetched { schema: self.0.schema(), request: self.0.spec_text() })
    }
}

/// A project whose bars come from the vendor.
struct World {
    folder: TempDir,
    vendor: Arc<Vendor>,
    project: Arc<Project>,
    graph: Arc<Graph>,
    store: Arc<Store>,
    runtime: Runtime,
}

const BARS: &str = "\
calendar: XSHG
start: 2015-08-03
assets:
  raw_bars:
    kind: source
    http: { by: session, url: http://localhost/bars, columns: { instrument: symbol, close: close } }
";
const BELOW: &str = "  moves:
    kind: indicators
    input: raw_bars
    columns: { move: 'close / ref(close, 2) - 1' }
";

impl World {
    fn new(vendor: Vendor, keys: &str) -> Self {
        Self::with(vendor, &format!("{BARS}{keys}{BELOW}"), "")
    }

    fn with(vendor: Vendor, yaml: &str, listing: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vendor = Arc::new(vendor);
        let (project, graph) = load(folder.path(), yaml, listing, &vendor);
        let store = Arc::new(Store::open(&project.data_dir).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        Self { folder, vendor, project, graph, store, runtime }
    }

    fn write(&mut self, yaml: &str, listing: &str) {
        (self.project, self.graph) = load(self.folder.path(), yaml, listing, &self.vendor);
    }

    fn work(&self, now: DateTime<Utc>, force: bool) -> Work {
        self.work_again(now, force, false)
    }

    fn work_again(&self, now: DateTime<Utc>, force: bool, again: bool) -> Work {
        let snapshot = self.store.snapshot().unwrap();
        let all: BTreeSet<usize> = (0..self.graph.nodes().len()).collect();
        let (sources, observations) = observe(&self.project, &self.graph, &all, Some(&self.store), now).unwrap();
        let request = assetctl_plan::Request {
            selection: String::new(),
            selected: all,
            only: false,
            given: BTreeSet::new(),
            from: None,
            to: None,
            force,
            again,
            now,
        };
        let plan = assetctl_plan::plan(&self.graph, &snapshot, snapshot.rev(), &observations, &request).unwrap();
        let bars = self.graph.find("raw_bars").unwrap();
        let vendor: Arc<dyn Fetch> = self.vendor.clone();
        Work {
            project: Arc::clone(&self.project),
            graph: Arc::clone(&self.graph),
            store: Arc::clone(&self.store),
            plan,
            sources,
            observations,
            fetchers: [(bars, vendor)].into(),
        }
    }

    fn plan(&self, now: DateTime<Utc>) -> Plan {
        self.work(now, false).plan
    }

    fn run(&self, now: DateTime<Utc>) -> RunReport {
        self.execute(self.work(now, false))
    }

    fn execute(&self, work: Work) -> RunReport {
        self.execute_as(work, 1 << 28, &[])
    }

    /// With so many bytes to work in.
    fn execute_within(&self, work: Work, memory: u64) -> RunReport {
        self.execute_as(work, memory, &[])
    }

    /// Where something is forced, only these instruments are asked for.
    fn execute_for(&self, work: Work, instruments: &[&str]) -> RunReport {
        self.execute_as(work, 1 << 28, instruments)
    }

    fn execute_as(&self, work: Work, memory: u64, instruments: &[&str]) -> RunReport {
        let options = Options {
            command: String::new(),
            jobs: 1,
            batch: None,
            memory,
            threads: 1,
            wait: false,
            instruments: instruments.iter().map(|&name| name.to_owned()).collect(),
            clock: || evening("2018-06-01"),
        };
        let (events, _listener) = tokio::sync::mpsc::unbounded_channel();
        self.runtime.block_on(materialize(work, options, Cancel::default(), events)).unwrap()
    }

    /// Session, instrument and value of a column.
    fn rows(&self, asset: &str, column: &str) -> Vec<(NaiveDate, String, Option<f64>)> {
        let snapshot = self.store.snapshot().unwrap();
        let frame = snapshot.read(asset, NaiveDate::MIN, NaiveDate::MAX, None).unwrap();
        let dates: Vec<_> = frame.column("session").unwrap().date().unwrap().as_date_iter().flatten().collect();
        let names = frame.column("instrument").unwrap().str().unwrap().iter().map(|name| name.unwrap().to_owned());
        let values = frame.column(column).unwrap().f64().unwrap().iter();
        dates.into_iter().zip(names).zip(values).map(|((date, name), value)| (date, name, value)).collect()
    }

    fn close(&self, session: &str, instrument: &str) -> Option<f64> {
        let rows = self.rows("raw_bars", "close");
        rows.into_iter().find(|(date, name, _)| *date == day(session) && name == instrument).and_then(|row| row.2)
    }

    fn instruments(&self, session: &str) -> Vec<String> {
        let rows = self.rows("raw_bars", "close").into_iter();
        rows.filter(|(date, ..)| *date == day(session)).map(|(_, name, _)| name).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no crash safety")]
fn load(folder: &Path, yaml: &str, listing: &str, vendor: &Vendor) -> (Arc<Project>, Arc<Graph>) {
    std::fs::write(folder.join("assets.yaml"), yaml).unwrap();
    std::fs::write(folder.join("listing.csv"), listing).unwrap();
    let project = assetctl_config::load(&folder.join("assets.yaml")).unwrap_or_else(|errors| panic!("{errors}"));
    let graph = Graph::build(&project, &Declared(vendor, FileSchemas::new(&project)))
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    (Arc::new(project), Arc::new(graph))
}

fn of<'a>(report: &'a RunReport, asset: &str) -> &'a AssetReport {
    report.assets.iter().find(|of| of.asset == asset).unwrap_or_else(|| panic!("{asset} is not in {report:?}"))
}

/// What ran of the bars and of what is below them.
fn ran(report: &RunReport) -> [Vec<NaiveDate>; 2] {
    ["raw_bars", "moves"]
        .map(|asset| report.assets.iter().find(|of| of.asset == asset).map(|of| of.ran.clone()).unwrap_or_default())
}

fn reasons(plan: &Plan) -> Vec<(StaleReason, u32)> {
    let bars = plan.asset("raw_bars").unwrap();
    bars.stale.iter().map(|range| (range.reason.clone(), range.sessions)).collect()
}

#[test]
fn what_is_missing_is_asked_for_once() {
    let world = World::new(Vendor::of(&["x", "y"], Some(3)), "");
    let all = days(&SESSIONS);
    let report = world.run(evening("2015-08-14"));
    assert_eq!(ran(&report), [all.clone(), all.clone()]);
    let batches: Vec<usize> = world.vendor.was_asked().iter().map(|(sessions, _)| sessions.len()).collect();
    assert_eq!(batches, [3, 3, 3, 1]);
    assert_eq!(world.rows("raw_bars", "close").len(), 20);
    // Twice does nothing, also another day, as long as no session has become final.
    for now in [evening("2015-08-14"), evening("2015-08-16")] {
        assert!(world.plan(now).is_empty());
        assert!(world.vendor.was_asked().is_empty());
    }
    // Where it makes no difference it is asked once.
    let world = World::new(Vendor::of(&["x"], None), "");
    world.run(evening("2015-08-14"));
    assert_eq!(world.vendor.was_asked(), [(all, vec![])]);
}

#[test]
fn who_is_asked_for_all_sessions_at_once_is_asked_for_as_many_as_fit_in_memory() {
    const ROW: u64 = 3 * 2 * 24;
    let asked = |keys: &str, memory: u64| -> Vec<usize> {
        let world = World::new(Vendor::of(&["x", "y"], None), keys);
        let report = world.execute_within(world.work(evening("2015-08-14"), false), memory);
        assert_eq!(ran(&report), [days(&SESSIONS), days(&SESSIONS)]);
        assert_eq!(world.rows("raw_bars", "close").len(), 20);
        world.vendor.was_asked().iter().map(|(sessions, _)| sessions.len()).collect()
    };
    // Of instruments that are named it is known how many they are; of others so many are assumed.
    assert_eq!(asked("    instruments: [x, y]\n", 4 * 2 * ROW), [4, 4, 2]);
    assert_eq!(asked("    instruments: [x, y]\n", 10 * 2 * ROW), [10]);
    assert_eq!(asked("", 4 * 5_000 * ROW), [4, 4, 2]);
}

#[test]
fn a_new_session_asks_again_for_those_before_it_and_only_what_changed_goes_on() {
    let world = World::new(Vendor::of(&["x", "y"], Some(100)), "    lookback: 5\n");
    assert_eq!(ran(&world.run(evening("2015-08-12")))[0], days(&SESSIONS[..8]));
    world.vendor.was_asked();
    assert!(world.plan(evening("2015-08-12")).is_empty());

    // Before the close nothing is asked for.
    assert!(world.plan("2015-08-13T06:59:59Z".parse().unwrap()).is_empty());
    world.vendor.set("2015-08-07", "y", Some(99.0));
    // Too long ago to be looked at again.
    world.vendor.set("2015-08-05", "y", Some(98.0));
    let plan = world.plan(evening("2015-08-13"));
    assert_eq!(reasons(&plan), [(StaleReason::Refetch { lookback: 5 }, 5), (StaleReason::NeverMaterialized, 1)]);
    let report = world.run(evening("2015-08-13"));
    assert_eq!(world.vendor.sessions_asked(), days(&SESSIONS[3..9]));
    assert_eq!(of(&report, "raw_bars").ran, days(&SESSIONS[3..9]));
    assert_eq!(of(&report, "raw_bars").changed, 2);
    // The moves read two sessions back.
    assert_eq!(of(&report, "moves").ran, days(&["2015-08-07", "2015-08-10", "2015-08-11", "2015-08-13"]));
    assert_eq!((world.close("2015-08-07", "y"), world.close("2015-08-05", "y")), (Some(99.0), Some(22.0)));
    for now in [evening("2015-08-13"), evening("2015-08-13")] {
        assert!(world.plan(now).is_empty());
    }
    // What the bars were is not lost.
    let revisions = world.store.revisions("raw_bars", day("2015-08-07")).unwrap();
    assert_eq!(revisions.len(), 2);
}

#[test]
fn answers_that_are_asked_for_again_are_kept_until_another_session_is_final() {
    let world = World::new(Vendor::of(&["x"], Some(3)), "    lookback: 2\n");
    world.run(evening("2015-08-14"));
    let marks = |world: &World| std::mem::take(&mut *world.vendor.marks.lock().unwrap());
    // Three sessions and three, which nobody asks for again; and four that the next sessions look back at.
    assert_eq!(marks(&world), ["lasting", "lasting", "2015-08-14", "2015-08-14"]);
    world.run(evening("2015-08-17"));
    assert_eq!(marks(&world), ["2015-08-17"]);
}

#[test]
fn no_rows_are_waited_for_and_hold_up_what_reads_them() {
    let world = World::new(Vendor::of(&["x", "y"], Some(100)), "");
    let late = "2015-08-13";
    let closes: Vec<f64> =
        ["x", "y"].iter().map(|name| world.vendor.closes.lock().unwrap()[&(day(late), (*name).to_owned())]).collect();
    ["x", "y"].iter().for_each(|name| world.vendor.set(late, name, None));
    let report = world.run(evening("2015-08-14"));
    let but_late: Vec<NaiveDate> = days(&SESSIONS).into_iter().filter(|session| *session != day(late)).collect();
    assert_eq!(ran(&report)[0], but_late);
    // The session itself waits, and the one after, which reads it not: a window of two back from 2015-08-14 does.
    assert_eq!(ran(&report)[1], days(&SESSIONS[..8]));
    assert_eq!(of(&report, "raw_bars").waits.get(&day(late)).unwrap(), "no rows came");
    let waits = &of(&report, "moves").waits;
    assert_eq!(waits.keys().copied().collect::<Vec<_>>(), days(&SESSIONS[8..]));
    assert_eq!(waits[&day(late)], "`raw_bars`: no rows came");

    let reason = StaleReason::AskedInVain { at: evening("2015-08-14"), rows: 0 };
    assert_eq!(reasons(&world.plan(evening("2015-08-14"))), [(reason, 1)]);
    world.vendor.was_asked();
    let report = world.run(evening("2015-08-14"));
    assert_eq!(world.vendor.sessions_asked(), days(&[late]));
    assert_eq!(of(&report, "raw_bars").status, AssetStatus::Waits);
    assert_eq!(of(&report, "moves").status, AssetStatus::Waits);
    assert!(!report.failed());

    for (name, close) in ["x", "y"].iter().zip(closes) {
        world.vendor.set(late, name, Some(close));
    }
    assert_eq!(ran(&world.run(evening("2015-08-14"))), [days(&[late]), days(&SESSIONS[8..])]);
    assert!(world.plan(evening("2015-08-14")).is_empty());
}

#[test]
fn an_empty_session_may_be_declared_to_be_one() {
    let world = World::new(Vendor::of(&["x"], Some(100)), "    empty: accept\n");
    world.vendor.set("2015-08-13", "x", None);
    let report = world.run(evening("2015-08-14"));
    assert_eq!(ran(&report), [days(&SESSIONS), days(&SESSIONS)]);
    assert!(world.plan(evening("2015-08-14")).is_empty());
    // All of them.
    let world = World::new(Vendor::of(&[], Some(100)), "    empty: accept\n");
    assert_eq!(ran(&world.run(evening("2015-08-14")))[0], days(&SESSIONS));
    assert!(world.rows("raw_bars", "close").is_empty());
}

#[test]
fn fewer_rows_than_there_must_be_do_not_take_the_place_of_what_is_there() {
    let world = World::new(Vendor::of(&["a", "b", "c", "d", "e"], Some(100)), "    lookback: 3\n    min_rows: 80%\n");
    world.vendor.set("2015-08-05", "a", None);
    world.run(evening("2015-08-12"));
    assert_eq!(world.instruments("2015-08-05").len(), 4);
    let before = world.rows("raw_bars", "close");

    // Of a session that is there three of five come, of another none, and of a new one three.
    for (session, names) in
        [("2015-08-11", &["d", "e"][..]), ("2015-08-12", &["a", "b", "c", "d", "e"]), ("2015-08-13", &["d", "e"])]
    {
        names.iter().for_each(|name| world.vendor.set(session, name, None));
    }
    world.vendor.set("2015-08-11", "a", Some(77.0));
    let report = world.run(evening("2015-08-13"));
    let bars = of(&report, "raw_bars");
    assert_eq!(bars.ran, days(&["2015-08-10"]));
    assert_eq!(bars.notes.len(), 2, "{:?}", bars.notes);
    assert!(
        bars.notes[0].contains("2015-08-11: 3 rows came, and there must be 4; what was there stays"),
        "{:?}",
        bars.notes
    );
    assert_eq!(bars.waits[&day("2015-08-13")], "3 rows came, and there must be 4");
    assert_eq!(world.rows("raw_bars", "close"), before);
    // What was there is not asked for again until another session is final; what is not there, by the next run.
    world.vendor.was_asked();
    world.run(evening("2015-08-13"));
    assert_eq!(world.vendor.sessions_asked(), days(&["2015-08-13"]));
}

#[test]
fn a_row_that_does_not_come_again_stays_or_goes_as_declared() {
    for (keys, left) in [("", 2), ("    on_missing: keep\n", 2), ("    on_missing: remove\n", 1)] {
        let world = World::new(Vendor::of(&["x", "y"], Some(100)), &format!("    lookback: 2\n{keys}"));
        world.run(evening("2015-08-13"));
        world.vendor.set("2015-08-13", "y", None);
        world.vendor.set("2015-08-13", "x", Some(55.0));
        let report = world.run(evening("2015-08-14"));
        assert_eq!(world.instruments("2015-08-13").len(), left, "{keys}");
        assert_eq!(world.close("2015-08-13", "x"), Some(55.0));
        let what = if left == 2 { "stays" } else { "goes" };
        let note = format!("1 row of 2015-08-13 did not come again and {what}");
        assert_eq!(of(&report, "raw_bars").notes, [note]);
    }
}

#[test]
fn another_set_of_instruments_asks_for_what_is_new_alone() {
    let vendor = Vendor::of(&["x", "y", "z"], Some(100));
    let mut world = World::new(vendor, "    instruments: [y, x]\n");
    world.run(evening("2015-08-14"));
    assert_eq!(world.vendor.was_asked(), [(days(&SESSIONS), vec!["x".to_owned(), "y".to_owned()])]);

    world.write(&format!("{BARS}    instruments: [x, y, z]\n{BELOW}"), "");
    let report = world.run(evening("2015-08-14"));
    assert_eq!(world.vendor.was_asked(), [(days(&SESSIONS), vec!["z".to_owned()])]);
    assert_eq!(ran(&report), [days(&SESSIONS), days(&SESSIONS)]);
    assert_eq!(of(&report, "raw_bars").computed, 10);
    assert_eq!(world.instruments("2015-08-05"), ["x", "y", "z"]);

    world.write(&format!("{BARS}    instruments: [z, x]\n{BELOW}"), "");
    world.run(evening("2015-08-14"));
    assert!(world.vendor.was_asked().is_empty());
    assert_eq!(world.instruments("2015-08-05"), ["x", "z"]);
    assert!(world.plan(evening("2015-08-14")).is_empty());
}

#[test]
fn a_new_name_in_the_table_of_instruments_fetches_its_history() {
    let yaml = format!(
        "{BARS}    instruments: {{ table: listing, column: symbol }}\n{BELOW}  listing: {{ kind: table, csv: listing.csv, types: {{ symbol: text }}, key: symbol }}\n"
    );
    let listing = |names: &[&str]| {
        format!("symbol,lot\n{}", names.iter().map(|name| format!("{name},100\n")).collect::<String>())
    };
    let vendor = Vendor::of(&["x", "y", "z"], None);
    let mut world = World::with(vendor, &yaml, &listing(&["x", "y"]));
    world.run(evening("2015-08-13"));
    assert_eq!(world.vendor.was_asked(), [(days(&SESSIONS[..9]), vec!["x".to_owned(), "y".to_owned()])]);
    world.write(&yaml, &listing(&["x", "y", "z"]));
    let report = world.run(evening("2015-08-14"));
    let mut asked = world.vendor.was_asked();
    asked.sort();
    let all: Vec<String> = ["x", "y", "z"].map(str::to_owned).to_vec();
    assert_eq!(asked, [(days(&SESSIONS[..9]), vec!["z".to_owned()]), (days(&SESSIONS[9..]), all)]);
    assert_eq!(of(&report, "moves").ran, days(&SESSIONS));
    assert_eq!(world.rows("raw_bars", "close").len(), 30);
    // What else the table says of them is nothing to ask for.
    world.write(&yaml, &listing(&["x", "y", "z"]).replace("100", "200"));
    assert_eq!(ran(&world.run(evening("2015-08-14"))), [vec![], vec![]]);
    assert!(world.vendor.was_asked().is_empty());
    // A table that names nobody is a mistake.
    world.write(&yaml, &listing(&[]));
    let report = world.run(evening("2015-08-14"));
    assert!(of(&report, "raw_bars").error.as_ref().unwrap().contains("`listing.symbol` names none"));
}

#[test]
fn a_vendor_that_fails_stops_what_is_below_and_loses_nothing() {
    let yaml = format!("{BARS}{BELOW}  listing: {{ kind: table, csv: listing.csv, types: {{ symbol: text }} }}\n");
    let world = World::with(Vendor::of(&["x", "y"], Some(4)), &yaml, "symbol\nx\n");
    *world.vendor.fails_on.lock().unwrap() = Some(day("2015-08-11"));
    let report = world.run(evening("2015-08-14"));
    let bars = of(&report, "raw_bars");
    assert_eq!((bars.status, bars.error.as_deref()), (AssetStatus::Failed, Some("the vendor is down")));
    assert_eq!(bars.ran, days(&SESSIONS[..4]));
    assert_eq!(of(&report, "moves").status, AssetStatus::Blocked);
    assert_eq!(of(&report, "listing").status, AssetStatus::Ok);
    *world.vendor.fails_on.lock().unwrap() = None;
    world.vendor.was_asked();
    let report = world.run(evening("2015-08-14"));
    assert_eq!(world.vendor.sessions_asked(), days(&SESSIONS[4..]));
    assert_eq!(ran(&report), [days(&SESSIONS[4..]), days(&SESSIONS)]);
}

#[test]
fn who_forces_asks_for_everything_again() {
    let world = World::new(Vendor::of(&["x"], Some(100)), "");
    world.run(evening("2015-08-14"));
    world.vendor.was_asked();
    let report = world.execute(world.work(evening("2015-08-14"), true));
    assert_eq!(world.vendor.sessions_asked(), days(&SESSIONS));
    assert_eq!(of(&report, "raw_bars").changed, 0);
    assert!(!world.store.layout().spool("raw_bars").exists());
}

/// The others' rows stay, and so does a row that did not come again.
#[test]
fn some_instruments_can_be_asked_for_again_alone() {
    let world = World::new(Vendor::of(&["x", "y", "z"], Some(100)), "    instruments: [x, y, z]\n");
    world.run(evening("2015-08-14"));
    let before = world.rows("raw_bars", "close");
    world.vendor.was_asked();
    world.vendor.set(SESSIONS[1], "x", Some(41.0));
    world.vendor.set(SESSIONS[1], "y", Some(42.0));
    world.vendor.set(SESSIONS[2], "x", None);
    let report = world.execute_for(world.work_again(evening("2015-08-14"), false, true), &["x", "nobody"]);
    let asked = world.vendor.was_asked();
    assert!(asked.iter().all(|(_, instruments)| *instruments == ["x"]), "{asked:?}");
    assert_eq!(of(&report, "raw_bars").changed, 1);
    // What reads them is made where something changed.
    assert_eq!(ran(&report)[1], days(&SESSIONS[1..4]));
    let changed: Vec<_> = world.rows("raw_bars", "close").into_iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(changed, [(day(SESSIONS[1]), "x".to_owned(), Some(41.0))]);
    // They are as whole as they were: nothing is due again.
    assert!(world.plan(evening("2015-08-14")).is_empty());
}

/// What happens in a random story.
#[derive(Debug, Clone)]
enum Step {
    /// The vendor corrects, withdraws or adds a row.
    Edit { session: usize, instrument: usize, close: Option<u8> },
    /// A run after the close of a session, at which the vendor may fail for another.
    Run { session: usize, fails_on: Option<usize> },
    /// Only these instruments are wanted from now on.
    Want { instruments: usize },
}

const NAMES: [&str; 3] = ["x", "y", "z"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let session = 0..SESSIONS.len() - 1;
    let step = prop_oneof![
        4 => (session.clone(), 0..NAMES.len(), proptest::option::of(1..=9_u8))
            .prop_map(|(session, instrument, close)| Step::Edit { session, instrument, close }),
        3 => (session.clone(), proptest::option::of(session))
            .prop_map(|(session, fails_on)| Step::Run { session, fails_on }),
        1 => (1..=NAMES.len()).prop_map(|instruments| Step::Want { instruments }),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A source that looks back far enough, and lets go what the vendor lets go, ends as if it had been asked for the first time at the end.
    #[test]
    fn any_history_of_asking_ends_as_asking_once(steps in steps()) {
        let yaml = |instruments: usize| {
            let wanted = NAMES[..instruments].join(", ");
            let keys = "    lookback: 100\n    on_missing: remove\n    empty: accept\n";
            format!("{BARS}{keys}    instruments: [{wanted}]\n{BELOW}")
        };
        let mut instruments = NAMES.len();
        let mut world = World::with(Vendor::of(&NAMES, Some(4)), &yaml(instruments), "");
        let mut today = 0;
        for step in steps {
            match step {
                Step::Edit { session, instrument, close } => {
                    world.vendor.set(SESSIONS[session], NAMES[instrument], close.map(f64::from));
                }
                Step::Run { session, fails_on } => {
                    today = today.max(session);
                    *world.vendor.fails_on.lock().unwrap() = fails_on.map(|session| day(SESSIONS[session]));
                    world.run(evening(SESSIONS[today]));
                }
                Step::Want { instruments: wanted } => {
                    instruments = wanted;
                    world.write(&yaml(instruments), "");
                }
            }
        }
        *world.vendor.fails_on.lock().unwrap() = None;
        let end = evening(SESSIONS[SESSIONS.len() - 1]);
        prop_assert!(!world.run(end).failed());
        prop_assert!(world.plan(end).is_empty());

        let last = Vendor::of(&[], Some(4));
        *last.closes.lock().unwrap() = world.vendor.closes.lock().unwrap().clone();
        let fresh = World::with(last, &yaml(instruments), "");
        prop_assert!(!fresh.run(end).failed());
        for asset in ["raw_bars", "moves"] {
            let contents = |world: &World| world.store.snapshot().unwrap().contents(asset).unwrap();
            prop_assert_eq!(contents(&world), contents(&fresh), "{}", asset);
        }
    }
}
