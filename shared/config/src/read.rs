//! Units: how numbers of the table become typed values.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer};

const HOUR: u64 = 60 * 60;

fn scaled<'de, D: Deserializer<'de>>(deserializer: D, factor: u64) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    number.checked_mul(factor).ok_or_else(|| serde::de::Error::custom("too large"))
}

macro_rules! duration {
    ($name:ident, $seconds:expr) => {
        pub(crate) mod $name {
            pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<super::Duration, D::Error> {
                super::scaled(deserializer, $seconds).map(super::Duration::from_secs)
            }
        }
    };
}

duration!(seconds, 1);
duration!(hours, super::HOUR);
duration!(days, 24 * super::HOUR);

pub(crate) mod megabytes {
    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        super::scaled(deserializer, 1024 * 1024)
    }
}

/// `< 0.7` as 0.7.
pub(crate) mod below {
    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        super::optional_bound(deserializer)
    }
}

fn optional_bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.as_deref().and_then(crate::format::below_confidence))
}
