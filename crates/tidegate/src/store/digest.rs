//! Digests of the content of a command, which reveal a cause that is used with other content.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use crate::envelope::{Data, Envelope};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId};
use crate::message::MessageSet;

/// Content of a command: its type and data, in the version that was sent and in newer versions.
///
/// It holds hashes of the data's canonical form. White space, the order of keys and the notation of
/// numbers do not matter. Among the attributes of the envelope, only the type matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    kind: String,
    /// Type versions with the hashes of the data, oldest first.
    forms: Vec<(u32, [u8; 32])>,
}

impl Content {
    /// Returns the content of an envelope in the version that was sent.
    ///
    /// Returns `None` if the envelope has a data reference, or if the data is nested deeper than
    /// 128 levels.
    pub fn from_envelope(envelope: &Envelope) -> Option<Self> {
        let Data::Inline(data) = &envelope.data else { return None };
        Self::new(&envelope.kind, envelope.schema.version, data.get())
    }

    /// Creates the content of this type and type version from its JSON data.
    ///
    /// Returns `None` if `data` is not JSON, or is nested deeper than 128 levels.
    pub fn new(kind: &str, version: u32, data: &str) -> Option<Self> {
        Some(Self { kind: kind.to_owned(), forms: vec![(version, hash(data)?)] })
    }

    /// Returns the content of an envelope in the version that was sent and in all newer versions
    /// that `M` knows. A command that comes again in another version can then be compared.
    ///
    /// Returns `None` in the cases of [`Self::from_envelope`], and if an upcast fails.
    pub fn upcast<M: MessageSet>(envelope: &Envelope) -> Option<Self> {
        let mut content = Self::from_envelope(envelope)?;
        let Data::Inline(data) = &envelope.data else { return None };
        if M::newest(&content.kind).is_none_or(|newest| newest <= envelope.schema.version) {
            return Some(content);
        }
        let mut value: Value = serde_json::from_str(data.get()).ok()?;
        for step in envelope.schema.version..M::newest(&content.kind)? {
            // Decoding reports content that cannot be upcast.
            value = M::upcast(&content.kind, step, value).ok()?;
            content.forms.push((step + 1, hash(&value.to_string())?));
        }
        Some(content)
    }

    /// Computes the digest of this content for a cause in a stream.
    pub fn digest(&self, stream: &StreamId, cause: &Cause) -> Option<Digest> {
        let key = hash_of(&[
            b"key",
            stream.as_str().as_bytes(),
            cause.source.as_bytes(),
            cause.id.as_bytes(),
        ]);
        let mut forms = self.forms.iter().map(|(version, hash)| {
            let mac = hash_of(&[&key, self.kind.as_bytes(), &version.to_be_bytes(), hash]);
            (*version, first_eight(&mac))
        });
        let (version, mac) = forms.next()?;
        let kind = hash_of(&[b"kind", self.kind.as_bytes()]);
        let kind = u32::try_from(first_eight(&kind) >> 32).ok()?;
        Some(Digest { kind, version, mac, newer: forms.collect() })
    }
}

/// A digest of a command's content, stored beside its cause.
///
/// A command with the same cause and other content is not a duplicate.
///
/// The stored digest is that of the type version in which the command was sent. Commands in several
/// versions compare as follows:
///
/// - A command that comes again unchanged is equal, even if upcasting changed since.
/// - A command in an older version is compared after upcasting.
/// - A command in a newer version cannot be compared and counts as equal.
///
/// A digest has three parts: 32 bits of a hash of the type, the type version, and 64 bits of a
/// keyed hash of type and data. The key is made of stream and cause. So equal contents have
/// different digests in different commits, and precomputed tables do not help. But a reader who can
/// guess the *whole* content can confirm the guess. So erase the digest together with the data. A
/// commit without a digest matches any content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    kind: u32,
    version: u32,
    mac: u64,
    /// Digests of the same content in newer versions; not stored.
    newer: Vec<(u32, u64)>,
}

/// Length of a digest in [`Digest::to_bytes`].
pub(super) const BYTES: usize = 16;

impl Digest {
    /// Returns whether the stored content differs. Contents in versions that cannot be compared
    /// count as equal.
    pub(super) fn contradicts(&self, stored: &Self) -> bool {
        let mut forms = std::iter::once((self.version, self.mac)).chain(self.newer.iter().copied());
        self.kind != stored.kind
            || forms.any(|(version, mac)| version == stored.version && mac != stored.mac)
    }

    /// Returns the part that is stored.
    pub(super) fn stored(&self) -> Self {
        Self { newer: Vec::new(), ..self.clone() }
    }

    pub(super) fn to_bytes(&self) -> [u8; BYTES] {
        let bits =
            u128::from(self.kind) << 96 | u128::from(self.version) << 64 | u128::from(self.mac);
        bits.to_be_bytes()
    }

    /// Decodes a digest. Returns `None` for version 0, which no content has: zero bytes mean that
    /// there is no digest.
    pub(super) fn from_bytes(bytes: [u8; BYTES]) -> Option<Self> {
        let bits = u128::from_be_bytes(bytes);
        let part = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).ok();
        let (kind, version) = (part(96)?, part(64)?);
        let mac = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        (version > 0).then_some(Self { kind, version, mac, newer: Vec::new() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}-{:016x}", self.kind, self.version, self.mac)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or(InvalidDigest);
        Ok(Self {
            kind: u32::from_str_radix(next()?, 16).map_err(|_| InvalidDigest)?,
            version: next()?.parse().map_err(|_| InvalidDigest)?,
            mac: u64::from_str_radix(next()?, 16).map_err(|_| InvalidDigest)?,
            newer: Vec::new(),
        })
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// The error for a text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigest;

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a digest such as `1f0a6c2e-1-5be0cd19137e2179`")
    }
}

impl std::error::Error for InvalidDigest {}

/// Refuses a command if its cause led to a decision before and its content differs now.
///
/// `decided` describes the place of that decision for the message.
///
/// # Errors
/// `cause_reused` (permanent): the contents differ.
pub(super) fn resent(
    stream: &StreamId,
    cause: &Cause,
    decided: impl fmt::Display,
    stored: Option<&Digest>,
    now: Option<&Digest>,
) -> Result<(), Failure> {
    let (Some(stored), Some(now)) = (stored, now) else { return Ok(()) };
    if !now.contradicts(stored) {
        return Ok(());
    }
    let what =
        if now.kind == stored.kind { "other content of the same type" } else { "another type" };
    Err(Failure::permanent(
        "cause_reused",
        format!(
            "{stream}: {cause} was decided {decided} with {what} (digest {stored}, now {now}); \
             give a new command a new id"
        ),
    ))
}

fn hash(json: &str) -> Option<[u8; 32]> {
    canonical(json).map(|text| Sha256::digest(text).into())
}

/// Hashes the parts, each with its length in front.
fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn first_eight(hash: &[u8; 32]) -> u64 {
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
