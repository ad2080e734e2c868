//! The hub's own certificate authority.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use agentos_domain::{EdgeId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};

use super::leaf::{Leaf, edge_uri, spki_fingerprint};
use super::{BACKDATE, HUB_NAME, write_private};
use crate::error::LinkError;

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Life of the hub's server certificate.
const HUB_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Life of a server's certificate beside the link, and how much of it must be left.
const SERVER_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
const SERVER_LEFT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Bytes of a request for a certificate, PEM. Ours take some 400.
const MAX_CSR: usize = 4096;

/// Issues every certificate of the link.
pub(crate) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    fingerprint: [u8; 32],
}

impl CertificateAuthority {
    /// Reads the authority from `dir` (`ca.pem`, `ca.key`) or makes it.
    pub(crate) fn load_or_create(dir: &Path, now: Timestamp) -> Result<Self, LinkError> {
        let (cert_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        match fs::read_to_string(&cert_path) {
            Ok(pem) => {
                let key = fs::read_to_string(&key_path).map_err(LinkError::file(&key_path))?;
                Self::new(pem, &key)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (pem, key) = self_signed(now)?;
                // The certificate comes last: while it is missing, nobody
                // has trusted this authority.
                write_private(&key_path, key.as_bytes())?;
                write_private(&cert_path, pem.as_bytes())?;
                Self::new(pem, &key)
            }
            Err(error) => Err(LinkError::file(cert_path)(error)),
        }
    }

    fn new(pem: String, key_pem: &str) -> Result<Self, LinkError> {
        let key = KeyPair::from_pem(key_pem).map_err(LinkError::certificate)?;
        let leaf = Leaf::from_pem(&pem)?;
        let fingerprint = spki_fingerprint(leaf.der())?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(LinkError::certificate)?;
        Ok(Self { issuer, pem, fingerprint })
    }

    /// The authority's certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the authority's public key.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// A certificate for the public key of `csr_pem`. Whatever else the
    /// request asks for is ignored.
    pub(crate) fn issue_edge(
        &self,
        csr_pem: &str,
        edge: &EdgeId,
        life: Duration,
        now: Timestamp,
    ) -> Result<String, LinkError> {
        if csr_pem.len() > MAX_CSR {
            return Err(LinkError::Certificate(format!(
                "the request for it is longer than {MAX_CSR} bytes"
            )));
        }
        let request =
            CertificateSigningRequestParams::from_pem(csr_pem).map_err(LinkError::certificate)?;
        let uri = edge_uri(edge).try_into().map_err(LinkError::certificate)?;
        let mut params = leaf_params(&edge.to_string(), life, now);
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate =
            params.signed_by(&request.public_key, &self.issuer).map_err(LinkError::certificate)?;
        Ok(certificate.pem())
    }

    /// The hub's server certificate and key from `dir` (`hub.pem`, `hub.key`),
    /// both PEM; made anew when less than a third of its life is left, when
    /// it has not begun, or when `names` changed. True: it is new.
    pub(crate) fn hub_certificate(
        &self,
        dir: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<(String, String, bool), LinkError> {
        let mut wanted: Vec<String> = vec![HUB_NAME.to_owned()];
        wanted.extend(names.iter().filter(|name| *name != HUB_NAME).cloned());
        let wish =
            Wish { common_name: HUB_NAME, names: wanted, life: HUB_LIFE, left: HUB_LIFE / 3 };
        self.keep(dir, "hub", wish, now)
    }

    /// The certificate and key of another server of the hub, from `dir`
    /// (`server.pem`, `server.key`); made anew when less than 30 days of its
    /// life are left, when it has not begun, or when `names` changed. It never
    /// carries the name under which an edge expects its hub.
    pub(crate) fn server_certificate(
        &self,
        dir: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<(String, String, bool), LinkError> {
        let names = names.iter().filter(|name| *name != HUB_NAME).cloned().collect();
        let wish =
            Wish { common_name: "Agent OS hub API", names, life: SERVER_LIFE, left: SERVER_LEFT };
        self.keep(dir, "server", wish, now)
    }

    /// What `dir` holds as `stem`, if it is as wished; else it is made.
    fn keep(
        &self,
        dir: &Path,
        stem: &str,
        wish: Wish,
        now: Timestamp,
    ) -> Result<(String, String, bool), LinkError> {
        let (cert_path, key_path) =
            (dir.join(format!("{stem}.pem")), dir.join(format!("{stem}.key")));
        let stored = fs::read_to_string(&cert_path).ok().zip(fs::read_to_string(&key_path).ok());
        if let Some((pem, key)) = stored
            && self.still_good(&pem, &key, &wish, now)
        {
            return Ok((pem, key, false));
        }
        let (pem, key) = self.issue_server(wish, now)?;
        write_private(&key_path, key.as_bytes())?;
        write_private(&cert_path, pem.as_bytes())?;
        Ok((pem, key, true))
    }

    fn still_good(&self, pem: &str, key_pem: &str, wish: &Wish, now: Timestamp) -> bool {
        let (Ok(leaf), Ok(key)) = (Leaf::from_pem(pem), KeyPair::from_pem(key_pem)) else {
            return false;
        };
        leaf.has_key(&key)
            && leaf.is_signed_by(&self.pem)
            && leaf.names().is_ok_and(|have| have == *wish.names)
            // A clock that was ahead made one that no edge accepts yet.
            && leaf.life().has_started(now)
            && now.plus(wish.left) < leaf.life().ends()
    }

    fn issue_server(&self, wish: Wish, now: Timestamp) -> Result<(String, String), LinkError> {
        let sans = CertificateParams::new(wish.names)
            .map_err(|error| {
                LinkError::Config(format!(
                    "a name of the hub cannot stand in a certificate: {error}"
                ))
            })?
            .subject_alt_names;
        let key = KeyPair::generate().map_err(LinkError::certificate)?;
        let mut params = leaf_params(wish.common_name, wish.life, now);
        params.subject_alt_names = sans;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(LinkError::certificate)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

/// What a server's certificate is to be.
struct Wish {
    common_name: &'static str,
    names: Vec<String>,
    life: Duration,
    /// It is made anew when less of its life is left.
    left: Duration,
}

fn self_signed(now: Timestamp) -> Result<(String, String), LinkError> {
    let key = KeyPair::generate().map_err(LinkError::certificate)?;
    let mut params = leaf_params("Agent OS hub authority", CA_LIFE, now);
    validity(&mut params, CA_LIFE, now, DAY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = false;
    let certificate = params.self_signed(&key).map_err(LinkError::certificate)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn leaf_params(common_name: &str, life: Duration, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let mut serial: [u8; 16] = rand::random();
    // Positive and of full length, as RFC 5280 (4.1.2.2) asks.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    validity(&mut params, life, now, BACKDATE);
    params
}

fn validity(params: &mut CertificateParams, life: Duration, now: Timestamp, backdate: Duration) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = now.since(Timestamp::from_millis(0));
    params.not_before = epoch + since_epoch.saturating_sub(backdate);
    params.not_after = epoch + since_epoch + life;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::KeyRequest;

    fn at(days: u64) -> Timestamp {
        Timestamp::from_millis(1_795_250_000_000).plus(DAY * u32::try_from(days).unwrap())
    }

    #[test]
    fn the_authority_and_the_hubs_certificate_stay_until_their_last_third() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let (first, _, new) = ca.hub_certificate(dir.path(), &[], at(0)).unwrap();
        assert!(new);
        let again = CertificateAuthority::load_or_create(dir.path(), at(1)).unwrap();
        assert_eq!(again.fingerprint(), ca.fingerprint());
        assert_eq!(again.hub_certificate(dir.path(), &[], at(19)).unwrap().0, first);
        assert_ne!(again.hub_certificate(dir.path(), &[], at(21)).unwrap().0, first);
    }

    #[test]
    fn a_hub_certificate_from_the_future_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let (ahead, _, _) = ca.hub_certificate(dir.path(), &[], at(10)).unwrap();
        // Valid already: a certificate is backdated.
        let a_little_behind = Timestamp::from_millis(at(10).millis() - 240_000);
        assert_eq!(ca.hub_certificate(dir.path(), &[], a_little_behind).unwrap().0, ahead);
        let (now, _, new) = ca.hub_certificate(dir.path(), &[], at(9)).unwrap();
        assert!(new && now != ahead);
    }

    #[test]
    fn a_long_request_is_refused_whatever_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let request = KeyRequest::generate().unwrap();
        let edge = EdgeId::generate();
        let padded = format!("{}{}", request.csr_pem(), "\n".repeat(MAX_CSR));
        let error = ca.issue_edge(&padded, &edge, DAY, at(0)).unwrap_err();
        assert!(error.to_string().contains("longer than 4096"), "{error}");
    }

    #[test]
    fn a_new_name_and_a_foreign_key_make_a_new_hub_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        ca.hub_certificate(dir.path(), &[], at(0)).unwrap();
        let names = ["nas.local".to_owned(), "192.168.1.2".to_owned()];
        assert!(ca.hub_certificate(dir.path(), &names, at(0)).unwrap().2);
        assert!(!ca.hub_certificate(dir.path(), &names, at(0)).unwrap().2);
        let other = KeyPair::generate().unwrap().serialize_pem();
        std::fs::write(dir.path().join("hub.key"), other).unwrap();
        assert!(ca.hub_certificate(dir.path(), &names, at(0)).unwrap().2);
    }

    #[test]
    fn the_certificate_of_a_server_stays_until_thirty_days_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let keep = |names: &[&str], days| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            ca.server_certificate(dir.path(), &names, at(days)).unwrap()
        };
        let names = ["localhost", "::1", "nas.local"];
        let (pem, key, new) = keep(&names, 0);
        let leaf = Leaf::from_pem(&pem).unwrap();
        assert!(new && leaf.is_signed_by(ca.pem()));
        assert!(leaf.has_key(&KeyPair::from_pem(&key).unwrap()));
        assert_eq!(leaf.names().unwrap(), names);
        assert_eq!(keep(&names, 59), (pem.clone(), key, false));
        let (renewed, _, new) = keep(&names, 61);
        assert!(new && renewed != pem);
        assert!(!keep(&names, 62).2);
        // Another name; and that of the link is never among them.
        let (other, _, new) = keep(&["localhost", HUB_NAME], 62);
        assert!(new);
        assert_eq!(Leaf::from_pem(&other).unwrap().names().unwrap(), ["localhost"]);
        assert!(!keep(&["localhost", HUB_NAME], 62).2);
    }

    #[test]
    fn a_request_gets_its_key_certified_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![HUB_NAME.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let greedy = params.serialize_request(&key).unwrap().pem().unwrap();
        let edge = EdgeId::generate();
        let leaf = Leaf::from_pem(&ca.issue_edge(&greedy, &edge, DAY, at(0)).unwrap()).unwrap();
        assert_eq!(leaf.edge_id().unwrap(), edge);
        assert_eq!(leaf.names().unwrap(), Vec::<String>::new());
        assert!(leaf.has_key(&key) && leaf.is_signed_by(ca.pem()));
    }

    #[test]
    fn a_forged_request_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::load_or_create(dir.path(), at(0)).unwrap();
        let request = KeyRequest::generate().unwrap();
        let mut forged = request.csr_pem().as_bytes().to_vec();
        // In the second line of the text, within the key.
        let at_key = request.csr_pem().find("-----\n").unwrap() + 6 + 80;
        forged[at_key] = if forged[at_key] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let edge = EdgeId::generate();
        assert!(ca.issue_edge(request.csr_pem(), &edge, DAY, at(0)).is_ok());
        assert!(ca.issue_edge(&forged, &edge, DAY, at(0)).is_err());
    }
}
