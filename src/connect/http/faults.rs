//! What an answer means that brings no rows.

use std::time::Duration;

use assetctl_config::{HttpMeaning, HttpRule, OneOrMany};
use reqwest::StatusCode;
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::format::json_path;

/// How much of an answer rules about its text look at.
const LOOKED_AT: usize = 4096;

/// How much of an answer a message shows.
const SHOWN: usize = 300;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub meaning: HttpMeaning,
    /// Still with secrets in it.
    pub what: String,
    pub help: Option<String>,
    /// How long a rule says to wait.
    pub wait: Option<Duration>,
}

/// A rule with its path parsed.
#[derive(Debug, Clone)]
struct Rule {
    spec: HttpRule,
    json: Option<JsonPath>,
}

/// The rules of a vendor.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// # Errors
    /// Which rule has a path that is none, and why.
    pub fn new(specs: &[HttpRule]) -> Result<Self, (usize, String)> {
        let rule = |(at, spec): (usize, &HttpRule)| {
            let json = spec.json.as_deref().map(json_path).transpose().map_err(|error| (at, error))?;
            Ok(Rule { spec: spec.clone(), json })
        };
        Ok(Self { rules: specs.iter().enumerate().map(rule).collect::<Result<_, _>>()? })
    }

    /// Whether any rule looks into JSON.
    pub fn look_into_json(&self) -> bool {
        self.rules.iter().any(|rule| rule.json.is_some())
    }

    /// What an answer means by the first rule that fits, or else by its status; `None` for one that should bring rows.
    pub fn judge(&self, status: StatusCode, text: &str, json: Option<&Json>) -> Option<Fault> {
        let head = head(text, LOOKED_AT).to_lowercase();
        let said = || format!("HTTP {}: {}", status.as_u16(), excerpt(text));
        if let Some(rule) = self.rules.iter().find(|rule| rule.fits(status, &head, json)) {
            return Some(Fault {
                meaning: rule.spec.means,
                what: said(),
                help: rule.spec.help.clone(),
                wait: rule.spec.wait.map(assetctl_config::Span::to_std),
            });
        }
        let meaning = match status.as_u16() {
            200..=299 => return None,
            429 => HttpMeaning::RateLimited,
            408 | 425 | 500..=599 => HttpMeaning::Transient,
            _ => HttpMeaning::Refused,
        };
        Some(Fault { meaning, what: said(), help: None, wait: None })
    }
}

impl Rule {
    fn fits(&self, status: StatusCode, head: &str, json: Option<&Json>) -> bool {
        let Self { spec, json: path } = self;
        if spec.status.as_ref().is_some_and(|known| !known.as_slice().contains(&u32::from(status.as_u16()))) {
            return false;
        }
        if spec.body.as_ref().is_some_and(|texts| !any(texts, |text| has(head, text))) {
            return false;
        }
        let Some(path) = path else { return true };
        let Some(value) = json.and_then(|json| path.query(json).first()) else { return false };
        let text = as_text(value);
        let said = spec.equals.is_some() || spec.not.is_some() || spec.contains.is_some();
        let lower = text.to_lowercase();
        (said || !value.is_null())
            && spec.equals.as_ref().is_none_or(|texts| any(texts, |wanted| wanted == text))
            && spec.not.as_ref().is_none_or(|texts| !any(texts, |wanted| wanted == text))
            && spec.contains.as_ref().is_none_or(|texts| any(texts, |wanted| lower.contains(&wanted.to_lowercase())))
    }
}

/// Whether a text is in the start of an answer, both in lower case but for the text; the empty one is in an empty answer.
fn has(head: &str, text: &str) -> bool {
    if text.is_empty() { head.trim().is_empty() } else { head.contains(&text.to_lowercase()) }
}

fn any(texts: &OneOrMany, fits: impl Fn(&str) -> bool) -> bool {
    texts.as_slice().iter().any(|text| fits(text))
}

/// A value as a rule writes it.
pub(super) fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The start of a text, of at most so many bytes.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

/// What a message shows of an answer: its start, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let shown = head(text.trim(), SHOWN);
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match (line.is_empty(), shown.len() < text.trim().len()) {
        (true, _) => "an empty answer".to_owned(),
        (false, true) => format!("{line}…"),
        (false, false) => line,
    }
}

#[cfg(test)]
mod tests {
    use assetctl_config::Preset;

    use super::*;

    fn judged(preset: &str, status: u16, body: &str) -> Option<(HttpMeaning, Option<u64>)> {
        let vendor = Preset::named(preset).unwrap().vendor().unwrap();
        let rules = Rules::new(&vendor.errors).unwrap();
        let json = serde_json::from_str(body).ok();
        let fault = rules.judge(StatusCode::from_u16(status).unwrap(), body, json.as_ref())?;
        Some((fault.meaning, fault.wait.map(|wait| wait.as_secs())))
    }

    #[test]
    fn answers_of_all_vendors_mean_what_their_documents_say() {
        use HttpMeaning::{Auth, NoData, RateLimited, Refused, Transient};
        for (preset, status, body, meaning) in [
            ("tushare", 200, r#"{"code":0,"msg":"","data":{"fields":[],"items":[]}}"#, None),
            (
                "tushare",
                200,
                r#"{"code":2002,"msg":"抱歉，您没有访问该接口的权限","data":null}"#,
                Some((Refused, None)),
            ),
            (
                "tushare",
                200,
                r#"{"code":40203,"msg":"抱歉，您每分钟最多访问该接口500次","data":null}"#,
                Some((RateLimited, Some(60))),
            ),
            (
                "tushare",
                200,
                r#"{"code":40203,"msg":"抱歉，您每天最多访问该接口100次"}"#,
                Some((RateLimited, Some(86_400))),
            ),
            ("tushare", 200, r#"{"code":-2001,"msg":"参数校验失败"}"#, Some((Refused, None))),
            ("binance", 400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, Some((Refused, None))),
            ("binance", 429, r#"{"code":-1003,"msg":"Too many requests."}"#, Some((RateLimited, Some(60)))),
            ("binance", 418, "", Some((RateLimited, Some(60)))),
            ("binance", 200, r#"[[1,"2"]]"#, None),
            ("yahoo", 429, "Too Many Requests", Some((RateLimited, Some(60)))),
            (
                "yahoo",
                404,
                r#"{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}"#,
                Some((Refused, None)),
            ),
            (
                "yahoo",
                400,
                r#"{"chart":{"result":null,"error":{"code":"Bad Request","description":"Data doesn't exist for startDate = 1, endDate = 2"}}}"#,
                Some((NoData, None)),
            ),
            ("yahoo", 200, r#"{"chart":{"result":[{}],"error":null}}"#, None),
            ("eastmoney", 200, r#"{"rc":0,"data":null}"#, Some((NoData, None))),
            ("eastmoney", 200, r#"{"rc":0,"data":{"klines":[]}}"#, None),
            ("stooq", 200, "Exceeded the daily hits limit", Some((RateLimited, Some(86_400)))),
            ("stooq", 200, "No data", Some((NoData, None))),
            ("stooq", 200, "Date,Open,High,Low,Close,Volume\n", None),
            ("rqdata", 401, "invalid token", Some((Auth, None))),
            ("rqdata", 200, "order_book_id,date,open\n", None),
            ("rqdata", 503, "busy", Some((Transient, None))),
            ("rqdata", 404, "not found", Some((Refused, None))),
        ] {
            assert_eq!(judged(preset, status, body), meaning, "{preset} {status} {body}");
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(" a\n  b "), "a b");
        assert_eq!(excerpt(""), "an empty answer");
        assert!(excerpt(&"每".repeat(200)).chars().count() <= 101);
        assert!(
            Rules::new(&[HttpRule {
                status: None,
                json: Some("code".into()),
                equals: None,
                not: None,
                contains: None,
                body: None,
                means: HttpMeaning::Refused,
                wait: None,
                help: None,
            }])
            .is_err()
        );
    }
}
