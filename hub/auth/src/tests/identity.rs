use agentos_domain::Timestamp;
use serde_json::{Value, json};

use super::support::{NOW, SECRET, Signer, by_secret, claims, with, without};
use crate::{Identity, TokenError};

async fn verify(claims: &Value) -> Result<Identity, TokenError> {
    by_secret().verify(&Signer::hs(SECRET.as_bytes()).sign("", claims)).await
}

#[tokio::test]
async fn claims_become_an_identity() {
    let identity = verify(&claims()).await.unwrap();
    assert_eq!(
        identity,
        Identity {
            subject: "alice".to_owned(),
            session: Some("s-1".to_owned()),
            workspace: "home".parse().unwrap(),
            email: Some("alice@home.test".to_owned()),
            name: Some("Alice".to_owned()),
            scopes: vec!["read".to_owned(), "run".to_owned()],
            expires_at: Timestamp::from_millis((NOW + 600) * 1000),
        }
    );
    let bare = verify(&json!({"sub": "bob", "exp": NOW + 1, "name": null})).await.unwrap();
    assert_eq!((bare.session, bare.email, bare.name), (None, None, None));
}

#[tokio::test]
async fn a_user_without_workspace_has_one_of_his_own() {
    let mut seen = std::collections::HashSet::new();
    for (subject, expected) in [
        ("bob", "user-bob"),
        ("Bob", "user-Bob"),
        ("a.b-c_1", "user-a.b-c_1"),
        ("auth0|42", "user-141ba0724f1ecd25"),
        // What looks like the hash of another subject is hashed itself.
        ("141ba0724f1ecd25", "user-1c37301f0bcff66e"),
    ] {
        let mut claims = without("workspaceId");
        claims["sub"] = json!(subject);
        let workspace = verify(&claims).await.unwrap().workspace;
        assert!(seen.insert(workspace.clone()));
        assert_eq!(workspace.as_str(), expected, "{subject}");
        claims["workspaceId"] = Value::Null;
        assert_eq!(verify(&claims).await.unwrap().workspace, workspace);
    }
    for (subject, digits) in [("x".repeat(59), 59), ("x".repeat(60), 16), ("é".to_owned(), 16)] {
        let mut claims = without("workspaceId");
        claims["sub"] = json!(subject);
        let workspace = verify(&claims).await.unwrap().workspace;
        assert_eq!(workspace.as_str().len(), "user-".len() + digits, "{subject}");
    }
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_refused() {
    for (name, value) in [
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!(["alice"])),
        ("sub", json!("alice\nroot")),
        ("sub", json!("x".repeat(257))),
        ("sessionId", json!(7)),
        ("email", json!(["a@b.test"])),
        ("email", json!("a\u{0}b")),
        ("name", json!({"first": "Alice"})),
        ("workspaceId", json!("")),
        ("workspaceId", json!("../other")),
        ("workspaceId", json!("a/b")),
        ("workspaceId", json!(7)),
        ("workspaceId", json!(["home"])),
        ("scope", Value::Null),
        ("scope", json!(7)),
        ("scope", json!(["read", 7])),
        ("scopes", json!({"admin": true})),
        ("aud", json!(7)),
        ("iss", json!(7)),
    ] {
        let error = verify(&with(name, value.clone())).await.unwrap_err();
        assert!(matches!(error, TokenError::Invalid { .. }), "{name}: {value}: {error}");
    }
    assert!(verify(&without("sub")).await.is_err());
}

#[tokio::test]
async fn scopes_are_those_that_exist() {
    for (name, value, expected) in [
        ("scope", json!("read"), "read"),
        ("scope", json!("run read"), "read run"),
        ("scope", json!("openid email read approve"), "read approve"),
        ("scope", json!("admin"), "admin"),
        ("scope", json!("ADMIN administrator"), ""),
        ("scope", json!("openid profile"), ""),
        ("scope", json!(""), ""),
        ("scopes", json!(["read", "approve"]), "read approve"),
        ("scopes", json!("read  run"), "read run"),
        ("scopes", json!([]), ""),
        ("scopes", json!(["read run"]), ""),
    ] {
        let identity = verify(&with(name, value.clone())).await.unwrap();
        assert_eq!(identity.scopes.join(" "), expected, "{name}: {value}");
    }
    let mut both = with("scope", "read run");
    both["scopes"] = json!(["run", "read"]);
    assert_eq!(verify(&both).await.unwrap().scopes, ["read", "run"]);
    both["scopes"] = json!(["admin"]);
    assert!(verify(&both).await.is_err());
}

#[tokio::test]
async fn audience_and_issuer_are_free_where_not_configured() {
    assert!(verify(&with("aud", "anyone")).await.is_ok());
    assert!(verify(&without("iss")).await.is_ok());
}
