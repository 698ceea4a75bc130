//! What can be said of publishing before anything happens: that the columns are there.

use assetctl_config::{Diagnostic, Project, did_you_mean};
use assetctl_graph::Graph;

/// Everything that is wrong with the columns that assets publish. Of an asset whose columns only a run can tell nothing is said.
pub fn check(project: &Project, graph: &Graph) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for asset in &project.assets {
        let Some(node) = graph.find(&asset.name).map(|ix| graph.node(ix)) else { continue };
        let Some(columns) = &node.schema else { continue };
        let known: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        for (at, publish) in asset.common.publish.iter().enumerate() {
            for (place, column) in publish.columns.iter().enumerate() {
                if known.contains(&column.as_str()) {
                    continue;
                }
                let others: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let help = match did_you_mean(column, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are: {}", others.join(", ")),
                };
                problems.push(
                    Diagnostic::error(format!("asset `{}` has no column `{column}`", asset.name))
                        .at(
                            asset.locate(&["publish", &at.to_string(), "columns", &place.to_string()]),
                            "published here",
                        )
                        .help(help),
                );
            }
        }
    }
    problems
}
