//! Parts of the data of a commit that is too large for one item.

use serde::{Deserialize, Serialize};

use super::size::ITEM_LIMIT;
use crate::ids::{CHUNK_KIND, StreamId, Version};

/// Largest chunk of a split commit in bytes.
pub(super) const CHUNK_BYTES: usize = ITEM_LIMIT - 8 * 1024;

/// A part of a split commit's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::store) struct ChunkItem {
    pub(super) stream: String,
    pub(super) version: u32,
    pub(super) part: String,
}

impl ChunkItem {
    /// Cuts a text into chunks of at most [`CHUNK_BYTES`].
    pub(super) fn cut(text: &str, stream: &StreamId, version: Version) -> Vec<Self> {
        let key = chunk_key(stream, version);
        let chunk = |(version, part): (u32, &str)| Self {
            stream: key.clone(),
            version,
            part: part.to_owned(),
        };
        (0..).zip(pieces(text, CHUNK_BYTES)).map(chunk).collect()
    }

    pub(super) fn size(&self) -> usize {
        self.stream.len() + self.part.len()
    }
}

/// Returns the partition key of the chunks of the commit at this version.
pub(in crate::store) fn chunk_key(stream: &StreamId, version: Version) -> String {
    format!("{CHUNK_KIND}#{version}#{stream}")
}

fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) =
            rest.split_at_checked(rest.floor_char_boundary(limit.max(4))).unwrap_or((rest, ""));
        rest = tail;
        Some(piece)
    })
}
