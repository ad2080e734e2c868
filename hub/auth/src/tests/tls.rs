//! An issuer behind TLS.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::stub::{Answer, Stub};
use crate::fetch::{Endpoint, public_roots};

/// A server's certificate for `name`, and the roots that trust it alone.
fn certificate(name: &str) -> (TlsAcceptor, RootCertStore) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test]
async fn keys_are_read_only_from_whom_the_certificate_names() {
    let (acceptor, roots) = certificate("localhost");
    let stub = Stub::tls(Answer::Body("the set".to_owned()), acceptor).await;
    let get = async |host: &str, roots: RootCertStore| {
        let url = format!("https://{host}:{}/jwks.json", stub.port);
        Endpoint::new(&url, roots).unwrap().get().await
    };
    assert_eq!(get("localhost", roots.clone()).await, Ok(b"the set".to_vec()));
    assert_eq!(stub.requests(), 1);
    assert!(get("127.0.0.1", roots).await.is_err(), "another name");
    assert!(get("localhost", public_roots()).await.is_err(), "another authority");
    assert!(get("localhost", certificate("localhost").1).await.is_err(), "another certificate");
    assert_eq!(stub.requests(), 1);
}
