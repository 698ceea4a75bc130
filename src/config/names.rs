//! What may be a name, and which name was meant.

use thiserror::Error;

/// Longest name of an asset or column: it becomes a folder and a view.
const LONGEST: usize = 100;

/// Names that Windows keeps for devices, whatever the extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Why a text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    #[error("it is empty")]
    Empty,
    #[error("a name starts with a letter or `_`, and has letters, digits and `_`")]
    Character,
    #[error("a name has at most {LONGEST} characters")]
    TooLong,
    #[error("Windows keeps this name for a device")]
    Device,
}

/// Whether `name` is a name for a column, variable or input: `[A-Za-z_][A-Za-z0-9_]*`, at most 100 long.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !letters || first.is_ascii_digit() {
        return Err(NameError::Character);
    }
    if name.len() > LONGEST { Err(NameError::TooLong) } else { Ok(()) }
}

/// Whether `name` is a name for something that becomes a file on any system.
pub(crate) fn check_file_name(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    if DEVICES.iter().any(|device| device.eq_ignore_ascii_case(name)) { Err(NameError::Device) } else { Ok(()) }
}

/// The known name that is nearest to the wanted one, if any is near: one slip, and one more for every four characters.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let longest = wanted.chars().count().max(name.chars().count());
            let distance = strsim::damerau_levenshtein(&wanted, &name.to_lowercase());
            (distance <= 1 + longest / 4 && distance < longest).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// Help for a name that is not known: the one that was meant, or else all there are.
pub(crate) fn suggest(wanted: &str, known: &[&str], what: &str) -> Option<String> {
    match did_you_mean(wanted, known.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() => None,
        None => Some(format!("{what}: {}", list(known))),
    }
}

/// "`a`, `b`, `c`"
pub(crate) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_that_any_system_can_store() {
        for name in ["raw_bars", "_x", "A1", "con1", "session"] {
            assert_eq!(check_file_name(name), Ok(()), "{name}");
        }
        for (name, mistake) in [
            ("", NameError::Empty),
            ("1x", NameError::Character),
            ("a-b", NameError::Character),
            ("../x", NameError::Character),
            ("收盘", NameError::Character),
            ("Nul", NameError::Device),
            ("COM1", NameError::Device),
        ] {
            assert_eq!(check_file_name(name), Err(mistake), "{name}");
        }
        assert_eq!(check_name(&"x".repeat(101)), Err(NameError::TooLong));
        assert_eq!(check_name("aux"), Ok(()));
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["completed_bars", "raw_bars", "scores"];
        assert_eq!(did_you_mean("compleated_bar", known), Some("completed_bars"));
        assert_eq!(did_you_mean("SCORES", known), Some("scores"));
        assert_eq!(did_you_mean("volume", known), None);
        assert_eq!(did_you_mean("a", ["b"]), None);
        assert_eq!(suggest("zzz", &["x1", "y1"], "one of").unwrap(), "one of: `x1`, `y1`");
    }
}
