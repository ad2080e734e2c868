//! What may be wrong with a price document.

use agentos_domain::Classified;

/// Why a document is no table of prices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is not of the form that is read.
    #[error("the price document cannot be read: {reason}")]
    Form {
        /// What is wrong, with the entry (counted from 1), the line and the column.
        reason: String,
    },
    /// A field of an entry cannot be meant.
    #[error("prices of {entry}: {field}: {reason}")]
    Field {
        /// Provider, model and day, as they were written.
        entry: String,
        /// The field, such as `tiers[0].usd_per_million.input`.
        field: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
}

impl Classified for PriceError {
    fn code(&self) -> &'static str {
        "invalid_prices"
    }

    fn is_retryable(&self) -> bool {
        false
    }
}
