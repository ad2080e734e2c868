//! How much one address may take of what all share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what each address holds, up to a limit. Clones count together.
#[derive(Clone)]
pub(crate) struct Sources {
    limit: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the places of an address, free again when dropped.
pub(crate) struct Place {
    sources: Sources,
    source: IpAddr,
}

impl Sources {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: Arc::default() }
    }

    /// None: the address holds as many places as it may.
    pub(crate) fn enter(&self, source: IpAddr) -> Option<Place> {
        let source = source.to_canonical();
        let mut held = self.lock();
        let count = held.entry(source).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place { sources: self.clone(), source })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.sources.lock();
        if let Some(count) = held.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_so_many_places_and_no_trace_stays() {
        let sources = Sources::new(2);
        let (one, two): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let places: Vec<_> = (0..3).map(|_| sources.enter(one)).collect();
        assert_eq!(places.iter().flatten().count(), 2);
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!(sources.enter(mapped).is_none(), "the same address in another form");
        assert!(sources.enter(two).is_some());
        drop(places);
        assert!(sources.lock().is_empty());
    }
}
