//! One block, many assets: `for_each:`; and what all assets share: `defaults:`.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::interpolate::{Scope, has_reference};
use crate::names;
use crate::node::{Content, Entry, Key, Node};

/// More assets than one block may make: beyond it somebody has multiplied lists by mistake.
const MOST: usize = 10_000;

/// Variables of one asset that a block makes.
type Item = BTreeMap<String, Node>;

/// The assets that one block makes: itself, or one for each item of its `for_each`; every `${…}` is replaced. None, when its
/// `for_each` is wrong.
pub(crate) fn expand(block: &Entry, scope: &Scope<'_>, problems: &mut Vec<Diagnostic>) -> Vec<(Key, Node)> {
    let Some(for_each) = block.value.entry("for_each") else {
        return vec![(scope.key(&block.key, problems), scope.node(&block.value, problems))];
    };
    let Some(items) = items(&scope.node(&for_each.value, problems), for_each, problems) else { return Vec::new() };
    if !has_reference(&block.key.scalar.text) {
        let variable = items.first().and_then(|item| item.keys().next()).map_or("name", String::as_str);
        problems.push(
            Diagnostic::error(format!("`for_each` makes every asset with the name `{}`", block.key.text()))
                .at(block.key.loc.clone(), "the name is the same for every item")
                .and(for_each.key.loc.clone(), format!("makes {} assets", items.len()))
                .help(format!("put a variable into the name: `{}_${{{variable}}}`", block.key.text())),
        );
        return Vec::new();
    }
    let body = without(&block.value, "for_each");
    let mut made: Vec<(Key, Node)> = Vec::with_capacity(items.len());
    for item in items {
        let mut values = scope.values.clone();
        values.extend(item);
        let scope = Scope { values, ..scope.clone() };
        let key = scope.key(&block.key, problems);
        if !key.scalar.unresolved() && made.iter().any(|(known, _)| known.text() == key.text()) {
            problems.push(
                Diagnostic::error(format!("`for_each` makes two assets `{}`", key.scalar.shown()))
                    .at(block.key.loc.clone(), "this name comes out the same for two items")
                    .and(for_each.key.loc.clone(), "of these items")
                    .help("put every variable into the name that tells items apart"),
            );
            return Vec::new();
        }
        made.push((key, scope.node(&body, problems)));
    }
    made
}

fn without(node: &Node, key: &str) -> Node {
    let entries = node.entries().unwrap_or_default();
    let kept = entries.iter().filter(|entry| entry.key.text() != key).cloned().collect();
    Node { loc: node.loc.clone(), content: Content::Map(kept) }
}

/// A list of maps is one item each; a map of lists is the product of the lists, the last list fastest.
fn items(node: &Node, entry: &Entry, problems: &mut Vec<Diagnostic>) -> Option<Vec<Item>> {
    if node.unresolved() {
        return None;
    }
    let form = "write a list of maps, `[{ n: 5 }, { n: 20 }]`, or a map of lists, `{ n: [5, 20] }`";
    let mut wrong = |at: &Node, message: &str, label: &str| {
        problems.push(Diagnostic::error(message).at(at.head(), label).help(form));
        None
    };
    let items = match &node.content {
        Content::List(maps) => {
            let mut items = Vec::with_capacity(maps.len());
            for map in maps {
                let Some(entries) = map.entries() else {
                    return wrong(map, "an item of `for_each` must be a map of variables", "expected a map");
                };
                items.push(entries.iter().map(|entry| (entry.key.text().to_owned(), entry.value.clone())).collect());
            }
            items
        }
        Content::Map(lists) => {
            let mut items = vec![Item::new()];
            for list in lists {
                let Content::List(values) = &list.value.content else {
                    let message = format!("variable `{}` of `for_each` must have a list of values", list.key.text());
                    return wrong(&list.value, &message, "expected a list");
                };
                if items.len() * values.len() > MOST {
                    return wrong(&list.value, &format!("`for_each` makes more than {MOST} assets"), "too many values");
                }
                let with = |item: &Item, value: &Node| {
                    let mut item = item.clone();
                    item.insert(list.key.text().to_owned(), value.clone());
                    item
                };
                items = items.iter().flat_map(|item| values.iter().map(|value| with(item, value))).collect();
            }
            if lists.is_empty() { Vec::new() } else { items }
        }
        Content::Scalar(_) => return wrong(node, "`for_each` must be a list or a map", "expected a list or a map"),
    };
    if items.is_empty() {
        problems
            .push(Diagnostic::error("`for_each` has no items").at(entry.key.loc.clone(), "makes no asset").help(form));
        return None;
    }
    let variables = items.iter().flat_map(BTreeMap::keys).collect::<std::collections::BTreeSet<_>>();
    let bad = variables.into_iter().find(|name| names::check_name(name).is_err() || *name == "env");
    if let Some(name) = bad {
        let message = format!("`{name}` cannot be the name of a variable");
        return wrong(node, &message, "letters, digits and `_`, and not `env`");
    }
    Some(items)
}

/// The asset with what `defaults` says and it does not. Tags are united, and the checks of both are run, those of `defaults` first.
pub(crate) fn with_defaults(asset: &Node, defaults: Option<&Node>) -> Node {
    let (Some(own), Some(shared)) = (asset.entries(), defaults.and_then(Node::entries)) else { return asset.clone() };
    let mut entries = own.to_vec();
    for default in shared {
        match entries.iter_mut().find(|entry| entry.key.text() == default.key.text()) {
            None => entries.push(default.clone()),
            Some(entry) => {
                if let (Content::List(theirs), Content::List(ours)) = (&default.value.content, &mut entry.value.content)
                {
                    match default.key.text() {
                        "tags" => {
                            let known = |tag: &Node| {
                                ours.iter()
                                    .any(|own| own.scalar().map(|own| &own.text) == tag.scalar().map(|tag| &tag.text))
                            };
                            let mut all: Vec<Node> = theirs.iter().filter(|tag| !known(tag)).cloned().collect();
                            all.append(ours);
                            *ours = all;
                        }
                        "checks" => {
                            ours.splice(0..0, theirs.iter().cloned());
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    Node { loc: asset.loc.clone(), content: Content::Map(entries) }
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, load_text, mistakes};
    use crate::{Kind, OneOrMany};

    fn names(for_each: &str, name: &str) -> Vec<String> {
        let text = format!(
            "{BARS}  {name}:\n    kind: indicators\n    input: raw_bars\n    for_each: {for_each}\n    columns: {{ x: close }}\n"
        );
        let project = load_text(&text).unwrap_or_else(|errors| panic!("{errors}"));
        project.assets.into_iter().skip(1).map(|asset| asset.name).collect()
    }

    #[test]
    fn a_map_of_lists_is_its_product_in_order_and_a_list_of_maps_its_items() {
        assert_eq!(names("{ a: [x, y], n: [1, 2] }", "f_${a}_${n}"), ["f_x_1", "f_x_2", "f_y_1", "f_y_2"]);
        assert_eq!(names("[{ a: x, n: 1 }, { a: y, n: 2 }]", "f_${a}_${n}"), ["f_x_1", "f_y_2"]);
    }

    #[test]
    fn mistakes_of_for_each() {
        let said = |for_each: &str, name: &str| {
            mistakes(&format!("{BARS}  {name}:\n    kind: indicators\n    input: raw_bars\n    for_each: {for_each}\n    columns: {{ x: close }}\n"))
                .remove(0)
        };
        assert_eq!(said("{ n: [1] }", "f"), ("`for_each` makes every asset with the name `f`".into(), "f".into()));
        assert_eq!(said("{ n: [1, 1] }", "f_${n}"), ("`for_each` makes two assets `f_1`".into(), "f_${n}".into()));
        assert_eq!(said("{ n: 1 }", "f_${n}").0, "variable `n` of `for_each` must have a list of values");
        assert_eq!(said("[1]", "f_${n}"), ("an item of `for_each` must be a map of variables".into(), "1".into()));
        assert_eq!(said("[]", "f_${n}"), ("`for_each` has no items".into(), "for_each".into()));
        assert_eq!(said("{ n: [1] }", "f_${m}"), ("there is no variable `m`".into(), "${m}".into()));
        let long = format!("[{}]", ["1"; 200].join(", "));
        assert_eq!(said(&format!("{{ a: {long}, b: {long} }}"), "f_${a}").0, "`for_each` makes more than 10000 assets");
    }

    #[test]
    fn an_asset_wins_over_defaults_but_tags_and_checks_are_joined() {
        let text = format!(
            "defaults: {{ owner: desk, retries: 2, tags: [daily, cn], checks: [{{ not_null: close }}] }}\n{BARS}    owner: me\n    tags: [cn, raw]\n    checks: [{{ unique: session }}]\n"
        );
        let project = load_text(&text).unwrap();
        let (asset, common) = (&project.assets[0], &project.assets[0].common);
        assert_eq!((common.owner.as_deref(), common.retries), (Some("me"), Some(2)));
        assert_eq!(common.tags, ["daily", "cn", "raw"]);
        assert_eq!(common.checks[0].not_null, Some(OneOrMany::One("close".into())));
        assert_eq!(common.checks[1].unique, Some(OneOrMany::One("session".into())));
        assert_eq!(project.sources.text(&asset.locate(&["checks", "0", "not_null"])), "close");
        assert_eq!(project.sources.text(&asset.locate(&["checks", "1", "unique"])), "session");
        assert!(matches!(asset.kind, Kind::Source(_)));
    }
}
