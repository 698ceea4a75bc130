//! Lets what links libduckdb find it when it runs: by rpath, beside the binary (as it is shipped) and where the library
//! was linked from (as it is developed). The packages whose tests link it share this script.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment")]

use std::path::PathBuf;
use std::{env, process};

fn main() {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let (library, beside) = match os.as_str() {
        "windows" => ("duckdb.dll", None),
        "macos" => ("libduckdb.dylib", Some("@executable_path")),
        _ => ("libduckdb.so", Some("$ORIGIN")),
    };
    let folder = env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from);
    let found = folder.filter(|f| f.join(library).is_file());
    // The feature belongs to the root package, so that one alone can know that a missing library is a mistake.
    let bundled = env::var_os("CARGO_FEATURE_BUNDLED").is_some();
    if found.is_none() && !bundled && env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "assetctl") {
        println!(
            "cargo::error={library} is not in the folder that DUCKDB_LIB_DIR names ({}): run `make setup`, which fetches it, \
             or build DuckDB from source with `cargo build --features bundled` (about an hour on two cores)",
            env::var("DUCKDB_LIB_DIR").unwrap_or_else(|_| "not set".into()),
        );
        process::exit(1);
    }
    if let Some(folder) = &found {
        println!("cargo::rerun-if-changed={}", folder.join(library).display());
    }
    for folder in [beside.map(PathBuf::from), beside.and(found)].into_iter().flatten() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
