//! The Python that peers run in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `$PYTHON`, or else `python3`, if it has all of `modules`. Says on standard error what is left out where it has not.
pub fn python(modules: &[&str], packages: &str) -> Option<PathBuf> {
    let python = std::env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let imports = format!("import {}", modules.join(", "));
    let found = Command::new(&python).args(["-c", &imports]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!(
        "left out: {packages} (`{}` has no {}; install {packages} with pip, or name a Python that has it in $PYTHON)",
        python.display(),
        modules.join(", ")
    );
    None
}

/// A script beside the benchmarks.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}
