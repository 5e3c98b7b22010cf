use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The key of an effect: `<namespace>#<effect>#<business key>`.
///
/// The namespace is chosen, not derived: one made from a function's name would forget all history at a rename.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectKey(String);

impl EffectKey {
    /// The key of `effect` for this business key.
    ///
    /// # Errors
    /// `missing_key` (permanent) when a part is empty: an absent key must not be shared by all events that lack it.
    pub fn new(namespace: &str, effect: &str, business_key: &str) -> Result<Self, Failure> {
        for (name, part) in [("namespace", namespace), ("effect", effect), ("business key", business_key)] {
            if part.trim().is_empty() {
                return Err(Failure::permanent(
                    "missing_key",
                    format!("the {name} of the effect's key is empty"),
                ));
            }
        }
        Ok(EffectKey(format!("{namespace}#{effect}#{business_key}")))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 over the JSON of the business fields that must be the same in every delivery of one effect.
pub(super) fn payload_hash(fields: &impl Serialize) -> Result<String, Failure> {
    let json =
        serde_json::to_vec(fields).map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
    Ok(Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_part_is_refused() {
        assert_eq!(EffectKey::new("shop", "e-mail", " ").unwrap_err().code(), "missing_key");
        assert_eq!(EffectKey::new("shop", "e-mail", "7").unwrap().as_str(), "shop#e-mail#7");
    }
}
