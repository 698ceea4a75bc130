//! Vendors that the program knows: YAML that ships inside it, and is read like a user's own.

use std::path::PathBuf;

use serde_json::Value;

use crate::diagnostic::{ConfigErrors, Diagnostic, SourceMap};
use crate::parse;
use crate::schema::SCHEMAS;
use crate::spec::HttpVendor;
use crate::structure::{Structure, Subject};
use crate::vendors::layered;

/// A vendor as it ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// As `http:` names it.
    pub name: &'static str,
    /// The YAML.
    pub text: &'static str,
}

/// All of them, by name.
pub const PRESETS: [Preset; 6] = [
    Preset { name: "binance", text: include_str!("presets/binance.yaml") },
    Preset { name: "eastmoney", text: include_str!("presets/eastmoney.yaml") },
    Preset { name: "rqdata", text: include_str!("presets/rqdata.yaml") },
    Preset { name: "stooq", text: include_str!("presets/stooq.yaml") },
    Preset { name: "tushare", text: include_str!("presets/tushare.yaml") },
    Preset { name: "yahoo", text: include_str!("presets/yahoo.yaml") },
];

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// What messages call it where they would name a file.
    pub(crate) fn path(self) -> PathBuf {
        PathBuf::from(format!("preset {}", self.name))
    }

    /// The vendor as the YAML describes it.
    ///
    /// # Errors
    /// The YAML is wrong, which a test excludes of those that ship.
    pub fn vendor(self) -> Result<HttpVendor, ConfigErrors> {
        self.read(false)
    }

    /// The same as it is asked for bars within a session; `None` if the description has nothing of those.
    ///
    /// # Errors
    /// As [`Preset::vendor`].
    pub fn intraday(self) -> Result<Option<HttpVendor>, ConfigErrors> {
        self.read(true).map(|vendor| Some(vendor).filter(|vendor| vendor.time.is_some()))
    }

    fn read(self, has_time: bool) -> Result<HttpVendor, ConfigErrors> {
        let (mut sources, mut problems) = (SourceMap::default(), Vec::new());
        let file = sources.add(self.path(), self.text);
        let typed = parse::parse(file, self.text, &mut problems).and_then(|node| {
            let node = layered(None, &node, has_time);
            let subject = Subject { name: format!("preset `{}`", self.name), loc: node.head() };
            let value =
                Structure { problems: &mut problems }.value(&node, &SCHEMAS.definitions["HttpVendor"], &subject)?;
            serde_json::from_value::<HttpVendor>(value).map_err(|error| problems.push(said(&error))).ok()
        });
        match typed {
            Some(vendor) if problems.is_empty() => Ok(vendor),
            _ => Err(ConfigErrors { sources, diagnostics: problems, partial: None }),
        }
    }
}

fn said(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::error(error.to_string())
}

/// The secrets that a vendor's description names: what must be set before it can be asked.
impl HttpVendor {
    /// Values of `params` and `auth` that are kept elsewhere, by the name that the description gives them.
    pub fn secrets(&self) -> Vec<(String, crate::SecretFrom)> {
        let params = self.params.iter().filter_map(|(name, value): (&String, &Value)| {
            crate::SecretFrom::of(value).map(|from| (format!("params.{name}"), from))
        });
        let value = self.auth.as_ref().and_then(|auth| auth.value.as_ref()).and_then(crate::Secret::from);
        params.chain(value.map(|from| ("auth.value".to_owned(), from.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_ship_are_right_and_say_what_they_are() {
        for preset in PRESETS {
            let vendor = preset.vendor().unwrap_or_else(|errors| panic!("{errors}"));
            assert!(vendor.description.is_some() && vendor.documentation.is_some(), "{}", preset.name);
            assert!(vendor.rate.is_some() && !vendor.errors.is_empty(), "{}", preset.name);
            assert_eq!(Preset::named(preset.name), Some(preset));
        }
    }

    #[test]
    fn secrets_are_named_where_they_stand() {
        let names = |name: &str| {
            let vendor = Preset::named(name).unwrap().vendor().unwrap();
            let secrets = vendor.secrets();
            secrets.into_iter().map(|(name, from)| (name, from.env.unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(names("tushare"), [("params.token".into(), "TUSHARE_TOKEN".into())]);
        assert_eq!(names("rqdata").len(), 2);
        assert!(names("yahoo").is_empty());
    }
}
