//! What a run shows at a port that every process of the machine sees.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The user's name that goes with a token; it says nothing.
const USER: &str = "run";

/// The credential of one run at a proxy that listens on a port.
#[derive(Clone)]
pub struct ProxyToken(Zeroizing<String>);

impl fmt::Debug for ProxyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyToken(…)")
    }
}

impl ProxyToken {
    /// 256 random bits.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(std::io::Error::other)?;
        Ok(Self(Zeroizing::new(hex::encode(bytes.as_ref()))))
    }

    /// The proxy's address for the run's environment, as in `http_proxy`.
    #[must_use]
    pub fn proxy_url(&self, port: u16) -> Zeroizing<String> {
        Zeroizing::new(format!("http://{USER}:{}@127.0.0.1:{port}", self.0.as_str()))
    }

    /// Whether the value of a header `proxy-authorization` holds it. How long
    /// that takes does not depend on how much of it is right.
    pub(super) fn is_in(&self, header: &[u8]) -> bool {
        let basic = header.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
        let encoded = header.get(6..).filter(|_| basic);
        let Some(Ok(shown)) = encoded.map(|encoded| STANDARD.decode(encoded)) else {
            return false;
        };
        let expected = Zeroizing::new(format!("{USER}:{}", self.0.as_str()));
        Zeroizing::new(shown).as_slice().ct_eq(expected.as_bytes()).into()
    }
}
