//! Which columns and sessions of its inputs a program reads.
//!
//! An operation on the last `n` sessions of something that itself reads `m` sessions back reads `n - 1 + m` back:
//! windows add up from the output to the input, and the widest path counts. A recursive function reads its own session alone;
//! what it knows of the past is its state.

use std::collections::{BTreeMap, BTreeSet};

use crate::program::{ColumnRead, Node, Program, Window, WindowFn};

impl WindowFn {
    /// How many sessions before its own a window of `n` reads.
    pub fn back(self, n: u32) -> u32 {
        match self {
            WindowFn::Ref | WindowFn::Roc => n,
            _ => n.saturating_sub(1),
        }
    }
}

impl Node {
    /// How many sessions before its own the node reads of its operands.
    pub fn back(&self) -> u32 {
        match self {
            Node::Window { f, n, .. } => f.back(*n),
            _ => 0,
        }
    }
}

impl Program {
    /// The columns of input number `input` that are read, sorted.
    pub fn columns_read(&self, input: usize) -> Vec<String> {
        let columns: BTreeSet<&String> = self
            .nodes
            .iter()
            .filter_map(|node| match node {
                Node::Input { input: of, column, .. } if *of == input => Some(column),
                _ => None,
            })
            .collect();
        columns.into_iter().cloned().collect()
    }

    /// The columns of input number `input` that are read, sorted, each with the widest window over all its uses.
    pub fn reads(&self, input: usize) -> Vec<ColumnRead> {
        let mut reads: BTreeMap<&String, u32> = BTreeMap::new();
        for (node, back) in self.nodes.iter().zip(self.read_back()) {
            if let (Node::Input { input: of, column, .. }, Some(back)) = (node, back)
                && *of == input
            {
                let widest = reads.entry(column).or_default();
                *widest = back.max(*widest);
            }
        }
        reads.into_iter().map(|(column, back)| ColumnRead { column: column.clone(), back }).collect()
    }

    /// How many sessions back it matters which instruments have a row: 0 for the rows of the result themselves, more where a
    /// window is taken over a function of all instruments.
    pub fn presence_back(&self) -> u32 {
        let crosses = self.nodes.iter().zip(self.read_back());
        crosses.filter_map(|(node, back)| matches!(node, Node::Cross { .. }).then_some(back?)).max().unwrap_or(0)
    }

    /// How many sessions back the values of recursive functions are read: the widest window over any of them. `None` without any.
    pub fn carry_back(&self) -> Option<u32> {
        let recursive = self.nodes.iter().zip(self.read_back());
        recursive.filter_map(|(node, back)| matches!(node, Node::Recursive { .. }).then_some(back?)).max()
    }

    /// The sessions of input number `input` that one partition reads: the widest window over all uses of the input.
    /// An input that is not read has the window of its own session.
    pub fn window(&self, input: usize) -> Window {
        let reach = self.reach(input);
        let widest = self.outputs.iter().filter_map(|output| reach[output.node.0 as usize]).max();
        Window { back: widest.unwrap_or(0) }
    }

    /// Each output's own windows: one for each input up to the last that any output reads.
    pub fn column_windows(&self) -> Vec<(String, Vec<Window>)> {
        let inputs = self.nodes.iter().filter_map(|node| match node {
            Node::Input { input, .. } => Some(input + 1),
            _ => None,
        });
        let reaches: Vec<_> = (0..inputs.max().unwrap_or(0)).map(|input| self.reach(input)).collect();
        let window = |node: usize| reaches.iter().map(|reach| Window { back: reach[node].unwrap_or(0) }).collect();
        self.outputs.iter().map(|output| (output.name.clone(), window(output.node.0 as usize))).collect()
    }

    /// Whether an output of one instrument depends on other instruments.
    pub fn is_cross_sectional(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Cross { .. }))
    }

    /// Whether a partition depends on a state that the session before left.
    pub fn is_recursive(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Recursive { .. }))
    }

    /// For each node the first session (as a number, ascending) that has to be computed so that the outputs are right from
    /// session `written` on; `None` for what no output needs.
    ///
    /// `start(needed)` is the session at which a recursive function starts whose value is needed from `needed` on: the one after
    /// its newest checkpoint before `needed`, or else the first of all.
    pub fn first_sessions(&self, written: i64, start: &dyn Fn(i64) -> i64) -> Vec<Option<i64>> {
        let mut first: Vec<Option<i64>> = vec![None; self.nodes.len()];
        for output in &self.outputs {
            first[output.node.0 as usize] = Some(written);
        }
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let Some(needed) = first[at] else { continue };
            let computed = if matches!(node, Node::Recursive { .. }) { start(needed).min(needed) } else { needed };
            first[at] = Some(computed);
            for operand in node.operands() {
                let read = computed - i64::from(node.back());
                let known = &mut first[operand.0 as usize];
                *known = Some(known.map_or(read, |known| known.min(read)));
            }
        }
        first
    }

    /// For each node, how many sessions before the partition's own its value is read; `None` if no output needs it.
    fn read_back(&self) -> Vec<Option<u32>> {
        // With a written session of 0 the first session that is computed is minus the distance.
        let first = self.first_sessions(0, &|needed| needed);
        first.into_iter().map(|first| first.map(|first| u32::try_from(-first).unwrap_or(u32::MAX))).collect()
    }

    /// For each node, how many sessions back it reads of an input; `None` if it does not read it.
    fn reach(&self, of: usize) -> Vec<Option<u32>> {
        let mut reach: Vec<Option<u32>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let below = match node {
                Node::Input { input, .. } => (*input == of).then_some(0),
                _ => node.operands().into_iter().filter_map(|operand| reach[operand.0 as usize]).max(),
            };
            reach.push(below.map(|below: u32| below.saturating_add(node.back())));
        }
        reach
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::compile::compile;
    use crate::names::ColumnKind;
    use crate::testing::{Tree, columns, compile_one, input, typed_tree};

    /// The cells (sessions relative to the first, column) that an interpreter reads which evaluates the tree at session `at`.
    fn cells(tree: &Tree, at: i64, read: &mut BTreeSet<(i64, &'static str)>) {
        let whole = |tree: &Tree| match tree {
            Tree::Number(value) => *value as i64,
            _ => panic!("{tree:?} is no number"),
        };
        match tree {
            Tree::Number(_) | Tree::Bool(_) => {}
            Tree::Name(name) => {
                read.insert((at, name));
            }
            Tree::Prefix(_, x) => cells(x, at, read),
            Tree::Infix(x, _, y) => {
                cells(x, at, read);
                cells(y, at, read);
            }
            Tree::Call("ref", args) => cells(&args[0], at - whole(&args[1]), read),
            Tree::Call("delta" | "roc", args) => {
                cells(&args[0], at, read);
                cells(&args[0], at - whole(&args[1]), read);
            }
            Tree::Call("mean" | "sum" | "max" | "count" | "rank" | "wma" | "corr", args) => {
                let (n, panels) = args.split_last().unwrap();
                for session in at - whole(n) + 1..=at {
                    panels.iter().for_each(|panel| cells(panel, session, read));
                }
            }
            // Of the sessions before a recursive function reads nothing: it knows them by its state.
            Tree::Call(_, args) => args.iter().for_each(|arg| cells(arg, at, read)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_window_is_what_an_interpreter_reads(tree in typed_tree()) {
            let mut read = BTreeSet::new();
            cells(&tree, 0, &mut read);
            let program = compile_one(&tree.text()).unwrap();
            let back = read.first().map_or(0, |(session, _)| -session);
            prop_assert!(read.iter().all(|(session, _)| *session <= 0));
            prop_assert_eq!(i64::from(program.window(0).back), back);
            let names: BTreeSet<String> =
                read.iter().map(|(_, name)| name.trim_start_matches("bars.").trim_matches('`').to_owned()).collect();
            prop_assert_eq!(program.columns_read(0), names.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn windows_add_up() {
        for (text, back) in [
            ("close", 0),
            ("1", 0),
            ("mean(close, 1)", 0),
            ("mean(close, 20)", 19),
            ("ref(close, 20)", 20),
            ("roc(close, 20)", 20),
            ("mean(ref(close, 5), 20)", 24),
            ("mean(close, 20) + ref(open, 30)", 30),
            ("corr(close, ref(open, 3), 5)", 7),
            ("cs_rank(mean(close, 5))", 4),
            ("std(close / ref(close, 1) - 1, 20)", 20),
            ("ema(close, 20)", 0),
            ("mean(close, 0)", 0),
            ("ema(mean(close, 5), 20)", 4),
            ("mean(ema(close, 20), 5)", 4),
            ("rsi(close, 14)", 1),
            ("bbands(close, 20).width", 19),
            ("cs_zscore(mean(close, 5), by=industry)", 4),
        ] {
            assert_eq!(compile_one(text).unwrap().window(0), Window { back }, "{text}");
        }
    }

    #[test]
    fn each_column_and_input_has_its_own_window() {
        let number = ColumnKind::Number;
        let inputs = [
            input("bars", &[("close", number)]),
            input("unused", &[("x", number)]),
            input("index", &[("level", number)]),
        ];
        let sources = columns(&[("a", "mean(close, 5)"), ("b", "ref(level, 9) + a"), ("c", "level")]);
        let program = compile(&sources, &inputs).unwrap();
        let windows = |backs: [u32; 3]| backs.map(|back| Window { back }).to_vec();
        assert_eq!(
            program.column_windows(),
            [
                ("a".to_owned(), windows([4, 0, 0])),
                ("b".to_owned(), windows([4, 0, 9])),
                ("c".to_owned(), windows([0, 0, 0])),
            ]
        );
        assert_eq!([0, 1, 2, 7].map(|input| program.window(input).back), [4, 0, 9, 0]);
        assert_eq!(program.columns_read(0), ["close"]);
        assert!(program.columns_read(1).is_empty());
    }

    #[test]
    fn states_are_read_as_far_back_as_windows_over_them() {
        let carry = |text: &str| compile_one(text).unwrap().carry_back();
        assert_eq!(carry("mean(close, 5)"), None);
        assert_eq!(carry("ema(mean(close, 5), 20)"), Some(0));
        assert_eq!(carry("mean(ema(close, 20), 5) + ema(open, 3)"), Some(4));
        assert_eq!(carry("adxr(open, close, close, 14)"), Some(13));
    }

    #[test]
    fn groups_are_read_like_what_they_group() {
        let program = compile_one("mean(cs_rank(close, by=industry), 5) + open").unwrap();
        let reads: Vec<(String, u32)> = program.reads(0).into_iter().map(|read| (read.column, read.back)).collect();
        let expected = [("close", 4), ("industry", 4), ("open", 0)].map(|(name, back)| (name.to_owned(), back));
        assert_eq!(reads, expected);
        assert_eq!(program.presence_back(), 4);
    }

    #[test]
    fn only_functions_of_all_instruments_are_cross_sectional() {
        assert!(compile_one("close + cs_demean(open)").unwrap().is_cross_sectional());
        assert!(!compile_one("rank(close, 5)").unwrap().is_cross_sectional());
    }
}
