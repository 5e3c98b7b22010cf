//! JSON of others, read as AWS's matcher reads it.
//!
//! EventBridge and the filters of event source mappings match with Event Ruler, which reads with
//! Jackson. Jackson accepts JSON that a stricter reader such as `serde_json` refuses, and one byte
//! that the stricter reader refuses would make the whole body unreadable. This reader accepts what
//! Jackson accepts by default (compared with event-ruler 1.8.1 and jackson-core 2.18):
//!
//! - Half of a surrogate pair, such as `"\ud83d"` alone. In a value it is a question mark, into
//!   which Java writes it before Event Ruler compares bytes. In a name it stays the escape.
//! - Numbers of any size: they are kept as they are written.
//! - A name that an object has twice: both values count.
//! - Nesting up to [`DEEPEST`] levels, and numbers up to [`LONGEST_NUMBER`] digits.
//! - Anything behind an object, if the caller accepts it: [`Json::leading`].
//!
//! It refuses what Jackson refuses: `NaN`, `Infinity`, comments, trailing commas, leading zeros,
//! control characters in texts, and more levels or digits than those.
//!
//! The engine only looks into bodies with it. What it hands over is the text as it came.

mod limits;
mod lossy;
mod malformed;
mod parse;
mod reader;
#[cfg(test)]
mod tests;
mod value;

pub use limits::{DEEPEST, LONGEST_NUMBER};
pub use lossy::value;
pub use malformed::Malformed;
pub use value::Json;
