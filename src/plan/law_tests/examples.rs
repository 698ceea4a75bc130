//! Cases that a person would ask about, one by one.

use std::collections::BTreeMap;

use assetctl_calendar::{Calendar, SessionIx, SessionRange, SessionSet};
use assetctl_expr::ColumnRead;
use assetctl_graph::{Edge, EdgeColumns};
use chrono::NaiveDate;

use super::ledger::Memory;
use super::run::{Wish, shown};
use super::world::{Asset, Column, Role, Row, World, after_close};
use crate::{BlockReason, EdgeMap, Month, StaleReason};

fn asset(role: Role, edges: &[(usize, u32)]) -> Asset {
    let edge = |(input, back): &(usize, u32)| {
        let columns = EdgeColumns::Named(vec![ColumnRead { column: "p".into(), back: *back }]);
        Edge::new(*input, "", columns, *back)
    };
    Asset {
        role,
        calendar: 0,
        start: 2,
        settlement: 0,
        edges: edges.iter().map(edge).collect(),
        columns: [("p".to_owned(), Column { version: 0, modulus: u64::MAX })].into(),
    }
}

fn row(value: u64) -> Row {
    [("p".to_owned(), value)].into()
}

/// Bars, a mean over `back + 1` sessions of them, and a score that reads the mean's own session. It is the evening of the last
/// session that the files hold.
fn chain(back: u32) -> World {
    let assets = vec![asset(Role::Source, &[]), asset(Role::Derived, &[(0, back)]), asset(Role::Derived, &[(1, 0)])];
    let mut world = World {
        assets,
        files: BTreeMap::new(),
        noted: BTreeMap::new(),
        now: after_close(20),
        ledger: Memory::default(),
    };
    let rows = (2..=20).map(|ix| (world.date(0, ix), row(u64::from(ix)))).collect();
    world.files.insert(0, rows);
    world
}

fn built(back: u32) -> World {
    let mut world = chain(back);
    world.materialize(&Wish::everything(&world));
    world
}

fn put(world: &mut World, ix: u32, value: u64) {
    let session = world.date(0, ix);
    world.files.get_mut(&0).unwrap().insert(session, row(value));
}

fn dates(world: &World, positions: impl IntoIterator<Item = u32>) -> Vec<NaiveDate> {
    positions.into_iter().map(|ix| world.date(0, ix)).collect()
}

fn planned(world: &World, wish: &Wish, asset: usize) -> Vec<String> {
    shown(&world.plan(&world.graph(), wish), asset)
}

#[test]
fn nothing_was_ever_built() {
    let world = chain(4);
    let all = Wish::everything(&world);
    assert_eq!(planned(&world, &all, 0), ["2024-02-05…2024-03-01 (19): never materialized"]);
    assert_eq!(planned(&world, &all, 2), ["2024-02-05…2024-03-01 (19): never materialized"]);
}

#[test]
fn a_correction_runs_its_window_and_is_told_with_its_date() {
    let mut world = built(4);
    put(&mut world, 10, 7);
    let all = Wish::everything(&world);
    let file = |wish: &Wish| planned(&world, wish, 0);
    assert_eq!(file(&all), ["2024-02-16…2024-02-16 (1): source revised: file.csv"]);
    let comes_out = "if `asset_0` comes out different on 2024-02-16";
    assert_eq!(planned(&world, &all, 1), [format!("maybe 2024-02-16…2024-02-22 (5): {comes_out}")]);
    let mean = "if `asset_1` comes out different on 5 sessions 2024-02-16…2024-02-22";
    assert_eq!(planned(&world, &all, 2), [format!("maybe 2024-02-16…2024-02-22 (5): {mean}")]);

    let ran = world.materialize(&all);
    assert_eq!(ran.sessions[&0], dates(&world, [10]));
    assert_eq!(ran.sessions[&1], dates(&world, 10..15));
    assert_eq!(ran.sessions[&2], dates(&world, 10..15));
}

#[test]
fn once_the_source_is_up_to_date_what_is_below_is_stale_for_certain() {
    let mut world = built(4);
    put(&mut world, 10, 7);
    put(&mut world, 12, 7);
    put(&mut world, 18, 7);
    world.materialize(&Wish { only: true, ..Wish::of(&[0]) });
    let all = Wish::everything(&world);
    assert_eq!(planned(&world, &all, 0), [""; 0]);
    let last = "2024-02-28…2024-03-01 (3): `asset_0` changed on 2024-02-28";
    assert_eq!(
        planned(&world, &all, 1),
        ["2024-02-16…2024-02-26 (7): `asset_0` changed on 2 sessions 2024-02-16…2024-02-20", last]
    );

    // A second correction before the first was worked off: where both are read, the outcome is open.
    put(&mut world, 10, 10);
    assert_eq!(
        planned(&world, &all, 1),
        [
            "maybe 2024-02-16…2024-02-22 (5): `asset_0` changed on 2 sessions 2024-02-16…2024-02-20",
            "2024-02-23…2024-02-26 (2): `asset_0` changed on 2024-02-20",
            last
        ]
    );
    let ran = world.materialize(&all);
    assert_eq!(
        ran.sessions[&1],
        dates(&world, 12..=20).into_iter().filter(|d| *d != world.date(0, 17)).collect::<Vec<_>>()
    );
}

#[test]
fn what_comes_out_the_same_goes_no_further() {
    let mut world = built(0);
    // Whatever is read, the mean comes out the same.
    world.assets[1].columns.get_mut("p").unwrap().modulus = 1;
    world.materialize(&Wish::everything(&world));
    put(&mut world, 10, 7);
    let ran = world.materialize(&Wish::everything(&world));
    assert_eq!((ran.sessions[&1].len(), ran.sessions[&2].len()), (1, 0));
}

#[test]
fn a_window_longer_than_the_history_is_cut_at_its_start() {
    let mut world = built(400);
    put(&mut world, 2, 99);
    let ran = world.materialize(&Wish::everything(&world));
    assert_eq!(ran.sessions[&1], dates(&world, 2..=20));
}

#[test]
fn a_changed_spec_tells_the_old_and_the_new() {
    let mut world = built(0);
    let old = crate::spec_hash(world.graph().node(1));
    world.assets[1].columns.get_mut("p").unwrap().version = 1;
    let graph = world.graph();
    let plan = world.plan(&graph, &Wish::everything(&world));
    let new = crate::spec_hash(graph.node(1));
    assert_eq!(plan.assets[1].stale.len(), 1);
    assert_eq!(plan.assets[1].stale[0].reason, StaleReason::SpecChanged { old, new });
}

#[test]
fn a_lost_month_is_made_again_and_nothing_else() {
    let mut world = built(4);
    world.ledger.heads.get_mut("asset_1").unwrap().damaged = vec![Month::of("2024-02-01".parse().unwrap())];
    let all = Wish::everything(&world);
    assert_eq!(planned(&world, &all, 1), ["2024-02-05…2024-02-29 (18): output file missing or damaged"]);
    let ran = world.materialize(&all);
    assert_eq!((ran.sessions[&1].len(), ran.sessions[&2].len()), (18, 0));
}

#[test]
fn force_makes_the_selected_again() {
    let mut world = built(4);
    let wish = Wish { force: true, from: Some(8), to: Some(9), ..Wish::of(&[1]) };
    assert_eq!(planned(&world, &wish, 1), ["2024-02-13…2024-02-15 (2): forced"]);
    assert_eq!(planned(&world, &wish, 0), [""; 0]);
    assert_eq!(world.materialize(&wish).sessions[&1], dates(&world, 8..=9));
}

#[test]
fn consecutive_sessions_of_one_reason_are_one_range() {
    let mut world = built(0);
    for ix in [5, 6, 7, 11] {
        put(&mut world, ix, 77);
    }
    let all = Wish::everything(&world);
    let ranges: Vec<_> = world.plan(&world.graph(), &all).assets[0]
        .stale
        .iter()
        .map(|range| (range.first, range.last, range.sessions))
        .collect();
    let date = |ix| world.date(0, ix);
    assert_eq!(ranges, [(date(5), date(7), 3), (date(11), date(11), 1)]);
}

#[test]
fn sessions_wait_for_their_close_and_settlement() {
    let mut world = chain(0);
    world.assets[0].settlement = 30;
    let graph = world.graph();
    let all = Wish::everything(&world);
    // An hour after the close of Friday 2024-03-01, a delay of 30 hours leaves Wednesday as the last final session.
    let plan = world.plan(&graph, &all);
    assert_eq!(plan.assets[0].last, Some(world.date(0, 18)));
    let blocked: Vec<_> =
        plan.assets[0].blocked.iter().map(|range| (range.first, range.last, range.reason.clone())).collect();
    let until = "2024-03-01T13:00:00Z".parse().unwrap();
    assert_eq!(blocked, [(world.date(0, 19), world.date(0, 20), BlockReason::NotFinal { until })]);
    let below: Vec<_> = plan.assets[1].blocked.iter().map(|range| (range.first, range.reason.clone())).collect();
    assert_eq!(below, [(world.date(0, 19), BlockReason::InputBlocked { asset: "asset_0".into() })]);

    world.materialize(&all);
    world.now = until;
    assert_eq!(world.materialize(&all).sessions[&2], dates(&world, [19]));
    // A second before it would not have been.
    world.now = "2024-03-02T12:59:59Z".parse().unwrap();
    assert!(world.plan(&graph, &all).is_empty());
}

#[test]
fn what_an_input_lacks_is_waited_for() {
    let mut world = chain(4);
    world.materialize(&Wish { from: Some(2), to: Some(10), ..Wish::of(&[0]) });
    let only = Wish { only: true, ..Wish::of(&[1]) };
    assert_eq!(world.materialize(&only).sessions[&1], dates(&world, 2..=10));

    let mut world = chain(4);
    world.materialize(&Wish { from: Some(8), to: Some(20), ..Wish::of(&[0]) });
    let plan = world.plan(&world.graph(), &only);
    assert_eq!(plan.assets[0].stale[0].first, world.date(0, 12));
    let blocked = &plan.assets[0].blocked[0];
    assert_eq!((blocked.first, blocked.last), (world.date(0, 2), world.date(0, 11)));
    assert!(
        matches!(&blocked.reason, BlockReason::InputMissing { asset, dates } if asset == "asset_0" && dates.sessions == 6)
    );
}

#[test]
fn sessions_that_the_source_no_longer_has_are_dropped() {
    let mut world = built(0);
    let gone = world.date(0, 20);
    world.files.get_mut(&0).unwrap().remove(&gone);
    let all = Wish::everything(&world);
    let plan = world.plan(&world.graph(), &all);
    assert!(plan.assets.iter().all(|asset| asset.obsolete == [gone] && asset.stale.is_empty()));
    world.materialize(&all);
    assert!(world.ledger.of("asset_2").keys().all(|session| *session < gone));
    // Later, its column and its key come back: it is a new partition.
    put(&mut world, 20, 20);
    assert_eq!(world.materialize(&all).sessions[&2], [gone]);
}

#[test]
fn another_input_of_the_same_content_changes_nothing_and_one_of_other_content_does() {
    let mut world = built(4);
    for (value, runs) in [(None, 0), (Some(7), 5)] {
        // A copy of the bars, materialized long before the mean was found clean.
        let mut rows = world.files[&0].clone();
        rows.extend(value.map(|value| (world.date(0, 10), row(value))));
        world.assets.insert(1, asset(Role::Source, &[]));
        world.files.insert(1, rows);
        world.assets[2].edges[0].input = 0;
        world.assets[3].edges[0].input = 2;
        world.ledger = Memory::default();
        world.noted.clear();
        world.materialize(&Wish::everything(&world));

        world.assets[2].edges[0].input = 1;
        let ran = world.materialize(&Wish::everything(&world));
        assert_eq!(ran.sessions.get(&2).map_or(0, Vec::len), runs);
        world.check_nothing_left();
        world = built(4);
    }
}

#[test]
fn calendars_meet_at_the_last_session_that_had_closed() {
    let xshg = Calendar::builtin("XSHG").unwrap();
    let xnys = Calendar::builtin("XNYS").unwrap();
    let mut nodes = chain(2).graph().nodes().to_vec();
    let place = |node: &mut assetctl_graph::AssetNode, calendar: &std::sync::Arc<Calendar>| {
        node.calendar = std::sync::Arc::clone(calendar);
        node.start = calendar.at_or_after("2024-01-02".parse().unwrap()).unwrap();
    };
    place(&mut nodes[0], &xnys);
    place(&mut nodes[1], &xshg);
    let ix = |calendar: &Calendar, date: &str| calendar.ix(date.parse().unwrap()).unwrap();
    let read = |reader: usize, input: usize, date: &str, back: u32| {
        let edge = Edge::new(input, "", EdgeColumns::All, back);
        let map = EdgeMap::new(&nodes[reader], &nodes[input], &edge);
        let window = map.window(ix(&nodes[reader].calendar, date)).unwrap();
        let date = |ix: SessionIx| nodes[input].calendar.date(ix).to_string();
        (date(window.first), date(window.last))
    };
    // Shanghai closes before New York opens: a Shanghai session sees New York's session of the day before.
    assert_eq!(read(1, 0, "2024-01-11", 0), ("2024-01-10".into(), "2024-01-10".into()));
    // New York, closing later, sees Shanghai's of the same day; on 2024-02-12, in the week of the Spring Festival, that of Thursday.
    assert_eq!(read(0, 1, "2024-01-11", 0), ("2024-01-11".into(), "2024-01-11".into()));
    assert_eq!(read(0, 1, "2024-02-12", 0), ("2024-02-08".into(), "2024-02-08".into()));
    // Monday sees New York's Friday; three sessions back are three of each at least: 2024-01-15 was a holiday in New York.
    assert_eq!(read(1, 0, "2024-01-15", 0), ("2024-01-12".into(), "2024-01-12".into()));
    assert_eq!(read(1, 0, "2024-01-17", 2), ("2024-01-11".into(), "2024-01-16".into()));
    assert_eq!(read(0, 1, "2024-02-14", 2), ("2024-02-06".into(), "2024-02-08".into()));

    // A change in New York touches the Shanghai sessions that read it, and reach is where they end.
    let edge = Edge::new(0, "", EdgeColumns::All, 1);
    let map = EdgeMap::new(&nodes[1], &nodes[0], &edge);
    let within = SessionRange { first: ix(&xshg, "2024-01-02"), last: ix(&xshg, "2024-01-31") };
    let changed = SessionSet::from_iter([ix(&xnys, "2024-01-10")]);
    let touched: Vec<String> = map.touched(&changed, within).iter().map(|ix| xshg.date(ix).to_string()).collect();
    assert_eq!(touched, ["2024-01-11", "2024-01-12"]);
    let reach = map.reach(ix(&xnys, "2024-01-12"), within).unwrap();
    assert_eq!(xshg.date(reach).to_string(), "2024-01-16");
}
