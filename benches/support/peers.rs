//! The Python that peers run in.

use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Debug)]
pub struct Peer {
    pub python: PathBuf,
    /// The first package and its version.
    pub name: String,
}

/// `$PYTHON`, or else `python3`, if it has all of `packages`: (package, module). Says on standard error what is left out where it
/// has not.
pub fn find(packages: &[(&str, &str)]) -> Option<Peer> {
    let python = std::env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let (names, modules): (Vec<&str>, Vec<&str>) = packages.iter().copied().unzip();
    let package = names.first()?;
    let code = format!(
        "import {}; from importlib.metadata import version; print('{package}', version('{package}'))",
        modules.join(", ")
    );
    match Command::new(&python).args(["-c", &code]).output() {
        Ok(output) if output.status.success() => {
            Some(Peer { python, name: String::from_utf8_lossy(&output.stdout).trim().to_owned() })
        }
        _ => {
            let (python, names) = (python.display(), names.join(" "));
            eprintln!("left out: {package}; `{python}` needs `pip install {names}`, or name another Python in $PYTHON");
            None
        }
    }
}

/// A script beside the benchmarks.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}
