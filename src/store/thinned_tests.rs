use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::*;
use proptest::prelude::*;

use crate::testing::{Scratch, at, bars, commit_of, day, numbers};
use crate::{Error, GcPolicy, Revision, RunStatus, Store, connect_known};

const NOTHING_KEPT: GcPolicy = GcPolicy { keep_runs: 0, keep_since: None, dry_run: false };
const DAYS: [&str; 6] = ["2024-01-29", "2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02", "2024-02-05"];

fn history() -> [String; 1] {
    ["bars".to_owned()]
}

/// A commit at a second: the sessions with their closes, and those that go.
fn commit(store: &Store, second: i64, rows: &[(&str, f64)], drop: &[&str]) {
    let sessions: Vec<&str> = rows.iter().map(|(session, _)| *session).collect();
    let frame: Vec<_> = rows.iter().map(|(session, close)| (*session, "x", Some(*close))).collect();
    let frame = if frame.is_empty() { DataFrame::empty() } else { bars(&frame) };
    let mut commit = commit_of("bars", &sessions, frame);
    (commit.at, commit.drop) = (at(second), drop.iter().map(|session| day(session)).collect());
    store.commit(commit).unwrap();
}

/// What was known at a second, by session.
fn known(store: &Store, second: i64) -> Result<BTreeMap<NaiveDate, f64>, Error> {
    let snapshot = store.snapshot_known(&history(), at(second))?;
    let read = match snapshot.read("bars", NaiveDate::MIN, NaiveDate::MAX, None) {
        Err(Error::UnknownAsset { .. }) => return Ok(BTreeMap::new()),
        read => read?,
    };
    let dates: Vec<NaiveDate> = read.column("session").unwrap().date().unwrap().as_date_iter().flatten().collect();
    assert!(dates.is_sorted());
    Ok(dates.into_iter().zip(numbers(&read, "close")).map(|(date, close)| (date, close.unwrap())).collect())
}

/// The same in SQL.
fn known_in_sql(store: &Store, second: i64) -> BTreeMap<NaiveDate, f64> {
    let connection = connect_known(&store.snapshot_known(&history(), at(second)).unwrap(), None).unwrap();
    let Ok(mut statement) = connection.prepare("SELECT session::VARCHAR, close FROM bars") else {
        return BTreeMap::new();
    };
    let row = |row: &duckdb::Row<'_>| Ok((day(&row.get::<_, String>(0)?), row.get(1)?));
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn files(scratch: &Scratch) -> usize {
    std::fs::read_dir(scratch.store.layout().asset("bars")).unwrap().count()
}

#[test]
fn of_a_month_that_grew_day_by_day_one_file_stays_and_one_for_each_revision() {
    let scratch = Scratch::new();
    for (n, session) in (1..).zip(&DAYS[..3]) {
        commit(&scratch.store, 10 * n, &[(session, n as f64)], &[]);
    }
    // The first is corrected; then it is taken back; then the month goes on.
    commit(&scratch.store, 40, &[(DAYS[0], 7.0)], &[]);
    commit(&scratch.store, 50, &[(DAYS[0], 1.0)], &[]);
    commit(&scratch.store, 60, &[(DAYS[3], 4.0)], &[]);
    let revisions = |store: &Store| -> Vec<Revision> { store.revisions("bars", day(DAYS[0])).unwrap() };
    let told = revisions(&scratch.store);
    assert_eq!(told.iter().map(|revision| revision.known_at).collect::<Vec<_>>(), [at(10), at(40), at(50)]);
    let before: Vec<_> = (1..=6).map(|n| known(&scratch.store, 10 * n).unwrap()).collect();
    assert_eq!(files(&scratch), 5, "the one that was taken back is the file of before");

    let dry = scratch.store.gc_except(GcPolicy { dry_run: true, ..NOTHING_KEPT }, &history()).unwrap();
    let report = scratch.store.gc_except(NOTHING_KEPT, &history()).unwrap();
    assert_eq!(report, dry);
    // The current ones of two months, and the one with the correction.
    assert_eq!((files(&scratch), report.files, report.segments, report.kept), (3, 2, 3, 1));
    let after: Vec<_> = (1..=6).map(|n| known(&scratch.store, 10 * n).unwrap()).collect();
    assert_eq!(before, after);
    assert_eq!(revisions(&scratch.store), told);
    assert_eq!(scratch.store.changes("bars", day(DAYS[0]), told[0].revision, told[1].revision).unwrap().len(), 1);
    assert_eq!(known_in_sql(&scratch.store, 20), before[1]);
    let again = scratch.store.gc_except(NOTHING_KEPT, &history()).unwrap();
    assert_eq!((again.files, again.segments, again.kept), (0, 0, 1));

    // Whoever forgets the revisions forgets what has no file too.
    scratch.store.gc(NOTHING_KEPT).unwrap();
    assert!(matches!(known(&scratch.store, 20), Err(Error::Collected { .. })));
    assert_eq!((known(&scratch.store, 60).unwrap(), files(&scratch)), (before[5].clone(), 2));
}

#[test]
fn a_column_that_came_later_is_not_part_of_what_was_known() {
    let scratch = Scratch::new();
    commit(&scratch.store, 10, &[(DAYS[0], 1.0)], &[]);
    commit(&scratch.store, 20, &[(DAYS[1], 2.0)], &[]);
    let mut later = commit_of("bars", &[DAYS[2]], crate::testing::bars_with("open", &[(DAYS[2], "x", Some(3.0))]));
    later.at = at(30);
    scratch.store.commit(later).unwrap();
    let columns = |second| {
        let snapshot = scratch.store.snapshot_known(&history(), at(second)).unwrap();
        let read = snapshot.read("bars", NaiveDate::MIN, NaiveDate::MAX, None).unwrap();
        (read.get_column_names_owned(), read.height(), snapshot.schema("bars").unwrap())
    };
    let before = [columns(10), columns(20), columns(30)];
    scratch.store.gc_except(NOTHING_KEPT, &history()).unwrap();
    assert_eq!(files(&scratch), 1);
    assert_eq!([columns(10), columns(20), columns(30)], before);
    assert_eq!(known_in_sql(&scratch.store, 20).len(), 2);
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Sessions come, or come otherwise.
    Commit(Vec<(usize, u8)>),
    Drop(usize),
    Gc {
        keep_runs: u32,
        keep: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = prop::collection::btree_map(0..DAYS.len(), 0_u8..4, 1..4).prop_map(|some| some.into_iter().collect());
    let step = prop_oneof![
        6 => some.prop_map(Step::Commit),
        1 => (0..DAYS.len()).prop_map(Step::Drop),
        2 => (0_u32..3, any::<bool>()).prop_map(|(keep_runs, keep)| Step::Gc { keep_runs, keep }),
    ];
    prop::collection::vec(step, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever came when, and whenever `gc` ran: what was known at any instant is read as it was known, and every revision is told.
    #[test]
    fn what_was_known_is_read_as_it_was(steps in steps()) {
        let scratch = Scratch::new();
        let mut now: BTreeMap<NaiveDate, f64> = BTreeMap::new();
        let mut history_of: Vec<BTreeMap<NaiveDate, f64>> = Vec::new();
        for (n, step) in (1_i64..).zip(&steps) {
            let run = scratch.run(10 * n);
            match step {
                Step::Commit(some) => {
                    let rows: Vec<(&str, f64)> = some.iter().map(|(at, close)| (DAYS[*at], f64::from(*close))).collect();
                    commit(&scratch.store, 10 * n, &rows, &[]);
                    now.extend(rows.iter().map(|(session, close)| (day(session), *close)));
                }
                Step::Drop(at) if now.contains_key(&day(DAYS[*at])) => {
                    commit(&scratch.store, 10 * n, &[], &[DAYS[*at]]);
                    now.remove(&day(DAYS[*at]));
                }
                Step::Drop(_) => {}
                Step::Gc { keep_runs, keep } => {
                    let keep_since = keep.then(|| at(10 * n - 25));
                    let policy = GcPolicy { keep_runs: *keep_runs, keep_since, dry_run: false };
                    scratch.store.gc_except(policy, &history()).unwrap();
                }
            }
            scratch.store.finish_run(run, RunStatus::Succeeded, at(10 * n + 1)).unwrap();
            history_of.push(now.clone());
        }
        let revisions = |store: &Store| DAYS.map(|session| store.revisions("bars", day(session)).unwrap());
        let told = revisions(&scratch.store);
        scratch.store.gc_except(NOTHING_KEPT, &history()).unwrap();
        prop_assert_eq!(revisions(&scratch.store), told.clone());
        for (n, wanted) in (1_i64..).zip(&history_of) {
            match known(&scratch.store, 10 * n) {
                Ok(read) => prop_assert_eq!(&read, wanted, "at {}", n),
                Err(Error::BeforeFirst { .. }) => prop_assert!(wanted.is_empty()),
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
            if n % 5 == 0 && !wanted.is_empty() {
                prop_assert_eq!(&known_in_sql(&scratch.store, 10 * n), wanted);
            }
        }
        // Every revision differs from the one before it, by what both held.
        for (session, revisions) in DAYS.iter().zip(&told) {
            for pair in revisions.windows(2) {
                let changes = scratch.store.changes("bars", day(session), pair[0].revision, pair[1].revision).unwrap();
                prop_assert_eq!(changes.len(), 1, "{} {:?}", session, pair);
            }
        }
    }
}
