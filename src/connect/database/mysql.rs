//! MySQL and MariaDB.

use std::time::Duration;

use assetctl_config::ColumnType;
use chrono::{NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use mysql_async::consts::ColumnType as Kind;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Error, Opts, OptsBuilder, Params, SslOpts, Value};

use super::ask::{Access, Asking, Server, talk, watched};
use super::collect::Cell;
use super::template::{Param, Statement};
use super::zone;
use crate::fetch::FetchError;

/// How long a server may take to let in.
const CONNECT: Duration = Duration::from_secs(20);
/// How long is waited for a server to take notice that a query is of no use any more.
const GIVE_UP: Duration = Duration::from_millis(400);

/// # Errors
/// The server cannot be reached or asked, or gives what is not declared.
pub(super) fn ask(server: &Server, statements: &[Statement], asking: &mut Asking<'_>) -> Result<(), FetchError> {
    let access = server.access()?;
    let opts = Opts::from_url(&access.url).map_err(|_| {
        asking.error(false, "`url` is no address of MySQL's", Some("`mysql://user@host:3306/database`"))
    })?;
    let mut builder = OptsBuilder::from_opts(opts.clone());
    if let Some(password) = &access.password {
        builder = builder.pass(Some(password.clone()));
    }
    if let Some(ca) = &server.ca {
        let own = opts.ssl_opts().cloned().unwrap_or_else(SslOpts::default);
        builder = builder.ssl_opts(Some(own.with_root_certs(vec![ca.clone().into()])));
    }
    let opts = Opts::from(builder);
    talk(async || on(&access, opts, statements, asking).await)
}

async fn on(access: &Access, opts: Opts, statements: &[Statement], asking: &mut Asking<'_>) -> Result<(), FetchError> {
    let (is_cancelled, timeout) = (asking.request.is_cancelled, asking.timeout);
    let begin = async {
        let mut connection = Conn::new(opts.clone()).await?;
        // Instants come in the zone of the session; one state of the database for all queries, and none of them may change it.
        connection.query_drop("SET time_zone = '+00:00'").await?;
        connection.query_drop("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
        connection.query_drop("START TRANSACTION READ ONLY").await?;
        Ok(connection)
    };
    let mut connection = match watched(is_cancelled, CONNECT, begin).await {
        Ok(connected) => connected.map_err(|error: Error| {
            let address = format!("MySQL at `{}:{}`", opts.ip_or_hostname(), opts.tcp_port());
            let message = format!("{address} does not let in: {}", text(&error));
            asking.error(is_transient(&error), &access.hide(&message), None)
        })?,
        Err(stopped) => return Err(stopped.error(asking)),
    };
    for statement in statements {
        let id = connection.id();
        match watched(is_cancelled, timeout, answer(access, &mut connection, statement, asking)).await {
            Ok(answered) => answered?,
            Err(stopped) => {
                let kill = async {
                    let mut other = Conn::new(opts.clone()).await?;
                    other.query_drop(format!("KILL QUERY {id}")).await
                };
                let _ = tokio::time::timeout(GIVE_UP, kill).await;
                return Err(stopped.error(asking));
            }
        }
    }
    let _ = tokio::time::timeout(GIVE_UP, connection.disconnect()).await;
    Ok(())
}

async fn answer(
    access: &Access,
    connection: &mut Conn,
    statement: &Statement,
    asking: &mut Asking<'_>,
) -> Result<(), FetchError> {
    let zone = zone::of(asking.calendar());
    let params = match statement.params.as_slice() {
        [] => Params::Empty,
        params => Params::Positional(params.iter().map(bound).collect()),
    };
    let mut collector = asking.begin();
    let mut result =
        connection.exec_iter(statement.sql.as_str(), params).await.map_err(|error| refusal(access, asking, &error))?;
    let columns: Vec<Column> = result.columns_ref().to_vec();
    let names: Vec<String> = columns.iter().map(|column| column.name_str().into_owned()).collect();
    let kinds = collector.columns(&names)?;
    let mut cells = vec![Cell::Missing; names.len()];
    while let Some(row) = result.next().await.map_err(|error| refusal(access, asking, &error))? {
        for (at, (value, kind)) in row.unwrap_raw().into_iter().zip(&kinds).enumerate() {
            if let Some(kind) = kind {
                let value = value.unwrap_or(Value::NULL);
                cells[at] = read(value, &columns[at], *kind, zone).map_err(|what| {
                    let message = format!("row {}: column `{}` {what}", collector.rows + 1, names[at]);
                    asking.error(false, &message, Some("cast it in the query: `cast(… as char)`"))
                })?;
            }
        }
        collector.row(&cells)?;
    }
    drop(result);
    asking.end(collector)
}

/// `Err` says what the value is.
fn read(value: Value, column: &Column, wanted: ColumnType, zone: Tz) -> Result<Cell, String> {
    Ok(match value {
        Value::NULL => Cell::Missing,
        Value::Int(integer) => Cell::Integer(integer),
        Value::UInt(integer) => {
            i64::try_from(integer).map_or_else(|_| Cell::Decimal(integer.to_string()), Cell::Integer)
        }
        Value::Float(number) => Cell::Double(number.into()),
        Value::Double(number) => Cell::Double(number),
        Value::Bytes(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| "holds bytes that are no text".to_owned())?;
            match column.column_type() {
                Kind::MYSQL_TYPE_DECIMAL | Kind::MYSQL_TYPE_NEWDECIMAL => Cell::Decimal(text),
                Kind::MYSQL_TYPE_BIT => return Err("is of type `bit`, which is not read".to_owned()),
                _ => Cell::Text(text),
            }
        }
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let naive = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())
                .and_then(|date| date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros));
            let naive = naive.ok_or_else(|| format!("holds `{year:04}-{month:02}-{day:02}`, which is no date"))?;
            moment(naive, column.column_type(), wanted, zone)
        }
        Value::Time(..) => return Err("is of type `time`, which is not read".to_owned()),
    })
}

fn moment(naive: NaiveDateTime, kind: Kind, wanted: ColumnType, zone: Tz) -> Cell {
    let local = match kind {
        Kind::MYSQL_TYPE_TIMESTAMP | Kind::MYSQL_TYPE_TIMESTAMP2 => {
            Utc.from_utc_datetime(&naive).with_timezone(&zone).naive_local()
        }
        _ => naive,
    };
    match (wanted, kind) {
        (ColumnType::Date, _) | (_, Kind::MYSQL_TYPE_DATE | Kind::MYSQL_TYPE_NEWDATE) => Cell::Date(local.date()),
        // Of a timestamp the server says which instant it is, of a datetime it does not.
        (ColumnType::Time, Kind::MYSQL_TYPE_TIMESTAMP | Kind::MYSQL_TYPE_TIMESTAMP2) => Cell::Instant(naive.and_utc()),
        (ColumnType::Time, _) => Cell::Time(local),
        _ => Cell::Text(local.format("%Y-%m-%d %H:%M:%S").to_string()),
    }
}

fn bound(param: &Param) -> Value {
    match param {
        Param::Date(date) => Value::from(*date),
        Param::Moment(_, written) => Value::from(*written),
        Param::Text(text) => Value::from(text.as_str()),
        Param::Integer(integer) => Value::from(*integer),
        Param::Double(number) => Value::from(*number),
    }
}

fn refusal(access: &Access, asking: &Asking<'_>, error: &Error) -> FetchError {
    asking.error(is_transient(error), &access.hide(&text(error)), None)
}

fn text(error: &Error) -> String {
    match error {
        Error::Server(error) => format!("{} (error {})", error.message, error.code),
        other => other.to_string(),
    }
}

/// By the numbers of the servers' errors: too many connections, a server that goes down, lost races, lost connections.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Server(error) => [1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1205, 1213].contains(&error.code),
        Error::Io(_) => true,
        Error::Driver(_) => matches!(error, Error::Driver(mysql_async::DriverError::ConnectionClosed)),
        Error::Other(_) | Error::Url(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Source, server};
    use super::*;
    use crate::testing::cells;

    /// A table of its own for a test, and a source that asks for it. `None` where there is no server.
    fn table(name: &str, columns: &str, rows: &str, types: &str) -> Option<Source> {
        let url = server("ASSETCTL_TEST_MYSQL")?;
        talk(async || {
            let fill = async {
                let mut connection = Conn::new(Opts::from_url(&url)?).await?;
                connection.query_drop(format!("drop table if exists {name}")).await?;
                connection.query_drop(format!("create table {name}({columns}) charset utf8mb4")).await?;
                connection.query_drop("set time_zone = '+00:00'").await?;
                connection.query_drop(format!("insert into {name} values {rows}")).await?;
                connection.disconnect().await
            };
            fill.await.map_err(|error: Error| FetchError::Transient { what: text(&error) })
        })
        .unwrap();
        Some(Source::new(&format!(
            "mysql: {{ url: \"{url}\", query: \"select * from {name} where d between {{{{ first }}}} and {{{{ last }}}}\" }}\n\
             columns: {{ session: d, instrument: code }}\ntypes: {{ {types} }}\n"
        )))
    }

    #[test]
    fn hours_are_asked_for_on_the_clock_of_the_column() {
        let Some(source) = table(
            "hours",
            "d date, code varchar(20), dt datetime, at timestamp null, close double",
            "('2015-01-05', 'a', '2015-01-05 09:35:00', '2015-01-05 01:35:00', 1),
             ('2015-01-05', 'a', '2015-01-05 15:00:00', '2015-01-05 07:00:00', 2),
             ('2015-01-05', 'a', '2015-01-05 15:05:00', '2015-01-05 07:05:00', 8),
             ('2015-01-06', 'a', '2015-01-06 09:35:00', '2015-01-06 01:35:00', 9)",
            "close: number",
        ) else {
            return;
        };
        let days = "d between {{ first }} and {{ last }}";
        for (column, hours) in [
            ("dt", "dt between {{ opens }} and {{ closes }}"),
            ("at", "at between {{ opens | zone('UTC') }} and {{ closes | zone('UTC') }}"),
        ] {
            let times = format!("time: {{ every: 5m }}\ncolumns: {{ time: {column},");
            let source = source.with(days, hours).with("columns: { session: d,", &times);
            let frame = source.fetch(&["2015-01-05"]).unwrap().frame;
            assert_eq!(cells(&frame, "close"), ["1.0", "2.0"], "{column}");
            assert_eq!(cells(&frame, "time"), ["2015-01-05 09:35:00", "2015-01-05 15:00:00"], "{column}");
        }
    }

    #[test]
    fn every_plain_type_is_read() {
        let Some(source) = table(
            "every_type",
            "d date, code varchar(20), i int, u bigint unsigned, f float, x double, n decimal(20, 6), b bool, t text, at timestamp null, dt datetime",
            "('2015-01-05', '000001', -1, 18446744073709551615, 0.5, 0.1, 12.345, true, '甲', '2001-08-26 16:30:00', '2001-08-27 09:30:00'),
             ('2015-01-06', '000001', null, null, null, null, null, null, null, null, null)",
            "i: number, u: text, f: number, x: number, n: number, b: bool, t: text, at: date, dt: date",
        ) else {
            return;
        };
        let frame = source.fetch(&["2015-01-05", "2015-01-06"]).unwrap().frame;
        for (name, first) in [
            ("instrument", "000001"),
            ("i", "-1.0"),
            ("u", "18446744073709551615"),
            ("f", "0.5"),
            ("x", "0.1"),
            ("n", "12.345"),
            ("b", "true"),
            ("t", "甲"),
            ("at", "2001-08-27"),
            ("dt", "2001-08-27"),
        ] {
            let values = cells(&frame, name);
            assert_eq!(values[0], first, "{name}");
            assert!(name == "instrument" || values[1] == "null", "{name}: {values:?}");
        }
    }

    #[test]
    fn values_are_bound_and_refusals_name_the_asset() {
        let rows = "('2015-01-05', 'a', 1, 20150105), ('2015-01-06', 'it''s', 3, 20150106)";
        let Some(source) = table("bound", "d date, code varchar(20), close double, ymd int", rows, "close: number")
        else {
            return;
        };
        let range = "d between {{ first }} and {{ last }}";
        for condition in
            ["d = {{ session }}", "ymd = {{ session | date('%Y%m%d') | int }}", "ymd = {{ session | date('%Y%m%d') }}"]
        {
            let source = source.with(range, condition);
            assert_eq!(
                cells(&source.fetch(&["2015-01-05", "2015-01-06"]).unwrap().frame, "close"),
                ["1.0", "3.0"],
                "{condition}"
            );
        }
        let of = source.with(range, "d between {{ first }} and {{ last }} and code in ({{ instruments }})");
        assert_eq!(
            cells(&of.fetch_of(&["2015-01-06"], &["it's", "'; drop table bound; -- "]).unwrap().frame, "close"),
            ["3.0"]
        );
        let refused = |source: &Source| source.fetch(&["2015-01-05"]).unwrap_err().to_string();
        let text = refused(&source.with("from bound", "from bond"));
        assert!(text.contains("query of `bars`: ") && text.contains("bond") && text.contains("error 1146"), "{text}");
        let text = refused(&source.with(":swordfish@", ":wrong@"));
        assert!(text.contains("Access denied") && !text.contains("wrong"), "{text}");
    }

    #[test]
    fn a_query_ends_when_it_is_cancelled_or_takes_too_long() {
        let Some(source) =
            table("slow", "d date, code varchar(20), close double", "('2015-01-05', 'a', 1)", "close: number")
        else {
            return;
        };
        let slow = source.with("where d", "where sleep(60) is not null and d");
        assert_eq!(slow.cancelled(&["2015-01-05"]).unwrap_err(), FetchError::Cancelled);
        let text = slow.with("query:", "timeout: 1s, query:").fetch(&["2015-01-05"]).unwrap_err().to_string();
        assert!(text.contains("no answer within 1 s"), "{text}");
    }
}
