//! The names of a file's columns.

use assetctl_config::ColumnType;

use crate::error::{Field, Place, Problem};

/// The columns of one file, by the file's own names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the names stand.
    pub place: Place,
    /// Trimmed; a column without a name is empty and cannot be asked for.
    pub names: Vec<String>,
    /// The types that the file itself knows; empty if it knows none.
    pub kinds: Vec<ColumnType>,
}

impl Header {
    /// # Errors
    /// Two columns of one name; no names at all.
    pub fn new(place: Place, names: Vec<String>, kinds: Vec<ColumnType>) -> Result<Self, Problem> {
        if names.iter().all(String::is_empty) {
            return Err(Problem::new(place, "the header names no column")
                .help("the first line must hold the names of the columns"));
        }
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = names[..at].iter().position(|earlier| earlier == name && !name.is_empty()) {
                let place = Place { field: Some(Field { number: at + 1, name: name.clone() }), ..place };
                let message =
                    format!("the header has two columns `{name}`, the {} and the {}", nth(first + 1), nth(at + 1));
                return Err(Problem::new(place, message).help("rename one of them in the file"));
            }
        }
        Ok(Self { place, names, kinds })
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }

    /// The names that can be asked for.
    pub fn named(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, …
fn nth(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_differ() {
        let header =
            |names: &[&str]| Header::new(Place::default(), names.iter().map(|&name| name.into()).collect(), vec![]);
        assert!(header(&["a", "b", "", ""]).is_ok());
        assert_eq!(
            header(&["a", "b", "a"]).unwrap_err().message,
            "the header has two columns `a`, the 1st and the 3rd"
        );
        assert!(header(&["", ""]).is_err());
    }
}
