//! The petgraph DAG of a project's assets.

use std::collections::{BTreeSet, HashMap};

use assetctl_config::{Diagnostic, Project};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::lower::{self, SchemaSource};
use crate::node::AssetNode;
use crate::references::{self, Mentions};

/// Assets in the order written, edges from input to reader, and an order in which inputs come first.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<AssetNode>,
    dag: DiGraph<(), ()>,
    order: Vec<usize>,
    by_name: HashMap<String, usize>,
}

impl Graph {
    /// Resolves a project, or reports everything that is wrong with it: nothing, if it only lacks its broken assets.
    pub fn build(project: &Project, schemas: &dyn SchemaSource) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mentions = references::references(project, &mut problems);
        let inputs = |read: &Mentions| {
            let made_from = read.references.iter().map(|reference| reference.input);
            made_from.chain(read.checks.edges.iter().map(|edge| edge.input)).collect()
        };
        let edges = mentions.iter().map(inputs).enumerate();
        let dag = connect(project.assets.len(), edges);
        let order = match order(&dag) {
            Ok(order) => order,
            Err(path) => {
                problems.push(references::cycle(project, &mentions, &path));
                Diagnostic::sort(&mut problems);
                return Err(problems);
            }
        };
        let nodes = lower::nodes(project, &mentions, &order, schemas, problems)?;
        Ok(Self::assemble(nodes, dag, order))
    }

    /// A graph of nodes that were made by hand.
    ///
    /// # Errors
    /// The positions of nodes that read each other in a circle.
    pub fn from_nodes(nodes: Vec<AssetNode>) -> Result<Self, Vec<usize>> {
        let inputs = |node: &AssetNode| {
            let checked = node.check_reads.edges.iter().map(|edge| edge.input);
            node.edges.iter().map(|edge| edge.input).chain(checked).collect()
        };
        let edges = nodes.iter().enumerate().map(|(ix, node)| (ix, inputs(node)));
        let dag = connect(nodes.len(), edges);
        let order = order(&dag)?;
        Ok(Self::assemble(nodes, dag, order))
    }

    fn assemble(nodes: Vec<AssetNode>, dag: DiGraph<(), ()>, order: Vec<usize>) -> Self {
        let by_name = nodes.iter().enumerate().map(|(ix, node)| (node.name.clone(), ix)).collect();
        Self { nodes, dag, order, by_name }
    }

    pub fn nodes(&self) -> &[AssetNode] {
        &self.nodes
    }

    pub fn node(&self, ix: usize) -> &AssetNode {
        &self.nodes[ix]
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The names of all assets, in the order written.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// Inputs before their readers.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Assets that `ix`, or a check of it, reads directly, in order, each once.
    pub fn inputs(&self, ix: usize) -> Vec<usize> {
        self.neighbours(ix, Direction::Incoming)
    }

    /// Assets that read `ix` directly.
    pub fn readers(&self, ix: usize) -> Vec<usize> {
        self.neighbours(ix, Direction::Outgoing)
    }

    fn neighbours(&self, ix: usize, direction: Direction) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.dag.neighbors_directed(NodeIndex::new(ix), direction).map(NodeIndex::index).collect();
        found.sort_unstable();
        found
    }

    /// Everything that `from` needs (`depth` steps up, or all the way), itself included.
    pub fn above(&self, from: usize, depth: Option<u32>) -> BTreeSet<usize> {
        self.reach(from, depth, Direction::Incoming)
    }

    /// Everything that `from` is made from, itself included: what only its checks read is not.
    pub fn made_from(&self, from: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([from]);
        let mut left = vec![from];
        while let Some(ix) = left.pop() {
            left.extend(self.nodes[ix].edges.iter().map(|edge| edge.input).filter(|input| seen.insert(*input)));
        }
        seen
    }

    /// Everything that needs `from` (`depth` steps down, or all the way), itself included.
    pub fn below(&self, from: usize, depth: Option<u32>) -> BTreeSet<usize> {
        self.reach(from, depth, Direction::Outgoing)
    }

    fn reach(&self, from: usize, depth: Option<u32>, direction: Direction) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([from]);
        let mut frontier = vec![from];
        let mut left = depth.unwrap_or(u32::MAX);
        while left > 0 && !frontier.is_empty() {
            frontier = frontier
                .into_iter()
                .flat_map(|ix| self.dag.neighbors_directed(NodeIndex::new(ix), direction).map(NodeIndex::index))
                .filter(|next| seen.insert(*next))
                .collect();
            left -= 1;
        }
        seen
    }
}

/// One edge from every input to its reader.
fn connect(nodes: usize, edges: impl Iterator<Item = (usize, Vec<usize>)>) -> DiGraph<(), ()> {
    let mut dag = DiGraph::with_capacity(nodes, nodes);
    for _ in 0..nodes {
        dag.add_node(());
    }
    for (reader, inputs) in edges {
        for input in inputs {
            dag.update_edge(NodeIndex::new(input), NodeIndex::new(reader), ());
        }
    }
    dag
}

/// Inputs before readers, or the path of a cycle.
fn order(dag: &DiGraph<(), ()>) -> Result<Vec<usize>, Vec<usize>> {
    match petgraph::algo::toposort(dag, None) {
        Ok(order) => Ok(order.into_iter().map(NodeIndex::index).collect()),
        Err(cycle) => Err(cycle_path(dag, cycle.node_id())),
    }
}

/// The shortest way from a node on a cycle back to itself, as asset positions; the first is not repeated.
fn cycle_path(dag: &DiGraph<(), ()>, on_cycle: NodeIndex) -> Vec<usize> {
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = std::collections::VecDeque::from([on_cycle]);
    while let Some(at) = queue.pop_front() {
        for next in dag.neighbors(at) {
            if next == on_cycle {
                let mut path = vec![at.index()];
                let mut back = at;
                while back != on_cycle {
                    back = came_from[&back];
                    path.push(back.index());
                }
                path.reverse();
                return path;
            }
            if next != on_cycle && !came_from.contains_key(&next) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    vec![on_cycle.index()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::nodes;

    #[test]
    fn inputs_come_before_their_readers() {
        let graph = Graph::from_nodes(nodes(&[("scores", &[1]), ("bars", &[]), ("signals", &[0, 1])])).unwrap();
        assert_eq!(graph.order(), [1, 0, 2]);
        assert_eq!((graph.inputs(2), graph.readers(1)), (vec![0, 1], vec![0, 2]));
        assert_eq!((graph.find("signals"), graph.find("signal")), (Some(2), None));
    }

    #[test]
    fn a_circle_is_given_as_its_shortest_path() {
        let circle = [("a", &[3_usize] as &[usize]), ("b", &[0]), ("c", &[1, 0]), ("d", &[2]), ("e", &[3])];
        let mut path = Graph::from_nodes(nodes(&circle)).unwrap_err();
        // It may begin anywhere: a → c → d → a.
        path.sort_unstable();
        assert_eq!(path, [0, 2, 3]);
        assert_eq!(Graph::from_nodes(nodes(&[("a", &[0])])).unwrap_err(), [0]);
    }

    #[test]
    fn steps_are_counted_along_the_shortest_way() {
        let graph = Graph::from_nodes(nodes(&[("a", &[]), ("b", &[0]), ("c", &[1]), ("d", &[2, 0])])).unwrap();
        let set = |items: &[usize]| items.iter().copied().collect::<BTreeSet<usize>>();
        assert_eq!(graph.above(3, Some(0)), set(&[3]));
        assert_eq!(graph.above(3, Some(1)), set(&[0, 2, 3]));
        assert_eq!(graph.above(3, None), set(&[0, 1, 2, 3]));
        assert_eq!(graph.below(0, Some(1)), set(&[0, 1, 3]));
        assert_eq!(graph.below(1, None), set(&[1, 2, 3]));
    }

    proptest! {
        /// Each node reads some of those before it, and the nodes are written in any order.
        #[test]
        fn order_and_reach_agree_with_brute_force(
            reads in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..12),
            keys in prop::collection::vec(any::<u32>(), 12),
        ) {
            let count = reads.len();
            let mut place: Vec<usize> = (0..count).collect();
            place.sort_by_key(|at| keys[*at]);
            let mut inputs = vec![Vec::new(); count];
            for (at, read) in reads.iter().enumerate().skip(1) {
                inputs[place[at]] = read.iter().map(|index| place[index.index(at)]).collect();
            }
            let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
            let spec: Vec<(&str, &[usize])> = names.iter().zip(&inputs).map(|(n, i)| (n.as_str(), i.as_slice())).collect();
            let graph = Graph::from_nodes(nodes(&spec)).unwrap();

            let at = |ix: usize| graph.order().iter().position(|node| *node == ix).unwrap();
            for (ix, inputs) in inputs.iter().enumerate() {
                prop_assert!(inputs.iter().all(|input| at(*input) < at(ix)));
            }
            let mut reaches = vec![vec![false; count]; count];
            for ix in graph.order() {
                reaches[*ix][*ix] = true;
                for input in &inputs[*ix] {
                    let above = reaches[*input].clone();
                    for (to, is_above) in above.into_iter().enumerate() {
                        reaches[*ix][to] |= is_above;
                    }
                }
            }
            for (ix, reached) in reaches.iter().enumerate() {
                let above: BTreeSet<usize> = (0..count).filter(|to| reached[*to]).collect();
                let below: BTreeSet<usize> = (0..count).filter(|from| reaches[*from][ix]).collect();
                prop_assert_eq!(graph.above(ix, None), above);
                prop_assert_eq!(graph.below(ix, None), below);
            }
        }
    }
}
