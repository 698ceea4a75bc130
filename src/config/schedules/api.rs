//! What a schema cannot state of `api:`.

use super::rules::Rules;
use crate::diagnostic::Diagnostic;
use crate::project::Places;
use crate::spec::{ApiSpec, Listen, SecretFrom};

/// `api:` at the top of the file.
pub(super) fn check(api: &ApiSpec, places: &Places, problems: &mut Vec<Diagnostic>) {
    let mut rules = Rules { places, problems };
    if let Some(text) = &api.listen {
        match Listen::parse(text) {
            None => rules.error(
                format!("`{text}` is not an address with a port"),
                &["api", "listen"],
                "not an address",
                "write `127.0.0.1:8123`, `[::1]:8123`, or `off`",
            ),
            Some(listen) if listen.is_open() && api.token.is_none() => rules.error(
                format!("`{text}` can be reached from other machines, and there is no `token`"),
                &["api", "listen"],
                "not a loopback address",
                "add `token: { env: ASSETCTL_TOKEN }`, or listen on `127.0.0.1:8123`",
            ),
            Some(_) => {}
        }
    }
    if let Some(SecretFrom { env, file }) = &api.token
        && env.is_some() == file.is_some()
    {
        rules.error(
            "the token's place is not said, or said twice",
            &["api", "token"],
            "either `env` or `file`",
            "write `token: { env: ASSETCTL_TOKEN }` or `token: { file: token.txt }`",
        );
    }
    for (at, origin) in api.origins.iter().enumerate() {
        if !is_origin(origin) {
            rules.error(
                format!("`{origin}` is not an origin"),
                &["api", "origins", &at.to_string()],
                "not an origin",
                "write what a browser calls one, without a path: `https://desk.example`, `http://localhost:3000`",
            );
        }
    }
    if let Some(memory) = &api.sql.memory
        && !is_memory(memory)
    {
        rules.error(
            format!("`{memory}` is not an amount of memory"),
            &["api", "sql", "memory"],
            "not an amount",
            "write `512MB` or `2GB`",
        );
    }
}

/// A scheme and a host, perhaps with a port.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|host| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c)))
}

/// Digits and a unit, as the database takes them.
fn is_memory(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    ["MB", "GB", "MiB", "GiB"].contains(&unit) && digits.parse::<u32>().is_ok_and(|amount| amount > 0)
}
