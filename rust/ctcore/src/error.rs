//! What can be wrong with an input. Everything else is a bug.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an input could not be used. The text names the argument, shows the value and says what
/// would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument is of the wrong value: out of range, contradictory, not finite.
    #[error("{name}: {message}")]
    Argument {
        /// The argument, as the caller wrote it.
        name: &'static str,
        /// What it is and what it should be.
        message: String,
    },
    /// A column is of a type that the operation does not understand.
    #[error("{name}: {message}")]
    Type {
        /// The argument or column.
        name: String,
        /// The type it has and the types it may have.
        message: String,
    },
    /// Arrow refused the data: an invalid buffer, a failed read of a stream.
    #[error("the Arrow data cannot be read: {0}")]
    Arrow(String),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Argument`] for the argument `name`.
    pub fn argument(name: &'static str, message: impl Into<String>) -> Self {
        Self::Argument {
            name,
            message: message.into(),
        }
    }
}

impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}
