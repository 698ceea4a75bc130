//! `source` that has to be asked: for which instruments of which sessions somebody is asked, and what of the answer becomes a partition.
//!
//! A session that is new, due again, or made of another request is asked for as a whole. One whose set of instruments has changed is
//! asked for those that came to it; the rows of the others stay, and those of instruments that are wanted no more go. An answer
//! that brings less than it must is not taken: what was there stays, and where nothing was, what reads it waits.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use assetctl_config::{ColumnType, Empty, FetchSpec, Kind, MinRows, OnMissing};
use assetctl_connect::{Fetch, Progress, Request};
use assetctl_graph::Wanted;
use assetctl_plan::{Asked, Hash128, Ledger, Month, RecordCache, STATIC_SESSION, StaleReason};
use assetctl_store::{FetchRow, Fetches};
use chrono::{DateTime, Days, NaiveDate, Utc};
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, bar_key, runs, stacked};

/// Longer than any exchange stays closed: within so many days before a session there is one before it.
const NEIGHBOURS: Days = Days::new(40);

/// What asking takes besides the batch.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub fetcher: &'a dyn Fetch,
    pub asked: Option<&'a Asked>,
    /// The instant that decided which sessions are final.
    pub now: DateTime<Utc>,
    /// Who is asked for where a session is forced; none for all.
    pub only: &'a [String],
    /// For answers that are not committed yet.
    pub spool: &'a Path,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

pub struct Fetched {
    /// Hash of the request but for its instruments.
    request: Hash128,
    wanted: Wanted,
    /// Rows of the sessions that were taken by this run.
    taken: Mutex<BTreeMap<NaiveDate, u64>>,
}

/// For which instruments a session is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    /// For all that are wanted.
    All,
    /// For these, which its partition does not have yet.
    Some(Vec<String>),
    /// For these, once more: of those that its partition has already, a row that does not come again is missing.
    Again(Vec<String>),
    /// For none: instruments went.
    None,
}

/// One session of a batch.
struct Session {
    ask: Ask,
    /// Whether there is a partition, of the same request: its rows may stay.
    has_rows: bool,
}

/// What becomes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Taken,
    InPart,
    Refused,
}

impl Fetched {
    pub fn new(request: &str, wanted: &Wanted) -> Self {
        Self { request: Hash128::of(request.as_bytes()), wanted: wanted.clone(), taken: Mutex::default() }
    }

    /// The instruments to have, sorted; none for all that there are.
    fn wanted(&self, batch: &Batch<'_>) -> Result<Vec<String>, MakeError> {
        let (column, edge) = match (&self.wanted, batch.node.edges.first()) {
            (Wanted::Names(names), _) => return Ok(names.clone()),
            (Wanted::Column(column), Some(edge)) => (column, edge),
            (Wanted::All | Wanted::Column(_), _) => return Ok(Vec::new()),
        };
        let table = batch.read(edge, STATIC_SESSION, STATIC_SESSION)?;
        let names: BTreeSet<String> = table.column(column)?.str()?.iter().flatten().map(str::to_owned).collect();
        if names.is_empty() {
            return Err(MakeError::NoInstruments { table: batch.input(edge).name.clone(), column: column.clone() });
        }
        Ok(names.into_iter().collect())
    }

    /// What each session is asked for.
    fn sessions(&self, batch: &Batch<'_>, asking: &Asking<'_>, wanted: &[String]) -> Result<Sessions, MakeError> {
        let (Some(first), Some(last)) = (batch.sessions.first(), batch.sessions.last()) else {
            return Ok(Sessions::default());
        };
        let name = &batch.node.name;
        let rows = batch.store.fetches(name, *first, *last)?;
        let head = batch.snapshot.head(name);
        let cache = RecordCache::new(batch.graph, batch.snapshot);
        let before = first.checked_sub_days(NEIGHBOURS).unwrap_or(*first);
        let records = cache.between(batch.plan.node, before, *last)?;
        let mut sets: HashMap<Hash128, Vec<String>> = HashMap::new();
        let mut sessions = BTreeMap::new();
        for session in batch.sessions {
            let damaged = head.is_some_and(|head| head.damaged.contains(&Month::of(*session)));
            let there = !damaged && records.get(*session).is_some();
            let made_of = rows.get(session).and_then(|row: &FetchRow| row.made_of);
            let same = made_of.filter(|made_of| there && made_of.request == self.request);
            let forced = batch.plan.range_of(*session).is_some_and(|range| range.reason == StaleReason::Forced);
            let due = asking.asked.is_some_and(|asked| asked.due.contains(session));
            let in_part = !due && (!forced || !asking.only.is_empty());
            let ask = match same {
                Some(made_of) if in_part => {
                    if let std::collections::hash_map::Entry::Vacant(entry) = sets.entry(made_of.instruments) {
                        entry.insert(batch.store.instrument_set(made_of.instruments)?.unwrap_or_default());
                    }
                    let lacking = ask_for(wanted, &sets[&made_of.instruments]);
                    if forced { again(lacking, wanted, asking.only) } else { lacking }
                }
                _ => Ask::All,
            };
            sessions.insert(*session, Session { ask, has_rows: same.is_some() });
        }
        let counts = records.iter().map(|(_, record)| (record.session, u64::from(record.rows))).collect();
        Ok(Sessions { sessions, counts })
    }

    /// Asks, once for each set of instruments.
    fn ask(
        &self,
        batch: &Batch<'_>,
        asking: &Asking<'_>,
        sessions: &BTreeMap<NaiveDate, Session>,
        wanted: &[String],
        notes: &mut Vec<String>,
    ) -> Result<DataFrame, MakeError> {
        let mut asks: BTreeMap<&Ask, Vec<NaiveDate>> = BTreeMap::new();
        for (date, session) in sessions.iter().filter(|(_, session)| session.ask != Ask::None) {
            asks.entry(&session.ask).or_default().push(*date);
        }
        let mut all = empty(&asking.fetcher.schema())?;
        let is_cancelled = || batch.cancel.is_set();
        for (ask, sessions) in asks {
            let instruments = match ask {
                Ask::Some(instruments) | Ask::Again(instruments) => instruments,
                Ask::All | Ask::None => wanted,
            };
            let delivery = asking.fetcher.fetch(&Request {
                sessions: &sessions,
                calendar: &batch.node.calendar,
                instruments,
                now: asking.now,
                spool: asking.spool,
                is_cancelled: &is_cancelled,
                progress: asking.progress,
            })?;
            notes.extend(delivery.notes);
            if delivery.frame.height() > 0 {
                let names = all.get_column_names_owned();
                all.vstack_mut(&delivery.frame.select(names)?)?;
            }
        }
        Ok(all)
    }
}

/// The sessions of a batch, and how many rows there are of those that have a partition, some before them included.
#[derive(Default)]
struct Sessions {
    sessions: BTreeMap<NaiveDate, Session>,
    counts: BTreeMap<NaiveDate, u64>,
}

/// What a partition that was made for `had` lacks of `wanted`; none stands for all in either.
fn ask_for(wanted: &[String], had: &[String]) -> Ask {
    if had.is_empty() {
        return Ask::None;
    }
    if wanted.is_empty() {
        return Ask::All;
    }
    let had: HashSet<&str> = had.iter().map(String::as_str).collect();
    let lacking: Vec<String> = wanted.iter().filter(|name| !had.contains(name.as_str())).cloned().collect();
    if lacking.is_empty() { Ask::None } else { Ask::Some(lacking) }
}

/// What is lacking, and those of `only` that are wanted, once more.
fn again(lacking: Ask, wanted: &[String], only: &[String]) -> Ask {
    let lacking = match lacking {
        Ask::All => return Ask::All,
        Ask::Some(names) | Ask::Again(names) => names,
        Ask::None => Vec::new(),
    };
    let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(name);
    let names: BTreeSet<String> = lacking.into_iter().chain(only.iter().filter(is_wanted).cloned()).collect();
    if names.is_empty() { Ask::None } else { Ask::Again(names.into_iter().collect()) }
}

impl Materializer for Fetched {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let (Some(asking), Kind::Source(spec)) = (&batch.asking, &batch.asset.kind) else {
            return Err(MakeError::Io(std::io::Error::other("there is nobody to ask")));
        };
        let wanted = self.wanted(batch)?;
        let Sessions { sessions, counts } = self.sessions(batch, asking, &wanted)?;
        let mut notes = Vec::new();
        let came = self.ask(batch, asking, &sessions, &wanted, &mut notes)?;
        batch.check_cancel()?;

        let delivered = rows_by_session(&came)?;
        let mut judge = Judge {
            spec: &spec.fetch,
            counts,
            taken: self.taken.lock().unwrap_or_else(PoisonError::into_inner),
            fetched: BTreeMap::new(),
            waits: BTreeMap::new(),
            notes: &mut notes,
        };
        let verdicts: BTreeMap<NaiveDate, Verdict> = sessions
            .iter()
            .map(|(date, session)| (*date, judge.session(*date, session, delivered.get(date).copied().unwrap_or(0))))
            .collect();
        let (fetched, waits) = judge.into_parts();

        let is_new = |date: &NaiveDate| verdicts.get(date).is_some_and(|verdict| *verdict != Verdict::Refused);
        let mut frame = if delivered.keys().all(is_new) { came.clone() } else { of_sessions(&came, is_new)? };
        let computed = frame.height() as u64;
        let on_missing = spec.fetch.on_missing.unwrap_or_default();
        let kept = self.kept(batch, &sessions, &verdicts, &came, &wanted, on_missing)?;
        notes.extend(kept.note);
        if kept.rows.height() > 0 {
            let names = frame.get_column_names_owned();
            frame.vstack_mut(&kept.rows.select(names)?)?;
        }
        let key = bar_key(&frame);
        let made: Vec<NaiveDate> = sessions.keys().copied().filter(is_new).collect();
        Ok(Made {
            frame,
            sessions: made,
            key,
            computed: Some(computed),
            fetches: Some(Fetches { at: asking.now, request: self.request, instruments: wanted, sessions: fetched }),
            untaken: sessions.keys().copied().filter(|date| !is_new(date)).collect(),
            waits,
            notes,
            ..Made::default()
        })
    }
}

/// Rows of before that stay.
struct Kept {
    rows: DataFrame,
    note: Option<String>,
}

impl Fetched {
    fn kept(
        &self,
        batch: &Batch<'_>,
        sessions: &BTreeMap<NaiveDate, Session>,
        verdicts: &BTreeMap<NaiveDate, Verdict>,
        came: &DataFrame,
        wanted: &[String],
        on_missing: OnMissing,
    ) -> Result<Kept, MakeError> {
        let has_old = |date: &NaiveDate| sessions[date].has_rows && verdicts.get(date) != Some(&Verdict::Refused);
        let old: Vec<NaiveDate> = sessions.keys().copied().filter(has_old).collect();
        // Not what lies between: a month may be damaged.
        let parts = runs(batch.node, &old).into_iter().map(|(first, last)| batch.read_own(first, last));
        let before = stacked(parts.collect::<Result<_, _>>()?)?;
        if before.height() == 0 {
            return Ok(Kept { rows: before, note: None });
        }
        let came = row_keys(came)?;
        let came: HashSet<(NaiveDate, &str, i64)> =
            came.iter().map(|(date, name, time)| (*date, name.as_str(), *time)).collect();
        let wanted: HashSet<&str> = wanted.iter().map(String::as_str).collect();
        let mut missing: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        let mut stays = |date: &NaiveDate, name: &str, time: i64| {
            let Some(session) = sessions.get(date).filter(|_| has_old(date)) else { return false };
            if !(wanted.is_empty() || wanted.contains(name)) || came.contains(&(*date, name, time)) {
                return false;
            }
            match &session.ask {
                Ask::None => true,
                Ask::Some(asked) => asked.iter().all(|asked| asked != name),
                Ask::Again(asked) if asked.iter().all(|asked| asked != name) => true,
                Ask::Again(_) | Ask::All => {
                    *missing.entry(*date).or_default() += 1;
                    on_missing == OnMissing::Keep
                }
            }
        };
        let rows = row_keys(&before)?;
        let mask: BooleanChunked =
            rows.iter().map(|(date, name, time)| Some(stays(date, name, *time))).collect_ca("mask".into());
        let note = missing.first_key_value().map(|(first, _)| {
            let rows: u64 = missing.values().sum();
            let (noun, verb) = match (rows, on_missing) {
                (1, OnMissing::Keep) => ("row", "stays"),
                (1, OnMissing::Remove) => ("row", "goes"),
                (_, OnMissing::Keep) => ("rows", "stay"),
                (_, OnMissing::Remove) => ("rows", "go"),
            };
            let more = match missing.len() - 1 {
                0 => String::new(),
                1 => " and 1 more session".to_owned(),
                more => format!(" and {more} more sessions"),
            };
            format!("{rows} {noun} of {first}{more} did not come again and {verb}")
        });
        Ok(Kept { rows: before.filter(&mask)?, note })
    }
}

/// Decides session by session whether an answer is taken.
struct Judge<'a> {
    spec: &'a FetchSpec,
    /// Rows of partitions.
    counts: BTreeMap<NaiveDate, u64>,
    taken: std::sync::MutexGuard<'a, BTreeMap<NaiveDate, u64>>,
    fetched: BTreeMap<NaiveDate, assetctl_store::Fetched>,
    waits: BTreeMap<NaiveDate, String>,
    notes: &'a mut Vec<String>,
}

impl Judge<'_> {
    fn session(&mut self, date: NaiveDate, session: &Session, rows: u64) -> Verdict {
        if session.ask != Ask::All {
            self.fetched.insert(date, assetctl_store::Fetched::InPart);
            return Verdict::InPart;
        }
        let Some(why) = self.refuses(date, rows) else {
            self.taken.insert(date, rows);
            self.fetched.insert(date, assetctl_store::Fetched::Taken { rows });
            return Verdict::Taken;
        };
        self.fetched.insert(date, assetctl_store::Fetched::Refused { rows });
        if session.has_rows {
            self.notes.push(format!("{date}: {why}; what was there stays"));
        } else {
            self.waits.insert(date, why);
        }
        Verdict::Refused
    }

    fn into_parts(self) -> (BTreeMap<NaiveDate, assetctl_store::Fetched>, BTreeMap<NaiveDate, String>) {
        (self.fetched, self.waits)
    }

    /// Why an answer is not taken.
    fn refuses(&self, date: NaiveDate, rows: u64) -> Option<String> {
        if rows == 0 {
            return (self.spec.empty.unwrap_or_default() == Empty::Wait).then(|| "no rows came".to_owned());
        }
        let bound = self.spec.min_rows.as_ref().and_then(MinRows::bound)?;
        let least = bound.rows(self.before(date));
        (rows < least).then(|| format!("{rows} rows came, and there must be {least}"))
    }

    /// Rows of the newest session before.
    fn before(&self, date: NaiveDate) -> Option<u64> {
        let newest =
            |counts: &BTreeMap<NaiveDate, u64>| counts.range(..date).next_back().map(|(date, rows)| (*date, *rows));
        newest(&self.counts).max(newest(&self.taken)).map(|(_, rows)| rows)
    }
}

/// How many rows there are of each session.
fn rows_by_session(frame: &DataFrame) -> PolarsResult<BTreeMap<NaiveDate, u64>> {
    let mut rows: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    if frame.height() > 0 {
        let days: Vec<Option<i32>> = frame.column("session")?.date()?.physical().iter().collect();
        for run in days.chunk_by(|day, next| day == next) {
            let date = run[0].and_then(NaiveDate::from_epoch_days).unwrap_or_default();
            *rows.entry(date).or_default() += run.len() as u64;
        }
    }
    Ok(rows)
}

/// The rows of those sessions that `wanted` takes.
fn of_sessions(frame: &DataFrame, wanted: impl Fn(&NaiveDate) -> bool) -> PolarsResult<DataFrame> {
    let dates = frame.column("session")?.date()?;
    let mask: BooleanChunked =
        dates.as_date_iter().map(|date| Some(wanted(&date.unwrap_or_default()))).collect_ca("mask".into());
    frame.filter(&mask)
}

/// Session, instrument and time of each row; 0 where rows have no time.
fn row_keys(frame: &DataFrame) -> PolarsResult<Vec<(NaiveDate, String, i64)>> {
    if frame.height() == 0 {
        return Ok(Vec::new());
    }
    let dates = frame.column("session")?.date()?.clone();
    let names: Vec<String> = match frame.column("instrument") {
        Ok(names) => names.str()?.iter().map(|name| name.unwrap_or_default().to_owned()).collect(),
        Err(_) => vec![String::new(); frame.height()],
    };
    let times: Vec<i64> = match frame.column("time") {
        Ok(times) if bar_key(frame).iter().any(|key| key == "time") => {
            times.datetime()?.physical().iter().map(Option::unwrap_or_default).collect()
        }
        _ => vec![0; frame.height()],
    };
    let dates = dates.as_date_iter().map(Option::unwrap_or_default);
    Ok(dates.zip(names).zip(times).map(|((date, name), time)| (date, name, time)).collect())
}

/// No rows, of a source's columns.
fn empty(schema: &[(String, ColumnType)]) -> PolarsResult<DataFrame> {
    let none = |name: &str, kind: &ColumnType| -> Column {
        let name = name.into();
        match kind {
            ColumnType::Number => Column::new_empty(name, &DataType::Float64),
            ColumnType::Text => Column::new_empty(name, &DataType::String),
            ColumnType::Bool => Column::new_empty(name, &DataType::Boolean),
            ColumnType::Date => Column::new_empty(name, &DataType::Date),
            ColumnType::Time => Column::new_empty(name, &DataType::Datetime(TimeUnit::Microseconds, None)),
        }
    };
    let columns = std::iter::once(none("session", &ColumnType::Date))
        .chain(schema.iter().filter(|(name, _)| name != "session").map(|(name, kind)| none(name, kind)));
    DataFrame::new(0, columns.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_lacking_is_asked_for() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let (ab, abc) = (names(&["a", "b"]), names(&["a", "b", "c"]));
        assert_eq!(ask_for(&abc, &ab), Ask::Some(names(&["c"])));
        assert_eq!(ask_for(&ab, &abc), Ask::None);
        assert_eq!(ask_for(&[], &ab), Ask::All);
        assert_eq!(ask_for(&ab, &[]), Ask::None);
        assert_eq!(ask_for(&[], &[]), Ask::None);
        let only = names(&["b", "z"]);
        assert_eq!(again(ask_for(&ab, &abc), &ab, &only), Ask::Again(names(&["b"])));
        assert_eq!(again(ask_for(&abc, &ab), &abc, &only), Ask::Again(names(&["b", "c"])));
        assert_eq!(again(ask_for(&[], &[]), &[], &only), Ask::Again(only.clone()));
        assert_eq!(again(ask_for(&[], &ab), &[], &only), Ask::All);
        assert_eq!(again(Ask::None, &ab, &names(&["z"])), Ask::None);
    }
}
