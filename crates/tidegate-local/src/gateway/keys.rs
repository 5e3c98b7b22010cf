//! Public keys by which tokens are verified.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Public keys by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySet(BTreeMap<String, PublicKey>);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// An RSA key: modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point on P-256: the key of the engine's own issuer.
    Own(Vec<u8>),
}

/// Why a key-set file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file cannot be read.
    #[error("the key set {file} cannot be read: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The file has no key that API Gateway would accept.
    #[error(
        "the key set {0} has no RSA key with a kid; API Gateway accepts only RSA signatures: use the document at the issuer's jwks_uri"
    )]
    NoKey(PathBuf),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Entry>,
}

/// A key of RFC 7517. Members of other kinds of keys are ignored.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// Creates the set with the one key of the engine's own issuer.
    pub(super) fn own(kid: String, point: Vec<u8>) -> Self {
        Self(BTreeMap::from([(kid, PublicKey::Own(point))]))
    }

    /// Reads a key set (RFC 7517) from a file. Keys of other kinds than RSA are left out.
    ///
    /// # Errors
    /// The file cannot be read, or has no RSA key.
    pub(crate) fn read(file: &Path) -> Result<Self, KeySetError> {
        let unreadable = |why: String| KeySetError::Unreadable { file: file.to_owned(), why };
        let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let document: Document =
            serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        let keys: BTreeMap<String, PublicKey> =
            document.keys.into_iter().filter_map(Entry::rsa).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoKey(file.to_owned()));
        }
        Ok(Self(keys))
    }

    /// Returns the key with this id.
    pub(super) fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.get(kid)
    }
}

impl Entry {
    fn rsa(self) -> Option<(String, PublicKey)> {
        let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let (n, e) = (number(self.n)?, number(self.e)?);
        (self.kty == "RSA").then_some((self.kid?, PublicKey::Rsa { n, e }))
    }
}

impl PublicKey {
    /// Returns whether this key made the signature of a message, with this algorithm.
    ///
    /// The key decides which algorithms there are: a token cannot choose another kind.
    pub(super) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let parameters = match algorithm {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return false,
                };
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }
            Self::Own(point) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                algorithm == "ES256" && key.verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<KeySet, KeySetError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jwks.json");
        std::fs::write(&file, text).unwrap();
        KeySet::read(&file)
    }

    #[test]
    fn only_rsa_keys_with_an_id_are_taken_as_api_gateway_does() {
        let keys = read(
            r#"{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"AQ","y":"AQ"},
                {"kty":"RSA","n":"AQ","e":"AQAB"},{"kty":"RSA","kid":"b","n":"AQ","e":"AQAB"},
                {"kty":"RSA","kid":"c","n":"!","e":"AQAB"},{"kty":"oct","kid":"d","k":"AQ"}]}"#,
        );
        let keys = keys.unwrap();
        assert_eq!(keys.0.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_file_without_a_usable_key_is_refused_with_its_name() {
        let none = read(r#"{"keys":[{"kty":"EC","kid":"a"}]}"#).unwrap_err().to_string();
        assert!(none.contains("jwks.json has no RSA key"), "{none}");
        for wrong in ["", "{}", "[]", r#"{"keys":{}}"#] {
            let why = read(wrong).unwrap_err().to_string();
            assert!(why.contains("jwks.json cannot be read"), "{wrong}: {why}");
        }
        assert!(KeySet::read(Path::new("/nowhere/jwks.json")).is_err());
    }
}
