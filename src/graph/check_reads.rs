//! What checks read besides the asset's own rows: the other side of a `reconcile`, the `ref()`s of a query.
//!
//! They order the work, and widen what of the other asset is wanted, and no more: what an asset holds does not depend on them.

use std::collections::BTreeMap;

use assetctl_config::{Asset, Loc, Project};

use crate::lower::error;
use crate::node::CheckEdge;
use crate::references::{self, Mentions};
use crate::template::{self, TemplateRef};

/// Adds to what an asset reads what its checks read; mistakes are reported, and make `all` less than whole.
pub fn read(
    project: &Project,
    asset: &Asset,
    by_name: &BTreeMap<&str, usize>,
    all: &mut Mentions,
    problems: &mut Vec<assetctl_config::Diagnostic>,
) {
    for (check, form) in asset.common.checks.iter().enumerate() {
        let at = check.to_string();
        if let Some(reconcile) = &form.reconcile {
            let loc = asset.locate(&["checks", &at, "reconcile", "with"]);
            if let Some(input) = resolve(project, asset, by_name, &reconcile.with, &loc, all, problems) {
                all.checks.edges.push(CheckEdge { check, input, back: 0, view: None });
                all.check_locs.push(loc);
            }
        }
        let Some(query) = &form.custom_sql else { continue };
        let path = ["checks", at.as_str(), "custom_sql"];
        let rendered = match template::render_check(query) {
            Ok(rendered) => rendered,
            Err(mistake) => {
                problems.push(error(
                    references::locate_line(asset, &path, query, &mistake),
                    format!("the query of a check of `{}` is not a valid template: {}", asset.name, mistake.message),
                    "here",
                    Some(
                        "`{{ this }}` is the session's rows, `{{ ref('completed_bars', sessions=20) }}` another asset's \
                         last 20 sessions, `{{ session }}` the date"
                            .into(),
                    ),
                ));
                all.whole = false;
                continue;
            }
        };
        for (number, TemplateRef { asset: name, sessions }) in rendered.refs.iter().enumerate() {
            let loc = references::locate_text(asset, &path, query, name);
            if *name == asset.name {
                problems.push(error(
                    loc,
                    format!("a check of `{name}` reads `{name}`"),
                    "this is the asset's own name",
                    Some("its own rows of the session are `{{ this }}`".into()),
                ));
                all.whole = false;
            } else if let Some(input) = resolve(project, asset, by_name, name, &loc, all, problems) {
                all.checks.edges.push(CheckEdge {
                    check,
                    input,
                    back: sessions - 1,
                    view: Some(TemplateRef::view(number)),
                });
                all.check_locs.push(loc);
            }
        }
        all.checks.queries.insert(check, rendered.sql);
    }
}

fn resolve(
    project: &Project,
    asset: &Asset,
    by_name: &BTreeMap<&str, usize>,
    name: &str,
    loc: &Loc,
    all: &mut Mentions,
    problems: &mut Vec<assetctl_config::Diagnostic>,
) -> Option<usize> {
    let found = by_name.get(name).copied();
    if found.is_none() {
        all.whole = false;
        if !project.broken.contains(name) {
            problems.push(references::unknown(project, asset, name, loc.clone()));
        }
    }
    found
}
