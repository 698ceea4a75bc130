//! A mistake in an expression, and where it stands.

use std::ops::Range;

/// A mistake in the expression of one column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Index into the columns given to [`compile()`](crate::compile()).
    pub column: usize,
    /// Bytes of the column's text, on character boundaries. Empty at the end of the text where something is missing.
    pub span: Range<usize>,
    /// What is wrong: a lower-case fragment, names in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A mistake in an expression whose column is known from the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Mistake {
        Mistake { span, message: message.into(), help: None }
    }

    pub fn help(self, help: impl Into<String>) -> Mistake {
        Mistake { help: Some(help.into()), ..self }
    }

    pub fn maybe_help(self, help: Option<String>) -> Mistake {
        Mistake { help, ..self }
    }

    pub fn in_column(self, column: usize) -> ExprError {
        ExprError { column, span: self.span, message: self.message, help: self.help }
    }
}
