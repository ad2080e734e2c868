//! Signed webhooks that trigger a plugin, as Standard Webhooks has them.

use std::time::Duration;

use agentos_domain::{ProviderSecret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// How far the sender's clock may be from the hub's.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// How a secret begins.
const SECRET_PREFIX: &str = "whsec_";
/// How a signature of the version that is known begins.
const VERSION: &str = "v1,";

/// The headers of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookHeaders<'a> {
    /// `webhook-id`: the same again is the same message. Whoever acts on it
    /// remembers the ids of the last ten minutes.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or several, with spaces between them.
    pub signature: &'a str,
}

/// Why a webhook is refused. It says nothing that helps in guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The secret of the hub's own configuration is none.
    #[error("the webhook's secret is no `whsec_` and base64: correct the configuration")]
    Secret,
    /// It was signed too long ago, or is of the future.
    #[error("the webhook was signed more than 5 minutes away from the hub's time: sign it anew")]
    Time,
    /// No signature is right.
    #[error("no signature of the webhook is right: sign id, timestamp and body with the secret")]
    Signature,
}

/// Whether a webhook was signed with the secret, and lately.
///
/// # Errors
/// Why it is refused.
pub fn verify_webhook(
    secret: &ProviderSecret,
    headers: WebhookHeaders<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), WebhookError> {
    let encoded = secret.expose().strip_prefix(SECRET_PREFIX).ok_or(WebhookError::Secret)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| WebhookError::Secret)?;
    if bytes.is_empty() {
        return Err(WebhookError::Secret);
    }
    let seconds: i64 = headers.timestamp.parse().map_err(|_| WebhookError::Time)?;
    let signed_at = Timestamp::from_millis(seconds.saturating_mul(1000));
    if now.since(signed_at).max(signed_at.since(now)) > TOLERANCE {
        return Err(WebhookError::Time);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let mut signed = format!("{}.{}.", headers.id, headers.timestamp).into_bytes();
    signed.extend_from_slice(body);
    let given = headers.signature.split(' ').filter_map(|one| one.strip_prefix(VERSION));
    let mut decoded = given.filter_map(|one| STANDARD.decode(one).ok());
    // In constant time, whatever is given.
    let right = decoded.any(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if right { Ok(()) } else { Err(WebhookError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const HEADERS: WebhookHeaders<'_> = WebhookHeaders {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    fn secret(text: &str) -> ProviderSecret {
        ProviderSecret::new(text.to_owned()).unwrap()
    }

    fn verify(headers: WebhookHeaders<'_>, body: &[u8], seconds: i64) -> Result<(), WebhookError> {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        verify_webhook(&secret, headers, body, Timestamp::from_millis(seconds * 1000))
    }

    #[test]
    fn the_published_example_is_right() {
        assert_eq!(verify(HEADERS, BODY, 1_614_265_330), Ok(()));
        // One of several is enough: secrets are exchanged without a gap.
        let signature = format!("v1a,x v1,AAAA {}", HEADERS.signature);
        let several = WebhookHeaders { signature: &signature, ..HEADERS };
        assert_eq!(verify(several, BODY, 1_614_265_330 + 300), Ok(()));
    }

    #[test]
    fn what_was_changed_or_is_old_is_refused() {
        let now = 1_614_265_330;
        assert_eq!(verify(HEADERS, b"{}", now), Err(WebhookError::Signature));
        let other = WebhookHeaders { id: "msg_other", ..HEADERS };
        assert_eq!(verify(other, BODY, now), Err(WebhookError::Signature));
        let later = WebhookHeaders { timestamp: "1614265331", ..HEADERS };
        assert_eq!(verify(later, BODY, now), Err(WebhookError::Signature));
        for signature in ["", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            let other = WebhookHeaders { signature, ..HEADERS };
            assert_eq!(verify(other, BODY, now), Err(WebhookError::Signature));
        }
        for seconds in [now + 301, now - 301] {
            assert_eq!(verify(HEADERS, BODY, seconds), Err(WebhookError::Time));
        }
        let never = WebhookHeaders { timestamp: "now", ..HEADERS };
        assert_eq!(verify(never, BODY, now), Err(WebhookError::Time));
        for wrong in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!"] {
            let now = Timestamp::from_millis(now * 1000);
            assert_eq!(
                verify_webhook(&secret(wrong), HEADERS, BODY, now),
                Err(WebhookError::Secret)
            );
        }
    }
}
