//! The variables of a job: what they hold, and values for them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use crate::diagnostic::Loc;
use crate::node::{Content, Node, Origin, Scalar, Style};
use crate::scalar::number_text;
use crate::spec::{JobVarSpec, OneOrMany, VarType};

/// A variable of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobVar {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: VarType,
    pub default: VarValue,
    pub description: Option<String>,
}

/// The value of a variable. Texts stay as they were written: `000001` is no number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum VarValue {
    One(String),
    Many(Vec<String>),
}

/// Why a value is none of the variable's type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("variable `{name}` must be {expected}, not `{found}`")]
pub struct VarError {
    pub name: String,
    pub expected: &'static str,
    pub found: String,
}

impl JobVar {
    /// What a declaration comes to.
    ///
    /// # Errors
    /// The default is not of the declared type.
    pub(crate) fn declared(name: &str, spec: &JobVarSpec) -> Result<Self, VarError> {
        let (kind, value, description) = match spec {
            JobVarSpec::Declared(spec) => (spec.kind, VarValue::of(&spec.default), spec.description.clone()),
            JobVarSpec::Many(many) => (None, VarValue::Many(many.clone()), None),
            JobVarSpec::One(one) => (None, VarValue::One(one.clone()), None),
        };
        let kind = kind.unwrap_or_else(|| value.looks_like());
        let undefaulted = Self { name: name.to_owned(), kind, default: VarValue::Many(Vec::new()), description };
        let default = undefaulted.checked(value)?;
        Ok(Self { default, ..undefaulted })
    }

    /// The value that a text on the command line is: of a list, with commas between its items.
    ///
    /// # Errors
    /// The text is none of the variable's type.
    pub fn value(&self, text: &str) -> Result<VarValue, VarError> {
        let value = match self.kind {
            VarType::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                VarValue::Many(items.map(str::to_owned).collect())
            }
            _ => VarValue::One(text.to_owned()),
        };
        self.checked(value)
    }

    /// The value, if it is of the variable's type. One text is a list of one.
    pub(crate) fn checked(&self, value: VarValue) -> Result<VarValue, VarError> {
        let wrong =
            |expected, found: &str| Err(VarError { name: self.name.clone(), expected, found: found.to_owned() });
        match (self.kind, value) {
            (VarType::List, VarValue::One(one)) => Ok(VarValue::Many(vec![one])),
            (VarType::List, many) => Ok(many),
            (kind, VarValue::Many(many)) => wrong(kind.expected(), &many.join(", ")),
            (kind, VarValue::One(one)) if !kind.accepts(&one) => wrong(kind.expected(), &one),
            (_, one) => Ok(one),
        }
    }
}

impl VarType {
    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Text | Self::List => true,
            Self::Whole => text.parse::<u64>().is_ok(),
            Self::Number => number_text(text).is_some(),
            Self::Bool => matches!(text, "true" | "false"),
            Self::Date => text.parse::<NaiveDate>().is_ok(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Bool => "`true` or `false`",
            Self::Date => "a date, as `2024-03-15`",
            Self::List => "a list",
        }
    }
}

impl VarValue {
    pub(crate) fn of(written: &OneOrMany) -> Self {
        match written {
            OneOrMany::One(one) => Self::One(one.clone()),
            OneOrMany::Many(many) => Self::Many(many.clone()),
        }
    }

    /// The type of a default that says none. `000001` is a text.
    fn looks_like(&self) -> VarType {
        let Self::One(text) = self else { return VarType::List };
        if VarType::Whole.accepts(text) && (text == "0" || !text.starts_with('0')) {
            return VarType::Whole;
        }
        let other = [VarType::Bool, VarType::Date].into_iter().find(|kind| kind.accepts(text));
        let number = || (number_text(text).is_some() && text.contains('.')).then_some(VarType::Number);
        other.or_else(number).unwrap_or(VarType::Text)
    }

    /// As if it stood in the file, at a place.
    pub(crate) fn node(&self, kind: VarType, loc: &Loc) -> Node {
        let scalar = |text: &str, style| Node {
            loc: loc.clone(),
            content: Content::Scalar(Scalar { text: text.to_owned(), style, origin: Origin::Written }),
        };
        match self {
            Self::One(one) if matches!(kind, VarType::Text | VarType::List) => scalar(one, Style::DoubleQuoted),
            Self::One(one) => scalar(one, Style::Plain),
            Self::Many(many) => {
                let items = many.iter().map(|item| scalar(item, Style::DoubleQuoted)).collect();
                Node { loc: loc.clone(), content: Content::List(items) }
            }
        }
    }
}

impl std::fmt::Display for VarValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(one) => f.write_str(one),
            Self::Many(many) => f.write_str(&many.join(",")),
        }
    }
}

impl Serialize for VarValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(one) => one.serialize(serializer),
            Self::Many(many) => many.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(spec: JobVarSpec) -> JobVar {
        JobVar::declared("x", &spec).unwrap()
    }

    #[test]
    fn the_type_is_that_of_the_default_and_a_code_is_no_number() {
        for (default, kind) in [
            ("5", VarType::Whole),
            ("0", VarType::Whole),
            ("000001", VarType::Text),
            ("0.5", VarType::Number),
            ("true", VarType::Bool),
            ("2024-03-15", VarType::Date),
            ("scores", VarType::Text),
        ] {
            assert_eq!(declared(JobVarSpec::One(default.into())).kind, kind, "{default}");
        }
        assert_eq!(declared(JobVarSpec::Many(Vec::new())).kind, VarType::List);
    }

    #[test]
    fn values_are_held_against_the_type() {
        let list = declared(JobVarSpec::Many(Vec::new()));
        let two = VarValue::Many(vec!["000001.XSHE".into(), "000002.XSHE".into()]);
        assert_eq!(list.value("000001.XSHE, 000002.XSHE"), Ok(two));
        assert_eq!(list.value(""), Ok(VarValue::Many(Vec::new())));
        let days = declared(JobVarSpec::One("5".into()));
        assert_eq!(days.value("60"), Ok(VarValue::One("60".into())));
        assert_eq!(days.value("sixty").unwrap_err().to_string(), "variable `x` must be a whole number, not `sixty`");
        assert!(days.value("-1").is_err());
    }
}
