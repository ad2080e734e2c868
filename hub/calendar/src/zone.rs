//! Time zones by name, from the data that is bundled with the program.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::error::{CalendarError, shorten};

/// A time zone that has a name.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    pub(crate) fn named(name: &str) -> Result<Self, CalendarError> {
        let zones = TimeZoneDatabase::bundled();
        // What the database finds also in another case is kept as it writes it.
        let found = zones.get(name).ok();
        let known = found.and_then(|zone| Some((zone.iana_name()?.to_owned(), zone)));
        known.map(|(name, zone)| Self { name, zone }).ok_or_else(|| {
            let name = shorten(name);
            let known = zones.available().map(|known| known.to_string());
            let like = known
                .map(|known| (strsim::jaro_winkler(&known, &name), known))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let suggestion =
                like.map_or_else(|| "Europe/Berlin or UTC".to_owned(), |(_, known)| known);
            CalendarError::Zone { name, suggestion }
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn civil(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }

    pub(crate) fn offset(&self, civil: DateTime) -> AmbiguousOffset {
        self.zone.to_ambiguous_timestamp(civil).offset()
    }

    /// The instant at which the clock first shows this time or, where it skips
    /// it, the first instant after that gap. None beyond the year 9999.
    pub(crate) fn first(&self, civil: DateTime) -> Option<Timestamp> {
        match self.offset(civil) {
            AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Fold { before: offset, .. } => offset.to_timestamp(civil).ok(),
            AmbiguousOffset::Gap { before, .. } => {
                // Reckoned as if the clock had gone on, it lies at or after
                // the change, and no other change is near.
                let past = before.to_timestamp(civil).ok()?;
                let after = past.checked_add(jiff::SignedDuration::from_millis(1)).ok()?;
                self.zone.preceding(after).next().map(|change| change.timestamp())
            }
        }
    }

    /// The instant at which the clock shows this time if it goes on from
    /// `instant` without a change.
    pub(crate) fn going_on(&self, instant: Timestamp, civil: DateTime) -> Option<Timestamp> {
        self.zone.to_offset(instant).to_timestamp(civil).ok()
    }

    /// The first change of the clock after `instant`, if it comes up to `end`.
    pub(crate) fn change(&self, instant: Timestamp, end: Timestamp) -> Option<Timestamp> {
        let change = self.zone.following(instant).next().map(|change| change.timestamp());
        change.filter(|change| *change <= end)
    }

    /// An instant as people write it, by the clocks of this zone.
    pub(crate) fn written(&self, instant: Timestamp) -> String {
        instant.display_with_offset(self.zone.to_offset(instant)).to_string()
    }
}
