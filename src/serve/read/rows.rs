//! The result of a query: as values, CSV, JSON.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use duckdb::Connection;
use duckdb::types::{TimeUnit, ValueRef};

use super::error::ReadError;

/// What a query returns.
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Rows {
    /// The names of the columns, each once.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The cells of each row, in the order of the columns.
    pub fn cells(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Everything that a query returns.
    pub fn of(connection: &Connection, query: &str) -> Result<Self, ReadError> {
        let mut statement = connection.prepare(query).map_err(query_failed)?;
        let mut found = statement.query([]).map_err(query_failed)?;
        let mut rows = Vec::new();
        let columns: Vec<String> = found.as_ref().map(|statement| statement.column_names()).unwrap_or_default();
        while let Some(row) = found.next().map_err(query_failed)? {
            let cells = (0..columns.len())
                .map(|at| row.get_ref(at).map(Cell::of))
                .collect::<Result<_, _>>()
                .map_err(query_failed)?;
            rows.push(cells);
        }
        Ok(Self { columns: distinct(columns), rows })
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn csv(&self) -> Result<String, ReadError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let writing = || ReadError::other("writing CSV");
        writer.write_record(&self.columns).map_err(writing())?;
        for row in &self.rows {
            writer.write_record(row.iter().map(Cell::text)).map_err(writing())?;
        }
        let bytes = writer.into_inner().map_err(|error| ReadError::other("writing CSV")(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A list of objects, one per row.
    pub fn json(&self) -> Result<String, ReadError> {
        let mut text = serde_json::to_string_pretty(&self.values()).map_err(ReadError::other("writing JSON"))?;
        text.push('\n');
        Ok(text)
    }

    /// The same as a value.
    pub fn values(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|row| {
            let fields = self.columns.iter().zip(row).map(|(name, cell)| {
                let value = match cell {
                    Cell::Missing => serde_json::Value::Null,
                    Cell::Bool(value) => (*value).into(),
                    Cell::Number(number, _) => number.clone().into(),
                    Cell::Text(text) => text.clone().into(),
                };
                (name.clone(), value)
            });
            serde_json::Value::Object(fields.collect())
        });
        rows.collect()
    }
}

/// Names as DuckDB tells apart those of a subquery, `a` and `a_1`: a map of one row must hold both.
fn distinct(mut names: Vec<String>) -> Vec<String> {
    for at in 1..names.len() {
        let (before, rest) = names.split_at_mut(at);
        let numbered = (1..).map(|n| format!("{}_{n}", rest[0]));
        if before.contains(&rest[0])
            && let Some(name) = numbered.into_iter().find(|name| !before.contains(name) && !rest.contains(name))
        {
            rest[0] = name;
        }
    }
    names
}

/// What DuckDB says of a query is for the one who wrote it.
pub fn query_failed(error: duckdb::Error) -> ReadError {
    ReadError::wrong(error.to_string(), None)
}

/// A value in a form that JSON has, or else as text.
pub enum Cell {
    Missing,
    Bool(bool),
    Number(serde_json::Number, String),
    Text(String),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        let int = |n: i64| Self::Number(n.into(), n.to_string());
        let float = |x: f64, text: String| match serde_json::Number::from_f64(x) {
            Some(number) => Self::Number(number, text),
            None => Self::Text(text),
        };
        match value {
            ValueRef::Null => Self::Missing,
            ValueRef::Boolean(value) => Self::Bool(value),
            ValueRef::TinyInt(n) => int(n.into()),
            ValueRef::SmallInt(n) => int(n.into()),
            ValueRef::Int(n) => int(n.into()),
            ValueRef::BigInt(n) => int(n),
            ValueRef::UTinyInt(n) => int(n.into()),
            ValueRef::USmallInt(n) => int(n.into()),
            ValueRef::UInt(n) => int(n.into()),
            ValueRef::UBigInt(n) => Self::Number(n.into(), n.to_string()),
            ValueRef::HugeInt(n) => match i64::try_from(n) {
                Ok(n) => int(n),
                Err(_) => Self::Text(n.to_string()),
            },
            ValueRef::Float(x) => float(x.into(), x.to_string()),
            ValueRef::Double(x) => float(x, x.to_string()),
            ValueRef::Date32(days) => {
                let date = NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163));
                Self::Text(date.map_or_else(|| days.to_string(), |date| date.to_string()))
            }
            ValueRef::Timestamp(unit, value) => {
                let micros = match unit {
                    TimeUnit::Second => value.saturating_mul(1_000_000),
                    TimeUnit::Millisecond => value.saturating_mul(1_000),
                    TimeUnit::Microsecond => value,
                    TimeUnit::Nanosecond => value / 1_000,
                };
                let instant: Option<NaiveDateTime> =
                    DateTime::from_timestamp_micros(micros).map(|instant| instant.naive_utc());
                Self::Text(instant.map_or_else(|| value.to_string(), |instant| instant.to_string()))
            }
            ValueRef::Text(bytes) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
            other => Self::Text(rendered(&other.to_owned())),
        }
    }

    /// As a person reads it; nothing where there is none.
    pub fn text(&self) -> &str {
        match self {
            Self::Missing => "",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(_, text) | Self::Text(text) => text,
        }
    }
}

/// Nested and rare values, as DuckDB would write them.
fn rendered(value: &duckdb::types::Value) -> String {
    use duckdb::types::Value;
    match value {
        Value::Null => "NULL".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::BigInt(value) => value.to_string(),
        Value::UBigInt(value) => value.to_string(),
        Value::Text(value) | Value::Enum(value) => value.clone(),
        Value::Decimal(value) => value.to_string(),
        Value::List(values) | Value::Array(values) => {
            format!("[{}]", values.iter().map(rendered).collect::<Vec<_>>().join(", "))
        }
        Value::Struct(fields) => {
            format!(
                "{{{}}}",
                fields
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", rendered(value)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Date32(days) => NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163))
            .map_or_else(|| days.to_string(), |date| date.to_string()),
        other => format!("{other:?}"),
    }
}
