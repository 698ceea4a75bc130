//! What the packages of this repository hold to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Whose tests link libduckdb must tell the linker where it is: a developer's environment may hide that, a new machine's does not.
#[test]
fn packages_that_link_libduckdb_say_where_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let folder = entry.unwrap().path();
        if let Ok(text) = fs::read_to_string(folder.join("Cargo.toml")) {
            packages.insert(format!("assetctl-{}", folder.file_name().unwrap().to_str().unwrap()), text);
        }
    }
    assert!(packages.len() > 10, "{:?}", packages.keys());
    let depends = |text: &str, on: &str| text.lines().any(|line| line == format!("{on}.workspace = true"));
    let mut linking: BTreeSet<&str> = BTreeSet::from(["duckdb"]);
    while let Some((name, _)) = packages
        .iter()
        .find(|(name, text)| !linking.contains(name.as_str()) && linking.iter().any(|on| depends(text, on)))
    {
        linking.insert(name);
    }
    assert!(linking.contains("assetctl-daemon") && !linking.contains("assetctl-plan"), "{linking:?}");
    for (name, text) in packages.iter().filter(|(name, _)| linking.contains(name.as_str())) {
        assert!(text.contains("build = \"../../build.rs\""), "{name} links libduckdb: `build = \"../../build.rs\"`");
    }
}
