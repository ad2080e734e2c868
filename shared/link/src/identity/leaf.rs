//! An edge's identity, and what can be read from a certificate.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use agentos_domain::{EdgeId, Timestamp};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{BACKDATE, write_private};
use crate::error::LinkError;

const FILE: &str = "edge.pem";
const EDGE_URI: &str = "spiffe://agentos/edge/";

pub(super) fn edge_uri(edge: &EdgeId) -> String {
    format!("{EDGE_URI}{edge}")
}

/// SHA-256 of a certificate's public key, as the certificate holds it.
pub(crate) fn spki_fingerprint(der: &CertificateDer<'_>) -> Result<[u8; 32], LinkError> {
    let (_, cert) = X509Certificate::from_der(der).map_err(LinkError::certificate)?;
    Ok(Sha256::digest(cert.public_key().raw).into())
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    issued: Timestamp,
    ends: Timestamp,
}

impl Life {
    /// Whether it has begun, which is [`BACKDATE`] before the issue.
    pub(crate) fn has_started(self, now: Timestamp) -> bool {
        now.plus(BACKDATE) >= self.issued
    }

    /// When a third of the life has passed.
    pub(crate) fn first_third(self) -> Timestamp {
        self.issued.plus(self.length() / 3)
    }

    /// When it ends.
    pub(crate) fn ends(self) -> Timestamp {
        self.ends
    }

    fn length(self) -> Duration {
        self.ends.since(self.issued)
    }
}

/// A certificate.
#[derive(Clone)]
pub(crate) struct Leaf(CertificateDer<'static>);

impl Leaf {
    pub(crate) fn from_pem(pem: &str) -> Result<Self, LinkError> {
        CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(LinkError::certificate)
            .and_then(Self::new)
    }

    pub(crate) fn new(der: CertificateDer<'static>) -> Result<Self, LinkError> {
        X509Certificate::from_der(&der).map_err(LinkError::certificate)?;
        Ok(Self(der))
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.0
    }

    fn read<T>(&self, what: impl FnOnce(&X509Certificate<'_>) -> T) -> Result<T, LinkError> {
        let (_, cert) = X509Certificate::from_der(&self.0).map_err(LinkError::certificate)?;
        Ok(what(&cert))
    }

    /// The edge that the certificate names.
    pub(crate) fn edge_id(&self) -> Result<EdgeId, LinkError> {
        let uris = self.read(|cert| {
            let names = cert.subject_alternative_name().ok().flatten();
            let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
            let uri = |name: &GeneralName<'_>| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            };
            names.iter().filter_map(uri).collect::<Vec<_>>()
        })?;
        let [uri] = uris.as_slice() else {
            return Err(LinkError::Certificate("it does not name one edge".to_owned()));
        };
        uri.strip_prefix(EDGE_URI)
            .ok_or_else(|| LinkError::Certificate("it does not name an edge".to_owned()))?
            .parse()
            .map_err(LinkError::certificate)
    }

    /// The host names and addresses that the certificate is for.
    pub(crate) fn names(&self) -> Result<Vec<String>, LinkError> {
        self.read(|cert| {
            let names = cert.subject_alternative_name().ok().flatten();
            let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
            names.iter().filter_map(host_name).collect()
        })
    }

    /// The serial number in hexadecimal digits.
    pub(crate) fn serial(&self) -> String {
        self.read(|cert| cert.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect())
            .unwrap_or_default()
    }

    pub(crate) fn life(&self) -> Life {
        let times = self.read(|cert| {
            let validity = cert.validity();
            (validity.not_before.timestamp(), validity.not_after.timestamp())
        });
        let (start, end) = times.unwrap_or_default();
        let seconds = |s: i64| Timestamp::from_millis(s.saturating_mul(1000));
        Life { issued: seconds(start).plus(BACKDATE), ends: seconds(end) }
    }

    pub(crate) fn has_key(&self, key: &KeyPair) -> bool {
        let spki = self.read(|cert| cert.public_key().raw.to_vec());
        spki.is_ok_and(|spki| spki == key.subject_public_key_info())
    }

    pub(crate) fn is_signed_by(&self, ca_pem: &str) -> bool {
        let Ok(ca) = Self::from_pem(ca_pem) else { return false };
        let Ok((_, ca)) = X509Certificate::from_der(&ca.0) else { return false };
        self.read(|cert| cert.verify_signature(Some(ca.public_key())).is_ok()).unwrap_or(false)
    }
}

fn host_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::Ipv4Addr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
        },
        _ => None,
    }
}

/// A fresh key and the request to have it certified.
pub(crate) struct KeyRequest {
    key: KeyPair,
    csr_pem: String,
}

impl KeyRequest {
    pub(crate) fn generate() -> Result<Self, LinkError> {
        let key = KeyPair::generate().map_err(LinkError::certificate)?;
        let csr =
            CertificateParams::default().serialize_request(&key).map_err(LinkError::certificate)?;
        let csr_pem = csr.pem().map_err(LinkError::certificate)?;
        Ok(Self { key, csr_pem })
    }

    pub(crate) fn csr_pem(&self) -> &str {
        &self.csr_pem
    }

    /// The identity, once the hub has certified the key.
    pub(crate) fn certified(
        self,
        certificate_pem: &str,
        ca_pem: &str,
    ) -> Result<EdgeIdentity, LinkError> {
        EdgeIdentity::new(certificate_pem, &self.key.serialize_pem(), ca_pem)
    }
}

/// What an edge needs to prove who it is, and to know its hub.
#[derive(Clone)]
pub struct EdgeIdentity {
    edge_id: EdgeId,
    certificate: Leaf,
    certificate_pem: String,
    key_pem: String,
    ca: Leaf,
    ca_pem: String,
}

impl EdgeIdentity {
    pub(crate) fn new(
        certificate_pem: &str,
        key_pem: &str,
        ca_pem: &str,
    ) -> Result<Self, LinkError> {
        let certificate = Leaf::from_pem(certificate_pem)?;
        let key = KeyPair::from_pem(key_pem).map_err(LinkError::certificate)?;
        if !certificate.has_key(&key) || !certificate.is_signed_by(ca_pem) {
            return Err(LinkError::Certificate(
                "the certificate, its key and the hub's authority do not belong together"
                    .to_owned(),
            ));
        }
        Ok(Self {
            edge_id: certificate.edge_id()?,
            certificate,
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            ca: Leaf::from_pem(ca_pem)?,
            ca_pem: ca_pem.to_owned(),
        })
    }

    /// Reads the identity that [`EdgeIdentity::save`] wrote to `dir`.
    ///
    /// # Errors
    /// [`LinkError::NoIdentity`] if this machine has not joined, or why the
    /// file cannot be used.
    pub fn load(dir: &Path) -> Result<Self, LinkError> {
        let path = dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LinkError::NoIdentity { dir: dir.to_owned() });
            }
            Err(error) => return Err(LinkError::file(path)(error)),
        };
        let damaged = || LinkError::Certificate(format!("{} is damaged", path.display()));
        let (certificate, rest) = text.split_once(KEY_MARK).ok_or_else(damaged)?;
        let (key, ca) = rest.split_once(CA_MARK).ok_or_else(damaged)?;
        Self::new(certificate, key, ca)
    }

    /// Writes certificate, key and the hub's authority to one file in `dir`,
    /// replaced as a whole and readable by its owner alone.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), LinkError> {
        let text =
            format!("{}{KEY_MARK}{}{CA_MARK}{}", self.certificate_pem, self.key_pem, self.ca_pem);
        write_private(&dir.join(FILE), text.as_bytes())
    }

    /// The edge.
    #[must_use]
    pub fn edge_id(&self) -> &EdgeId {
        &self.edge_id
    }

    /// The certificate's serial number in hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> String {
        self.certificate.serial()
    }

    /// When the certificate stops being valid.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.certificate.life().ends
    }

    pub(crate) fn renew_at(&self) -> Timestamp {
        self.certificate.life().first_third()
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    pub(crate) fn ca(&self) -> &CertificateDer<'static> {
        self.ca.der()
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, LinkError> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(LinkError::certificate)
    }
}

const KEY_MARK: &str = "\n# key\n";
const CA_MARK: &str = "\n# hub authority\n";

impl fmt::Debug for EdgeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeIdentity")
            .field("edge_id", &self.edge_id)
            .field("serial", &self.serial())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::CertificateAuthority;

    fn identity(life: Duration) -> EdgeIdentity {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(1_795_250_000_000);
        let ca = CertificateAuthority::load_or_create(dir.path(), now).unwrap();
        let request = KeyRequest::generate().unwrap();
        let edge = EdgeId::generate();
        let certificate = ca.issue_edge(request.csr_pem(), &edge, life, now).unwrap();
        request.certified(&certificate, ca.pem()).unwrap()
    }

    #[test]
    fn an_identity_is_read_as_it_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(EdgeIdentity::load(dir.path()), Err(LinkError::NoIdentity { .. })));
        let identity = identity(Duration::from_secs(30));
        identity.save(dir.path()).unwrap();
        let read = EdgeIdentity::load(dir.path()).unwrap();
        assert_eq!(read.edge_id(), identity.edge_id());
        assert_eq!(read.serial(), identity.serial());
        assert_eq!(read.ca_pem(), identity.ca_pem());
        let now = Timestamp::from_millis(1_795_250_000_000);
        assert_eq!(read.renew_at(), now.plus(Duration::from_secs(10)));
        assert_eq!(read.expires_at(), now.plus(Duration::from_secs(30)));
    }

    #[test]
    fn parts_of_two_identities_do_not_fit_together() {
        let (one, two) = (identity(Duration::from_secs(30)), identity(Duration::from_secs(30)));
        assert!(EdgeIdentity::new(&one.certificate_pem, &two.key_pem, &one.ca_pem).is_err());
        assert!(EdgeIdentity::new(&one.certificate_pem, &one.key_pem, &two.ca_pem).is_err());
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert!(!format!("{:?}", identity(Duration::from_secs(30))).contains("PRIVATE"));
    }
}
