//! `${name}` and `${env.NAME}`: replaced in every text before it means anything.
//!
//! A value that is nothing but one `${name}` takes what the name stands for as it is: a number stays a number, a list a
//! list. Elsewhere the text is put in. `$${` stands for `${`. This is the one place that reads the environment.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, SourceMap};
use crate::names;
use crate::node::{Content, Entry, Key, Node, Origin, Scalar, Style, Template, place_in};

/// Asks the environment for a variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment. A variable that is not Unicode counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The name under which the user is logged in, where the system says it.
pub fn who() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(process_environment).filter(|name| !name.is_empty())
}

/// What names stand for.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub sources: &'a SourceMap,
    pub environment: Environment<'a>,
    /// Variables: of an asset's item before those of the project.
    pub values: BTreeMap<String, Node>,
}

/// What one `${…}` stands for.
enum Found {
    Node(Node),
    Environment(String),
}

enum Part<'a> {
    Text(Range<usize>),
    /// `$${`
    Escape(Range<usize>),
    Reference {
        range: Range<usize>,
        name: &'a str,
    },
}

/// Splits a text at its `${…}`.
///
/// # Errors
/// The range of a `${` that is not closed.
fn parts(text: &str) -> Result<Vec<Part<'_>>, Range<usize>> {
    let (mut parts, mut at, mut done) = (Vec::new(), 0, 0);
    while let Some(found) = text[at..].find("${").map(|found| at + found) {
        let escaped = text[done..found].ends_with('$');
        let before = if escaped { found - 1 } else { found };
        if before > done {
            parts.push(Part::Text(done..before));
        }
        let end = if escaped {
            parts.push(Part::Escape(before..found + 2));
            found + 2
        } else {
            let end = text[found..].find('}').map(|end| found + end + 1).ok_or(found..found + 2)?;
            parts.push(Part::Reference { range: found..end, name: &text[found + 2..end - 1] });
            end
        };
        (at, done) = (end, end);
    }
    if done < text.len() {
        parts.push(Part::Text(done..text.len()));
    }
    Ok(parts)
}

/// Whether a text has a `${…}` in it that is not escaped.
pub(crate) fn has_reference(text: &str) -> bool {
    parts(text).is_ok_and(|parts| parts.iter().any(|part| matches!(part, Part::Reference { .. })))
}

impl<'a> Scope<'a> {
    /// The same names over other texts.
    pub fn with_sources<'b>(&self, sources: &'b SourceMap) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { sources, environment: self.environment, values: self.values.clone() }
    }

    /// The tree with every `${…}` replaced. What stands for nothing is reported once, and left [`Origin::Unresolved`].
    pub fn node(&self, node: &Node, problems: &mut Vec<Diagnostic>) -> Node {
        let content = match &node.content {
            Content::Scalar(scalar) => match self.scalar(scalar, node, problems) {
                Ok(scalar) => Content::Scalar(scalar),
                Err(content) => content,
            },
            Content::List(items) => Content::List(items.iter().map(|item| self.node(item, problems)).collect()),
            Content::Map(entries) => Content::Map(self.entries(entries, problems)),
        };
        Node { loc: node.loc.clone(), content }
    }

    fn entries(&self, entries: &[Entry], problems: &mut Vec<Diagnostic>) -> Vec<Entry> {
        let mut done: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.key(&entry.key, problems);
            let twin = done.iter().find(|known| known.key.text() == key.text());
            if let Some(twin) =
                twin.filter(|_| matches!(key.scalar.origin, Origin::Interpolated(_)) && !key.scalar.unresolved())
            {
                problems.push(
                    Diagnostic::error(format!("key `{}` is there twice", key.scalar.shown()))
                        .at(key.loc.clone(), "here again")
                        .and(twin.key.loc.clone(), "first here")
                        .help("keep one of the two"),
                );
            }
            done.push(Entry { key, value: self.node(&entry.value, problems) });
        }
        done
    }

    /// A key with every `${…}` replaced by text.
    pub fn key(&self, key: &Key, problems: &mut Vec<Diagnostic>) -> Key {
        let node = Node { loc: key.loc.clone(), content: Content::Scalar(key.scalar.clone()) };
        let scalar = match self.scalar(&key.scalar, &node, problems) {
            Ok(scalar) => scalar,
            Err(_) => {
                problems.push(not_text(&key.scalar.text, &node));
                Scalar { origin: Origin::Unresolved, ..key.scalar.clone() }
            }
        };
        Key { scalar, loc: key.loc.clone() }
    }

    /// The scalar with its `${…}` replaced, or the list or map that it stands for.
    fn scalar(&self, scalar: &Scalar, node: &Node, problems: &mut Vec<Diagnostic>) -> Result<Scalar, Content> {
        if !scalar.text.contains("${") || !matches!(scalar.origin, Origin::Written) {
            return Ok(scalar.clone());
        }
        let unresolved = || Scalar { origin: Origin::Unresolved, ..scalar.clone() };
        let here = |range: Range<usize>| place_in(self.sources, &node.loc, scalar, range);
        let parts = match parts(&scalar.text) {
            Ok(parts) => parts,
            Err(range) => {
                problems.push(
                    Diagnostic::error("`${` without `}`")
                        .at(here(range), "opened here")
                        .help("close it, as `${name}`, or write `$${` for the text `${`"),
                );
                return Ok(unresolved());
            }
        };
        let alone = matches!(parts.as_slice(), [Part::Reference { .. }]);
        let (mut text, mut style, mut pieces, mut secret, mut failed) =
            (String::new(), scalar.style, Vec::new(), false, false);
        for part in parts {
            let start = text.len();
            let (from, verbatim) = match part {
                Part::Text(range) => {
                    text.push_str(&scalar.text[range.clone()]);
                    (range, true)
                }
                Part::Escape(range) => {
                    text.push_str("${");
                    (range, false)
                }
                Part::Reference { range, name } => {
                    match self.lookup(name) {
                        Ok(Found::Environment(value)) => {
                            text.push_str(&value);
                            secret = true;
                            if alone {
                                style = Style::Plain;
                            }
                        }
                        Ok(Found::Node(Node { content: Content::Scalar(value), .. })) => {
                            failed |= value.unresolved();
                            secret |= matches!(&value.origin, Origin::Interpolated(template) if template.secret);
                            text.push_str(&value.text);
                            if alone {
                                style = value.style;
                            }
                        }
                        Ok(Found::Node(value)) if alone => return Err(value.content),
                        Ok(Found::Node(_)) => {
                            problems.push(not_text(name, &Node { loc: here(range.clone()), ..node.clone() }));
                            failed = true;
                        }
                        Err(problem) => {
                            problems.push(problem.at(here(range.clone()), "stands for nothing"));
                            failed = true;
                        }
                    }
                    (range, false)
                }
            };
            pieces.push((start..text.len(), from, verbatim));
        }
        if failed {
            return Ok(unresolved());
        }
        let origin = Origin::Interpolated(Template { text: scalar.text.clone(), pieces, secret, style: scalar.style });
        Ok(Scalar { text, style, origin })
    }

    fn lookup(&self, reference: &str) -> Result<Found, Box<Diagnostic>> {
        if let Some(variable) = reference.strip_prefix("env.") {
            let (name, default) = match variable.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (variable, None),
            };
            let value = (self.environment)(name).or_else(|| default.map(str::to_owned));
            return value.map(Found::Environment).ok_or_else(|| {
                Box::new(
                    Diagnostic::error(format!("environment variable `{name}` is not set"))
                        .help(format!("set it, or give a default: `${{env.{name}:-…}}`")),
                )
            });
        }
        if let Some(node) = self.values.get(reference) {
            return Ok(Found::Node(node.clone()));
        }
        let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        let mut problem = Diagnostic::error(format!("there is no variable `{reference}`"));
        problem = match names::suggest(reference, &known, "there are") {
            Some(help) => problem.help(help),
            None => problem.help("declare it under `vars:`, or write `${env.NAME}` for the environment"),
        };
        Err(Box::new(problem.help("write `$${` for the text `${`")))
    }
}

fn not_text(name: &str, node: &Node) -> Diagnostic {
    let name = name.trim_start_matches("${").trim_end_matches('}');
    Diagnostic::error(format!("`{name}` is a list or a map, and cannot be put into a text"))
        .at(node.loc.clone(), "inside a text")
        .help(format!("a list or map can only be the whole value: `key: ${{{name}}}`"))
}

#[cfg(test)]
mod tests {
    use crate::load_with;
    use crate::testing::{BARS, load_text, mistakes, write};
    use crate::{Kind, OneOrMany};

    #[test]
    fn a_reference_alone_keeps_what_it_stands_for_and_inside_a_text_its_text() {
        let project = load_text(&format!(
            "vars:\n  tags: [a, b]\n  n: 3\n  folder: bars\n{BARS}    retries: ${{n}}\n    tags: \"${{tags}}\"\n    description: n is ${{n}}, $${{n}}\n    missing: ['${{n}}']\n    owner: ${{folder}}\n"
        ))
        .unwrap();
        let common = &project.assets[0].common;
        assert_eq!((common.retries, common.tags.as_slice()), (Some(3), ["a".to_owned(), "b".to_owned()].as_slice()));
        assert_eq!(common.description.as_deref(), Some("n is 3, ${n}"));
        assert_eq!(common.owner.as_deref(), Some("bars"));
    }

    #[test]
    fn the_environment_is_asked_and_its_values_are_not_shown() {
        let text = BARS.replace("bars.csv", "${env.FOLDER}/${env.FILE:-bars.csv}") + "    retries: ${env.SECRET}\n";
        let (_folder, path) = write(&text);
        let environment = |name: &str| match name {
            "FOLDER" => Some("vendor".to_owned()),
            "SECRET" => Some("hunter2".to_owned()),
            _ => None,
        };
        let errors = load_with(&path, &environment).unwrap_err();
        assert_eq!(errors.diagnostics.len(), 1);
        assert_eq!(errors.diagnostics[0].message, "`retries` must be a whole number, not `${env.SECRET}`");
        let number = |name: &str| if name == "SECRET" { Some("2".to_owned()) } else { environment(name) };
        let project = load_with(&path, &number).unwrap();
        assert_eq!(project.assets[0].common.retries, Some(2));
        let Kind::Source(spec) = &project.assets[0].kind else { panic!() };
        assert_eq!(spec.files.csv, Some(OneOrMany::One("vendor/bars.csv".into())));
        let unset = load_with(&path, &|_| None).unwrap_err();
        let messages: Vec<&str> = unset.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, ["environment variable `FOLDER` is not set", "environment variable `SECRET` is not set"]);
    }

    #[test]
    fn what_stands_for_nothing_is_reported_once_at_its_place() {
        assert_eq!(
            mistakes(&format!("{BARS}    retries: ${{x}}\n    description: '${{'\n")),
            [("there is no variable `x`".into(), "${x}".into()), ("`${` without `}`".into(), "${".into())]
        );
        assert_eq!(mistakes(&format!("vars: {{ l: [1] }}\n{BARS}    description: a ${{l}} b\n"))[0].1, "${l}");
    }
}
