//! What a fetch may take.

use std::time::Duration;

/// What a fetch may take. The defaults suit pages that a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The most bytes that are read from the network.
    pub body: usize,
    /// The most bytes that they are unpacked to.
    pub unpacked: usize,
    /// Until a connection is made and its TLS is set up, of each hop.
    pub connect: Duration,
    /// From the request to the head of the answer, of each hop.
    pub first_byte: Duration,
    /// All hops and the body together.
    pub total: Duration,
    /// How long a body may bring less than `window_bytes`.
    pub window: Duration,
    /// The least that a body brings in each `window`, in bytes.
    pub window_bytes: usize,
    /// The most redirects that are followed.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            body: 16 * 1024 * 1024,
            unpacked: 16 * 1024 * 1024,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(20),
            total: Duration::from_secs(60),
            window: Duration::from_secs(10),
            window_bytes: 10 * 1024,
            redirects: 5,
        }
    }
}
