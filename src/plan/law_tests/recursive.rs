//! Recursive assets: a partition also goes on from its own asset's partition of the session before.

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_graph::{Axis, Body, Edge, EdgeColumns, Graph, WindowAxis};
use chrono::NaiveDate;

use super::ledger::{Content, Memory, New};
use super::world::{after_close, calendars, name};
use crate::{Fingerprints, Observation, Plan, RecordCache, Request, StaleReason, plan, settle, spec_hash};

/// Bars, and completed bars that carry values on from session to session.
fn graph(start: u32) -> Graph {
    let node = |ix: usize, edges: Vec<Edge>| assetctl_graph::AssetNode {
        name: name(ix),
        kind: "model",
        asset: ix,
        axis: Axis::Session,
        calendar: std::sync::Arc::clone(&calendars()[0]),
        start: SessionIx(start),
        settlement: chrono::Duration::zero(),
        universe: None,
        intraday: None,
        window_axis: WindowAxis::Calendar,
        recursive: !edges.is_empty(),
        edges,
        schema: None,
        spec_text: "{}".into(),
        body: Body::Table,
        checks: Vec::new(),
        check_reads: assetctl_graph::CheckReads::default(),
        tags: Vec::new(),
        owner: None,
        description: None,
    };
    let edge = Edge::new(0, "", EdgeColumns::All, 0);
    Graph::from_nodes(vec![node(0, Vec::new()), node(1, vec![edge])]).unwrap()
}

fn date(ix: u32) -> NaiveDate {
    calendars()[0].date(SessionIx(ix)).date()
}

/// Commits positions of an asset with a value each.
fn commit(
    ledger: &mut Memory,
    graph: &Graph,
    asset: usize,
    values: impl IntoIterator<Item = (u32, u64)>,
    dirty: &[u32],
) {
    let values: Vec<(u32, u64)> = values.into_iter().collect();
    let cache = RecordCache::new(graph, ledger);
    let range = SessionRange { first: SessionIx(values[0].0), last: SessionIx(values[values.len() - 1].0) };
    let fingerprints = Fingerprints::new(&cache, asset, range).unwrap();
    let new = |(ix, value): &(u32, u64)| New {
        session: date(*ix),
        content: Content { key: 0, columns: [("close".to_owned(), *value)].into() },
        reads: Vec::new(),
        inputs: fingerprints.of(SessionIx(*ix)),
    };
    let new = values.iter().map(new).collect();
    let dirty: Vec<NaiveDate> = dirty.iter().map(|ix| date(*ix)).collect();
    ledger.commit(&name(asset), (spec_hash(graph.node(asset)), crate::wiring(graph, asset)), new, &[], &dirty);
}

fn verify(ledger: &mut Memory, graph: &Graph) {
    for asset in 0..2 {
        ledger.mark_verified(&name(asset), ledger.rev, crate::wiring(graph, asset));
    }
}

/// Sessions 2…20 of both, all clean.
fn built() -> (Graph, Memory) {
    let (graph, mut ledger) = (graph(2), Memory::default());
    for asset in 0..2 {
        commit(&mut ledger, &graph, asset, (2..=20).map(|ix| (ix, 1)), &[]);
    }
    verify(&mut ledger, &graph);
    (graph, ledger)
}

fn planned(graph: &Graph, ledger: &Memory, asset: usize, from: Option<u32>) -> Plan {
    let request = Request {
        selection: String::new(),
        selected: [asset].into(),
        only: false,
        given: std::collections::BTreeSet::new(),
        from: from.map(date),
        to: None,
        force: false,
        again: false,
        now: after_close(20),
    };
    let seen = Observation { last: Some(date(20)), ..Observation::default() };
    plan(graph, ledger, ledger.rev, &[(0, seen)].into(), &request).unwrap()
}

/// (first, last, certain) of what is stale.
fn stale(plan: &Plan, asset: usize) -> Vec<(NaiveDate, NaiveDate, bool)> {
    let asset = plan.asset(&name(asset)).unwrap();
    asset.stale.iter().map(|range| (range.first, range.last, range.certain)).collect()
}

#[test]
fn a_change_may_be_carried_on_to_the_end() {
    let (graph, mut ledger) = built();
    assert!(planned(&graph, &ledger, 1, None).is_empty());
    commit(&mut ledger, &graph, 0, [(8, 2)], &[]);
    let plan = planned(&graph, &ledger, 1, None);
    assert_eq!(stale(&plan, 1), [(date(8), date(8), true), (date(9), date(20), false)]);
    assert_eq!(plan.assets[1].stale[1].reason, StaleReason::CarryRecomputed);
    let settled = settle(&graph, &ledger, None, &plan.assets[1]).unwrap();
    assert_eq!((settled.sessions, settled.whole), (vec![date(8)], true));
}

#[test]
fn a_carried_value_that_changed_is_a_reason_of_its_own() {
    let (graph, mut ledger) = built();
    commit(&mut ledger, &graph, 0, [(8, 2)], &[]);
    // The run made session 8, which came out different, and ended before session 9.
    commit(&mut ledger, &graph, 1, [(8, 2)], &[9]);
    verify(&mut ledger, &graph);
    let plan = planned(&graph, &ledger, 1, None);
    assert_eq!(stale(&plan, 1), [(date(9), date(9), true), (date(10), date(20), false)]);
    assert_eq!(plan.assets[1].stale[0].reason, StaleReason::CarryChanged);
    commit(&mut ledger, &graph, 1, [(9, 1)], &[]);
    assert!(planned(&graph, &ledger, 1, None).is_empty());
}

#[test]
fn a_partition_needs_its_own_past() {
    let (graph, mut ledger) = (graph(2), Memory::default());
    commit(&mut ledger, &graph, 0, (2..=20).map(|ix| (ix, 1)), &[]);
    verify(&mut ledger, &graph);
    let plan = planned(&graph, &ledger, 1, Some(15));
    assert_eq!(stale(&plan, 1), [(date(2), date(20), true)]);
}

#[test]
fn the_first_session_goes_on_from_nothing() {
    let (_, ledger) = built();
    // Session 6 went on from session 5 and now begins the series: nothing that it reads has moved.
    let later = graph(6);
    let plan = planned(&later, &ledger, 1, None);
    assert_eq!(plan.assets[1].obsolete, [2, 3, 4, 5].map(date));
    assert_eq!(stale(&plan, 1), [(date(6), date(6), true), (date(7), date(20), false)]);
}
