//! PostgreSQL.

use std::error::Error as StdError;
use std::time::Duration;

use assetctl_config::ColumnType;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use futures::TryStreamExt;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ask::{Access, Asking, Server, talk, watched};
use super::collect::Cell;
use super::numeric::Numeric;
use super::template::{Param, Statement};
use super::{certificates, zone};
use crate::fetch::FetchError;

/// How long a server may take to let in.
const CONNECT: Duration = Duration::from_secs(20);
/// How long is waited for a server to take notice that a query is of no use any more.
const GIVE_UP: Duration = Duration::from_millis(400);

/// # Errors
/// The server cannot be reached or asked, or gives what is not declared.
pub(super) fn ask(server: &Server, statements: &[Statement], asking: &mut Asking<'_>) -> Result<(), FetchError> {
    let access = server.access()?;
    let mut config: Config = access.url.parse().map_err(|_| {
        asking.error(false, "`url` is no address of PostgreSQL's", Some("`postgres://user@host:5432/database`"))
    })?;
    if let Some(password) = &access.password {
        config.password(password);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.application_name("assetctl");
    let tls = match config.get_ssl_mode() {
        SslMode::Require => Some(MakeRustlsConnect::new(certificates::client(server.ca.as_deref())?)),
        _ => {
            // Without certificates to hold it against, encryption promises nothing: it is asked for or it is not there.
            config.ssl_mode(SslMode::Disable);
            None
        }
    };
    talk(async || match tls {
        Some(tls) => on(&access, &config, tls, statements, asking).await,
        None => on(&access, &config, NoTls, statements, asking).await,
    })
}

async fn on<T>(
    access: &Access,
    config: &Config,
    tls: T,
    statements: &[Statement],
    asking: &mut Asking<'_>,
) -> Result<(), FetchError>
where
    T: MakeTlsConnect<Socket> + Clone,
    T::Stream: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let is_cancelled = asking.request.is_cancelled;
    let connected = watched(is_cancelled, CONNECT, config.connect(tls.clone())).await;
    let (mut client, connection) = match connected {
        Ok(connected) => connected.map_err(|error| {
            let message = format!("{} does not let in: {}", address(config), text(&error));
            asking.error(is_transient(&error), &access.hide(&message), None)
        })?,
        Err(stopped) => return Err(stopped.error(asking)),
    };
    let driver = tokio::spawn(connection);
    let result = all(access, &mut client, tls, statements, asking).await;
    driver.abort();
    result
}

async fn all<T>(
    access: &Access,
    client: &mut Client,
    tls: T,
    statements: &[Statement],
    asking: &mut Asking<'_>,
) -> Result<(), FetchError>
where
    T: MakeTlsConnect<Socket>,
{
    let (is_cancelled, timeout) = (asking.request.is_cancelled, asking.timeout);
    let cancel = client.cancel_token();
    // One state of the database for all queries, and none of them may change it.
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    match watched(is_cancelled, timeout, begin).await {
        Ok(begun) => begun.map_err(|error| refusal(access, asking, &error))?,
        Err(stopped) => return Err(stopped.error(asking)),
    }
    for statement in statements {
        let answered = watched(is_cancelled, timeout, answer(access, client, statement, asking)).await;
        match answered {
            Ok(answered) => answered?,
            Err(stopped) => {
                let _ = tokio::time::timeout(GIVE_UP, cancel.cancel_query(tls)).await;
                return Err(stopped.error(asking));
            }
        }
    }
    Ok(())
}

async fn answer(
    access: &Access,
    client: &Client,
    statement: &Statement,
    asking: &mut Asking<'_>,
) -> Result<(), FetchError> {
    let zone = zone::of(asking.calendar());
    let prepared = client.prepare(&statement.sql).await.map_err(|error| refusal(access, asking, &error))?;
    if prepared.params().len() != statement.params.len() {
        let message = format!("it has {} places for the {} values", prepared.params().len(), statement.params.len());
        return Err(asking.error(false, &message, Some("`$1` and the like are written by `{{ … }}` alone")));
    }
    let mut collector = asking.begin();
    let names: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let kinds = collector.columns(&names)?;
    for (column, _) in prepared.columns().iter().zip(&kinds).filter(|(_, kind)| kind.is_some()) {
        if !is_read(column.type_()) {
            let (name, kind) = (column.name(), column.type_().name());
            let message = format!("column `{name}` is of type `{kind}`, which is not read");
            return Err(asking.error(
                false,
                &message,
                Some(&format!("cast it in the query: `{name}::text as {name}`")),
            ));
        }
    }
    let params: Vec<Bound<'_>> = statement.params.iter().map(|param| Bound { param, zone }).collect();
    let params = params.iter().map(|param| param as &(dyn ToSql + Sync));
    let rows = client.query_raw(&prepared, params).await.map_err(|error| refusal(access, asking, &error))?;
    let mut rows = std::pin::pin!(rows);
    let mut cells = vec![Cell::Missing; names.len()];
    while let Some(row) = rows.try_next().await.map_err(|error| refusal(access, asking, &error))? {
        for (at, kind) in kinds.iter().enumerate() {
            if let Some(kind) = kind {
                cells[at] = read(&row, at, *kind, zone).map_err(|error| {
                    let message = format!("row {}: column `{}`: {}", collector.rows + 1, names[at], text(&error));
                    asking.error(false, &message, None)
                })?;
            }
        }
        collector.row(&cells)?;
    }
    asking.end(collector)
}

fn is_read(kind: &Type) -> bool {
    let plain = [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::NUMERIC,
        Type::DATE,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
    ];
    plain.contains(kind) || is_text(kind)
}

fn is_text(kind: &Type) -> bool {
    let texts = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN];
    texts.contains(kind) || matches!(kind.kind(), Kind::Enum(_))
}

/// The text of a type whose values are written as text.
struct AnyText(String);

impl<'a> FromSql<'a> for AnyText {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(kind: &Type) -> bool {
        is_text(kind)
    }
}

fn read(row: &Row, at: usize, wanted: ColumnType, zone: Tz) -> Result<Cell, tokio_postgres::Error> {
    fn get<'r, T: FromSql<'r>>(
        row: &'r Row,
        at: usize,
        cell: impl FnOnce(T) -> Cell,
    ) -> Result<Cell, tokio_postgres::Error> {
        Ok(row.try_get::<_, Option<T>>(at)?.map_or(Cell::Missing, cell))
    }
    let moment = |naive: NaiveDateTime| match wanted {
        ColumnType::Date => Cell::Date(naive.date()),
        ColumnType::Time => Cell::Time(naive),
        _ => Cell::Text(naive.format("%Y-%m-%d %H:%M:%S").to_string()),
    };
    let kind = row.columns()[at].type_();
    match *kind {
        Type::BOOL => get(row, at, Cell::Bool),
        Type::INT2 => get(row, at, |value: i16| Cell::Integer(value.into())),
        Type::INT4 => get(row, at, |value: i32| Cell::Integer(value.into())),
        Type::INT8 => get(row, at, Cell::Integer),
        Type::FLOAT4 => get(row, at, |value: f32| Cell::Double(value.into())),
        Type::FLOAT8 => get(row, at, Cell::Double),
        Type::NUMERIC => get(row, at, |Numeric(text)| Cell::Decimal(text)),
        Type::DATE => get(row, at, Cell::Date),
        Type::TIMESTAMP => get(row, at, moment),
        Type::TIMESTAMPTZ => get(row, at, |instant: DateTime<Utc>| match wanted {
            ColumnType::Date => Cell::Date(zone::date(instant, zone)),
            ColumnType::Time => Cell::Instant(instant),
            _ => moment(instant.with_timezone(&zone).naive_local()),
        }),
        _ => get(row, at, |AnyText(text)| Cell::Text(text)),
    }
}

/// A value for a placeholder, in the type that the server wants there.
#[derive(Debug)]
struct Bound<'p> {
    param: &'p Param,
    zone: Tz,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
        match (self.param, kind) {
            (Param::Date(date), &Type::DATE) => date.to_sql(kind, out),
            (Param::Date(date), &Type::TIMESTAMP) => midnight(*date).to_sql(kind, out),
            (Param::Date(date), &Type::TIMESTAMPTZ) => zone::midnight(*date, self.zone).to_sql(kind, out),
            (Param::Date(date), kind) if is_text(kind) => date.to_string().to_sql(&Type::TEXT, out),
            (Param::Moment(_, written), &Type::TIMESTAMP) => written.to_sql(kind, out),
            (Param::Moment(instant, _), &Type::TIMESTAMPTZ) => instant.to_sql(kind, out),
            (Param::Moment(_, written), kind) if is_text(kind) => written.to_string().to_sql(&Type::TEXT, out),
            (Param::Text(text), kind) if is_text(kind) => text.to_sql(&Type::TEXT, out),
            (Param::Integer(integer), &Type::INT2) => i16::try_from(*integer)?.to_sql(kind, out),
            (Param::Integer(integer), &Type::INT4) => i32::try_from(*integer)?.to_sql(kind, out),
            (Param::Integer(integer), &Type::INT8) => integer.to_sql(kind, out),
            (Param::Integer(integer), &Type::FLOAT8) => (*integer as f64).to_sql(kind, out),
            (Param::Double(number), &Type::FLOAT8) => number.to_sql(kind, out),
            (Param::Integer(integer), kind) if is_text(kind) => integer.to_string().to_sql(&Type::TEXT, out),
            (param, kind) => {
                let what = match param {
                    Param::Date(_) => "a date",
                    Param::Moment(..) => "a time",
                    Param::Text(_) => "a text",
                    Param::Integer(_) => "an integer",
                    Param::Double(_) => "a number",
                };
                Err(format!(
                    "{what} is bound where `{}` is wanted; cast it in the query, as `{{{{ session }}}}::date`",
                    kind.name()
                )
                .into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn refusal(access: &Access, asking: &Asking<'_>, error: &tokio_postgres::Error) -> FetchError {
    let help = error.as_db_error().and_then(|error| error.hint());
    asking.error(is_transient(error), &access.hide(&text(error)), help)
}

/// What the server says, and where in the query; or what the driver says, and why.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return match error.detail() {
            Some(detail) => format!("{} ({detail})", error.message()),
            None => error.message().to_owned(),
        };
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// By the classes of PostgreSQL's error codes (appendix A of its manual).
fn is_transient(error: &tokio_postgres::Error) -> bool {
    match error.code().map(|code| code.code()) {
        // Connections, lost races, too little of something, a server that goes down.
        Some(code) => ["08", "40", "53", "57P", "58"].iter().any(|class| code.starts_with(class)),
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

fn address(config: &Config) -> String {
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("PostgreSQL at `{}:{port}`", host.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Source, server};
    use super::*;
    use crate::testing::cells;

    /// Runs SQL on the server that tests may ask.
    fn execute(url: &str, sql: &str) {
        talk(async || {
            let refuse = |error: tokio_postgres::Error| FetchError::Transient { what: text(&error) };
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(refuse)?;
            let driver = tokio::spawn(connection);
            let done = client.batch_execute(sql).await.map_err(refuse);
            driver.abort();
            done
        })
        .unwrap();
    }

    /// A table of its own for a test, and a source that asks for it. `None` where there is no server.
    fn table(name: &str, columns: &str, rows: &str, types: &str) -> Option<(String, Source)> {
        let url = server("ASSETCTL_TEST_POSTGRES")?;
        execute(
            &url,
            &format!("drop table if exists {name}; create table {name}({columns}); insert into {name} values {rows};"),
        );
        let source = Source::new(&format!(
            "postgres: {{ url: \"{url}\", query: \"select * from {name} where d between {{{{ first }}}} and {{{{ last }}}}\" }}\n\
             columns: {{ session: d, instrument: code }}\ntypes: {{ {types} }}\n"
        ));
        Some((url, source))
    }

    #[test]
    fn every_plain_type_is_read() {
        let Some((_, source)) = table(
            "every_type",
            "d date, code text, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(20, 6), big numeric, b bool, t varchar(9), c char(4), at timestamptz, ts timestamp, x json",
            "('2015-01-05', '000001', 1, 2, 3, 0.5, 0.1, 12.345, 0.1, true, '甲', 'a', '2001-08-26 16:30+00', '2001-08-27 09:30', '{}'),
             ('2015-01-06', '000001', null, null, null, 'NaN', null, 'NaN', null, null, null, null, null, null, null)",
            "i2: number, i4: number, i8: text, f4: number, f8: number, n: number, big: text, b: bool, t: text, c: text, at: date, ts: date",
        ) else {
            return;
        };
        let delivery = source.fetch(&["2015-01-05", "2015-01-06"]).unwrap();
        let frame = &delivery.frame;
        for (name, first) in [
            ("session", "2015-01-05"),
            ("instrument", "000001"),
            ("i2", "1.0"),
            ("i4", "2.0"),
            ("i8", "3"),
            ("f4", "0.5"),
            ("f8", "0.1"),
            ("n", "12.345"),
            ("big", "0.1"),
            ("b", "true"),
            ("t", "甲"),
            ("c", "a"),
            // Half past midnight in Shanghai.
            ("at", "2001-08-27"),
            ("ts", "2001-08-27"),
        ] {
            let values = cells(frame, name);
            assert_eq!(values[0], first, "{name}");
            assert!(["session", "instrument"].contains(&name) || values[1] == "null", "{name}: {values:?}");
        }
        assert!(delivery.notes[0].contains("`x`"), "{:?}", delivery.notes);
    }

    #[test]
    fn sessions_and_instruments_are_bound_in_the_types_that_are_wanted() {
        let Some((_, source)) = table(
            "bound",
            "d date, code text, close float8, ymd int4, txt text, at timestamptz",
            "('2015-01-05', 'a', 1, 20150105, '20150105', '2015-01-05 09:30+08'), ('2015-01-06', 'a', 2, 20150106, '20150106', '2015-01-06 09:30+08'),
             ('2015-01-06', 'it''s', 3, 20150106, '20150106', '2015-01-06 09:30+08')",
            "close: number",
        ) else {
            return;
        };
        let range = "d between {{ first }} and {{ last }}";
        for condition in [
            "d = {{ session }}",
            "ymd = {{ session | date('%Y%m%d') | int }}",
            "txt = {{ session | date('%Y%m%d') }}",
            "at >= {{ session }} and at < {{ session }}::timestamptz + interval '1 day'",
            "at::date = {{ session }}::date",
        ] {
            let source = source.with(range, condition);
            assert_eq!(
                cells(&source.fetch(&["2015-01-05", "2015-01-06"]).unwrap().frame, "close"),
                ["1.0", "2.0", "3.0"],
                "{condition}"
            );
        }
        let of = source.with(range, "d between {{ first }} and {{ last }} and code in ({{ instruments }})");
        let hostile = "x'; drop table bound; --";
        assert_eq!(cells(&of.fetch_of(&["2015-01-06"], &["it's", hostile]).unwrap().frame, "close"), ["3.0"]);
        let wrong = source.with(range, "ymd = {{ session }}").fetch(&["2015-01-05"]).unwrap_err().to_string();
        assert!(wrong.contains("a date is bound where `int4` is wanted"), "{wrong}");
    }

    #[test]
    fn refusals_name_the_asset_and_nothing_secret() {
        let Some((url, source)) = table(
            "refused",
            "d date, code text, close text, xs int4[]",
            "('2015-01-05', 'a', 'n.a.', '{1}')",
            "close: number",
        ) else {
            return;
        };
        let refused = |source: &Source| source.fetch(&["2015-01-05"]).unwrap_err().to_string();
        let text = refused(&source);
        assert!(text.contains("query of `bars`, row 1: `n.a.` is not a number in column `close`"), "{text}");
        let text = refused(&source.with("close: number", "xs: number"));
        assert!(text.contains("column `xs` is of type `_int4`") && text.contains("`xs::text as xs`"), "{text}");
        let text = refused(&source.with("from refused", "from refusd"));
        assert!(text.contains("query of `bars`: relation \"refusd\" does not exist"), "{text}");
        let text = refused(
            &source
                .with("select *", "with gone as (delete from refused returning *) select *")
                .with("from refused where", "from gone where"),
        );
        assert!(text.contains("read-only transaction"), "{text}");
        let text = refused(&source.with(":swordfish@", ":wrong@"));
        assert!(text.contains("password authentication failed") && !text.contains("wrong"), "{text}");
        let nobody = url.replace(url.rsplit_once(':').unwrap().1, "1/postgres");
        let text = refused(&source.with(&url, &nobody));
        assert!(
            text.contains("does not let in") && text.contains("tried 3 times") && !text.contains("swordfish"),
            "{text}"
        );
    }

    #[test]
    fn a_query_ends_when_it_is_cancelled_or_takes_too_long() {
        let Some((_, source)) =
            table("slow", "d date, code text, close float8", "('2015-01-05', 'a', 1)", "close: number")
        else {
            return;
        };
        let slow = source.with("where d", "where pg_sleep(60) is not null and d");
        assert_eq!(slow.cancelled(&["2015-01-05"]).unwrap_err(), FetchError::Cancelled);
        let text = slow.with("query:", "timeout: 1s, query:").fetch(&["2015-01-05"]).unwrap_err().to_string();
        assert!(text.contains("no answer within 1 s"), "{text}");
    }
}
