//! In which language a column's expression is written.

/// The language of one column's expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// `close / ref(close, 5)`
    #[default]
    Native,
    /// Qlib's own expression strings: `$close/Ref($close, 5)`. With `compat`, its defects too, as far as they are functions of the
    /// data.
    Qlib { compat: bool },
    /// As `Qlib`, but names mean columns of the first input alone: what built-in feature sets are written in.
    Feature { compat: bool },
}
