//! Long lists, a page at a time.

use serde::Serialize;
use utoipa::ToSchema;

use crate::read::ReadError;

/// How many a page has at most, and if nobody says.
pub const MOST: u32 = 1000;
pub const USUAL: u32 = 100;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The `cursor` that the next page begins at; `null` where there is none.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Of a list that was read one longer than asked for, if there is so much.
    pub fn cut(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| is_more).map(cursor);
        Self { items, next }
    }
}

/// How many a page is to have.
pub fn limit(asked: Option<u32>) -> Result<usize, ReadError> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit as usize),
        other => Err(ReadError::wrong(format!("a page cannot have {other}"), Some("between 1 and 1000"))),
    }
}

/// Where a page begins.
pub fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, ReadError> {
    text.map(|text| text.parse().map_err(|_| foreign())).transpose()
}

/// A cursor of another list.
pub fn foreign() -> ReadError {
    let help = Some("give `next` of the page before, or leave it out for the first");
    ReadError::wrong("the cursor is not one of this list", help)
}

/// Selections of a query: spaces unite.
pub fn words(text: Option<&str>) -> Vec<String> {
    text.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}
