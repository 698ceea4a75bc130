//! What is sent: a description's templates, filled in.

use assetctl_config::{HttpLogin, HttpMethod, HttpVendor, Ordered};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::Value;
use serde_json::{Value as Json, json};

use super::template::{Names, Templates};

/// One request, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rendered {
    pub method: HttpMethod,
    pub url: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    /// A text, or JSON.
    pub body: Option<Json>,
}

/// What is wrong with which of the templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateFault {
    /// Its path in the description: `["query", "symbol"]`.
    pub path: Vec<String>,
    pub message: String,
}

/// Templates of a request, of a call or of a login.
pub(super) struct Parts<'a> {
    pub method: HttpMethod,
    pub url: &'a str,
    pub query: &'a Ordered<String>,
    pub headers: &'a Ordered<String>,
    pub body: Option<&'a Json>,
}

impl<'a> Parts<'a> {
    pub fn of_call(vendor: &'a HttpVendor) -> Self {
        Self {
            method: vendor.method,
            url: vendor.url.as_deref().unwrap_or("{{ base_url }}"),
            query: &vendor.query,
            headers: &vendor.headers,
            body: vendor.body.as_ref(),
        }
    }

    pub fn of_login(login: &'a HttpLogin) -> Self {
        Self {
            method: login.method,
            url: &login.url,
            query: &login.query,
            headers: &login.headers,
            body: login.body.as_ref(),
        }
    }

    /// # Errors
    /// The first template that cannot be filled in.
    pub fn render(&self, templates: &Templates, names: &Names) -> Result<Rendered, TemplateFault> {
        let fault = |path: &[&str]| {
            let path = path.iter().map(|&step| step.to_owned()).collect();
            |message| TemplateFault { path, message }
        };
        let pairs = |key: &str, all: &Ordered<String>| {
            let mut filled = Vec::with_capacity(all.len());
            for (name, template) in all.iter() {
                let value = templates.text(template, names).map_err(fault(&[key, name]))?;
                if !value.is_empty() {
                    filled.push((name.clone(), value));
                }
            }
            Ok(filled)
        };
        Ok(Rendered {
            method: self.method,
            url: templates.text(self.url, names).map_err(fault(&["url"]))?,
            query: pairs("query", self.query)?,
            headers: pairs("headers", self.headers)?,
            body: self.body.map(|body| templates.json(body, names)).transpose().map_err(fault(&["body"]))?,
        })
    }
}

impl Rendered {
    /// One text for each distinct request. Of secrets only if it was rendered with them.
    pub fn identity(&self) -> String {
        json!([format!("{:?}", self.method), self.url, self.query, self.headers, self.body]).to_string()
    }
}

/// Names of a call besides those of the description; the rest of what templates may say.
pub(super) struct CallNames<'a> {
    pub session: Option<String>,
    pub first: String,
    pub last: String,
    /// From the opening of the first session to the close of the last.
    pub hours: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The exchange's.
    pub zone: Tz,
    /// The vendor's names.
    pub instrument: Option<&'a str>,
    pub instruments: &'a [String],
    pub page: u64,
    pub offset: u64,
    pub cursor: &'a str,
}

impl CallNames<'_> {
    /// Puts them over the names of the description.
    pub fn over(&self, base: &Names) -> Names {
        let mut names = base.clone();
        let mut put = |name: &str, value: Value| names.insert(name.to_owned(), value);
        if let Some(session) = &self.session {
            put("session", Value::from(session.as_str()));
        }
        if let Some(instrument) = self.instrument {
            put("instrument", Value::from(instrument));
        }
        put("first", Value::from(self.first.as_str()));
        put("last", Value::from(self.last.as_str()));
        if let Some((opens, closes)) = self.hours {
            put("opens", Value::from(opens.with_timezone(&self.zone).to_rfc3339()));
            put("closes", Value::from(closes.with_timezone(&self.zone).to_rfc3339()));
        }
        put("instruments", self.instruments.iter().map(String::as_str).collect());
        put("page", Value::from(self.page));
        put("offset", Value::from(self.offset));
        put("cursor", Value::from(self.cursor));
        names
    }
}
