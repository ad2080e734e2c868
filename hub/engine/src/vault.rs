//! The master key, and what is encrypted under it.
//!
//! A sealed text is a byte for the version, 12 random bytes (the nonce), and
//! what ChaCha20-Poly1305 makes of it. The workspace and the provider are
//! authenticated with it, so that a row which is moved does not open.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use agentos_domain::{ProviderName, ProviderSecret, WorkspaceId};
use agentos_store::SealedKey;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rand::RngExt as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::EngineError;

/// How sealed texts of this version begin.
const VERSION: u8 = 1;
/// The most that is read of a key file, in bytes.
const MAX_FILE: u64 = 1024;
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING),
    GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING),
];

/// The key under which the keys of providers are encrypted.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A text is no master key. Does not hold the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a key of 32 bytes: write 64 hexadecimal digits, as `openssl rand -hex 32` prints, or base64"
)]
pub struct MasterKeyError;

impl MasterKey {
    /// A key of 32 bytes as 64 hexadecimal digits or in base64.
    ///
    /// # Errors
    /// Where the text is neither.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let mut key = Zeroizing::new([0; 32]);
        if hex::decode_to_slice(text, &mut key[..]).is_ok() {
            return Ok(Self(key));
        }
        for base64 in &BASE64 {
            let bytes = Zeroizing::new(base64.decode(text).unwrap_or_default());
            if let Ok(bytes) = bytes.as_slice().try_into() {
                return Ok(Self(Zeroizing::new(bytes)));
            }
        }
        Err(MasterKeyError)
    }

    fn generate() -> Self {
        Self(Zeroizing::new(rand::rng().random()))
    }

    /// Which key it is. Tells nothing of the key.
    #[must_use]
    pub fn id(&self) -> MasterKeyId {
        let hash =
            Sha256::new().chain_update("agentos master key").chain_update(&self.0[..]).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        MasterKeyId(id)
    }

    fn cipher(&self) -> Result<LessSafeKey, EngineError> {
        // It has the right length: this cannot fail.
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.0[..]);
        key.map(LessSafeKey::new).map_err(|_| EngineError::ProviderKeyDamaged)
    }

    /// Encrypts a workspace's key of a provider.
    pub(crate) fn seal(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
        secret: &ProviderSecret,
    ) -> Result<SealedKey, EngineError> {
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let text = secret.expose().as_bytes();
        // Of its final length at once: growing would leave the text behind.
        let mut sealed =
            Vec::with_capacity(1 + NONCE_LEN + text.len() + CHACHA20_POLY1305.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(text);
        let tag = self.cipher()?.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            bound_to(ws, provider),
            &mut sealed[1 + NONCE_LEN..],
        );
        // Only texts of many gigabytes are refused.
        let tag = tag.map_err(|_| EngineError::ProviderKeyDamaged)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(SealedKey { master_key: self.id().0, sealed, hint: secret.hint() })
    }

    /// The way back.
    pub(crate) fn open(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
        sealed: &[u8],
    ) -> Result<ProviderSecret, EngineError> {
        let damaged = || EngineError::ProviderKeyDamaged;
        let (version, rest) = sealed.split_first().ok_or_else(damaged)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        if *version != VERSION {
            return Err(damaged());
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = Zeroizing::new(rest.to_vec());
        let text = self
            .cipher()?
            .open_in_place(nonce, bound_to(ws, provider), &mut text)
            .map_err(|_| damaged())?;
        let text = std::str::from_utf8(text).map_err(|_| damaged())?;
        ProviderSecret::new(text.to_owned()).map_err(|_| damaged())
    }
}

/// What a sealed text belongs to. Neither name can hold a zero.
fn bound_to(ws: &WorkspaceId, provider: &ProviderName) -> Aad<Vec<u8>> {
    Aad::from(format!("agentos provider key\0{ws}\0{provider}").into_bytes())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// Tells master keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterKeyId(pub(crate) [u8; 8]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Where the master key is from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// It was given.
    Given(MasterKey),
    /// A file, which is made when it is first needed.
    File(PathBuf),
}

/// Holds the master key once it is known.
pub(crate) struct Vault {
    source: Option<MasterKeySource>,
    at_hand: Mutex<Option<MasterKey>>,
}

impl Vault {
    pub(crate) fn new(source: Option<MasterKeySource>) -> Self {
        Self { source, at_hand: Mutex::default() }
    }

    /// The master key; `None` while there is none. Reads a file.
    pub(crate) fn key(&self) -> Result<Option<MasterKey>, EngineError> {
        self.find(false)
    }

    /// The master key; makes one where there is none. Writes a file.
    pub(crate) fn key_or_new(&self) -> Result<MasterKey, EngineError> {
        self.find(true)?.ok_or(EngineError::NoMasterKey {
            reason: "this hub has no place for a master key".to_owned(),
        })
    }

    fn find(&self, make: bool) -> Result<Option<MasterKey>, EngineError> {
        let path = match &self.source {
            None => return Ok(None),
            Some(MasterKeySource::Given(key)) => return Ok(Some(key.clone())),
            Some(MasterKeySource::File(path)) => path,
        };
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull => EngineError::DiskFull,
            _ => EngineError::NoMasterKey { reason: format!("{}: {error}", path.display()) },
        };
        // One at a time, so that two who find none do not make two.
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if at_hand.is_none() {
            *at_hand = read(path).map_err(failed)?;
        }
        if at_hand.is_none() && make {
            *at_hand = Some(create(path).map_err(failed)?);
        }
        Ok(at_hand.clone())
    }
}

fn read(path: &Path) -> io::Result<Option<MasterKey>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(),
            "others can read the key file: `chmod 600` keeps it to its owner");
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
    file.take(MAX_FILE).read_to_string(&mut text)?;
    let key = MasterKey::parse(&text);
    key.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Makes a key and its file: all of it or nothing, durable, for the owner
/// alone. A file that is there already is never replaced.
fn create(path: &Path) -> io::Result<MasterKey> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let key = MasterKey::generate();
    let text = Zeroizing::new(format!("{}\n", Zeroizing::new(hex::encode(&key.0[..])).as_str()));
    let mut file = tempfile::Builder::new()
        .prefix(".secrets-")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if let Err(error) = file.persist_noclobber(path) {
        let made_by_another = error.error.kind() == io::ErrorKind::AlreadyExists;
        let theirs = if made_by_another { read(path)? } else { None };
        return theirs.ok_or(error.error);
    }
    std::fs::File::open(folder)?.sync_all()?;
    tracing::info!(file = %path.display(), master_key = %key.id(),
        "made a master key: keep a copy of this file apart from the backups of the database");
    Ok(key)
}

#[cfg(test)]
mod tests;
