//! The log of a run: its events, one JSON object a line.

use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::error::ReadError;

/// What lies at most in one look, so that a long log does not have to fit in memory.
const MOST: u64 = 4 << 20;

/// The whole lines that came since `from`, which moves behind them.
pub fn more_lines(path: &Path, from: &mut u64) -> Result<Vec<String>, ReadError> {
    let failed = || ReadError::other(format!("reading `{}`", path.display()));
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    file.seek(SeekFrom::Start(*from)).map_err(failed())?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).map_err(failed())?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    *from += whole as u64;
    Ok(String::from_utf8_lossy(&bytes[..whole]).lines().map(str::to_owned).collect())
}
