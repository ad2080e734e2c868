//! The examples of RFC 7515, appendix A.1 to A.3: made by others.

use serde_json::json;

use super::support::{Signer, unb64};
use crate::Secret;
use crate::keys::{Key, parse_jwks};
use crate::token::Compact;

const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn check(key: &Key, header: &str, signature: &str) {
    let token = format!("{header}.{CLAIMS}.{signature}");
    let token = Compact::parse(&token).unwrap();
    assert_eq!(token.algorithm, key.algorithm());
    assert!(key.verifies(token.message, &token.signature));
    assert!(!key.verifies(&token.message[1..], &token.signature));
}

#[test]
fn hs256_is_that_of_the_standard() {
    // The secret of the example is no text; what it does to ours is the same code.
    let bytes = unb64(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    let key = Key::Hmac(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes));
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    check(&key, header, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

/// Signed by OpenSSL: `printf %s HEADER.CLAIMS | openssl dgst -sha256 -hmac SECRET -binary`.
#[test]
fn hs256_takes_the_secret_as_the_bytes_of_its_text() {
    let key = Key::of_secret(&Secret::new("0123456789abcdef0123456789abcdef"));
    check(&key, "eyJhbGciOiJIUzI1NiJ9", "f3chCWitDSL-NqHNIPG889-B2PPtyPCm3yBgMebCdxA");
}

#[test]
fn rs256_is_that_of_the_standard() {
    let set = json!({"keys": [Signer::rsa().jwk("rfc")]}).to_string();
    let keys = parse_jwks(set.as_bytes()).unwrap();
    check(
        &keys[0].key,
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2\
         Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ\
         BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6Ie\
         YI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
}

#[test]
fn es256_is_that_of_the_standard() {
    let set = json!({"keys": [{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]});
    let keys = parse_jwks(set.to_string().as_bytes()).unwrap();
    check(
        &keys[0].key,
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}
