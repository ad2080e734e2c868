//! Measures the tier decision: on RouteLLM's public data, which has no part in
//! making it, and on the project's own requests.

mod csv;
mod curve;
mod measure;
mod public;

pub use curve::{Curve, Question};
pub use measure::{Figures, SetFigures, measure};
pub use public::{DataError, Sets, sets};
