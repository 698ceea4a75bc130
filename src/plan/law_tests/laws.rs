//! Random worlds, random histories: whatever happened before, a run makes what is due, no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_expr::ColumnRead;
use assetctl_graph::{Edge, EdgeColumns};
use chrono::NaiveDate;
use proptest::prelude::*;

use super::run::Wish;
use super::world::{Asset, Column, Role, Row, SESSIONS, World, after_close, name};
use crate::{Month, STATIC_SESSION};

const NAMES: [&str; 3] = ["p", "q", "r"];

#[derive(Debug, Clone)]
struct EdgeSeed {
    input: usize,
    back: u32,
    /// A set of [`NAMES`] by bits; 0 reads all columns.
    columns: u8,
}

#[derive(Debug, Clone)]
struct AssetSeed {
    role: u8,
    west: bool,
    start: u32,
    settlement: i64,
    edges: Vec<EdgeSeed>,
    columns: u8,
    modulus: u64,
}

/// Something that happens. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    Value { source: usize, session: usize, column: usize, value: u64 },
    Undo,
    Append { source: usize },
    Truncate { source: usize },
    RemoveRow { source: usize, session: usize },
    Version { asset: usize, column: usize },
    Column { asset: usize, column: usize },
    Window { asset: usize, edge: usize, back: u32 },
    Rewire { asset: usize, edge: usize, input: usize },
    Start { asset: usize, start: u32 },
    Damage { asset: usize, session: usize },
    Now { session: u32 },
    Materialize(WishSeed),
    Everything,
}

#[derive(Debug, Clone)]
struct WishSeed {
    selected: u8,
    only: bool,
    range: Option<(u32, u32)>,
    force: bool,
    batch: usize,
    stop_after: Option<usize>,
}

fn back() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..6, 1 => Just(SESSIONS + 10)]
}

fn asset() -> impl Strategy<Value = AssetSeed> {
    let edge = (0_usize..8, back(), 0_u8..8).prop_map(|(input, back, columns)| EdgeSeed { input, back, columns });
    let modulus = prop_oneof![Just(2_u64), Just(3), Just(u64::MAX)];
    let settlement = prop_oneof![3 => Just(0_i64), 1 => Just(30)];
    let start = prop_oneof![2 => Just(2_u32), 1 => 0_u32..9];
    (0_u8..8, prop::bool::weighted(0.2), start, settlement, prop::collection::vec(edge, 1..3), 1_u8..8, modulus)
        .prop_map(|(role, west, start, settlement, edges, columns, modulus)| AssetSeed {
            role,
            west,
            start,
            settlement,
            edges,
            columns,
            modulus,
        })
}

fn wish() -> impl Strategy<Value = WishSeed> {
    let range = prop::option::weighted(0.4, (0..SESSIONS, 0..SESSIONS));
    let stop_after = prop::option::weighted(0.3, 0_usize..6);
    (any::<u8>(), prop::bool::weighted(0.3), range, prop::bool::weighted(0.15), 1_usize..12, stop_after).prop_map(
        |(selected, only, range, force, batch, stop_after)| WishSeed {
            selected,
            only,
            range,
            force,
            batch,
            stop_after,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<usize>(), any::<usize>(), 0_usize..3, 0_u64..3)
            .prop_map(|(source, session, column, value)| Step::Value { source, session, column, value }),
        2 => Just(Step::Undo),
        2 => any::<usize>().prop_map(|source| Step::Append { source }),
        1 => any::<usize>().prop_map(|source| Step::Truncate { source }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(source, session)| Step::RemoveRow { source, session }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(asset, column)| Step::Version { asset, column }),
        2 => (any::<usize>(), 0_usize..3).prop_map(|(asset, column)| Step::Column { asset, column }),
        1 => (any::<usize>(), any::<usize>(), back()).prop_map(|(asset, edge, back)| Step::Window { asset, edge, back }),
        1 => (any::<usize>(), any::<usize>(), any::<usize>()).prop_map(|(asset, edge, input)| Step::Rewire { asset, edge, input }),
        1 => (any::<usize>(), 0_u32..9).prop_map(|(asset, start)| Step::Start { asset, start }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(asset, session)| Step::Damage { asset, session }),
        2 => (12..SESSIONS).prop_map(|session| Step::Now { session }),
        6 => wish().prop_map(Step::Materialize),
        3 => Just(Step::Everything),
    ]
}

fn world(seeds: &[AssetSeed]) -> World {
    let mut world = World {
        assets: Vec::new(),
        files: BTreeMap::new(),
        noted: BTreeMap::new(),
        now: after_close(20),
        ledger: super::ledger::Memory::default(),
    };
    for (ix, seed) in seeds.iter().enumerate() {
        let role = match seed.role {
            _ if ix == 0 => Role::Source,
            0 | 1 => Role::Source,
            2 => Role::Table,
            _ => Role::Derived,
        };
        let mask = if role == Role::Derived { seed.columns } else { 0b011 };
        let named = NAMES.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
        let columns =
            named.map(|(_, name)| ((*name).to_owned(), Column { version: 0, modulus: seed.modulus })).collect();
        let edges = seed.edges.iter().filter(|_| role == Role::Derived).map(|edge| edge_of(edge, ix)).collect();
        let settlement = if role == Role::Table { 0 } else { seed.settlement };
        world.assets.push(Asset {
            role,
            calendar: usize::from(seed.west),
            start: seed.start,
            settlement,
            edges,
            columns,
        });
        let row = |at: u32| -> Row { [("p".to_owned(), u64::from(at % 3)), ("q".to_owned(), 1)].into() };
        match role {
            Role::Source => {
                let rows = (seed.start..18).map(|at| (world.date(ix, at), row(at))).collect();
                world.files.insert(ix, rows);
            }
            Role::Table => {
                world.files.insert(ix, [(STATIC_SESSION, row(0))].into());
            }
            Role::Derived => {}
        }
    }
    world
}

fn edge_of(seed: &EdgeSeed, reader: usize) -> Edge {
    let named = NAMES.iter().enumerate().filter(|(at, _)| seed.columns & (1 << at) != 0);
    let reads = named.map(|(_, name)| ColumnRead { column: (*name).to_owned(), back: 0 }).collect();
    let columns = if seed.columns == 0 { EdgeColumns::All } else { EdgeColumns::Named(reads) };
    let mut edge = Edge::new(seed.input % reader, "", columns, seed.back);
    set_window(&mut edge, seed.back);
    edge
}

/// Gives the columns of an edge windows of their own, of which `back` is the widest; of which rows there are, it matters as far back
/// as the second column is read.
fn set_window(edge: &mut Edge, back: u32) {
    edge.back = back;
    if let EdgeColumns::Named(reads) = &mut edge.columns {
        for (at, read) in reads.iter_mut().enumerate() {
            read.back = back >> at;
        }
        edge.key_back = back / 2;
    }
}

/// Rows as they were before an edit: (source, session, row).
type History = Vec<(usize, NaiveDate, Option<Row>)>;

fn put(world: &mut World, history: Option<&mut History>, source: usize, session: NaiveDate, row: Option<Row>) {
    let rows = world.files.get_mut(&source).unwrap();
    let old = match row {
        Some(row) => rows.insert(session, row),
        None => rows.remove(&session),
    };
    if let Some(history) = history {
        history.push((source, session, old));
    }
}

fn nth<T: Copy>(of: impl IntoIterator<Item = T>, at: usize) -> Option<T> {
    let all: Vec<T> = of.into_iter().collect();
    (!all.is_empty()).then(|| all[at % all.len()])
}

fn apply(world: &mut World, history: &mut History, step: &Step) {
    let sessions = |world: &World, source: usize| -> Vec<NaiveDate> { world.files[&source].keys().copied().collect() };
    let source_of = |world: &World, source: usize| nth(world.files.keys().copied(), source).unwrap();
    let dated = |world: &World, source: usize| {
        let source = source_of(world, source);
        (world.assets[source].role == Role::Source).then_some(source)
    };
    let count = world.assets.len();
    let derived =
        |world: &World, asset: usize| nth((0..count).filter(|asset| world.assets[*asset].role == Role::Derived), asset);
    match step {
        Step::Value { source, session, column, value } => {
            let source = source_of(world, *source);
            let session = nth(sessions(world, source), *session).unwrap();
            let mut row = world.files[&source][&session].clone();
            row.insert(NAMES[*column].to_owned(), *value);
            put(world, Some(history), source, session, Some(row));
        }
        Step::Undo => {
            if let Some((source, session, row)) = history.pop() {
                put(world, None, source, session, row);
            }
        }
        Step::Append { source } => {
            let Some(source) = dated(world, *source) else { return };
            let last = world.end(source, false, &|_| false).unwrap_or(0);
            if last + 1 < SESSIONS {
                let session = world.date(source, last + 1);
                put(world, Some(history), source, session, Some([("p".to_owned(), 1)].into()));
            }
        }
        Step::Truncate { source } => {
            let Some(source) = dated(world, *source) else { return };
            let all = sessions(world, source);
            // A source without rows is a mistake, which its connector reports.
            if all.len() > 10 {
                put(world, Some(history), source, all[all.len() - 1], None);
            }
        }
        Step::RemoveRow { source, session } => {
            let Some(source) = dated(world, *source) else { return };
            let all = sessions(world, source);
            if all.len() > 10 {
                put(world, Some(history), source, nth(all, *session).unwrap(), None);
            }
        }
        Step::Version { asset, column } => {
            let columns = &mut world.assets[*asset % count].columns;
            let column = *column % columns.len();
            columns.values_mut().nth(column).unwrap().version += 1;
        }
        Step::Column { asset, column } => {
            let Some(asset) = derived(world, *asset) else { return };
            let columns = &mut world.assets[asset].columns;
            if columns.remove(NAMES[*column]).is_none() || columns.is_empty() {
                columns.insert(NAMES[*column].to_owned(), Column { version: 0, modulus: 3 });
            }
        }
        Step::Window { asset, edge, back } => {
            let Some(asset) = derived(world, *asset) else { return };
            let edges = &mut world.assets[asset].edges;
            let edge = *edge % edges.len();
            set_window(&mut edges[edge], *back);
        }
        Step::Rewire { asset, edge, input } => {
            let Some(asset) = derived(world, *asset) else { return };
            let edges = &mut world.assets[asset].edges;
            let edge = *edge % edges.len();
            edges[edge].input = *input % asset;
        }
        Step::Start { asset, start } => {
            if world.assets[*asset % count].role != Role::Table {
                world.assets[*asset % count].start = *start;
            }
        }
        Step::Damage { asset, session } => {
            let asset = *asset % count;
            let Some(session) = nth(world.ledger.of(&name(asset)).keys().copied(), *session) else { return };
            let head = world.ledger.heads.get_mut(&name(asset)).unwrap();
            let months: BTreeSet<Month> = head.damaged.iter().copied().chain([Month::of(session)]).collect();
            head.damaged = months.into_iter().collect();
        }
        Step::Now { session } => world.now = after_close(*session),
        Step::Materialize(seed) => {
            let range = seed.range.map(|(a, b)| (a.min(b), a.max(b)));
            let selected = (0..count).filter(|asset| seed.selected & (1 << asset) != 0).collect();
            world.materialize(&Wish {
                selected,
                only: seed.only,
                from: range.map(|range| range.0),
                to: range.map(|range| range.1),
                force: seed.force,
                batch: seed.batch,
                stop_after: seed.stop_after,
            });
        }
        Step::Everything => {
            world.materialize(&Wish::everything(world));
            world.check_nothing_left();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Exactness, minimality, what runs is what was announced, nothing left over: see [`World::materialize`] for what is
    /// checked at each run.
    #[test]
    fn any_history_ends_as_a_rebuild(
        seeds in prop::collection::vec(asset(), 1..9),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let mut world = world(&seeds);
        let mut history = History::new();
        for step in &steps {
            apply(&mut world, &mut history, step);
        }
        world.materialize(&Wish::everything(&world));
        world.check_nothing_left();
    }
}
