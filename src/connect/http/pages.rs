//! From one page to the next.

use assetctl_config::{HttpPages, HttpPaging};

use super::read::Page;

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// Pages asked for before this one.
    pub number: u64,
    pub page: u64,
    pub offset: u64,
    pub cursor: String,
}

impl State {
    pub fn first(spec: Option<&HttpPages>) -> Self {
        Self { number: 0, page: spec.and_then(|spec| spec.first).unwrap_or(1), offset: 0, cursor: String::new() }
    }

    /// What to ask for next; `None` after the last page.
    ///
    /// # Errors
    /// The answers do not lead on: the same cursor again, or more pages than there may be.
    pub fn next(&self, spec: Option<&HttpPages>, answer: &Page) -> Result<Option<Self>, String> {
        let Some(spec) = spec else { return Ok(None) };
        let short = spec.size.is_some_and(|size| answer.count < size);
        if answer.count == 0 || short || answer.more == Some(false) {
            return Ok(None);
        }
        let most = spec.most.unwrap_or(10_000);
        if self.number + 1 >= most {
            return Err(format!("there are more than {most} pages"));
        }
        let mut next = Self {
            number: self.number + 1,
            page: self.page + 1,
            offset: self.offset + answer.count,
            cursor: String::new(),
        };
        match spec.by {
            HttpPaging::Page | HttpPaging::Offset => {}
            HttpPaging::Cursor => match &answer.cursor {
                None => return Ok(None),
                Some(cursor) => next.cursor.clone_from(cursor),
            },
            HttpPaging::LastKey => {
                let key = answer.key.clone().unwrap_or_default();
                next.cursor = match (spec.add, key.parse::<i64>()) {
                    (0, _) => key,
                    (add, Ok(key)) => key.saturating_add_unsigned(add).to_string(),
                    (_, Err(_)) => {
                        return Err(format!("`{key}`, at which the next page starts, is no whole number to add to"));
                    }
                };
            }
        }
        let moves = !matches!(spec.by, HttpPaging::Cursor | HttpPaging::LastKey) || next.cursor != self.cursor;
        if moves {
            Ok(Some(next))
        } else {
            Err(format!("page {} leads to itself, at `{}`", self.number + 1, self.cursor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> HttpPages {
        serde_json::from_str(json).unwrap()
    }

    /// The pages asked for, when answers have so many rows, cursors and keys.
    fn walk(spec: &HttpPages, answers: &[(u64, Option<&str>)]) -> Result<Vec<State>, String> {
        let mut states = vec![State::first(Some(spec))];
        for (count, mark) in answers {
            let mark = mark.map(str::to_owned);
            let page = Page { count: *count, cursor: mark.clone(), key: mark, ..Page::default() };
            match states.last().unwrap().next(Some(spec), &page)? {
                Some(next) => states.push(next),
                None => return Ok(states),
            }
        }
        Err("it does not end".into())
    }

    #[test]
    fn each_way_of_paging_ends_where_the_vendor_does() {
        let pages = walk(&spec(r#"{"by":"page","size":2}"#), &[(2, None), (2, None), (1, None)]).unwrap();
        assert_eq!(pages.iter().map(|state| state.page).collect::<Vec<_>>(), [1, 2, 3]);
        let offsets = walk(&spec(r#"{"by":"offset"}"#), &[(5, None), (3, None), (0, None)]).unwrap();
        assert_eq!(offsets.iter().map(|state| state.offset).collect::<Vec<_>>(), [0, 5, 8]);
        let cursors =
            walk(&spec(r#"{"by":"cursor","cursor":"$.n"}"#), &[(5, Some("b")), (5, Some("c")), (5, None)]).unwrap();
        assert_eq!(cursors.iter().map(|state| state.cursor.as_str()).collect::<Vec<_>>(), ["", "b", "c"]);
        let keys = walk(&spec(r#"{"by":"last_key","key":"6","add":1,"size":2}"#), &[(2, Some("99")), (1, Some("150"))])
            .unwrap();
        assert_eq!(keys.iter().map(|state| state.cursor.as_str()).collect::<Vec<_>>(), ["", "100"]);
    }

    #[test]
    fn pages_that_lead_nowhere_are_mistakes() {
        let again = walk(&spec(r#"{"by":"cursor","cursor":"$.n"}"#), &[(5, Some("b")), (5, Some("b"))]);
        assert_eq!(again.unwrap_err(), "page 2 leads to itself, at `b`");
        assert!(
            walk(&spec(r#"{"by":"page","most":2}"#), &[(5, None), (5, None)])
                .unwrap_err()
                .contains("more than 2 pages")
        );
        assert!(walk(&spec(r#"{"by":"last_key","key":"d","add":1}"#), &[(5, Some("x"))]).is_err());
        let page = Page { count: 5, more: Some(false), ..Page::default() };
        let more = spec(r#"{"by":"page","more":"$.more"}"#);
        assert_eq!(State::first(Some(&more)).next(Some(&more), &page), Ok(None));
    }
}
