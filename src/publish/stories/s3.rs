//! A store that speaks S3's protocol.

use assetctl_config::{FileForm, S3Sink, Sink as Spec, Storage};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

use crate::objects::open_bucket;
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, removal, server};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_objects_below_the_prefix() {
    let Some(endpoint) = server("ASSETCTL_TEST_S3") else { return };
    assetctl_connect::choose_crypto();
    let bucket = name_of("objects").replace('_', "-");
    let client = reqwest::Client::new();
    client.put(format!("{endpoint}/{bucket}")).send().await.unwrap().error_for_status().unwrap();
    let storage = Storage {
        endpoint: Some(endpoint.clone()),
        access_key: Some(at("tester")),
        secret_key: Some(at("swordfish")),
        ..Storage::default()
    };
    let spec = S3Sink { path: format!("s3://{bucket}/desk/"), storage: Some(storage), format: FileForm::Csv };
    let sink = declared(Spec { s3: Some(spec.clone()), ..Spec::default() });
    let mut opened = open_bucket(&sink, &spec).unwrap();
    opened.write(&batch("scores", &[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)])).await.unwrap();
    opened.write(&removal("scores", &["2015-07-02"])).await.unwrap();
    let store = assetctl_connect::bucket(&sink.base, spec.storage.as_ref(), &bucket).unwrap();
    let get = async |key: &str| Ok::<_, object_store::Error>(store.get(&Key::from(key)).await?.bytes().await?);
    let first = String::from_utf8(get("desk/scores/2015-07-01.csv").await.unwrap().to_vec()).unwrap();
    assert_eq!(first.lines().nth(3), Some("2015-07-01,i002,0.25"));
    assert!(get("desk/scores/2015-07-02.csv").await.is_err());
    let manifest: serde_json::Value = serde_json::from_slice(&get("desk/scores/manifest.json").await.unwrap()).unwrap();
    assert_eq!(manifest["sessions"].as_object().unwrap().keys().collect::<Vec<_>>(), ["2015-07-01"]);
    let none = S3Sink { path: "s3://nowhere-at-all/desk".to_owned(), ..spec };
    let refused =
        open_bucket(&sink, &none).unwrap().write(&batch("scores", &[("2015-07-01", 1, 1)])).await.unwrap_err();
    assert!(refused.what.contains("cannot be"), "{refused}");
}
