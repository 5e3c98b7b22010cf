//! Digests of what a command says, so that a cause with other content is told.

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

/// What a command says: its type and data, in the version that was sent and in newer ones.
///
/// It holds hashes of the data's canonical form. White space, the order of keys and the form of
/// numbers do not matter. Of the envelope's attributes, only the type matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    kind: String,
    /// Versions with their hashes, oldest first.
    forms: Vec<(u32, [u8; 32])>,
}

impl Content {
    /// The content of an envelope, in the version that was sent. `None` if the data stayed in the
    /// event store, or is nested deeper than 128.
    pub fn from_envelope(envelope: &Envelope) -> Option<Self> {
        let Data::Inline(data) = &envelope.data else { return None };
        Content::new(&envelope.kind, envelope.schema.version, data.get())
    }

    /// The content of this type and version: JSON.
    pub fn new(kind: &str, version: u32, data: &str) -> Option<Self> {
        Some(Content { kind: kind.to_owned(), forms: vec![(version, hash(data)?)] })
    }

    /// As [`Self::from_envelope`], and in all newer versions that this function knows, so that a resend in
    /// another version can be compared.
    pub fn upcast<M: MessageSet>(envelope: &Envelope) -> Option<Self> {
        let mut content = Content::from_envelope(envelope)?;
        let Data::Inline(data) = &envelope.data else { return None };
        if M::newest(&content.kind).is_none_or(|newest| newest <= envelope.schema.version) {
            return Some(content);
        }
        let mut value: Value = serde_json::from_str(data.get()).ok()?;
        for step in envelope.schema.version..M::newest(&content.kind)? {
            // Content that cannot be upcast fails when it is decoded.
            value = M::upcast(&content.kind, step, value).ok()?;
            content.forms.push((step + 1, hash(&value.to_string())?));
        }
        Some(content)
    }

    /// The digest of this content for this cause in this stream.
    pub fn digest(&self, stream: &StreamId, cause: &Cause) -> Option<Digest> {
        let key =
            hash_of(&[b"key", stream.as_str().as_bytes(), cause.source.as_bytes(), cause.id.as_bytes()]);
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

/// A digest of what a command says, stored beside its cause. A command with the same cause but
/// other content is not a duplicate.
///
/// What is stored is the digest of the version in which the command was sent. A command that is sent
/// again as it was is equal, whatever an upcast makes of it since; one in an older version is
/// compared after upcasting, and one in a newer version cannot be compared and is equal.
///
/// It has three parts: 32 bits of a hash of the type, the version of the type, and 64 bits of a
/// hash of type and data that is keyed with stream and cause. Equal contents therefore have
/// different digests in different commits, and precomputed tables do not help. A reader who can
/// guess the *whole* content can still confirm the guess: erase the digest together with the data.
/// A commit without a digest matches any content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    kind: u32,
    version: u32,
    mac: u64,
    /// The same content in newer versions; not stored.
    newer: Vec<(u32, u64)>,
}

/// Bytes of a digest in [`Digest::to_bytes`].
pub(super) const BYTES: usize = 16;

impl Digest {
    /// Whether the stored content differs. Contents of versions that cannot be compared count as
    /// equal.
    pub(super) fn contradicts(&self, stored: &Digest) -> bool {
        let mut forms = std::iter::once((self.version, self.mac)).chain(self.newer.iter().copied());
        self.kind != stored.kind || forms.any(|(version, mac)| version == stored.version && mac != stored.mac)
    }

    /// What of it is stored.
    pub(super) fn stored(&self) -> Self {
        Digest { newer: Vec::new(), ..self.clone() }
    }

    pub(super) fn to_bytes(&self) -> [u8; BYTES] {
        let bits = u128::from(self.kind) << 96 | u128::from(self.version) << 64 | u128::from(self.mac);
        bits.to_be_bytes()
    }

    /// Returns `None` for version 0, which no content has: zero bytes stand for no digest.
    pub(super) fn from_bytes(bytes: [u8; BYTES]) -> Option<Self> {
        let bits = u128::from_be_bytes(bytes);
        let part = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).ok();
        let (kind, version) = (part(96)?, part(64)?);
        let mac = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        (version > 0).then_some(Digest { kind, version, mac, newer: Vec::new() })
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
        Ok(Digest {
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
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// A text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigest;

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a digest such as `1f0a6c2e-1-5be0cd19137e2179`")
    }
}

impl std::error::Error for InvalidDigest {}

/// Refuses a command whose cause led to a decision before, if the command has other content now.
/// `decided` says where the decision is.
///
/// # Errors
/// `cause_reused` (permanent).
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
    let what = if now.kind == stored.kind { "other content of the same type" } else { "another type" };
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

/// A hash of the parts, each with its length in front.
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
