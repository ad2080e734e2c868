//! The network: what becomes of a call between two machines.
//!
//! A message takes its time, so that later ones overtake it; it may be lost on
//! either way, or arrive a second time, much later. While the two are parted
//! nothing arrives, and neither side knows.

use std::sync::Arc;
use std::time::Duration;

use agentos_link::{Peer, Wire, WireReply};
use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::cell::Cell;
use crate::life::Life;
use crate::world::World;

/// How long a lost message keeps its sender waiting at least: until the
/// transport gives up.
const LOST_MS: (u64, u64) = (500, 3000);
/// When a message that arrives twice arrives again.
const AGAIN_MS: (u64, u64) = (1, 8000);

/// The cable between the hub and one edge.
#[derive(Debug, Clone)]
pub(crate) struct Cable {
    parted: Arc<Cell<bool>>,
}

impl Cable {
    pub(crate) fn new() -> Self {
        Self { parted: Arc::default() }
    }

    pub(crate) fn set_parted(&self, parted: bool) {
        self.parted.set(parted);
    }

    pub(crate) fn is_parted(&self) -> bool {
        self.parted.read(|parted| *parted)
    }

    /// Waits for the one or the other.
    pub(crate) async fn until(&self, parted: bool) {
        self.parted.until(|now| (*now == parted).then_some(())).await;
    }
}

/// One direction of one session.
pub(crate) struct Lane {
    pub(crate) world: Arc<World>,
    pub(crate) cable: Cable,
    /// Who is called.
    pub(crate) to: Life,
    pub(crate) routes: Routes,
    /// What the called side knows of the caller.
    pub(crate) peer: Option<Peer>,
    /// The end of the session, as the caller sees it.
    pub(crate) closed: CancellationToken,
    /// For the record.
    pub(crate) name: String,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("name", &self.name).finish_non_exhaustive()
    }
}

fn gone() -> Status {
    Status::unavailable("the connection is lost")
}

impl Lane {
    /// The time that a message takes.
    async fn travel(world: &World, cable: &Cable) {
        tokio::time::sleep(world.dice.millis(0, world.weather().delay.max(1))).await;
        cable.until(false).await;
    }

    async fn lost(world: &World) -> Status {
        tokio::time::sleep(world.dice.millis(LOST_MS.0, LOST_MS.1)).await;
        gone()
    }

    /// Has the other side serve a request. What it answers arrives, piece by
    /// piece, on the receiver; the answer is complete where `None` comes.
    fn serve(
        &self,
        request: http::Request<Bytes>,
        after: Duration,
    ) -> oneshot::Receiver<http::Response<Pieces>> {
        let (reply, answer) = oneshot::channel();
        let (mut routes, peer) = (self.routes.clone(), self.peer.clone());
        self.to.spawn(async move {
            tokio::time::sleep(after).await;
            let mut request = request.map(|body| Body::new(Full::new(body)));
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            // Routes are always ready, and never fail.
            let Ok(response) = routes.call(request).await;
            let (head, mut body) = response.into_parts();
            let (pieces, receiver) = mpsc::channel(16);
            if reply.send(http::Response::from_parts(head, receiver)).is_err() {
                return;
            }
            while let Some(Ok(frame)) = body.frame().await {
                if pieces.send(Some(frame)).await.is_err() {
                    return;
                }
            }
            let _ = pieces.send(None).await;
        });
        answer
    }
}

type Pieces = mpsc::Receiver<Option<Frame<Bytes>>>;

impl Wire for Lane {
    fn call(&self, request: http::Request<Body>) -> WireReply {
        let (world, cable) = (Arc::clone(&self.world), self.cable.clone());
        let weather = world.weather();
        let name = format!("{}{}", self.name, request.uri().path());
        let (lost, answer_lost) =
            (world.dice.chance(weather.loss), world.dice.chance(weather.loss));
        let again = world.dice.chance(weather.twice);
        let lane = Self {
            world: Arc::clone(&self.world),
            cable: cable.clone(),
            to: self.to.clone(),
            routes: self.routes.clone(),
            peer: self.peer.clone(),
            closed: self.closed.clone(),
            name: String::new(),
        };
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = http::Request::from_parts(head, body);
            Self::travel(&world, &cable).await;
            if lost {
                world.note(format_args!("{name}: lost"));
                return Err(Self::lost(&world).await);
            }
            if again {
                let after = world.dice.millis(AGAIN_MS.0, AGAIN_MS.1);
                drop(lane.serve(copy(&request), after));
            }
            let Ok(response) = lane.serve(request, Duration::ZERO).await else {
                // The other side died; the caller does not know yet.
                lane.closed.cancelled().await;
                return Err(gone());
            };
            if answer_lost {
                world.note(format_args!("{name}: answer lost"));
                return Err(Self::lost(&world).await);
            }
            Self::travel(&world, &cable).await;
            let status = response
                .headers()
                .get("grpc-status")
                .map_or("ok", |value| value.to_str().unwrap_or("?"));
            world.note(format_args!("{name}: {status}"));
            Ok(response.map(|pieces| body_of(pieces, lane)))
        })
    }
}

fn copy(request: &http::Request<Bytes>) -> http::Request<Bytes> {
    let mut copy = http::Request::new(request.body().clone());
    *copy.uri_mut() = request.uri().clone();
    *copy.method_mut() = request.method().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.version_mut() = request.version();
    copy
}

/// The rest of an answer: it breaks off where the session ends or the other
/// side dies, and stands still while the two are parted.
fn body_of(pieces: Pieces, lane: Lane) -> Body {
    let pieces = stream::unfold((pieces, lane, false), |(mut pieces, lane, over)| async move {
        if over {
            return None;
        }
        let next = async {
            let piece = pieces.recv().await;
            lane.cable.until(false).await;
            piece
        };
        match lane.closed.run_until_cancelled(next).await {
            Some(Some(Some(frame))) => Some((Ok(frame), (pieces, lane, false))),
            Some(Some(None)) => None,
            Some(None) => {
                lane.closed.cancelled().await;
                Some((Err(gone()), (pieces, lane, true)))
            }
            None => Some((Err(gone()), (pieces, lane, true))),
        }
    });
    Body::new(StreamBody::new(pieces))
}
