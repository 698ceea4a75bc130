//! Sources that have to be asked: which sessions, and why.

use assetctl_calendar::SessionIx;
use assetctl_graph::{Axis, Body, Edge, EdgeColumns, Graph, Wanted, WindowAxis};
use chrono::{DateTime, NaiveDate, Utc};

use super::ledger::{Content, Memory, New};
use super::world::{after_close, calendars, name};
use crate::{Asked, BlockReason, Hash128, Observation, Plan, Request, StaleReason, Vain, plan, readers_of, spec_hash};

/// A source that is asked, and what reads its last three sessions; the second goes on from its own past too if `recursive`.
fn graph(recursive: bool) -> Graph {
    let node = |ix: usize, edges: Vec<Edge>| assetctl_graph::AssetNode {
        name: name(ix),
        kind: "source",
        asset: ix,
        axis: Axis::Session,
        calendar: std::sync::Arc::clone(&calendars()[0]),
        start: SessionIx(2),
        settlement: chrono::Duration::zero(),
        universe: None,
        intraday: None,
        window_axis: WindowAxis::Calendar,
        recursive: recursive && !edges.is_empty(),
        body: match edges.is_empty() {
            true => Body::Fetched { request: "{}".into(), wanted: Wanted::All },
            false => Body::Table,
        },
        edges,
        schema: None,
        spec_text: "{}".into(),
        checks: Vec::new(),
        check_reads: assetctl_graph::CheckReads::default(),
        tags: Vec::new(),
        owner: None,
        description: None,
    };
    let edge = Edge::new(0, "", EdgeColumns::All, 2);
    Graph::from_nodes(vec![node(0, Vec::new()), node(1, vec![edge])]).unwrap()
}

fn date(ix: u32) -> NaiveDate {
    calendars()[0].date(SessionIx(ix)).date()
}

/// The source at these positions, clean.
fn ledger(graph: &Graph, sessions: impl IntoIterator<Item = u32>) -> Memory {
    let mut ledger = Memory::default();
    let new = |ix: u32| New {
        session: date(ix),
        content: Content { key: 0, columns: [("close".to_owned(), 1)].into() },
        reads: Vec::new(),
        inputs: Hash128::ZERO,
    };
    let made = (spec_hash(graph.node(0)), crate::wiring(graph, 0));
    ledger.commit(&name(0), made, sessions.into_iter().map(new).collect(), &[], &[]);
    ledger.mark_verified(&name(0), ledger.rev, crate::wiring(graph, 0));
    ledger
}

fn seen(last: u32, due: &[u32], vain: &[u32]) -> Observation {
    let vain = vain.iter().map(|ix| (date(*ix), Vain { at: after_close(*ix), rows: 3 })).collect();
    let asked = Asked { lookback: 2, due: due.iter().map(|ix| date(*ix)).collect(), vain };
    Observation { last: Some(date(last)), asked: Some(asked), ..Observation::default() }
}

fn planned(graph: &Graph, ledger: &Memory, seen: Observation, now: DateTime<Utc>, to: Option<u32>) -> Plan {
    let request = Request {
        selection: String::new(),
        selected: [0].into(),
        only: false,
        given: [].into(),
        from: None,
        to: to.map(date),
        force: false,
        again: false,
        now,
    };
    plan(graph, ledger, ledger.rev, &[(0, seen)].into(), &request).unwrap()
}

fn stale(plan: &Plan) -> Vec<(NaiveDate, NaiveDate, StaleReason)> {
    plan.assets[0].stale.iter().map(|range| (range.first, range.last, range.reason.clone())).collect()
}

#[test]
fn what_is_missing_due_and_was_asked_for_in_vain_is_told_apart() {
    let graph = graph(false);
    let ledger = ledger(&graph, (2..=8).chain([10]));
    let plan = planned(&graph, &ledger, seen(12, &[7, 8, 10], &[9, 11]), after_close(12), None);
    let vain = |ix| StaleReason::AskedInVain { at: after_close(ix), rows: 3 };
    let wanted = [
        (date(7), date(8), StaleReason::Refetch { lookback: 2 }),
        (date(9), date(9), vain(9)),
        (date(10), date(10), StaleReason::Refetch { lookback: 2 }),
        (date(11), date(11), vain(11)),
        (date(12), date(12), StaleReason::NeverMaterialized),
    ];
    assert_eq!(stale(&plan), wanted);
    assert!(plan.assets[0].blocked.is_empty());
}

#[test]
fn where_nothing_is_due_nothing_is_opened() {
    let graph = graph(false);
    let ledger = ledger(&graph, 2..=12);
    let opened = ledger.opened.get();
    let plan = planned(&graph, &ledger, seen(12, &[], &[]), after_close(12), None);
    assert!(plan.is_empty());
    assert_eq!(ledger.opened.get(), opened);
}

#[test]
fn nothing_is_asked_for_before_it_is_final() {
    let graph = graph(false);
    let ledger = Memory::default();
    let early = after_close(2) - chrono::TimeDelta::days(30);
    let plan = planned(&graph, &ledger, Observation { last: None, ..seen(2, &[], &[]) }, early, None);
    assert!(plan.is_empty());
    assert!(matches!(plan.assets[0].blocked[0].reason, BlockReason::NotFinal { .. }));
    // Asked for by date, what is still to come waits for its close, and not for files.
    let plan = planned(&graph, &ledger, seen(5, &[], &[]), after_close(5), Some(7));
    assert_eq!(stale(&plan), [(date(2), date(5), StaleReason::NeverMaterialized)]);
    let blocked = &plan.assets[0].blocked;
    assert_eq!((blocked.len(), blocked[0].first, blocked[0].last), (1, date(6), date(7)));
    assert!(matches!(blocked[0].reason, BlockReason::NotFinal { .. }));
}

#[test]
fn what_was_made_later_is_not_dropped_by_an_earlier_now() {
    let graph = graph(false);
    let ledger = ledger(&graph, 2..=12);
    let plan = planned(&graph, &ledger, seen(8, &[], &[]), after_close(8), None);
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!((plan.assets[0].blocked[0].first, plan.assets[0].blocked[0].last), (date(9), date(12)));
}

#[test]
fn assets_that_are_given_are_taken_as_they_are() {
    let graph = graph(false);
    let ledger = ledger(&graph, (2..=8).chain([10]));
    let request = Request {
        selection: String::new(),
        selected: [0, 1].into(),
        only: false,
        given: [0].into(),
        from: None,
        to: None,
        force: false,
        again: false,
        now: after_close(12),
    };
    let plan = plan(&graph, &ledger, ledger.rev, &[].into(), &request).unwrap();
    let [asset] = &plan.assets[..] else { panic!("{plan:?}") };
    assert_eq!((asset.node, asset.first, asset.last), (1, Some(date(2)), Some(date(10))));
    // Position 9 is missing for good: 9 and 10 read it.
    assert_eq!(asset.stale.iter().map(|range| (range.first, range.last)).collect::<Vec<_>>(), [(date(2), date(8))]);
    assert_eq!((asset.blocked[0].first, asset.blocked[0].last), (date(9), date(10)));
}

#[test]
fn what_reads_a_session_that_is_not_there_waits() {
    let sessions: Vec<NaiveDate> = (2..=12).map(date).collect();
    let missing = [date(6)].into();
    let waits = |recursive| readers_of(&graph(recursive), 1, 0, &missing, &sessions).into_iter().collect::<Vec<_>>();
    assert_eq!(waits(false), (6..=8).map(date).collect::<Vec<_>>());
    assert_eq!(waits(true), (6..=12).map(date).collect::<Vec<_>>());
    assert!(readers_of(&graph(true), 1, 0, &[].into(), &sessions).is_empty());
    assert!(readers_of(&graph(true), 1, 0, &missing, &[]).is_empty());
}
