//! The selection language: `+scores`, `tag:daily,kind:indicators`, `2+scores signals`.
//!
//! Spaces unite, commas intersect. An item is a name, a glob, or `tag:`, `kind:`, `state:`, `owner:` with a value or
//! glob; `+` or a number and `+` before it adds what it needs (that many steps up), after it what needs it.

use std::collections::BTreeSet;

use globset::Glob;

use crate::dag::Graph;

/// Says in which state an asset is (`stale`, `clean`, `never`, `blocked`); asked only for `state:`.
pub type StateOf<'a> = &'a dyn Fn(usize) -> Vec<&'static str>;

/// The words that may follow `state:`.
pub const STATES: [&str; 4] = ["stale", "clean", "never", "blocked"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    pub message: String,
    pub help: Option<String>,
}

/// A parsed selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    text: String,
    union: Vec<Vec<Item>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    text: String,
    up: Option<Steps>,
    down: Option<Steps>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    All,
    Few(u32),
}

impl Steps {
    fn depth(self) -> Option<u32> {
        match self {
            Self::All => None,
            Self::Few(depth) => Some(depth),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Name(String),
    Tag(String),
    Kind(String),
    Owner(String),
    State(String),
}

impl Selection {
    /// Parses; an empty text selects everything.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let union = text
            .split_whitespace()
            .map(|group| group.split(',').map(Item::parse).collect())
            .collect::<Result<Vec<Vec<Item>>, _>>()?;
        Ok(Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), union })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether answering needs to know the state of assets.
    pub fn needs_state(&self) -> bool {
        self.union.iter().flatten().any(|item| matches!(item.what, What::State(_)))
    }

    /// The selected assets. An item that matches nothing is an error, except `state:`, which may well match nothing.
    pub fn resolve(&self, graph: &Graph, state_of: StateOf<'_>) -> Result<BTreeSet<usize>, SelectError> {
        if self.union.is_empty() {
            return Ok((0..graph.nodes().len()).collect());
        }
        let mut selected = BTreeSet::new();
        for group in &self.union {
            let mut of_group: Option<BTreeSet<usize>> = None;
            for item in group {
                let found = item.resolve(graph, state_of)?;
                of_group = Some(match of_group {
                    None => found,
                    Some(so_far) => so_far.intersection(&found).copied().collect(),
                });
            }
            selected.extend(of_group.unwrap_or_default());
        }
        Ok(selected)
    }
}

impl Item {
    fn parse(text: &str) -> Result<Self, SelectError> {
        let (up, rest) = match text.split_once('+') {
            Some(("", rest)) => (Some(Steps::All), rest),
            Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => (Some(steps(digits, text)?), rest),
            _ => (None, text),
        };
        let (down, rest) = match rest.rsplit_once('+') {
            Some((rest, "")) => (Some(Steps::All), rest),
            Some((rest, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => (Some(steps(digits, text)?), rest),
            _ => (None, rest),
        };
        if rest.is_empty() {
            return Err(SelectError {
                message: format!("`{text}` names no asset"),
                help: Some("a selection looks like `scores`, `+scores`, `tag:daily,kind:indicators`".into()),
            });
        }
        let what = match rest.split_once(':') {
            None => What::Name(rest.into()),
            Some(("tag", value)) => What::Tag(value.into()),
            Some(("kind", value)) => What::Kind(value.into()),
            Some(("owner", value)) => What::Owner(value.into()),
            Some(("state", value)) if STATES.contains(&value) => What::State(value.into()),
            Some(("state", value)) => {
                return Err(SelectError {
                    message: format!("`{value}` is not a state"),
                    help: Some(format!("states are `{}`", STATES.join("`, `"))),
                });
            }
            Some((method, _)) => {
                return Err(SelectError {
                    message: format!("`{method}:` is not a way to select"),
                    help: Some("use `tag:`, `kind:`, `owner:` or `state:`".into()),
                });
            }
        };
        Ok(Self { text: text.into(), up, down, what })
    }

    fn resolve(&self, graph: &Graph, state_of: StateOf<'_>) -> Result<BTreeSet<usize>, SelectError> {
        let nodes = graph.nodes();
        // `of` says of an asset whether something of it is as the pattern.
        type IsLike<'p> = &'p dyn Fn(&str) -> bool;
        let matching = |pattern: &str, of: &dyn Fn(usize, IsLike<'_>) -> bool| {
            let glob = Glob::new(pattern)
                .map_err(|error| SelectError {
                    message: format!("`{pattern}` is not a valid pattern: {}", error.kind()),
                    help: None,
                })?
                .compile_matcher();
            Ok((0..nodes.len()).filter(|ix| of(*ix, &|text| glob.is_match(text))).collect::<BTreeSet<usize>>())
        };
        let base: BTreeSet<usize> = match &self.what {
            What::Name(name) => match graph.find(name) {
                Some(ix) => BTreeSet::from([ix]),
                None => matching(name, &|ix, is| is(&nodes[ix].name))?,
            },
            What::Tag(tag) => matching(tag, &|ix, is| nodes[ix].tags.iter().any(|tag| is(tag)))?,
            What::Kind(kind) => matching(kind, &|ix, is| is(nodes[ix].kind))?,
            What::Owner(owner) => matching(owner, &|ix, is| nodes[ix].owner.as_deref().is_some_and(is))?,
            What::State(state) => (0..nodes.len()).filter(|ix| state_of(*ix).contains(&state.as_str())).collect(),
        };
        if base.is_empty() && !matches!(self.what, What::State(_)) {
            return Err(self.nothing(graph));
        }
        let mut found = base.clone();
        for ix in base {
            if let Some(steps) = self.up {
                found.extend(graph.above(ix, steps.depth()));
            }
            if let Some(steps) = self.down {
                found.extend(graph.below(ix, steps.depth()));
            }
        }
        Ok(found)
    }

    fn nothing(&self, graph: &Graph) -> SelectError {
        let (wanted, known): (&str, BTreeSet<&str>) = match &self.what {
            What::Name(name) => (name, graph.nodes().iter().map(|node| node.name.as_str()).collect()),
            What::Tag(tag) => (tag, graph.nodes().iter().flat_map(|node| &node.tags).map(String::as_str).collect()),
            What::Kind(kind) => (kind, assetctl_config::Kind::NAMES.into_iter().collect()),
            What::Owner(owner) => (owner, graph.nodes().iter().filter_map(|node| node.owner.as_deref()).collect()),
            What::State(state) => (state, STATES.into_iter().collect()),
        };
        let nearest = assetctl_config::did_you_mean(wanted, known.iter().copied());
        SelectError {
            message: match &self.what {
                What::Name(_) => format!("no asset matches `{}`", self.text),
                _ => format!("no asset has `{}`", self.text),
            },
            help: match nearest {
                Some(name) => Some(format!("did you mean `{name}`?")),
                None if known.is_empty() => None,
                None if known.len() <= 12 => {
                    Some(format!("there are `{}`", known.into_iter().collect::<Vec<_>>().join("`, `")))
                }
                None => Some("`assetctl ls` lists all assets".into()),
            },
        }
    }
}

fn steps(digits: &str, text: &str) -> Result<Steps, SelectError> {
    digits
        .parse()
        .map(Steps::Few)
        .map_err(|_| SelectError { message: format!("`{digits}` in `{text}` is not a number of steps"), help: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::nodes;

    /// bars → indicators → scores → signals, and news → scores.
    fn graph() -> Graph {
        let mut nodes =
            nodes(&[("bars", &[]), ("news", &[]), ("indicators", &[0]), ("scores", &[1, 2]), ("signals", &[3])]);
        nodes[0].tags = vec!["daily".into(), "raw".into()];
        nodes[2].tags = vec!["daily".into()];
        nodes[4].owner = Some("research".into());
        Graph::from_nodes(nodes).unwrap()
    }

    fn chosen(text: &str) -> String {
        let graph = graph();
        let state = |ix: usize| if ix >= 3 { vec!["stale"] } else { vec!["clean"] };
        match Selection::parse(text).and_then(|selection| selection.resolve(&graph, &state)) {
            Ok(chosen) => chosen.iter().map(|ix| graph.node(*ix).name.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => match error.help {
                Some(help) => format!("{} ({help})", error.message),
                None => error.message,
            },
        }
    }

    #[test]
    fn items() {
        assert_eq!(chosen(""), "bars news indicators scores signals");
        assert_eq!(chosen("scores"), "scores");
        assert_eq!(chosen("s*"), "scores signals");
        assert_eq!(chosen("tag:d?ily"), "bars indicators");
        assert_eq!(chosen("kind:source"), "bars news");
        assert_eq!(chosen("owner:research"), "signals");
        assert_eq!(chosen("state:stale"), "scores signals");
        assert_eq!(chosen("state:blocked"), "");
    }

    #[test]
    fn steps_up_and_down() {
        assert_eq!(chosen("+scores"), "bars news indicators scores");
        assert_eq!(chosen("1+scores"), "news indicators scores");
        assert_eq!(chosen("0+scores+0"), "scores");
        assert_eq!(chosen("bars+"), "bars indicators scores signals");
        assert_eq!(chosen("bars+1"), "bars indicators");
        assert_eq!(chosen("1+indicators+1"), "bars indicators scores");
        assert_eq!(chosen("tag:raw+1"), "bars indicators");
    }

    #[test]
    fn spaces_unite_and_commas_intersect_first() {
        assert_eq!(chosen("news  signals"), "news signals");
        assert_eq!(chosen("+signals,tag:daily"), "bars indicators");
        assert_eq!(chosen("tag:daily,kind:source news,kind:source"), "bars news");
        assert_eq!(chosen("bars,news"), "");
        assert_eq!(Selection::parse("  news \t signals ").unwrap().text(), "news signals");
    }

    #[test]
    fn only_states_need_a_plan() {
        assert!(Selection::parse("bars kind:source,+state:stale").unwrap().needs_state());
        assert!(!Selection::parse("bars kind:source,+tag:stale").unwrap().needs_state());
    }

    #[test]
    fn mistakes_say_what_to_do() {
        assert_eq!(chosen("scorse"), "no asset matches `scorse` (did you mean `scores`?)");
        assert_eq!(chosen("tag:dayly"), "no asset has `tag:dayly` (did you mean `daily`?)");
        assert_eq!(chosen("state:old"), "`old` is not a state (states are `stale`, `clean`, `never`, `blocked`)");
        assert_eq!(
            chosen("colour:red"),
            "`colour:` is not a way to select (use `tag:`, `kind:`, `owner:` or `state:`)"
        );
        let nothing = "names no asset (a selection looks like `scores`, `+scores`, `tag:daily,kind:indicators`)";
        assert_eq!(chosen("+"), format!("`+` {nothing}"));
        assert_eq!(chosen("scores,"), format!("`` {nothing}"));
        assert_eq!(chosen("99999999999+scores"), "`99999999999` in `99999999999+scores` is not a number of steps");
        assert!(chosen("s[").starts_with("`s[` is not a valid pattern: "), "{}", chosen("s["));
    }
}
