//! Random markets, random assets, random stories.

use proptest::option::weighted;
use proptest::prelude::*;

use super::expressions::{AssetSeed, Gene};
use super::market::{Bar, Edit};
use super::story::{Step, Story};
use super::world::How;

const SESSIONS: usize = 38;

fn quarters() -> impl Strategy<Value = Option<u8>> {
    weighted(0.9, 4..60_u8)
}

fn bar() -> impl Strategy<Value = Bar> {
    ([quarters(), quarters(), quarters()], prop::bool::weighted(0.1))
        .prop_map(|(quarters, is_suspended)| Bar { quarters, is_suspended })
}

fn gene() -> impl Strategy<Value = Gene> {
    (any::<u8>(), any::<u8>(), any::<[u8; 3]>(), any::<u8>()).prop_map(|(kind, function, picks, n)| Gene {
        kind,
        function,
        picks,
        n,
    })
}

fn asset() -> impl Strategy<Value = AssetSeed> {
    let kinds =
        (prop::bool::weighted(0.3), prop::bool::weighted(0.35), prop::bool::weighted(0.6), prop::bool::weighted(0.25));
    (any::<u8>(), kinds, proptest::collection::vec(gene(), 1..5)).prop_map(
        |(inputs, (traded, across, recursive, universe), genes)| AssetSeed {
            inputs,
            traded,
            universe,
            across,
            recursive,
            genes,
        },
    )
}

fn how() -> impl Strategy<Value = How> {
    let batch = prop_oneof![Just(None), (1..12_usize).prop_map(Some)];
    (batch, 1..3_usize, 1..3_usize).prop_map(|(batch, jobs, threads)| How { batch, jobs, threads, cancel_after: None })
}

fn edit(instruments: usize) -> impl Strategy<Value = Edit> {
    let row = || any::<usize>();
    prop_oneof![
        6 => (row(), 0..3_usize, quarters()).prop_map(|(row, column, quarters)| Edit::Value { row, column, quarters }),
        1 => row().prop_map(|row| Edit::Suspend { row }),
        2 => row().prop_map(|row| Edit::Drop { row }),
        2 => (0..instruments, any::<usize>(), 1..15_usize)
            .prop_map(|(name, session, sessions)| Edit::Halt { name, session, sessions }),
        2 => (any::<usize>(), 0..instruments + 1, bar()).prop_map(|(session, name, bar)| Edit::Add { session, name, bar }),
        2 => (0..instruments + 1, any::<usize>(), 0..30_usize)
            .prop_map(|(name, session, sessions)| Edit::Member { name, session, sessions }),
        3 => Just(Edit::Undo),
        2 => proptest::collection::vec(weighted(0.8, bar()), instruments).prop_map(|bars| Edit::Append { bars }),
        1 => Just(Edit::Truncate),
    ]
}

fn step(instruments: usize) -> impl Strategy<Value = Step> {
    let end = || weighted(0.5, 0..SESSIONS + 2);
    prop_oneof![
        8 => edit(instruments).prop_map(Step::Edit),
        1 => (any::<usize>(), any::<usize>(), gene())
            .prop_map(|(asset, gene, other)| Step::Expression { asset, gene, other }),
        1 => Just(Step::Restore),
        5 => how().prop_map(Step::Run),
        2 => (any::<u8>(), any::<bool>(), end(), end(), how())
            .prop_map(|(selected, only, from, to, how)| Step::Part { selected, only, from, to, how }),
        1 => (0..120_usize, how()).prop_map(|(asks, how)| Step::Interrupt { asks, how: How { jobs: 1, threads: 1, ..how } }),
        1 => Just(Step::Reopen),
        1 => (1..4_usize).prop_map(|every| Step::LoseStates { every }),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    (2..6_usize).prop_flat_map(|instruments| {
        let bars = proptest::collection::vec(weighted(0.88, bar()), SESSIONS * instruments);
        let assets = proptest::collection::vec(asset(), 1..4);
        let steps = proptest::collection::vec(step(instruments), 1..9);
        let member = weighted(0.7, (0..SESSIONS, 0..SESSIONS));
        let members = proptest::collection::vec(member, instruments);
        (bars, members, assets, steps).prop_map(move |(bars, members, assets, steps)| Story {
            instruments,
            bars,
            members,
            assets,
            steps,
        })
    })
}

/// The suite tells a few stories; `PROPTEST_CASES` says more.
fn cases() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let is_default = asked.cases == 256;
    ProptestConfig { cases: if is_default { 40 } else { asked.cases }, max_shrink_iters: 200, ..asked }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_history_is_exact_and_computes_what_it_must(story in story()) {
        story.tell()?;
    }
}
