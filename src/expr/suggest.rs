//! What may have been meant by a name that is not known.

/// The candidate nearest to `wanted`: the same but for case, else within about a third of its letters
/// (Damerau-Levenshtein distance; of those equally near the one with the same start and the same letters, then the earlier). Names of one or two letters are near to everything and
/// are only matched by case.
pub(crate) fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    if let Some(same) = candidates.clone().into_iter().find(|candidate| candidate.to_lowercase() == folded) {
        return Some(same);
    }
    let letters = wanted.chars().count();
    if letters < 3 {
        return None;
    }
    let (distance, _, best) = candidates
        .into_iter()
        .map(|candidate| {
            let name = candidate.to_lowercase();
            let distance = strsim::damerau_levenshtein(&folded, &name);
            (distance, 1.0 - strsim::jaro_winkler(&folded, &name), candidate)
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
    (distance <= (letters + 1) / 3).then_some(best)
}

/// A name as it is written in an expression: in backticks if it is not a plain word or is a word of the language.
pub(crate) fn written(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_')
        && !crate::token::is_reserved(name);
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

/// `name` as it is written in an expression, in the backticks in which messages set code.
pub(crate) fn quoted(name: &str) -> String {
    code(&written(name))
}

/// Text of an expression in the backticks in which messages set code.
pub(crate) fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_prefers_case_then_distance_and_refuses_what_is_far() {
        assert_eq!(nearest("Mean", ["median", "mean"]), Some("mean"));
        assert_eq!(nearest("meen", ["median", "mean"]), Some("mean"));
        assert_eq!(nearest("men", ["min", "mean"]), Some("mean"), "equally near, but no letter is wrong");
        assert_eq!(nearest("clsoe", ["open", "close"]), Some("close"));
        assert_eq!(nearest("turnover", ["open", "close"]), None);
        assert_eq!(nearest("ab", ["aa"]), None);
        assert_eq!(nearest("AB", ["ab"]), Some("ab"));
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(written("close"), "close");
        assert_eq!(written("收盘价"), "收盘价");
        assert_eq!(written("adj close"), "`adj close`");
        assert_eq!(written("and"), "`and`");
        assert_eq!(written("a`b"), "`a``b`");
        assert_eq!(quoted("adj close"), "`` `adj close` ``");
    }
}
