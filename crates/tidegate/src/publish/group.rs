//! Keys that services take, from names that may be longer or have other characters.

use std::borrow::Cow;

use crate::ids::content_id;

/// Longest message group and deduplication id, in characters (AWS docs: SendMessage, Publish).
#[cfg(any(feature = "publish-sns", feature = "publish-sqs"))]
const TOKEN: usize = 128;
/// Longest partition key, in characters (AWS docs: PutRecords).
#[cfg(feature = "publish-kinesis")]
const PARTITION_KEY: usize = 256;

/// Returns a name as message group or deduplication id: up to 128 letters, digits and punctuation
/// of ASCII. Another name becomes a hash.
#[cfg(any(feature = "publish-sns", feature = "publish-sqs"))]
pub(super) fn token(name: &str) -> Cow<'_, str> {
    let is_taken = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    shortened(name, is_taken && name.len() <= TOKEN)
}

/// Returns a name as partition key: up to 256 characters. A longer name becomes a hash.
#[cfg(feature = "publish-kinesis")]
pub(super) fn partition_key(name: &str) -> Cow<'_, str> {
    shortened(name, !name.is_empty() && name.chars().count() <= PARTITION_KEY)
}

fn shortened(name: &str, is_taken: bool) -> Cow<'_, str> {
    if is_taken { Cow::Borrowed(name) } else { Cow::Owned(content_id(&["group", name])) }
}
