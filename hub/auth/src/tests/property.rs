use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::support::{AUDIENCE, ISSUER, Issuer, NOW};
use crate::looks_like_jwt;

static ISSUER_OF_ALL: LazyLock<Issuer> = LazyLock::new(Issuer::new);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn accepted(token: &str) -> bool {
    runtime().block_on(ISSUER_OF_ALL.verify(token)).is_ok()
}

fn token(kind: usize, subject: &str, expires: i64) -> String {
    let issuer = &*ISSUER_OF_ALL;
    let (signer, kid) = [(&issuer.hs, "hs"), (&issuer.rsa, "rsa"), (&issuer.ec, "ec")][kind % 3];
    let claims = json!({"sub": subject, "aud": AUDIENCE, "iss": ISSUER, "exp": expires});
    signer.sign(kid, &claims)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_changed_byte_of_a_valid_token_is_refused(
        kind in 0..3_usize,
        subject in "[a-zA-Z0-9|@.é]{1,40}",
        life in 1..1_000_000_i64,
        place in any::<prop::sample::Index>(),
        other in 0..127_u8,
    ) {
        let good = token(kind, &subject, NOW + life);
        prop_assert!(accepted(&good));
        let mut bytes = good.clone().into_bytes();
        let place = place.index(bytes.len());
        // Any ASCII byte but the one that is there.
        bytes[place] = if other < bytes[place] { other } else { other + 1 };
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(!accepted(&changed), "{changed} instead of {good}");
    }

    #[test]
    fn a_part_of_a_token_is_no_token(kind in 0..3_usize, cut in any::<prop::sample::Index>()) {
        let good = token(kind, "alice", NOW + 1);
        prop_assert!(!accepted(&good[..cut.index(good.len())]));
        prop_assert!(!accepted(&good[cut.index(good.len() - 1) + 1..]));
    }

    #[test]
    fn no_text_is_accepted_or_breaks_anything(text in ".{0,200}", parts in "[A-Za-z0-9_-]{1,60}\\.[A-Za-z0-9_-]{1,60}\\.[A-Za-z0-9_-]{0,60}") {
        prop_assert!(!accepted(&text));
        prop_assert!(!accepted(&parts));
        prop_assert!(looks_like_jwt(&parts));
    }
}

/// Every byte of one token, and every value that it could have instead.
#[test]
fn no_second_text_stands_for_a_token() {
    let (good, runtime) = (token(0, "a", NOW + 1), runtime());
    for place in 0..good.len() {
        for other in 0..128_u8 {
            let mut bytes = good.clone().into_bytes();
            if bytes[place] == other {
                continue;
            }
            bytes[place] = other;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(runtime.block_on(ISSUER_OF_ALL.verify(&changed)).is_err(), "{changed}");
        }
    }
}
