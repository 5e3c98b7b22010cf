//! Keys of page tokens.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use uuid::Uuid;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// Keys of page tokens: the first seals, and all open.
///
/// The setting is a secret: one or two keys of 32 random bytes in base64, separated by a comma
/// (`openssl rand -base64 32`). To replace a key, deploy `old,new`, then `new,old`, and `new` when
/// the last tokens of the old key have expired: so every environment opens what another one sealed.
///
/// ```
/// use tidegate::config::Settings;
/// use tidegate::query::TokenKeys;
///
/// # let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned();
/// # let mut settings = Settings::from_variables([("PAGE_TOKEN_KEYS".to_owned(), key)]);
/// let keys: Option<TokenKeys> = settings.secret("PAGE_TOKEN_KEYS");
/// # assert!(keys.is_some());
/// ```
#[derive(Clone)]
pub struct TokenKeys {
    newest: XChaCha20Poly1305,
    other: Option<XChaCha20Poly1305>,
}

impl TokenKeys {
    /// Encrypts and authenticates a content, and authenticates `form` with it. The nonce is in
    /// front. `None`: the content is longer than the cipher takes, 256 GB.
    pub(super) fn seal(&self, content: &[u8], form: &[u8]) -> Option<Vec<u8>> {
        let nonce = XNonce::from(nonce());
        let sealed = self.newest.encrypt(&nonce, Payload { msg: content, aad: form }).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] returned. The tag is compared in constant time.
    pub(super) fn open(&self, sealed: &[u8], form: &[u8]) -> Option<Vec<u8>> {
        let (nonce, content) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let nonce = XNonce::from(*nonce);
        let open =
            |key: &XChaCha20Poly1305| key.decrypt(&nonce, Payload { msg: content, aad: form }).ok();
        open(&self.newest).or_else(|| self.other.as_ref().and_then(open))
    }
}

/// Returns 24 bytes, of which 182 bits are random: one and a half random UUIDs. Two of 2^80 tokens
/// have the same with a probability of 2^-23.
fn nonce() -> [u8; NONCE_BYTES] {
    let random = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
    let mut nonce = [0; NONCE_BYTES];
    nonce.iter_mut().zip(random).for_each(|(to, from)| *to = from);
    nonce
}

impl FromStr for TokenKeys {
    type Err = InvalidTokenKeys;

    fn from_str(text: &str) -> Result<Self, InvalidTokenKeys> {
        let key = |text: &str| {
            let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
            Some(XChaCha20Poly1305::new(&bytes.into()))
        };
        let (newest, other) = match text.split_once(',') {
            None => (key(text), None),
            Some((newest, other)) => (key(newest), Some(key(other).ok_or(InvalidTokenKeys)?)),
        };
        Ok(Self { newest: newest.ok_or(InvalidTokenKeys)?, other })
    }
}

/// Keys are secret, so they are not shown.
impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = 1 + usize::from(self.other.is_some());
        f.debug_struct("TokenKeys").field("keys", &keys).finish_non_exhaustive()
    }
}

/// A text that is not one or two keys. It does not quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTokenKeys;

impl fmt::Display for InvalidTokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected one or two keys of 32 bytes in base64, separated by a comma; \
             `openssl rand -base64 32` makes one",
        )
    }
}

impl std::error::Error for InvalidTokenKeys {}
