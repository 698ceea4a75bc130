//! `assetctl graph`: text, dot, mermaid, JSON.

use std::collections::BTreeSet;
use std::fmt::Write;

use assetctl_serve::Lineage;

use crate::args::{Graph, GraphForm};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report;

pub fn run(context: &Context, args: &Graph) -> Result<(), CliError> {
    let loaded = context.load()?;
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
    let lineage = loaded.view().lineage(&selected);
    report::result(context.format, &lineage, |lineage| match args.form {
        GraphForm::Text => text(&loaded, &selected),
        GraphForm::Dot => dot(lineage),
        GraphForm::Mermaid => mermaid(lineage),
    })
}

/// A tree from the assets that read nothing selected; an asset with several inputs stands below its last one.
fn text(loaded: &Loaded, selected: &BTreeSet<usize>) -> String {
    let graph = &loaded.graph;
    let parent = |ix: usize| {
        graph
            .inputs(ix)
            .into_iter()
            .filter(|input| selected.contains(input))
            .max_by_key(|input| graph.order().iter().position(|at| at == input))
    };
    let mut out = String::new();
    let roots: Vec<usize> =
        graph.order().iter().copied().filter(|ix| selected.contains(ix) && parent(*ix).is_none()).collect();
    for root in roots {
        branch(loaded, selected, &parent, root, "", "", &mut out);
    }
    out
}

fn branch(
    loaded: &Loaded,
    selected: &BTreeSet<usize>,
    parent: &dyn Fn(usize) -> Option<usize>,
    ix: usize,
    lead: &str,
    below: &str,
    out: &mut String,
) {
    let graph = &loaded.graph;
    let node = graph.node(ix);
    let others: Vec<&str> = node
        .edges
        .iter()
        .map(|edge| edge.input)
        .filter(|input| selected.contains(input) && Some(*input) != parent(ix))
        .map(|input| graph.node(input).name.as_str())
        .collect();
    let back = node.edges.iter().map(|edge| edge.back).max().unwrap_or(0);
    let _ = write!(out, "{lead}{} ({}", node.name, node.kind);
    if back > 0 {
        let _ = write!(out, ", reads {} sessions", back + 1);
    }
    if !others.is_empty() {
        let _ = write!(out, ", also reads {}", others.join(", "));
    }
    out.push_str(")\n");
    let children: Vec<usize> =
        graph.readers(ix).into_iter().filter(|child| selected.contains(child) && parent(*child) == Some(ix)).collect();
    for (at, child) in children.iter().enumerate() {
        let last = at + 1 == children.len();
        let (mark, next) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(loaded, selected, parent, *child, &format!("{below}{mark}"), &format!("{below}{next}"), out);
    }
}

fn dot(lineage: &Lineage) -> String {
    let mut out = String::from("digraph assets {\n  rankdir=LR;\n  node [shape=box];\n");
    for node in &lineage.assets {
        let _ = writeln!(out, "  \"{}\" [label=\"{}\\n{}\"];", node.asset, node.asset, node.kind);
    }
    for edge in &lineage.edges {
        let label = if edge.back > 0 { format!(" [label=\"{}\"]", edge.back + 1) } else { String::new() };
        let _ = writeln!(out, "  \"{}\" -> \"{}\"{label};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

fn mermaid(lineage: &Lineage) -> String {
    let mut out = String::from("graph LR\n");
    for node in &lineage.assets {
        let _ = writeln!(out, "  {0}[\"{0}<br/>{1}\"]", node.asset, node.kind);
    }
    for edge in &lineage.edges {
        let label = if edge.back > 0 { format!("|{}|", edge.back + 1) } else { String::new() };
        let _ = writeln!(out, "  {} -->{label} {}", edge.from, edge.to);
    }
    out
}
