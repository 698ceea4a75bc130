//! Company reports, from the session on that they are known.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::*;

use super::period;
use super::spans::{AsOfError, Keys, Spans, dates};
use crate::frame;

/// The columns of a table of reports, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub struct ReportColumns<'a> {
    /// The last day of the period.
    pub period: &'a str,
    pub announced: &'a str,
    /// Where there is one, a report is not known before that day either.
    pub ingested: Option<&'a str>,
    /// 0: the day of the announcement, or the first session after it; n: the n-th session after that day.
    pub lag: u32,
    /// Only full fiscal years.
    pub annual: bool,
    /// The month, 1 to 12.
    pub fiscal_year_end: u32,
    /// Numbers are sums since the start of the fiscal year, and not of a quarter.
    pub accumulates: bool,
    /// `NAME_ttm`: the sum over the last twelve months. Of quarters: the last four. Of sums since the start of the year:
    /// this one, plus the last full year, less the same period of that year.
    pub ttm: &'a [String],
    /// `NAME_year_ago`: of the same period a year before.
    pub year_ago: &'a [String],
    /// `NAME_previous`: of the period before, whatever its length.
    pub previous: &'a [String],
}

#[derive(Debug, Clone, Copy)]
struct Report {
    row: usize,
    period: NaiveDate,
    /// Of two reports of a period the one where this is greater holds.
    version: (NaiveDate, Option<NaiveDate>),
    /// The position of the first session on which it is known.
    known: usize,
}

/// What is derived of a column.
#[derive(Debug, Clone, Copy)]
enum Derived {
    Ttm,
    YearAgo,
    Previous,
}

struct Column<'a> {
    name: String,
    values: &'a [f64],
    kind: Derived,
}

/// What is known of each company on each session: of the latest period that has been reported by then its newest report, with what
/// is derived of it and of the newest reports of other periods. One row per key and stretch of sessions on which nothing new
/// became known.
///
/// # Errors
/// When a report has no period or announcement or was announced before its period ended, or when two reports of one period cannot
/// be put in order.
pub fn known(
    table: &str,
    df: &DataFrame,
    columns: ReportColumns<'_>,
    key: &[String],
    sessions: &[NaiveDate],
) -> Result<Spans, AsOfError> {
    let keys = Keys::of(table, df, key)?;
    let reports = reports(table, df, columns, &keys, sessions)?;
    let name = format!("`{table}`");
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let lists = [
        (columns.ttm, Derived::Ttm, "ttm"),
        (columns.year_ago, Derived::YearAgo, "year_ago"),
        (columns.previous, Derived::Previous, "previous"),
    ];
    for column in lists.iter().flat_map(|(list, ..)| list.iter()) {
        values.insert(column, frame::numbers(frame::column(df, &name, column)?, &name)?);
    }
    let derived: Vec<Column<'_>> = lists
        .iter()
        .flat_map(|(list, kind, suffix)| list.iter().map(move |column| (column, *kind, suffix)))
        .map(|(column, kind, suffix)| Column {
            name: format!("{column}_{suffix}"),
            values: &values[column.as_str()],
            kind,
        })
        .collect();

    let mut rows: Vec<IdxSize> = Vec::new();
    let mut spans: Vec<(u32, u32)> = Vec::new();
    let mut made: Vec<Vec<f64>> = vec![Vec::new(); derived.len()];
    for group in keys.groups() {
        let mut of_key: Vec<Report> = group.iter().filter_map(|row| reports[*row]).collect();
        of_key.sort_unstable_by_key(|report| (report.known, report.period, report.version));
        let mut by_period: BTreeMap<NaiveDate, Report> = BTreeMap::new();
        let begins = rows.len();
        for news in of_key.chunk_by(|a, b| a.known == b.known) {
            for report in news {
                let newest = by_period.entry(report.period).or_insert(*report);
                if newest.version < report.version {
                    *newest = *report;
                }
            }
            let Some(latest) = by_period.last_key_value().map(|(_, latest)| *latest) else { continue };
            let now: Vec<f64> = derived.iter().map(|column| column.of(&latest, &by_period, columns)).collect();
            let known = news[0].known as u32;
            let is_news = rows.len() == begins
                || rows.last() != Some(&(latest.row as IdxSize))
                || now.iter().zip(&made).any(|(now, so_far)| so_far.last().map(|v| v.to_bits()) != Some(now.to_bits()));
            if !is_news {
                continue;
            }
            if rows.len() > begins
                && let Some((_, last)) = spans.last_mut()
            {
                *last = known - 1;
            }
            rows.push(latest.row as IdxSize);
            spans.push((known, sessions.len() as u32 - 1));
            made.iter_mut().zip(now).for_each(|(made, now)| made.push(now));
        }
    }
    let mut rows = df.take(&IdxCa::from_vec("rows".into(), rows))?;
    for (column, values) in derived.iter().zip(made) {
        rows.with_column(frame::number_column(&column.name, values.into_iter()))?;
    }
    Ok(Spans { rows, spans })
}

/// Per row of the table its report; `None` for one that is not wanted, or not known on any session.
fn reports(
    table: &str,
    df: &DataFrame,
    columns: ReportColumns<'_>,
    keys: &Keys,
    sessions: &[NaiveDate],
) -> Result<Vec<Option<Report>>, AsOfError> {
    let period = dates(table, df, columns.period)?;
    let announced = dates(table, df, columns.announced)?;
    let ingested = columns.ingested.map(|column| dates(table, df, column)).transpose()?;
    let known_from = |day: NaiveDate| match columns.lag {
        0 => sessions.partition_point(|session| *session < day),
        lag => sessions.partition_point(|session| *session <= day).saturating_add(lag as usize - 1),
    };
    let missing = |column: &str| AsOfError::Missing { table: table.to_owned(), column: column.to_owned() };
    let mut all: Vec<Report> = Vec::with_capacity(df.height());
    for row in 0..df.height() {
        let period = period[row].ok_or_else(|| missing(columns.period))?;
        let announced = announced[row].ok_or_else(|| missing(columns.announced))?;
        if announced < period {
            let key = keys.shown(row);
            return Err(AsOfError::AnnouncedEarly { table: table.to_owned(), key, period, announced, row });
        }
        let ingested = ingested.as_ref().and_then(|days| days[row]);
        let known = known_from(announced).max(ingested.map_or(0, known_from));
        all.push(Report { row, period, version: (announced, ingested), known });
    }
    for group in keys.groups() {
        let mut of_key: Vec<&Report> = group.iter().map(|row| &all[*row]).collect();
        of_key.sort_unstable_by_key(|report| (report.period, report.version, report.row));
        let same = |pair: &&[&Report]| (pair[0].period, pair[0].version) == (pair[1].period, pair[1].version);
        if let Some([one, other]) = of_key.windows(2).find(same) {
            return Err(AsOfError::SameReport {
                table: table.to_owned(),
                key: keys.shown(one.row),
                period: one.period,
                announced: one.version.0,
                rows: [one.row, other.row],
            });
        }
    }
    let is_wanted = |report: &Report| {
        report.known < sessions.len() && (!columns.annual || period::ends_year(report.period, columns.fiscal_year_end))
    };
    Ok(all.into_iter().map(|report| is_wanted(&report).then_some(report)).collect())
}

impl Column<'_> {
    /// The value beside the report of the latest period, `of` being the newest reports of all periods; NaN if something that it is
    /// made of is not known.
    fn of(&self, latest: &Report, of: &BTreeMap<NaiveDate, Report>, columns: ReportColumns<'_>) -> f64 {
        let value = |report: Option<&Report>| report.map_or(f64::NAN, |report| self.values[report.row]);
        let before = |months: u32| value(period::before(of, latest.period, months));
        match self.kind {
            Derived::YearAgo => before(12),
            Derived::Previous => value(of.range(..latest.period).next_back().map(|(_, report)| report)),
            Derived::Ttm if columns.accumulates || columns.annual => {
                if period::ends_year(latest.period, columns.fiscal_year_end) {
                    return value(Some(latest));
                }
                let year = value(period::year_before(of, latest.period, columns.fiscal_year_end));
                value(Some(latest)) + year - before(12)
            }
            Derived::Ttm => before(9) + before(6) + before(3) + value(Some(latest)),
        }
    }
}
