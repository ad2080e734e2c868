//! Under which terms a call was served.

/// How a call was served, where that changes its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Service {
    /// The tier that it was served in, which need not be the one asked for.
    pub tier: ServiceTier,
    /// Whether it was bound to stay in the United States, for a surcharge.
    pub us_only: bool,
}

/// How soon and how surely a call is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServiceTier {
    /// What is served where nothing else is asked for.
    #[default]
    Standard,
    /// Within a day, together with others.
    Batch,
    /// When there is room.
    Flex,
    /// Before others.
    Priority,
    /// With quicker tokens.
    Fast,
    /// One that this program does not know.
    Other,
}

impl ServiceTier {
    /// From the name that a provider gives it in an answer. OpenAI says it in
    /// the `service_tier` of the answer, not in its usage.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "standard" | "default" => Self::Standard,
            "batch" => Self::Batch,
            "flex" | "flex_discount" => Self::Flex,
            "priority" | "priority_on_demand" => Self::Priority,
            "fast" => Self::Fast,
            _ => Self::Other,
        }
    }
}
