//! Objects of a store that speaks S3's protocol: a real server, where there is one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Project, STAGES, assert_same, date, files_below, server};

/// A request without a body of interest in its answer.
fn request(endpoint: &str, method: &str, path: &str, body: &[u8]) {
    let host = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
}

/// The slice of bars as one object for each month.
fn put_months(endpoint: &str, project: &Project) {
    let csv = project.bars().csv();
    let (header, rows) = csv.split_once('\n').unwrap();
    let mut months = std::collections::BTreeMap::<String, String>::new();
    for row in rows.lines() {
        let month = row.split(',').nth(1).unwrap()[..7].to_owned();
        let text = months.entry(month).or_insert_with(|| format!("{header}\n"));
        text.push_str(row);
        text.push('\n');
    }
    for (month, text) in months {
        request(endpoint, "PUT", &format!("/stories/bars/{month}.csv"), text.as_bytes());
    }
}

#[test]
fn bars_of_an_object_store() {
    let Some(endpoint) = server("ASSETCTL_TEST_S3") else { return };
    let mut project = Project::new();
    project.materialize();
    let contents = project.contents();
    request(&endpoint, "PUT", "/stories", b"");
    put_months(&endpoint, &project);
    std::fs::remove_file(project.path("data/source/bars/bars.csv")).unwrap();
    project.yaml(&STAGES.replace(
        "csv: data/source/bars/*.csv\n",
        &format!(
            "csv: s3://stories/bars/*.csv\n    storage: {{ endpoint: \"{endpoint}\", access_key: {{ file: key }}, secret_key: {{ file: key }} }}\n"
        ),
    ));
    project.run(&["plan"]).exits(3).says(&["cannot read the secret in `key`", "storage"]);
    project.write("key", "tester\n");

    // The same rows from elsewhere.
    project.materialize().assert_nothing();
    assert_same(&project.contents(), &contents);
    assert_eq!(files_below(&project.path("data/cache/raw_bars/stories")).len(), 7);

    project.edit_close("sh.600028", "2015-03-04", 6.11);
    put_months(&endpoint, &project);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("raw_bars"), [date("2015-03-04")]);
    project.materialize().assert_nothing();

    // Without the store nothing is lost, and what needs no objects goes on.
    project.edit_yaml(&endpoint, "http://127.0.0.1:1");
    let away = project.run(&["plan"]).exits(5);
    away.says(&["the object store `http://127.0.0.1:1` does not answer", "what is materialized stays"]);
    assert_eq!(project.rows("select count(*) as n from raw_bars").len(), 1);
    project.run(&["validate"]).ok();
}
