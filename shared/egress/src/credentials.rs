//! Secrets that are attached to requests by name.

use std::collections::BTreeMap;
use std::fmt;

use agentos_domain::Classified;
use http::{HeaderName, HeaderValue, Method};
use url::Url;
use zeroize::Zeroizing;

use crate::{Host, HostName};

/// Why a credential cannot be used. Nothing of it repeats the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Nobody configured it.
    #[error("there is no credential `{name}`: ask for it to be configured")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// It is for something else.
    #[error("the credential `{name}` is not for this address: use it for what it was given for")]
    NotForThis {
        /// Its name.
        name: String,
    },
    /// It cannot stand in a header.
    #[error("the credential `{name}` has characters that no header can hold: enter it again")]
    Unusable {
        /// Its name.
        name: String,
    },
    /// Two of one name.
    #[error("there is a credential `{name}` already: choose another name")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl Classified for CredentialError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_credential",
            Self::NotForThis { .. } => "credential_not_for_this",
            Self::Unusable { .. } => "unusable_credential",
            Self::Duplicate { .. } => "duplicate_credential",
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

/// A secret and the only requests that it is attached to: HTTPS, one host and
/// port, paths below a prefix, some methods.
pub struct Credential {
    host: HostName,
    port: u16,
    path: String,
    methods: Vec<Method>,
    header: HeaderName,
    value: Zeroizing<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("host", &self.host)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// The header `authorization: Bearer …`, for GET of everything at a host.
    #[must_use]
    pub fn bearer(host: HostName, secret: &Zeroizing<String>) -> Self {
        let value = Zeroizing::new(format!("Bearer {}", secret.as_str()));
        Self::header(host, http::header::AUTHORIZATION, value)
    }

    /// A header of any name, whose value is the secret as it is.
    #[must_use]
    pub fn header(host: HostName, header: HeaderName, value: Zeroizing<String>) -> Self {
        let methods = vec![Method::GET, Method::HEAD];
        Self { host, port: 443, path: "/".to_owned(), methods, header, value }
    }

    /// At another port than 443.
    #[must_use]
    pub fn at_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// For paths that are `prefix` or lie below it alone.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.path);
        self
    }

    /// For these methods instead of GET and HEAD.
    #[must_use]
    pub fn for_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    fn fits(&self, url: &Url, method: &Method) -> bool {
        let host_fits = Host::of(url).is_ok_and(|host| host == Host::Name(self.host.clone()));
        url.scheme() == "https"
            && host_fits
            && url.port_or_known_default() == Some(self.port)
            && self.methods.contains(method)
            && lies_in(url.path(), &self.path)
    }
}

/// Whether a server sees `path` in the folder `prefix`. Encoded dots, slashes
/// and backslashes are read differently by different servers: with them, no.
fn lies_in(path: &str, prefix: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    let lower = path.to_ascii_lowercase();
    let doubtful = ["%2e", "%2f", "%5c", "\\", "//", "%25"];
    if doubtful.iter().any(|part| lower.contains(part)) {
        return false;
    }
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The credentials by name.
#[derive(Default)]
pub struct Credentials {
    by_name: BTreeMap<String, Credential>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Credentials {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    ///
    /// # Errors
    /// The name is taken, or the secret cannot stand in a header.
    pub fn add(&mut self, name: &str, credential: Credential) -> Result<(), CredentialError> {
        let name = name.to_owned();
        if self.by_name.contains_key(&name) {
            return Err(CredentialError::Duplicate { name });
        }
        if HeaderValue::from_str(&credential.value).is_err() {
            return Err(CredentialError::Unusable { name });
        }
        self.by_name.insert(name, credential);
        Ok(())
    }

    /// The header of a credential for a request, marked as sensitive.
    ///
    /// # Errors
    /// It does not exist, or is not for this request.
    pub fn header(
        &self,
        name: &str,
        url: &Url,
        method: &Method,
    ) -> Result<(HeaderName, HeaderValue), CredentialError> {
        let name = name.to_owned();
        let Some(credential) = self.by_name.get(&name) else {
            return Err(CredentialError::Unknown { name });
        };
        if !credential.fits(url, method) {
            return Err(CredentialError::NotForThis { name });
        }
        let Ok(mut value) = HeaderValue::from_str(&credential.value) else {
            return Err(CredentialError::Unusable { name });
        };
        value.set_sensitive(true);
        Ok((credential.header.clone(), value))
    }
}
