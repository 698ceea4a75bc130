//! Rows with intervals of days: index members, industries.

use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::spans::{AsOfError, Keys, Spans, dates};

/// The columns of a row's first and last day.
#[derive(Debug, Clone, Copy)]
pub struct ValidColumns<'a> {
    pub from: &'a str,
    pub to: Option<&'a str>,
    /// `to` is the first day after.
    pub to_exclusive: bool,
}

/// The sessions that each row of a table is valid on, of `sessions`, which ascend; without the columns of the interval, which tell
/// of the future. A row that is valid on none of them is left out.
///
/// # Errors
/// When a row ends before it begins, when two rows of one key are valid on the same session, or when a key is missing.
pub fn valid(
    table: &str,
    df: &DataFrame,
    columns: ValidColumns<'_>,
    key: &[String],
    sessions: &[NaiveDate],
) -> Result<Spans, AsOfError> {
    let keys = Keys::of(table, df, key)?;
    let from = dates(table, df, columns.from)?;
    let to = match columns.to {
        Some(to) => dates(table, df, to)?,
        None => vec![None; df.height()],
    };
    let span = |row: usize| -> (usize, usize) {
        let first = from[row].map_or(0, |from| sessions.partition_point(|session| *session < from));
        let end = to[row].map_or(sessions.len(), |to| {
            sessions.partition_point(|session| *session < to || (*session == to && !columns.to_exclusive))
        });
        (first, end)
    };
    let mut rows = Vec::with_capacity(df.height());
    let mut spans = Vec::with_capacity(df.height());
    for group in keys.groups() {
        let mut of_key: Vec<((usize, usize), usize)> = Vec::with_capacity(group.len());
        for row in group.iter().copied() {
            if let (Some(from), Some(to)) = (from[row], to[row])
                && to < from
            {
                let table = table.to_owned();
                return Err(AsOfError::EndsBeforeStart { table, key: keys.shown(row), from, to, row });
            }
            let (first, end) = span(row);
            if first < end {
                of_key.push(((first, end), row));
            }
        }
        of_key.sort_unstable();
        for pair in of_key.windows(2) {
            let [((_, end), one), ((first, _), other)] = pair else { continue };
            if first < end {
                let shown = |row: usize| interval(from[row], to[row]);
                return Err(AsOfError::Overlap {
                    table: table.to_owned(),
                    key: keys.shown(*one),
                    session: sessions[*first],
                    one: shown(*one),
                    other: shown(*other),
                    touching: to[*one].is_some() && to[*one] == from[*other],
                    rows: [*one, *other],
                });
            }
        }
        for ((first, end), row) in of_key {
            rows.push(row as polars::prelude::IdxSize);
            spans.push((first as u32, (end - 1) as u32));
        }
    }
    let is_bound = |name: &str| name == columns.from || Some(name) == columns.to;
    let kept = df.columns().iter().map(|column| column.name().clone()).filter(|name| !is_bound(name));
    let rows = df.select(kept)?.take(&polars::prelude::IdxCa::from_vec("rows".into(), rows))?;
    Ok(Spans { rows, spans })
}

fn interval(from: Option<NaiveDate>, to: Option<NaiveDate>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("from {from} to {to}"),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(to)) => format!("up to {to}"),
        (None, None) => "always".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;
    use crate::frame::date_column;
    use crate::frame::tests::day;

    const COLUMNS: ValidColumns<'_> = ValidColumns { from: "from", to: Some("to"), to_exclusive: false };

    /// Rows of (instrument, first day, last day) in January 2024; 0 is open.
    fn table(rows: &[(&str, u32, u32)]) -> DataFrame {
        let date = |n: u32| (n > 0).then(|| day(n));
        let names: Vec<&str> = rows.iter().map(|(name, ..)| *name).collect();
        let columns = vec![
            Column::new("instrument".into(), names),
            date_column("from", rows.iter().map(|(_, from, _)| date(*from))),
            date_column("to", rows.iter().map(|(_, _, to)| date(*to))),
        ];
        DataFrame::new(rows.len(), columns).unwrap()
    }

    /// 2 to 12 January but for the weekend of the 6th.
    fn sessions() -> Vec<NaiveDate> {
        [2, 3, 4, 5, 8, 9, 10, 11, 12].map(day).to_vec()
    }

    fn spans(rows: &[(&str, u32, u32)], columns: ValidColumns<'_>) -> Result<Vec<(String, u32, u32)>, String> {
        let spans = valid("members", &table(rows), columns, &["instrument".to_owned()], &sessions());
        let spans = spans.map_err(|error| error.to_string())?;
        assert_eq!(spans.rows.get_column_names(), ["instrument"]);
        let names = spans.rows.column("instrument").unwrap().str().unwrap().clone();
        let named = names.iter().flatten().zip(&spans.spans);
        Ok(named.map(|(name, (first, last))| (name.to_owned(), *first, *last)).collect())
    }

    fn span(name: &str, first: u32, last: u32) -> (String, u32, u32) {
        (name.to_owned(), first, last)
    }

    #[test]
    fn both_ends_are_days_and_both_may_be_open() {
        let rows = [("b", 3, 9), ("a", 0, 7), ("a", 8, 0), ("c", 6, 7), ("d", 6, 8)];
        let of = spans(&rows, COLUMNS).unwrap();
        assert_eq!(of, [span("a", 0, 3), span("a", 4, 8), span("b", 1, 5), span("d", 4, 4)]);
        let exclusive = ValidColumns { to_exclusive: true, ..COLUMNS };
        assert_eq!(spans(&rows[..1], exclusive).unwrap(), [span("b", 1, 4)]);
        assert_eq!(spans(&[("b", 3, 3)], exclusive).unwrap(), []);
    }

    #[test]
    fn two_rows_of_one_session_are_refused_with_both() {
        let said = spans(&[("a", 2, 9), ("b", 2, 9), ("a", 8, 0)], COLUMNS).unwrap_err();
        assert!(
            said.starts_with("`members` has two rows of `a` for 2024-01-08: one valid from 2024-01-02 to 2024-01-09")
        );
        assert!(said.contains("the other from 2024-01-08 on; correct the dates"), "{said}");
        let touching = spans(&[("a", 2, 8), ("a", 8, 0)], COLUMNS).unwrap_err();
        assert!(touching.ends_with("say `to_exclusive: true`"), "{touching}");
        assert!(spans(&[("a", 2, 8), ("a", 8, 0)], ValidColumns { to_exclusive: true, ..COLUMNS }).is_ok());
        // On the weekend there is no session to be in doubt of.
        assert!(spans(&[("a", 2, 7), ("a", 6, 0)], COLUMNS).is_ok());
        let backwards = spans(&[("a", 9, 8)], COLUMNS).unwrap_err();
        assert!(backwards.contains("of `a` that ends on 2024-01-08, before it begins on 2024-01-09"), "{backwards}");
    }

    #[test]
    fn rows_without_a_key_follow_one_another() {
        let rates = table(&[("low", 2, 5), ("high", 8, 0)]);
        let spans = valid("rates", &rates, COLUMNS, &[], &sessions()).unwrap();
        assert_eq!(spans.spans, [(0, 3), (4, 8)]);
        let twice = table(&[("low", 2, 8), ("high", 8, 0)]);
        assert!(valid("rates", &twice, COLUMNS, &[], &sessions()).is_err());
    }
}
