//! The engine as issuer of tokens, in place of the declared one.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::keys::KeySet;

/// Name of the key file in the state directory.
const KEY_FILE: &str = "issuer.pk8";

/// Signs tokens with a key of the state directory.
///
/// The engine accepts them for every authorizer. AWS does not: its keys are those of the declared
/// issuer.
#[derive(Debug)]
pub struct Issuer {
    pair: EcdsaKeyPair,
    kid: String,
}

/// Why the engine's issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key file cannot be read or written.
    #[error("the key file {file} cannot be used: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The key file does not contain a key.
    #[error("{0} does not contain a key; delete it, and the next start makes a new one")]
    NoKey(PathBuf),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers, so there is no key and no signature")]
    Random,
}

impl Issuer {
    /// Opens the issuer of a state directory. Makes a key if there is none.
    ///
    /// # Errors
    /// The key file cannot be used.
    pub fn open(state_dir: &Path) -> Result<Self, IssuerError> {
        let file = state_dir.join(KEY_FILE);
        let failed = |source| IssuerError::File { file: file.clone(), source };
        let random = SystemRandom::new();
        if !file.try_exists().map_err(failed)? {
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map_err(|_| IssuerError::Random)?;
            fs::create_dir_all(state_dir).map_err(failed)?;
            // Only the owner can read it, and it appears with all of its content.
            let mut temporary = tempfile::NamedTempFile::new_in(state_dir).map_err(failed)?;
            temporary.write_all(key.as_ref()).map_err(failed)?;
            match temporary.persist_noclobber(&file) {
                // Another process has just made one.
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error.error)),
                Ok(_) => {}
            }
        }
        let key = fs::read(&file).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random)
            .map_err(|_| IssuerError::NoKey(file.clone()))?;
        let digest = Sha256::digest(pair.public_key().as_ref());
        let kid = URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or_default());
        Ok(Self { pair, kid })
    }

    /// Returns the issuer's public key.
    pub(crate) fn keys(&self) -> KeySet {
        KeySet::own(self.kid.clone(), self.pair.public_key().as_ref().to_vec())
    }

    /// Signs a token with these claims.
    ///
    /// # Errors
    /// The system gave no random numbers.
    pub fn sign(&self, claims: &Map<String, Value>) -> Result<String, IssuerError> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" }).to_string();
        let claims = Value::Object(claims.clone()).to_string();
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| IssuerError::Random)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_stays_the_same_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let first = Issuer::open(&state).unwrap().keys();
        assert_eq!(Issuer::open(&state).unwrap().keys(), first);
        let mode = fs::metadata(state.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        assert_ne!(Issuer::open(&dir.path().join("other")).unwrap().keys(), first);
    }

    #[test]
    fn a_damaged_key_file_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(KEY_FILE), "no key").unwrap();
        let why = Issuer::open(dir.path()).unwrap_err().to_string();
        assert!(why.contains("issuer.pk8 does not contain a key; delete it"), "{why}");
    }
}
