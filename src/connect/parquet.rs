//! Parquet, by way of DuckDB, which reads every type that a Parquet file may hold.

use std::path::Path;

use assetctl_config::ColumnType;
use duckdb::arrow::array::{Array, BooleanArray, Date32Array, Float64Array, StringArray, TimestampMicrosecondArray};
use duckdb::arrow::datatypes::DataType;
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{Config, Connection};

use crate::cell::Value;
use crate::error::{Field, Place, Problem, Problems};
use crate::header::Header;
use crate::layout::Layout;
use crate::rows::RowBuilder;

/// How one column of a file is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    Double,
    Bool,
    Date,
    /// Without a time zone.
    Time,
    Instant,
    /// To be read as the same text in a CSV file is.
    Text,
}

impl Fetch {
    fn sql(self, name: &str) -> String {
        let kind = match self {
            Self::Double => "DOUBLE",
            Self::Bool => "BOOLEAN",
            Self::Date => "DATE",
            Self::Time => "TIMESTAMP",
            Self::Instant => "TIMESTAMPTZ",
            Self::Text => "VARCHAR",
        };
        format!("CAST(\"{}\" AS {kind})", name.replace('"', "\"\""))
    }

    /// For a column of DuckDB's type `own` that is to become `kind`.
    fn of(kind: ColumnType, own: &str) -> Self {
        match (kind, family(own)) {
            (ColumnType::Number, Family::Number | Family::Bool) => Self::Double,
            (ColumnType::Bool, Family::Bool) => Self::Bool,
            (ColumnType::Date, Family::Date | Family::Time | Family::Instant) => Self::Date,
            (ColumnType::Time, Family::Date | Family::Time) => Self::Time,
            (ColumnType::Time, Family::Instant) => Self::Instant,
            _ => Self::Text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Number,
    Bool,
    Date,
    Time,
    Instant,
    Other,
}

/// DuckDB's types in ours.
fn family(own: &str) -> Family {
    let base = own.split('(').next().unwrap_or(own);
    match base {
        // A list of numbers is no number.
        _ if own.ends_with(']') => Family::Other,
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" | "UHUGEINT" | "FLOAT" | "DOUBLE" | "DECIMAL" => Family::Number,
        "BOOLEAN" => Family::Bool,
        "DATE" => Family::Date,
        "TIMESTAMP WITH TIME ZONE" => Family::Instant,
        _ if base.starts_with("TIMESTAMP") => Family::Time,
        _ => Family::Other,
    }
}

/// Reads Parquet files; one connection serves many of them.
pub(crate) struct Parquet {
    connection: Connection,
}

impl Parquet {
    /// Instants are dated in `time_zone`.
    ///
    /// # Errors
    /// DuckDB does not start.
    pub fn open(path: &Path, time_zone: Option<&str>) -> Result<Self, Problem> {
        let open = || {
            let config = Config::default().enable_autoload_extension(false)?;
            let connection = Connection::open_in_memory_with_flags(config)?;
            connection
                .execute_batch(&format!("SET TimeZone = '{}'", time_zone.unwrap_or("UTC").replace('\'', "''")))?;
            Ok(Self { connection })
        };
        open().map_err(|error| unreadable(path, &error))
    }

    /// The names and types of a file's columns.
    ///
    /// # Errors
    /// The file is no Parquet file.
    pub fn header(&self, path: &Path) -> Result<Header, Problem> {
        let (names, own): (Vec<String>, Vec<String>) = self.columns(path)?.into_iter().unzip();
        let kinds = own.iter().map(|own| match family(own) {
            Family::Number => ColumnType::Number,
            Family::Bool => ColumnType::Bool,
            // Of an instant or a time the date is meant, unless more is declared.
            Family::Date | Family::Time | Family::Instant => ColumnType::Date,
            Family::Other => ColumnType::Text,
        });
        let kinds = kinds.collect();
        Header::new(Place::file(path), names, kinds)
    }

    fn columns(&self, path: &Path) -> Result<Vec<(String, String)>, Problem> {
        let from = from(path)?;
        let query = || {
            let mut statement = self
                .connection
                .prepare(&format!("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {from})"))?;
            let columns = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            columns.collect::<Result<Vec<_>, duckdb::Error>>()
        };
        query().map_err(|error| unreadable(path, &error))
    }

    /// Gives every row of a file to the builder.
    pub fn read(
        &self,
        path: &Path,
        header: &Header,
        binding: &[usize],
        layout: &Layout,
        rows: &mut RowBuilder,
        problems: &mut Problems,
    ) {
        let batches = self.fetch(path, header, binding, layout);
        let batches = match batches {
            Ok(batches) => batches,
            Err(problem) => return problems.push(problem),
        };
        let mut number = 0_u32;
        for batch in &batches {
            let arrays: Vec<Fetched> = batch.columns().iter().map(|array| Fetched::of(array.as_ref())).collect();
            for row in 0..batch.num_rows() {
                if problems.full() {
                    return;
                }
                number = number.saturating_add(1);
                rows.row(
                    number,
                    |column| arrays[column].value(row),
                    |column, fault| {
                        let at = binding[column];
                        problems.push_for(at, || {
                            let field = Some(Field { number: at + 1, name: header.names[at].clone() });
                            fault.at(Place { row: Some(number as usize), field, ..Place::file(path) })
                        });
                    },
                );
            }
        }
    }

    fn fetch(
        &self,
        path: &Path,
        header: &Header,
        binding: &[usize],
        layout: &Layout,
    ) -> Result<Vec<RecordBatch>, Problem> {
        let own = self.columns(path)?;
        let columns: Vec<String> = layout
            .fields()
            .iter()
            .zip(binding)
            .map(|(column, &at)| {
                let own = own.get(at).map_or("", |(_, own)| own.as_str());
                Fetch::of(column.kind, own).sql(&header.names[at])
            })
            .collect();
        let query = format!("SELECT {} FROM {}", columns.join(", "), from(path)?);
        let fetch = || Ok(self.connection.prepare(&query)?.query_arrow([])?.collect());
        fetch().map_err(|error| unreadable(path, &error))
    }
}

/// The file as a table of DuckDB's: columns by the file alone, never by the folders that it lies in.
fn from(path: &Path) -> Result<String, Problem> {
    let text = path.to_str().ok_or_else(|| {
        Problem::new(Place::file(path), "the file's name is not Unicode").help("rename it, or move the project")
    })?;
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\'' => escaped.push_str("''"),
            '*' | '?' | '[' => escaped.extend(['[', letter, ']']),
            other => escaped.push(other),
        }
    }
    Ok(format!("read_parquet('{escaped}', hive_partitioning = false, binary_as_string = true)"))
}

fn unreadable(path: &Path, error: &duckdb::Error) -> Problem {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    Problem::new(Place::file(path), format!("the file cannot be read as Parquet: {line}"))
        .help("if it is a CSV file, name it under `csv:`; otherwise fetch or write it again")
}

/// One column of a batch.
enum Fetched<'b> {
    Double(&'b Float64Array),
    Bool(&'b BooleanArray),
    Date(&'b Date32Array),
    Time(&'b TimestampMicrosecondArray),
    Instant(&'b TimestampMicrosecondArray),
    Text(&'b StringArray),
    /// DuckDB gives the types that it was asked for, so this does not come to be.
    Unknown,
}

impl<'b> Fetched<'b> {
    fn of(array: &'b dyn Array) -> Self {
        let (any, array_type) = (array.as_any(), array.data_type());
        if let Some(array) = any.downcast_ref() {
            Self::Double(array)
        } else if let Some(array) = any.downcast_ref() {
            Self::Bool(array)
        } else if let Some(array) = any.downcast_ref() {
            Self::Date(array)
        } else if let Some(array) = any.downcast_ref() {
            match array_type {
                DataType::Timestamp(_, Some(_)) => Self::Instant(array),
                _ => Self::Time(array),
            }
        } else if let Some(array) = any.downcast_ref() {
            Self::Text(array)
        } else {
            Self::Unknown
        }
    }

    fn value(&self, row: usize) -> Value<'b> {
        match self {
            Self::Double(array) if array.is_valid(row) => Value::Number(array.value(row)),
            Self::Bool(array) if array.is_valid(row) => Value::Bool(array.value(row)),
            Self::Date(array) if array.is_valid(row) => Value::Date(array.value(row)),
            Self::Time(array) if array.is_valid(row) => Value::Time(array.value(row)),
            Self::Instant(array) if array.is_valid(row) => Value::Instant(array.value(row)),
            Self::Text(array) if array.is_valid(row) => Value::Text(array.value(row)),
            _ => Value::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_config::OneOrMany;

    use super::*;
    use crate::testing::{Folder, cells, mapping, problems, read_all};

    /// A source of one Parquet file that holds what a query gives.
    fn written(name: &str, query: &str) -> Folder {
        let mut folder = Folder::within("甲 乙=1 [x]");
        folder.files.csv = None;
        folder.files.parquet = Some(OneOrMany::One("*.parquet".into()));
        let connection = Connection::open_in_memory().unwrap();
        let path = folder.path(name).display().to_string().replace('\'', "''");
        connection
            .execute_batch(&format!("SET TimeZone = 'UTC'; COPY ({query}) TO '{path}' (FORMAT parquet)"))
            .unwrap();
        folder
    }

    #[test]
    fn every_plain_type_is_read() {
        let folder = written(
            "it's [1].parquet",
            "SELECT * FROM (VALUES
                (DATE '2015-01-05', 'NAN'::ENUM('NAN', 'b'), 1::TINYINT, 12.34::DECIMAL(18, 2), 'NaN'::FLOAT, true, 'x', TIMESTAMP '2015-01-01 09:30:00'),
                (DATE '2015-01-06', 'b', 2, NULL, 0.5, NULL, NULL, NULL)
            ) AS bars(session, instrument, tiny, price, ratio, st, name, ex)",
        );
        let schema = crate::schema(&folder.source()).unwrap();
        use ColumnType::{Bool, Date, Number, Text};
        let kinds: Vec<_> = schema.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [Date, Text, Number, Number, Number, Bool, Text, Date]);
        let frame = read_all(&folder);
        assert_eq!(cells(&frame, "instrument"), ["NAN", "b"]);
        assert_eq!(cells(&frame, "tiny"), ["1.0", "2.0"]);
        assert_eq!(cells(&frame, "price"), ["12.34", "null"]);
        assert_eq!(cells(&frame, "ratio"), ["null", "0.5"]);
        assert_eq!(cells(&frame, "st"), ["true", "null"]);
        assert_eq!(cells(&frame, "name"), ["x", "null"]);
        assert_eq!(cells(&frame, "ex"), ["2015-01-01", "null"]);
    }

    #[test]
    fn dates_come_in_many_types() {
        for (date, format) in [
            ("'2015-01-05'", None),
            ("20150105::BIGINT", Some("%Y%m%d")),
            ("TIMESTAMP '2015-01-05 00:00:00'", None),
            // Midnight in Shanghai is the day before in UTC.
            ("TIMESTAMPTZ '2015-01-04 16:00:00+00'", None),
            ("TIMESTAMP_NS '2015-01-05 00:00:00'", None),
        ] {
            let mut folder = written("a.parquet", &format!("SELECT {date} AS d, 'a' AS instrument, 1 AS close"));
            folder.files.columns = mapping(&[("session", "d")]);
            folder.files.date_format = format.map(str::to_owned);
            assert_eq!(cells(&read_all(&folder), "session"), ["2015-01-05"], "{date}");
        }
    }

    #[test]
    fn mistakes_name_the_row() {
        let folder = written(
            "a.parquet",
            "SELECT * FROM (VALUES (DATE '2015-01-05', 'a', 1.0::DOUBLE), (DATE '2015-01-06', 'a', 'inf'), (DATE '2015-01-10', 'a', 1)) AS bars(session, instrument, close)",
        );
        let found = problems(&folder);
        assert_eq!((found[0].place.row, found[1].place.row), (Some(2), Some(3)));
        assert_eq!(found[0].message, "an infinite number in column `close`");
        assert!(found[1].message.contains("a Saturday"));

        let mut folder = written("a.parquet", "SELECT DATE '2015-01-05' AS session, 'a' AS instrument, 'abc' AS close");
        folder.files.types.insert("close".into(), ColumnType::Number);
        assert_eq!(problems(&folder)[0].message, "`abc` is not a number in column `close`");
        folder.write("a.parquet", "session,instrument\n");
        assert!(problems(&folder)[0].message.starts_with("the file cannot be read as Parquet"));

        let twice = written(
            "a.parquet",
            "SELECT DATE '2015-01-05' AS session, 'a' AS instrument, i AS close FROM range(2) AS t(i)",
        );
        let found = problems(&twice);
        assert_eq!((found[0].other.as_ref().unwrap().row, found[0].place.row), (Some(1), Some(2)));
    }
}
