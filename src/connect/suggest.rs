//! Lists of names in messages.

/// `a`, `b`, `c`, … : at most `most` names in backticks.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(most).map(|name| format!("`{name}`")).collect();
    let rest = names.count();
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(["a", "b", "c"], 2), "`a`, `b`, and 1 more");
        assert_eq!(list(["a", "b"], 2), "`a`, `b`");
    }
}
