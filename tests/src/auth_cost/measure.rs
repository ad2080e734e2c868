//! The measurement.

use std::sync::Arc;
use std::time::Duration;

use agentos_api::{ApiConfig, ApiState, Rate, RateLimits, TokenVerifier, router};
use agentos_engine::testing::{TestEngine, engine};
use agentos_hub::Tokens;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use nix::time::ClockId;
use serde::Serialize;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::CostError;
use super::issuer::{Algorithm, Issuer};
use crate::bench::Samples;

/// Guarded, unless the hub is told otherwise.
const ROUTE: &str = "/metrics";
/// A key that such an engine has.
const KEY: &str = "test-read-key";
/// Requests of one turn.
const TURN: usize = 200;
/// The same, each with a token that was never seen before.
const FIRST_TURN: usize = 20;
/// Turns before those that count.
const WARM_UP: usize = 3;

/// Microseconds of processor time that a request takes more, by what it shows.
#[derive(Debug, Clone, Serialize)]
pub struct Costs {
    /// An API key.
    pub api_key_us: f64,
    /// A signed token, of a client that sends it again and again.
    pub hs256_us: f64,
    /// The same, signed with RSA.
    pub rs256_us: f64,
    /// The same, signed with an elliptic curve.
    pub es256_us: f64,
    /// A token that is seen for the first time.
    pub hs256_first_us: f64,
    /// The same, signed with RSA.
    pub rs256_first_us: f64,
    /// The same, signed with an elliptic curve.
    pub es256_first_us: f64,
    /// All of a request that shows nothing.
    pub open_us: f64,
}

/// One way of asking.
struct Ask {
    router: Router,
    /// What is shown; each turn takes the next ones and begins again at the end.
    tokens: Vec<String>,
    next: usize,
    turn: usize,
    /// Microseconds of a request, less those of an open one in the same round.
    more: Samples,
}

/// A hub without a network, its data and its issuer.
struct World {
    engine: TestEngine,
    issuer: Issuer,
    verifier: Arc<dyn TokenVerifier>,
    _dir: TempDir,
}

/// Measures in `rounds` of all ways of asking.
///
/// # Errors
/// Where the hub cannot be set up, or answers with anything but success.
pub async fn measure(rounds: usize) -> Result<Costs, CostError> {
    let world = World::new().await?;
    let mut asks = world.asks(rounds)?;
    let mut open = Samples::default();
    for round in 0..rounds + WARM_UP {
        let mut micros = vec![0.0; asks.len()];
        for turn in 0..asks.len() {
            // Another one begins each round.
            let at = (round + turn) % asks.len();
            if let (Some(ask), Some(micros)) = (asks.get_mut(at), micros.get_mut(at)) {
                *micros = ask.turn().await?;
            }
        }
        let base = micros.first().copied().unwrap_or(f64::NAN);
        if round >= WARM_UP {
            open.push(base);
            asks.iter_mut().zip(micros).for_each(|(ask, micros)| ask.more.push(micros - base));
        }
    }
    let cost = |at: usize| asks.get(at).map_or(f64::NAN, |ask| ask.more.p50());
    Ok(Costs {
        api_key_us: cost(1),
        hs256_us: cost(2),
        rs256_us: cost(3),
        es256_us: cost(4),
        hs256_first_us: cost(5),
        rs256_first_us: cost(6),
        es256_first_us: cost(7),
        open_us: open.p50(),
    })
}

impl World {
    async fn new() -> Result<Self, CostError> {
        let dir = TempDir::new()?;
        let engine = engine(dir.path()).await?;
        let issuer = Issuer::new()?;
        let verifier = issuer.verifier(dir.path())?;
        verifier.refresh().await?;
        Ok(Self { engine, issuer, verifier: Arc::new(Tokens::new(verifier)), _dir: dir })
    }

    /// The API; open or guarded.
    fn router(&self, metrics_open: bool) -> Result<Router, CostError> {
        let all = Rate::new(100_000_000, 100_000_000);
        let config = ApiConfig {
            rates: RateLimits { per_key: all, per_address: all, refused_keys: all },
            metrics_open,
            ..ApiConfig::new("127.0.0.1:0".parse()?, "bench")
        };
        let state = ApiState::new(config, self.engine.handle.clone(), CancellationToken::new());
        Ok(router(state.with_verifier(Some(Arc::clone(&self.verifier)))))
    }

    /// All ways of asking; the first one shows nothing.
    fn asks(&self, rounds: usize) -> Result<Vec<Ask>, CostError> {
        let guarded = self.router(false)?;
        let ask = |tokens: Vec<String>, turn: usize| Ask {
            router: guarded.clone(),
            tokens,
            next: 0,
            turn,
            more: Samples::default(),
        };
        let open = Ask { router: self.router(true)?, ..ask(Vec::new(), TURN) };
        let mut asks = vec![open, ask(vec![KEY.to_owned()], TURN)];
        let algorithms = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256];
        for algorithm in algorithms {
            asks.push(ask(vec![self.issuer.token(algorithm, 0)?], TURN));
        }
        for algorithm in algorithms {
            let all = 1..=(rounds + WARM_UP) * FIRST_TURN;
            let fresh: Result<_, _> = all.map(|n| self.issuer.token(algorithm, n)).collect();
            asks.push(ask(fresh?, FIRST_TURN));
        }
        Ok(asks)
    }
}

impl Ask {
    /// Microseconds of processor time of a request, over a turn of them.
    async fn turn(&mut self) -> Result<f64, CostError> {
        let requests: Vec<_> = (0..self.turn).map(|_| self.request()).collect::<Result<_, _>>()?;
        let before = processor_time()?;
        for request in requests {
            let response = self.router.clone().oneshot(request).await?;
            if response.status() != StatusCode::OK {
                return Err(format!("the hub answers {}", response.status()).into());
            }
            response.into_body().collect().await?;
        }
        let took = processor_time()?.saturating_sub(before);
        Ok(took.as_secs_f64() * 1e6 / self.turn as f64)
    }

    fn request(&mut self) -> Result<Request<Body>, CostError> {
        let mut request = Request::get(ROUTE);
        if let Some(token) = self.tokens.get(self.next) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            self.next = (self.next + 1) % self.tokens.len();
        }
        Ok(request.body(Body::empty())?)
    }
}

/// What all threads of this process have had of the processors.
fn processor_time() -> Result<Duration, CostError> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_way_is_let_in_and_has_a_cost() {
        let costs = measure(1).await.unwrap();
        let first = [costs.hs256_first_us, costs.rs256_first_us, costs.es256_first_us];
        assert!(costs.open_us > 0.0, "{costs:?}");
        assert!(first.iter().all(|cost| cost.is_finite()), "{costs:?}");
    }

    #[tokio::test]
    async fn a_refusal_is_not_measured() {
        let world = World::new().await.unwrap();
        let mut asks = world.asks(0).unwrap();
        asks[2].tokens = vec![format!("{}x", asks[2].tokens[0])];
        let error = asks[2].turn().await.unwrap_err();
        assert!(error.to_string().contains("403"), "{error}");
        asks[2].tokens.clear();
        let error = asks[2].turn().await.unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
    }
}
