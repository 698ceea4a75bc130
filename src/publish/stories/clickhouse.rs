//! ClickHouse.

use assetctl_config::{ClickhouseSink, Sink as Spec};

use crate::batch::SinkBatch;
use crate::cells::tests::every_type;
use crate::clickhouse::{Clickhouse, open};
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, of_frame, removal, server};

async fn there() -> Option<Clickhouse> {
    assetctl_connect::choose_crypto();
    let url = url::Url::parse(&server("ASSETCTL_TEST_CLICKHOUSE")?).unwrap();
    let (user, password) = (url.username().to_owned(), url.password().map(str::to_owned));
    let mut bare = url.clone();
    bare.set_username("").unwrap();
    bare.set_password(None).unwrap();
    let spec = ClickhouseSink {
        url: at(bare.as_str()),
        user: Some(at(&user)),
        password: password.as_deref().map(at),
        database: None,
    };
    let sink = declared(Spec { clickhouse: Some(spec.clone()), ..Spec::default() });
    Some(open(&sink, &spec).await.unwrap())
}

async fn lines(sink: &Clickhouse, query: &str) -> Vec<String> {
    sink.ask(query).await.unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_a_session_is_read_whatever_is_written_again() {
    let Some(mut sink) = there().await else { return };
    let table = name_of("once");
    let of = |sessions: &[(&str, u64, usize)]| SinkBatch { target: table.clone(), ..batch("scores", sessions) };
    let first = of(&[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)]);
    sink.write(&first).await.unwrap();
    let rows = format!("SELECT * FROM {table}_current ORDER BY session, instrument");
    let all = [
        "2015-07-01\ti000\t0",
        "2015-07-01\ti001\t\\N",
        "2015-07-01\ti002\t0.25",
        "2015-07-02\ti000\t1",
        "2015-07-02\ti001\t\\N",
    ];
    assert_eq!(lines(&sink, &rows).await, all);
    sink.write(&first).await.unwrap();
    let count = format!("SELECT count() FROM {table}");
    assert_eq!(lines(&sink, &count).await, ["5"]);
    sink.write(&SinkBatch { again: true, ..first.clone() }).await.unwrap();
    assert_eq!(lines(&sink, &rows).await, all);
    // Interrupted after its rows went in, and before that was noted: the same once more.
    let forget = format!(
        "INSERT INTO assetctl_published SELECT target, asset, session, revision, content, 0, seq + 1 FROM assetctl_published FINAL WHERE target = '{table}'"
    );
    sink.ask(&forget).await.unwrap();
    sink.write(&first).await.unwrap();
    assert_eq!(lines(&sink, &rows).await, all);
    // A correction has fewer rows, and a lower revision: the store was made anew.
    sink.write(&of(&[("2015-07-01", 0, 1)])).await.unwrap();
    assert_eq!(lines(&sink, &rows).await, ["2015-07-01\ti000\t0", all[3], all[4]]);
    sink.write(&SinkBatch { target: table.clone(), ..removal("scores", &["2015-07-02"]) }).await.unwrap();
    assert_eq!(lines(&sink, &rows).await, ["2015-07-01\ti000\t0"]);
    sink.ask(&format!("OPTIMIZE TABLE {table} FINAL")).await.unwrap();
    assert_eq!(lines(&sink, &rows).await, ["2015-07-01\ti000\t0"]);
    // What went comes again.
    sink.write(&of(&[("2015-07-02", 2, 2)])).await.unwrap();
    assert_eq!(lines(&sink, &rows).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_reads_back_as_it_was_or_is_refused() {
    let Some(mut sink) = there().await else { return };
    let table = name_of("types");
    let all = SinkBatch { target: table.clone(), ..of_frame("kinds", &[("2015-07-01", 1, 2)], every_type()) };
    if sink.version() < (21, 9) {
        let refused = sink.write(&all).await.unwrap_err().to_string();
        assert!(refused.contains("column `listed` has 1900-01-01, which no `Date` of this server holds"), "{refused}");
        return;
    }
    sink.write(&all).await.unwrap();
    let rows = format!("SELECT number, tiny, text, flag, listed, at FROM {table}_current ORDER BY instrument");
    assert_eq!(
        lines(&sink, &rows).await,
        [
            "\\N\t-1.7976931348623157e308\t\\N\t\\N\t\\N\t\\N",
            "0.30000000000000004\t5e-324\t\t1\t1900-01-01\t2015-07-01 09:30:00.000001"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_fit_is_left_as_it_is() {
    let Some(mut sink) = there().await else { return };
    let table = name_of("fit");
    let scores = SinkBatch { target: table.clone(), ..batch("scores", &[("2015-07-01", 1, 1)]) };
    for (columns, said) in [
        ("session Date, instrument String, score Float64", "has no column `_revision`"),
        (
            "session Date, instrument String, score Float32, _revision UInt64, _deleted UInt8",
            "is of type `Float32`, and the asset's is a number",
        ),
        ("session Date, instrument String, _revision UInt64, _deleted UInt8", "ADD COLUMN `score` Nullable(Float64)"),
    ] {
        sink.ask(&format!("DROP TABLE IF EXISTS {table}")).await.unwrap();
        sink.ask(&format!("CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY session")).await.unwrap();
        let error = sink.write(&scores).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
