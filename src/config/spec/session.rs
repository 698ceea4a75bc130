//! Where the session of a row stands if not in a column.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The session of all rows of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionFrom {
    /// The file's name, with the date in it as `strftime` writes it: `bars_%Y%m%d.csv`, `%Y/%m/%d.csv`; `*` stands for anything.
    pub file_name: String,
}
