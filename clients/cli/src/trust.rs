//! HTTPS: which certificate authorities are trusted, and what to say where one
//! is not.
//!
//! A hub is trusted by the authority that `--ca` names or `agentos login` has
//! kept, and then by no other; else by those that this machine trusts anyway.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::CliError;

/// The longest that a look at a hub's certificates may take.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

type Chain = Vec<CertificateDer<'static>>;

/// The certificates of a file, as PEM and nothing else.
pub(crate) fn read_ca(file: &Path) -> Result<String, CliError> {
    let what = |what: &str| format!("{what} in {}", file.display());
    let text = std::fs::read(file)
        .map_err(|source| CliError::File { what: what("cannot read certificates"), source })?;
    let chain = certificates(&text).map_err(|error| {
        let source = io::Error::new(io::ErrorKind::InvalidData, error);
        CliError::File { what: what("there is a broken certificate"), source }
    })?;
    if chain.is_empty() {
        let source = io::ErrorKind::InvalidData.into();
        return Err(CliError::File { what: what("there is no certificate in PEM"), source });
    }
    Ok(chain.iter().map(pem).collect())
}

fn certificates(pem: &[u8]) -> Result<Chain, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// A certificate as PEM.
pub(crate) fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines + "-----END CERTIFICATE-----\n"
}

/// SHA-256 of a certificate, as the hub and `openssl x509 -fingerprint` write it.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let bytes = Sha256::digest(certificate);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// A fingerprint that was typed, with or without colons, as [`fingerprint`] writes it.
pub(crate) fn parse_fingerprint(text: &str) -> Result<String, String> {
    let digits: Vec<char> = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    if digits.len() != 64 || !digits.iter().all(char::is_ascii_hexdigit) {
        return Err("expected 64 hexadecimal digits, as the hub writes them at its start".into());
    }
    let byte = |pair: &[char]| pair.iter().collect::<String>().to_uppercase();
    Ok(digits.chunks(2).map(byte).collect::<Vec<_>>().join(":"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn roots(pem: &str) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem.as_bytes()).unwrap_or_default() {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// Verifies by the authorities of `ca`, else by those of this machine.
fn verifier(ca: Option<&str>) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let Some(ca) = ca else {
        // A machine without any knows none; that is told when it matters.
        return Ok(match Verifier::new(provider()) {
            Ok(verifier) => Arc::new(verifier),
            Err(_) => Arc::new(Nobody(provider())),
        });
    };
    let broken = |_| rustls::Error::General("the authority cannot be used".to_owned());
    let roots = Arc::new(roots(ca)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
    Ok(verifier.map_err(broken)?)
}

/// How a client of `url` proves whom it talks to.
pub(crate) fn config(url: &str, ca: Option<&str>) -> Result<ClientConfig, CliError> {
    let failed = |error: rustls::Error| untrusted(url, error.to_string(), "another --ca FILE");
    let verifier = match ca {
        // Authorities of the machine take time to read.
        None if !url.starts_with("https://") => Arc::new(Nobody(provider())),
        ca => verifier(ca).map_err(failed)?,
    };
    with_verifier(verifier).map_err(failed)
}

fn with_verifier(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // One request at a time: HTTP/2 would gain nothing.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates that a hub shows.
pub(crate) struct Shown {
    /// Its own first, that of the authority last.
    pub(crate) chain: Chain,
    /// Whether this machine trusts them anyway.
    pub(crate) is_trusted: bool,
    host: ServerName<'static>,
}

/// Asks for the certificates of the hub at `url`, and sends it nothing.
pub(crate) async fn look(url: &str) -> Result<Shown, CliError> {
    let parsed = Url::parse(url).ok();
    let place =
        parsed.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let named = place.and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host, port, ServerName::try_from(host.to_owned()).ok()?))
    });
    let Some((host, port, name)) = named else {
        return Err(CliError::usage(format!("{url} is no address of a hub"), "https://HOST:7777"));
    };
    let unreachable = |error: &(dyn Error + 'static)| failed(url, None, error);
    let inner = verifier(None).map_err(|error| unreachable(&error))?;
    let seen = Arc::new(Capture { inner, chain: Mutex::default() });
    let config = with_verifier(Arc::clone(&seen) as _).map_err(|error| unreachable(&error))?;
    let handshake = async {
        let stream = TcpStream::connect((host, port)).await?;
        TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await.map(drop)
    };
    let shaken = tokio::time::timeout(LOOK_LIMIT, handshake).await;
    let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let chain = std::mem::take(&mut *seen.chain.lock().unwrap_or_else(PoisonError::into_inner));
    match shaken {
        Err(error) if chain.is_empty() => Err(unreachable(&error)),
        shaken => Ok(Shown { chain, is_trusted: shaken.is_ok(), host: name }),
    }
}

impl Shown {
    /// Whether all is right if `authority` is trusted: names, times, signatures.
    pub(crate) fn check(&self, url: &str, authority: &CertificateDer<'_>) -> Result<(), CliError> {
        let pem = pem(authority);
        let verified = verifier(Some(&pem)).and_then(|verifier| {
            let (first, more) = self.chain.split_first().ok_or(CertificateError::UnknownIssuer)?;
            let now = UnixTime::now();
            verifier.verify_server_cert(first, more, &self.host, &[], now).map(drop)
        });
        verified.map_err(|error| failed(url, Some(&pem), &error))
    }
}

/// What a failure to reach `url` means. `ca` is what was trusted.
pub(crate) fn failed(url: &str, ca: Option<&str>, error: &(dyn Error + 'static)) -> CliError {
    let mut cause = error;
    loop {
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return of_tls(url, ca.is_some(), error);
        }
        // `source` of an io::Error leaves out the error that it wraps.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source()) {
            Some(inner) => cause = inner,
            None => {
                return CliError::Unreachable { url: url.to_owned(), reason: cause.to_string() };
            }
        }
    }
}

fn of_tls(url: &str, is_pinned: bool, error: &rustls::Error) -> CliError {
    use CertificateError as Certificate;
    let login = format!("agentos login {url}");
    match error {
        rustls::Error::InvalidMessage(_) => {
            let plain = url.replacen("https://", "http://", 1);
            untrusted(url, "it does not speak https", format!("--url {plain}"))
        }
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer | Certificate::BadSignature,
        ) if is_pinned => untrusted(
            url,
            "its certificate is of another authority than the one that is trusted here: \
             somebody else answers, or the hub was set up anew",
            format!("{login}, if it was set up anew"),
        ),
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer) => untrusted(
            url,
            "the authority of its certificate is not known here",
            format!("{login}, or --ca FILE"),
        ),
        rustls::Error::InvalidCertificate(
            cause @ (Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }),
        ) => untrusted(
            url,
            format!("its certificate does not carry this name ({cause})"),
            "another name of it, or the name in server.public_url or link.names of the hub",
        ),
        rustls::Error::InvalidCertificate(
            cause @ (Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. }),
        ) => untrusted(
            url,
            format!("its certificate is not valid now ({cause})"),
            "the clocks of both machines, and the hub's log",
        ),
        other => untrusted(url, other.to_string(), "the hub's log"),
    }
}

/// An error about whom we talk to.
pub(crate) fn untrusted(url: &str, what: impl Into<String>, hint: impl Into<String>) -> CliError {
    CliError::Untrusted { url: url.to_owned(), what: what.into(), hint: hint.into() }
}

/// Keeps the certificates that are shown, and leaves the verdict to another.
#[derive(Debug)]
struct Capture {
    inner: Arc<dyn ServerCertVerifier>,
    chain: Mutex<Chain>,
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        let chain = shown.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Trusts nobody.
#[derive(Debug)]
struct Nobody(Arc<CryptoProvider>);

impl ServerCertVerifier for Nobody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_however_it_is_written() {
        let own = fingerprint(&CertificateDer::from(b"abc".to_vec()));
        assert!(own.starts_with("BA:78:16:BF:") && own.len() == 95, "{own}");
        let plain = own.replace(':', "").to_lowercase();
        for text in [own.clone(), plain.clone(), format!(" {plain}\n")] {
            assert_eq!(parse_fingerprint(&text), Ok(own.clone()), "{text}");
        }
        for text in ["", &plain[1..], &plain.replace('b', "g"), &format!("{plain}00")] {
            assert!(parse_fingerprint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_survives_as_pem() {
        for size in [1, 47, 48, 49, 500] {
            let certificate = CertificateDer::from(vec![7; size]);
            let text = pem(&certificate);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(certificates(text.as_bytes()).unwrap(), [certificate]);
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        assert!(read_ca(&file).is_err());
        std::fs::write(&file, "nothing").unwrap();
        let error = read_ca(&file).unwrap_err().to_string();
        assert!(error.contains("no certificate in PEM"), "{error}");
        let certificate = pem(&CertificateDer::from(b"abc".to_vec()));
        let key = "-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n";
        std::fs::write(&file, format!("{key}{certificate}")).unwrap();
        assert_eq!(read_ca(&file).unwrap(), certificate);
    }

    #[test]
    fn failures_say_what_is_wrong_and_what_to_do() {
        let url = "https://nas:7777";
        let of = |is_pinned: bool, error: rustls::Error| {
            let wrapped = io::Error::other(error);
            let error = failed(url, is_pinned.then_some("ca"), &wrapped);
            assert_eq!(error.exit_code(), 6);
            assert!(!error.is_outage(), "{error}");
            format!("{error}; {}", error.hint())
        };
        let unknown = of(false, CertificateError::UnknownIssuer.into());
        assert!(unknown.contains("not known here; agentos login https://nas:7777"), "{unknown}");
        let other = of(true, CertificateError::UnknownIssuer.into());
        assert!(other.contains("of another authority"), "{other}");
        let name = of(true, CertificateError::NotValidForName.into());
        assert!(name.contains("does not carry this name") && name.contains("public_url"), "{name}");
        let old = of(true, CertificateError::Expired.into());
        assert!(old.contains("not valid now"), "{old}");
        let plain = of(false, rustls::InvalidMessage::InvalidContentType.into());
        assert!(plain.contains("does not speak https; --url http://nas:7777"), "{plain}");
        let gone = failed(url, None, &io::Error::from(io::ErrorKind::ConnectionRefused));
        assert!(gone.is_outage());
    }
}
