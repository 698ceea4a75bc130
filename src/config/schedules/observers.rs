//! Observers: who is told of what, and what a schema cannot state about them.

use std::path::PathBuf;

use super::read::{Around, Block, Jobs, typed};
use super::rules::{Rules, there_is};
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::project::Places;
use crate::spec::{EVENT_KINDS, EmailTo, MailTls, ObserverSpec, ObserverTo, OneOrMany, Secret};

/// Who is told of what, and how.
#[derive(Debug, Clone)]
pub struct Observer {
    pub name: String,
    pub spec: ObserverSpec,
    /// The folder that its paths are relative to.
    pub base: PathBuf,
    pub(crate) places: Places,
}

impl Observer {
    /// Where its messages go, by its key: `slack`.
    pub fn destination(&self) -> &'static str {
        destinations(&self.spec.to).first().copied().unwrap_or_default()
    }

    /// Whether a text fits a pattern in which `*` stands for any letters.
    pub fn fits(pattern: &str, text: &str) -> bool {
        let mut parts = pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

pub(super) fn read(
    block: &Block,
    jobs: &Jobs<'_>,
    around: &Around<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Observer> {
    let before = problems.len();
    let (spec, places): (ObserverSpec, Places) =
        typed("ObserverSpec", &block.node, &block.subject, &around.scope, problems)?;
    let mut rules = Rules { places: &places, problems };
    kinds(&spec, &mut rules);
    destination(&block.name, &spec.to, &mut rules);
    for (pattern, path) in texts(spec.only.asset.as_ref(), &["where", "asset"]) {
        if !pattern.contains('*') {
            there_is(&mut rules, &pattern, &as_strs(&path), around);
        }
    }
    for (pattern, path) in texts(spec.only.job.as_ref(), &["where", "job"]) {
        // What `auto:` of an asset makes is not there yet.
        if !pattern.contains('*') && !pattern.starts_with("auto:") && jobs.schedules.job(&pattern).is_none() {
            jobs.missing(&pattern, places.locate(&as_strs(&path)), problems);
        }
    }
    (problems.len() == before).then(|| Observer {
        name: block.name.clone(),
        spec,
        base: around.base.to_path_buf(),
        places,
    })
}

/// Each text with its path.
fn texts(written: Option<&OneOrMany>, path: &[&str]) -> Vec<(String, Vec<String>)> {
    let own: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
    match written {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![(one.clone(), own)],
        Some(OneOrMany::Many(many)) => many
            .iter()
            .enumerate()
            .map(|(at, text)| (text.clone(), own.iter().cloned().chain([at.to_string()]).collect()))
            .collect(),
    }
}

fn as_strs(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn kinds(spec: &ObserverSpec, rules: &mut Rules<'_>) {
    let known: Vec<&str> = EVENT_KINDS.iter().map(|(kind, _)| *kind).collect();
    let written = texts(Some(&spec.on), &["on"]);
    if written.is_empty() {
        rules.error_key("`on` names no event", &["on"], "nothing is ever told", "write `on: run_failed`, say");
    }
    for (pattern, path) in written {
        if !known.iter().any(|kind| Observer::fits(&pattern, kind)) {
            let help = names::suggest(&pattern, &known, "there are").unwrap_or_default();
            rules.error(format!("no event is called `{pattern}`"), &as_strs(&path), "unknown event", help);
        }
    }
}

/// Where the messages go, by its key.
fn destinations(to: &ObserverTo) -> Vec<&'static str> {
    [
        ("webhook", to.webhook.is_some()),
        ("slack", to.slack.is_some()),
        ("feishu", to.feishu.is_some()),
        ("dingtalk", to.dingtalk.is_some()),
        ("wecom", to.wecom.is_some()),
        ("telegram", to.telegram.is_some()),
        ("email", to.email.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect()
}

fn destination(name: &str, to: &ObserverTo, rules: &mut Rules<'_>) {
    match destinations(to).as_slice() {
        [_] => {}
        [] => rules.error_key(
            format!("observer `{name}` tells nobody"),
            &["to"],
            "nowhere",
            "write one of `webhook`, `slack`, `feishu`, `dingtalk`, `wecom`, `telegram`, `email`",
        ),
        [first, second, ..] => rules.error_key(
            format!("observer `{name}` has two destinations"),
            &["to", second],
            "one too many",
            format!("keep `{first}`, and make a second observer for this"),
        ),
    }
    for (channel, key, secret) in [
        ("webhook", "secret", to.webhook.as_ref().and_then(|to| to.secret.as_ref())),
        ("slack", "url", to.slack.as_ref().map(|to| &to.url)),
        ("feishu", "url", to.feishu.as_ref().map(|to| &to.url)),
        ("feishu", "secret", to.feishu.as_ref().and_then(|to| to.secret.as_ref())),
        ("dingtalk", "url", to.dingtalk.as_ref().map(|to| &to.url)),
        ("dingtalk", "secret", to.dingtalk.as_ref().and_then(|to| to.secret.as_ref())),
        ("wecom", "url", to.wecom.as_ref().map(|to| &to.url)),
        ("telegram", "token", to.telegram.as_ref().map(|to| &to.token)),
        ("email", "password", to.email.as_ref().and_then(|to| to.password.as_ref())),
    ] {
        if let Some(Secret::Text(_)) = secret {
            rules.error(
                "a secret does not stand in a file that is shared",
                &["to", channel, key],
                "written down here",
                format!("keep it elsewhere: `{key}: {{ env: {}_{} }}`", channel.to_uppercase(), key.to_uppercase()),
            );
        }
    }
    let addresses = [
        (
            "webhook",
            "url",
            to.webhook.as_ref().and_then(|to| match &to.url {
                Secret::Text(text) => Some(text.as_str()),
                Secret::From(_) => None,
            }),
        ),
        ("telegram", "api", to.telegram.as_ref().and_then(|to| to.api.as_deref())),
    ];
    for (channel, key, address) in addresses {
        if address.is_some_and(|address| !address.starts_with("https://") && !address.starts_with("http://")) {
            rules.error(
                format!("`{key}` must begin with `https://` or `http://`"),
                &["to", channel, key],
                "sent how?",
                "write `https://alerts.example/hook`, say",
            );
        }
    }
    if let Some(email) = &to.email {
        mail(email, rules);
    }
}

fn mail(to: &EmailTo, rules: &mut Rules<'_>) {
    let lists = [(Some(&to.to), "to"), (to.cc.as_ref(), "cc")];
    let addresses = lists.into_iter().flat_map(|(list, key)| texts(list, &["to", "email", key]));
    let from = (to.from.clone(), ["to", "email", "from"].map(str::to_owned).to_vec());
    for (address, path) in addresses.chain([from]) {
        if !is_mailbox(&address) {
            rules.error(
                format!("`{address}` is not an e-mail address"),
                &as_strs(&path),
                "no such address",
                "write `alerts@desk.example`, or `assetctl <alerts@desk.example>`",
            );
        }
    }
    if to.to.as_slice().is_empty() {
        rules.error_key("`to` names nobody", &["to", "email", "to"], "nobody reads it", "write an address");
    }
    match (&to.user, &to.password) {
        (Some(_), None) => rules.error_key(
            "`user` is of no use without `password`",
            &["to", "email", "user"],
            "half a login",
            "add `password: { env: EMAIL_PASSWORD }`",
        ),
        (None, Some(_)) => rules.error_key(
            "`password` is of no use without `user`",
            &["to", "email", "password"],
            "half a login",
            "add `user: alerts@desk.example`, say",
        ),
        (Some(_), Some(_)) if to.tls == MailTls::None && !is_local(&to.smtp) => rules.error_key(
            "a password is not sent over an open connection",
            &["to", "email", "tls"],
            "whoever listens has it",
            "write `tls: starttls` or `tls: tls`",
        ),
        _ => {}
    }
}

/// `name@host`, alone or as `Name <name@host>`.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.trim_end().strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let local_and_host = address.trim().rsplit_once('@');
    local_and_host.is_some_and(|(local, host)| {
        let plain = |part: &str| !part.is_empty() && !part.contains([' ', '\t', '\r', '\n', '<', '>', ',', ';', '@']);
        plain(local) && plain(host)
    })
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, text, fits) in [
            ("run_failed", "run_failed", true),
            ("run_failed", "run_failed_", false),
            ("run_*", "run_failed", true),
            ("run_*", "asset_failed", false),
            ("*_failed", "run_failed", true),
            ("*_failed", "run_failed_again", false),
            ("*", "", true),
            ("*", "x", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*a*a*", "a", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Observer::fits(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn mailboxes_are_told_from_what_is_none() {
        for good in ["a@b", "alerts@desk.example", "assetctl <alerts@desk.example>"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in ["", "desk", "@x", "x@", "a b@c", "a <b@c", "a <b>", "a@b, c@d", "a@b\r\nBcc: c@d"] {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }
}
