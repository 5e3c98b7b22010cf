//! Digests of what a token is bound to.

use sha2::{Digest, Sha256};

use super::super::condition::{Condition, Filter};
use super::super::request::{Part, Query};
use super::super::scalar::Scalar;

/// Bytes of a digest in a token. It is a part of SHA-256: a second query with the same digest takes
/// 2^128 attempts.
pub(super) const DIGEST_BYTES: usize = 16;

pub(super) type Identity = [u8; DIGEST_BYTES];

/// Returns the digest of everything that decides which items a query reads, and in which order. The
/// limit and the attributes may change from page to page.
pub(super) fn of_query(query: &Query) -> Identity {
    let mut parts = Parts(Sha256::new());
    parts.text("query");
    parts.text(&query.table.name);
    parts.text(&query.table.partition_key);
    parts.optional(query.table.sort_key.as_deref());
    match &query.part {
        Part::Whole(_) => parts.text("whole"),
        Part::Partition(value, _) => {
            parts.text("partition");
            parts.scalar(value);
        }
        Part::Index(index, value) => {
            parts.text("index");
            parts.text(&index.name);
            parts.text(&index.partition_key);
            parts.optional(index.sort_key.as_deref());
            parts.scalar(value);
        }
    }
    if let Some((segment, segments)) = query.segment {
        parts.text("segment");
        parts.text(&segment.to_string());
        parts.text(&segments.to_string());
    }
    parts.text(if query.descending { "descending" } else { "ascending" });
    match &query.sort {
        None => parts.text("any"),
        Some(condition) => parts.condition(condition),
    }
    for filter in &query.filters {
        match filter {
            Filter::Attribute(name, condition) => {
                parts.text("attribute");
                parts.text(name);
                parts.condition(condition);
            }
            Filter::Exists(name) => {
                parts.text("exists");
                parts.text(name);
            }
            Filter::Absent(name) => {
                parts.text("absent");
                parts.text(name);
            }
        }
    }
    parts.finish()
}

/// Returns the digest of a caller. A token without one is another than that of a nameless caller.
pub(super) fn of_caller(caller: Option<&str>) -> Identity {
    let mut parts = Parts(Sha256::new());
    parts.text("caller");
    parts.optional(caller);
    parts.finish()
}

/// Parts of what is digested. Each has its length in front, so that parts do not run into each
/// other.
struct Parts(Sha256);

impl Parts {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.text("none"),
            Some(text) => {
                self.text("some");
                self.text(text);
            }
        }
    }

    fn scalar(&mut self, value: &Scalar) {
        match value {
            Scalar::Text(text) => {
                self.text("S");
                self.text(text);
            }
            Scalar::Number(number) => {
                self.text("N");
                self.text(&number.to_string());
            }
            Scalar::Binary(bytes) => {
                self.text("B");
                self.bytes(bytes);
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let (name, values) = match condition {
            Condition::Equals(value) => ("equals", [Some(value), None]),
            Condition::Below(value) => ("below", [Some(value), None]),
            Condition::AtMost(value) => ("at most", [Some(value), None]),
            Condition::AtLeast(value) => ("at least", [Some(value), None]),
            Condition::Above(value) => ("above", [Some(value), None]),
            Condition::Between(from, to) => ("between", [Some(from), Some(to)]),
            Condition::BeginsWith(text) => {
                self.text("begins with");
                return self.text(text);
            }
        };
        self.text(name);
        values.into_iter().flatten().for_each(|value| self.scalar(value));
    }

    fn finish(self) -> Identity {
        let mut identity = Identity::default();
        identity.iter_mut().zip(self.0.finalize()).for_each(|(to, from)| *to = from);
        identity
    }
}
