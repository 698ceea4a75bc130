//! Configurations: every mistake with its message, and what is valid.
//!
//! One file of `tests/fixtures/config/invalid` is one mistake, named by the file's first line; what the program says of it is a
//! snapshot of the same name. After a deliberate change: `INSTA_UPDATE=always cargo test --test it config`, then read them all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    repository().join("tests/fixtures/config")
}

/// The names of the fixtures of a folder, without extension.
fn fixtures(kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(kind)).unwrap();
    let paths =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "yaml"));
    let mut names: Vec<String> = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// `assetctl validate` of a fixture, where nothing of this machine can be seen in the answer.
fn validate(fixture: &str, more: &[&str]) -> Output {
    validate_in(&folder(), fixture, more)
}

fn validate_in(folder: &Path, project: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assetctl"))
        .current_dir(folder)
        .env_clear()
        // Windows finds system libraries by it.
        .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)))
        .args(["--project", project, "--color", "never", "--now", "2018-06-01T00:00:00Z", "validate"])
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n")
}

#[test]
fn every_mistake_is_told_as_its_snapshot_says() {
    let names = fixtures("invalid");
    assert!(names.len() >= 100, "only {} fixtures", names.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots/config");
    // Paths as Windows writes them.
    settings.add_filter(r"(?m)(invalid|parts|data|\.\.)\\", "$1/");
    settings.bind(|| {
        for name in &names {
            let output = validate(&format!("invalid/{name}.yaml"), &[]);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{name}: {said}");
            assert_eq!(text(&output.stdout), "", "{name}: results only on standard output");
            assert!(!said.contains('\u{1b}'), "{name}: coloured in spite of `--color never`");
            insta::assert_snapshot!(name.as_str(), said);
        }
    });
}

/// A snapshot whose fixture is gone checks nothing.
#[test]
fn every_snapshot_has_its_fixture() {
    let folder = repository().join("tests/it/snapshots/config");
    let snapshots: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .filter_map(|name| name.strip_suffix(".snap").map(str::to_owned))
        .collect();
    let fixtures: BTreeSet<String> = fixtures("invalid").into_iter().collect();
    let alone: Vec<&String> = snapshots.symmetric_difference(&fixtures).collect();
    assert!(alone.is_empty(), "snapshots without fixture, or fixtures without snapshot: {alone:?}");
}

#[test]
fn what_is_valid_is_accepted_without_a_word_of_warning() {
    let names = fixtures("valid");
    assert!(names.len() >= 10, "only {} fixtures", names.len());
    for name in names {
        let output = validate(&format!("valid/{name}.yaml"), &[]);
        let (said, result) = (text(&output.stderr), text(&output.stdout));
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{name}");
        assert!(result.trim_end().ends_with("valid"), "{name}: {result}");
    }
}

/// A byte order mark and Windows line ends move no place and change no word.
#[test]
fn as_windows_saves_it_a_file_has_the_same_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("invalid")).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    for data in ["bars.csv", "listing.csv"] {
        std::fs::copy(self::folder().join("data").join(data), folder.path().join("data").join(data)).unwrap();
    }
    for name in ["many_mistakes", "graph_two_lines", "graph_sql_unknown_asset", "yaml_tab", "undefined_variable"] {
        let path = format!("invalid/{name}.yaml");
        let unix = std::fs::read_to_string(self::folder().join(&path)).unwrap().replace("\r\n", "\n");
        std::fs::write(folder.path().join(&path), format!("\u{feff}{}", unix.replace('\n', "\r\n"))).unwrap();
        let (here, there) = (validate(&path, &[]), validate_in(folder.path(), &path, &[]));
        assert_eq!(text(&here.stderr), text(&there.stderr), "{name}");
    }
}

/// What programs read says the same as what people read: as many mistakes, at the same places, with the same words.
#[test]
fn as_json_the_same_mistakes_have_the_same_places() {
    for name in ["many_mistakes", "mistakes_of_files_and_graph", "graph_cycle", "include_twice_declared", "yaml_bom"] {
        let path = format!("invalid/{name}.yaml");
        let human = text(&validate(&path, &[]).stderr);
        let output = validate(&path, &["--format", "json"]);
        assert_eq!(output.status.code(), Some(3), "{name}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["valid"], false, "{name}");
        let diagnostics = found["diagnostics"].as_array().unwrap();
        assert_eq!(diagnostics.len(), human.matches("error: ").count(), "{name}");
        for one in diagnostics {
            let file = Path::new(one["file"].as_str().unwrap()).display();
            let place = format!("--> {file}:{}:{}\n", one["line"], one["column"]);
            assert!(human.contains(&place), "{name}: {place} is not in\n{human}");
            let words = format!("error: {}\n", one["message"].as_str().unwrap());
            assert!(human.contains(&words), "{name}: {words} is not in\n{human}");
            for help in one["help"].as_array().unwrap() {
                assert!(human.contains(&format!("help: {}\n", help.as_str().unwrap())), "{name}: {help}");
            }
        }
    }
}

#[test]
fn as_json_what_is_valid_says_so() {
    let output = validate("valid/stages.yaml", &["--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["valid"], &found["assets"], &found["diagnostics"]),
        (&true.into(), &6.into(), &Value::Array(vec![]))
    );
}

#[test]
fn the_committed_schema_is_the_one_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_assetctl")).arg("schema").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let committed = std::fs::read(repository().join("assets.schema.json")).unwrap();
    assert!(
        text(&output.stdout) == text(&committed),
        "assets.schema.json is out of date: write it anew by `assetctl schema > assets.schema.json`"
    );
}
