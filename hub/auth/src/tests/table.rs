//! The attacks of the security facts and of the issue, one by one.

use agentos_domain::Classified;
use serde_json::{Value, json};

use super::support::{
    AUDIENCE, Issuer, NOW, SECRET, Signer, b64, claims, jwks, rfc_rsa, unb64, with, without,
};

const EXPIRED: &str = "TOKEN_EXPIRED";
const INVALID: &str = "INVALID_TOKEN";

async fn expect(issuer: &Issuer, name: &str, token: &str, code: &str) {
    let error = issuer.verify(token).await.expect_err(name);
    assert_eq!(error.code(), code, "{name}: {error}");
}

#[tokio::test]
async fn valid_tokens_of_each_algorithm_are_accepted() {
    let issuer = Issuer::new();
    for (signer, kid) in [(&issuer.hs, "any"), (&issuer.rsa, "rsa"), (&issuer.ec, "ec")] {
        let identity = issuer.verify(&signer.sign(kid, &claims())).await.unwrap();
        assert_eq!(identity.subject, "alice");
        // Without kid there is one key of each algorithm.
        let header = json!({"alg": signer.algorithm()}).to_string();
        let token = signer.sign_raw(&header, &claims().to_string());
        assert_eq!(issuer.verify(&token).await, Ok(identity));
    }
}

#[tokio::test]
async fn headers_that_are_accepted() {
    let issuer = Issuer::new();
    let other = Signer::ec().jwk("ec");
    for header in [
        json!({"alg": "HS256"}),
        json!({"alg": "HS256", "typ": "at+JWT"}),
        json!({"alg": "HS256", "typ": "application/at+jwt"}),
        // What would let the token bring its own key is not looked at.
        json!({"alg": "HS256", "jku": "https://evil.test/jwks", "x5u": "https://evil.test/x"}),
        json!({"alg": "HS256", "jwk": other, "x5c": ["AA"]}),
    ] {
        let token = issuer.hs.sign_raw(&header.to_string(), &claims().to_string());
        assert!(issuer.verify(&token).await.is_ok(), "{header}");
    }
}

#[tokio::test]
async fn headers_that_are_refused() {
    let issuer = Issuer::new();
    for header in [
        r#"{}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","typ":"logout+jwt"}"#,
        r#"{"alg":"HS256","typ":7}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256"} {}"#,
        r#"["HS256"]"#,
        "HS256",
        "",
    ] {
        let token = issuer.hs.sign_raw(header, &claims().to_string());
        expect(&issuer, header, &token, INVALID).await;
    }
}

#[tokio::test]
async fn unsigned_and_broken_tokens_are_refused() {
    let issuer = Issuer::new();
    let good = issuer.hs.sign("", &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(claims().to_string()));
    for (name, token) in [
        ("nothing", String::new()),
        ("garbage", "garbage".to_owned()),
        ("dots", "..".to_owned()),
        ("alg none", unsigned.clone()),
        ("alg none with a signature", format!("{unsigned}{signature}")),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("encrypted", "a.b.c.d.e".to_owned()),
        ("half a signature", format!("{message}.{}", &signature[..20])),
        ("padded", format!("{good}=")),
        ("a blank before", format!(" {good}")),
        ("a line after", format!("{good}\n")),
        ("standard base64", format!("{message}.+/+/")),
        (
            "another's signature",
            Signer::hs(b"another secret, of 32 bytes too!").sign("", &claims()),
        ),
        ("the secret without its end", Signer::hs(&SECRET.as_bytes()[..32]).sign("", &claims())),
        ("too long", issuer.hs.sign("", &with("name", "x".repeat(9000)))),
        ("claims that are no object", issuer.hs.sign_raw(r#"{"alg":"HS256"}"#, "[]")),
        ("deep claims", issuer.hs.sign_raw(r#"{"alg":"HS256"}"#, &"[".repeat(4000))),
    ] {
        expect(&issuer, name, &token, INVALID).await;
    }
}

/// A public key is known to all: whoever could use it as a secret could sign.
#[tokio::test]
async fn public_keys_are_no_secrets() {
    let issuer = Issuer::new();
    let ec_jwk = issuer.ec.jwk("ec");
    let point =
        [unb64(ec_jwk["x"].as_str().unwrap()), unb64(ec_jwk["y"].as_str().unwrap())].concat();
    let publics = [
        unb64(&rfc_rsa("n")),
        rfc_rsa("n").into_bytes(),
        issuer.rsa.jwk("rsa").to_string().into_bytes(),
        jwks(&[issuer.rsa.jwk("rsa"), ec_jwk.clone()]).into_bytes(),
        ec_jwk.to_string().into_bytes(),
        [&[4][..], &point].concat(),
        point,
    ];
    for public in publics {
        let forger = Signer::hs(&public);
        for (alg, kid) in [("HS256", "rsa"), ("HS256", "ec"), ("RS256", "rsa"), ("ES256", "ec")] {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let token = forger.sign_raw(&header, &claims().to_string());
            expect(&issuer, alg, &token, INVALID).await;
        }
    }
}

#[tokio::test]
async fn a_key_has_one_algorithm() {
    let issuer = Issuer::new();
    let signers =
        [(&issuer.hs, "HS256", ""), (&issuer.rsa, "RS256", "rsa"), (&issuer.ec, "ES256", "ec")];
    for (signer, own, _) in signers {
        for (_, alg, _) in signers {
            for (_, _, kid) in signers {
                let header = json!({"alg": alg, "kid": kid}).to_string();
                let token = signer.sign_raw(&header, &claims().to_string());
                let fits = alg == own
                    && (own == "HS256" || kid == if own == "RS256" { "rsa" } else { "ec" });
                assert_eq!(issuer.verify(&token).await.is_ok(), fits, "{own} says {header}");
            }
        }
    }
}

#[tokio::test]
async fn names_of_keys_are_only_names() {
    let issuer = Issuer::new();
    for kid in
        ["../../x", "/dev/null", "'; DROP TABLE keys", "", "RSA", "rsa ", "https://evil.test/k"]
    {
        expect(&issuer, kid, &issuer.rsa.sign(kid, &claims()), INVALID).await;
    }
    expect(&issuer, "long", &issuer.rsa.sign(&"k".repeat(257), &claims()), INVALID).await;
}

#[tokio::test]
async fn times_are_checked_to_the_millisecond_with_leeway() {
    let issuer = Issuer::new();
    let rows: Vec<(&str, Value, Option<&str>)> = vec![
        ("exp", json!(NOW + 1), None),
        ("exp", json!(NOW), None),
        ("exp", json!(NOW - 4), None),
        ("exp", json!(NOW as f64 - 4.999), None),
        ("exp", json!(NOW - 5), Some(EXPIRED)),
        ("exp", json!(NOW - 60), Some(EXPIRED)),
        ("exp", json!(0), Some(EXPIRED)),
        ("exp", json!(-1), Some(INVALID)),
        ("exp", json!(1e300), Some(INVALID)),
        ("exp", json!(u64::MAX), Some(INVALID)),
        ("exp", json!(i64::MAX), Some(INVALID)),
        ("exp", json!((NOW + 600).to_string()), Some(INVALID)),
        ("exp", json!("never"), Some(INVALID)),
        ("exp", json!(true), Some(INVALID)),
        ("exp", json!([NOW + 600]), Some(INVALID)),
        ("exp", Value::Null, Some(INVALID)),
        ("nbf", json!(NOW + 5), None),
        ("nbf", json!(NOW + 6), Some(INVALID)),
        ("nbf", json!(u64::MAX), Some(INVALID)),
        ("nbf", json!((NOW - 600).to_string()), Some(INVALID)),
        ("nbf", json!(-1), Some(INVALID)),
        ("nbf", Value::Null, Some(INVALID)),
    ];
    for (name, value, code) in rows {
        let token = issuer.hs.sign("", &with(name, value.clone()));
        let got = issuer.verify(&token).await.err().map(|error| error.code());
        assert_eq!(got, code, "{name}: {value}");
    }
    expect(&issuer, "no exp", &issuer.hs.sign("", &without("exp")), INVALID).await;
    assert!(issuer.verify(&issuer.hs.sign("", &without("nbf"))).await.is_ok());
    let text = claims().to_string().replace(&(NOW + 600).to_string(), "1e400");
    assert!(text.contains("1e400"));
    let token = issuer.hs.sign_raw(r#"{"alg":"HS256"}"#, &text);
    expect(&issuer, "exp beyond all numbers", &token, INVALID).await;
}

#[tokio::test]
async fn audience_and_issuer_are_demanded_where_configured() {
    let issuer = Issuer::new();
    for good in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        assert!(issuer.verify(&issuer.hs.sign("", &with("aud", good))).await.is_ok());
    }
    for (name, value) in [
        ("aud", json!("other")),
        ("aud", json!("AGENTOS")),
        ("aud", json!("agentos other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", json!([AUDIENCE, 7])),
        ("aud", json!({"agentos": true})),
        ("aud", json!(7)),
        ("aud", Value::Null),
        ("iss", json!("https://issuer.test/")),
        ("iss", json!("https://evil.test")),
        ("iss", json!(["https://issuer.test"])),
        ("iss", Value::Null),
    ] {
        let token = issuer.hs.sign("", &with(name, value.clone()));
        expect(&issuer, &format!("{name}: {value}"), &token, INVALID).await;
    }
    for name in ["aud", "iss"] {
        expect(&issuer, name, &issuer.hs.sign("", &without(name)), INVALID).await;
    }
    let wrong_and_expired = json!({"sub": "a", "aud": "other", "iss": "x", "exp": 1});
    expect(&issuer, "both", &issuer.hs.sign("", &wrong_and_expired), INVALID).await;
}

#[tokio::test]
async fn claims_that_stand_twice_are_refused() {
    let issuer = Issuer::new();
    let body = claims().to_string();
    let rest = body.strip_suffix('}').unwrap();
    for extra in
        [r#""sub":"alice""#, r#""sub":"mallory""#, r#""s\u0075b":"mallory""#, r#""x":1,"x":1"#]
    {
        let token = issuer.hs.sign_raw(r#"{"alg":"HS256"}"#, &format!("{rest},{extra}}}"));
        expect(&issuer, extra, &token, INVALID).await;
    }
}
