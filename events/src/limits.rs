//! Limits of what orders and returns carry, for every function that takes them in.

/// Longest order id, return id, customer id, stock code and name of a country, in bytes.
///
/// These texts are parts of keys, behind prefixes such as `reservation#` and `customer#`. The key
/// of a stream has at most 1,024 bytes, the partition key of a row 2,048 (AWS docs: DynamoDB
/// quotas). So a text that is accepted fits into every key that is made of it later.
pub const KEY_TEXT_BYTES: usize = 1000;

/// Largest number of units and largest value, in minor units, of a line and of all lines together.
///
/// With this limit, sums of thousands of orders stay within an `i64`.
pub const LARGEST: i64 = 1_000_000_000_000_000;

/// Returns what is wrong with a text that is to be a part of keys: it is empty, or too long.
pub fn key_text_defect(text: &str) -> Option<String> {
    match text.len() {
        0 => Some("is empty".to_owned()),
        bytes if bytes > KEY_TEXT_BYTES => Some(format!("has {bytes} bytes; {KEY_TEXT_BYTES} fit")),
        _ => None,
    }
}
