//! How often a client may ask.
//!
//! Three limits: each key has its own; requests without a valid key count
//! against their address; and so do, more strictly, keys that are refused. An
//! address that presents too many wrong keys is shut out, but for keys that
//! were in use before: one stale script must not lock out its whole house.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::Clock;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The most clients that one limit tells apart. When all of them are busy, the
/// rest share one allowance.
const MAX_TRACKED: usize = 10_000;
/// How often a full table is searched for clients that are idle, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const MINUTE: u32 = 60;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_minute: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zeros count as one.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let at_least_one = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self { per_minute: at_least_one(per_minute), burst: at_least_one(burst) }
    }

    /// The time after which one more is allowed.
    fn interval(self) -> Duration {
        Duration::from_secs(u64::from(MINUTE)) / self.per_minute.get()
    }
}

/// The limits of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests of one key.
    pub per_key: Rate,
    /// Requests of one address without a valid key.
    pub per_address: Rate,
    /// Keys of one address that were refused.
    pub refused_keys: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_key: Rate::new(600, 120),
            per_address: Rate::new(120, 120),
            refused_keys: Rate::new(20, 10),
        }
    }
}

#[derive(Clone)]
struct Monotonic(Arc<dyn Clock>);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Limiter<K, S> = RateLimiter<K, S, Monotonic, StateInformationMiddleware>;
type Verdict = Result<StateSnapshot, NotUntil<Duration>>;

/// One limit, for each `K`.
struct Limit<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    clock: Monotonic,
    each: Limiter<K, HashMapStateStore<K, RandomState>>,
    rest: Limiter<NotKeyed, InMemoryState>,
    /// Seconds of the clock when the table was last swept.
    swept: AtomicU64,
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: &'static str,
    rate: Rate,
    remaining: u32,
    /// Until one more is allowed, if none is now.
    pub(crate) wait: Option<Duration>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, rate: Rate, clock: Monotonic) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let (each, rest) = (HashMapStateStore::default(), InMemoryState::default());
        Self {
            name,
            rate,
            each: RateLimiter::new(quota, each, clock.clone()),
            rest: RateLimiter::new(quota, rest, clock.clone()),
            clock,
            swept: AtomicU64::new(0),
        }
    }

    fn now(&self) -> Duration {
        self.clock.0.monotonic()
    }

    /// Counts one request of `key`.
    fn count(&self, key: &K) -> Standing {
        self.make_room();
        let verdict: Verdict = if self.each.len() < MAX_TRACKED {
            self.each.check_key(key)
        } else {
            self.rest.check()
        };
        let (remaining, wait) = match verdict {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.now()))),
        };
        Standing { limit: self.name, rate: self.rate, remaining, wait }
    }

    fn make_room(&self) {
        if self.each.len() < MAX_TRACKED {
            return;
        }
        let now = self.now().as_secs();
        let swept = self.swept.load(Ordering::Relaxed);
        if now.saturating_sub(swept) >= SWEEP_EVERY.as_secs()
            && self.swept.compare_exchange(swept, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.each.retain_recent();
        }
    }
}

/// What one network is counted as: an IPv4 address, or the half of an IPv6
/// address that a client cannot choose for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address => address,
        })
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteAddress(pub(crate) IpAddr);

impl Default for RemoteAddress {
    /// For requests that came by no connection.
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

/// All limits of the API.
pub(crate) struct Limits {
    keys: Limit<String>,
    addresses: Limit<Network>,
    refused: Limit<Network>,
    /// When those that presented too many wrong keys are heard again.
    shut_out: Mutex<HashMap<Network, Duration>>,
}

impl Limits {
    pub(crate) fn new(rates: RateLimits, clock: Arc<dyn Clock>) -> Self {
        let clock = Monotonic(clock);
        Self {
            keys: Limit::new("key", rates.per_key, clock.clone()),
            addresses: Limit::new("address", rates.per_address, clock.clone()),
            refused: Limit::new("refused-keys", rates.refused_keys, clock),
            shut_out: Mutex::default(),
        }
    }

    /// Counts a request of a key or user.
    pub(crate) fn of_caller(&self, id: &String) -> Standing {
        self.keys.count(id)
    }

    /// Counts a request without a valid key.
    pub(crate) fn of_address(&self, network: Network) -> Standing {
        self.addresses.count(&network)
    }

    /// Counts a key that was refused. One too many shuts its network out for
    /// as long as the standing says.
    pub(crate) fn of_refusal(&self, network: Network) -> Standing {
        let standing = self.refused.count(&network);
        if let Some(wait) = standing.wait {
            let now = self.refused.now();
            let mut shut_out = self.shut_out();
            if shut_out.len() >= MAX_TRACKED {
                shut_out.retain(|_, end| *end > now);
            }
            if shut_out.len() < MAX_TRACKED {
                shut_out.insert(network, now.saturating_add(wait));
            }
        }
        standing
    }

    /// Where a network stands that is shut out.
    pub(crate) fn of_shut_out(&self, network: Network) -> Option<Standing> {
        let mut shut_out = self.shut_out();
        let wait = shut_out.get(&network)?.saturating_sub(self.refused.now());
        if wait.is_zero() {
            shut_out.remove(&network);
            return None;
        }
        let Limit { name, rate, .. } = self.refused;
        Some(Standing { limit: name, rate, remaining: 0, wait: Some(wait) })
    }

    fn shut_out(&self) -> MutexGuard<'_, HashMap<Network, Duration>> {
        // A panic elsewhere cannot leave the map half changed.
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Whole seconds until one more is allowed, at least 1.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.wait.map(|wait| seconds(wait).max(1))
    }

    /// Tells the client (RateLimit header fields for HTTP, IETF draft 10).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { limit, rate, remaining, .. } = *self;
        let used = rate.burst.get().saturating_sub(remaining);
        let full = seconds(rate.interval().saturating_mul(used));
        let policy = format!("\"{limit}\";q={};w={MINUTE};burst={}", rate.per_minute, rate.burst);
        let state = format!("\"{limit}\";r={remaining};t={full}");
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use agentos_domain::{ManualClock, Timestamp};

    use super::*;

    fn limit<K: Hash + Eq + Clone>(per_minute: u32, burst: u32) -> (Limit<K>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let monotonic = Monotonic(Arc::clone(&clock) as _);
        (Limit::new("test", Rate::new(per_minute, burst), monotonic), clock)
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let (limit, clock) = limit(60, 3);
        let remaining: Vec<_> = (0..3).map(|_| limit.count(&1).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = limit.count(&1);
        assert_eq!((refused.wait, refused.retry_after()), (Some(Duration::from_secs(1)), Some(1)));
        assert_eq!(limit.count(&2).wait, None);
        clock.advance(Duration::from_secs(1));
        assert_eq!(limit.count(&1).wait, None);
        assert!(limit.count(&1).wait.is_some());
    }

    #[test]
    fn a_client_is_told_where_it_stands() {
        let (limit, _) = limit(600, 120);
        limit.count(&1);
        let mut headers = HeaderMap::new();
        limit.count(&1).write(&mut headers);
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"test\";q=600;w=60;burst=120");
        assert_eq!(headers[RATE_LIMIT], "\"test\";r=118;t=1");
    }

    #[test]
    fn the_table_is_bounded_and_empties_again() {
        let (limit, clock) = limit(60, 1);
        for client in 0..MAX_TRACKED {
            assert_eq!(limit.count(&client).wait, None);
        }
        // All are busy: the rest share one allowance.
        assert_eq!(limit.count(&MAX_TRACKED).wait, None);
        assert!(limit.count(&(MAX_TRACKED + 1)).wait.is_some());
        assert_eq!(limit.each.len(), MAX_TRACKED);
        clock.advance(Duration::from_secs(10));
        assert_eq!(limit.count(&(MAX_TRACKED + 1)).wait, None);
        assert_eq!(limit.each.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
