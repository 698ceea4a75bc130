//! The copies of objects, against a server that speaks as much of S3's protocol as they need, and against a real one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use assetctl_config::{Secret, SecretFrom, Storage};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use object_store::ObjectStoreExt;

use super::*;
use crate::database::test_server;
use crate::testing::{Folder, cells, read_all};
use crate::{FileState, KnownFile, scan};

/// What the fake holds, and what it was asked.
#[derive(Default)]
struct Held {
    /// By key: bytes and version.
    objects: BTreeMap<String, (Vec<u8>, u32)>,
    asked: Vec<String>,
    /// Requests that are answered with this first.
    faults: Vec<StatusCode>,
}

#[derive(Clone)]
struct Fake {
    held: Arc<Mutex<Held>>,
    endpoint: String,
}

impl Fake {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { held: Arc::default(), endpoint };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        fake
    }

    fn put(&self, key: &str, text: &str) {
        let mut held = self.held.lock().unwrap();
        let version = held.objects.get(key).map_or(1, |(_, version)| version + 1);
        held.objects.insert(key.to_owned(), (text.as_bytes().to_vec(), version));
    }

    fn remove(&self, key: &str) {
        self.held.lock().unwrap().objects.remove(key);
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.held.lock().unwrap().asked)
    }

    fn fail(&self, faults: &[StatusCode]) {
        self.held.lock().unwrap().faults = faults.to_vec();
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response<Body> {
    let mut held = fake.held.lock().unwrap();
    let path = request.uri().path().to_owned();
    held.asked.push(format!("{} {path}", request.method()));
    let plain = |status: StatusCode, text: String| Response::builder().status(status).body(Body::from(text)).unwrap();
    if !held.faults.is_empty() {
        let fault = held.faults.remove(0);
        return plain(fault, "<Error><Code>Fault</Code><Message>as planned</Message></Error>".to_owned());
    }
    let Some(path) = path.strip_prefix("/market") else {
        return plain(StatusCode::NOT_FOUND, "<Error><Code>NoSuchBucket</Code></Error>".to_owned());
    };
    match path.strip_prefix('/').filter(|key| !key.is_empty()) {
        None => {
            let query = request.uri().query().unwrap_or_default();
            let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
            let prefix = prefix.replace("%2F", "/");
            let contents: String = held
                .objects
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix))
                .map(|(key, (bytes, version))| {
                    format!(
                        "<Contents><Key>{key}</Key><LastModified>2024-03-15T08:00:00.000Z</LastModified><ETag>&quot;v{version}&quot;</ETag><Size>{}</Size></Contents>",
                        bytes.len()
                    )
                })
                .collect();
            plain(
                StatusCode::OK,
                format!(
                    "<ListBucketResult><Name>market</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
                ),
            )
        }
        Some(key) => match held.objects.get(key) {
            None => plain(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
            Some((bytes, version)) => {
                let etag = format!("\"v{version}\"");
                let wanted = request.headers().get("if-match").map(|wanted| wanted.to_str().unwrap().to_owned());
                if wanted.is_some_and(|wanted| wanted != etag) {
                    return plain(StatusCode::PRECONDITION_FAILED, String::new());
                }
                Response::builder()
                    .header("etag", etag)
                    .header("last-modified", "Fri, 15 Mar 2024 08:00:00 GMT")
                    .header("content-length", bytes.len())
                    .body(Body::from(bytes.clone()))
                    .unwrap()
            }
        },
    }
}

const HEAD: &str = "session,instrument,close\n";

fn folder(endpoint: &str) -> Folder {
    let mut folder = Folder::new();
    folder.csv(&["s3://market/bars/*.csv"]);
    folder.files.storage = Some(Storage { endpoint: Some(endpoint.to_owned()), ..Storage::default() });
    folder.copies = Some(folder.path("cache/bars"));
    folder
}

fn market() -> (Fake, Folder) {
    let fake = Fake::start();
    for (day, close) in [("05", 1), ("06", 2), ("07", 3)] {
        fake.put(&format!("bars/{day}.csv"), &format!("{HEAD}2015-01-{day},a,{close}\n"));
    }
    fake.put("bars/readme.txt", "not bars");
    fake.put("bars/old/04.csv", "not these");
    let folder = folder(&fake.endpoint);
    (fake, folder)
}

fn refreshed(folder: &Folder) -> (usize, usize, usize) {
    let done = refresh(&folder.source()).unwrap();
    (done.listed, done.fetched, done.removed)
}

fn states(folder: &Folder, known: &[KnownFile]) -> (Vec<FileState>, Vec<KnownFile>) {
    let scan = scan(&folder.source(), known).unwrap();
    scan.files.into_iter().map(|file| (file.state, file.known)).unzip()
}

#[test]
fn only_objects_that_changed_are_fetched() {
    let (fake, folder) = market();
    assert_eq!(refreshed(&folder), (3, 3, 0));
    assert_eq!(fake.asked().len(), 4);
    let (first, known) = states(&folder, &[]);
    assert_eq!(first, [FileState::New; 3]);
    assert_eq!(known[0].path, "s3://market/bars/05.csv");
    assert_eq!(cells(&read_all(&folder), "close"), ["1.0", "2.0", "3.0"]);

    assert_eq!(refreshed(&folder), (3, 0, 0));
    assert_eq!(fake.asked(), ["GET /market"], "a listing and nothing else");
    assert_eq!(states(&folder, &known).0, [FileState::Unchanged; 3]);

    // Of the same size and the same second: only the mark of its content differs.
    fake.put("bars/06.csv", &format!("{HEAD}2015-01-06,a,9\n"));
    assert_eq!(refreshed(&folder), (3, 1, 0));
    assert_eq!(fake.asked(), ["GET /market", "GET /market/bars/06.csv"]);
    use FileState::{Changed, Unchanged};
    assert_eq!(states(&folder, &known).0, [Unchanged, Changed, Unchanged]);
    assert_eq!(cells(&read_all(&folder), "close"), ["1.0", "9.0", "3.0"]);

    fake.remove("bars/07.csv");
    assert_eq!(refreshed(&folder), (2, 0, 1));
    let later = scan(&folder.source(), &known).unwrap();
    assert_eq!(later.removed[0].path, "s3://market/bars/07.csv");

    // Copies may be deleted at any time.
    std::fs::remove_dir_all(folder.path("cache")).unwrap();
    assert_eq!(refreshed(&folder), (2, 2, 0));
    assert_eq!(states(&folder, &known).0, [Unchanged, Changed]);
}

#[test]
fn columns_are_known_without_asking_once_there_are_copies() {
    let (fake, folder) = market();
    let names = |folder: &Folder| crate::schema(&folder.source()).map(|columns| columns.len());
    assert_eq!(names(&folder).unwrap(), 3);
    fake.asked();
    assert_eq!(names(&folder).unwrap(), 3);
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn a_store_that_fails_is_asked_again_and_one_that_is_away_changes_nothing() {
    let (fake, mut folder) = market();
    fake.fail(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR]);
    assert_eq!(refreshed(&folder), (3, 3, 0));
    let before = read_all(&folder);

    let error = |folder: &Folder| refresh(&folder.source()).unwrap_err().problems.remove(0);
    fake.fail(&[StatusCode::FORBIDDEN]);
    assert!(error(&folder).message.contains("does not let us read `market`"), "{}", error(&folder).message);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    folder.files.storage = Some(Storage { endpoint: Some(format!("http://{nobody}")), ..Storage::default() });
    let away = error(&folder);
    assert!(away.message.contains("does not answer"), "{}", away.message);
    assert!(away.help.unwrap().contains("what is materialized stays"));
    assert!(read_all(&folder).equals_missing(&before));
}

#[test]
fn paths_without_objects_say_what_there_is() {
    let (_fake, mut folder) = market();
    let error = |folder: &Folder| refresh(&folder.source()).unwrap_err().problems.remove(0);
    folder.csv(&["s3://market/bars/*.parquet"]);
    let problem = error(&folder);
    assert_eq!(problem.message, "no object matches `s3://market/bars/*.parquet`");
    assert!(problem.help.unwrap().contains("`bars/05.csv`"));
    folder.csv(&["s3://elsewhere/bars/*.csv"]);
    assert!(error(&folder).message.contains("there is no bucket `elsewhere`"));
    let from = |name: &str| Secret::From(SecretFrom { file: Some(name.to_owned()), env: None });
    folder.csv(&["s3://market/bars/*.csv"]);
    folder.files.storage = Some(Storage {
        access_key: Some(from("none.txt")),
        secret_key: Some(from("none.txt")),
        ..folder.files.storage.clone().unwrap()
    });
    let problem = error(&folder);
    assert!(problem.message.contains("cannot read the secret in `none.txt`"), "{}", problem.message);
    assert_eq!(problem.declared, ["storage", "access_key"]);
}

#[test]
fn a_real_server_is_read() {
    let Some(endpoint) = test_server("ASSETCTL_TEST_S3") else { return };
    let mut folder = folder(&endpoint);
    folder.write("key", "tester\n");
    folder.write("secret", "swordfish\n");
    let from = |name: &str| Some(Secret::From(SecretFrom { file: Some(name.to_owned()), env: None }));
    folder.files.storage =
        Some(Storage { access_key: from("key"), secret_key: from("secret"), ..folder.files.storage.clone().unwrap() });
    let url = format!("{endpoint}/connect-test");
    folder.csv(&["s3://connect-test/bars/*.csv.gz"]);
    let source = folder.source();
    let store = client::open(&source, "connect-test").unwrap();
    let put = |key: &'static str, text: String| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        let key = object_store::path::Path::from(key);
        crate::blocking::block_on(async || store.put(&key, bytes.into()).await).unwrap().unwrap();
    };
    // The builder of a bucket is no part of object stores' common protocol.
    crate::blocking::block_on(async || reqwest::Client::new().put(&url).send().await).unwrap().unwrap();
    put("bars/a 甲.csv.gz", format!("{HEAD}2015-01-05,a,1\n"));
    put("bars/b.csv.gz", format!("{HEAD}2015-01-06,a,2\n"));
    let count = |folder: &Folder| refresh(&folder.source()).unwrap().fetched;
    assert_eq!(count(&folder), 2);
    let (_, known) = states(&folder, &[]);
    assert_eq!(cells(&read_all(&folder), "close"), ["1.0", "2.0"]);
    assert_eq!(count(&folder), 0);
    put("bars/b.csv.gz", format!("{HEAD}2015-01-06,a,3\n"));
    assert_eq!(count(&folder), 1);
    assert_eq!(states(&folder, &known).0, [FileState::Unchanged, FileState::Changed]);
    assert_eq!(cells(&read_all(&folder), "close"), ["1.0", "3.0"]);
}
