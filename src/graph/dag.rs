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
        let inputs = |read: &Mentions| read.references.iter().map(|reference| reference.input).collect();
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
        let edges = nodes.iter().enumerate().map(|(ix, node)| (ix, node.edges.iter().map(|edge| edge.input).collect()));
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

    /// Inputs before their readers.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Assets that `ix` reads directly, in order, each once.
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
