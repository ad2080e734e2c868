//! Round trips over the link, on loopback and with certificates on both sides.

use std::time::Duration;

use agentos_link::{LinkChannel, TransportChoice};
use agentos_proto::v1::PingRequest;
use agentos_proto::v1::liveness_client::LivenessClient;
use tonic::service::Routes;

use super::error::{BenchError, within};
use super::options::Rounds;
use super::stats::Samples;
use super::system::{Hub, failed_call, no_attempts};

const PING_LIMIT: Duration = Duration::from_secs(5);
const PAYLOAD_BYTES: usize = 64;

/// Round trips over one transport, in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrips {
    pub(crate) hub_to_edge: Samples,
    pub(crate) edge_to_hub: Samples,
}

/// Pings in both directions over one transport.
pub(crate) async fn measure(
    hub: &Hub,
    transport: TransportChoice,
    rounds: Rounds,
) -> Result<RoundTrips, BenchError> {
    let edge = hub.connect(transport, Routes::default(), no_attempts()).await?;
    let hub_to_edge = pings(hub, edge.session.calls(), rounds).await?;
    let edge_to_hub = pings(hub, edge.hub_channel().await?, rounds).await?;
    edge.stop().await?;
    Ok(RoundTrips { hub_to_edge, edge_to_hub })
}

async fn pings(hub: &Hub, channel: LinkChannel, rounds: Rounds) -> Result<Samples, BenchError> {
    let mut client = LivenessClient::new(channel);
    let mut samples = Samples::default();
    for round in 0..rounds.warm_up + rounds.pings {
        let start = hub.clock.monotonic();
        let ping = client.ping(PingRequest { payload: vec![7; PAYLOAD_BYTES] });
        within(PING_LIMIT, "a ping over the link", ping).await?.map_err(failed_call("ping"))?;
        if round >= rounds.warm_up {
            samples.push_us(hub.clock.monotonic().saturating_sub(start));
        }
    }
    Ok(samples)
}
