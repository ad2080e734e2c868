//! Keeps a deployment that fails from being asked, and finds out when it is
//! well again.
//!
//! ```text
//!            STRIKES failures in a row, or it asks for a rest
//!   Closed ────────────────────────────────────────────────► Open(until)
//!     ▲                                                        │ time is over
//!     │ success                                                ▼
//!     └──────────────────────────────────────────────────── Probing
//!                                                              │ failure
//!                                      Open, twice as long ◄───┘
//! ```
//!
//! Of the requests that come while it is open none reaches the deployment; once
//! the time is over, one does, and the others wait for what becomes of it.

use std::time::Duration;

/// Failures in a row that open it.
const STRIKES: u32 = 3;
/// How long it is open at first.
const FIRST_REST: Duration = Duration::from_secs(2);
/// How long it is open at most, unless the deployment asks for more.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// How long it is open at most, whatever the deployment asks for.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// Whether a deployment may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may.
    Open,
    /// It may, by this request alone, to find out how it is.
    Probe,
    /// It rests for so long.
    Resting(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { strikes: u32 },
    Open { until: Duration },
    Probing { since: Duration },
}

/// A deployment's breaker. Times are those of a monotonic clock.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    /// How long it will be open when it opens next: twice as long each time,
    /// until there is a success.
    rest: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { strikes: 0 }, rest: FIRST_REST }
    }
}

impl Breaker {
    /// Whether the deployment may be asked now. After [`Gate::Probe`] one of the
    /// other verbs has to follow.
    pub(crate) fn ask(&mut self, now: Duration) -> Gate {
        match self.state {
            State::Closed { .. } => Gate::Open,
            State::Open { until } if now < until => Gate::Resting(until.saturating_sub(now)),
            State::Open { .. } => {
                self.state = State::Probing { since: now };
                Gate::Probe
            }
            // A probe that takes so long is as good as failed: another may try.
            State::Probing { since } if now.saturating_sub(since) >= LONGEST_REST => {
                self.state = State::Probing { since: now };
                Gate::Probe
            }
            State::Probing { .. } => Gate::Resting(FIRST_REST),
        }
    }

    /// How long the deployment rests, if it does.
    pub(crate) fn resting(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until.saturating_sub(now)),
            _ => None,
        }
    }

    /// It began to answer: it is well enough to be asked by others.
    pub(crate) fn alive(&mut self) {
        if matches!(self.state, State::Probing { .. }) {
            self.state = State::Closed { strikes: STRIKES - 1 };
        }
    }

    /// It answered to the end. A call that began before it opened says nothing.
    pub(crate) fn success(&mut self) {
        if !matches!(self.state, State::Open { .. }) {
            *self = Self::default();
        }
    }

    /// It failed in a way that may pass.
    pub(crate) fn strike(&mut self, now: Duration) {
        match self.state {
            State::Closed { strikes } if strikes + 1 < STRIKES => {
                self.state = State::Closed { strikes: strikes + 1 };
            }
            State::Closed { .. } | State::Probing { .. } => {
                self.state = State::Open { until: now + self.rest };
                self.rest = (self.rest * 2).min(LONGEST_REST);
            }
            // A call that began before it opened.
            State::Open { .. } => {}
        }
    }

    /// It asks for a rest, or will fail for so long.
    pub(crate) fn rest(&mut self, now: Duration, wish: Duration) {
        let until = now + wish.min(LONGEST_WISH);
        self.state = match self.state {
            State::Open { until: before } => State::Open { until: before.max(until) },
            _ => State::Open { until },
        };
    }

    /// A probe came to nothing that would say how the deployment is.
    pub(crate) fn unknown(&mut self, now: Duration) {
        if matches!(self.state, State::Probing { .. }) {
            self.state = State::Open { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        (0..STRIKES).for_each(|_| breaker.strike(s(100)));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.strike(s(1));
            breaker.strike(s(1));
            assert_eq!(breaker.ask(s(1)), Gate::Open);
            breaker.success();
        }
        assert_eq!(opened().ask(s(101)), Gate::Resting(s(1)));
    }

    #[test]
    fn one_request_finds_out_and_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(s(102)), Gate::Probe);
        assert!(matches!(breaker.ask(s(102)), Gate::Resting(_)));
        breaker.success();
        assert_eq!(breaker.ask(s(102)), Gate::Open);
    }

    #[test]
    fn an_old_answer_does_not_end_a_rest() {
        let mut breaker = Breaker::default();
        breaker.rest(s(0), s(30));
        breaker.success();
        assert_eq!(breaker.ask(s(1)), Gate::Resting(s(29)));
    }

    #[test]
    fn a_probe_that_begins_to_answer_lets_others_in_and_its_failure_keeps_them_out() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(s(102)), Gate::Probe);
        breaker.alive();
        assert_eq!(breaker.ask(s(102)), Gate::Open);
        breaker.strike(s(103));
        assert_eq!(breaker.ask(s(103)), Gate::Resting(s(4)), "twice the rest before");
    }

    #[test]
    fn each_failed_probe_doubles_the_rest() {
        let mut breaker = opened();
        let (mut now, mut rests) = (s(102), Vec::new());
        for _ in 0..7 {
            assert_eq!(breaker.ask(now), Gate::Probe);
            breaker.strike(now);
            let Gate::Resting(rest) = breaker.ask(now) else { panic!("it is open") };
            rests.push(rest.as_secs());
            now += rest;
        }
        assert_eq!(rests, [4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_wish_for_rest_is_obeyed_and_has_a_limit() {
        let mut breaker = Breaker::default();
        breaker.rest(s(0), s(30));
        assert_eq!(breaker.ask(s(10)), Gate::Resting(s(20)));
        breaker.rest(s(10), s(5));
        assert_eq!(breaker.ask(s(10)), Gate::Resting(s(20)));
        breaker.rest(s(10), s(1_000_000));
        assert_eq!(breaker.ask(s(10)), Gate::Resting(s(3600)));
    }

    #[test]
    fn a_probe_that_nobody_ends_does_not_keep_it_open_for_ever() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(s(102)), Gate::Probe);
        assert_eq!(breaker.ask(s(102 + 60)), Gate::Probe);
        breaker.unknown(s(170));
        assert_eq!(breaker.ask(s(170)), Gate::Probe);
    }
}
