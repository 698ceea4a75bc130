//! What a schema cannot state of publishing: which sort a sink is, that secrets are not written down, what each asset may say of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Loc, SourceMap};
use crate::names::{self, check_file_name};
use crate::node::Node;
use crate::project::{Asset, Places};
use crate::spec::{ProjectSpec, Publish, Secret, Sink, SinkKind};

/// Most bytes of a routing key, or of the name of an exchange, that AMQP takes.
const SHORT_TEXT: usize = 255;

/// Where assets are published to.
#[derive(Debug, Clone)]
pub struct DeclaredSink {
    pub name: String,
    pub spec: Sink,
    /// The folder that its paths are relative to.
    pub base: PathBuf,
}

impl DeclaredSink {
    /// What it is. Of a project without mistakes there is one.
    pub fn kind(&self) -> Option<SinkKind<'_>> {
        self.spec.kinds().into_iter().next()
    }
}

/// The sinks of a project, without those that have mistakes, which are reported.
pub(crate) fn read(
    root: &Node,
    spec: &ProjectSpec,
    base: &Path,
    sources: &SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Vec<DeclaredSink> {
    let places = Places { node: root.clone(), name_loc: root.head(), sources: sources.clone() };
    let mut read = Vec::new();
    for (name, sink) in spec.sinks.iter() {
        let before = problems.len();
        let mut rules = Rules { name, places: &places, problems };
        rules.name();
        rules.sort(sink);
        rules.secrets(sink);
        rules.addresses(sink);
        if problems.len() == before {
            read.push(DeclaredSink { name: name.clone(), spec: sink.clone(), base: base.to_path_buf() });
        }
    }
    read
}

/// One sink, as it is held against the rules.
struct Rules<'a> {
    name: &'a str,
    places: &'a Places,
    problems: &'a mut Vec<Diagnostic>,
}

impl Rules<'_> {
    fn path<'p>(&'p self, path: &[&'p str]) -> Vec<&'p str> {
        [&["sinks", self.name], path].concat()
    }

    fn push(&mut self, loc: Loc, message: String, label: &str, help: String) {
        self.problems.push(Diagnostic::error(message).at(loc, label).help(help));
    }

    fn name(&mut self) {
        if let Err(mistake) = check_file_name(self.name) {
            let loc = self.places.locate_key(&self.path(&[]));
            let message = format!("`{}` cannot be the name of a sink", self.name);
            self.push(loc, message, &mistake.to_string(), "choose another name: `warehouse`, say".to_owned());
        }
    }

    fn sort(&mut self, sink: &Sink) {
        let kinds: Vec<&str> = sink.kinds().into_iter().map(SinkKind::key).collect();
        match kinds.as_slice() {
            [_] => {}
            [] => {
                let loc = self.places.locate_key(&self.path(&[]));
                let message = format!("sink `{}` does not say what it is", self.name);
                self.push(loc, message, "nowhere", format!("write one of {}", names::list(&SinkKind::KEYS)));
            }
            [first, second, ..] => {
                let loc = self.places.locate_key(&self.path(&[second]));
                let message = format!("sink `{}` is both `{first}` and `{second}`", self.name);
                self.push(loc, message, "one too many", format!("keep `{first}`, and make a second sink of this"));
            }
        }
    }

    fn secrets(&mut self, sink: &Sink) {
        for (sort, key, secret) in sink.secrets() {
            let Secret::Text(text) = secret else { continue };
            if key != "url" {
                let loc = self.places.locate(&self.path(&[sort, key]));
                let message = "a secret does not stand in a file that is shared".to_owned();
                let kept = format!("{}_{}", self.name.to_uppercase(), key.to_uppercase());
                self.push(loc, message, "written down here", format!("keep it elsewhere: `{key}: {{ env: {kept} }}`"));
            } else if has_password(text) {
                let loc = self.places.locate(&self.path(&[sort, "url"]));
                let message = "a password does not stand in a file that is shared".to_owned();
                let kept = format!("{}_PASSWORD", self.name.to_uppercase());
                let help = format!("take it out of `url`, and keep it elsewhere: `password: {{ env: {kept} }}`");
                self.push(loc, message, "it is in this address", help);
            }
        }
    }

    fn addresses(&mut self, sink: &Sink) {
        for (sort, key, secret) in sink.secrets() {
            let (schemes, example): (&[&str], &str) = match sort {
                "postgres" => (&["postgres://", "postgresql://"], "postgres://desk@db.internal:5432/research"),
                "clickhouse" => (&["http://", "https://"], "http://clickhouse.internal:8123"),
                "redis" => (&["redis://", "rediss://"], "redis://cache.internal:6379/0"),
                // The client that is used speaks no TLS.
                "rabbitmq" => (&["amqp://"], "amqp://desk@bus.internal:5672/market"),
                _ => (&["nats://", "tls://"], "nats://bus.internal:4222"),
            };
            let Secret::Text(text) = secret else { continue };
            if key == "url" && !schemes.iter().any(|scheme| text.starts_with(scheme)) {
                let loc = self.places.locate(&self.path(&[sort, "url"]));
                let schemes: Vec<String> = schemes.iter().map(|scheme| format!("`{scheme}`")).collect();
                let message = format!("`url` must begin with {}", schemes.join(" or "));
                self.push(loc, message, "no such address", format!("write `{example}`, say"));
            }
        }
        if let Some(s3) = &sink.s3
            && s3.path.strip_prefix("s3://").is_none_or(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            let loc = self.places.locate(&self.path(&["s3", "path"]));
            let message = format!("`{}` names no bucket", s3.path);
            self.push(loc, message, "where to?", "write `s3://bucket/published`, say".to_owned());
        }
        if let Some(exchange) = sink.rabbitmq.as_ref().and_then(|rabbitmq| rabbitmq.exchange.as_ref())
            && (exchange.is_empty() || exchange.len() > SHORT_TEXT || exchange.starts_with("amq."))
        {
            let loc = self.places.locate(&self.path(&["rabbitmq", "exchange"]));
            let message = format!("`{exchange}` cannot be the name of an exchange");
            self.push(loc, message, "not by RabbitMQ's rules", "write `assetctl`, say".to_owned());
        }
    }
}

/// Whether an address has a password in it: `scheme://user:password@host`.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// What assets say of publishing; `names` are those of all sinks, also of those that have mistakes.
pub(crate) fn published(assets: &[Asset], sinks: &[DeclaredSink], names: &[String], problems: &mut Vec<Diagnostic>) {
    let mut taken: BTreeMap<(&str, &str), (&Asset, Loc)> = BTreeMap::new();
    for asset in assets {
        for (at, publish) in asset.common.publish.iter().enumerate() {
            let at = at.to_string();
            let path = |key: &'static str| asset.locate(&["publish", &at, key]);
            let Some(sink) = sinks.iter().find(|sink| sink.name == publish.to) else {
                if !names.contains(&publish.to) {
                    problems.push(unknown(&publish.to, names, path("to")));
                }
                continue;
            };
            let Some(kind) = sink.kind() else { continue };
            problems.extend(said(publish, kind, &path));
            let target = publish.target(&asset.name);
            match taken.get(&(sink.name.as_str(), target)) {
                Some((other, first)) => {
                    let other =
                        if other.name == asset.name { "here".to_owned() } else { format!("by `{}`", other.name) };
                    let problem = Diagnostic::error(format!("`{target}` of sink `{}` is written twice", sink.name))
                        .at(path("to"), format!("here again, by `{}`", asset.name))
                        .and(first.clone(), format!("first {other}"))
                        .help(format!("name another: `{}: {}_2`", kind.target_key(), asset.name));
                    problems.push(problem);
                }
                None => {
                    taken.insert((&sink.name, target), (asset, path("to")));
                }
            }
        }
    }
}

fn unknown(name: &str, names: &[String], loc: Loc) -> Diagnostic {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = names::suggest(name, &known, "there are");
    Diagnostic::error(format!("there is no sink `{name}`"))
        .at(loc, "published there")
        .help(help.unwrap_or_else(|| "declare it under `sinks:`, at the top of the project's file".to_owned()))
}

/// What is wrong with one entry by itself.
fn said(publish: &Publish, kind: SinkKind<'_>, path: &dyn Fn(&'static str) -> Loc) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut error = |key: &'static str, message: String, label: &str, help: String| {
        problems.push(Diagnostic::error(message).at(path(key), label).help(help));
    };
    for (key, target) in publish.targets() {
        let Some(target) = target else { continue };
        if key != kind.target_key() {
            let message = format!("`{key}` is not for a sink of `{}`", kind.key());
            error(key, message, "says nothing here", format!("write `{}: {target}`", kind.target_key()));
        } else if let Some(help) = target_mistake(kind, target) {
            let message = format!("`{target}` cannot be a {}", key.replace('_', " "));
            error(key, message, "no such name", help.to_owned());
        }
    }
    if publish.rows.is_some() && !kind.takes_messages() {
        let message = format!("`rows` is not for a sink of `{}`", kind.key());
        error("rows", message, "says nothing here", "take it away: rows are what is written".to_owned());
    }
    for (at, column) in publish.columns.iter().enumerate() {
        if publish.columns[..at].contains(column) {
            error("columns", format!("column `{column}` is there twice"), "once is enough", "keep one".to_owned());
        }
    }
    problems
}

/// What a target should be like, where it is not.
fn target_mistake(kind: SinkKind<'_>, target: &str) -> Option<&'static str> {
    match kind {
        SinkKind::Postgres(_) | SinkKind::Clickhouse(_) => {
            let parts: Vec<&str> = target.split('.').collect();
            let fine = parts.len() <= 2 && parts.iter().all(|part| names::check_name(part).is_ok());
            (!fine).then_some("write `scores`, or `research.scores`")
        }
        SinkKind::Redis(_) => {
            let fine = !target.is_empty() && !target.contains(['{', '}', ' ', '\r', '\n']);
            (!fine).then_some("write `scores`, or `desk:scores`")
        }
        SinkKind::Rabbitmq(_) => {
            let fine = !target.is_empty() && target.len() <= SHORT_TEXT;
            (!fine).then_some("write `scores`, or `desk.scores`: at most 255 bytes")
        }
        SinkKind::Nats(_) => {
            let plain = |token: &str| !token.is_empty() && !token.contains([' ', '\t', '\r', '\n', '*', '>']);
            let fine = target.split('.').all(plain) && !target.starts_with('$');
            (!fine).then_some("write `scores`, or `desk.scores`, without `*` and `>`")
        }
        SinkKind::S3(_) | SinkKind::Files(_) => {
            let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':']);
            (!target.split('/').all(plain)).then_some("write `scores`, or `daily/scores`: it is below the sink's own")
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, load_text, mistakes};

    const SINKS: &str = "\
sinks:
  warehouse: { postgres: { url: 'postgres://desk@db/research', password: { env: PG } } }
  bus: { nats: { url: 'nats://bus:4222' } }
";

    fn of(publish: &str) -> String {
        format!("{SINKS}{BARS}    publish: {publish}\n")
    }

    #[test]
    fn sinks_are_read_in_order_and_published_to() {
        let text = of(
            "[{ to: warehouse, table: research.bars, columns: [close] }, { to: bus, subject: bars.daily, rows: false }]",
        );
        let project = load_text(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let names: Vec<&str> = project.sinks.iter().map(|sink| sink.name.as_str()).collect();
        assert_eq!(names, ["warehouse", "bus"]);
        let targets: Vec<&str> =
            project.assets[0].common.publish.iter().map(|publish| publish.target("raw_bars")).collect();
        assert_eq!(targets, ["research.bars", "bars.daily"]);
    }

    #[test]
    fn what_an_asset_says_of_publishing_is_held_against_its_sink() {
        for (publish, message, place) in [
            ("[{ to: warehose }]", "there is no sink `warehose`", "warehose"),
            ("[{ to: warehouse, subject: x }]", "`subject` is not for a sink of `postgres`", "x"),
            ("[{ to: warehouse, table: a.b.c }]", "`a.b.c` cannot be a table", "a.b.c"),
            ("[{ to: warehouse, rows: false }]", "`rows` is not for a sink of `postgres`", "false"),
            ("[{ to: bus, subject: 'a.*' }]", "`a.*` cannot be a subject", "'a.*'"),
            ("[{ to: bus }, { to: bus }]", "`raw_bars` of sink `bus` is written twice", "bus"),
        ] {
            assert_eq!(mistakes(&of(publish))[0], (message.to_owned(), place.to_owned()), "{publish}");
        }
    }

    #[test]
    fn sinks_are_held_against_their_rules() {
        for (sink, message, place) in [
            ("{}", "sink `x` does not say what it is", "x"),
            ("{ files: { path: out }, s3: { path: 's3://b' } }", "sink `x` is both `s3` and `files`", "files"),
            ("{ s3: { path: bucket } }", "`bucket` names no bucket", "bucket"),
            (
                "{ redis: { url: 'redis://desk:swordfish@cache' } }",
                "a password does not stand in a file that is shared",
                "'redis://desk:swordfish@cache'",
            ),
            (
                "{ redis: { url: 'redis://cache', password: swordfish } }",
                "a secret does not stand in a file that is shared",
                "swordfish",
            ),
            ("{ nats: { url: 'http://bus' } }", "`url` must begin with `nats://` or `tls://`", "'http://bus'"),
            ("{ rabbitmq: { url: 'amqps://bus' } }", "`url` must begin with `amqp://`", "'amqps://bus'"),
        ] {
            let text = format!("sinks:\n  x: {sink}\n{BARS}");
            assert_eq!(mistakes(&text)[0], (message.to_owned(), place.to_owned()), "{sink}");
        }
    }

    #[test]
    fn a_mistake_in_the_defaults_is_told_once() {
        let text = format!(
            "{SINKS}defaults: {{ publish: [{{ to: wharehouse }}] }}\n{BARS}  more:\n    kind: source\n    csv: m.csv\n"
        );
        assert_eq!(mistakes(&text).len(), 1);
    }
}
