//! The layout of a commit in the DynamoDB table.

mod chunk;
mod commit_item;
mod first_format;
mod size;
#[cfg(test)]
mod tests;
mod written;

pub(super) use chunk::{ChunkItem, chunk_key};
pub(super) use commit_item::{CommitItem, Head, INCOMPLETE};
pub(super) use size::{Size, size_of};
#[cfg(any(test, feature = "test-kit"))]
pub(crate) use written::image_of;
pub(super) use written::{parse, to_item};
